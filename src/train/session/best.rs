//! Early stopping, and the best weights of a run: what the session says of its watch.

use crate::ops::Precision;
use crate::train::Session;

impl<S: Precision> Session<S> {
    /// Whether the loss has not become better for as many epochs as the settings allow.
    pub fn patience_over(&self) -> bool {
        self.watch.over(&self.config.stop)
    }
    /// Counts epochs without a better loss from zero again.
    pub fn excuse(&mut self) {
        self.watch.excuse();
    }
    /// The epoch with the smallest test loss (train loss, if there is no test part), and that loss; none before the
    /// first epoch has ended.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.watch.best().map(|b| (b.0, b.1))
    }
    /// Whether the present weights have the bits of those of that epoch.
    pub fn at_best(&self) -> bool {
        let bits = |x: &S| x.to64().to_bits();
        let same = |best: &[S]| best.iter().map(bits).eq(self.weights.values.iter().map(bits));
        self.watch.best().is_some_and(|(_, _, best)| same(best))
    }
    /// Takes back the weights of that epoch, running statistics included; returns whether there are some.
    pub fn restore_best(&mut self) -> bool {
        if self.at_best() {
            return true;
        }
        let Some((_, _, best)) = self.watch.best() else { return false };
        self.weights.values.copy_from_slice(best);
        self.moves.disturb();
        true
    }
    /// At the end of a run: takes back the best weights, if the settings ask for it. Their epoch and loss, if the
    /// weights are others now.
    pub fn end_with_best(&mut self) -> Option<(usize, f64)> {
        let best = self.best().filter(|_| self.config.stop.restores() && !self.at_best());
        best.filter(|_| self.restore_best())
    }
}
