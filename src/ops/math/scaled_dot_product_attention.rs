//! Attention: softmax(Q Kᵀ · s) V for a stack of matrices. Source: Vaswani et al. 2017.
//!
//! Shapes: Q …×L×E, K …×S×E, V …×S×F, output O …×L×F. With P the softmax and δ = ∂L/∂O:
//! ∂L/∂V = Pᵀ δ; ∂L/∂P = δ Vᵀ; through the softmax of row i, dᵢⱼ = Pᵢⱼ (δᵢ·Vⱼ − Σₖ Pᵢₖ δᵢ·Vₖ), and the sum is δᵢ·Oᵢ;
//! ∂L/∂Q = s d K, ∂L/∂K = s dᵀ Q. Only P is kept.

use super::mend;
use crate::ops::unary::UNARY;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Inputs, Made, Op, ParamKind, ParamSpec,
    Params, Part, Place, Reads, Spec, Value,
};
use crate::tensor::kernels::elementwise::{blocks, sum_zip};
use crate::tensor::kernels::matmul::{Mat, matmul};
use crate::tensor::{Dim, Scalar, Shape, View};

/// See the module.
pub struct ScaledDotProductAttention;

impl Op for ScaledDotProductAttention {
    const SPEC: Spec = Spec {
        id: "scaled_dot_product_attention",
        label: "Attention",
        inputs: Inputs::Fixed(&["query", "key", "value"]),
        params: &[
            ParamSpec {
                name: "is_causal",
                kind: ParamKind::Bool,
                default: || Value::Bool(false),
                unit: "",
                doc: "Whether each place may only look at itself and what comes before it, as in a language model.",
            },
            ParamSpec {
                name: "scale",
                kind: ParamKind::Float { min: 0.0, max: 1e3, log: false },
                default: || Value::Float(0.0),
                unit: "",
                doc: "What the scores are multiplied with, s in the formula; 0 stands for 1/√E, PyTorch's default.",
            },
        ],
        reads: Reads { inputs: true, weights: false, output: true },
        formula: Formula {
            forward: r"O = P\,V, \quad P = \operatorname{softmax}\!\left(s\,Q K^{\top}\right), \quad s = \tfrac{1}{\sqrt{E}}",
            local: r"\frac{\partial O_i}{\partial V_j} = P_{ij}, \quad d_{ij} = P_{ij}\,(\delta_i \cdot V_j - \delta_i \cdot O_i)",
            chain: r"\frac{\partial L}{\partial V} = P^{\top} \delta, \quad \frac{\partial L}{\partial Q} = s\,d\,K, \quad \frac{\partial L}{\partial K} = s\,d^{\top} Q",
        },
        doc: "The heart of a transformer: each query is compared with all keys, the scores become probabilities, and the values are mixed by them. Feed the same tensor into all three inputs, through three linear layers, for self-attention. The scale keeps the softmax from becoming a hard choice, which would pass no gradient.",
        torch: "torch.nn.functional.scaled_dot_product_attention",
        grad_fn: GradFn::By(|_, inputs| match inputs[0].rank() {
            2 => &["MmBackward0", "SafeSoftmaxBackward0", "MmBackward0", "MulBackward1"],
            3 => &["SqueezeBackward1", "ScaledDotProductFlashAttentionForCpuBackward0", "UnsqueezeBackward0"],
            _ => &["ScaledDotProductFlashAttentionForCpuBackward0"],
        }),
        onnx: "Attention",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        rule(ctx.inputs).map_err(|f| mend::offer(f, ctx.inputs, |x| rule(x).is_ok()))
    }

