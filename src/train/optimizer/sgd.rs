//! Stochastic gradient descent with momentum (Polyak 1964, Sutskever et al. 2013), as `torch.optim.SGD`.

use crate::tensor::Scalar;

/// The settings of one step.
pub(super) struct Sgd {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    /// The momentum begins as the first gradient, undamped.
    pub first_step: bool,
}

impl Sgd {
    /// g ← g + λw; b ← μb + (1 − τ)g; w ← w − η(g + μb if Nesterov, else b). Returns ‖Δw‖² and ‖w‖².
    pub fn update<S: Scalar>(&self, weight: &mut [S], grad: &[S], momentum: &mut [S]) -> (f64, f64) {
        let (lr, mu, decay) = (S::of(self.lr), S::of(self.momentum), S::of(self.weight_decay));
        let keep = if self.first_step { S::one() } else { S::of(1.0 - self.dampening) };
        let (mut moved, mut size) = (S::zero(), S::zero());
        let mut step = |w: &mut S, g: S| {
            let d = lr * g;
            size += *w * *w;
            moved += d * d;
            *w -= d;
        };
        if momentum.is_empty() {
            for (w, g) in weight.iter_mut().zip(grad) {
                let g = *g + decay * *w;
                step(w, g);
            }
        } else {
            for ((w, g), b) in weight.iter_mut().zip(grad).zip(momentum) {
                let g = *g + decay * *w;
                *b = mu * *b + keep * g;
                step(w, if self.nesterov { g + mu * *b } else { *b });
            }
        }
        (moved.to64(), size.to64())
    }
}
