//! The state of a run between two batches, and the way back to it.

use crate::graph::Graph;
use crate::ops::Precision;
use crate::train::schedule::Pace;
use crate::train::watch::Watch;
use crate::train::{Moves, Point, Session, TrainConfig};
use std::sync::Arc;

/// `.grad` of all weights, and what it is the sum of.
type Kept<S> = (Vec<S>, Option<(u64, u64)>);

/// The state of a run between two batches.
#[derive(Clone, Debug)]
pub(in crate::train) struct Checkpoint<S> {
    weights: Vec<S>,
    moves: Moves<S>,
    pace: Pace,
    watch: Watch<S>,
    config: Arc<TrainConfig>,
    /// For how the weights are trained.
    graph: Arc<Graph>,
    epoch: usize,
    batch: usize,
    step: u64,
    sum: (f64, f64),
    /// `.grad` of all weights and what it is the sum of, where the next backward pass adds to it.
    grads: Option<Kept<S>>,
    stops: crate::train::stops::Kept,
}

impl<S: Precision> Checkpoint<S> {
    /// Batches completed.
    pub fn steps(&self) -> u64 {
        self.step
    }
    /// All elements of all weights.
    pub fn weights(&self) -> &[S] {
        &self.weights
    }
    /// Memory: the weights, the best ones, what the optimiser keeps, and gradients.
    pub fn bytes(&self) -> usize {
        let grads = self.grads.as_ref().map_or(0, |g| size_of_val(g.0.as_slice()));
        size_of::<Self>() + size_of_val(self.weights.as_slice()) + self.watch.bytes() + self.moves.bytes() + grads
    }
}

impl<S: Precision> Session<S> {
    /// The present state; `None` while a batch is under way.
    pub(in crate::train) fn checkpoint(&self) -> Option<Checkpoint<S>> {
        self.at_rest().then(|| Checkpoint {
            weights: self.weights.values.to_vec(),
            moves: self.moves.clone(),
            pace: self.pace.clone(),
            watch: self.watch.clone(),
            config: Arc::clone(&self.config),
            graph: Arc::clone(&self.graph),
            epoch: self.epoch,
            batch: self.batch,
            step: self.step,
            sum: self.sum,
            grads: (!self.config.zero_grad).then(|| (self.weights.grads.to_vec(), self.ledger.sum)),
            stops: self.keep_stops(),
        })
    }

    /// Back to an earlier state of the same run. The curves keep what came after it.
    pub(in crate::train) fn restore(&mut self, c: &Checkpoint<S>) {
        self.weights.values.copy_from_slice(&c.weights);
        self.moves.clone_from(&c.moves);
        self.pace.clone_from(&c.pace);
        self.watch.clone_from(&c.watch);
        self.config = Arc::clone(&c.config);
        (self.epoch, self.batch, self.step, self.sum) = (c.epoch, c.batch, c.step, c.sum);
        self.forget_batch();
        if !Arc::ptr_eq(&self.graph, &c.graph) {
            // It had a program before, and has room for it again.
            _ = self.retune(&c.graph);
        }
        if let Some((grads, sum)) = &c.grads {
            self.weights.grads.copy_from_slice(grads);
            self.ledger.sum = *sum;
        }
        self.stops.restore(&c.stops);
    }
    /// Cuts the curves at the present place, because the run takes another course from here. Returns the points of the
    /// loss curve that came after it, behind the last one that stays.
    pub(in crate::train) fn forget_later(&mut self) -> Vec<Point> {
        let step = self.step;
        let stays = self.history.partition_point(|p| p.step <= step);
        let cut = self.history[stays.saturating_sub(1)..].to_vec();
        self.history.truncate(stays);
        for t in &mut self.tracks {
            t.points.retain(|p| p[0] <= step as f64);
            t.ratio.retain(|p| p[0] <= step as f64);
        }
        cut
    }

    /// No batch is under way, and the order of samples is that of the present epoch.
    pub(in crate::train) fn forget_batch(&mut self) {
        (self.begun, self.short, self.closing) = (false, false, None);
        self.order.shuffle(self.epoch as u64);
        self.vitals = Default::default();
        self.pass.rewind();
        self.ledger.sum = None;
    }
}
