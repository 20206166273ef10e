//! A term of the loss that keeps weights small.

use super::shared::{PENALTY, made_shares, penalty, penalty_backward, shares};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct L2Penalty;

impl Op for L2Penalty {
    const SPEC: Spec = Spec {
        id: "l2_penalty",
        label: "L2 penalty",

        formula: Formula {
            forward: r"L = \lambda \sum_i w_i^2",
            local: r"\frac{\partial L}{\partial w_i} = 2 \lambda w_i",
            chain: r"\frac{\partial L}{\partial w_i} \mathrel{+}= 2\,\delta\,\lambda\,w_i",
        },
        kinks: "",
        doc: "Adds the squared size of the weights to the loss. Large weights are pulled harder than small ones, which keeps the learned function smooth and works against overfitting. With plain gradient descent it equals a weight decay of 2λ. It needs no wires; choose the nodes whose weights it watches, or none for all.",
        torch: "",
        grad_fn: GradFn::Composed("λ · Σ w.square().sum(), written out"),
        onnx: "",
        ..PENALTY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::weights(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        penalty(ctx, |w| w * w);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        penalty_backward(ctx, |w| S::of(2.0) * w);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        shares::<Self, S>(inner)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_shares(inner, part, index)
    }
}
