//! Matrix products.
//!
//! Large ones copy the right side into panels that are read in order, as Goto and van de Geijn 2008 do, but into memory
//! that the thread keeps, so that nothing is allocated, and add the terms of every element in the order of k, so that
//! the bits depend neither on the number of threads nor on the length of the registers. On both sides of 1 MiB this
//! was found as fast as the `gemm` crate or faster.

use super::elementwise::cut;
use super::look::Eye;
use super::scratch;
use super::simd::{self, vectorised};
use super::team::{Parts, pays, share};
use super::tile::{Column, Product, Start, WIDE};
use super::turn::transpose;
use crate::tensor::Scalar;

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
const PARALLEL: usize = 1 << 20;
/// Inner length up to which the plain loop can pack.
const DEEP: usize = 64;

/// `out = a · b` with `a` m×k, `b` k×n and `out` m×n row-major.
///
/// # Panics
/// If a slice is shorter than the sizes demand.
pub fn matmul<S: Scalar>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, out: &mut [S]) {
    affine(m, k, n, a, b, None, out);
}

/// `out = a · b + bias` with `a` m×k, `b` k×n, `out` m×n row-major and a bias for each column.
///
/// # Panics
/// If a slice is shorter than the sizes demand.
pub fn affine<S: Scalar>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, bias: Option<&[S]>, out: &mut [S]) {
    assert_eq!(out.len(), m * n, "the output is m×n");
    assert!(bias.is_none_or(|b| b.len() == n), "the bias has n elements");
    if out.is_empty() {
        return;
    }
    assert!(k == 0 || (holds(a, m, k) && holds(b, k, n)), "a is m×k and b is k×n");
    if m * k * n > SMALL || k > DEEP || k == 0 {
        // The side that is copied is better the smaller one.
        let turned = k > 0 && a.col == 1 && b.row == 1 && m < n && m >= simd::width::<S>();
        return if turned { turned_about(m, k, n, a, b, bias, out) } else { packed(m, k, n, a, b, bias, out) };
    }
    vectorised(
        #[inline(always)]
        || match (k <= 16, n) {
            (true, 1) => small::<S, 16, 1>(m, k, n, a, b, bias, out),
            (true, 2..=4) => small::<S, 16, 4>(m, k, n, a, b, bias, out),
            (true, 5..=8) => small::<S, 16, 8>(m, k, n, a, b, bias, out),
            (true, _) => small::<S, 16, 16>(m, k, n, a, b, bias, out),
            (false, 1) => small::<S, DEEP, 1>(m, k, n, a, b, bias, out),
            (false, 2..=8) => small::<S, DEEP, 8>(m, k, n, a, b, bias, out),
            (false, _) => small::<S, DEEP, 16>(m, k, n, a, b, bias, out),
        },
    );
}

