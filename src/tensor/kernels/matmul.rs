//! Matrix products, on the `gemm` crate where the matrices are large enough to pay for its packing.

use crate::tensor::Scalar;
use crate::tensor::kernels::simd::vectorised;

/// A matrix in memory: element (i, j) is `data[i * row + j * col]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, S> {
    /// The elements.
    pub data: &'a [S],
    /// Distance between rows.
    pub row: usize,
    /// Distance between columns.
    pub col: usize,
}

impl<'a, S> Mat<'a, S> {
    /// A row-major matrix with `cols` columns.
    pub fn rows(data: &'a [S], cols: usize) -> Self {
        Mat { data, row: cols, col: 1 }
    }
    /// The transpose of a row-major matrix with `cols` columns.
    pub fn transposed(data: &'a [S], cols: usize) -> Self {
        Mat { data, row: 1, col: cols }
    }
}

/// Whether the slice of `m` reaches its last element at rows×cols, both at least 1; without overflow.
fn holds<S>(m: Mat<S>, rows: usize, cols: usize) -> bool {
    let last = (rows - 1).checked_mul(m.row).zip((cols - 1).checked_mul(m.col)).and_then(|(a, b)| a.checked_add(b));
    last.is_some_and(|l| l < m.data.len())
}

/// Multiply-adds up to which a plain loop beats packing.
const SMALL: usize = 8192;
/// Multiply-adds from which a second thread pays for being woken.
const PARALLEL: usize = 1 << 21;
/// Inner length up to which the plain loop can pack.
const DEEP: usize = 64;

/// `out = a · b` with `a` m×k, `b` k×n and `out` m×n row-major.
///
/// # Panics
/// If a slice is shorter than the sizes demand.
pub fn matmul<S: Scalar>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, out: &mut [S]) {
    assert_eq!(out.len(), m * n, "the output is m×n");
    if out.is_empty() {
        return;
    }
    if k == 0 {
        return out.fill(S::zero());
    }
    assert!(holds(a, m, k) && holds(b, k, n), "a is m×k and b is k×n");
    let work = m * k * n;
    if work > SMALL || k > DEEP {
        return S::gemm(m, k, n, a, b, out, work >= PARALLEL);
    }
    vectorised(
        #[inline(always)]
        || match (k <= 16, n) {
            (true, 1) => small::<S, 16, 1>(m, k, n, a, b, out),
            (true, 2..=4) => small::<S, 16, 4>(m, k, n, a, b, out),
            (true, 5..=8) => small::<S, 16, 8>(m, k, n, a, b, out),
            (true, _) => small::<S, 16, 16>(m, k, n, a, b, out),
            (false, 1) => small::<S, DEEP, 1>(m, k, n, a, b, out),
            (false, 2..=8) => small::<S, DEEP, 8>(m, k, n, a, b, out),
            (false, _) => small::<S, DEEP, 16>(m, k, n, a, b, out),
        },
    );
}

/// The textbook loop, for `W` columns of the output at a time: those of `b` are packed first, filled up with zeros,
/// so that the innermost loop is as long as a vector register. `k` is at most `K`.
#[inline(always)]
fn small<S: Scalar, const K: usize, const W: usize>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, out: &mut [S]) {
    let mut packed = [[S::zero(); W]; K];
    let packed = &mut packed[..k];
    for from in (0..n).step_by(W) {
        let columns = W.min(n - from);
        for (p, row) in packed.iter_mut().enumerate() {
            for j in 0..columns {
                row[j] = b.data[p * b.row + (from + j) * b.col];
            }
            row[columns..].fill(S::zero());
        }
        for i in 0..m {
            let mut sums = [S::zero(); W];
            for (p, row) in packed.iter().enumerate() {
                let x = a.data[i * a.row + p * a.col];
                for j in 0..W {
                    sums[j] += x * row[j];
                }
            }
            let to = &mut out[i * n + from..][..columns];
            match to.first_chunk_mut::<W>() {
                Some(to) => *to = sums,
                None => to.iter_mut().zip(sums).for_each(|(o, s)| *o = s),
            }
        }
    }
}

/// Calls the `gemm` crate. The caller has checked that the slices hold m×k, k×n and m×n elements.
pub(crate) fn gemm_checked<S: Copy + 'static>(
    m: usize,
    k: usize,
    n: usize,
    a: Mat<S>,
    b: Mat<S>,
    out: &mut [S],
    zero: S,
    one: S,
    parallel: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        return out.fill(zero);
    }
    assert!(m.checked_mul(n) == Some(out.len()), "the output is m×n");
    assert!(holds(a, m, k) && holds(b, k, n), "a is m×k and b is k×n");
    // SAFETY: the assertions above bound every access of the three matrices; `out` is not aliased.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            zero,
            one,
            false,
            false,
            false,
            if parallel { gemm::Parallelism::Rayon(0) } else { gemm::Parallelism::None },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of every size class agree with the definition.
    #[test]
    fn agrees_with_the_definition() {
        for (m, k, n) in [(1, 1, 1), (3, 2, 4), (17, 33, 29), (70, 200, 160)] {
            let a: Vec<f64> = (0..m * k).map(|i| ((i * 7 % 13) as f64) - 6.0).collect();
            let b: Vec<f64> = (0..k * n).map(|i| ((i * 5 % 11) as f64) - 5.0).collect();
            let mut out = vec![f64::NAN; m * n];
            matmul(m, k, n, Mat::rows(&a, k), Mat::rows(&b, n), &mut out);
            for i in 0..m {
                for j in 0..n {
                    let want: f64 = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
                    assert_eq!(out[i * n + j], want, "{m}×{k}×{n} at {i},{j}");
                }
            }
        }
    }
}
