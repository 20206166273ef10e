//! The largest element of each window of a signal, N×C×L to N×C×L', L' = ⌊(L + 2P − k)/s⌋ + 1.
//!
//! The gradient is that of [`super::MaxPool2d`]. Source: `torch.nn.MaxPool1d`.

use super::max_pool2d::{self, MAX};
use super::shared::{CEIL_MODE, KERNEL_SIZE, LAYER, PADDING, STRIDE};
use crate::ops::{Backward, Fault, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct MaxPool1d;

impl Op for MaxPool1d {
    const SPEC: Spec = Spec {
        id: "max_pool1d",
        label: "MaxPool1d",
        params: &[KERNEL_SIZE, STRIDE, PADDING, CEIL_MODE],
        formula: MAX,
        kinks: "where two elements of a window are the largest",
        doc: "Keeps the strongest response in each stretch of a signal and drops when exactly it came. The signal gets shorter and small delays no longer matter. Only the element that won gets the gradient; of equal ones it is the first.",
        torch: "torch.nn.MaxPool1d",
        grad_fn: GradFn::Names(&["SqueezeBackward1", "MaxPool2DWithIndicesBackward0", "UnsqueezeBackward0"]),
        onnx: "MaxPool",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        max_pool2d::infer(ctx, 1)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        max_pool2d::forward(ctx, 1);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        max_pool2d::backward(ctx, 1);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        vec![inner.whole("largest of each window", MAX.forward)]
    }
    fn made<S: Scalar>(inner: &Inner<S>, _: usize, index: usize) -> Made {
        max_pool2d::made(inner, 1, index)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn each_channel_is_pooled_on_its_own_and_a_rest_is_dropped() {
        let x = [1.0, 3.0, 2.0, 5.0, 9.0, -1.0, -2.0, -4.0, -3.0, 9.0];
        let ran = run("max_pool1d", &[], &[(&[1, 2, 5], &x)], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((ran.shape, ran.output.as_slice()), (vec![1, 2, 2], &[3.0, 5.0, -1.0, -3.0][..]));
        assert_eq!(ran.grads[0].as_deref(), Some(&[0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 4.0, 0.0][..]));
    }

    #[test]
    fn the_rest_counts_in_ceil_mode() {
        let set = [("kernel_size", Value::Int(3)), ("ceil_mode", Value::Bool(true))];
        let ran = run("max_pool1d", &set, &[(&[1, 1, 5], &[1.0, 3.0, 2.0, 5.0, 9.0])], &[1.0, 2.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[3.0, 9.0][..], &[0.0, 1.0, 0.0, 0.0, 2.0][..]));
    }

    #[test]
    fn rows_without_channels_get_an_axis() {
        let f = fault("max_pool1d", &[], &[Shape::batch(&[8])]);
        assert!(f.message.contains("signals"), "{}", f.message);
        assert_eq!(f.hints, [Hint::InsertBefore(0, "unsqueeze", vec![("dim", Value::Int(1))])]);
    }
}
