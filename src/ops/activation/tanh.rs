//! The hyperbolic tangent.

use super::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Tanh;

impl Op for Tanh {
    const SPEC: Spec = Spec {
        id: "tanh",
        label: "Tanh",

        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = \tanh(x_i) = \frac{e^{x_i} - e^{-x_i}}{e^{x_i} + e^{-x_i}}",
            local: r"f'(x_i) = 1 - y_i^2",
            chain: CHAIN,
        },
        kinks: "",
        doc: "Squeezes any number into (−1, 1). Unlike the sigmoid it is centred at zero and has slope 1 there, so small networks learn faster with it. Beyond ±3 it saturates, and hardly any gradient passes.",
        torch: "torch.nn.Tanh",
        grad_fn: GradFn::Names(&["TanhBackward0"]),
        onnx: "Tanh",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.fast_tanh());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_output(ctx, |y, g| g * (S::one() - y * y));
    }
}
