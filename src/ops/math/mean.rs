//! The mean over some or all axes.

use super::shared::{MATH, REDUCE, reduce_backward, reduce_forward, reduced};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Mean;

impl Op for Mean {
    const SPEC: Spec = Spec {
        id: "mean",
        label: "Mean",
        params: REDUCE,
        formula: Formula {
            forward: r"z = \frac{1}{n}\sum_i x_i",
            local: r"\frac{\partial z}{\partial x_i} = \frac{1}{n}",
            chain: r"\frac{\partial L}{\partial x_i} = \frac{\delta}{n}",
        },
        doc: "The mean over some or all axes. The gradient is shared out evenly among the elements that went into it.",
        torch: "torch.mean",
        onnx: "ReduceMean",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        reduced(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        reduce_forward(ctx, true);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        reduce_backward(ctx, true);
    }
}