    /// Saves P.
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (q, k, v) = (ctx.inputs[0], ctx.inputs[1], ctx.inputs[2]);
        let n = Sizes::of(&q, &k, &v);
        let (scale, causal) = (n.scale::<S>(ctx.params), ctx.params.bool("is_causal"));
        let work = n.stack(&q) * n.l * n.s * (n.e + n.f);
        blocks(ctx.saved, n.l * n.s, work, |m, p| {
            let (q, k) = (&q.data[m * n.l * n.e..][..n.l * n.e], &k.data[m * n.s * n.e..][..n.s * n.e]);
            matmul(n.l, n.e, n.s, Mat::rows(q, n.e), Mat::transposed(k, n.e), p);
            for (i, row) in p.chunks_exact_mut(n.s).enumerate() {
                let seen = if causal { (i + 1).min(n.s) } else { n.s };
                row[seen..].fill(S::zero());
                softmax(&mut row[..seen], scale);
            }
        });
        let p = &*ctx.saved;
        blocks(ctx.output.data, n.l * n.f, work, |m, o| {
            let (p, v) = (&p[m * n.l * n.s..][..n.l * n.s], &v.data[m * n.s * n.f..][..n.s * n.f]);
            matmul(n.l, n.s, n.f, Mat::rows(p, n.s), Mat::rows(v, n.f), o);
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (q, k, v) = (ctx.inputs[0], ctx.inputs[1], ctx.inputs[2]);
        let n = Sizes::of(&q, &k, &v);
        let (scale, work) = (n.scale::<S>(ctx.params), n.stack(&q) * n.l * n.s * (n.e + n.f));
        let (p, o, delta) = (ctx.saved, ctx.output.data, ctx.grad_output.data);
        // s·d at row i of matrix m, for each j for which it is not 0.
        let scores = |m: usize, i: usize, f: &mut dyn FnMut(usize, S)| {
            let row = m * n.l + i;
            let (delta, o) = (&delta[row * n.f..][..n.f], &o[row * n.f..][..n.f]);
            let mean = sum_zip(delta, o, |d, o| d * o);
            for (j, p) in p[row * n.s..][..n.s].iter().enumerate() {
                if *p != S::zero() {
                    let v = &v.data[(m * n.s + j) * n.f..][..n.f];
                    f(j, scale * *p * (sum_zip(delta, v, |d, v| d * v) - mean));
                }
            }
        };
        let [dq, dk, dv] = ctx.grad_inputs else { return };
        if let Some(dq) = dq {
            blocks(dq.data, n.l * n.e, work, |m, dq| {
                dq.fill(S::zero());
                for (i, dq) in dq.chunks_exact_mut(n.e).enumerate() {
                    scores(m, i, &mut |j, d| add(dq, d, &k.data[(m * n.s + j) * n.e..][..n.e]));
                }
            });
        }
        if let Some(dk) = dk {
            blocks(dk.data, n.s * n.e, work, |m, dk| {
                dk.fill(S::zero());
                for i in 0..n.l {
                    let q = &q.data[(m * n.l + i) * n.e..][..n.e];
                    scores(m, i, &mut |j, d| add(&mut dk[j * n.e..][..n.e], d, q));
                }
            });
        }
        if let Some(dv) = dv {
            blocks(dv.data, n.s * n.f, work, |m, dv| {
                let (p, delta) = (&p[m * n.l * n.s..][..n.l * n.s], &delta[m * n.l * n.f..][..n.l * n.f]);
                matmul(n.s, n.l, n.f, Mat::transposed(p, n.s), Mat::rows(delta, n.f), dv);
            });
        }
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let [q, k, v] = inner.inputs else { return Vec::new() };
        let n = Sizes::of(q, k, v);
        let (scale, causal) = (n.scale::<S>(inner.params), inner.params.bool("is_causal"));
        let mut scores = vec![S::zero(); n.stack(q) * n.l * n.s];
        for (m, p) in scores.chunks_exact_mut(n.l * n.s).enumerate() {
            let (q, k) = (&q.data[m * n.l * n.e..][..n.l * n.e], &k.data[m * n.s * n.e..][..n.s * n.e]);
            matmul(n.l, n.e, n.s, Mat::rows(q, n.e), Mat::transposed(k, n.e), p);
        }
        let mut weights = scores.clone();
        for (row, (p, x)) in weights.chunks_exact_mut(n.s).zip(scores.chunks_exact_mut(n.s)).enumerate() {
            let seen = n.seen(row, causal);
            p[seen..].fill(S::zero());
            softmax(&mut p[..seen], scale);
            x[seen..].fill(S::zero());
            x[..seen].iter_mut().for_each(|x| *x *= scale);
        }
        let shape = [&q.shape[..q.shape.len() - 1], &[n.s]].concat();
        vec![
            Part { name: "scores", formula: r"A = s\,Q K^{\top}", shape: shape.clone(), data: scores },
            Part { name: "weights", formula: r"P = \operatorname{softmax}(A)", shape, data: weights },
            inner.whole("mix of values", r"O = P\,V"),
        ]
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let [q, k, v] = inner.inputs else { return Made::Sum(Vec::new()) };
        let n = Sizes::of(q, k, v);
        let causal = inner.params.bool("is_causal");
        if part == 2 {
            let (row, f) = (index / n.f, index % n.f);
            let (m, seen) = (row / n.l, n.seen(row, causal));
            let term = |j| (1.0, vec![Place::Part(1, row * n.s + j), Place::Input(2, (m * n.s + j) * n.f + f)]);
            return Made::Sum((0..seen).map(term).collect());
        }
        let (row, j) = (index / n.s, index % n.s);
        let seen = n.seen(row, causal);
        if j >= seen {
            return Made::Function("not seen, as it comes later:", Vec::new());
        }
        if part == 1 {
            let others = (0..seen).filter(|i| *i != j);
            let all = std::iter::once(j).chain(others).map(|i| Place::Part(0, row * n.s + i));
            return Made::Function("share of the first in e^ of", all.collect());
        }
        let scale = n.scale::<f64>(inner.params);
        let key = (row / n.l * n.s + j) * n.e;
        let term = |e| (scale, vec![Place::Input(0, row * n.e + e), Place::Input(1, key + e)]);
        Made::Sum((0..n.e).map(term).collect())
    }
}

/// The shape rule.
fn rule(inputs: &[Shape]) -> Result<Inferred, Fault> {
    let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
    let both = format!("query {q}, key {k}, value {v}");
    for (pin, x) in inputs.iter().enumerate() {
        let (r, front) = (x.rank(), q.rank().saturating_sub(2));
        if r < 2 || r != q.rank() {
            let message = format!("{both}: each must be a matrix of places by features, or a stack of as many axes");
            return Err(Fault::at(pin, message));
        }
        if let Some(axis) = (r - 2..r).find(|a| x.0[*a] == Dim::Batch) {
            let message = format!("{both}: axis {axis} is the batch, and attention over it would mix its samples");
            return Err(Fault::at(pin, message).axis(axis));
        }
        if let Some(axis) = (0..front).find(|a| x.0[*a] != q.0[*a]) {
            return Err(Fault::at(pin, format!("{both}: the stacks differ in axis {axis}")).axis(axis));
        }
    }
    let r = q.rank();
    let mut expected = k.clone();
    if k.0[r - 1] != q.0[r - 1] {
        expected.0[r - 1] = q.0[r - 1];
        let message = format!("{both}: queries and keys must have as many features, the length of the last axis");
        return Err(Fault::at(1, message).axis(r - 1).expected(expected));
    }
    if v.0[r - 2] != k.0[r - 2] {
        expected.0[r - 1] = v.0[r - 1];
        let message = format!("{both}: every key needs its value, so axis {} must be equal", r - 2);
        return Err(Fault::at(2, message).axis(r - 2).expected(expected));
    }
    let (mut output, mut scores) = (q.clone(), q.clone());
    output.0[r - 1] = v.0[r - 1];
    scores.0[r - 1] = k.0[r - 2];
    let size = |d: Dim| if let Dim::Fixed(n) = d { n } else { 1 };
    let flops = scores.per_sample().saturating_mul(2 * size(q.0[r - 1]) + 2 * size(v.0[r - 1]) + 5);
    Ok(Inferred { output, saved: Some(scores), flops: flops as u64, ..Inferred::default() })
}

/// Lengths of the axes: queries, keys, features of both, features of a value.
#[derive(Clone, Copy)]
struct Sizes {
    l: usize,
    s: usize,
    e: usize,
    f: usize,
}

impl Sizes {
    fn of<S>(q: &View<S>, k: &View<S>, v: &View<S>) -> Self {
        let r = q.shape.len();
        Sizes { l: q.shape[r - 2], s: k.shape[r - 2], e: q.shape[r - 1], f: v.shape[r - 1] }
    }
    /// How many matrices there are.
    fn stack<S>(&self, q: &View<S>) -> usize {
        q.shape[..q.shape.len() - 2].iter().product()
    }
    /// How many keys the query in this row of the whole stack sees.
    fn seen(&self, row: usize, causal: bool) -> usize {
        if causal { (row % self.l + 1).min(self.s) } else { self.s }
    }
    fn scale<S: Scalar>(&self, params: &Params) -> S {
        let scale = params.float("scale");
        S::of(if scale == 0.0 { 1.0 / (self.e as f64).sqrt() } else { scale })
    }
}

/// `row = softmax(scale · row)`, the largest taken out first so that nothing overflows.
fn softmax<S: Scalar>(row: &mut [S], scale: S) {
    let max = row.iter().fold(S::neg_infinity(), |m, x| if *x > m { *x } else { m });
    let mut total = S::zero();
    for x in row.iter_mut() {
        *x = ((*x - max) * scale).exp();
        total += *x;
    }
    for x in row {
        *x /= total;
    }
}

/// `out += d · x`.
fn add<S: Scalar>(out: &mut [S], d: S, x: &[S]) {
    for (o, x) in out.iter_mut().zip(x) {
        *o += d * *x;
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, near, run, shape},
    };
    use crate::tensor::Shape;

