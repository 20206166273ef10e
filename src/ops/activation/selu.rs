//! The self-normalising unit: a scaled ELU. Source: Klambauer et al. 2017.

use super::{CHAIN, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Selu;

impl Op for Selu {
    const SPEC: Spec = Spec {
        id: "selu",
        label: "SELU",

        formula: Formula {
            forward: r"y_i = \lambda \begin{cases} x_i & x_i > 0 \\ \alpha\,(e^{x_i} - 1) & x_i \le 0 \end{cases}, \quad \alpha \approx 1.6733,\ \lambda \approx 1.0507",
            local: r"f'(x_i) = \lambda \begin{cases} 1 & x_i > 0 \\ \alpha\,e^{x_i} & x_i \le 0 \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = 0",
        doc: "An ELU whose two constants are chosen so that mean 0 and variance 1 reproduce themselves from layer to layer. This works in plain stacks of linear layers with weights of variance 1/fan-in. It spares such networks a normalisation layer.",
        torch: "torch.nn.SELU",
        grad_fn: GradFn::Names(&["EluBackward0"]),
        onnx: "Selu",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (alpha, scale) = (S::of(ALPHA), S::of(SCALE));
        unary(ctx, |x| scale * if x > S::zero() { x } else { alpha * x.exp_m1() });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (alpha, scale) = (S::of(ALPHA), S::of(SCALE));
        backward_from_input(ctx, |x, g| g * scale * if x > S::zero() { S::one() } else { alpha * x.exp() });
    }
}

const ALPHA: f64 = 1.673_263_242_354_377_2;
const SCALE: f64 = 1.050_700_987_355_480_5;
