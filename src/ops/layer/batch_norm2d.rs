//! Batch normalisation of images, B×C×H×W, per channel. Formulas in [`super::batch_norm`].

use super::batch_norm;
use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct BatchNorm2d;

impl Op for BatchNorm2d {
    const SPEC: Spec = batch_norm::spec(
        "batch_norm2d",
        "BatchNorm2d",
        "torch.nn.BatchNorm2d",
        "Gives every channel of the images mean 0 and variance 1 over batch and places, then a learnt scale and offset. It stands between a convolution and its activation. Training uses the batch's own statistics, evaluation the running ones.",
    );
    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        batch_norm::infer(ctx, &[4], "images: batch × channels × height × width")
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        batch_norm::forward(ctx);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        batch_norm::backward(ctx);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        batch_norm::parts(inner)
    }
    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        batch_norm::made(inner, part, index)
    }
}
