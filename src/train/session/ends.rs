//! What happens when a batch or an epoch ends: counting, curves, the test part, schedule and early stopping.

use super::Part;
use super::evaluate::Sweep;
use crate::ops::Precision;
use crate::tensor::norm;
use crate::train::record::thin;
use crate::train::{Point, Session};

impl<S: Precision> Session<S> {
    pub(super) fn end_batch(&mut self) {
        self.begun = false;
        let (plan, pass) = self.current();
        let (loss, size) = (pass.total_loss(plan).unwrap_or(f64::NAN), plan.batch() as f64);
        self.stops_batch_ended(loss);
        self.sum.0 += loss * size;
        self.sum.1 += size;
        self.step += 1;
        self.batch += 1;
        self.ledger.end(self.step, !self.config.zero_grad);
        let epoch_ended = self.batch >= self.batches();
        if self.looks_after(self.step) {
            self.track();
            self.observe();
        }
        if epoch_ended {
            self.closing = Some(Sweep::default());
            self.end_epoch();
        }
    }

    /// Whether gradients are recorded and health is observed after so many batches: often at first, then four times an
    /// epoch.
    pub(super) fn looks_after(&self, step: u64) -> bool {
        step <= 50 || step.is_multiple_of((self.batches() / 4).max(1) as u64)
    }

    /// Evaluates the test part and closes the epoch. Whether it came to the end; else it goes on from there.
    pub(super) fn end_epoch(&mut self) -> bool {
        let mut sweep = self.closing.take().unwrap_or_default();
        if self.has_test() && !self.sweep(Part::Test, &mut sweep, |_, _| ()) {
            self.closing = Some(sweep);
            return false;
        }
        let test = self.has_test().then(|| sweep.mean());
        self.epoch += 1;
        self.batch = 0;
        let train = self.sum.0 / self.sum.1.max(1.0);
        self.sum = (0.0, 0.0);
        // A part of the run that is repeated is in the curve already.
        if self.history.last().is_none_or(|p| p.step < self.step) {
            self.history.push(Point { epoch: self.epoch as f64, step: self.step, train, test });
            thin(&mut self.history);
        }
        let loss = test.unwrap_or(train);
        self.pace.epoch_ended(&self.config.schedule, self.config.optimizer.lr(), self.epoch, loss);
        self.moves.set_rate(self.pace.rate);
        self.watch.epoch_ended(&self.config.stop, self.epoch, loss, &self.weights.values);
        self.order.shuffle(self.epoch as u64);
        true
    }

    fn track(&mut self) {
        if self.tracks.first().and_then(|t| t.points.last()).is_some_and(|p| p[0] >= self.step as f64) {
            return;
        }
        for (k, t) in self.tracks.iter_mut().enumerate() {
            // Kept in single precision, as in files.
            let kept = |x: f64| f64::from(x as f32);
            let norm = norm(self.weights.grad(k));
            let (moved, size) = self.moves.moved[k];
            t.points.push([self.step as f64, kept(norm)]);
            t.ratio.push([self.step as f64, kept((moved / size.max(1e-300)).sqrt())]);
            thin(&mut t.points);
            thin(&mut t.ratio);
        }
    }
}
