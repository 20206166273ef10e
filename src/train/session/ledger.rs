//! What a session remembers of its gradients beyond the numbers: how many backward passes they are the sum of.

use crate::engine::{Phase, Weights};
use crate::ops::Precision;
use crate::train::Session;
use crate::train::autograd::GradState;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(in crate::train) struct Ledger<S> {
    /// The buffers of all layers as they were when the batch began, so that it can be run again.
    pub start: Vec<S>,
    /// Backward passes of this batch after the first.
    pub again: u32,
    /// Passes whose gradients are summed in `.grad` at the end of the latest batch, and the number of that batch; none
    /// before the first backward pass, and after going back to a state that was kept without gradients.
    pub sum: Option<(u64, u64)>,
}

impl<S: Precision> Ledger<S> {
    /// A batch begins.
    pub fn begin(&mut self, weights: &Weights<S>) {
        self.again = 0;
        self.start.clear();
        for info in weights.infos.iter().filter(|i| i.buffer) {
            self.start.extend_from_slice(&weights.values[info.range.clone()]);
        }
    }
    /// Puts the buffers back to where they were when the batch began.
    pub fn restore_buffers(&self, weights: &mut Weights<S>) {
        let mut rest = self.start.as_slice();
        for info in weights.infos.iter().filter(|i| i.buffer) {
            let (own, tail) = rest.split_at(info.range.len());
            weights.values[info.range.clone()].copy_from_slice(own);
            rest = tail;
        }
    }
    /// Batch number `step` is over.
    pub fn end(&mut self, step: u64, keep: bool) {
        self.sum = Some((self.calls(keep), step));
    }
    /// Backward passes in the sum that this batch makes.
    fn calls(&self, keep: bool) -> u64 {
        let before = if keep { self.sum.map_or(0, |s| s.0) } else { 0 };
        before + 1 + u64::from(self.again)
    }
}

impl<S: Precision> Session<S> {
    /// What `.grad` of weight number `param` holds now.
    pub(in crate::train) fn grad_state(&self, param: usize) -> GradState {
        let info = &self.weights.infos[param];
        let (plan, pass) = self.current();
        let keep = pass.accumulates();
        let last = if self.at_rest() { self.step } else { self.step + 1 };
        if info.buffer {
            GradState::Buffer
        } else if info.tuning.frozen {
            GradState::Frozen
        } else if pass.done(plan, info.node, Phase::Backward) {
            // At the end of a batch the ledger has counted it already.
            let calls = if self.at_rest() { self.ledger.sum.map_or(1, |s| s.0) } else { self.ledger.calls(keep) };
            GradState::Fresh { batch: last, calls }
        } else if pass.cursor() > plan.forward_len() && !keep {
            GradState::Zeroed
        } else {
            match self.ledger.sum {
                Some((calls, batch)) => GradState::Stale { batch, calls },
                None => GradState::Absent,
            }
        }
    }
}
