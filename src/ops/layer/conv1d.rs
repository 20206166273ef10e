//! The convolution of signals, N×C×L to N×O×L', L' = ⌊(L + 2P − d(k − 1) − 1)/s⌋ + 1.
//!
//! The gradients are those of [`super::Conv2d`] with images of one row. Source: `torch.nn.Conv1d`.

use super::conv::{self, BIAS, CONV, DILATION, GROUPS, OUT_CHANNELS, STRIDE};
use super::init;
use super::shared::int;
use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Inner, Made, Op, Part, Spec, Value};
use crate::tensor::Scalar;

/// See the module.
pub struct Conv1d;

impl Op for Conv1d {
    const SPEC: Spec = Spec {
        id: "conv1d",
        label: "Conv1d",
        params: &[
            OUT_CHANNELS,
            int("kernel_size", 1, || Value::Int(3), "Length of the window that each filter sees."),
            STRIDE,
            int("padding", 0, || Value::Int(0), "Zeros put before and after the signal."),
            DILATION,
            GROUPS,
            BIAS,
            init::CHOICE,
            init::A,
            init::B,
        ],
        doc: "Slides small filters along a signal: a time series, a sound, a row of letters. It finds a pattern whenever it comes, with few weights. Dilation lets a short filter look far back; padding of half the kernel keeps the length.",
        torch: "torch.nn.Conv1d",
        ..CONV
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        conv::infer(ctx, 1)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        conv::forward(ctx, 1);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        conv::backward(ctx, 1);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        conv::parts::<Self, S>(inner)
    }
    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        conv::made(inner, 1, part, index)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run_weighted, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn the_difference_of_neighbours_by_hand() {
        let set = [("out_channels", Value::Int(1)), ("kernel_size", Value::Int(2)), ("padding", Value::Int(1))];
        let w = [(&[1, 1, 2][..], &[-1.0, 1.0][..]), (&[1][..], &[10.0][..])];
        let ran = run_weighted("conv1d", &set, &[(&[1, 1, 3], &[1.0, 4.0, 9.0])], &w, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((ran.shape, ran.output), (vec![1, 1, 4], vec![11.0, 13.0, 15.0, 1.0]));
        assert_eq!(ran.grads[0].as_deref(), Some(&[-1.0, -1.0, -1.0][..]));
        // Σ δₚ xₚ₋₁ and Σ δₚ xₚ.
        assert_eq!(ran.weight_grads, [vec![2.0 + 12.0 + 36.0, 1.0 + 8.0 + 27.0], vec![10.0]]);
    }

    #[test]
    fn two_channels_stride_and_dilation_by_hand() {
        let set = [
            ("out_channels", Value::Int(1)),
            ("kernel_size", Value::Int(2)),
            ("stride", Value::Int(2)),
            ("dilation", Value::Int(2)),
            ("bias", Value::Bool(false)),
        ];
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0];
        let w = [(&[1, 2, 2][..], &[1.0, 2.0, 0.1, 0.2][..])];
        let ran = run_weighted("conv1d", &set, &[(&[1, 2, 5], &x)], &w, &[1.0, 10.0]);
        assert_eq!(ran.output, [1.0 + 6.0 + 1.0 + 6.0, 3.0 + 10.0 + 3.0 + 10.0]);
        assert_eq!(ran.weight_grads, [vec![31.0, 53.0, 310.0, 530.0]]);
        assert_eq!(ran.grad(0)[..5], [1.0, 0.0, 12.0, 0.0, 20.0]);
    }

    #[test]
    fn shapes_are_pytorchs_and_rows_without_channels_get_an_axis() {
        assert_eq!(shape("conv1d", &[("stride", Value::Int(2))], &[Shape::batch(&[3, 10])]), Shape::batch(&[8, 4]));
        let f = fault("conv1d", &[], &[Shape::batch(&[8])]);
        assert_eq!(f.hints, [Hint::InsertBefore(0, "unsqueeze", vec![("dim", Value::Int(1))])]);
    }
}
