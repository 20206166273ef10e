//! The product of two tensors, element by element.

use super::shared::{BINARY, binary, binary_back, broadcast_shape};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Reads, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Mul;

impl Op for Mul {
    const SPEC: Spec = Spec {
        id: "mul",
        label: "Multiply",
        reads: Reads { inputs: true, weights: false, output: false },
        formula: Formula {
            forward: r"z = a \odot b",
            local: r"\frac{\partial z}{\partial a} = b,\quad \frac{\partial z}{\partial b} = a",
            chain: r"\frac{\partial L}{\partial a} = \delta \odot b,\quad \frac{\partial L}{\partial b} = \delta \odot a",
        },
        doc: "The product of two tensors, element by element. Each side's gradient is scaled by the other side's value, so a zero on one side blocks the gradient of the other. Axes of length 1 stretch.",
        torch: "torch.mul",
        grad_fn: GradFn::Names(&["MulBackward0"]),
        onnx: "Mul",
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        broadcast_shape(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        binary(ctx, |a, b| a * b);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        binary_back(ctx, |g, _, b| g * b, |g, a, _| g * a);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn each_times_a_number() {
        let ran = run("mul", &[], &[(&[2], &[5.0, 6.0]), (&[], &[2.0])], &[3.0, 4.0]);
        near(&ran.output, &[10.0, 12.0]);
        near(ran.grad(0), &[6.0, 8.0]);
        near(ran.grad(1), &[39.0]);
    }

    #[test]
    fn two_of_one_shape() {
        let ran = run("mul", &[], &[(&[2], &[8.0, -6.0]), (&[2], &[2.0, 3.0])], &[1.0, 2.0]);
        near(&ran.output, &[16.0, -18.0]);
        near(ran.grad(0), &[2.0, 6.0]);
        near(ran.grad(1), &[8.0, -12.0]);
    }
}
