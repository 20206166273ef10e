//! Each element kept within two bounds; the gradient passes where the element was within them, bounds included.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::Scalar;

/// See the module.
pub struct Clamp;

const fn bound(name: &'static str, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Float { min: -1e30, max: 1e30, log: false }, default, unit: "", doc }
}

impl Op for Clamp {
    const SPEC: Spec = Spec {
        id: "clamp",
        label: "Clamp",
        params: &[
            bound(
                "min",
                || Value::Float(-1.0),
                "The lower bound, a in the formula. A very small number leaves it open.",
            ),
            bound(
                "max",
                || Value::Float(1.0),
                "The upper bound, b in the formula. A very large number leaves it open.",
            ),
        ],
        reads: READS_INPUT,
        formula: Formula {
            forward: r"y_i = \min(\max(x_i, a), b)",
            local: r"f'(x_i) = \begin{cases} 1 & a \le x_i \le b \\ 0 & \text{otherwise} \end{cases}",
            chain: CHAIN,
        },
        kinks: "x = min and x = max",
        doc: "Keeps every element between two bounds. What lies outside is set to the bound and gets no gradient, so it cannot learn its way back: use it to guard a logarithm or a division, not to shape an output.",
        torch: "torch.clamp",
        grad_fn: GradFn::Names(&["ClampBackward1"]),
        onnx: "Clip",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (min, max) = (ctx.params.float("min"), ctx.params.float("max"));
        if min > max {
            let message = format!("min is {min} but max is {max}: nothing lies between them");
            return Err(Fault::new(message).hint(Hint::Set("max", Value::Float(min))));
        }
        same_shape(ctx, 2)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (min, max) = (S::of(ctx.params.float("min")), S::of(ctx.params.float("max")));
        // A NaN fails both comparisons and is passed on.
        unary(ctx, |x| {
            if x < min {
                min
            } else if x > max {
                max
            } else {
                x
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (min, max) = (S::of(ctx.params.float("min")), S::of(ctx.params.float("max")));
        backward_from_input(ctx, |x, g| if x < min || x > max { S::zero() } else { g });
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn the_bounds_themselves_pass_the_gradient() {
        let ran = run("clamp", &[], &[(&[5], &[-2.0, -1.0, 0.5, 1.0, 2.0])], &[1.0; 5]);
        assert_eq!(ran.output, [-1.0, -1.0, 0.5, 1.0, 1.0]);
        assert_eq!(ran.grad(0), [0.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn bounds_in_the_wrong_order_are_a_fault() {
        let f = fault("clamp", &[("min", Value::Float(2.0))], &[Shape::batch(&[3])]);
        assert!(f.message.contains("min is 2 but max is 1") && f.hints.len() == 1, "{f:?}");
    }
}
