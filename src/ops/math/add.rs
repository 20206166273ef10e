//! The sum of two tensors, element by element.

use super::shared::{BINARY, binary, binary_back, broadcast_shape};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Add;

impl Op for Add {
    const SPEC: Spec = Spec {
        id: "add",
        label: "Add",
        formula: Formula {
            forward: r"z = a + b",
            local: r"\frac{\partial z}{\partial a} = 1,\quad \frac{\partial z}{\partial b} = 1",
            chain: r"\frac{\partial L}{\partial a} = \delta,\quad \frac{\partial L}{\partial b} = \delta",
        },
        doc: "The sum of two tensors, element by element. The gradient passes unchanged to both sides, which is why skip connections train so well. Axes of length 1 stretch; their gradients add up.",
        torch: "torch.add",
        onnx: "Add",
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        broadcast_shape(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        binary(ctx, |a, b| a + b);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        binary_back(ctx, |g, _, _| g, |g, _, _| g);
    }
}
