//! RMSprop (Tieleman and Hinton 2012), centred (Graves 2013), with momentum, as `torch.optim.RMSprop`.

use super::shared::{BELOW_ONE, DECAY, eps, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, float, switch};

pub static RMSPROP: Rule = Rule {
    about: About {
        id: "rmsprop",
        variant: "RmsProp",
        label: "RMSprop",
        doc: "Divides the gradient by the root of the mean of its squares.",
        params: &[
            lr(|| Value::Float(0.01)),
            float("alpha", (0.0, BELOW_ONE), || Value::Float(0.99), "How long the mean of squares remembers."),
            eps(|| Value::Float(1e-8)),
            DECAY,
            float(
                "momentum",
                (0.0, BELOW_ONE),
                || Value::Float(0.0),
                "Share of the last step that is kept in this one.",
            ),
            switch("centered", "Divides by the spread about the mean gradient."),
        ],
    },
    buffers: |p| if p[5] != 0.0 { 3 } else { 1 + usize::from(p[4] > 0.0) },
    clash: |_| None,
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// v ← αv + (1 − α)g²; a ← αa + (1 − α)g if centred; b ← μb + g/(√(v − a²) + ε); w ← w − ηb.
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], [square, moment, mean]: [&mut [S]; 3]) {
    let [lr, alpha, eps, decay, mu, ..] = s.p;
    let (lr, a, c, eps) = (S::of(lr), S::of(alpha), S::of(1.0 - alpha), S::of(eps));
    let (decay, mu) = (S::of(decay), S::of(mu));
    let cells = weight.iter_mut().zip(grad).zip(square);
    if !mean.is_empty() {
        for (((w, g), v), (b, e)) in cells.zip(moment.iter_mut().zip(mean)) {
            let g = *g + decay * *w;
            *v = a * *v + c * g * g;
            *e += c * (g - *e);
            *b = mu * *b + g / ((*v - *e * *e).max(S::zero()).sqrt() + eps);
            *w -= lr * *b;
        }
    } else if !moment.is_empty() {
        for (((w, g), v), b) in cells.zip(moment) {
            let g = *g + decay * *w;
            *v = a * *v + c * g * g;
            *b = mu * *b + g / (v.sqrt() + eps);
            *w -= lr * *b;
        }
    } else {
        for ((w, g), v) in cells {
            let g = *g + decay * *w;
            *v = a * *v + c * g * g;
            *w -= lr * g / (v.sqrt() + eps);
        }
    }
}