/// The textbook loop, for `W` columns of the output at a time: those of `b` are packed first, filled up with zeros,
/// so that the innermost loop is as long as a vector register. `k` is at most `K`.
#[inline(always)]
fn small<S: Scalar, const K: usize, const W: usize>(
    m: usize,
    k: usize,
    n: usize,
    a: Mat<S>,
    b: Mat<S>,
    bias: Option<&[S]>,
    out: &mut [S],
) {
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
        let mut start = [S::zero(); W];
        if let Some(bias) = bias {
            start[..columns].copy_from_slice(&bias[from..][..columns]);
        }
        for i in 0..m {
            let mut sums = start;
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

/// Terms added before the next block of columns has its turn, at most, so that what is read again is still near.
const BLOCK: usize = 256;
/// Panels from which every thread takes some of them.
const MANY: usize = 8;
/// Rows of a panel that one thread computes, at most.
const TALL: usize = 256;
/// Rows that are called from memory before they are copied.
const AHEAD: usize = 16;

/// The length of nearly equal parts of `n`, each of up to `most`.
fn even(n: usize, most: usize) -> usize {
    n.div_ceil(n.div_ceil(most).max(1)).max(1)
}

/// The right side is copied in panels of a few vectors, in the order in which it is read; then blocks of rows are
/// computed, each by one thread.
fn packed<S: Scalar>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, bias: Option<&[S]>, out: &mut [S]) {
    let width = simd::width::<S>();
    let vectors = n.div_ceil(width);
    let wide = vectors.div_ceil(vectors.div_ceil(WIDE)) * width;
    let parallel = pays(m * k * n, PARALLEL);
    let rows = (m / 8).next_multiple_of(8).clamp(16, 64);
    let start = bias.map_or(Start::Zero, Start::Places);
    // A few rows of whole vectors are read where they lie, unless all of them fall on the same lines of the cache.
    let direct = b.col == 1
        && (1..=DEEP).contains(&k)
        && n.is_multiple_of(width)
        && !(b.row * size_of::<S>()).is_multiple_of(1024);
    if !direct && k > 0 && a.col == 1 && n >= MANY * wide {
        return by_panels(m, k, n, wide, a, b, bias, out);
    }
    scratch::with(if direct { 0 } else { k * vectors * width }, |right| {
        let right = if direct {
            Right { data: b.data, panel: 1, down: Some(b.row) }
        } else {
            cut(parallel, right, k.max(1) * wide, |p, panel| pack(b, k, p * wide, n, panel));
            Right { data: right, panel: k, down: None }
        };
        cut(parallel, out, rows * n, |r, out| {
            let (first, m) = (r * rows, out.len() / n);
            let a = Mat { data: &a.data[(first * a.row).min(a.data.len())..], ..a };
            if direct || a.col == 1 {
                return simd::with(Rows { m, k, n, wide, a, right, start, out });
            }
            scratch::with(m * k, |left| {
                for (p, to) in left.chunks_exact_mut(m).enumerate() {
                    if a.row == 1 {
                        simd::prefetch(a.data, (p + AHEAD) * a.col, m);
                        to.copy_from_slice(&a.data[p * a.col..][..m]);
                        continue;
                    }
                    for (i, to) in to.iter_mut().enumerate() {
                        *to = a.data[i * a.row + p * a.col];
                    }
                }
                simd::with(Rows { m, k, n, wide, a: Mat { data: left, row: 1, col: m }, right, start, out });
            });
        });
    });
}

/// As [`packed`], where every thread copies what it needs of the right side itself, as much as stays near, and computes
/// whole panels of the result.
fn by_panels<S: Scalar>(
    m: usize,
    k: usize,
    n: usize,
    wide: usize,
    a: Mat<S>,
    b: Mat<S>,
    bias: Option<&[S]>,
    out: &mut [S],
) {
    let width = simd::width::<S>();
    let (panels, rows, block) = (n.div_ceil(wide), even(m, TALL), even(k, BLOCK));
    let (eye, at) = (Eye::open(), out.as_ptr().addr());
    let out = Parts::of(out, 1);
    let task = |t: usize| {
        let (top, first) = (t / panels * rows, t % panels * wide);
        let (m, own) = (rows.min(m - top), wide.min(n - first));
        let wide = own.next_multiple_of(width);
        scratch::with(block * wide, |right| {
            scratch::with(m * own, |done| {
                for from in (0..k).step_by(block) {
                    let k = block.min(k - from);
                    let panel = &mut right[..k * wide];
                    pack(Mat { data: &b.data[from * b.row..], ..b }, k, first, n, panel);
                    let start = match bias {
                        _ if from > 0 => Start::Kept,
                        Some(bias) => Start::Places(&bias[first..]),
                        None => Start::Zero,
                    };
                    let a = Mat { data: &a.data[top * a.row + from * a.col..], ..a };
                    let right = Right { data: panel, panel: k, down: None };
                    simd::with(Rows { m, k, n: own, wide, a, right, start, out: done });
                }
                eye.saw_at(at, done, done.len());
                for (i, row) in done.chunks_exact(own).enumerate() {
                    let at = (top + i) * n + first;
                    // SAFETY: this place is of this task.
                    unsafe { out.range(at..at + own) }.copy_from_slice(row);
                }
            });
        });
    };
    let count = panels * m.div_ceil(rows);
    if pays(m * k * n, PARALLEL) { share(count, &task) } else { (0..count).for_each(task) }
}

/// As [`packed`], with the sides exchanged: the rows of `a` are copied, and blocks of columns of the result computed as
/// rows, each by one thread, and then turned.
fn turned_about<S: Scalar>(m: usize, k: usize, n: usize, a: Mat<S>, b: Mat<S>, bias: Option<&[S]>, out: &mut [S]) {
    let width = simd::width::<S>();
    let across = m.next_multiple_of(width);
    let wide = across.min(2 * width);
    let parallel = pays(m * k * n, PARALLEL);
    let rows = (n / 16).next_multiple_of(8).clamp(16, 48);
    let (eye, at) = (Eye::open(), out.as_ptr().addr());
    let out = Parts::of(out, 1);
    scratch::with(k * across, |right| {
        let columns = Mat { row: a.col, col: a.row, ..a };
        cut(parallel, right, k * wide, |p, panel| pack(columns, k, p * wide, m, panel));
        let right = Right { data: right, panel: k, down: None };
        let task = |r: usize| {
            let (first, own) = (r * rows, rows.min(n - r * rows));
            let a = Mat { data: &b.data[first * b.col..], row: b.col, col: 1 };
            let start = bias.map_or(Start::Zero, |b| Start::Rows(&b[first..]));
            scratch::with(own * across, |block| {
                simd::with(Rows { m: own, k, n: across, wide, a, right, start, out: block });
                // Rows of `block` may end in zeros, which are not copied.
                eye.saw_at(at, block, own * m);
                // SAFETY: the columns from `first` on are those of this task.
                unsafe { transpose(block, across, own, m, &out, [first, n, own]) };
            });
        };
        let count = n.div_ceil(rows);
        if parallel { share(count, &task) } else { (0..count).for_each(task) }
    });
}

/// The right side of a product.
#[derive(Clone, Copy)]
struct Right<'a, S> {
    data: &'a [S],
    /// From a column at which a panel begins to where it lies.
    panel: usize,
    /// From one term to the next; none where that is the width of the panel.
    down: Option<usize>,
}

