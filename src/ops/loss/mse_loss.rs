//! The mean of squared differences.

use super::shared::{CHAIN, LOSS, pairs, pairs_backward};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct MseLoss;

impl Op for MseLoss {
    const SPEC: Spec = Spec {
        id: "mse_loss",
        label: "Mean squared error",

        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i (\hat y_i - y_i)^2",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{2}{N} (\hat y_i - y_i)",
            chain: CHAIN,
        },
        kinks: "",
        doc: "The usual loss of regression. Squaring makes one large error count more than many small ones, so outliers pull hard. It is the likelihood of normally distributed noise, and its best constant answer is the mean.",
        torch: "torch.nn.MSELoss",
        grad_fn: GradFn::Names(&["MseLossBackward0"]),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |p, y| (p - y) * (p - y));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |p, y| S::of(2.0) * (p - y));
    }
}
