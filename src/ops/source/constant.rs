//! A tensor of one repeated number.

use super::{SOURCE, fixed_shape};
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value};
use crate::tensor::Scalar;

/// See the module.
pub struct Constant;

impl Op for Constant {
    const SPEC: Spec = Spec {
        id: "constant",
        label: "Constant",
        params: &[
            ParamSpec {
                name: "value",
                kind: ParamKind::Float { min: -1e30, max: 1e30, log: false },
                default: || Value::Float(1.0),
                unit: "",
                doc: "The number in every element.",
            },
            ParamSpec {
                name: "shape",
                kind: ParamKind::Ints,
                default: || Value::Ints(vec![]),
                unit: "",
                doc: "Lengths of the axes; nothing for a single number.",
            },
        ],
        formula: Formula { forward: "z = c", local: r"\text{a constant has no derivative}", chain: "" },
        doc: "The same number in every element; it never learns. Use it to scale or shift with a math node. A single number stretches to any shape.",
        torch: "torch.full",
        onnx: "Constant",
        ..SOURCE
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        Ok(Inferred { output: fixed_shape(ctx.params.ints("shape"))?, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        ctx.output.data.fill(S::of(ctx.params.float("value")));
    }

    fn backward<S: Scalar>(_: &mut Backward<S>) {}
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run},
    };

    #[test]
    fn one_number_everywhere() {
        let ran = run("constant", &[("value", Value::Float(2.5)), ("shape", Value::Ints(vec![2, 2]))], &[], &[1.0; 4]);
        assert_eq!((ran.shape, ran.output), (vec![2, 2], vec![2.5; 4]));
        assert_eq!(run("constant", &[], &[], &[1.0]).output, [1.0]);
    }

    #[test]
    fn a_shape_must_have_elements_and_not_too_many() {
        let of = |sizes: &[i64]| fault("constant", &[("shape", Value::Ints(sizes.to_vec()))], &[]).message;
        assert!(of(&[2, 0]).contains("at least 1") && of(&[-1]).contains("at least 1"));
        assert!(of(&[i64::MAX, i64::MAX]).contains("GiB in f32"));
    }
}
