//! The absolute error with its corner rounded. Source: Girshick 2015 (Fast R-CNN).

use super::shared::{CHAIN, LOSS, LOSS_WEIGHT, REDUCTION, each_alone, made_alone, pairs, pairs_backward, sign};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Part, Spec,
    Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct SmoothL1Loss;

impl Op for SmoothL1Loss {
    const SPEC: Spec = Spec {
        id: "smooth_l1_loss",
        label: "Smooth L1",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "beta",
                kind: ParamKind::Float { min: 0.0, max: 1e6, log: false },
                default: || Value::Float(1.0),
                unit: "",
                doc: "The size of error at which the parabola becomes a straight line.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \begin{cases} \tfrac{1}{2} d_i^2 / \beta & |d_i| < \beta \\ |d_i| - \tfrac{1}{2}\beta & \text{otherwise} \end{cases}, \quad d_i = \hat y_i - y_i",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{1}{N} \begin{cases} d_i / \beta & |d_i| < \beta \\ \operatorname{sign}(d_i) & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "prediction = target, only where β = 0",
        doc: "The Huber loss divided by its δ: far from the goal the slope is 1 whatever β is. It is the usual loss for the corners of boxes in object detection. β = 0 is the plain absolute error.",
        torch: "torch.nn.SmoothL1Loss",
        grad_fn: GradFn::Names(&["SmoothL1LossBackward0"]),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let beta = S::of(ctx.params.float("beta"));
        pairs(ctx, |p, y| {
            let d = (p - y).abs();
            if d < beta { S::of(0.5) * d * d / beta } else { d - S::of(0.5) * beta }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let beta = S::of(ctx.params.float("beta"));
        pairs_backward(ctx, |p, y| {
            let d = p - y;
            if d.abs() < beta { d / beta } else { sign(d) }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
