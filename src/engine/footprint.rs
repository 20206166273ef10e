//! What a plan needs of memory, before it runs: what it takes, and the least that any order of the same program could do
//! with.
//!
//! A plan keeps every value and every gradient of a batch until the next one, so that whoever stops or steps sees them
//! all. The least is what must be there at once: an output until its last reader has run (consumers forward, and the
//! backward of itself and of its consumers, which may read it), what a forward saves until its backward, a gradient from
//! its first contribution until the backward that uses it up.

use crate::engine::plan::{Phase, Plan, PlanError, Source};
use crate::graph::Inference;

/// Memory in numbers, not bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Outputs of all nodes.
    pub values: usize,
    /// What forwards save for backwards.
    pub saved: usize,
    /// Gradients of outputs, and what each consumer adds to them.
    pub gradients: usize,
    /// The most that must be there at once.
    pub live: usize,
}

impl Footprint {
    /// All that the plan takes.
    pub fn total(&self) -> usize {
        self.values + self.saved + self.gradients
    }
}

/// Bytes below which nobody asks how much memory is free.
const SMALL: u64 = 256 << 20;
/// What is taken to be free where the system does not say.
const UNKNOWN: u64 = 16 << 30;

impl Plan {
    /// What a batch takes.
    pub fn footprint(&self) -> Footprint {
        let live = *self.live.get_or_init(|| self.least());
        Footprint { values: self.values, saved: self.saved, gradients: self.grads, live }
    }

    /// The largest sum, over the instructions, of what is alive while one runs.
    fn least(&self) -> usize {
        let end = self.program.len().saturating_sub(1);
        // Instruction of the forward, the seed and the backward of each step.
        let mut at = vec![[None::<usize>; 3]; self.steps.len()];
        for (t, (instruction, step)) in self.program.iter().zip(&self.at).enumerate() {
            match instruction.phase {
                Phase::Forward | Phase::Loss => at[*step][0] = Some(t),
                Phase::Seed => at[*step][1] = Some(t),
                Phase::Backward => at[*step][2] = Some(t),
                Phase::Update => {}
            }
        }
        // Numbers that come at the beginning of an instruction, and those that go after it.
        let mut change = vec![(0usize, 0usize); end + 1];
        let mut alive = |from: usize, to: usize, numbers: usize| {
            change[from].0 += numbers;
            change[to.max(from)].1 += numbers;
        };
        let mut last: Vec<usize> = at.iter().map(|t| t[2].or(t[0]).unwrap_or(0)).collect();
        let mut first: Vec<Option<usize>> = at.iter().map(|t| t[1]).collect();
        for (s, step) in self.steps.iter().enumerate() {
            for (pin, source) in step.inputs.iter().enumerate() {
                let (Source::Value(from), Some(forward)) = (*source, at[s][0]) else { continue };
                last[from] = last[from].max(forward).max(at[s][2].unwrap_or(0));
                if let Some(t) = at[s][2].filter(|_| step.pins[pin].is_some()) {
                    first[from] = Some(first[from].map_or(t, |f| f.min(t)));
                }
            }
        }
        for (s, step) in self.steps.iter().enumerate() {
            let Some(forward) = at[s][0] else { continue };
            // The loss of a batch is read at its end.
            let until = if self.loss_terms().iter().any(|t| t.0 == step.id) { end } else { last[s] };
            alive(forward, until, step.value.len());
            alive(forward, at[s][2].unwrap_or(forward), step.saved.len());
            if let (Some(own), Some(from)) = (step.grad.as_ref().filter(|_| step.adds), first[s]) {
                alive(from, at[s][2].unwrap_or(from), own.len());
            }
            let Some(backward) = at[s][2] else { continue };
            for (pin, source) in step.pins.iter().zip(&step.inputs) {
                let Some(pin) = pin else { continue };
                let until = match *source {
                    Source::Value(from) if !self.steps[from].adds => at[from][2].unwrap_or(backward),
                    _ => backward,
                };
                alive(backward, until, pin.len());
            }
        }
        let (mut now, mut most) = (0, 0);
        for (comes, goes) in change {
            now += comes;
            most = most.max(now);
            now -= goes;
        }
        most
    }
}

/// Whether so many numbers of `size` bytes, for a batch, find room in the memory that is free.
pub(super) fn fits(numbers: usize, size: usize, batch: usize) -> Result<(), PlanError> {
    let bytes = (numbers as u64).saturating_mul(size as u64);
    room(bytes).map_err(|available| PlanError::TooLarge { batch, gib: gib(bytes), available })
}

/// Whether the weights of a graph find room, with so many further buffers of their size.
///
/// # Errors
/// The figure, and what is free.
pub fn weights_fit(inference: &Inference, size: usize, buffers: usize) -> Result<(), PlanError> {
    let shapes = inference.nodes.values().flat_map(|n| n.weights.iter().map(|w| &w.shape));
    let numbers = shapes.map(|s| s.iter().fold(1u64, |n, a| n.saturating_mul(*a as u64)));
    let numbers = numbers.fold(0u64, u64::saturating_add);
    let bytes = numbers.saturating_mul(size as u64).saturating_mul(2 + buffers as u64);
    room(bytes).map_err(|available| PlanError::Weights { numbers, gib: gib(bytes), available })
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / (1u64 << 30) as f64
}

/// Whether so many bytes are free; if not, how many GiB are.
fn room(bytes: u64) -> Result<(), f64> {
    if bytes <= SMALL {
        return Ok(());
    }
    let free = free().unwrap_or(UNKNOWN);
    if bytes > free { Err(gib(free)) } else { Ok(()) }
}

/// Bytes that can be had without swapping, where the system says.
fn free() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let limit = || {
        let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
        number("/sys/fs/cgroup/memory.max")?.checked_sub(number("/sys/fs/cgroup/memory.current")?)
    };
    let system = read("/proc/meminfo").as_deref().and_then(available);
    system.map(|s| limit().map_or(s, |l| l.min(s)))
}

/// The line `MemAvailable: 123 kB` of Linux.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_read_and_what_is_larger_is_refused_with_both_figures() {
        assert_eq!(available("MemTotal: 5 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
        if free().is_some() {
            let refused = room(u64::MAX).expect_err("nobody has so much");
            assert!(refused > 0.0 && refused < 1e9, "{refused}");
        }
        assert_eq!(room(1000), Ok(()));
    }
}
