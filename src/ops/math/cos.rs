//! The cosine of each element, in radians: cos′ = −sin.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Cos;

impl Op for Cos {
    const SPEC: Spec = Spec {
        id: "cos",
        label: "Cosine",
        reads: READS_INPUT,
        formula: Formula { forward: r"y_i = \cos x_i", local: r"f'(x_i) = -\sin x_i", chain: CHAIN },
        doc: "The cosine of each element, in radians; with the sine it codes positions and angles without a jump at the full turn. Its slope is zero at 0, so a network that starts there gets no gradient.",
        torch: "torch.cos",
        grad_fn: GradFn::Names(&["CosBackward0"]),
        onnx: "Cos",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.cos());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| -g * x.sin());
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn at_zero_and_at_a_quarter_turn() {
        let ran = run("cos", &[], &[(&[2], &[0.0, std::f64::consts::FRAC_PI_2])], &[2.0, 3.0]);
        near(&ran.output, &[1.0, 0.0]);
        near(ran.grad(0), &[0.0, -3.0]);
    }
}
