//! How long each number of a batch must be there: from the instruction that writes it to the last that reads it.

use crate::engine::plan::{Keep, Phase, Plan, Source, Step};

/// What a region of the buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// The output of a step.
    Value(usize),
    /// What its forward saves.
    Saved(usize),
    /// ∂L/∂output, where contributions are added up.
    Sum(usize),
    /// What a step sends back at a pin; also ∂L/∂output of the source where it is the only contribution.
    Pin(usize, usize),
}

/// A region and its life, in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub holds: Holds,
    /// The instruction that writes it first.
    pub first: usize,
    /// The last that reads or writes it.
    pub last: usize,
    /// Numbers.
    pub len: usize,
}

impl Span {
    /// Whether both are there while some instruction runs.
    pub fn meets(&self, other: &Span) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl Plan {
    /// Whether the gradient at pin `pin` of a step reaches a trained weight.
    fn counts(&self, step: &Step, pin: usize) -> bool {
        !step.spare && step.pins[pin].is_some() && !self.spares(step.inputs[pin])
    }

    /// The life of everything that a run needs which nobody looks into; where everything is kept, that of the same
    /// program without eyes. An output is read by its consumers, and by the backward passes that say so
    /// ([`crate::ops::Reads`]); what a forward saves, by its backward; a gradient, from its first contribution to the
    /// backward that uses it up. Losses are read at the end.
    pub(super) fn spans(&self) -> Vec<Span> {
        let (count, end) = (self.steps.len(), self.program.len().saturating_sub(1));
        let (mut forward, mut seed, mut back) = (vec![0; count], vec![None; count], vec![None; count]);
        for (t, (instruction, &s)) in self.program.iter().zip(&self.at).enumerate() {
            match instruction.phase {
                Phase::Forward | Phase::Loss => forward[s] = t,
                Phase::Seed => seed[s] = Some(t),
                Phase::Backward if !self.steps[s].spare => back[s] = Some(t),
                Phase::Backward | Phase::Update => {}
            }
        }
        let mut read = forward.clone();
        // First and last contribution to each gradient.
        let mut given: Vec<Option<(usize, usize)>> = seed.iter().map(|t| t.map(|t| (t, t))).collect();
        for (s, step) in self.steps.iter().enumerate() {
            let reads = step.kind.spec.reads;
            if let Some(t) = back[s].filter(|_| reads.output) {
                read[s] = read[s].max(t);
            }
            for (pin, source) in step.inputs.iter().enumerate() {
                let Source::Value(from) = *source else { continue };
                read[from] = read[from].max(forward[s]);
                let Some(t) = back[s] else { continue };
                if reads.inputs {
                    read[from] = read[from].max(t);
                }
                if self.counts(step, pin) {
                    given[from] = Some(given[from].map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
                }
            }
        }
        let mut spans = Vec::new();
        let mut alive = |holds, first, last, len| {
            if len > 0 || !matches!(holds, Holds::Saved(_)) {
                spans.push(Span { holds, first, last, len });
            }
        };
        for (s, step) in self.steps.iter().enumerate() {
            let stays = match self.keep {
                Keep::Outputs => true,
                Keep::Output(node) => node == Some(step.id),
                Keep::All | Keep::Needed => false,
            };
            let term = self.loss_terms().iter().any(|t| t.0 == step.id);
            alive(Holds::Value(s), forward[s], if stays || term { end } else { read[s] }, step.value.len());
            alive(Holds::Saved(s), forward[s], back[s].unwrap_or(forward[s]), step.saved.len());
            if let (Some(own), Some((first, last))) =
                (step.grad.as_ref().filter(|_| step.adds && !step.spare), given[s])
            {
                alive(Holds::Sum(s), first, back[s].unwrap_or(last), own.len());
            }
            let Some(t) = back[s] else { continue };
            for (pin, region) in step.pins.iter().enumerate() {
                let Some(region) = region.as_ref().filter(|_| self.counts(step, pin)) else { continue };
                let last = match step.inputs[pin] {
                    Source::Value(from) if !self.steps[from].adds => back[from].unwrap_or(t),
                    _ => t,
                };
                alive(Holds::Pin(s, pin), t, last, region.len());
            }
        }
        spans
    }
}

/// The largest sum, over the instructions, of what is there while one runs.
pub(super) fn least(spans: &[Span]) -> usize {
    let end = spans.iter().map(|s| s.last).max().unwrap_or(0);
    // Numbers that come at the beginning of an instruction, and those that go after it.
    let mut change = vec![(0usize, 0usize); end + 1];
    for s in spans {
        change[s.first].0 += s.len;
        change[s.last].1 += s.len;
    }
    let (mut now, mut most) = (0, 0);
    for (comes, goes) in change {
        now += comes;
        most = most.max(now);
        now -= goes;
    }
    most
}
