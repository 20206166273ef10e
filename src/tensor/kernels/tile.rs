//! The innermost loop of every product: a tile of results stays in registers while all of its terms are added.
//!
//! `c[i][j] = start + Σ_k left[row(i) + along(k)] · right[column(j) + down(k)]`, the terms in the order of k. Matrix
//! products and convolutions differ only in where they find the numbers. As a result never depends on the tile it lies
//! in, work may be cut anywhere without changing a bit.

use super::heed::stopped;
use crate::tensor::Scalar;
use pulp::Simd;
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Vectors of results side by side in a tile, at most.
pub(super) const WIDE: usize = 3;
/// The longest vector.
pub(super) const LONGEST: usize = 16;

/// Vectors of terms after which it is looked whether the rest is to be left out: about a microsecond.
const LONG: usize = 4096;

/// What the terms are added to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start<'a, S> {
    /// Nothing.
    Zero,
    /// What is there already.
    Kept,
    /// A number per row.
    Rows(&'a [S]),
    /// A number per place within a row.
    Places(&'a [S]),
}

/// Where the numbers of a product lie.
pub(super) struct Product<'a, S, R, K, D> {
    left: &'a [S],
    row: R,
    along: K,
    right: &'a [S],
    down: D,
    terms: usize,
    start: Start<'a, S>,
    /// The farthest factor of any term, along and down.
    reach: [usize; 2],
    /// Vectors of terms since it was looked last whether to go on.
    spent: Cell<usize>,
}

/// A vector of results: where its column begins on the right, its place within each row of the output, and how many of
/// its numbers are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Column {
    pub at: usize,
    pub to: usize,
    pub len: usize,
}

/// The largest of `f` over a range.
#[inline(always)]
fn largest(range: std::ops::Range<usize>, f: impl Fn(usize) -> usize) -> usize {
    range.fold(0, |most, k| most.max(f(k)))
}

/// Rows of the tallest tile that leaves registers for `wide` vectors of the right side. Of sixteen registers some are
/// left free: the compiler, where it runs short, keeps a sum in memory, and each term then waits for the one before.
const fn tallest<A: Simd>(wide: usize) -> usize {
    match (A::REGISTER_COUNT >= 32, wide) {
        (true, 1) => 12,
        (true, _) | (false, 1) => 8,
        (false, 2) => 5,
        (false, _) => 3,
    }
}

