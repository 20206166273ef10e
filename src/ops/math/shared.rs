//! What several kinds of arithmetic share: broadcasting and reduction.

use super::mend;
use crate::ops::{
    Backward, Fault, Forward, Hint, InferCtx, Inferred, Inputs, ParamKind, ParamSpec, Params, Spec, Value,
};
use crate::tensor::kernels::{broadcast, reduce};
use crate::tensor::{Dim, Scalar, Shape};
use smallvec::SmallVec;

/// What all kinds of arithmetic have in common; each file names the rest.
pub(super) const MATH: Spec = crate::ops::unary::UNARY;

/// As [`MATH`], with two operands.
pub(super) const BINARY: Spec = Spec { inputs: Inputs::Fixed(&["a", "b"]), ..MATH };

/// The common shape of two operands: axes align from the right, and an axis of length 1 stretches. Else the axis,
/// counted from the right, where they disagree, and its lengths.
fn stretched(a: &Shape, b: &Shape) -> Result<Shape, (usize, Dim, Dim)> {
    let rank = a.rank().max(b.rank());
    let axis = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(Dim::Fixed(1), |k| s.0[k]);
    let common = |i: usize| match (axis(a, i), axis(b, i)) {
        (x, y) if x == y => Ok(x),
        (Dim::Fixed(1), y) => Ok(y),
        (x, Dim::Fixed(1)) => Ok(x),
        (x, y) => Err((rank - i, x, y)),
    };
    (0..rank).map(common).collect::<Result<Vec<_>, _>>().map(Shape)
}

/// The shape rule of two operands that stretch to a common shape.
pub(super) fn broadcast_shape(ctx: &InferCtx) -> Result<Inferred, Fault> {
    let (a, b) = (&ctx.inputs[0], &ctx.inputs[1]);
    stretched(a, b).map(Inferred::output).map_err(|(from_right, x, y)| {
        let message = format!(
            "{a} and {b} do not fit together: counted from the right, axis {from_right} is {x} in one and {y} in the \
             other, and neither is 1"
        );
        let fault = Fault::at(1, message).axis(b.rank().saturating_sub(from_right)).expected(a.clone());
        mend::offer(fault, ctx.inputs, |x| stretched(&x[0], &x[1]).is_ok())
    })
}

/// `out = f(a, b)`, stretched.
pub(super) fn binary<S: Scalar>(ctx: &mut Forward<S>, f: impl Fn(S, S) -> S + Sync) {
    let (a, b) = (ctx.inputs[0], ctx.inputs[1]);
    broadcast::zip((a.shape, a.data), (b.shape, b.data), (ctx.output.shape, ctx.output.data), f);
}

/// ∂L/∂a and ∂L/∂b from `f(δ, a, b)`, summed over what was stretched.
/// Operands that the kind does not read are zero.
pub(super) fn binary_back<S: Scalar>(
    ctx: &mut Backward<S>,
    fa: impl Fn(S, S, S) -> S + Sync,
    fb: impl Fn(S, S, S) -> S + Sync,
) {
    let (a, b, delta) = (ctx.inputs[0], ctx.inputs[1], ctx.grad_output);
    let (a, b, delta) = ((a.shape, a.data), (b.shape, b.data), (delta.shape, delta.data));
    if let Some(g) = &mut ctx.grad_inputs[0] {
        broadcast::zip_back((a.0, &mut *g.data), delta, a, b, fa);
    }
    if let Some(g) = &mut ctx.grad_inputs[1] {
        broadcast::zip_back((b.0, &mut *g.data), delta, a, b, fb);
    }
}

/// The parameters of a reduction.
pub(super) const REDUCE: &[ParamSpec] = &[
    ParamSpec {
        name: "dim",
        kind: ParamKind::Ints,
        default: || Value::Ints(vec![]),
        unit: "",
        doc: "The axes that vanish; none means all, which leaves a single number. Negative counts from the end.",
    },
    ParamSpec {
        name: "keepdim",
        kind: ParamKind::Bool,
        default: || Value::Bool(false),
        unit: "",
        doc: "Whether the reduced axes stay with length 1.",
    },
];

