//! Each element to a fixed power: (xᵖ)′ = p xᵖ⁻¹, and 0 for p = 0.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{
    Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Repair, Spec,
    Value, When,
};
use crate::tensor::Scalar;

/// See the module.
pub struct Pow;

impl Op for Pow {
    const SPEC: Spec = Spec {
        id: "pow",
        label: "Power",
        params: &[ParamSpec {
            name: "exponent",
            kind: ParamKind::Float { min: -100.0, max: 100.0, log: false },
            default: || Value::Float(2.0),
            unit: "",
            doc: "The power, p in the formula. 2 squares, 0.5 is the square root, −1 the reciprocal.",
        }],
        reads: READS_INPUT,
        formula: Formula { forward: r"y_i = x_i^{\,p}", local: r"f'(x_i) = p\,x_i^{\,p-1}", chain: CHAIN },
        kinks: "x = 0, only where the exponent is below 1 and not 0",
        doc: "Each element to a fixed power. A square makes large errors count more, which is the idea of the squared loss. A negative number has no power that is not whole: that gives NaN. Below an exponent of 1 the gradient explodes near zero.",
        torch: "torch.pow",
        grad_fn: GradFn::Names(&["PowBackward0"]),
        onnx: "Pow",
        ..UNARY
    };

    const BREAKS: &'static [Break] = &[
        Break {
            pin: 0,
            when: When::Negative,
            given: |p| p.float("exponent").fract() != 0.0,
            backward: false,
            says: "a negative number has no power whose exponent is not whole",
            repairs: POSITIVE,
        },
        Break {
            pin: 0,
            when: When::Zero,
            given: |p| p.float("exponent") < 0.0,
            backward: false,
            says: "0 to a negative power is a division by zero",
            repairs: POSITIVE,
        },
        Break {
            pin: 0,
            when: When::Zero,
            given: |p| p.float("exponent") < 1.0,
            backward: true,
            says: "the slope of a power below 1 is infinite at 0: δ · p · 0^(p − 1)",
            repairs: POSITIVE,
        },
        Break {
            pin: 0,
            when: When::Outside(-1.0, 1.0),
            given: |p| p.float("exponent") > 1.0,
            backward: false,
            says: "overflow: this power is larger than the largest f32, 3.4e38",
            repairs: &[Repair::Before(0, "clamp", &[("min", -10.0), ("max", 10.0)])],
        },
    ];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let p = ctx.params.float("exponent");
        unary(ctx, |x| power(x, p));
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let p = ctx.params.float("exponent");
        if p == 0.0 {
            return backward_from_input(ctx, |_, _| S::zero());
        }
        backward_from_input(ctx, |x, g| g * S::of(p) * power(x, p - 1.0));
    }
}

/// Keeps what arrives above zero.
const POSITIVE: &[Repair] = &[Repair::Before(0, "clamp", &[("min", 1e-7), ("max", 1e30)])];

/// `xᵖ`; the small whole powers by multiplication.
fn power<S: Scalar>(x: S, p: f64) -> S {
    match p {
        0.0 => S::one(),
        1.0 => x,
        2.0 => x * x,
        3.0 => x * x * x,
        _ => x.powf(S::of(p)),
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{near, run},
    };

    #[test]
    fn powers_of_two_and_minus_three() {
        for (p, y, dx) in [
            (3.0, [8.0, -27.0], [12.0, 27.0]),
            (2.0, [4.0, 9.0], [4.0, -6.0]),
            (1.0, [2.0, -3.0], [1.0, 1.0]),
            (0.0, [1.0, 1.0], [0.0, 0.0]),
            (-1.0, [0.5, -1.0 / 3.0], [-0.25, -1.0 / 9.0]),
            (4.0, [16.0, 81.0], [32.0, -108.0]),
        ] {
            let ran = run("pow", &[("exponent", Value::Float(p))], &[(&[2], &[2.0, -3.0])], &[1.0, 1.0]);
            near(&ran.output, &y);
            near(ran.grad(0), &dx);
        }
    }

    #[test]
    fn a_negative_number_has_no_square_root() {
        assert!(run("pow", &[("exponent", Value::Float(0.5))], &[(&[1], &[-1.0])], &[1.0]).output[0].is_nan());
    }
}
