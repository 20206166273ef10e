//! A smooth rectifier, `y = x tanh(ln(1+eˣ))`. Source: Misra 2019.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise;

/// See the module.
pub struct Mish;

impl Op for Mish {
    const SPEC: Spec = Spec {
        id: "mish",
        label: "Mish",

        formula: Formula {
            forward: r"y_i = x_i \tanh(\ln(1 + e^{x_i}))",
            local: r"f'(x_i) = t + x_i\,\sigma(x_i)\,(1 - t^2), \quad t = \tanh(\ln(1 + e^{x_i}))",
            chain: CHAIN,
        },
        kinks: "",
        doc: "A close relative of SiLU with a slightly deeper dip below zero. It is smooth everywhere and unbounded above. It costs three transcendental functions for each element, so measure whether the gain is worth the time.",
        torch: "torch.nn.Mish",
        grad_fn: GradFn::Names(&["MishBackward0"]),
        onnx: "Mish",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 8)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x * elementwise::softplus(x).tanh());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| {
            let t = elementwise::softplus(x).tanh();
            g * (t + x * elementwise::sigmoid(x) * (S::one() - t * t))
        });
    }
}
