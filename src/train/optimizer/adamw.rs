//! AdamW: Adam whose weight decay does not go through the moments (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.

use super::adam::moments;
use super::shared::{BETA1, BETA2, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, float, switch};

pub static ADAMW: Rule = Rule {
    about: About {
        id: "adamw",
        variant: "AdamW",
        label: "AdamW",
        doc: "Adam with a weight decay of its own, apart from the gradient.",
        params: &[
            lr(|| Value::Float(1e-3)),
            BETA1,
            BETA2,
            eps(|| Value::Float(1e-8)),
            float(
                "weight_decay",
                (0.0, 1e6),
                || Value::Float(0.01),
                "λ: every step shrinks each weight by the share ηλ.",
            ),
            switch("amsgrad", "Divides by the largest mean of squares so far."),
        ],
    },
    buffers: |p| 2 + usize::from(p[5] != 0.0),
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// w ← w(1 − ηλ), then Adam.
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], state: [&mut [S]; 3]) {
    let shrink = S::of(1.0 - s.p[0] * s.p[4]);
    for w in weight.iter_mut() {
        *w *= shrink;
    }
    moments(s, S::zero(), weight, grad, state);
}
