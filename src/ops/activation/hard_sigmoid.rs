//! The piecewise linear sigmoid. Source: Courbariaux et al. 2015, with PyTorch's slope 1/6.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct HardSigmoid;

impl Op for HardSigmoid {
    const SPEC: Spec = Spec {
        id: "hard_sigmoid",
        label: "Hard sigmoid",

        formula: Formula {
            forward: r"y_i = \min(\max(\tfrac{x_i}{6} + \tfrac{1}{2},\, 0),\, 1)",
            local: r"f'(x_i) = \begin{cases} \tfrac{1}{6} & |x_i| < 3 \\ 0 & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = −3 and x = 3",
        doc: "The sigmoid drawn with three straight lines, without an exponential. Between −3 and 3 its slope is 1/6, outside it is zero and nothing is learned. Networks for small devices use it.",
        torch: "torch.nn.Hardsigmoid",
        grad_fn: GradFn::Names(&["HardsigmoidBackward0"]),
        onnx: "HardSigmoid",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 3)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (six, three) = (S::of(6.0), S::of(3.0));
        unary(ctx, |x| {
            if x <= -three {
                S::zero()
            } else if x >= three {
                S::one()
            } else {
                (x + three) / six
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let three = S::of(3.0);
        backward_from_input(ctx, |x, g| if x.abs() >= three { S::zero() } else { g / S::of(6.0) });
    }
}
