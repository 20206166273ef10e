//! The convolution of images, N×C×H×W to N×O×H'×W', H' = ⌊(H + 2P − d(k − 1) − 1)/s⌋ + 1.
//!
//! With δ = ∂L/∂z, each δ went through every tap of its window: ∂L/∂x is the transposed convolution of δ, ∂L/∂W
//! correlates δ with x, and ∂L/∂b is the sum over samples and places. Source: `torch.nn.Conv2d`.

use super::conv::{self, BIAS, CONV, DILATION, GROUPS, OUT_CHANNELS, STRIDE};
use super::init;
use super::shared::int;
use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Inner, Made, Op, Part, Spec, Value};
use crate::tensor::Scalar;

/// See the module.
pub struct Conv2d;

impl Op for Conv2d {
    const SPEC: Spec = Spec {
        id: "conv2d",
        label: "Conv2d",
        params: &[
            OUT_CHANNELS,
            int("kernel_size", 1, || Value::Int(3), "Side of the square window that each filter sees."),
            STRIDE,
            int("padding", 0, || Value::Int(0), "Rows and columns of zeros put around the image."),
            DILATION,
            GROUPS,
            BIAS,
            init::CHOICE,
            init::A,
            init::B,
        ],
        doc: "Slides small filters over an image; every place is weighed by the same numbers. It finds a pattern wherever it is, with few weights. Padding of half the kernel keeps the size of the image.",
        torch: "torch.nn.Conv2d",
        ..CONV
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        conv::infer(ctx, 2)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        conv::forward(ctx, 2);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        conv::backward(ctx, 2);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        conv::parts::<Self, S>(inner)
    }
    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        conv::made(inner, 2, part, index)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run_weighted},
    };
    use crate::tensor::Shape;

    #[test]
    fn one_filter_over_one_image_by_hand() {
        let set = [("out_channels", Value::Int(1)), ("kernel_size", Value::Int(2))];
        let x = (&[1, 1, 2, 3][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]);
        let w = [(&[1, 1, 2, 2][..], &[1.0, 10.0, 100.0, 1000.0][..]), (&[1][..], &[0.5][..])];
        let ran = run_weighted("conv2d", &set, &[x], &w, &[1.0, 2.0]);
        assert_eq!((ran.shape, ran.output), (vec![1, 1, 1, 2], vec![5421.5, 6532.5]));
        assert_eq!(ran.grads[0].as_deref(), Some(&[1.0, 12.0, 20.0, 100.0, 1200.0, 2000.0][..]));
        assert_eq!(ran.weight_grads, [vec![5.0, 8.0, 14.0, 17.0], vec![3.0]]);
    }

    #[test]
    fn groups_that_do_not_divide_and_windows_that_do_not_fit_are_mended() {
        let f = fault("conv2d", &[("groups", Value::Int(3))], &[Shape::batch(&[4, 8, 8])]);
        assert_eq!((f.axis, f.hints), (Some(1), vec![Hint::Set("groups", Value::Int(1))]));
        let f = fault("conv2d", &[], &[Shape::batch(&[4, 8, 2])]);
        assert_eq!(f.hints, [Hint::Set("padding", Value::Int(1))]);
        let image = Value::Ints(vec![-1, 1, 8, 8]);
        let f = fault("conv2d", &[], &[Shape::batch(&[64])]);
        assert_eq!(f.hints, [Hint::InsertBefore(0, "reshape", vec![("shape", image)])]);
    }
}
