//! The means of an image cut into a grid of output_size × output_size parts, N×C×H×W to N×C×S×S.
//!
//! Part p of an axis goes from ⌊p · len / S⌋ to ⌈(p + 1) · len / S⌉. Each of its K elements has the weight 1/K, so it
//! gets δ/K. Source: `torch.nn.AdaptiveAvgPool2d`.

use super::avg_pool2d::MEAN;
use super::shared::{LAYER, at_least, int, lengths, of_planes, planes};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec, Value,
};
use crate::tensor::{Scalar, kernels::pool};

/// See the module.
pub struct AdaptiveAvgPool2d;

impl Op for AdaptiveAvgPool2d {
    const SPEC: Spec = Spec {
        id: "adaptive_avg_pool2d",
        label: "AdaptiveAvgPool2d",
        params: &[int(
            "output_size",
            1,
            || Value::Int(1),
            "Height and width of the output; 1 is the mean of each whole channel.",
        )],
        formula: Formula { forward: r"z_p = \frac{1}{K_p} \sum_{i \in \text{part } p} x_i", ..MEAN },
        doc: "Cuts an image of any size into a grid of parts and takes the mean of each. With size 1 it is global average pooling: one number for each channel, so that a classifier can follow images of any size, as in ResNet.",
        torch: "torch.nn.AdaptiveAvgPool2d",
        grad_fn: GradFn::By(|params, _| match params.int("output_size") {
            1 => &["MeanBackward1"],
            _ => &["AdaptiveAvgPool2DBackward0"],
        }),
        onnx: "GlobalAveragePool",
        ..LAYER
    };

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        vec![inner.whole("mean of each part", Self::SPEC.formula.forward)]
    }

    fn made<S: Scalar>(inner: &Inner<S>, _: usize, index: usize) -> Made {
        let ([h, w], [oh, ow]) = (lengths(inner.inputs[0].shape, 2), lengths(inner.output.shape, 2));
        let (plane, at) = (index / (oh * ow), index % (oh * ow));
        let (rows, columns) = (pool::part(at / ow, h, oh), pool::part(at % ow, w, ow));
        let by = 1.0 / (rows.len() * columns.len()) as f64;
        let places = rows.flat_map(|y| columns.clone().map(move |x| (plane * h + y) * w + x));
        Made::Sum(places.map(|i| (by, vec![Place::Input(0, i)])).collect())
    }

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (n, channels, _) = planes(ctx, 2, "pooling")?;
        let size = at_least(ctx.params, "output_size", 1);
        let flops = (ctx.inputs[0].per_sample()) as u64;
        Ok(Inferred { output: of_planes(n, channels, [size; 2], 2), flops, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, z) = (ctx.inputs[0], &mut ctx.output);
        pool::adaptive_mean(lengths(x.shape, 2), lengths(z.shape, 2), x.data, z.data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (delta, Some(grad)) = (ctx.grad_output, &mut ctx.grad_inputs[0]) else { return };
        pool::adaptive_mean_back(lengths(grad.shape, 2), lengths(delta.shape, 2), delta.data, grad.data);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{Value, by_hand::run};

    #[test]
    fn by_default_each_channel_becomes_its_mean() {
        let x = [1.0, 2.0, 3.0, 6.0, -1.0, -1.0, 1.0, 5.0];
        let ran = run("adaptive_avg_pool2d", &[], &[(&[1, 2, 2, 2], &x)], &[4.0, 8.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[1, 2, 1, 1][..], &[3.0, 1.0][..]));
        assert_eq!(ran.grad(0), [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn parts_overlap_where_the_size_does_not_divide() {
        let set = [("output_size", Value::Int(2))];
        let ran = run("adaptive_avg_pool2d", &set, &[(&[1, 1, 1, 3], &[1.0, 3.0, 8.0])], &[2.0, 4.0, 20.0, 40.0]);
        assert_eq!(ran.output, [2.0, 5.5, 2.0, 5.5]);
        assert_eq!(ran.grad(0), [11.0, 33.0, 22.0]);
    }
}
