//! The identity without a way back: ∂L/∂x is cut off, not zero times something.

use crate::ops::unary::{UNARY, copy};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Detach;

impl Op for Detach {
    const SPEC: Spec = Spec {
        id: "detach",
        label: "Detach",
        no_grad: &[0],
        formula: Formula {
            forward: r"z = x",
            local: r"\frac{\partial z}{\partial x} := 0",
            chain: r"\frac{\partial L}{\partial x} = 0 \quad \text{no gradient flows back}",
        },
        doc: "Passes the values and stops the gradient: what lies before it learns nothing from what lies behind it. Used for targets that a network makes for itself, for frozen features, and to leave one term out of a derivative.",
        torch: "torch.Tensor.detach",
        onnx: "Identity",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        Ok(Inferred { output: ctx.inputs[0].clone(), ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        copy(ctx);
    }

    fn backward<S: Scalar>(_: &mut Backward<S>) {}
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::run;

    #[test]
    fn values_pass_and_gradients_do_not() {
        let ran = run("detach", &[], &[(&[2], &[1.5, -2.0])], &[1.0, 1.0]);
        assert_eq!((ran.output, ran.grads), (vec![1.5, -2.0], vec![None]));
    }
}
