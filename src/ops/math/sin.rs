//! The sine of each element, in radians: sin′ = cos.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Sin;

impl Op for Sin {
    const SPEC: Spec = Spec {
        id: "sin",
        label: "Sine",
        reads: READS_INPUT,
        formula: Formula { forward: r"y_i = \sin x_i", local: r"f'(x_i) = \cos x_i", chain: CHAIN },
        doc: "The sine of each element, in radians. Used for positions in transformers and for networks that learn waves and pictures (SIREN). Far from zero many inputs give one value, so the loss has many valleys.",
        torch: "torch.sin",
        grad_fn: GradFn::Names(&["SinBackward0"]),
        onnx: "Sin",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.sin());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| g * x.cos());
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn at_zero_and_at_a_quarter_turn() {
        let ran = run("sin", &[], &[(&[2], &[0.0, std::f64::consts::FRAC_PI_2])], &[2.0, 3.0]);
        near(&ran.output, &[0.0, 1.0]);
        near(ran.grad(0), &[2.0, 0.0]);
    }
}
