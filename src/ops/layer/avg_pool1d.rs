//! The mean of each window of a signal, N×C×L to N×C×L', L' = ⌊(L + 2P − k)/s⌋ + 1.
//!
//! The gradient is that of [`super::AvgPool2d`]. Source: `torch.nn.AvgPool1d`.

use super::avg_pool2d::{self, MEAN};
use super::shared::{CEIL_MODE, COUNT_INCLUDE_PAD, KERNEL_SIZE, LAYER, PADDING, STRIDE, pooled};
use crate::ops::{Backward, Fault, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct AvgPool1d;

impl Op for AvgPool1d {
    const SPEC: Spec = Spec {
        id: "avg_pool1d",
        label: "AvgPool1d",
        params: &[KERNEL_SIZE, STRIDE, PADDING, CEIL_MODE, COUNT_INCLUDE_PAD],
        formula: MEAN,
        doc: "Replaces each stretch of a signal by its mean: a moving average that keeps only every so many values. Every element of the window gets an equal share of the gradient.",
        torch: "torch.nn.AvgPool1d",
        grad_fn: GradFn::Names(&["SqueezeBackward1", "AvgPool2DBackward0", "UnsqueezeBackward0"]),
        onnx: "AveragePool",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        pooled(ctx, 1)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        avg_pool2d::forward(ctx, 1);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        avg_pool2d::backward(ctx, 1);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        vec![inner.whole("mean of each window", MEAN.forward)]
    }
    fn made<S: Scalar>(inner: &Inner<S>, _: usize, index: usize) -> Made {
        avg_pool2d::made(inner, 1, index)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{Value, by_hand::run};

    #[test]
    fn overlapping_windows_add_up_their_shares() {
        let set = [("stride", Value::Int(1))];
        let ran = run("avg_pool1d", &set, &[(&[1, 1, 3], &[1.0, 3.0, 8.0])], &[10.0, 100.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[1, 1, 2][..], &[2.0, 5.5][..]));
        assert_eq!(ran.grad(0), [5.0, 55.0, 50.0]);
    }

    #[test]
    fn a_last_window_that_is_partly_outside_is_the_mean_of_what_is_inside() {
        let set = [("ceil_mode", Value::Bool(true))];
        let ran = run("avg_pool1d", &set, &[(&[1, 1, 3], &[1.0, 3.0, 8.0])], &[2.0, 5.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[2.0, 8.0][..], &[1.0, 1.0, 5.0][..]));
    }
}
