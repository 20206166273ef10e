//! The unit step of the perceptron; its derivative is zero wherever it exists.

use super::{CHAIN, READS_NOTHING, UNARY, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value};
use crate::tensor::Scalar;

/// See the module.
pub struct Heaviside;

impl Op for Heaviside {
    const SPEC: Spec = Spec {
        id: "heaviside",
        label: "Step",
        params: &[ParamSpec {
            name: "values",
            kind: ParamKind::Float { min: -1e6, max: 1e6, log: false },
            default: || Value::Float(1.0),
            unit: "",
            doc: "The value at x = 0, v in the formula. 1 makes a neuron fire that is exactly at its threshold.",
        }],
        reads: READS_NOTHING,
        formula: Formula {
            forward: r"y_i = \begin{cases} 0 & x_i < 0 \\ v & x_i = 0 \\ 1 & x_i > 0 \end{cases}",
            local: r"f'(x_i) = 0 \quad (x_i \neq 0)",
            chain: CHAIN,
        },
        kinks: "x = 0",
        doc: "The activation of the first perceptron of 1958: the neuron fires or it does not. Its derivative is zero everywhere it exists, so no gradient passes and backpropagation teaches nothing to the layers before it. Compare with the sigmoid, its smooth relative.",
        torch: "torch.heaviside",
        onnx: "",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let at_zero = S::of(ctx.params.float("values"));
        // A NaN falls through all comparisons and is passed on.
        unary(ctx, |x| {
            if x > S::zero() {
                S::one()
            } else if x < S::zero() {
                S::zero()
            } else if x == S::zero() {
                at_zero
            } else {
                x
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if let Some(grad) = &mut ctx.grad_inputs[0] {
            grad.data.fill(S::zero());
        }
    }
}
