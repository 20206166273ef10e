//! A rectifier that lets a little through below zero. Source: Maas et al. 2013.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct LeakyRelu;

impl Op for LeakyRelu {
    const SPEC: Spec = Spec {
        id: "leaky_relu",
        label: "Leaky ReLU",
        params: &[ParamSpec {
            name: "negative_slope",
            kind: ParamKind::Float { min: -10.0, max: 10.0, log: false },
            default: || Value::Float(0.01),
            unit: "",
            doc: "The slope below zero, a in the formula. 0 is ReLU, 1 the identity.",
        }],

        formula: Formula {
            forward: r"y_i = \begin{cases} x_i & x_i > 0 \\ a\,x_i & x_i \le 0 \end{cases}",
            local: r"f'(x_i) = \begin{cases} 1 & x_i > 0 \\ a & x_i \le 0 \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = 0",
        doc: "A ReLU with a small slope below zero instead of none. Because some gradient always passes, a unit cannot die. Use it where many ReLU units stay at zero.",
        torch: "torch.nn.LeakyReLU",
        grad_fn: GradFn::Names(&["LeakyReluBackward0"]),
        onnx: "LeakyRelu",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 2)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let slope = S::of(ctx.params.float("negative_slope"));
        unary(ctx, |x| if x > S::zero() { x } else { slope * x });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let slope = S::of(ctx.params.float("negative_slope"));
        backward_from_input(ctx, |x, g| if x > S::zero() { g } else { slope * g });
    }
}
