//! NAdam: Adam with Nesterov's momentum (Dozat 2016), as `torch.optim.NAdam`.

use super::shared::{BETA1, BETA2, DECAY, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, float};

pub static NADAM: Rule = Rule {
    about: About {
        id: "nadam",
        variant: "NAdam",
        label: "NAdam",
        doc: "Adam that looks ahead along its momentum.",
        params: &[
            lr(|| Value::Float(2e-3)),
            BETA1,
            BETA2,
            eps(|| Value::Float(1e-8)),
            DECAY,
            float(
                "momentum_decay",
                (0.0, 1.0),
                || Value::Float(4e-3),
                "How fast the momentum grows to its full share.",
            ),
        ],
    },
    buffers: |_| 2,
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// The momentum of step t: μₜ = β₁(1 − ½·0.96^(tψ)).
pub fn momentum(beta1: f64, psi: f64, t: u64) -> f64 {
    beta1 * (1.0 - 0.5 * 0.96f64.powf(t as f64 * psi))
}

/// w ← w − η((1 − μₜ)g/(1 − Πμ) + μₜ₊₁m/(1 − μₜ₊₁Πμ)) / (√v̂ + ε).
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], [first, second, _]: [&mut [S]; 3]) {
    let [lr, beta1, beta2, eps, decay, psi, ..] = s.p;
    let t = i32::try_from(s.number).unwrap_or(i32::MAX);
    let (now, next) = (momentum(beta1, psi, s.number), momentum(beta1, psi, s.number + 1));
    let own = S::of(lr * (1.0 - now) / (1.0 - s.product));
    let along = S::of(lr * next / (1.0 - s.product * next));
    let root = S::of((1.0 - beta2.powi(t)).sqrt());
    let (b1, b2) = (S::of(beta1), S::of(beta2));
    let (c1, c2) = (S::of(1.0 - beta1), S::of(1.0 - beta2));
    let (eps, decay) = (S::of(eps), S::of(decay));
    for ((w, g), (m, v)) in weight.iter_mut().zip(grad).zip(first.iter_mut().zip(second)) {
        let g = *g + decay * *w;
        *m = b1 * *m + c1 * g;
        *v = b2 * *v + c2 * g * g;
        *w -= (own * g + along * *m) / (v.sqrt() / root + eps);
    }
}
