//! Sigmoid and binary cross-entropy in one, without loss of precision.

use super::shared::{LOSS, each_alone, made_alone, pairs, pairs_backward};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise;

/// See the module.
pub struct BceWithLogitsLoss;

impl Op for BceWithLogitsLoss {
    const SPEC: Spec = Spec {
        id: "bce_with_logits_loss",
        label: "Binary cross-entropy with logits",

        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \left[ \max(x_i, 0) - x_i y_i + \ln(1 + e^{-|x_i|}) \right]",
            local: r"\frac{\partial L}{\partial x_i} = \frac{1}{N} (\sigma(x_i) - y_i)",
            chain: r"\frac{\partial L}{\partial x_i} = \frac{\delta}{N} (\sigma(x_i) - y_i)",
        },
        kinks: "",
        doc: "The loss of yes-or-no questions when the prediction is a logit: any number, positive for yes. It contains the sigmoid, so put none before it. Its gradient is simply probability minus target, and stays exact however large the logit is.",
        torch: "torch.nn.BCEWithLogitsLoss",
        grad_fn: GradFn::Names(&["BinaryCrossEntropyWithLogitsBackward0"]),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 8)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |x, y| elementwise::softplus(x) - x * y);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |x, y| elementwise::sigmoid(x) - y);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
