//! The channels of each sample are normalised in groups, N×C×… to the same shape.
//!
//! One mean and variance for the C/G channels of a group and all their places; γ and β per channel. The gradient is
//! that of [`super::LayerNorm`] over one group. Sources: Wu and He 2018; `torch.nn.GroupNorm`.

use super::layer_norm::{self, NORM};
use super::norm_parts::Cut;
use super::shared::{EPS, LAYER, at_least, int, switch};
use crate::ops::{
    Backward, Fault, Forward, GradFn, Hint, InferCtx, Inferred, Inner, Made, Op, Params, Part, Reads, Spec, Value,
    WeightSpec,
};
use crate::tensor::kernels::norm::{self, Norm};
use crate::tensor::{Dim, Init, Scalar, Shape};

/// See the module.
pub struct GroupNorm;

impl Op for GroupNorm {
    const SPEC: Spec = Spec {
        id: "group_norm",
        label: "GroupNorm",
        params: &[
            int("num_groups", 1, || Value::Int(1), "Into how many groups the channels are cut."),
            EPS,
            switch(
                "affine",
                || Value::Bool(true),
                "Whether each channel has a factor γ and an offset β that are learnt.",
            ),
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: NORM,
        doc: "Brings groups of channels of each sample to mean 0 and variance 1. It stands in for batch normalisation where batches are too small for good statistics. One group for all channels is close to layer normalisation, one for each channel is instance normalisation.",
        torch: "torch.nn.GroupNorm",
        grad_fn: GradFn::Names(&["NativeGroupNormBackward0"]),
        onnx: "GroupNormalization",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, groups) = (&ctx.inputs[0], at_least(ctx.params, "num_groups", 1));
        let fixed = x.0.iter().skip(1).all(|d| matches!(d, Dim::Fixed(1..)));
        let (Some(n), Some(Dim::Fixed(channels)), true) = (x.0.first(), x.0.get(1), fixed) else {
            let message =
                format!("{x} arrives, but this normalisation needs batch × channels, and any axes after them");
            return Err(Fault::at(0, message));
        };
        if !channels.is_multiple_of(groups) {
            let message = format!("{groups} groups do not divide the {channels} channels of {x}");
            let most = (1..groups).rev().find(|g| channels.is_multiple_of(*g)).unwrap_or(1);
            return Err(Fault::at(0, message).axis(1).hint(Hint::Set("num_groups", Value::Int(most as i64))));
        }
        let mut weights = vec![];
        if ctx.params.bool("affine") {
            weights.push(WeightSpec::new("weight", vec![*channels], Init::Constant(1.0)));
            weights.push(WeightSpec::new("bias", vec![*channels], Init::Constant(0.0)));
        }
        let saved = Some(Shape(vec![*n, Dim::Fixed(groups), Dim::Fixed(2)]));
        Ok(Inferred { output: x.clone(), weights, saved, flops: 8 * x.per_sample() as u64, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0];
        let weights = ctx.weights.first_chunk().map(|[g, b]| [g.data, b.data]);
        let norm = of(ctx.params, x.shape);
        norm::forward(&norm, ctx.params.float("eps"), x.data, weights, ctx.output.data, ctx.saved);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let norm = of(ctx.params, ctx.inputs[0].shape);
        layer_norm::backward(ctx, &norm);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        cut(inner).parts(inner)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        cut(inner).made(inner, part, index)
    }
}

fn cut<S>(inner: &Inner<S>) -> Cut<impl Fn(usize) -> usize + use<S>> {
    let x = inner.inputs[0].shape;
    let Norm { block, groups, shared } = of(inner.params, x);
    Cut { shape: vec![x[0], groups], group: move |i| i / block, shared }
}

fn of(params: &Params, x: &[usize]) -> Norm {
    let (groups, shared) = (at_least(params, "num_groups", 1), x[2..].iter().product());
    Norm { block: x[1] / groups * shared, groups, shared }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, near, run_weighted},
    };
    use crate::tensor::Shape;

    #[test]
    fn groups_are_normalised_apart_and_channels_have_their_own_factors() {
        // Two groups of two channels with two places each: mean 2 and variance 4, mean 10 and variance 1.
        let x = [0.0, 4.0, 0.0, 4.0, 9.0, 11.0, 11.0, 9.0];
        let set = [("num_groups", Value::Int(2)), ("eps", Value::Float(0.0))];
        let weights: [(&[usize], &[f64]); 2] = [(&[4], &[1.0, 2.0, 3.0, 4.0]), (&[4], &[0.0, 0.0, 0.5, 0.0])];
        let delta = [8.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0];
        let ran = run_weighted("group_norm", &set, &[(&[1, 4, 2], &x)], &weights, &delta);
        near(&ran.output, &[-1.0, 1.0, -2.0, 2.0, -2.5, 3.5, 4.0, -4.0]);
        // First group: g = (8, 0, 0, 0), (g − 2 + 2x̂)/2. Second: g = (0, 12, 0, 0), g − 3 − 3x̂.
        near(ran.grad(0), &[2.0, 0.0, -2.0, 0.0, 0.0, 6.0, -6.0, 0.0]);
        near(&ran.weight_grads[0], &[-8.0, 0.0, 4.0, 0.0]);
        near(&ran.weight_grads[1], &[8.0, 0.0, 4.0, 0.0]);
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_mended() {
        let f = fault("group_norm", &[("num_groups", Value::Int(4))], &[Shape::batch(&[6, 5])]);
        assert_eq!((f.axis, f.hints), (Some(1), vec![Hint::Set("num_groups", Value::Int(3))]));
        assert!(fault("group_norm", &[], &[Shape::batch(&[])]).message.contains("channels"));
    }
}
