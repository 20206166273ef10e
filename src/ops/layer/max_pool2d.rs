//! The largest element of each window of an image, N×C×H×W to N×C×H'×W', H' = ⌊(H + 2P − k)/s⌋ + 1.
//!
//! Each output is a copy of one element, so its gradient goes there and nowhere else; an element that won in several
//! windows gets the sum. Source: `torch.nn.MaxPool2d`.

use super::shared::{CEIL_MODE, KERNEL_SIZE, LAYER, PADDING, STRIDE, pool, pooled, window_of};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec};
use crate::tensor::{Scalar, kernels};

/// See the module.
pub struct MaxPool2d;

impl Op for MaxPool2d {
    const SPEC: Spec = Spec {
        id: "max_pool2d",
        label: "MaxPool2d",
        params: &[KERNEL_SIZE, STRIDE, PADDING, CEIL_MODE],
        formula: MAX,
        kinks: "where two elements of a window are the largest",
        doc: "Keeps the strongest response in each window of an image and drops where exactly it was. The image shrinks, what follows sees more of it, and small shifts no longer matter. Only the element that won gets the gradient; of equal ones it is the first.",
        torch: "torch.nn.MaxPool2d",
        grad_fn: GradFn::Names(&["MaxPool2DWithIndicesBackward0"]),
        onnx: "MaxPool",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        infer(ctx, 2)
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        forward(ctx, 2);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward(ctx, 2);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        vec![inner.whole("largest of each window", MAX.forward)]
    }
    fn made<S: Scalar>(inner: &Inner<S>, _: usize, index: usize) -> Made {
        made(inner, 2, index)
    }
}

/// One output: the largest of its window.
pub(super) fn made<S: Scalar>(inner: &Inner<S>, axes: usize, index: usize) -> Made {
    let window = window_of(inner.params, axes, inner.inputs[0].shape, inner.output.shape, index);
    Made::Function("largest of", window.into_iter().map(|i| Place::Input(0, i)).collect())
}

/// p counts places of the output, k taps of its window, both over all pooled axes.
pub(super) const MAX: Formula = Formula {
    forward: r"z_p = \max_k\, x_{s p + k - P}",
    local: r"\frac{\partial z_p}{\partial x_i} = [\,i \text{ won in window } p\,]",
    chain: r"\frac{\partial L}{\partial x_i} = \sum_{p:\ i \text{ won in } p} \delta_p",
};

/// The shape rule; one number per output is saved: which tap of its window won.
pub(super) fn infer(ctx: &InferCtx, axes: usize) -> Result<Inferred, Fault> {
    let mut inferred = pooled(ctx, axes)?;
    inferred.saved = Some(inferred.output.clone());
    Ok(inferred)
}

pub(super) fn forward<S: Scalar>(ctx: &mut Forward<S>, axes: usize) {
    let x = ctx.inputs[0];
    let pool = pool(ctx.params, axes, x.shape, ctx.output.shape);
    kernels::pool::max(&pool, x.data, ctx.output.data, ctx.saved);
}

pub(super) fn backward<S: Scalar>(ctx: &mut Backward<S>, axes: usize) {
    let Some(grad) = &mut ctx.grad_inputs[0] else { return };
    let pool = pool(ctx.params, axes, grad.shape, ctx.grad_output.shape);
    kernels::pool::max_back(&pool, ctx.saved, ctx.grad_output.data, grad.data);
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn the_strongest_of_each_window_gets_through_and_gets_the_gradient() {
        let x = [1.0, 2.0, 0.0, -1.0, 4.0, 3.0, -2.0, -3.0, 5.0, 5.0, 0.0, 7.0, 5.0, 5.0, 6.0, 8.0];
        let ran = run("max_pool2d", &[], &[(&[1, 1, 4, 4], &x)], &[10.0, 20.0, 30.0, 40.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[1, 1, 2, 2][..], &[4.0, 0.0, 5.0, 8.0][..]));
        let won = [0.0, 0.0, 20.0, 0.0, 10.0, 0.0, 0.0, 0.0, 30.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0];
        assert_eq!(ran.grad(0), won);
    }

    #[test]
    fn an_element_that_wins_twice_gets_both_gradients_and_padding_never_wins() {
        let set = [("kernel_size", Value::Int(3)), ("stride", Value::Int(1)), ("padding", Value::Int(1))];
        let ran = run("max_pool2d", &set, &[(&[1, 1, 1, 3], &[-5.0, -1.0, -2.0])], &[1.0, 10.0, 100.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[-1.0; 3][..], &[0.0, 111.0, 0.0][..]));
    }

    #[test]
    fn shapes_are_pytorchs_with_and_without_ceil_mode() {
        let set = |k, s, p, c| {
            [
                ("kernel_size", Value::Int(k)),
                ("stride", Value::Int(s)),
                ("padding", Value::Int(p)),
                ("ceil_mode", Value::Bool(c)),
            ]
        };
        let of = |set: &[(&str, Value)], h, w| shape("max_pool2d", set, &[Shape::batch(&[3, h, w])]);
        assert_eq!(of(&[], 28, 29), Shape::batch(&[3, 14, 14]));
        assert_eq!(of(&set(2, 0, 0, true), 28, 29), Shape::batch(&[3, 14, 15]));
        // The third window would begin in the padding behind the image.
        assert_eq!(of(&set(2, 2, 1, true), 3, 4), Shape::batch(&[3, 2, 3]));
        assert_eq!(of(&set(3, 1, 0, false), 6, 7), Shape::batch(&[3, 4, 5]));
    }

    #[test]
    fn windows_that_do_not_fit_and_missing_axes_are_mended() {
        let f = fault("max_pool2d", &[("kernel_size", Value::Int(5))], &[Shape::batch(&[3, 8, 4])]);
        assert_eq!((f.axis, f.hints), (Some(3), vec![Hint::Set("kernel_size", Value::Int(4))]));
        let f = fault("max_pool2d", &[("padding", Value::Int(2))], &[Shape::batch(&[3, 8, 8])]);
        assert_eq!(f.hints, [Hint::Set("padding", Value::Int(1))]);
        let f = fault("max_pool2d", &[], &[Shape::batch(&[8, 8])]);
        assert_eq!(f.hints, [Hint::InsertBefore(0, "unsqueeze", vec![("dim", Value::Int(1))])]);
        let f = fault("max_pool2d", &[], &[Shape::batch(&[64])]);
        let image = Value::Ints(vec![-1, 1, 8, 8]);
        assert_eq!(f.hints, [Hint::InsertBefore(0, "reshape", vec![("shape", image)])]);
        assert!(fault("max_pool2d", &[], &[Shape::scalar()]).message.contains("images"));
    }
}
