//! The exponential linear unit. Source: Clevert et al. 2015.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct Elu;

impl Op for Elu {
    const SPEC: Spec = Spec {
        id: "elu",
        label: "ELU",
        params: &[ParamSpec {
            name: "alpha",
            kind: ParamKind::Float { min: 0.0, max: 100.0, log: false },
            default: || Value::Float(1.0),
            unit: "",
            doc: "Minus the value it tends to far below zero. 1 makes the slope continuous at zero.",
        }],

        formula: Formula {
            forward: r"y_i = \begin{cases} x_i & x_i > 0 \\ \alpha\,(e^{x_i} - 1) & x_i \le 0 \end{cases}",
            local: r"f'(x_i) = \begin{cases} 1 & x_i > 0 \\ \alpha\,e^{x_i} & x_i \le 0 \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = 0 unless α = 1",
        doc: "Like ReLU above zero, but bends smoothly towards −α below. Outputs have a mean nearer to zero, which helps the layer after it. It costs an exponential for each negative input.",
        torch: "torch.nn.ELU",
        grad_fn: GradFn::Names(&["EluBackward0"]),
        onnx: "Elu",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let alpha = S::of(ctx.params.float("alpha"));
        unary(ctx, |x| if x > S::zero() { x } else { alpha * x.exp_m1() });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let alpha = S::of(ctx.params.float("alpha"));
        backward_from_input(ctx, |x, g| if x > S::zero() { g } else { g * alpha * x.exp() });
    }
}
