//! The rectifier capped at 6. Source: Howard et al. 2017 (MobileNet).

use super::{CHAIN, READS_OUTPUT, UNARY, backward_from_output, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Relu6;

impl Op for Relu6 {
    const SPEC: Spec = Spec {
        id: "relu6",
        label: "ReLU6",

        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = \min(\max(0, x_i), 6)",
            local: r"f'(x_i) = \begin{cases} 1 & 0 < x_i < 6 \\ 0 & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = 0 and x = 6",
        doc: "A ReLU that stops growing at 6. The bound keeps numbers small enough for 8-bit arithmetic, which is why networks for telephones use it. Above 6 it passes no gradient, as below 0.",
        torch: "torch.nn.ReLU6",
        grad_fn: GradFn::Names(&["HardtanhBackward0"]),
        onnx: "Clip",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 2)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let six = S::of(6.0);
        unary(ctx, |x| {
            let y = if x <= S::zero() { S::zero() } else { x };
            if y > six { six } else { y }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let six = S::of(6.0);
        backward_from_output(ctx, |y, g| if y <= S::zero() || y >= six { S::zero() } else { g });
    }
}
