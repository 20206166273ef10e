//! The mean of each window of an image, N×C×H×W to N×C×H'×W', H' = ⌊(H + 2P − k)/s⌋ + 1.
//!
//! z is linear in x with the weight 1/K for the K elements of a window, so each of them gets δ/K; windows that overlap
//! add up. Source: `torch.nn.AvgPool2d`.

use super::shared::{CEIL_MODE, COUNT_INCLUDE_PAD, KERNEL_SIZE, LAYER, PADDING, STRIDE, pool, pooled, window_of};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec};
use crate::tensor::{Scalar, kernels};

/// See the module.
pub struct AvgPool2d;

impl Op for AvgPool2d {
    const SPEC: Spec = Spec {
        id: "avg_pool2d",
        label: "AvgPool2d",
        params: &[KERNEL_SIZE, STRIDE, PADDING, CEIL_MODE, COUNT_INCLUDE_PAD],
        formula: MEAN,
        doc: "Replaces each window of an image by its mean: the image shrinks and gets smoother. LeNet and the transitions of DenseNet use it. Every element of the window gets an equal share of the gradient, where max pooling gives all of it to one.",
        torch: "torch.nn.AvgPool2d",
        grad_fn: GradFn::Names(&["AvgPool2DBackward0"]),
        onnx: "AveragePool",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        pooled(ctx, 2)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        forward(ctx, 2);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward(ctx, 2);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        vec![inner.whole("mean of each window", MEAN.forward)]
    }
    fn made<S: Scalar>(inner: &Inner<S>, _: usize, index: usize) -> Made {
        made(inner, 2, index)
    }
}

/// One output: the mean of its window.
pub(super) fn made<S: Scalar>(inner: &Inner<S>, axes: usize, index: usize) -> Made {
    let (x, z) = (inner.inputs[0].shape, inner.output.shape);
    let by = 1.0 / pool(inner.params, axes, x, z).count(inner.params.bool("count_include_pad"), index) as f64;
    let window = window_of(inner.params, axes, x, z, index);
    Made::Sum(window.into_iter().map(|i| (by, vec![Place::Input(0, i)])).collect())
}

/// p counts places of the output, k taps of its window, both over all pooled axes.
pub(super) const MEAN: Formula = Formula {
    forward: r"z_p = \frac{1}{K_p} \sum_k x_{s p + k - P}",
    local: r"\frac{\partial z_p}{\partial x_i} = \frac{[\,i \in \text{window } p\,]}{K_p}",
    chain: r"\frac{\partial L}{\partial x_i} = \sum_{p:\ i \in \text{window } p} \frac{\delta_p}{K_p}",
};

pub(super) fn forward<S: Scalar>(ctx: &mut Forward<S>, axes: usize) {
    let x = ctx.inputs[0];
    let pool = pool(ctx.params, axes, x.shape, ctx.output.shape);
    kernels::pool::mean(&pool, ctx.params.bool("count_include_pad"), x.data, ctx.output.data);
}

pub(super) fn backward<S: Scalar>(ctx: &mut Backward<S>, axes: usize) {
    let Some(grad) = &mut ctx.grad_inputs[0] else { return };
    let pool = pool(ctx.params, axes, grad.shape, ctx.grad_output.shape);
    kernels::pool::mean_back(&pool, ctx.params.bool("count_include_pad"), ctx.grad_output.data, grad.data);
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{infer, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn windows_become_their_means_and_share_the_gradient() {
        let x = [1.0, 2.0, 0.0, -1.0, 4.0, 3.0, -2.0, -3.0];
        let ran = run("avg_pool2d", &[], &[(&[1, 1, 2, 4], &x)], &[8.0, -4.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[1, 1, 1, 2][..], &[2.5, -1.5][..]));
        assert_eq!(ran.grad(0), [2.0, 2.0, -1.0, -1.0, 2.0, 2.0, -1.0, -1.0]);
    }

    #[test]
    fn padding_counts_unless_it_is_told_not_to() {
        let set = |pad| {
            let size = [("kernel_size", Value::Int(3)), ("stride", Value::Int(2)), ("padding", Value::Int(1))];
            [&size[..], &[("count_include_pad", Value::Bool(pad))]].concat()
        };
        let x = (&[1, 1, 2, 2][..], &[1.0, 2.0, 3.0, 6.0][..]);
        let ran = run("avg_pool2d", &set(true), &[x], &[9.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[12.0 / 9.0][..], &[1.0; 4][..]));
        let ran = run("avg_pool2d", &set(false), &[x], &[8.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[3.0][..], &[2.0; 4][..]));
    }

    #[test]
    fn it_costs_an_operation_for_each_element_of_each_window() {
        let inferred = infer("avg_pool2d", &[], &[Shape::batch(&[3, 8, 6])]).expect("the shapes fit");
        assert_eq!((inferred.output, inferred.flops), (Shape::batch(&[3, 4, 3]), 3 * 4 * 3 * 4));
    }
}
