//! A term of the loss that pulls weights to exactly zero.

use super::shared::{PENALTY, made_shares, penalty, penalty_backward, shares, sign};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct L1Penalty;

impl Op for L1Penalty {
    const SPEC: Spec = Spec {
        id: "l1_penalty",
        label: "L1 penalty",

        formula: Formula {
            forward: r"L = \lambda \sum_i |w_i|",
            local: r"\frac{\partial L}{\partial w_i} = \lambda \operatorname{sign}(w_i)",
            chain: r"\frac{\partial L}{\partial w_i} \mathrel{+}= \delta\,\lambda \operatorname{sign}(w_i)",
        },
        kinks: "w = 0",
        doc: "Adds the absolute size of the weights to the loss. Every weight is pulled towards zero with the same force, so the unimportant ones arrive there: the network becomes sparse. It needs no wires; choose the nodes whose weights it watches, or none for all.",
        torch: "",
        grad_fn: GradFn::Composed("λ · Σ w.abs().sum(), written out"),
        onnx: "",
        ..PENALTY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::weights(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        penalty(ctx, |w| w.abs());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        penalty_backward(ctx, sign);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        shares::<Self, S>(inner)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_shares(inner, part, index)
    }
}
