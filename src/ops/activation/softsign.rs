//! The algebraic sigmoid `y = x/(1+|x|)`. Source: Turian et al. 2009.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Softsign;

impl Op for Softsign {
    const SPEC: Spec = Spec {
        id: "softsign",
        label: "Softsign",

        formula: Formula {
            forward: r"y_i = \frac{x_i}{1 + |x_i|}",
            local: r"f'(x_i) = \frac{1}{(1 + |x_i|)^2}",
            chain: CHAIN,
        },
        kinks: "",
        doc: "A cheap relative of tanh without exponentials. It approaches ±1 far more slowly, so it saturates less. Its derivative is continuous everywhere.",
        torch: "torch.nn.Softsign",
        grad_fn: GradFn::Names(&["DivBackward0"]),
        onnx: "Softsign",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x / (S::one() + x.abs()));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| {
            let d = S::one() + x.abs();
            g / (d * d)
        });
    }
}
