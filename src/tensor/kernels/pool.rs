//! Pooling: each output is the largest element, or the mean, of a window of one plane. Every forward stands beside its
//! adjoint. One-dimensional pooling is that of planes of one row.

use super::elementwise::{CHUNK, PARALLEL, blocks};
use super::look::Eye;
use super::scratch;
use super::simd::vectorised;
use super::team::{Parts, pays, share};
use super::window::Axis;
use crate::tensor::Scalar;
use std::ops::Range;

/// Windows over planes: rows, then columns. Every window meets at least one element.
#[derive(Clone, Copy, Debug)]
pub struct Pool(pub [Axis; 2]);

impl Pool {
    /// Elements of a plane and of a plane of the output.
    fn planes(&self) -> (usize, usize) {
        let Pool([y, x]) = self;
        (y.len * x.len, y.out * x.out)
    }

    /// Calls `f(tap, x, out, n)` for each run of places in one row at which a tap lies inside: `n` outputs from `out`
    /// on, and elements from `x` on, a stride apart.
    #[inline(always)]
    fn taps(&self, mut f: impl FnMut(usize, usize, usize, usize)) {
        let Pool([v, h]) = self;
        for tap in 0..v.kernel * h.kernel {
            let (ky, kx) = (tap / h.kernel, tap % h.kernel);
            let columns = h.meets(kx);
            if columns.is_empty() {
                continue;
            }
            for oy in v.meets(ky) {
                let from = v.at(oy, ky) * h.len + h.at(columns.start, kx);
                f(tap, from, oy * h.out + columns.start, columns.len());
            }
        }
    }

    /// Elements of the window at place `o` of an axis, with those of the padding if `padded`.
    fn along(a: &Axis, o: usize, padded: bool) -> usize {
        let (start, end) = (o * a.stride, o * a.stride + a.kernel);
        let (low, high) = if padded { (0, a.len + 2 * a.padding) } else { (a.padding, a.padding + a.len) };
        end.min(high) - start.max(low)
    }

    /// Elements of the window of output `index`, with those of the padding if `padded`.
    pub fn count(&self, padded: bool, index: usize) -> usize {
        let Pool([v, h]) = self;
        let at = index % (v.out * h.out);
        Self::along(v, at / h.out, padded) * Self::along(h, at % h.out, padded)
    }

    /// Divides each output by the elements of its window, with those of the padding if `padded`.
    #[inline(always)]
    fn divide<S: Scalar>(&self, padded: bool, out: &mut [S]) {
        let Pool([v, h]) = self;
        for (oy, row) in out.chunks_exact_mut(h.out).enumerate() {
            let rows = Self::along(v, oy, padded);
            for (ox, o) in row.iter_mut().enumerate() {
                *o /= S::of((rows * Self::along(h, ox, padded)) as f64);
            }
        }
    }
}

/// Compiles a loop for the common strides.
macro_rules! each_stride {
    ($step:expr, |$s:ident| $body:expr) => {
        match $step {
            1 => {
                let $s = 1usize;
                $body
            }
            2 => {
                let $s = 2usize;
                $body
            }
            $s => $body,
        }
    };
}

impl Pool {
    /// Whether the windows are squares of four that lie side by side and cover the plane.
    fn quarters(&self) -> bool {
        let tiles = |a: &Axis| (a.kernel, a.stride, a.dilation, a.padding, a.len) == (2, 2, 1, 0, 2 * a.out);
        self.0.iter().all(tiles)
    }
}

/// Runs a body for blocks of `W` places, a constant; the last one may lie over the one before.
macro_rules! in_blocks {
    ($width:expr, |$w:ident, $at:ident| $body:expr) => {
        match $width {
            8.. => in_blocks!(@ 8, $width, $w, $at, $body),
            4.. => in_blocks!(@ 4, $width, $w, $at, $body),
            _ => in_blocks!(@ 1, $width, $w, $at, $body),
        }
    };
    (@ $long:literal, $width:expr, $w:ident, $at:ident, $body:expr) => {{
        const $w: usize = $long;
        for k in 0..$width.div_ceil($w) {
            let $at = (k * $w).min($width - $w);
            $body
        }
    }};
}

