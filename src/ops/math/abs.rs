//! The absolute value of each element: |x|′ = sign(x), and 0 at the corner as PyTorch has it.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Abs;

impl Op for Abs {
    const SPEC: Spec = Spec {
        id: "abs",
        label: "Absolute value",
        reads: READS_INPUT,
        formula: Formula { forward: r"y_i = |x_i|", local: r"f'(x_i) = \operatorname{sign}(x_i)", chain: CHAIN },
        kinks: "x = 0",
        doc: "The size of each element without its sign. The gradient passes with the sign of the input, whatever its size; at exactly 0, where the slope jumps from −1 to 1, it is 0.",
        torch: "torch.abs",
        grad_fn: GradFn::Names(&["AbsBackward0"]),
        onnx: "Abs",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.abs());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| if x == S::zero() { S::zero() } else { g * x.signum() });
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn drops_the_sign_and_gives_it_to_the_gradient() {
        let ran = run("abs", &[], &[(&[3], &[-3.0, 0.0, 2.0])], &[5.0, 6.0, 7.0]);
        near(&ran.output, &[3.0, 0.0, 2.0]);
        near(ran.grad(0), &[-5.0, 0.0, 7.0]);
    }
}
