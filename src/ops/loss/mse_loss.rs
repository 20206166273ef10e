//! The mean of squared differences.

use super::shared::{CHAIN, LOSS, average, divisor, pairs, pairs_backward};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct MseLoss;

impl Op for MseLoss {
    const SPEC: Spec = Spec {
        id: "mse_loss",
        label: "Mean squared error",

        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i (\hat y_i - y_i)^2",
            local: r"\frac{\partial L}{\partial \hat y_i} = \frac{2}{N} (\hat y_i - y_i)",
            chain: CHAIN,
        },
        kinks: "",
        doc: "The usual loss of regression. Squaring makes one large error count more than many small ones, so outliers pull hard. It is the likelihood of normally distributed noise, and its best constant answer is the mean.",
        torch: "torch.nn.MSELoss",
        grad_fn: GradFn::Names(&["MseLossBackward0"]),
        onnx: "",
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        pairs(ctx, |p, y| (p - y) * (p - y));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        pairs_backward(ctx, |p, y| S::of(2.0) * (p - y));
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let (p, y) = (inner.inputs[0], inner.inputs[1]);
        let shape = p.shape.to_vec();
        let error: Vec<S> = p.data.iter().zip(y.data).map(|(p, y)| *p - *y).collect();
        let square = error.iter().map(|e| *e * *e).collect();
        let sum = inner.params.text("reduction") == "sum";
        vec![
            Part { name: "error", formula: r"e_i = \hat y_i - y_i", shape: shape.clone(), data: error },
            Part { name: "square", formula: r"e_i^2", shape, data: square },
            match sum {
                true => inner.whole("sum", r"L = \sum_i e_i^2"),
                false => inner.whole("mean", r"L = \frac{1}{N} \sum_i e_i^2"),
            },
        ]
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        match part {
            0 => Made::Sum(vec![(1.0, vec![Place::Input(0, index)]), (-1.0, vec![Place::Input(1, index)])]),
            1 => Made::Sum(vec![(1.0, vec![Place::Part(0, index); 2])]),
            _ => {
                let p = inner.inputs[0];
                let by = divisor::<f64>(inner.params, p.data.len(), p.shape.first().copied().unwrap_or(1));
                Made::Sum(average(by, 1, p.data.len()))
            }
        }
    }
}