/// Keeps the larger of each two numbers with that one's tap; of equals those kept already.
#[inline(always)]
fn keep_larger<S: Scalar, const W: usize>(next: &[S; W], tap: &[S; W], best: &mut [S; W], winner: &mut [S; W]) {
    for k in 0..W {
        let better = (next[k] > best[k]) | next[k].is_nan();
        best[k] = if better { next[k] } else { best[k] };
        winner[k] = if better { tap[k] } else { winner[k] };
    }
}

/// [`max`] of [`Pool::quarters`]. Each loop is over one vector: the compiler takes apart what is written in one loop or
/// in closures.
#[inline(always)]
fn max_quarters<S: Scalar>(width: usize, x: &[S], out: &mut [S], winner: &mut [S]) {
    let taps = [0.0, 1.0, 2.0, 3.0].map(S::of);
    let rows = x.chunks_exact(4 * width).zip(out.chunks_exact_mut(width).zip(winner.chunks_exact_mut(width)));
    for (x, (out, winner)) in rows {
        let (above, below) = x.split_at(2 * width);
        let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
        in_blocks!(width, |W, at| {
            let above = above[at..].first_chunk::<W>().expect("a block");
            let below = below[at..].first_chunk::<W>().expect("a block");
            let (mut a, mut b, mut c, mut d) = ([S::zero(); W], [S::zero(); W], [S::zero(); W], [S::zero(); W]);
            for k in 0..W {
                [a[k], b[k]] = above[k];
            }
            for k in 0..W {
                [c[k], d[k]] = below[k];
            }
            let (mut upper, mut lower) = ([taps[0]; W], [taps[2]; W]);
            keep_larger(&b, &[taps[1]; W], &mut a, &mut upper);
            keep_larger(&d, &[taps[3]; W], &mut c, &mut lower);
            keep_larger(&c, &lower, &mut a, &mut upper);
            *out[at..].first_chunk_mut::<W>().expect("a block") = a;
            *winner[at..].first_chunk_mut::<W>().expect("a block") = upper;
        });
    }
}

/// The adjoint of [`max_quarters`].
#[inline(always)]
fn max_quarters_back<S: Scalar>(width: usize, winner: &[S], delta: &[S], grad: &mut [S]) {
    let taps = [0.0, 1.0, 2.0, 3.0].map(S::of);
    let rows = winner.chunks_exact(width).zip(delta.chunks_exact(width));
    for (grad, (winner, delta)) in grad.chunks_exact_mut(4 * width).zip(rows) {
        let (above, below) = grad.split_at_mut(2 * width);
        let (above, below) = (above.as_chunks_mut::<2>().0, below.as_chunks_mut::<2>().0);
        in_blocks!(width, |W, at| {
            let winner = *winner[at..].first_chunk::<W>().expect("a block");
            let delta = *delta[at..].first_chunk::<W>().expect("a block");
            let mut share = [[S::zero(); W]; 4];
            for (share, tap) in share.iter_mut().zip(taps) {
                for k in 0..W {
                    share[k] = if winner[k] == tap { delta[k] } else { S::zero() };
                }
            }
            let [a, b, c, d] = share;
            let above = above[at..].first_chunk_mut::<W>().expect("a block");
            for k in 0..W {
                above[k] = [a[k], b[k]];
            }
            let below = below[at..].first_chunk_mut::<W>().expect("a block");
            for k in 0..W {
                below[k] = [c[k], d[k]];
            }
        });
    }
}

