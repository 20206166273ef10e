//! Softmax along one axis: numbers become probabilities that add up to 1.

use super::{READS_OUTPUT, UNARY};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Params,
    Part, Place, Spec, Value,
};
use crate::tensor::{Scalar, kernels::elementwise};

/// See the module.
pub struct Softmax;

pub(super) const DIM: ParamSpec = ParamSpec {
    name: "dim",
    kind: ParamKind::Int { min: -8, max: 7 },
    default: || Value::Int(-1),
    unit: "",
    doc: "The axis along which the outputs add up to 1; negative numbers count from the last axis.",
};

impl Op for Softmax {
    const SPEC: Spec = Spec {
        id: "softmax",
        label: "Softmax",
        params: &[DIM],
        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = \frac{e^{x_i}}{\sum_k e^{x_k}}",
            local: r"\frac{\partial y_i}{\partial x_j} = y_i\,(\delta_{ij} - y_j)",
            chain: r"\frac{\partial L}{\partial x_i} = y_i \left(\delta_i - \sum_k \delta_k\,y_k\right)",
        },
        doc: "Turns a row of numbers into probabilities that add up to 1, the largest number getting the largest \
              share. Every output depends on every input of its row, so its derivative is a full matrix. The \
              cross-entropy loss contains it already: feed that loss the numbers before softmax, not after.",
        torch: "torch.nn.Softmax",
        grad_fn: GradFn::Names(&["SoftmaxBackward0"]),
        onnx: "Softmax",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        along_axis(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0].data;
        let (n, inner) = axis(ctx.output.shape, ctx.params);
        elementwise::blocks(ctx.output.data, n * inner, x.len(), |k, y| {
            let x = &x[k * n * inner..][..n * inner];
            for i in 0..inner {
                let max = strided(x, i, inner).fold(S::neg_infinity(), |m, v| if v > m { v } else { m });
                let mut total = S::zero();
                for j in (i..n * inner).step_by(inner) {
                    y[j] = (x[j] - max).exp();
                    total += y[j];
                }
                for j in (i..n * inner).step_by(inner) {
                    y[j] /= total;
                }
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (y, g) = (ctx.output.data, ctx.grad_output.data);
        let (n, inner) = axis(ctx.grad_output.shape, ctx.params);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        elementwise::blocks(grad.data, n * inner, y.len(), |k, dx| {
            let (y, g) = (&y[k * n * inner..][..n * inner], &g[k * n * inner..][..n * inner]);
            for i in 0..inner {
                let mut dot = S::zero();
                for j in (i..n * inner).step_by(inner) {
                    dot += y[j] * g[j];
                }
                for j in (i..n * inner).step_by(inner) {
                    dx[j] = y[j] * (g[j] - dot);
                }
            }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let shape = inner.output.shape.to_vec();
        let mut parts = shifted(inner, &shape);
        let exps: Vec<S> = parts[1].data.iter().map(|x| x.exp()).collect();
        let lines = along(inner, &exps, |line| line.fold(S::zero(), |s, v| s + v));
        parts.push(Part { name: "exponentials", formula: r"e_i = e^{x_i - m}", shape, data: exps });
        parts.push(Part { name: "their sum", formula: r"S = \sum_k e_k", shape: vec![lines.len()], data: lines });
        parts.push(inner.whole("divide", r"y_i = e_i / S"));
        parts
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let line = line_of(inner, index);
        match part {
            0 | 1 => made_shifted(inner, part, index),
            2 => Made::Function("e^", vec![Place::Part(1, index)]),
            3 => Made::Sum(members(inner, index).map(|i| (1.0, vec![Place::Part(2, i)])).collect()),
            _ => Made::Function("divide", vec![Place::Part(2, index), Place::Part(3, line)]),
        }
    }
}

/// The first two parts of softmax and its logarithm: the largest of each line, and the rest less it.
pub(super) fn shifted<S: Scalar>(inner: &Inner<S>, shape: &[usize]) -> Vec<Part<S>> {
    let x = inner.inputs[0].data;
    let most = along(inner, x, |line| line.fold(S::neg_infinity(), |m, v| if v > m { v } else { m }));
    let less = x.iter().enumerate().map(|(i, x)| *x - most[line_of(inner, i)]).collect();
    vec![
        Part { name: "largest", formula: r"m = \max_k x_k", shape: vec![most.len()], data: most },
        Part { name: "shift", formula: r"x_i - m", shape: shape.to_vec(), data: less },
    ]
}

/// How the elements of [`shifted`] are made.
pub(super) fn made_shifted<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
    match part {
        0 => Made::Function("largest of", members(inner, index).map(|i| Place::Input(0, i)).collect()),
        _ => Made::Sum(vec![(1.0, vec![Place::Input(0, index)]), (-1.0, vec![Place::Part(0, line_of(inner, index))])]),
    }
}

/// One number for each line along the axis.
pub(super) fn along<S: Scalar>(ctx: &Inner<S>, x: &[S], f: impl Fn(Box<dyn Iterator<Item = S> + '_>) -> S) -> Vec<S> {
    let (n, inner) = axis(ctx.output.shape, ctx.params);
    x.chunks(n * inner)
        .flat_map(|x| (0..inner).map(move |i| (x, i)))
        .map(|(x, i)| f(Box::new(strided(x, i, inner))))
        .collect()
}

/// The line that element `i` lies in.
pub(super) fn line_of<S: Scalar>(ctx: &Inner<S>, i: usize) -> usize {
    let (n, inner) = axis(ctx.output.shape, ctx.params);
    i / (n * inner) * inner + i % inner
}

/// The elements of line `line`.
pub(super) fn members<S: Scalar>(ctx: &Inner<S>, line: usize) -> impl Iterator<Item = usize> + use<S> {
    let (n, inner) = axis(ctx.output.shape, ctx.params);
    let first = line / inner * n * inner + line % inner;
    (0..n).map(move |k| first + k * inner)
}

/// Every `inner`-th element from `i` on: one line along the axis.
pub(super) fn strided<S: Scalar>(x: &[S], i: usize, inner: usize) -> impl Iterator<Item = S> + '_ {
    x[i..].iter().step_by(inner).copied()
}

/// Length of the axis that the parameter `dim` names, and the product of the axes after it.
pub(super) fn axis(shape: &[usize], params: &Params) -> (usize, usize) {
    let d = params.int("dim");
    let k = if d < 0 { d + shape.len() as i64 } else { d };
    let k = usize::try_from(k).ok().filter(|&k| k < shape.len()).expect("the shape rule has checked the axis");
    (shape[k].max(1), shape[k + 1..].iter().product::<usize>().max(1))
}

/// The shape rule: as the input, in which the axis must exist and should not be the batch.
pub(super) fn along_axis(ctx: &InferCtx) -> Result<Inferred, Fault> {
    let (shape, dim) = (&ctx.inputs[0], ctx.params.int("dim"));
    let last = Hint::Set("dim", Value::Int(-1));
    match shape.axis(dim) {
        None if shape.rank() == 0 => {
            Err(Fault::at(0, "A scalar has no axis to normalise along; softmax needs a row of numbers."))
        }
        None => Err(Fault::at(
            0,
            format!("Axis {dim} does not exist in the input {shape}, which has {} axes.", shape.rank()),
        )
        .hint(last)),
        Some(k) if shape.0[k] == crate::tensor::Dim::Batch => {
            let message = format!(
                "Axis {dim} of the input {shape} is the batch. The samples of a batch are independent, so they must \
                 not share one sum of probabilities."
            );
            let fault = Fault::at(0, message).axis(k);
            Err(if shape.rank() > 1 { fault.hint(last) } else { fault })
        }
        Some(_) => super::same_shape(ctx, 5),
    }
}
