//! The sum over some or all axes.

use super::shared::{MATH, REDUCE, reduce_backward, reduce_forward, reduced};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Sum;

impl Op for Sum {
    const SPEC: Spec = Spec {
        id: "sum",
        label: "Sum",
        params: REDUCE,
        formula: Formula {
            forward: r"z = \sum_i x_i",
            local: r"\frac{\partial z}{\partial x_i} = 1",
            chain: r"\frac{\partial L}{\partial x_i} = \delta",
        },
        doc: "The sum over some or all axes. The gradient of a sum is copied to every element that went into it.",
        torch: "torch.sum",
        onnx: "ReduceSum",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        reduced(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        reduce_forward(ctx, false);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        reduce_backward(ctx, false);
    }
}
