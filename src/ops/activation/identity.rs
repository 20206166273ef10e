//! The identity `y = x`; its gradient is passed on unchanged.

use super::{CHAIN, READS_NOTHING, UNARY, same_shape};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Identity;

impl Op for Identity {
    const SPEC: Spec = Spec {
        id: "identity",
        label: "Identity",

        reads: READS_NOTHING,
        formula: Formula { forward: r"y_i = x_i", local: r"f'(x_i) = 1", chain: CHAIN },
        kinks: "",
        doc: "Passes its input on unchanged, and the gradient with it. A network without any non-linearity collapses into one linear map, however many layers it has: put this in place of an activation to see it happen. It is also the activation of the last layer in regression.",
        torch: "torch.nn.Identity",
        grad_fn: GradFn::Same,
        onnx: "Identity",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 0)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        ctx.output.data.copy_from_slice(ctx.inputs[0].data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if let Some(grad) = &mut ctx.grad_inputs[0] {
            grad.data.copy_from_slice(ctx.grad_output.data);
        }
    }
}
