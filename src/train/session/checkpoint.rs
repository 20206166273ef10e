//! The state of a run between two batches, and the way back to it.

use crate::ops::Precision;
use crate::train::schedule::Pace;
use crate::train::watch::Watch;
use crate::train::{Moves, Session};

/// `.grad` of all weights, and what it is the sum of.
type Kept<S> = (Vec<S>, Option<(u64, u64)>);

/// The state of a run between two batches.
#[derive(Clone, Debug)]
pub(in crate::train) struct Checkpoint<S> {
    weights: Vec<S>,
    moves: Moves<S>,
    pace: Pace,
    watch: Watch<S>,
    epoch: usize,
    batch: usize,
    step: u64,
    sum: (f64, f64),
    /// `.grad` of all weights and what it is the sum of, where the next backward pass adds to it.
    grads: Option<Kept<S>>,
    stops: crate::train::stops::Kept,
}

impl<S> Checkpoint<S> {
    /// Batches completed.
    pub fn steps(&self) -> u64 {
        self.step
    }
    /// All elements of all weights.
    pub fn weights(&self) -> &[S] {
        &self.weights
    }
    /// Memory: the weights, the best ones, and at most four buffers of the optimiser, and gradients.
    pub fn bytes(&self) -> usize {
        self.weights.len() * size_of::<S>() * 7 + size_of::<Self>()
    }
}

impl<S: Precision> Session<S> {
    /// The present state; `None` while a batch is under way.
    pub(in crate::train) fn checkpoint(&self) -> Option<Checkpoint<S>> {
        self.at_rest().then(|| Checkpoint {
            weights: self.weights.values.clone(),
            moves: self.moves.clone(),
            pace: self.pace.clone(),
            watch: self.watch.clone(),
            epoch: self.epoch,
            batch: self.batch,
            step: self.step,
            sum: self.sum,
            grads: (!self.config.zero_grad).then(|| (self.weights.grads.clone(), self.ledger.sum)),
            stops: self.keep_stops(),
        })
    }

    /// Back to an earlier state of the same run. The curves keep what came after it.
    pub(in crate::train) fn restore(&mut self, c: &Checkpoint<S>) {
        self.weights.values.copy_from_slice(&c.weights);
        self.moves.clone_from(&c.moves);
        self.pace.clone_from(&c.pace);
        self.watch.clone_from(&c.watch);
        (self.epoch, self.batch, self.step, self.sum) = (c.epoch, c.batch, c.step, c.sum);
        (self.begun, self.short, self.closing) = (false, false, None);
        self.order.shuffle(self.epoch as u64);
        self.pass.rewind();
        self.ledger.sum = None;
        if let Some((grads, sum)) = &c.grads {
            self.weights.grads.copy_from_slice(grads);
            self.ledger.sum = *sum;
        }
        self.stops.restore(&c.stops);
    }
}
