//! The mean over some or all axes.

use super::shared::{MATH, REDUCE, reduce_backward, reduce_forward, reduced};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Mean;

impl Op for Mean {
    const SPEC: Spec = Spec {
        id: "mean",
        label: "Mean",
        params: REDUCE,
        formula: Formula {
            forward: r"z = \frac{1}{n}\sum_i x_i",
            local: r"\frac{\partial z}{\partial x_i} = \frac{1}{n}",
            chain: r"\frac{\partial L}{\partial x_i} = \frac{\delta}{n}",
        },
        doc: "The mean over some or all axes. The gradient is shared out evenly among the elements that went into it.",
        torch: "torch.mean",
        grad_fn: GradFn::By(|params, _| match params.ints("dim") {
            [] => &["MeanBackward0"],
            _ => &["MeanBackward1"],
        }),
        onnx: "ReduceMean",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        reduced(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        reduce_forward(ctx, true);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        reduce_backward(ctx, true);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    const X: (&[usize], &[f64]) = (&[2, 2], &[1.0, 2.0, 3.0, 4.0]);

    fn dim(axes: &[i64]) -> [(&'static str, Value); 1] {
        [("dim", Value::Ints(axes.to_vec()))]
    }

    #[test]
    fn of_columns_rows_and_everything() {
        let ran = run("mean", &dim(&[0]), &[X], &[1.0, 2.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[2.0, 3.0][..], &[0.5, 1.0, 0.5, 1.0][..]));
        let ran = run("mean", &dim(&[-1]), &[X], &[1.0, 2.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[1.5, 3.5][..], &[0.5, 0.5, 1.0, 1.0][..]));
        let ran = run("mean", &[], &[X], &[4.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[2.5][..], &[1.0; 4][..]));
    }

    #[test]
    fn an_axis_named_twice_or_missing_is_a_fault() {
        let f = fault("mean", &dim(&[1, -1]), &[Shape::batch(&[3])]);
        assert!(f.message.contains("names axis 1 of B×3 more than once"), "{}", f.message);
        assert_eq!(f.hints, [Hint::Set("dim", Value::Ints(vec![1]))]);
        assert!(fault("mean", &dim(&[0]), &[Shape::scalar()]).message.contains("no axis 0"));
        assert_eq!(shape("mean", &dim(&[1]), &[Shape::batch(&[3])]), Shape::batch(&[]));
    }
}
