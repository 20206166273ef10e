//! The mean of absolute differences.

use super::shared::{CHAIN, LOSS, each_alone, made_alone, pairs, pairs_backward, sign};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct L1Loss;

impl Op for L1Loss {
    const SPEC: Spec = Spec {
        id: "l1_loss",
        label: "Mean absolute error",

        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i |\hat y_i - y_i|",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{1}{N} \operatorname{sign}(\hat y_i - y_i)",
            chain: CHAIN,
        },
        kinks: "prediction = target",
        doc: "A loss of regression in which every error counts in proportion. Outliers pull no harder than others, so its best constant answer is the median. Its gradient has the same size however near the goal is: without a falling learning rate it hops around it.",
        torch: "torch.nn.L1Loss",
        grad_fn: GradFn::By(|params, _| match params.text("reduction") {
            "sum" => &["SumBackward0", "AbsBackward0", "SubBackward0"],
            _ => &["MeanBackward0", "AbsBackward0", "SubBackward0"],
        }),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |p, y| (p - y).abs());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |p, y| sign(p - y));
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
