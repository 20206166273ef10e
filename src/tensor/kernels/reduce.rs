//! Sums over axes.

use crate::tensor::Scalar;

/// The shape with the axes of `dims` (all if empty) set to 1.
fn kept(shape: &[usize], dims: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().map(|(i, n)| if dims.is_empty() || dims.contains(&i) { 1 } else { *n }).collect()
}

/// `out = scale · Σ x` over the axes `dims` (all if empty), in the order of memory.
pub fn sum<S: Scalar>(shape: &[usize], x: &[S], dims: &[usize], scale: S, out: &mut [S]) {
    if out.len() == 1 {
        out[0] = super::elementwise::sum(x, |v| v) * scale;
        return;
    }
    let kept = kept(shape, dims);
    out.fill(S::zero());
    for (i, v) in x.iter().enumerate() {
        out[super::broadcast::index(i, &kept, shape)] += *v;
    }
    for o in out {
        *o *= scale;
    }
}

/// The adjoint of [`sum`]: every element gets `scale` times the gradient of the sum it went into.
pub fn sum_back<S: Scalar>(shape: &[usize], grad_out: &[S], dims: &[usize], scale: S, grad: &mut [S]) {
    let kept = kept(shape, dims);
    for (i, g) in grad.iter_mut().enumerate() {
        *g = grad_out[super::broadcast::index(i, &kept, shape)] * scale;
    }
}

/// `out[j] = Σᵢ x[i, j]`: the sum of the rows of a row-major matrix.
pub fn column_sums<S: Scalar>(x: &[S], out: &mut [S]) {
    super::simd::vectorised(|| {
        out.fill(S::zero());
        for row in x.chunks_exact(out.len().max(1)) {
            for (o, v) in out.iter_mut().zip(row) {
                *o += *v;
            }
        }
    });
}
