//! Every `step`-th element along one axis, from `start` up to before `end`.
//!
//! ∂L/∂x is δ where an element was taken, and 0 elsewhere.

use super::shared::{line, one_axis};
use crate::ops::unary::UNARY;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Params, Spec, Value,
};
use crate::tensor::{Dim, Scalar, kernels::elementwise};

/// See the module.
pub struct Slice;

/// An `end` beyond every axis, as in ONNX.
const FAR: i64 = i32::MAX as i64;

impl Op for Slice {
    const SPEC: Spec = Spec {
        id: "slice",
        label: "Slice",
        params: &[
            ParamSpec {
                name: "dim",
                kind: ParamKind::Int { min: -8, max: 7 },
                default: || Value::Int(1),
                unit: "",
                doc: "The axis of which a part is taken; negative counts from the last axis.",
            },
            ParamSpec {
                name: "start",
                kind: ParamKind::Int { min: -FAR, max: FAR },
                default: || Value::Int(0),
                unit: "",
                doc: "The first index taken; negative counts from the end.",
            },
            ParamSpec {
                name: "end",
                kind: ParamKind::Int { min: -FAR, max: FAR },
                default: || Value::Int(FAR),
                unit: "",
                doc: "The first index no longer taken; negative counts from the end, and any number beyond the end means up to the end.",
            },
            ParamSpec {
                name: "step",
                kind: ParamKind::Int { min: 1, max: FAR },
                default: || Value::Int(1),
                unit: "",
                doc: "Every how many elements one is taken.",
            },
        ],
        formula: Formula {
            forward: r"z_k = x_{\,\mathrm{start} + k \cdot \mathrm{step}}",
            local: r"\frac{\partial z_k}{\partial x_i} = [\,i = \mathrm{start} + k \cdot \mathrm{step}\,]",
            chain: r"\frac{\partial L}{\partial x_i} = \begin{cases} \delta_k & i = \mathrm{start} + k \cdot \mathrm{step} \\ 0 & \text{not taken} \end{cases}",
        },
        doc: "Takes a part of the features along one axis, as x[:, start:end:step] does in Python. What is left out gets a gradient of zero. To split a tensor in two, slice it twice.",
        torch: "torch.ops.aten.slice",
        grad_fn: GradFn::Names(&["SliceBackward0"]),
        onnx: "Slice",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let axis = one_axis(ctx, "a slice of it")?;
        let x = &ctx.inputs[0];
        let n = if let Dim::Fixed(n) = x.0[axis] { n } else { 0 };
        let (start, _, taken) = range(ctx.params, n);
        if taken == 0 {
            let (from, to) = (ctx.params.int("start"), ctx.params.int("end"));
            let message = format!("nothing of axis {axis} of {x} lies from {from} to before {to}");
            let hint = if start < n { Hint::Set("end", Value::Int(FAR)) } else { Hint::Set("start", Value::Int(0)) };
            return Err(Fault::at(0, message).axis(axis).hint(hint));
        }
        let mut output = x.clone();
        output.0[axis] = Dim::Fixed(taken);
        Ok(Inferred { output, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0];
        let (n, inner) = line(x.shape, ctx.params.int("dim"));
        let (start, step, taken) = range(ctx.params, n);
        elementwise::blocks(ctx.output.data, taken * inner, x.data.len(), |k, out| {
            let x = &x.data[k * n * inner..][..n * inner];
            for (j, out) in out.chunks_exact_mut(inner).enumerate() {
                out.copy_from_slice(&x[(start + j * step) * inner..][..inner]);
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        let (n, inner) = line(grad.shape, ctx.params.int("dim"));
        let (start, step, taken) = range(ctx.params, n);
        let (delta, work) = (ctx.grad_output.data, grad.data.len());
        elementwise::blocks(grad.data, n * inner, work, |k, grad| {
            grad.fill(S::zero());
            let delta = &delta[k * taken * inner..][..taken * inner];
            for (j, delta) in delta.chunks_exact(inner).enumerate() {
                grad[(start + j * step) * inner..][..inner].copy_from_slice(delta);
            }
        });
    }
}

/// The first index, the step, and how many are taken of an axis of length `n`, by Python's rules.
fn range(params: &Params, n: usize) -> (usize, usize, usize) {
    let len = n as i64;
    let within = |i: i64| (if i < 0 { i.saturating_add(len) } else { i }).clamp(0, len) as usize;
    let (start, end) = (within(params.int("start")), within(params.int("end")));
    let step = params.int("step").max(1) as usize;
    (start, step, end.saturating_sub(start).div_ceil(step))
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    fn set(dim: i64, start: i64, end: i64, step: i64) -> [(&'static str, Value); 4] {
        [("dim", dim), ("start", start), ("end", end), ("step", step)].map(|(k, v)| (k, Value::Int(v)))
    }

    #[test]
    fn every_second_column_from_the_second() {
        let x: Vec<f64> = (0..10).map(f64::from).collect();
        let ran = run("slice", &set(1, 1, 99, 2), &[(&[2, 5], &x)], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[2, 2][..], &[1.0, 3.0, 6.0, 8.0][..]));
        assert_eq!(ran.grad(0), [0.0, 1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 4.0, 0.0]);
    }

    #[test]
    fn rows_of_an_image() {
        let x: Vec<f64> = (0..6).map(f64::from).collect();
        let ran = run("slice", &set(0, -1, 99, 1), &[(&[3, 2], &x)], &[7.0, 8.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[4.0, 5.0][..], &[0.0, 0.0, 0.0, 0.0, 7.0, 8.0][..]));
    }

    #[test]
    fn bounds_are_pythons() {
        let len = |s, e, t| shape("slice", &set(1, s, e, t), &[Shape::batch(&[10])]).per_sample();
        assert_eq!((len(0, 99, 1), len(2, -2, 1), len(-3, 99, 1), len(0, 10, 3), len(-99, 5, 2)), (10, 6, 3, 4, 3));
        let f = fault("slice", &set(1, 4, 2, 1), &[Shape::batch(&[10])]);
        assert!(f.message.contains("from 4 to before 2") && matches!(f.hints[0], Hint::Set("end", _)), "{f:?}");
        assert!(fault("slice", &set(0, 0, 2, 1), &[Shape::batch(&[10])]).message.contains("is the batch"));
    }
}
