//! The other sign for each element.

use crate::ops::unary::{CHAIN, READS_NOTHING, UNARY, backward_plain, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Neg;

impl Op for Neg {
    const SPEC: Spec = Spec {
        id: "neg",
        label: "Negate",
        reads: READS_NOTHING,
        formula: Formula { forward: r"y_i = -x_i", local: r"f'(x_i) = -1", chain: CHAIN },
        doc: "Turns the sign of each element. The gradient comes back with the other sign, so it also turns a score to maximise into a loss to minimise.",
        torch: "torch.neg",
        grad_fn: GradFn::Names(&["NegBackward0"]),
        onnx: "Neg",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| -x);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_plain(ctx, |g| -g);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn turns_both_signs() {
        let ran = run("neg", &[], &[(&[2], &[-3.0, 2.0])], &[5.0, -7.0]);
        near(&ran.output, &[3.0, -2.0]);
        near(ran.grad(0), &[-5.0, 7.0]);
    }
}
