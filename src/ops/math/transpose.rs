//! Two axes change places.

use super::shared::MATH;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Scalar, Shape, View, ViewMut};

/// See the module.
pub struct Transpose;

const fn axis(name: &'static str, default: fn() -> Value) -> ParamSpec {
    ParamSpec {
        name,
        kind: ParamKind::Int { min: -8, max: 8 },
        default,
        unit: "",
        doc: "One of the two axes that change places; negative counts from the end.",
    }
}

impl Op for Transpose {
    const SPEC: Spec = Spec {
        id: "transpose",
        label: "Transpose",
        params: &[axis("dim0", || Value::Int(0)), axis("dim1", || Value::Int(1))],
        formula: Formula {
            forward: r"z_{ji} = x_{ij}",
            local: r"\frac{\partial z_{ji}}{\partial x_{ij}} = 1",
            chain: r"\frac{\partial L}{\partial x} = \delta^{\top}",
        },
        doc: "Swaps two axes: rows become columns. The gradient is swapped back. Useful before a matrix product.",
        torch: "torch.transpose",
        grad_fn: GradFn::Names(&["TransposeBackward0"]),
        onnx: "Transpose",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let axis = |name: &str| {
            let d = ctx.params.int(name);
            x.axis(d).ok_or_else(|| Fault::at(0, format!("{x} has no axis {d} ({name})")))
        };
        let (a, b) = (axis("dim0")?, axis("dim1")?);
        let mut out = x.0.clone();
        out.swap(a, b);
        Ok(Inferred { output: Shape(out), ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (d0, d1) = (ctx.params.int("dim0"), ctx.params.int("dim1"));
        swap(ctx.inputs[0], &mut ctx.output, d0, d1);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (d0, d1) = (ctx.params.int("dim0"), ctx.params.int("dim1"));
        if let Some(g) = &mut ctx.grad_inputs[0] {
            swap(ctx.grad_output, g, d0, d1);
        }
    }
}

/// Copies `x` into `out` with two axes swapped.
fn swap<S: Scalar>(x: View<S>, out: &mut ViewMut<S>, d0: i64, d1: i64) {
    let rank = x.shape.len() as i64;
    let axis = |d: i64| if d < 0 { d + rank } else { d } as usize;
    let mut turned = x.nd();
    turned.swap_axes(axis(d0), axis(d1));
    out.nd().assign(&turned);
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn rows_become_columns_and_the_gradient_turns_back() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let ran = run("transpose", &[], &[(&[2, 3], &x)], &x);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
        assert_eq!(ran.grad(0), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    }

    #[test]
    fn axes_count_from_either_end() {
        let set = [("dim0", Value::Int(-1)), ("dim1", Value::Int(1))];
        assert_eq!(shape("transpose", &set, &[Shape::batch(&[2, 3])]), Shape::batch(&[3, 2]));
        let f = fault("transpose", &[], &[Shape::batch(&[])]);
        assert!(f.message.contains("B has no axis 1 (dim1)"), "{}", f.message);
    }
}
