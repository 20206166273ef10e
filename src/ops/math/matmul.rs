//! The matrix product, plain or for a stack of matrices.
//!
//! Shapes: m×k · k×n = m×n, with equal leading axes for stacks; one k×n also serves a whole stack. With δ = ∂L/∂z:
//! ∂L/∂a = δ bᵀ, ∂L/∂b = aᵀ δ.

use super::mend;
use super::shared::BINARY;
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Reads, Spec};
use crate::tensor::kernels::matmul::{Mat, matmul};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct MatMul;

impl Op for MatMul {
    const SPEC: Spec = Spec {
        id: "matmul",
        label: "MatMul",
        reads: Reads { inputs: true, weights: false, output: false },
        formula: Formula {
            forward: r"z = a\,b",
            local: r"\frac{\partial z_{ij}}{\partial a_{ip}} = b_{pj},\quad \frac{\partial z_{ij}}{\partial b_{pj}} = a_{ip}",
            chain: r"\frac{\partial L}{\partial a} = \delta\,b^{\top},\quad \frac{\partial L}{\partial b} = a^{\top}\delta",
        },
        doc: "The matrix product: rows of the first times columns of the second. The last axis of the first must be as long as the last but one of the second. Stacks of matrices are multiplied pair by pair, or all by one and the same second matrix.",
        torch: "torch.matmul",
        grad_fn: GradFn::By(|_, inputs| match (inputs[0].rank(), inputs[1].rank()) {
            (2, _) => &["MmBackward0"],
            (_, 2) => &["UnsafeViewBackward0", "MmBackward0", "ViewBackward0"],
            _ => &["UnsafeViewBackward0", "BmmBackward0", "ViewBackward0", "ExpandBackward0"],
        }),
        onnx: "MatMul",
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (a, b) = (&ctx.inputs[0], &ctx.inputs[1]);
        product(a, b).map_err(|fault| mend::offer(fault, ctx.inputs, |x| product(&x[0], &x[1]).is_ok()))
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (a, b) = (ctx.inputs[0], ctx.inputs[1]);
        let (m, k, n) = sizes(a.shape, b.shape);
        for ((z, a), b) in
            ctx.output.data.chunks_exact_mut(m * n).zip(a.data.chunks_exact(m * k)).zip(b.data.chunks_exact(k * n))
        {
            matmul(m, k, n, Mat::rows(a, k), Mat::rows(b, n), z);
        }
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (a, b) = (ctx.inputs[0], ctx.inputs[1]);
        let (m, k, n) = sizes(a.shape, b.shape);
        let delta = ctx.grad_output.data;
        if let Some(g) = &mut ctx.grad_inputs[0] {
            for ((g, d), b) in
                g.data.chunks_exact_mut(m * k).zip(delta.chunks_exact(m * n)).zip(b.data.chunks_exact(k * n))
            {
                matmul(m, n, k, Mat::rows(d, n), Mat::transposed(b, n), g);
            }
        }
        if let Some(g) = &mut ctx.grad_inputs[1] {
            for ((g, d), a) in
                g.data.chunks_exact_mut(k * n).zip(delta.chunks_exact(m * n)).zip(a.data.chunks_exact(m * k))
            {
                matmul(k, m, n, Mat::transposed(a, k), Mat::rows(d, n), g);
            }
        }
    }
}

/// The shape rule.
fn product(a: &Shape, b: &Shape) -> Result<Inferred, Fault> {
    let (ra, rb) = (a.rank(), b.rank());
    if ra < 2 || rb < 2 || (ra != rb && rb != 2) {
        let pin = usize::from(ra >= 2);
        let message =
            format!("{a} times {b}: both must be matrices, or stacks of as many axes, or the second a matrix");
        return Err(Fault::at(pin, message));
    }
    if a.0[ra - 1] != b.0[rb - 2] {
        let message = format!(
            "{a} times {b}: the last axis of the first ({}) must equal the last but one of the second ({})",
            a.0[ra - 1],
            b.0[rb - 2]
        );
        let mut expected = b.clone();
        expected.0[rb - 2] = a.0[ra - 1];
        return Err(Fault::at(1, message).axis(rb - 2).expected(expected));
    }
    if let Some(k) = (0..rb - 2).find(|k| a.0[*k] != b.0[*k]) {
        let message = format!("{a} times {b}: the stacks differ in axis {k}");
        return Err(Fault::at(1, message).axis(k));
    }
    let mut output = a.clone();
    output.0[ra - 1] = b.0[rb - 1];
    let inner = if let Dim::Fixed(n) = a.0[ra - 1] { n } else { 1 };
    let flops = output.per_sample().saturating_mul(2 * inner) as u64;
    Ok(Inferred { output, flops, ..Inferred::default() })
}

/// Rows of a, columns of a, columns of b. A stack times one matrix is one product, of all rows.
fn sizes(a: &[usize], b: &[usize]) -> (usize, usize, usize) {
    let (k, rows) = a.split_last().expect("a matrix has axes");
    let m = if b.len() == 2 { rows.iter().product() } else { rows[rows.len() - 1] };
    (m, *k, b[b.len() - 1])
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, near, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn a_row_times_two_columns() {
        let ran = run("matmul", &[], &[(&[1, 2], &[1.0, 2.0]), (&[2, 2], &[3.0, 4.0, 5.0, 6.0])], &[1.0, 10.0]);
        near(&ran.output, &[13.0, 16.0]);
        near(ran.grad(0), &[43.0, 65.0]);
        near(ran.grad(1), &[1.0, 10.0, 2.0, 20.0]);
    }

    #[test]
    fn stacks_go_pair_by_pair() {
        let ran = run("matmul", &[], &[(&[2, 1, 1], &[2.0, 3.0]), (&[2, 1, 1], &[5.0, 7.0])], &[1.0, 1.0]);
        assert_eq!(
            (ran.output.as_slice(), ran.grad(0), ran.grad(1)),
            (&[10.0, 21.0][..], &[5.0, 7.0][..], &[2.0, 3.0][..])
        );
    }

    #[test]
    fn one_matrix_serves_a_stack() {
        let ran = run("matmul", &[], &[(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]), (&[2, 1], &[5.0, 6.0])], &[1.0, 10.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[2, 1, 1][..], &[17.0, 39.0][..]));
        assert_eq!((ran.grad(0), ran.grad(1)), (&[5.0, 6.0, 50.0, 60.0][..], &[31.0, 42.0][..]));
        let f = fault("matmul", &[], &[Shape::fixed(&[4, 2]), Shape::batch(&[2, 4])]);
        assert_eq!(f.input, Some(1));
    }

    #[test]
    fn a_matrix_the_wrong_way_round_is_turned() {
        let f = fault("matmul", &[], &[Shape::batch(&[4]), Shape::fixed(&[3, 4])]);
        assert!(matches!(f.hints[..], [Hint::InsertBefore(1, "transpose", _)]), "{f:?}");
        assert_eq!((f.input, f.axis, f.expected), (Some(1), Some(0), Some(Shape::fixed(&[4, 4]))));
        let f = fault("matmul", &[], &[Shape::batch(&[4]), Shape::fixed(&[4])]);
        assert_eq!(f.hints, [Hint::InsertBefore(1, "unsqueeze", vec![("dim", Value::Int(1))])]);
    }
}
