//! Adam (Kingma and Ba 2015) and AMSGrad (Reddi et al. 2018), as `torch.optim.Adam`.

use super::shared::{BETA1, BETA2, DECAY, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::tensor::kernels::simd::vectorised;
use crate::train::described::{About, switch};

pub static ADAM: Rule = Rule {
    about: About {
        id: "adam",
        variant: "Adam",
        label: "Adam",
        doc: "Steps along the mean of the gradients, in units of their spread.",
        params: &[
            lr(|| Value::Float(1e-3)),
            BETA1,
            BETA2,
            eps(|| Value::Float(1e-8)),
            DECAY,
            switch("amsgrad", "Divides by the largest mean of squares so far."),
        ],
    },
    buffers: |p| 2 + usize::from(p[5] != 0.0),
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// g ← g + λw, then [`moments`].
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], state: [&mut [S]; 3]) {
    moments(s, S::of(s.p[4]), weight, grad, state);
}

/// m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; w ← w − η m̂ / (√v̂ + ε), with g + λw for g.
pub fn moments<S: Scalar>(s: &Step, decay: S, weight: &mut [S], grad: &[S], [first, second, largest]: [&mut [S]; 3]) {
    let [lr, beta1, beta2, eps, ..] = s.p;
    let t = i32::try_from(s.number).unwrap_or(i32::MAX);
    let rate = S::of(lr / (1.0 - beta1.powi(t)));
    let unbias = S::of(1.0 / (1.0 - beta2.powi(t)).sqrt());
    let (b1, b2) = (S::of(beta1), S::of(beta2));
    let (c1, c2) = (S::of(1.0 - beta1), S::of(1.0 - beta2));
    let eps = S::of(eps);
    let cells = weight.iter_mut().zip(grad).zip(first.iter_mut().zip(second));
    vectorised(
        #[inline(always)]
        || {
            if largest.is_empty() {
                for ((w, g), (m, v)) in cells {
                    let g = *g + decay * *w;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *w -= rate * *m / (v.sqrt() * unbias + eps);
                }
            } else {
                for (((w, g), (m, v)), l) in cells.zip(largest) {
                    let g = *g + decay * *w;
                    *m = b1 * *m + c1 * g;
                    *v = b2 * *v + c2 * g * g;
                    *l = l.max(*v);
                    *w -= rate * *m / (l.sqrt() * unbias + eps);
                }
            }
        },
    );
}
