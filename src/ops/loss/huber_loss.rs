//! Squared for small errors, absolute for large ones. Source: Huber 1964.

use super::shared::{LOSS, LOSS_WEIGHT, REDUCTION, each_alone, made_alone, pairs, pairs_backward, sign};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Part, Spec,
    Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct HuberLoss;

impl Op for HuberLoss {
    const SPEC: Spec = Spec {
        id: "huber_loss",
        label: "Huber",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "delta",
                kind: ParamKind::Float { min: 1e-6, max: 1e6, log: true },
                default: || Value::Float(1.0),
                unit: "",
                doc: "Where the parabola becomes a straight line.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \begin{cases} \tfrac{1}{2} d_i^2 & |d_i| \le \delta \\ \delta (|d_i| - \tfrac{1}{2}\delta) & \text{otherwise} \end{cases}, \quad d_i = \hat y_i - y_i",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{1}{N} \min(\max(d_i, -\delta), \delta)",
            chain: r"\frac{\partial L}{\partial \hat y_i} = \frac{\partial L}{\partial \ell} \, \frac{\partial \ell}{\partial \hat y_i}",
        },
        kinks: "",
        doc: "Behaves as the squared error near the goal and as the absolute error far from it. Outliers pull with bounded force, and the gradient still fades as the goal comes near. δ is the size of error from which a sample counts as an outlier.",
        torch: "torch.nn.HuberLoss",
        grad_fn: GradFn::Names(&["HuberLossBackward0"]),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let delta = S::of(ctx.params.float("delta"));
        pairs(ctx, |p, y| {
            let d = (p - y).abs();
            if d <= delta { S::of(0.5) * d * d } else { delta * (d - S::of(0.5) * delta) }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let delta = S::of(ctx.params.float("delta"));
        pairs_backward(ctx, |p, y| {
            let d = p - y;
            if d.abs() <= delta { d } else { delta * sign(d) }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
