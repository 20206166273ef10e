//! The exponential of each element: (eˣ)′ = eˣ, so the backward pass needs only the result.

use crate::ops::unary::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Repair, Spec, When};
use crate::tensor::Scalar;

/// See the module.
pub struct Exp;

impl Op for Exp {
    const SPEC: Spec = Spec {
        id: "exp",
        label: "Exp",
        reads: READS_OUTPUT,
        formula: Formula { forward: r"y_i = e^{x_i}", local: r"f'(x_i) = e^{x_i} = y_i", chain: CHAIN },
        doc: "e to the power of each element. It is its own derivative, so where the value is large the gradient is as large; above 88 it overflows in single precision. Softmax and the exponential families are built on it.",
        torch: "torch.exp",
        grad_fn: GradFn::Names(&["ExpBackward0"]),
        onnx: "Exp",
        ..UNARY
    };

    const BREAKS: &'static [Break] = &[Break {
        pin: 0,
        when: When::Outside(f64::NEG_INFINITY, 88.7),
        given: |_| true,
        backward: false,
        says: "overflow: above 88.7 the exponential is larger than the largest f32, 3.4e38",
        repairs: &[Repair::Before(0, "clamp", &[("min", -80.0), ("max", 80.0)])],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.exp());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_output(ctx, |y, g| g * y);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn doubles_with_every_ln_2() {
        let ran = run("exp", &[], &[(&[2], &[0.0, std::f64::consts::LN_2])], &[3.0, -4.0]);
        near(&ran.output, &[1.0, 2.0]);
        near(ran.grad(0), &[3.0, -8.0]);
    }
}
