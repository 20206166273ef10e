//! The difference of two tensors, element by element.

use super::shared::{BINARY, binary, binary_back, broadcast_shape};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Sub;

impl Op for Sub {
    const SPEC: Spec = Spec {
        id: "sub",
        label: "Subtract",
        formula: Formula {
            forward: r"z = a - b",
            local: r"\frac{\partial z}{\partial a} = 1,\quad \frac{\partial z}{\partial b} = -1",
            chain: r"\frac{\partial L}{\partial a} = \delta,\quad \frac{\partial L}{\partial b} = -\delta",
        },
        doc: "The difference of two tensors, element by element. The gradient reaches the second side with the other sign. Axes of length 1 stretch.",
        torch: "torch.sub",
        grad_fn: GradFn::Names(&["SubBackward0"]),
        onnx: "Sub",
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        broadcast_shape(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        binary(ctx, |a, b| a - b);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        binary_back(ctx, |g, _, _| g, |g, _, _| -g);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn a_number_from_each() {
        let ran = run("sub", &[], &[(&[2], &[5.0, 6.0]), (&[], &[2.0])], &[5.0, 6.0]);
        near(&ran.output, &[3.0, 4.0]);
        near(ran.grad(0), &[5.0, 6.0]);
        near(ran.grad(1), &[-11.0]);
    }

    #[test]
    fn two_of_one_shape() {
        let ran = run("sub", &[], &[(&[2], &[8.0, -6.0]), (&[2], &[2.0, 3.0])], &[1.0, 2.0]);
        near(&ran.output, &[6.0, -9.0]);
        near(ran.grad(0), &[1.0, 2.0]);
        near(ran.grad(1), &[-1.0, -2.0]);
    }
}