    const ID: &str = "scaled_dot_product_attention";

    #[test]
    fn two_keys_scored_three_to_one() {
        // Scores 0 and ln 3, so P = (1/4, 3/4) and O = 1/4 · 8 + 3/4 · 4.
        let ln3 = 3f64.ln();
        let ran = run(ID, &[], &[(&[1, 1], &[1.0]), (&[2, 1], &[0.0, ln3]), (&[2, 1], &[8.0, 4.0])], &[2.0]);
        near(&ran.output, &[5.0]);
        near(ran.grad(2), &[0.5, 1.5]);
        // d = P (δ V − δ O) = (1/4 · 6, 3/4 · −2).
        near(ran.grad(1), &[1.5, -1.5]);
        near(ran.grad(0), &[-1.5 * ln3]);
    }

    #[test]
    fn a_causal_query_sees_nothing_that_comes_later() {
        let set = [("is_causal", Value::Bool(true))];
        let (x, v) = ([0.0, 0.0], [6.0, 2.0]);
        let ran = run(ID, &set, &[(&[2, 1], &x), (&[2, 1], &x), (&[2, 1], &v)], &[1.0, 1.0]);
        near(&ran.output, &[6.0, 4.0]);
        near(ran.grad(2), &[1.5, 0.5]);
    }

    #[test]
    fn shapes() {
        let (q, k, v) = (Shape::batch(&[3, 4]), Shape::batch(&[5, 4]), Shape::batch(&[5, 2]));
        assert_eq!(shape(ID, &[], &[q.clone(), k.clone(), v.clone()]), Shape::batch(&[3, 2]));
        let f = fault(ID, &[], &[q.clone(), Shape::batch(&[4, 5]), v.clone()]);
        assert!(matches!(f.hints[0], Hint::InsertBefore(1, "transpose", _)), "{f:?}");
        assert_eq!((f.input, f.axis), (Some(1), Some(2)));
        assert_eq!(fault(ID, &[], &[q, k.clone(), k.clone()].map(|_| Shape::batch(&[4]))).axis, Some(0));
        assert_eq!(fault(ID, &[], &[k.clone(), k, Shape::batch(&[3, 2])]).input, Some(2));
    }
}
