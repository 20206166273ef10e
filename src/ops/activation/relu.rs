//! The rectifier `y = max(0, x)`. Source: Nair & Hinton 2010.

use super::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Relu;

impl Op for Relu {
    const SPEC: Spec = Spec {
        id: "relu",
        label: "ReLU",

        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = \max(0, x_i)",
            local: r"f'(x_i) = \begin{cases} 1 & x_i > 0 \\ 0 & x_i \le 0 \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = 0",
        doc: "Cuts everything below zero. It is cheap, and its gradient does not shrink on the way back, which made deep networks trainable. A unit whose input is below zero for every sample gets no gradient and stays dead: watch for columns of zeros.",
        torch: "torch.nn.ReLU",
        grad_fn: GradFn::Names(&["ReluBackward0"]),
        onnx: "Relu",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| if x <= S::zero() { S::zero() } else { x });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_output(ctx, |y, g| if y <= S::zero() { S::zero() } else { g });
    }
}