/// The shape after a reduction.
pub(super) fn reduced(ctx: &InferCtx) -> Result<Inferred, Fault> {
    let x = &ctx.inputs[0];
    let gone = chosen(ctx)?;
    let keep = ctx.params.bool("keepdim");
    let hit = |i: usize| gone.is_empty() || gone.contains(&i);
    let out = x.0.iter().enumerate().filter_map(|(i, d)| match (hit(i), keep) {
        (false, _) => Some(*d),
        (true, true) => Some(Dim::Fixed(1)),
        (true, false) => None,
    });
    Ok(Inferred { output: Shape(out.collect()), flops: x.per_sample() as u64, ..Inferred::default() })
}

/// The axes that the parameter `dim` names, each of which must exist and be named once.
pub(super) fn chosen(ctx: &InferCtx) -> Result<Vec<usize>, Fault> {
    let (x, dims) = (&ctx.inputs[0], ctx.params.ints("dim"));
    let mut axes = Vec::with_capacity(dims.len());
    for d in dims {
        let Some(axis) = x.axis(*d) else {
            return Err(Fault::at(0, format!("{x} has no axis {d} to reduce")));
        };
        if axes.contains(&axis) {
            let message = format!("dim names axis {axis} of {x} more than once");
            let once = axes.iter().map(|a| *a as i64).collect();
            return Err(Fault::at(0, message).axis(axis).hint(Hint::Set("dim", Value::Ints(once))));
        }
        axes.push(axis);
    }
    Ok(axes)
}

/// Which axes a reduction of `rank` axes removes, without allocation for up to eight.
pub(super) fn gone(params: &Params, rank: usize) -> SmallVec<[bool; 8]> {
    let dims = params.ints("dim");
    let mut gone = SmallVec::from_elem(dims.is_empty(), rank);
    for d in dims {
        let k = if *d < 0 { *d + rank as i64 } else { *d };
        if let Some(g) = usize::try_from(k).ok().and_then(|k| gone.get_mut(k)) {
            *g = true;
        }
    }
    gone
}

/// The factor of a mean over the reduced axes; 1 for a sum.
fn factor<S: Scalar>(mean: bool, input: usize, output: usize) -> S {
    if mean { S::of(output as f64 / input.max(1) as f64) } else { S::one() }
}

/// Sum or mean over the chosen axes.
pub(super) fn reduce_forward<S: Scalar>(ctx: &mut Forward<S>, mean: bool) {
    let x = ctx.inputs[0];
    let scale = factor(mean, x.data.len(), ctx.output.data.len());
    reduce::sum(x.shape, x.data, &gone(ctx.params, x.shape.len()), scale, ctx.output.data);
}

/// The adjoint of [`reduce_forward`].
pub(super) fn reduce_backward<S: Scalar>(ctx: &mut Backward<S>, mean: bool) {
    if let Some(g) = &mut ctx.grad_inputs[0] {
        let scale = factor(mean, g.data.len(), ctx.grad_output.data.len());
        reduce::sum_back(g.shape, ctx.grad_output.data, &gone(ctx.params, g.shape.len()), scale, g.data);
    }
}

/// Length of axis `dim` of `shape`, which the shape rule has checked, and the product of the axes after it.
pub(super) fn line(shape: &[usize], dim: i64) -> (usize, usize) {
    let k = if dim < 0 { dim + shape.len() as i64 } else { dim } as usize;
    (shape[k], shape[k + 1..].iter().product())
}

/// The axis that the parameter `dim` names. It must exist, and not be the batch: samples are independent of one
/// another, so nothing may be taken `across` them.
pub(super) fn one_axis(ctx: &InferCtx, across: &str) -> Result<usize, Fault> {
    let (x, dim) = (&ctx.inputs[0], ctx.params.int("dim"));
    let last = Hint::Set("dim", Value::Int(-1));
    let offer = |fault: Fault| if x.rank() > 1 && dim != -1 { fault.hint(last.clone()) } else { fault };
    match x.axis(dim) {
        None => Err(offer(Fault::at(0, format!("{x} has no axis {dim} ({} axes)", x.rank())))),
        Some(k) if x.0[k] == Dim::Batch => {
            let message = format!("axis {dim} of {x} is the batch: {across} would mix its samples");
            Err(offer(Fault::at(0, message).axis(k)))
        }
        Some(k) => Ok(k),
    }
}
