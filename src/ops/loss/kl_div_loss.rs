//! How far a predicted distribution is from a target distribution.

use super::shared::{LOSS, LOSS_WEIGHT, REDUCTION, each_alone, made_alone, pairs, pairs_backward};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Part, Spec,
};
use crate::tensor::Scalar;

/// See the module.
pub struct KlDivLoss;

impl Op for KlDivLoss {
    const SPEC: Spec = Spec {
        id: "kl_div_loss",
        label: "Kullback–Leibler divergence",
        params: &[
            ParamSpec {
                kind: ParamKind::Choice(&["mean", "sum", "batchmean"]),
                doc: "batchmean divides by the number of samples and is the definition; mean divides by the number of all elements; sum does not divide.",
                ..REDUCTION
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i y_i (\ln y_i - x_i), \quad x = \ln \hat y",
            local: r"\frac{\partial L}{\partial x_i} = -\frac{y_i}{N}",
            chain: r"\frac{\partial L}{\partial x_i} = -\delta \, \frac{y_i}{N}",
        },
        kinks: "",
        doc: "Compares two probability distributions; it is zero where they agree. The prediction must be logarithms of probabilities, as log-softmax gives them, the target probabilities. Choose batchmean: it divides by the number of samples, which is the definition, while mean divides by all numbers.",
        torch: "torch.nn.KLDivLoss",
        grad_fn: GradFn::By(|params, _| match params.text("reduction") {
            "sum" => &["SumBackward0", "SubBackward0", "MulBackward0"],
            "batchmean" => &["DivBackward0", "SumBackward0", "SubBackward0", "MulBackward0"],
            _ => &["MeanBackward0", "SubBackward0", "MulBackward0"],
        }),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |x, y| {
            // The limit of y ln y at zero is zero.
            if y == S::zero() { -y * x } else { y * (y.ln() - x) }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |_, y| -y);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}