/// Copies the columns of `b` from `from` on, as many as the panel has room for; those that are missing are zeros.
fn pack<S: Scalar>(b: Mat<S>, k: usize, from: usize, n: usize, panel: &mut [S]) {
    let wide = panel.len() / k;
    let columns = wide.min(n - from);
    if b.col == 1 {
        for (p, to) in panel.chunks_exact_mut(wide).enumerate() {
            simd::prefetch(b.data, (p + AHEAD) * b.row + from, columns);
            to[..columns].copy_from_slice(&b.data[p * b.row + from..][..columns]);
            to[columns..].fill(S::zero());
        }
        return;
    }
    if b.row == 1 {
        let panel = Parts::of(panel, 1);
        // SAFETY: the panel is borrowed by nobody else.
        return unsafe { transpose(&b.data[from * b.col..], b.col, columns, k, &panel, [0, wide, wide]) };
    }
    for (p, to) in panel.chunks_exact_mut(wide).enumerate() {
        for (j, to) in to.iter_mut().enumerate() {
            *to = if j < columns { b.data[p * b.row + (from + j) * b.col] } else { S::zero() };
        }
    }
}

/// Some rows of a product, in panels of `wide` columns.
struct Rows<'a, S> {
    m: usize,
    k: usize,
    n: usize,
    wide: usize,
    a: Mat<'a, S>,
    right: Right<'a, S>,
    start: Start<'a, S>,
    out: &'a mut [S],
}

impl<S: Scalar> pulp::WithSimd for Rows<'_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: pulp::Simd>(self, simd: A) {
        let Rows { m, k, n, wide, a, right, start, out } = self;
        let (width, length) = (S::width::<A>(), even(k, BLOCK));
        let mut block = 0;
        loop {
            let terms = length.min(k - block);
            for from in (0..n).step_by(wide) {
                let own = wide.min((n - from).next_multiple_of(width));
                let mut columns = [Column::default(); WIDE];
                for (j, c) in columns.iter_mut().enumerate().take(own / width) {
                    let to = from + j * width;
                    *c = Column { at: j * width, to, len: width.min(n - to) };
                }
                let start = if block > 0 { Start::Kept } else { start };
                let left = &a.data[block * a.col..];
                let down = right.down.unwrap_or(own);
                let right = &right.data[from * right.panel + block * down..];
                let product = Product::new(left, |i| i * a.row, |p| p * a.col, right, |p| p * down, terms, start);
                product.run(simd, 0..m, &columns[..own / width], out, n);
            }
            block += terms;
            if block >= k {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of every size class agree with the definition.
    #[test]
    fn agrees_with_the_definition() {
        for (m, k, n) in [
            (1, 1, 1),
            (3, 2, 4),
            (17, 33, 29),
            (70, 200, 160),
            (1, 1100, 50),
            (130, 65, 1),
            (100, 1030, 49),
            (35, 60, 112),
            (40, 70, 61),
        ] {
            let a: Vec<f64> = (0..m * k).map(|i| ((i * 7 % 13) as f64) - 6.0).collect();
            let b: Vec<f64> = (0..k * n).map(|i| ((i * 5 % 11) as f64) - 5.0).collect();
            let bias: Vec<f64> = (0..n).map(|j| j as f64).collect();
            let turned = |x: &[f64], rows: usize, cols: usize| -> Vec<f64> {
                (0..cols).flat_map(|j| (0..rows).map(move |i| x[i * cols + j])).collect()
            };
            let (at, bt) = (turned(&a, m, k), turned(&b, k, n));
            let mut want = vec![0.0; m * n];
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                want[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
            }
            for (x, y) in [
                (Mat::rows(&a, k), Mat::rows(&b, n)),
                (Mat::transposed(&at, m), Mat::rows(&b, n)),
                (Mat::rows(&a, k), Mat::transposed(&bt, k)),
            ] {
                let mut out = vec![f64::NAN; m * n];
                matmul(m, k, n, x, y, &mut out);
                assert_eq!(out, want, "{m}×{k}×{n}");
                affine(m, k, n, x, y, Some(&bias), &mut out);
                assert!(out.iter().zip(&want).enumerate().all(|(i, (o, w))| *o == w + bias[i % n]), "{m}×{k}×{n}");
            }
        }
    }
}
