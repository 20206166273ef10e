//! What a plan needs of memory, before it runs: what it takes, and the least that any layout of the same program could do
//! with.
//!
//! A plan that keeps everything has a place for every value and every gradient of a batch until the next one: what is on
//! view is alive. One that nobody looks into uses a place again as soon as no later instruction reads its numbers. The
//! least is the largest sum of what such a run must have at once ([`Plan::regions`] says what, and from when to when).

use crate::engine::layout::places;
use crate::engine::plan::{Keep, Plan, PlanError};
use crate::engine::spans::least;
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
    /// What this plan takes; less than the sum of those where places are used again.
    pub total: usize,
    /// What the same program takes where nobody looks into it and places are used again.
    pub unwatched: usize,
    /// The most that must be there at once.
    pub live: usize,
}

/// Bytes below which nobody asks how much memory is free.
const SMALL: u64 = 256 << 20;
/// What is taken to be free where the system does not say.
const UNKNOWN: u64 = 16 << 30;

impl Plan {
    /// What a batch takes.
    pub fn footprint(&self) -> Footprint {
        let (live, unwatched) = *self.tight.get_or_init(|| {
            let spans = self.spans();
            let least = least(&spans);
            (least, if self.keep == Keep::All { places(&spans, least).1 } else { self.numbers })
        });
        let [values, both] = self.sections();
        let (saved, gradients) = (both - values, self.grads);
        Footprint { values, saved, gradients, total: self.numbers, unwatched, live }
    }
}

/// Numbers of which no computer has so many.
const ABSURD: usize = 1 << 44;

/// Whether so many numbers can be counted on with.
pub(super) fn absurd(numbers: usize, size: usize, batch: usize) -> Result<(), PlanError> {
    if numbers < ABSURD { Ok(()) } else { fits(numbers, size, batch, || None) }
}

/// Whether a plan that is not laid out yet finds room in the memory that is free. One that uses places again needs at
/// least what is there at once; when it is laid out, it is asked again.
pub(super) fn finds_room(plan: &Plan, size: usize) -> Result<(), PlanError> {
    let batch = plan.batch();
    match plan.keep {
        Keep::All => fits(plan.values + plan.saved + plan.grads, size, batch, || {
            let spans = plan.spans();
            let least = least(&spans);
            let bytes = |n: usize| n as u64 * size as u64;
            room(bytes(least)).ok()?;
            let bytes = bytes(places(&spans, least).1);
            room(bytes).ok().map(|()| gib(bytes))
        }),
        _ if plan.numbers == 0 => fits(least(&plan.spans()), size, batch, || None),
        _ => fits(plan.numbers, size, batch, || None),
    }
}

/// Whether so many numbers of `size` bytes, for a batch, find room in the memory that is free.
fn fits(numbers: usize, size: usize, batch: usize, unwatched: impl FnOnce() -> Option<f64>) -> Result<(), PlanError> {
    let bytes = (numbers as u64).saturating_mul(size as u64);
    room(bytes).map_err(|available| PlanError::TooLarge { batch, gib: gib(bytes), available, unwatched: unwatched() })
}

/// Whether all that a run takes besides the values of its weights finds room in the memory that is free: `bytes`.
///
/// # Errors
/// The figure, and what is free.
pub fn run_fits(plan: &Plan, bytes: usize) -> Result<(), PlanError> {
    let batch = plan.batch();
    room(bytes as u64).map_err(|available| PlanError::Run { batch, gib: gib(bytes as u64), available })
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
