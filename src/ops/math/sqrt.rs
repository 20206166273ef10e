//! The square root of each element: (√x)′ = 1/(2√x), from the result alone.

use crate::ops::unary::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Repair, Spec, When};
use crate::tensor::Scalar;

/// See the module.
pub struct Sqrt;

impl Op for Sqrt {
    const SPEC: Spec = Spec {
        id: "sqrt",
        label: "Square root",
        reads: READS_OUTPUT,
        formula: Formula { forward: r"y_i = \sqrt{x_i}", local: r"f'(x_i) = \frac{1}{2\sqrt{x_i}}", chain: CHAIN },
        doc: "The square root of each element, as in a standard deviation or a norm. Its slope has no bound near zero: at exactly 0 the gradient is infinite, so a small number is usually added first. A negative number gives NaN.",
        torch: "torch.sqrt",
        grad_fn: GradFn::Names(&["SqrtBackward0"]),
        onnx: "Sqrt",
        ..UNARY
    };
    const BREAKS: &'static [Break] = &[
        Break {
            pin: 0,
            when: When::Negative,
            given: |_| true,
            backward: false,
            says: "a negative number has no square root",
            repairs: &[Repair::Before(0, "clamp", &[("min", 1e-7), ("max", 1e30)])],
        },
        Break {
            pin: 0,
            when: When::Zero,
            given: |_| true,
            backward: true,
            says: "the slope of the square root at 0 is infinite: δ / (2√0)",
            repairs: &[Repair::Before(0, "clamp", &[("min", 1e-7), ("max", 1e30)])],
        },
    ];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.sqrt());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_output(ctx, |y, g| g / (y + y));
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn of_four_and_a_quarter() {
        let ran = run("sqrt", &[], &[(&[2], &[4.0, 0.25])], &[1.0, 2.0]);
        near(&ran.output, &[2.0, 0.5]);
        near(ran.grad(0), &[0.25, 2.0]);
    }

    #[test]
    fn at_zero_the_slope_is_infinite_as_in_pytorch() {
        assert_eq!(run("sqrt", &[], &[(&[1], &[0.0])], &[1.0]).grad(0), [f64::INFINITY]);
    }
}
