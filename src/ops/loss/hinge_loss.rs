//! The loss of support vector machines.

use super::shared::{CHAIN, LOSS, each_alone, made_alone, pairs, pairs_backward};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct HingeLoss;

impl Op for HingeLoss {
    const SPEC: Spec = Spec {
        id: "hinge_loss",
        label: "Hinge",

        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \max(0, 1 - y_i \hat y_i)",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{1}{N} \begin{cases} -y_i & y_i \hat y_i < 1 \\ 0 & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "target · prediction = 1",
        doc: "A loss for two classes called −1 and 1. It asks for the right sign with a margin of 1, and then is satisfied: samples beyond the margin give no gradient. Targets of 0 and 1 must be turned into −1 and 1, or the zeros teach nothing.",
        torch: "",
        grad_fn: GradFn::Composed("clamp and mean, written out"),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |p, y| {
            let m = S::one() - y * p;
            if m <= S::zero() { S::zero() } else { m }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |p, y| if S::one() - y * p <= S::zero() { S::zero() } else { -y });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
