//! The piecewise linear tanh: a clamp.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Params, Spec, Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct HardTanh;

impl Op for HardTanh {
    const SPEC: Spec = Spec {
        id: "hard_tanh",
        label: "Hard tanh",
        params: &[
            ParamSpec {
                name: "min_val",
                kind: ParamKind::Float { min: -1e6, max: 1e6, log: false },
                default: || Value::Float(-1.0),
                unit: "",
                doc: "The lower bound, a in the formula.",
            },
            ParamSpec {
                name: "max_val",
                kind: ParamKind::Float { min: -1e6, max: 1e6, log: false },
                default: || Value::Float(1.0),
                unit: "",
                doc: "The upper bound, b in the formula; above the lower one.",
            },
        ],

        formula: Formula {
            forward: r"y_i = \min(\max(x_i, a), b)",
            local: r"f'(x_i) = \begin{cases} 1 & a < x_i < b \\ 0 & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = min_val and x = max_val",
        doc: "Passes its input on between two bounds and cuts it off outside. It is tanh drawn with a ruler: cheap, and exactly linear near zero. Outside the bounds no gradient passes.",
        torch: "torch.nn.Hardtanh",
        grad_fn: GradFn::Names(&["HardtanhBackward0"]),
        onnx: "Clip",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (lo, hi) = bounds::<f64>(ctx.params);
        if lo >= hi {
            let message =
                format!("The lower bound {lo} must be below the upper bound {hi}, or every output is the same.");
            return Err(Fault::new(message).hint(Hint::Set("max_val", Value::Float(lo + 2.0))));
        }
        same_shape(ctx, 2)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (lo, hi) = bounds(ctx.params);
        unary(ctx, |x| {
            let y = if x < lo { lo } else { x };
            if y > hi { hi } else { y }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (lo, hi) = bounds(ctx.params);
        backward_from_input(ctx, |x, g| if x <= lo || x >= hi { S::zero() } else { g });
    }
}

fn bounds<S: Scalar>(params: &Params) -> (S, S) {
    (S::of(params.float("min_val")), S::of(params.float("max_val")))
}
