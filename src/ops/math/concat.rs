//! Tensors side by side along one axis.

use super::mend;
use super::shared::MATH;
use crate::ops::{
    Backward, Fault, Formula, Forward, Hint, InferCtx, Inferred, Inputs, Op, ParamKind, ParamSpec, Spec, Value,
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
