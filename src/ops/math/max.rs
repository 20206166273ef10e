//! The largest element over some or all axes.
//!
//! ∂L/∂x is δ where the maximum came from, shared out evenly where several are as large; as `torch.amax`.

use super::shared::{REDUCE, gone, reduced};
use crate::ops::unary::UNARY;
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Reads, Spec};
use crate::tensor::{Scalar, kernels::reduce};

/// See the module.
pub struct Max;

impl Op for Max {
    const SPEC: Spec = Spec {
        id: "max",
        label: "Max",
        params: REDUCE,
        reads: Reads { inputs: true, weights: false, output: true },
        formula: Formula {
            forward: r"z = \max_i x_i",
            local: r"\frac{\partial z}{\partial x_i} = \frac{[\,x_i = z\,]}{\#\{k : x_k = z\}}",
            chain: r"\frac{\partial L}{\partial x_i} = \begin{cases} \delta / \#\{k : x_k = z\} & x_i = z \\ 0 & \text{otherwise} \end{cases}",
        },
        kinks: "where two elements are the largest",
        doc: "The largest element over some or all axes, as the strongest response in global max pooling. Only the element that won gets the gradient, the others get none; equal winners share it evenly.",
        torch: "torch.amax",
        grad_fn: GradFn::Names(&["AmaxBackward0"]),
        onnx: "ReduceMax",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let mut inferred = reduced(ctx)?;
        inferred.saved = Some(inferred.output.clone());
        Ok(inferred)
    }

    /// Saves how many are as large as the largest.
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0];
        reduce::max(x.shape, x.data, &gone(ctx.params, x.shape.len()), ctx.output.data, ctx.saved);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (x, y, ties, delta) = (ctx.inputs[0], ctx.output.data, ctx.saved, ctx.grad_output.data);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        reduce::spread(x.shape, &gone(ctx.params, x.shape.len()), grad.data, |i, r| {
            if x.data[i] == y[r] { delta[r] / ties[r] } else { S::zero() }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn winners_get_the_gradient_and_equal_winners_share_it() {
        let x = [1.0, 5.0, 5.0, 2.0, -1.0, 0.0];
        let ran = run("max", &[("dim", Value::Ints(vec![1]))], &[(&[2, 3], &x)], &[8.0, 3.0]);
        assert_eq!((ran.shape, ran.output), (vec![2], vec![5.0, 2.0]));
        assert_eq!(ran.grads[0].as_deref(), Some(&[0.0, 4.0, 4.0, 3.0, 0.0, 0.0][..]));
    }

    #[test]
    fn over_all_axes_one_number_is_left() {
        let ran = run("max", &[], &[(&[2, 2], &[1.0, 2.0, 9.0, 3.0])], &[2.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[9.0][..], &[0.0, 0.0, 2.0, 0.0][..]));
        assert!(run("max", &[], &[(&[2], &[f64::NAN, 1.0])], &[1.0]).output[0].is_nan());
    }

    #[test]
    fn an_axis_named_twice_is_a_fault() {
        let f = fault("max", &[("dim", Value::Ints(vec![1, -1]))], &[Shape::batch(&[3])]);
        assert!(f.message.contains("more than once"), "{}", f.message);
    }
}
