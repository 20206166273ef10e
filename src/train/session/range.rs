//! The learning-rate range test.

use crate::ops::Precision;
use crate::train::Session;

impl<S: Precision> Session<S> {
    /// Learning-rate range test (Smith 2017): one batch per rate, from `from` to `to` in equal ratios. Ends early
    /// when a loss is four times the smallest, or not a number. Rate and loss before the step of each batch.
    /// The session is then trained by these steps; reset it to start anew.
    pub fn rate_range(&mut self, from: f64, to: f64, steps: usize) -> Vec<[f64; 2]> {
        let mut points = Vec::with_capacity(steps);
        self.rate_range_while(from, to, steps, |p| {
            points.push(p);
            true
        });
        points
    }

    /// The same, shown to `each` point by point; ends early, too, where it says `false` or where it is interrupted.
    pub(in crate::train) fn rate_range_while(
        &mut self,
        from: f64,
        to: f64,
        steps: usize,
        mut each: impl FnMut([f64; 2]) -> bool,
    ) {
        let mut least = f64::INFINITY;
        for k in 0..steps {
            let rate = from * (to / from).powf(k as f64 / (steps.max(2) - 1) as f64);
            // The end of an epoch sets the schedule's rate, so this one is set before every batch.
            self.moves.set_rate(rate);
            let epoch = self.epoch;
            let whole = self.try_step();
            if !whole && self.halted() {
                break;
            }
            let loss = self.report(epoch).loss;
            least = least.min(loss);
            if !each([rate, loss]) || !loss.is_finite() || !self.at_rest() || loss > 4.0 * least {
                break;
            }
        }
        self.moves.set_rate(self.pace.rate);
    }
}
