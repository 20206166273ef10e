//! The sigmoid linear unit, also called swish. Source: Elfwing et al. 2017, Ramachandran et al. 2017.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise;

/// See the module.
pub struct Silu;

impl Op for Silu {
    const SPEC: Spec = Spec {
        id: "silu",
        label: "SiLU",

        formula: Formula {
            forward: r"y_i = x_i\,\sigma(x_i)",
            local: r"f'(x_i) = \sigma(x_i)\left(1 + x_i\,(1 - \sigma(x_i))\right)",
            chain: CHAIN,
        },
        kinks: "",
        doc: "Multiplies its input by its own sigmoid: a ReLU with a soft corner. It dips below zero near x = −1.28, so it is not monotonic. Many convolutional and language networks of recent years use it, also under the name swish.",
        torch: "torch.nn.SiLU",
        grad_fn: GradFn::Names(&["SiluBackward0"]),
        onnx: "Swish",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x * elementwise::sigmoid(x));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| {
            let s = elementwise::sigmoid(x);
            g * s * (S::one() + x * (S::one() - s))
        });
    }
}
