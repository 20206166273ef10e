//! The mean of errors relative to the target, as a fraction.

use super::shared::{CHAIN, LOSS, LOSS_WEIGHT, REDUCTION, each_alone, made_alone, pairs, pairs_backward, sign};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Part, Spec,
    Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct MapeLoss;

impl Op for MapeLoss {
    const SPEC: Spec = Spec {
        id: "mape_loss",
        label: "Mean absolute percentage error",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "eps",
                kind: ParamKind::Float { min: 0.0, max: 1.0, log: true },
                default: || Value::Float(1.17e-6),
                unit: "",
                doc: "The smallest divisor, so that a target of zero gives a large loss instead of infinity.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \left|\frac{y_i - \hat y_i}{\max(|y_i|, \varepsilon)}\right|",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{\operatorname{sign}(\hat y_i - y_i)}{N \max(|y_i|, \varepsilon)}",
            chain: CHAIN,
        },
        kinks: "prediction = target",
        doc: "Measures errors in parts of the target: 0.1 is an error of ten percent. Use it where targets span several sizes and are never near zero, because there the division makes the loss and its gradient huge. It favours predictions that are too small over those that are too large.",
        torch: "",
        grad_fn: GradFn::Composed("mean of |(y − ŷ) / y|, written out"),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let eps = S::of(ctx.params.float("eps"));
        pairs(ctx, |p, y| ((y - p) / floor(y, eps)).abs());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let eps = S::of(ctx.params.float("eps"));
        pairs_backward(ctx, |p, y| sign(p - y) / floor(y, eps));
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}

fn floor<S: Scalar>(y: S, eps: S) -> S {
    if y.abs() < eps { eps } else { y.abs() }
}
