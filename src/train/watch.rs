//! Early stopping, and the best weights of a run.

use crate::ops::Precision;
use crate::train::state::wide;
use crate::train::{Best, Stop};

/// The losses of a run, watched epoch by epoch.
#[derive(Clone, Debug)]
pub(super) struct Watch<S> {
    best: f64,
    best_epoch: usize,
    reference: f64,
    bad: usize,
    weights: Vec<S>,
}

impl<S: Copy> Watch<S> {
    /// Nothing seen yet; `weights` says how many there are.
    pub fn new(weights: &[S]) -> Self {
        Watch { best: f64::INFINITY, best_epoch: 0, reference: f64::INFINITY, bad: 0, weights: weights.to_vec() }
    }
    /// Memory it takes beyond itself.
    pub fn bytes(&self) -> usize {
        size_of_val(self.weights.as_slice())
    }
    /// An epoch ended with this loss and these weights.
    pub fn epoch_ended(&mut self, stop: &Stop, epoch: usize, loss: f64, weights: &[S]) {
        if loss < self.best {
            (self.best, self.best_epoch) = (loss, epoch);
            self.weights.copy_from_slice(weights);
        }
        if loss < self.reference - stop.min_delta {
            (self.reference, self.bad) = (loss, 0);
        } else {
            self.bad = self.bad.saturating_add(1);
        }
    }
    /// Whether patience is at its end.
    pub fn over(&self, stop: &Stop) -> bool {
        stop.patience > 0 && self.bad >= stop.patience
    }
    /// Patience begins anew.
    pub fn excuse(&mut self) {
        self.bad = 0;
    }
    /// As it is kept in a file.
    pub fn keep(&self) -> Best
    where
        S: Precision,
    {
        let weights = if self.best.is_finite() { wide(&self.weights) } else { Vec::new() };
        Best { loss: self.best, epoch: self.best_epoch, reference: self.reference, bad: self.bad, weights }
    }
    /// As it was kept; `weights` are those of now.
    pub fn kept(kept: &Best, weights: &[S]) -> Self
    where
        S: Precision,
    {
        let best =
            if kept.weights.is_empty() { weights.to_vec() } else { kept.weights.iter().map(|x| S::of(*x)).collect() };
        Watch { best: kept.loss, best_epoch: kept.epoch, reference: kept.reference, bad: kept.bad, weights: best }
    }
    /// Epoch and loss of the best weights, and the weights.
    pub fn best(&self) -> Option<(usize, f64, &[S])> {
        self.best.is_finite().then_some((self.best_epoch, self.best, self.weights.as_slice()))
    }
}
