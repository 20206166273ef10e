//! The piecewise quadratic SiLU. Source: Howard et al. 2019 (MobileNetV3).

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct HardSwish;

impl Op for HardSwish {
    const SPEC: Spec = Spec {
        id: "hard_swish",
        label: "Hard swish",

        formula: Formula {
            forward: r"y_i = x_i \cdot \tfrac{1}{6} \min(\max(x_i + 3,\, 0),\, 6)",
            local: r"f'(x_i) = \begin{cases} 0 & x_i \le -3 \\ \tfrac{x_i}{3} + \tfrac{1}{2} & |x_i| < 3 \\ 1 & x_i \ge 3 \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = −3 and x = 3",
        doc: "SiLU with the hard sigmoid in place of the sigmoid, so it needs no exponential. Between −3 and 3 it is a parabola, outside it is 0 or the identity. It comes from networks for telephones.",
        torch: "torch.nn.Hardswish",
        grad_fn: GradFn::Names(&["HardswishBackward0"]),
        onnx: "HardSwish",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (six, three) = (S::of(6.0), S::of(3.0));
        unary(ctx, |x| {
            if x <= -three {
                S::zero()
            } else if x >= three {
                x
            } else {
                x * (x + three) / six
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let three = S::of(3.0);
        backward_from_input(ctx, |x, g| {
            if x <= -three {
                S::zero()
            } else if x >= three {
                g
            } else {
                g * (x / three + S::of(0.5))
            }
        });
    }
}
