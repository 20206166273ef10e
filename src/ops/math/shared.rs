//! What several kinds of arithmetic share: broadcasting and reduction.

use crate::ops::{
    Backward, Category, Fault, Formula, Forward, InferCtx, Inferred, Inputs, ParamKind, ParamSpec, Params, Reads, Role,
    Spec, Value,
};
use crate::tensor::kernels::{broadcast, reduce};
use crate::tensor::{Dim, Scalar, Shape, View};

/// What all kinds of arithmetic have in common; each file names the rest.
pub(super) const MATH: Spec = Spec {
    id: "",
    label: "",
    category: Category::Math,
    role: Role::Compute,
    inputs: Inputs::Fixed(&["input"]),
    no_grad: &[],
    params: &[],
    reads: Reads { inputs: false, weights: false, output: false },
    formula: Formula { forward: "", local: "", chain: "" },
    kinks: "",
    doc: "",
    torch: "",
    onnx: "",
};

/// As [`MATH`], with two operands.
pub(super) const BINARY: Spec = Spec { inputs: Inputs::Fixed(&["a", "b"]), ..MATH };

/// The common shape of two operands: axes align from the right, and an axis of length 1 stretches.
pub(super) fn broadcast_shape(ctx: &InferCtx) -> Result<Inferred, Fault> {
    let (a, b) = (&ctx.inputs[0], &ctx.inputs[1]);
    let rank = a.rank().max(b.rank());
    let axis = |s: &Shape, i: usize| (i + s.rank()).checked_sub(rank).map_or(Dim::Fixed(1), |k| s.0[k]);
    let mut out = Vec::with_capacity(rank);
    for i in 0..rank {
        out.push(match (axis(a, i), axis(b, i)) {
            (x, y) if x == y => x,
            (Dim::Fixed(1), y) => y,
            (x, Dim::Fixed(1)) => x,
            (x, y) => {
                let message = format!(
                    "{a} and {b} do not fit together: counted from the right, axis {} is {x} in one and {y} in the other, and neither is 1",
                    rank - i
                );
                let own = (i + b.rank()).saturating_sub(rank);
                return Err(Fault::at(1, message).axis(own).expected(a.clone()));
            }
        });
    }
    Ok(Inferred::output(Shape(out)))
}

/// `out = f(a, b)`, stretched.
pub(super) fn binary<S: Scalar>(ctx: &mut Forward<S>, f: impl Fn(S, S) -> S + Sync) {
    let (a, b) = (ctx.inputs[0], ctx.inputs[1]);
    broadcast::zip((a.shape, a.data), (b.shape, b.data), (ctx.output.shape, ctx.output.data), f);
}

/// ∂L/∂a and ∂L/∂b from `f(δ, a, b)`, summed over what was stretched.
/// Operands that the kind does not read are zero.
pub(super) fn binary_back<S: Scalar>(ctx: &mut Backward<S>, fa: impl Fn(S, S, S) -> S, fb: impl Fn(S, S, S) -> S) {
    let (a, b, out) = (ctx.inputs[0], ctx.inputs[1], ctx.grad_output);
    let value = |v: &View<S>, i: usize| {
        if v.data.is_empty() { S::zero() } else { v.data[broadcast::index(i, v.shape, out.shape)] }
    };
    if let Some(g) = &mut ctx.grad_inputs[0] {
        broadcast::sum_back(a.shape, out.shape, g.data, |i| fa(out.data[i], value(&a, i), value(&b, i)));
    }
    if let Some(g) = &mut ctx.grad_inputs[1] {
        broadcast::sum_back(b.shape, out.shape, g.data, |i| fb(out.data[i], value(&a, i), value(&b, i)));
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
    let dims = ctx.params.ints("dim");
    if let Some(d) = dims.iter().find(|d| x.axis(**d).is_none()) {
        return Err(Fault::at(0, format!("{x} has no axis {d} to reduce")));
    }
    let gone: Vec<usize> = dims.iter().filter_map(|d| x.axis(*d)).collect();
    let keep = ctx.params.bool("keepdim");
    let hit = |i: usize| gone.is_empty() || gone.contains(&i);
    let out = x.0.iter().enumerate().filter_map(|(i, d)| match (hit(i), keep) {
        (false, _) => Some(*d),
        (true, true) => Some(Dim::Fixed(1)),
        (true, false) => None,
    });
    Ok(Inferred { output: Shape(out.collect()), flops: x.per_sample() as u64, ..Inferred::default() })
}

fn axes(params: &Params, rank: usize) -> Vec<usize> {
    let r = rank as i64;
    params.ints("dim").iter().map(|d| if *d < 0 { d + r } else { *d } as usize).collect()
}

/// The factor of a mean over the reduced axes; 1 for a sum.
fn factor<S: Scalar>(mean: bool, input: usize, output: usize) -> S {
    if mean { S::of(output as f64 / input.max(1) as f64) } else { S::one() }
}

/// Sum or mean over the chosen axes.
pub(super) fn reduce_forward<S: Scalar>(ctx: &mut Forward<S>, mean: bool) {
    let x = ctx.inputs[0];
    let scale = factor(mean, x.data.len(), ctx.output.data.len());
    reduce::sum(x.shape, x.data, &axes(ctx.params, x.shape.len()), scale, ctx.output.data);
}

/// The adjoint of [`reduce_forward`].
pub(super) fn reduce_backward<S: Scalar>(ctx: &mut Backward<S>, mean: bool) {
    if let Some(g) = &mut ctx.grad_inputs[0] {
        let scale = factor(mean, g.data.len(), ctx.grad_output.data.len());
        reduce::sum_back(g.shape, ctx.grad_output.data, &axes(ctx.params, g.shape.len()), scale, g.data);
    }
}
