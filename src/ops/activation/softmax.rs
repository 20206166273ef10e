//! Softmax along one axis: numbers become probabilities that add up to 1.

use super::{READS_OUTPUT, UNARY};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Params, Spec, Value,
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