/// The largest element of each window, and the number of its tap. NaN counts as the largest; of equals the first wins.
pub fn max<S: Scalar>(pool: &Pool, x: &[S], out: &mut [S], winner: &mut [S]) {
    let ((plane, out_plane), quarters) = (pool.planes(), pool.quarters());
    let run = |x: &[S], out: &mut [S], winner: &mut [S]| {
        vectorised(
            #[inline(always)]
            || {
                if quarters {
                    return max_quarters(pool.0[1].out, x, out, winner);
                }
                out.fill(S::neg_infinity());
                winner.fill(-S::one());
                each_stride!(pool.0[1].stride, |s| pool.taps(
                    #[inline(always)]
                    |tap, from, at, n| {
                        let tap = S::of(tap as f64);
                        let x = x[from..].iter().step_by(s);
                        for ((best, won), &v) in out[at..][..n].iter_mut().zip(&mut winner[at..][..n]).zip(x) {
                            let better = v > *best || v.is_nan() || *won < S::zero();
                            *best = if better { v } else { *best };
                            *won = if better { tap } else { *won };
                        }
                    }
                ))
            },
        );
    };
    let several = (CHUNK / plane).max(1);
    let eye = Eye::open();
    let all = (x, Parts::of(out, several * out_plane), Parts::of(winner, several * out_plane));
    let task = |k: usize| {
        // SAFETY: every task has parts of its own.
        let (out, winner) = unsafe { (all.1.get(k), all.2.get(k)) };
        let planes = out.chunks_exact_mut(out_plane).zip(winner.chunks_exact_mut(out_plane));
        x[k * several * plane..].chunks_exact(plane).zip(planes).for_each(|(x, (out, winner))| run(x, out, winner));
        eye.saw(out);
    };
    let count = x.len().div_ceil(several * plane);
    if pays(x.len(), PARALLEL) { share(count, &task) } else { (0..count).for_each(task) }
}

/// The adjoint of [`max`]: each gradient goes to the element that won.
pub fn max_back<S: Scalar>(pool: &Pool, winner: &[S], grad_out: &[S], grad: &mut [S]) {
    let ((plane, out_plane), quarters) = (pool.planes(), pool.quarters());
    let work = grad.len();
    blocks(grad, plane, work, |k, grad| {
        let (winner, delta) = (&winner[k * out_plane..][..out_plane], &grad_out[k * out_plane..][..out_plane]);
        vectorised(
            #[inline(always)]
            || {
                if quarters {
                    return max_quarters_back(pool.0[1].out, winner, delta, grad);
                }
                grad.fill(S::zero());
                each_stride!(pool.0[1].stride, |s| pool.taps(
                    #[inline(always)]
                    |tap, from, at, n| {
                        let tap = S::of(tap as f64);
                        let grad = grad[from..].iter_mut().step_by(s);
                        for ((g, &won), &d) in grad.zip(&winner[at..][..n]).zip(&delta[at..][..n]) {
                            *g += if won == tap { d } else { S::zero() };
                        }
                    }
                ))
            },
        );
    });
}

/// The mean of each window; `padded` counts the zeros of the padding too.
pub fn mean<S: Scalar>(pool: &Pool, padded: bool, x: &[S], out: &mut [S]) {
    let (plane, out_plane) = pool.planes();
    blocks(out, out_plane, x.len(), |k, out| {
        let x = &x[k * plane..][..plane];
        vectorised(
            #[inline(always)]
            || {
                out.fill(S::zero());
                each_stride!(pool.0[1].stride, |s| pool.taps(
                    #[inline(always)]
                    |_, from, at, n| {
                        for (o, &v) in out[at..][..n].iter_mut().zip(x[from..].iter().step_by(s)) {
                            *o += v;
                        }
                    }
                ));
                pool.divide(padded, out);
            },
        );
    });
}

/// The adjoint of [`mean`]: each gradient is shared out evenly over its window.
pub fn mean_back<S: Scalar>(pool: &Pool, padded: bool, grad_out: &[S], grad: &mut [S]) {
    let (plane, out_plane) = pool.planes();
    let work = grad.len();
    blocks(grad, plane, work, |k, grad| {
        let delta = &grad_out[k * out_plane..][..out_plane];
        scratch::with(out_plane, |share: &mut [S]| {
            share.copy_from_slice(delta);
            vectorised(
                #[inline(always)]
                || {
                    pool.divide(padded, share);
                    grad.fill(S::zero());
                    each_stride!(pool.0[1].stride, |s| pool.taps(
                        #[inline(always)]
                        |_, from, at, n| {
                            for (g, &d) in grad[from..].iter_mut().step_by(s).zip(&share[at..][..n]) {
                                *g += d;
                            }
                        }
                    ))
                },
            );
        });
    });
}

/// Part `o` of an axis cut into `out` parts of nearly equal length; neighbours may overlap by one. As in PyTorch from
/// ⌊o · len / out⌋ to ⌈(o + 1) · len / out⌉.
pub fn part(o: usize, len: usize, out: usize) -> Range<usize> {
    o * len / out..((o + 1) * len).div_ceil(out)
}