impl<'a, S: Scalar, R, K, D> Product<'a, S, R, K, D>
where
    R: Fn(usize) -> usize,
    K: Fn(usize) -> usize,
    D: Fn(usize) -> usize,
{
    /// A product of `terms` terms. Row i begins at `row(i)` on the left, the factor of term k lies `along(k)` from there; on
    /// the right it lies `down(k)` from a column, with a whole vector there.
    #[inline(always)]
    pub fn new(left: &'a [S], row: R, along: K, right: &'a [S], down: D, terms: usize, start: Start<'a, S>) -> Self {
        let reach = [largest(0..terms, &along), largest(0..terms, &down)];
        Product { left, row, along, right, down, terms, start, reach, spent: Cell::new(0) }
    }

    /// Rows `rows` of the product for up to [`WIDE`] vectors; row i begins at `i * stride` in `out`.
    ///
    /// # Panics
    /// If a factor lies outside its side.
    #[inline(always)]
    pub fn run<A: Simd>(&self, a: A, rows: std::ops::Range<usize>, columns: &[Column], out: &mut [S], stride: usize) {
        if self.terms > 0 && !rows.is_empty() {
            let left = largest(rows.clone(), &self.row) + self.reach[0];
            let right = self.reach[1] + columns.iter().map(|c| c.at).max().unwrap_or(0);
            assert!(left < self.left.len(), "every left factor is there");
            assert!(right + S::width::<A>() <= self.right.len(), "every vector of the right side is there");
        }
        let spent = self.spent.get() + self.terms * rows.len() * columns.len();
        self.spent.set(if spent < LONG { spent } else { 0 });
        if spent >= LONG && stopped() {
            return;
        }
        match columns {
            [] => {}
            [x] => self.rows(a, rows, [*x], out, stride),
            [x, y] => self.rows(a, rows, [*x, *y], out, stride),
            [x, y, z, ..] => self.rows(a, rows, [*x, *y, *z], out, stride),
        }
    }

    #[inline(always)]
    fn rows<A: Simd, const N: usize>(
        &self,
        a: A,
        rows: std::ops::Range<usize>,
        columns: [Column; N],
        out: &mut [S],
        stride: usize,
    ) {
        let (mut i, mut left) = (rows.start, rows.len());
        while left > 0 {
            // Tiles of nearly the same height. Those that are never taken are not compiled: each takes long.
            let tall = left.div_ceil(left.div_ceil(tallest::<A>(N)));
            let out = &mut out[i * stride..];
            let done = if const { tallest::<A>(N) >= 12 } && tall > 8 && left >= 12 {
                self.tile::<A, 12, N>(a, i, columns, out, stride)
            } else if const { tallest::<A>(N) >= 8 } && tall > 6 && left >= 8 {
                self.tile::<A, 8, N>(a, i, columns, out, stride)
            } else if const { tallest::<A>(N) >= 6 } && tall > 4 && left >= 6 {
                self.tile::<A, 6, N>(a, i, columns, out, stride)
            } else if const { tallest::<A>(N) >= 5 } && tall > 4 {
                self.tile::<A, 5, N>(a, i, columns, out, stride)
            } else if const { tallest::<A>(N) >= 4 } && tall > 3 {
                self.tile::<A, 4, N>(a, i, columns, out, stride)
            } else if tall > 2 {
                self.tile::<A, 3, N>(a, i, columns, out, stride)
            } else if tall == 2 {
                self.tile::<A, 2, N>(a, i, columns, out, stride)
            } else {
                self.tile::<A, 1, N>(a, i, columns, out, stride)
            };
            (i, left) = (i + done, left - done);
        }
    }

    /// Rows `i..i + M`, of which the first begins at the start of `out`; returns M.
    #[inline(always)]
    fn tile<A: Simd, const M: usize, const N: usize>(
        &self,
        a: A,
        i: usize,
        columns: [Column; N],
        out: &mut [S],
        stride: usize,
    ) -> usize {
        let width = S::width::<A>();
        let mut rows = [&self.left[..0]; M];
        for (k, row) in rows.iter_mut().enumerate() {
            *row = &self.left[(self.row)(i + k)..];
        }
        // Vectors that are not full go through a tile of full ones.
        let whole = columns.iter().all(|c| c.len == width);
        let mut spare = MaybeUninit::<[[[S; LONGEST]; N]; M]>::uninit();
        let spare = if whole { None } else { Some(spare.write([[[S::zero(); LONGEST]; N]; M])) };
        let spare = spare.map_or(&mut [][..], |s| s.as_flattened_mut().as_flattened_mut());
        if !whole && matches!(self.start, Start::Kept) {
            fill_tile(&columns, out, stride, spare);
        }
        let (to, pitch) = if whole { (&mut *out, stride) } else { (&mut *spare, N * LONGEST) };
        let (mut at, mut columns_at) = ([0; N], [0; N]);
        for j in 0..N {
            at[j] = if whole { columns[j].to } else { j * LONGEST };
            columns_at[j] = columns[j].at;
        }
        let last = (M - 1) * pitch + at.iter().max().unwrap_or(&0);
        assert!(last + width <= to.len(), "every vector has its place");
        let place = |r: usize, j: usize| r * pitch + at[j]..r * pitch + at[j] + width;
        let mut sums = [[S::splat(a, S::zero()); N]; M];
        match self.start {
            Start::Zero => {}
            Start::Kept => {
                for r in 0..M {
                    for j in 0..N {
                        // SAFETY: the farthest vector was found inside.
                        sums[r][j] = S::load::<A>(unsafe { to.get_unchecked(place(r, j)) });
                    }
                }
            }
            Start::Rows(x) => {
                let x = &x[i..][..M];
                for r in 0..M {
                    sums[r] = [S::splat(a, x[r]); N];
                }
            }
            Start::Places(x) => {
                for j in 0..N {
                    let start = part::<A, S>(&x[columns[j].to..][..columns[j].len]);
                    for r in 0..M {
                        sums[r][j] = start;
                    }
                }
            }
        }
        let sums = self.add_terms(a, rows, columns_at, sums);
        for r in 0..M {
            for j in 0..N {
                // SAFETY: the farthest vector was found inside.
                S::store::<A>(sums[r][j], unsafe { to.get_unchecked_mut(place(r, j)) });
            }
        }
        if !whole {
            empty_tile(&columns, spare, out, stride);
        }
        M
    }

    /// Adds all terms to the sums of a tile. They come and go by value: those whose place were known outside would be
    /// written there at every term.
    #[inline(always)]
    fn add_terms<A: Simd, const M: usize, const N: usize>(
        &self,
        a: A,
        rows: [&[S]; M],
        columns: [usize; N],
        mut sums: [[S::Of<A>; N]; M],
    ) -> [[S::Of<A>; N]; M] {
        let width = S::width::<A>();
        for k in 0..self.terms {
            let (along, down) = ((self.along)(k), (self.down)(k));
            let mut right = [S::splat(a, S::zero()); N];
            for j in 0..N {
                let at = columns[j] + down;
                // SAFETY: `run` has found the largest position below a vector's length from the end.
                right[j] = S::load::<A>(unsafe { self.right.get_unchecked(at..at + width) });
            }
            for r in 0..M {
                // SAFETY: `run` has found the largest position to be inside; those of the closures depend on k only.
                let left = S::splat(a, unsafe { *rows[r].get_unchecked(along) });
                for j in 0..N {
                    sums[r][j] = S::fma(a, left, right[j], sums[r][j]);
                }
            }
        }
        sums
    }
}

/// Copies what is wanted of each vector of `out` to the rows of a tile of full vectors.
fn fill_tile<S: Scalar>(columns: &[Column], out: &[S], stride: usize, tile: &mut [S]) {
    for (r, row) in tile.chunks_exact_mut(columns.len() * LONGEST).enumerate() {
        for (tile, c) in row.chunks_exact_mut(LONGEST).zip(columns) {
            tile[..c.len].copy_from_slice(&out[r * stride + c.to..][..c.len]);
        }
    }
}

/// Copies it back.
fn empty_tile<S: Scalar>(columns: &[Column], tile: &[S], out: &mut [S], stride: usize) {
    for (r, row) in tile.chunks_exact(columns.len() * LONGEST).enumerate() {
        for (tile, c) in row.chunks_exact(LONGEST).zip(columns) {
            out[r * stride + c.to..][..c.len].copy_from_slice(&tile[..c.len]);
        }
    }
}

/// A vector that may not be full.
#[inline(always)]
fn part<A: Simd, S: Scalar>(from: &[S]) -> S::Of<A> {
    if from.len() >= S::width::<A>() {
        return S::load::<A>(from);
    }
    let mut all = [S::zero(); LONGEST];
    all[..from.len()].copy_from_slice(from);
    S::load::<A>(&all)
}
