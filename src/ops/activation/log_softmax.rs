//! The logarithm of softmax, computed without forming the small probabilities.

use super::softmax::{DIM, along, along_axis, axis, line_of, made_shifted, members, shifted, strided};
use super::{READS_OUTPUT, UNARY};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec};
use crate::tensor::{Scalar, kernels::elementwise};

/// See the module.
pub struct LogSoftmax;

impl Op for LogSoftmax {
    const SPEC: Spec = Spec {
        id: "log_softmax",
        label: "Log-softmax",
        params: &[DIM],
        reads: READS_OUTPUT,
        formula: Formula {
            forward: r"y_i = x_i - \ln \sum_k e^{x_k}",
            local: r"\frac{\partial y_i}{\partial x_j} = \delta_{ij} - e^{y_j}",
            chain: r"\frac{\partial L}{\partial x_i} = \delta_i - e^{y_i} \sum_k \delta_k",
        },
        doc: "Logarithms of the probabilities that softmax would give. Computed in one piece it stays exact where \
              the probability itself would round to zero. Follow it with the negative log-likelihood loss; the two \
              together are the cross-entropy loss.",
        torch: "torch.nn.LogSoftmax",
        grad_fn: GradFn::Names(&["LogSoftmaxBackward0"]),
        onnx: "LogSoftmax",
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
                let log_total = log_sum_exp(x, i, inner);
                for j in (i..n * inner).step_by(inner) {
                    y[j] = x[j] - log_total;
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
                let total = strided(g, i, inner).fold(S::zero(), |s, v| s + v);
                for j in (i..n * inner).step_by(inner) {
                    dx[j] = g[j] - y[j].exp() * total;
                }
            }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let shape = inner.output.shape.to_vec();
        let mut parts = shifted(inner, &shape);
        let exps: Vec<S> = parts[1].data.iter().map(|x| x.exp()).collect();
        let logs = along(inner, &exps, |line| line.fold(S::zero(), |s, v| s + v).ln());
        parts.push(Part { name: "exponentials", formula: r"e_i = e^{x_i - m}", shape, data: exps });
        parts.push(Part {
            name: "logarithm of their sum",
            formula: r"\ln \sum_k e_k",
            shape: vec![logs.len()],
            data: logs,
        });
        parts.push(inner.whole("subtract", r"y_i = x_i - m - \ln \sum_k e_k"));
        parts
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        match part {
            0 | 1 => made_shifted(inner, part, index),
            2 => Made::Function("e^", vec![Place::Part(1, index)]),
            3 => Made::Function("ln of the sum of", members(inner, index).map(|i| Place::Part(2, i)).collect()),
            _ => {
                Made::Sum(vec![(1.0, vec![Place::Part(1, index)]), (-1.0, vec![Place::Part(3, line_of(inner, index))])])
            }
        }
    }
}

/// `ln Σ exp(x)` over every `inner`-th element from `i` on. The largest is taken out first, so that nothing overflows.
pub(in crate::ops) fn log_sum_exp<S: Scalar>(x: &[S], i: usize, inner: usize) -> S {
    let max = strided(x, i, inner).fold(S::neg_infinity(), |m, v| if v > m { v } else { m });
    max + strided(x, i, inner).fold(S::zero(), |s, v| s + (v - max).exp()).ln()
}
