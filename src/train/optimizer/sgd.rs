//! Stochastic gradient descent with momentum (Polyak 1964, Sutskever et al. 2013), as `torch.optim.SGD`.

use super::shared::{BELOW_ONE, DECAY, lr};
use super::{Rule, Step};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::tensor::kernels::simd::vectorised;
use crate::train::described::{About, float, switch};

pub static SGD: Rule = Rule {
    about: About {
        id: "sgd",
        variant: "Sgd",
        label: "SGD",
        doc: "Goes against the gradient; with momentum it keeps part of its last step.",
        params: &[
            lr(|| Value::Float(0.03)),
            float(
                "momentum",
                (0.0, BELOW_ONE),
                || Value::Float(0.0),
                "Share of the last step that is kept in this one.",
            ),
            float("dampening", (0.0, 1.0), || Value::Float(0.0), "Damping of the gradient that enters the momentum."),
            switch("nesterov", "Looks ahead along the momentum; needs momentum and no dampening."),
            DECAY,
        ],
    },
    buffers: |p| usize::from(p[1] > 0.0),
    clash: |p| {
        (p[3] != 0.0 && (p[1] <= 0.0 || p[2] != 0.0)).then_some("Nesterov needs a momentum above 0 and no dampening")
    },
    single: update::<f32>,
    double: update::<f64>,
    search: None,
};

/// g ← g + λw; b ← μb + (1 − τ)g; w ← w − η(g + μb if Nesterov, else b). The momentum begins undamped.
fn update<S: Scalar>(s: &Step, weight: &mut [S], grad: &[S], [momentum, ..]: [&mut [S]; 3]) {
    let [lr, mu, dampening, nesterov, decay, ..] = s.p;
    let keep = if s.number == 1 { S::one() } else { S::of(1.0 - dampening) };
    let (lr, mu, decay) = (S::of(lr), S::of(mu), S::of(decay));
    if momentum.is_empty() {
        return vectorised(
            #[inline(always)]
            || {
                for (w, g) in weight.iter_mut().zip(grad) {
                    *w -= lr * (*g + decay * *w);
                }
            },
        );
    }
    let (along, own) = if nesterov != 0.0 { (mu, S::one()) } else { (S::one(), S::zero()) };
    vectorised(
        #[inline(always)]
        || {
            for ((w, g), b) in weight.iter_mut().zip(grad).zip(momentum) {
                let g = *g + decay * *w;
                *b = mu * *b + keep * g;
                *w -= lr * (own * g + along * *b);
            }
        },
    );
}