/// The mean of each part of a plane of `size` cut into `out` parts along both axes.
pub fn adaptive_mean<S: Scalar>(size: [usize; 2], parts: [usize; 2], x: &[S], out: &mut [S]) {
    let ([h, w], [oh, ow]) = (size, parts);
    blocks(out, oh * ow, x.len(), |k, out| {
        let x = &x[k * h * w..][..h * w];
        for (i, o) in out.iter_mut().enumerate() {
            let (rows, columns) = (part(i / ow, h, oh), part(i % ow, w, ow));
            let count = rows.len() * columns.len();
            let total = rows.fold(S::zero(), |s, y| s + x[y * w..][columns.clone()].iter().copied().sum::<S>());
            *o = total / S::of(count as f64);
        }
    });
}

/// The adjoint of [`adaptive_mean`].
pub fn adaptive_mean_back<S: Scalar>(size: [usize; 2], parts: [usize; 2], grad_out: &[S], grad: &mut [S]) {
    let ([h, w], [oh, ow]) = (size, parts);
    let work = grad.len();
    blocks(grad, h * w, work, |k, grad| {
        grad.fill(S::zero());
        for (i, d) in grad_out[k * oh * ow..][..oh * ow].iter().enumerate() {
            let (rows, columns) = (part(i / ow, h, oh), part(i % ow, w, ow));
            let share = *d / S::of((rows.len() * columns.len()) as f64);
            for y in rows {
                grad[y * w..][columns.clone()].iter_mut().for_each(|g| *g += share);
            }
        }
    });
}

/// Each element becomes a square of `scale` × `scale` equal ones; `width` is that of a row of `x`.
pub fn enlarge<S: Scalar>(width: usize, scale: usize, x: &[S], out: &mut [S]) {
    let row = width * scale;
    blocks(out, row * scale, x.len() * scale * scale, |k, out| {
        let (first, rest) = out.split_at_mut(row);
        for (o, v) in first.chunks_exact_mut(scale).zip(&x[k * width..][..width]) {
            o.fill(*v);
        }
        rest.chunks_exact_mut(row).for_each(|o| o.copy_from_slice(first));
    });
}

