//! The logistic function `y = 1/(1+e⁻ˣ)`.

use super::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise;

/// See the module.
pub struct Sigmoid;

impl Op for Sigmoid {
    const SPEC: Spec = Spec {
        id: "sigmoid",
        label: "Sigmoid",

        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = \sigma(x_i) = \frac{1}{1 + e^{-x_i}}",
            local: r"f'(x_i) = y_i\,(1 - y_i)",
            chain: CHAIN,
        },
        kinks: "",
        doc: "Squeezes any number into (0, 1), so that it can be read as a probability. Its slope is at most 1/4 and nearly zero beyond ±6, so gradients shrink with every layer: the vanishing gradient. As the last step before a binary cross-entropy, prefer the loss that takes logits, which is exact where this saturates.",
        torch: "torch.nn.Sigmoid",
        grad_fn: GradFn::Names(&["SigmoidBackward0"]),
        onnx: "Sigmoid",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, elementwise::sigmoid);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_output(ctx, |y, g| g * y * (S::one() - y));
    }
}
