//! The quotient of two tensors, element by element.

use super::shared::{BINARY, binary, binary_back, broadcast_shape};
use crate::ops::{Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Reads, Repair, Spec, When};
use crate::tensor::Scalar;

/// See the module.
pub struct Div;

impl Op for Div {
    const SPEC: Spec = Spec {
        id: "div",
        label: "Divide",
        reads: Reads { inputs: true, weights: false, output: false },
        formula: Formula {
            forward: r"z = a / b",
            local: r"\frac{\partial z}{\partial a} = \frac{1}{b},\quad \frac{\partial z}{\partial b} = -\frac{a}{b^2}",
            chain: r"\frac{\partial L}{\partial a} = \frac{\delta}{b},\quad \frac{\partial L}{\partial b} = -\delta\,\frac{a}{b^2}",
        },
        doc: "The quotient of two tensors, element by element. Near a zero below the line both value and gradient explode. Axes of length 1 stretch.",
        torch: "torch.div",
        grad_fn: GradFn::Names(&["DivBackward0"]),
        onnx: "Div",
        ..BINARY
    };
    const BREAKS: &'static [Break] = &[Break {
        pin: 1,
        when: When::Zero,
        given: |_| true,
        backward: false,
        says: "division by zero: x/0 is infinite, 0/0 is not defined",
        repairs: &[Repair::Before(1, "clamp", &[("min", 1e-7), ("max", 1e30)])],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        broadcast_shape(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        binary(ctx, |a, b| a / b);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        binary_back(ctx, |g, _, b| g / b, |g, a, b| -g * a / (b * b));
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn each_by_a_number() {
        let ran = run("div", &[], &[(&[2], &[5.0, 6.0]), (&[], &[2.0])], &[3.0, 4.0]);
        near(&ran.output, &[2.5, 3.0]);
        near(ran.grad(0), &[1.5, 2.0]);
        near(ran.grad(1), &[-9.75]);
    }

    #[test]
    fn two_of_one_shape() {
        let ran = run("div", &[], &[(&[2], &[8.0, -6.0]), (&[2], &[2.0, 3.0])], &[1.0, 2.0]);
        near(&ran.output, &[4.0, -2.0]);
        near(ran.grad(0), &[0.5, 2.0 / 3.0]);
        near(ran.grad(1), &[-2.0, 4.0 / 3.0]);
    }
}