/// The adjoint of [`enlarge`]: the sum over each square.
pub fn enlarge_back<S: Scalar>(width: usize, scale: usize, grad_out: &[S], grad: &mut [S]) {
    let row = width * scale;
    blocks(grad, width, grad_out.len(), |k, grad| {
        grad.fill(S::zero());
        for delta in grad_out[k * row * scale..][..row * scale].chunks_exact(row) {
            for (g, d) in grad.iter_mut().zip(delta.chunks_exact(scale)) {
                *g += d.iter().copied().sum();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;

    /// The largest and the mean over the definition's four loops.
    fn by_definition(pool: &Pool, x: &[f64], padded: bool) -> (Vec<f64>, Vec<f64>) {
        let Pool([v, h]) = pool;
        let (plane, mut largest, mut means) = (v.len * h.len, Vec::new(), Vec::new());
        for x in x.chunks(plane) {
            for (oy, ox) in (0..v.out).flat_map(|oy| (0..h.out).map(move |ox| (oy, ox))) {
                let (mut best, mut total, mut inside, mut all) = (f64::NEG_INFINITY, 0.0, 0, 0);
                for (ky, kx) in (0..v.kernel).flat_map(|ky| (0..h.kernel).map(move |kx| (ky, kx))) {
                    let (y, x_) = (oy * v.stride + ky, ox * h.stride + kx);
                    all += usize::from(y < v.len + 2 * v.padding && x_ < h.len + 2 * h.padding);
                    let (Some(y), Some(x_)) = (y.checked_sub(v.padding), x_.checked_sub(h.padding)) else { continue };
                    if y < v.len && x_ < h.len {
                        (best, total, inside) = (best.max(x[y * h.len + x_]), total + x[y * h.len + x_], inside + 1);
                    }
                }
                largest.push(best);
                means.push(total / if padded { all } else { inside } as f64);
            }
        }
        (largest, means)
    }

    #[test]
    fn windows_of_any_size_and_stride_agree_with_the_definition() {
        for (kernel, stride, padding, out) in
            [(2, 2, 0, [3, 3]), (3, 1, 1, [6, 7]), (3, 2, 1, [4, 4]), (3, 3, 0, [2, 3])]
        {
            let axis = |len, out| Axis { len, out, kernel, stride, padding, dilation: 1 };
            let pool = Pool([axis(6, out[0]), axis(7, out[1])]);
            let x: Vec<f64> = (0..2 * 42).map(|i| f64::from(i * 37 % 41) - 20.0).collect();
            let n = 2 * out[0] * out[1];
            let (mut m, mut winner, mut a) = (vec![f64::NAN; n], vec![f64::NAN; n], vec![f64::NAN; n]);
            max(&pool, &x, &mut m, &mut winner);
            for padded in [true, false] {
                mean(&pool, padded, &x, &mut a);
                assert_eq!((m.clone(), a.clone()), by_definition(&pool, &x, padded), "{pool:?}");
            }
        }
    }

    #[test]
    fn quarters_of_any_width_agree_with_the_definition_and_nan_and_equals_are_as_elsewhere() {
        for width in 1..20 {
            let axis = |out| Axis { len: 2 * out, out, kernel: 2, stride: 2, padding: 0, dilation: 1 };
            let (pool, n) = (Pool([axis(2), axis(width)]), 2 * width);
            let x: Vec<f32> =
                (0..4 * n).map(|i| if i % 23 == 5 || i % 7 == 6 { f32::NAN } else { (i * 37 % 5) as f32 }).collect();
            let (mut out, mut winner, mut grad) = (vec![9.0; n], vec![9.0; n], vec![9.0; 4 * n]);
            max(&pool, &x, &mut out, &mut winner);
            let delta: Vec<f32> = (1..=n).map(|i| i as f32).collect();
            max_back(&pool, &winner, &delta, &mut grad);
            let mut want = vec![0.0; 4 * n];
            for i in 0..n {
                let at = |tap: usize| (i / width * 2 + tap / 2) * 2 * width + i % width * 2 + tap % 2;
                let won =
                    (1..4).fold(0, |won, tap| if x[at(tap)] > x[at(won)] || x[at(tap)].is_nan() { tap } else { won });
                assert_eq!((out[i].to_bits(), winner[i]), (x[at(won)].to_bits(), won as f32), "{width}, place {i}");
                want[at(won)] = delta[i];
            }
            assert_eq!(grad, want, "{width}");
        }
    }

    #[test]
    fn many_planes_give_the_same_bits_on_any_number_of_threads() {
        let axis = Axis { len: 28, out: 14, kernel: 3, stride: 2, padding: 1, dilation: 1 };
        let (pool, planes) = (Pool([axis; 2]), 100);
        let x: Vec<f32> = (0..planes * 784).map(|i| ((i * 7919) % 1013) as f32 * 1e-3).collect();
        let all = || {
            let n = planes * 196;
            let mut b: [Vec<f32>; 5] = [n, n, n, x.len(), x.len()].map(|n| vec![f32::NAN; n]);
            let [m, winner, a, gm, ga] = &mut b;
            max(&pool, &x, m, winner);
            mean(&pool, true, &x, a);
            max_back(&pool, winner, m, gm);
            mean_back(&pool, true, a, ga);
            b
        };
        let one = with_threads(1, all);
        assert_eq!(one, with_threads(3, all));
        assert!((0..planes).all(|k| {
            let total = |v: &[f32], n: usize| v[k * n..][..n].iter().map(|x| f64::from(*x)).sum::<f64>();
            (total(&one[0], 196) - total(&one[3], 784)).abs() < 1e-3
        }));
    }

    #[test]
    fn the_first_of_equals_wins_and_nan_is_the_largest() {
        let axis = Axis { len: 4, out: 2, kernel: 2, stride: 2, padding: 0, dilation: 1 };
        let pool = Pool([Axis::POINT, axis]);
        let (mut out, mut winner) = ([0.0; 4], [0.0; 4]);
        let low = f64::NEG_INFINITY;
        max(&pool, &[3.0, 3.0, low, low, f64::NAN, 1.0, 1.0, f64::NAN], &mut out, &mut winner);
        assert_eq!((out[0], out[1], winner), (3.0, low, [0.0, 0.0, 0.0, 1.0]));
        assert!(out[2].is_nan() && out[3].is_nan());
    }
}
