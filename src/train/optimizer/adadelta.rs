//! Adadelta (Zeiler 2012), as `torch.optim.Adadelta`.

use super::shared::{BELOW_ONE, DECAY, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, float};

pub static ADADELTA: Rule = Rule {
    about: About {
        id: "adadelta",
        variant: "Adadelta",
        label: "Adadelta",
        doc: "Scales the gradient by the size of recent steps over that of recent gradients.",
        params: &[
            lr(|| Value::Float(1.0)),
            float("rho", (0.0, BELOW_ONE), || Value::Float(0.9), "How long both means of squares remember."),
            eps(|| Value::Float(1e-6)),
            DECAY,
        ],
    },
    buffers: |_| 2,
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// v ← ρv + (1 − ρ)g²; d = g√(u + ε)/√(v + ε); u ← ρu + (1 − ρ)d²; w ← w − ηd.
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], [square, steps, _]: [&mut [S]; 3]) {
    let [lr, rho, eps, decay, ..] = s.p;
    let (lr, r, c, eps, decay) = (S::of(lr), S::of(rho), S::of(1.0 - rho), S::of(eps), S::of(decay));
    for ((w, g), (v, u)) in weight.iter_mut().zip(grad).zip(square.iter_mut().zip(steps)) {
        let g = *g + decay * *w;
        *v = r * *v + c * g * g;
        let d = (*u + eps).sqrt() / (*v + eps).sqrt() * g;
        *u = r * *u + c * d * d;
        *w -= lr * d;
    }
}
