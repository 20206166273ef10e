//! The smooth rectifier `y = ln(1+e^{βx})/β`.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise;

/// See the module.
pub struct Softplus;

impl Op for Softplus {
    const SPEC: Spec = Spec {
        id: "softplus",
        label: "Softplus",
        params: &[
            ParamSpec {
                name: "beta",
                kind: ParamKind::Float { min: 1e-3, max: 1e3, log: true },
                default: || Value::Float(1.0),
                unit: "",
                doc: "How sharp the corner is.",
            },
            ParamSpec {
                name: "threshold",
                kind: ParamKind::Float { min: 0.0, max: 1e3, log: false },
                default: || Value::Float(20.0),
                unit: "",
                doc: "Where βx exceeds this, the output is x itself, as the two no longer differ in single precision.",
            },
        ],

        formula: Formula {
            forward: r"y_i = \tfrac{1}{\beta} \ln(1 + e^{\beta x_i})",
            local: r"f'(x_i) = \sigma(\beta x_i)",
            chain: CHAIN,
        },
        kinks: "",
        doc: "ReLU with its corner rounded; its derivative is the sigmoid. The output is always positive, so it is used where a network must produce a variance or a rate. Larger β brings it nearer to ReLU.",
        torch: "torch.nn.Softplus",
        grad_fn: GradFn::Names(&["SoftplusBackward0"]),
        onnx: "Softplus",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (beta, threshold) = (S::of(ctx.params.float("beta")), S::of(ctx.params.float("threshold")));
        unary(ctx, |x| if x * beta > threshold { x } else { elementwise::softplus(x * beta) / beta });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (beta, threshold) = (S::of(ctx.params.float("beta")), S::of(ctx.params.float("threshold")));
        backward_from_input(ctx, |x, g| if x * beta > threshold { g } else { g * elementwise::sigmoid(x * beta) });
    }
}
