//! Cross-entropy of probabilities against yes or no; logarithms stop at −100 as in PyTorch.

use super::shared::{CHAIN, LOSS, each_alone, made_alone, pairs, pairs_backward};
use crate::ops::{
    Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Repair, Spec, When,
};
use crate::tensor::Scalar;

/// See the module.
pub struct BceLoss;

impl Op for BceLoss {
    const SPEC: Spec = Spec {
        id: "bce_loss",
        label: "Binary cross-entropy",

        formula: Formula {
            forward: r"L = -\frac{1}{N} \sum_i \left[ y_i \ln \hat y_i + (1 - y_i) \ln(1 - \hat y_i) \right]",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{1}{N} \frac{\hat y_i - y_i}{\hat y_i (1 - \hat y_i)}",
            chain: CHAIN,
        },
        kinks: "",
        doc: "The loss of yes-or-no questions when the prediction is a probability, as a sigmoid gives it. A confident wrong answer costs much: predicting 0.01 for a yes costs 4.6. Where the sigmoid saturates, its gradient is lost to rounding; binary cross-entropy with logits does both steps exactly.",
        torch: "torch.nn.BCELoss",
        grad_fn: GradFn::Names(&["BinaryCrossEntropyBackward0"]),
        onnx: "",
        ..LOSS
    };
    const BREAKS: &'static [Break] = &[Break {
        pin: 0,
        when: When::Outside(0.0, 1.0),
        given: |_| true,
        backward: false,
        says: "the prediction lies outside of 0 to 1, so it is no probability, and its logarithm is not defined",
        repairs: &[Repair::Fuse(0, "sigmoid", "bce_with_logits_loss"), Repair::Before(0, "sigmoid", &[])],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 8)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |p, y| -(y * log(p) + (S::one() - y) * log(S::one() - p)));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let floor = S::of(1e-12);
        pairs_backward(ctx, |p, y| {
            let variance = p * (S::one() - p);
            (p - y) / if variance < floor { floor } else { variance }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}

/// The logarithm, not below −100; NaN stays NaN, so that a prediction outside 0..1 is noticed.
fn log<S: Scalar>(x: S) -> S {
    let (y, least) = (x.ln(), S::of(-100.0));
    if y < least { least } else { y }
}
