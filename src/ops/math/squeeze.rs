//! Axes of length 1 taken away; no number moves.

use crate::ops::unary::{UNARY, copy, copy_back};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Squeeze;

impl Op for Squeeze {
    const SPEC: Spec = Spec {
        id: "squeeze",
        label: "Squeeze",
        params: &[ParamSpec {
            name: "dim",
            kind: ParamKind::Ints,
            default: || Value::Ints(vec![]),
            unit: "",
            doc: "The axes to take away, each of length 1; none means all of length 1, but never the batch. Negative counts from the end.",
        }],
        formula: Formula {
            forward: r"z = x \text{ without its axes of length } 1",
            local: r"\frac{\partial z}{\partial x} = I",
            chain: r"\frac{\partial L}{\partial x} = \delta \ \text{in the shape of } x",
        },
        doc: "Takes away axes of length 1: a column B×1 becomes a list B. No number changes, and the gradient goes back in the old shape. An axis that is named must have length 1; PyTorch would silently keep a longer one.",
        torch: "torch.squeeze",
        grad_fn: GradFn::By(|params, _| match params.ints("dim") {
            [] => &["SqueezeBackward0"],
            _ => &["SqueezeBackward1"],
        }),
        onnx: "Squeeze",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, dims) = (&ctx.inputs[0], ctx.params.ints("dim"));
        let all = Hint::Set("dim", Value::Ints(vec![]));
        for d in dims {
            let axis = x.axis(*d).ok_or_else(|| Fault::at(0, format!("{x} has no axis {d}")).hint(all.clone()))?;
            if x.0[axis] != Dim::Fixed(1) {
                let message = format!("axis {d} of {x} has the length {}; only an axis of length 1 can go", x.0[axis]);
                return Err(Fault::at(0, message).axis(axis).hint(all));
            }
        }
        let gone = |k: usize| dims.is_empty() || dims.iter().any(|d| x.axis(*d) == Some(k));
        let kept = x.0.iter().enumerate().filter(|(k, d)| **d != Dim::Fixed(1) || !gone(*k));
        Ok(Inferred { output: Shape(kept.map(|(_, d)| *d).collect()), ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        copy(ctx);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        copy_back(ctx);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn only_axes_of_length_one_go() {
        let dim = |d: &[i64]| [("dim", Value::Ints(d.to_vec()))];
        assert_eq!(shape("squeeze", &[], &[Shape::batch(&[1, 4, 1])]), Shape::batch(&[4]));
        assert_eq!(shape("squeeze", &dim(&[-1]), &[Shape::batch(&[1, 4, 1])]), Shape::batch(&[1, 4]));
        let f = fault("squeeze", &dim(&[0]), &[Shape::batch(&[1])]);
        assert!(f.message.contains("axis 0 of B×1 has the length B"), "{}", f.message);
        assert!(fault("squeeze", &dim(&[3]), &[Shape::batch(&[1])]).message.contains("no axis 3"));
    }

    #[test]
    fn numbers_and_gradients_only_change_their_shape() {
        let ran = run("squeeze", &[], &[(&[2, 1], &[3.0, 4.0])], &[5.0, 6.0]);
        assert_eq!(
            (ran.shape.as_slice(), ran.output.as_slice(), ran.grad(0)),
            (&[2][..], &[3.0, 4.0][..], &[5.0, 6.0][..])
        );
    }
}
