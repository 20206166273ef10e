//! The cosine of the angle between two vectors: c = a·b / (‖a‖ ‖b‖), each norm at least ε.
//!
//! With δ = ∂L/∂c: ∂L/∂a = δ (b / (‖a‖‖b‖) − c a / ‖a‖²), where the last term falls away while ‖a‖ < ε; b likewise.
//! Source: `torch.nn.CosineSimilarity`, whose backward keeps that term below ε too, where it is not the derivative.

use super::mend;
use super::shared::{BINARY, line, one_axis};
use crate::ops::unary::READS_INPUT;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Scalar, kernels::elementwise};

/// See the module.
pub struct CosineSimilarity;

impl Op for CosineSimilarity {
    const SPEC: Spec = Spec {
        id: "cosine_similarity",
        label: "Cosine similarity",
        params: &[
            ParamSpec {
                name: "dim",
                kind: ParamKind::Int { min: -8, max: 7 },
                default: || Value::Int(1),
                unit: "",
                doc: "The axis along which the vectors lie; it vanishes. Negative counts from the last axis.",
            },
            ParamSpec {
                name: "eps",
                kind: ParamKind::Float { min: 1e-30, max: 1.0, log: true },
                default: || Value::Float(1e-8),
                unit: "",
                doc: "The smallest length a vector counts with, so that a zero vector does not divide by zero.",
            },
        ],
        reads: READS_INPUT,
        formula: Formula {
            forward: r"c = \frac{a \cdot b}{\max(\lVert a \rVert, \varepsilon)\,\max(\lVert b \rVert, \varepsilon)}",
            local: r"\frac{\partial c}{\partial a} = \frac{b}{\lVert a \rVert \lVert b \rVert} - c\,\frac{a}{\lVert a \rVert^2}",
            chain: r"\frac{\partial L}{\partial a} = \delta \left( \frac{b}{\lVert a \rVert \lVert b \rVert} - c\,\frac{a}{\lVert a \rVert^2} \right)",
        },
        kinks: "‖a‖ = ε and ‖b‖ = ε",
        doc: "How much two vectors point the same way: 1 for the same direction, 0 at a right angle, −1 for opposite ones. Lengths do not matter, so the gradient only turns a vector and never makes it longer. Used to compare embeddings.",
        torch: "torch.nn.CosineSimilarity",
        grad_fn: GradFn::Names(&["SumBackward1", "MulBackward0", "DivBackward0"]),
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (a, b) = (&ctx.inputs[0], &ctx.inputs[1]);
        if a != b {
            let fault =
                Fault::at(1, format!("{a} and {b}: vectors are compared one by one, so the shapes must be equal"));
            return Err(mend::offer(fault.expected(a.clone()), ctx.inputs, |x| x[0] == x[1]));
        }
        let axis = one_axis(ctx, "an angle along it")?;
        let mut output = a.clone();
        let flops = 6 * output.per_sample() as u64;
        output.0.remove(axis);
        Ok(Inferred { output, flops, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (a, b, eps) = (ctx.inputs[0], ctx.inputs[1], S::of(ctx.params.float("eps")));
        let (n, inner) = line(a.shape, ctx.params.int("dim"));
        elementwise::blocks(ctx.output.data, inner, 2 * a.data.len(), |k, out| {
            let (a, b) = (&a.data[k * n * inner..][..n * inner], &b.data[k * n * inner..][..n * inner]);
            for (i, out) in out.iter_mut().enumerate() {
                let (dot, length_a, length_b) = angle(a, b, i, inner);
                *out = dot / (length_a.max(eps) * length_b.max(eps));
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (delta, eps) = (ctx.grad_output.data, S::of(ctx.params.float("eps")));
        for side in 0..2 {
            let (a, b) = (ctx.inputs[side], ctx.inputs[1 - side]);
            let Some(grad) = &mut ctx.grad_inputs[side] else { continue };
            let (n, inner) = line(a.shape, ctx.params.int("dim"));
            elementwise::blocks(grad.data, n * inner, 3 * a.data.len(), |k, grad| {
                let (a, b) = (&a.data[k * n * inner..][..n * inner], &b.data[k * n * inner..][..n * inner]);
                for i in 0..inner {
                    let (dot, length_a, length_b) = angle(a, b, i, inner);
                    let one = S::one() / (length_a.max(eps) * length_b.max(eps));
                    let turn = if length_a < eps { S::zero() } else { dot * one / (length_a * length_a) };
                    for j in (i..n * inner).step_by(inner) {
                        grad[j] = delta[k * inner + i] * (b[j] * one - turn * a[j]);
                    }
                }
            });
        }
    }
}

/// a·b, ‖a‖ and ‖b‖ of the vectors that begin at `i` and go on every `inner` elements.
fn angle<S: Scalar>(a: &[S], b: &[S], i: usize, inner: usize) -> (S, S, S) {
    let (mut dot, mut aa, mut bb) = (S::zero(), S::zero(), S::zero());
    for j in (i..a.len()).step_by(inner) {
        dot += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    (dot, aa.sqrt(), bb.sqrt())
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{fault, near, run};
    use crate::tensor::Shape;

    #[test]
    fn a_right_angle_and_the_same_direction() {
        let (a, b) = ([3.0, 0.0, 3.0, 4.0], [0.0, 2.0, 6.0, 8.0]);
        let ran = run("cosine_similarity", &[], &[(&[2, 2], &a), (&[2, 2], &b)], &[6.0, 1.0]);
        near(&ran.output, &[0.0, 1.0]);
        // The first turns towards b by δ/‖a‖; the second cannot turn closer.
        near(ran.grad(0), &[0.0, 2.0, 0.0, 0.0]);
        near(ran.grad(1), &[3.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_zero_vector_is_no_division_by_zero() {
        let ran = run("cosine_similarity", &[], &[(&[1, 2], &[0.0, 0.0]), (&[1, 2], &[1.0, 0.0])], &[1.0]);
        near(&ran.output, &[0.0]);
        near(ran.grad(0), &[1e8, 0.0]);
    }

    #[test]
    fn shapes_must_be_equal() {
        let f = fault("cosine_similarity", &[], &[Shape::batch(&[4]), Shape::batch(&[2, 2])]);
        assert!(f.message.contains("B×4 and B×2×2") && f.hints.len() == 1, "{f:?}");
    }
}
