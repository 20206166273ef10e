//! Adagrad (Duchi et al. 2011), as `torch.optim.Adagrad` with sums that begin at zero.

use super::shared::{DECAY, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, float};

pub static ADAGRAD: Rule = Rule {
    about: About {
        id: "adagrad",
        variant: "Adagrad",
        label: "Adagrad",
        doc: "Divides the gradient by the root of the sum of all its squares so far.",
        params: &[
            lr(|| Value::Float(0.01)),
            float("lr_decay", (0.0, 1e6), || Value::Float(0.0), "The rate of step t is lr / (1 + (t − 1)·lr_decay)."),
            DECAY,
            eps(|| Value::Float(1e-10)),
        ],
    },
    buffers: |_| 1,
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// s ← s + g²; w ← w − ηg/(√s + ε).
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], [sum, ..]: [&mut [S]; 3]) {
    let [lr, lr_decay, decay, eps, ..] = s.p;
    let lr = S::of(lr / (1.0 + (s.number - 1) as f64 * lr_decay));
    let (decay, eps) = (S::of(decay), S::of(eps));
    for ((w, g), a) in weight.iter_mut().zip(grad).zip(sum) {
        let g = *g + decay * *w;
        *a += g * g;
        *w -= lr * g / (a.sqrt() + eps);
    }
}
