//! Adam (Kingma and Ba 2015) and AMSGrad (Reddi et al. 2018), as `torch.optim.Adam`.

use crate::tensor::Scalar;

/// The settings of one step.
pub(super) struct Adam {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub step: u64,
}

impl Adam {
    /// m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − η m̂ / (√v̂ + ε). `largest` is empty without AMSGrad.
    /// Returns ‖Δw‖² and ‖w‖².
    pub fn update<S: Scalar>(
        &self,
        weight: &mut [S],
        grad: &[S],
        first: &mut [S],
        second: &mut [S],
        largest: &mut [S],
    ) -> (f64, f64) {
        let t = i32::try_from(self.step).unwrap_or(i32::MAX);
        let rate = S::of(self.lr / (1.0 - self.beta1.powi(t)));
        let root = S::of((1.0 - self.beta2.powi(t)).sqrt());
        let (b1, b2) = (S::of(self.beta1), S::of(self.beta2));
        let (c1, c2) = (S::of(1.0 - self.beta1), S::of(1.0 - self.beta2));
        let (eps, decay) = (S::of(self.eps), S::of(self.weight_decay));
        let (mut moved, mut size) = (S::zero(), S::zero());
        for (i, ((w, g), (m, v))) in weight.iter_mut().zip(grad).zip(first.iter_mut().zip(second)).enumerate() {
            let g = *g + decay * *w;
            *m = b1 * *m + c1 * g;
            *v = b2 * *v + c2 * g * g;
            let top = match largest.get_mut(i) {
                Some(l) => {
                    *l = l.max(*v);
                    *l
                }
                None => *v,
            };
            let d = rate * *m / (top.sqrt() / root + eps);
            size += *w * *w;
            moved += d * d;
            *w -= d;
        }
        (moved.to64(), size.to64())
    }
}
