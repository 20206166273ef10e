//! Matrix products, on the `gemm` crate where the matrices are large enough to pay for its packing.

use crate::tensor::Scalar;
use rayon::prelude::*;

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

/// Multiply-adds below which a plain loop beats packing.
const SMALL: usize = 4096;
/// Multiply-adds from which a second thread pays for being woken.
const PARALLEL: usize = 1 << 21;
/// Rows of the output one task computes; not a function of the number of threads.
const ROWS: usize = 32;

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
    if work <= SMALL {
        small(k, n, a, b, out);
    } else if work < PARALLEL || m <= ROWS {
        S::gemm(m, k, n, a, b, out);
    } else {
        out.par_chunks_mut(ROWS * n).enumerate().for_each(|(i, chunk)| {
            let part = Mat { data: &a.data[i * ROWS * a.row..], ..a };
            S::gemm(chunk.len() / n, k, n, part, b, chunk);
        });
    }
}

/// The textbook loop, innermost over the columns of the output when `b` is row-major.
fn small<S: Scalar>(k: usize, n: usize, a: Mat<S>, b: Mat<S>, out: &mut [S]) {
    for (i, row) in out.chunks_exact_mut(n).enumerate() {
        if b.col == 1 {
            row.fill(S::zero());
            for p in 0..k {
                let x = a.data[i * a.row + p * a.col];
                for (o, y) in row.iter_mut().zip(&b.data[p * b.row..p * b.row + n]) {
                    *o += x * *y;
                }
            }
        } else {
            for (j, o) in row.iter_mut().enumerate() {
                *o = (0..k).map(|p| a.data[i * a.row + p * a.col] * b.data[p * b.row + j * b.col]).sum();
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
            gemm::Parallelism::None,
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
