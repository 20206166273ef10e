//! Tensors side by side along one axis.

use super::mend;
use super::shared::MATH;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inputs, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Concat;

impl Op for Concat {
    const SPEC: Spec = Spec {
        id: "concat",
        label: "Concat",
        inputs: Inputs::Variadic(1),
        params: &[ParamSpec {
            name: "dim",
            kind: ParamKind::Int { min: -8, max: 8 },
            default: || Value::Int(1),
            unit: "",
            doc: "The axis along which the tensors are joined; the others must agree. Negative counts from the end.",
        }],
        formula: Formula {
            forward: r"z = [\,x_1,\ x_2,\ \dots]",
            local: r"\frac{\partial z}{\partial x_k} = \text{its own slice of } I",
            chain: r"\frac{\partial L}{\partial x_k} = \text{the slice of } \delta \text{ that came from } x_k",
        },
        doc: "Puts tensors side by side along one axis, such as the features of two branches. Each input gets back its own slice of the gradient. Takes as many inputs as are wired.",
        torch: "torch.cat",
        grad_fn: GradFn::Names(&["CatBackward0"]),
        onnx: "Concat",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let dim = ctx.params.int("dim");
        joined(ctx.inputs, dim).map_err(|fault| {
            // Where one other axis is all that differs, that is the one to join along.
            let first = &ctx.inputs[0];
            let other = (0..first.rank() as i64).find(|d| *d != dim && joined(ctx.inputs, *d).is_ok());
            match other {
                Some(d) => fault.hint(Hint::Set("dim", Value::Int(d))),
                None => mend::offer(fault, ctx.inputs, |x| joined(x, dim).is_ok()),
            }
        })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let width = block(ctx.output.shape, ctx.params.int("dim"));
        let mut at = 0;
        for x in ctx.inputs {
            let w = block(x.shape, ctx.params.int("dim"));
            for (z, x) in ctx.output.data.chunks_exact_mut(width).zip(x.data.chunks_exact(w)) {
                z[at..at + w].copy_from_slice(x);
            }
            at += w;
        }
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let dim = ctx.params.int("dim");
        let width = block(ctx.grad_output.shape, dim);
        let mut at = 0;
        for (k, x) in ctx.inputs.iter().enumerate() {
            let w = block(x.shape, dim);
            if let Some(g) = &mut ctx.grad_inputs[k] {
                for (g, d) in g.data.chunks_exact_mut(w).zip(ctx.grad_output.data.chunks_exact(width)) {
                    g.copy_from_slice(&d[at..at + w]);
                }
            }
            at += w;
        }
    }
}

/// The shape rule.
fn joined(inputs: &[Shape], dim: i64) -> Result<Inferred, Fault> {
    let first = &inputs[0];
    let Some(axis) = first.axis(dim) else {
        return Err(Fault::at(0, format!("{first} has no axis {dim} to join along")));
    };
    let mut total = 0usize;
    for (k, x) in inputs.iter().enumerate() {
        let wrong = (0..x.rank().min(first.rank())).find(|i| *i != axis && x.0[*i] != first.0[*i]);
        if x.rank() != first.rank() || wrong.is_some() {
            let message = format!("{x} cannot be joined to {first} along axis {axis}: all other axes must agree");
            let fault = Fault::at(k, message);
            return Err(match wrong {
                Some(i) => fault.axis(i),
                None => fault,
            });
        }
        match x.0[axis] {
            Dim::Fixed(n) => total = total.saturating_add(n),
            Dim::Batch => {
                return Err(Fault::at(k, format!("{x}: samples cannot be joined along the batch axis")).axis(axis));
            }
        }
    }
    let mut output = first.clone();
    output.0[axis] = Dim::Fixed(total);
    Ok(Inferred { output, ..Inferred::default() })
}

/// Elements from axis `dim` on: what of one tensor lies together.
fn block(shape: &[usize], dim: i64) -> usize {
    let axis = if dim < 0 { dim + shape.len() as i64 } else { dim } as usize;
    shape[axis..].iter().product()
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn side_by_side_and_each_gets_its_own_gradient_back() {
        let (a, b) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0]);
        let ran = run("concat", &[], &[(&[2, 1], &a), (&[2, 2], &b)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[2, 3][..], &[1.0, 3.0, 4.0, 2.0, 5.0, 6.0][..]));
        assert_eq!((ran.grad(0), ran.grad(1)), (&[1.0, 4.0][..], &[2.0, 3.0, 5.0, 6.0][..]));
    }

    #[test]
    fn one_below_the_other() {
        let ran =
            run("concat", &[("dim", Value::Int(0))], &[(&[1, 2], &[1.0, 2.0]), (&[1, 2], &[3.0, 4.0])], &[1.0; 4]);
        assert_eq!((ran.shape, ran.output), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn what_does_not_fit_is_mended_where_one_change_can() {
        let hint = |a: Shape, b: Shape| fault("concat", &[], &[a, b]).hints;
        assert_eq!(hint(Shape::batch(&[3, 2]), Shape::batch(&[3, 5])), [Hint::Set("dim", Value::Int(2))]);
        assert_eq!(hint(Shape::batch(&[3, 2]), Shape::batch(&[3])).len(), 1);
        let flat = Hint::InsertBefore(0, "flatten", vec![]);
        assert_eq!(hint(Shape::batch(&[3, 2]), Shape::batch(&[4])), [flat]);
        let f = fault("concat", &[("dim", Value::Int(0))], &[Shape::batch(&[3]), Shape::batch(&[3])]);
        assert!(f.message.contains("batch axis"), "{}", f.message);
    }
}
