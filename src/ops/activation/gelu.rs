//! The Gaussian error linear unit, exact or with tanh. Source: Hendrycks & Gimpel 2016.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::Scalar;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// See the module.
pub struct Gelu;

impl Op for Gelu {
    const SPEC: Spec = Spec {
        id: "gelu",
        label: "GELU",
        params: &[ParamSpec {
            name: "approximate",
            kind: ParamKind::Choice(&["none", "tanh"]),
            default: || Value::Text("none".into()),
            unit: "",
            doc: "none is the exact function; tanh is its approximation, different by at most 0.0005.",
        }],

        formula: Formula {
            forward: r"y_i = x_i\,\Phi(x_i) = \tfrac{1}{2} x_i \left(1 + \operatorname{erf}(x_i/\sqrt{2})\right)",
            local: r"f'(x_i) = \Phi(x_i) + x_i\,\varphi(x_i), \quad \varphi(x) = e^{-x^2/2}/\sqrt{2\pi}",
            chain: CHAIN,
        },
        kinks: "",
        doc: "Weighs its input with the probability that a standard normal number is smaller. It is smooth where ReLU has a corner, and dips slightly below zero near x = −0.75. Transformers use it; the tanh form is the cheaper approximation of the first GPT and BERT programs.",
        torch: "torch.nn.GELU",
        grad_fn: GradFn::Names(&["GeluBackward0"]),
        onnx: "Gelu",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 10)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        if ctx.params.text("approximate") == "tanh" {
            unary(ctx, |x| S::of(0.5) * x * (S::one() + inner(x).0.tanh()));
        } else {
            unary(ctx, |x| x * phi(x));
        }
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if ctx.params.text("approximate") == "tanh" {
            backward_from_input(ctx, |x, g| {
                let (u, du) = inner(x);
                let t = u.tanh();
                g * S::of(0.5) * (S::one() + t + x * (S::one() - t * t) * du)
            });
        } else {
            let density = S::of(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            backward_from_input(ctx, |x, g| g * (phi(x) + x * density * (-S::of(0.5) * x * x).exp()));
        }
    }
}

/// The standard normal distribution function.
fn phi<S: Scalar>(x: S) -> S {
    S::of(0.5) * (S::one() + (x * S::of(FRAC_1_SQRT_2)).erf())
}

/// The argument of tanh in the approximation, `√(2/π)(x + 0.044715x³)`, and its derivative.
fn inner<S: Scalar>(x: S) -> (S, S) {
    let (c, k) = (S::of(FRAC_2_SQRT_PI * FRAC_1_SQRT_2), S::of(0.044715));
    let square = k * x * x;
    (c * x * (S::one() + square), c * (S::one() + S::of(3.0) * square))
}
