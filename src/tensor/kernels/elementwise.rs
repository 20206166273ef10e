//! Loops over elements and over rows, and sums.
//!
//! How the work is cut depends on its length alone, so the bits of a result do not depend on the number of
//! threads. Short work stays on the calling thread, where it needs no hand-over.

use super::look::Eye;
use super::scratch;
use super::simd::vectorised;
use super::team::{Parts, pays, share};
use crate::tensor::Scalar;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Elements of one piece of work.
pub(super) const CHUNK: usize = 4096;
/// From this many elements on, all threads take part.
pub(super) const PARALLEL: usize = 64 * 1024;
/// Elements added up one after the other before the tree of a sum begins; short, so that `f32` sums stay accurate.
pub(super) const LEAF: usize = 512;
/// Leaves that one thread adds up before it takes the next ones.
const TOGETHER: usize = 16;
/// Partial sums kept side by side; as many as fill a vector register.
pub(super) const LANES: usize = 8;

/// `out[i] = f(a[i])`. All slices have one length.
pub fn map<S: Scalar>(a: &[S], out: &mut [S], f: impl Fn(S) -> S + Sync) {
    debug_assert_eq!(a.len(), out.len());
    let run = |a: &[S], out: &mut [S]| {
        vectorised(
            #[inline(always)]
            || {
                for (o, &a) in out.iter_mut().zip(a) {
                    *o = f(a);
                }
            },
        );
    };
    chunks(out, CHUNK, a.len(), |start, out| run(&a[start..][..out.len()], out));
}

/// `out[i] = f(a[i], b[i])`. All slices have one length.
pub fn zip<S: Scalar>(a: &[S], b: &[S], out: &mut [S], f: impl Fn(S, S) -> S + Sync) {
    debug_assert!(a.len() == out.len() && b.len() == out.len());
    let run = |a: &[S], b: &[S], out: &mut [S]| {
        vectorised(
            #[inline(always)]
            || {
                for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    *o = f(a, b);
                }
            },
        );
    };
    chunks(out, CHUNK, a.len(), |start, out| run(&a[start..][..out.len()], &b[start..][..out.len()], out));
}

/// Calls `f(k, block)` for each run of `len` elements of `out`; `len` must divide its length.
///
/// `work` is the number of elements `f` reads or writes in all calls together.
pub fn blocks<S: Scalar>(out: &mut [S], len: usize, work: usize, f: impl Fn(usize, &mut [S]) + Sync) {
    if out.is_empty() {
        return;
    }
    debug_assert_eq!(out.len() % len, 0);
    let several = (CHUNK / (work / (out.len() / len)).max(1)).max(1);
    cut(pays(work, PARALLEL), out, len * several, |p, part| {
        part.chunks_mut(len).enumerate().for_each(|(k, block)| f(p * several + k, block));
    });
}

/// Calls `f(start, part)` for parts of `out` of up to `len` elements, on all threads where `work` pays for it; on one
/// thread there is one part. `f` must not depend on the cut.
pub(super) fn chunks<S: Scalar>(out: &mut [S], len: usize, work: usize, f: impl Fn(usize, &mut [S]) + Sync) {
    if pays(work, PARALLEL) {
        cut(true, out, len, |k, part| f(k * len, part));
    } else {
        let eye = Eye::open();
        f(0, out);
        eye.saw(out);
    }
}

/// Calls `f(p, part)` for parts of `len` elements, on all threads if wanted.
pub(super) fn cut<S: Scalar>(parallel: bool, data: &mut [S], len: usize, f: impl Fn(usize, &mut [S]) + Sync) {
    let eye = Eye::open();
    let run = |p: usize, part: &mut [S]| {
        f(p, part);
        eye.saw(part);
    };
    if parallel {
        let count = data.len().div_ceil(len);
        let parts = Parts::of(data, len);
        // SAFETY: every task has a part of its own.
        share(count, &|p| run(p, unsafe { parts.get(p) }));
    } else {
        data.chunks_mut(len).enumerate().for_each(|(p, part)| run(p, part));
    }
}

/// Calls `f` for pieces of tensors of one length, several of which may be empty, and adds up what it returns in a tree
/// whose form depends on the length only. `f` must not depend on the cut.
pub fn pieces<S: Scalar, const K: usize>(
    out: &mut [S],
    a: &[S],
    kept: [&mut [S]; K],
    f: &(impl Fn(&mut [S], &[S], [&mut [S]; K]) -> [f64; 2] + Sync),
) -> [f64; 2] {
    let n = out.len();
    if n <= CHUNK {
        return f(out, a, kept);
    }
    let count = n.div_ceil(CHUNK);
    scratch::with(2 * count, |sums: &mut [f64]| {
        let parts = (Parts::of(out, CHUNK), kept.map(|b| Parts::of(b, CHUNK)), Parts::of(sums, 2));
        let task = |k: usize| {
            let a = &a[k * CHUNK..][..CHUNK.min(n - k * CHUNK)];
            // SAFETY: every task has parts of its own.
            let sums = unsafe { f(parts.0.get(k), a, parts.1.each_ref().map(|b| b.get(k))) };
            unsafe { parts.2.get(k) }.copy_from_slice(&sums);
        };
        if pays(n, PARALLEL / 4) {
            share(count, &task)
        } else {
            (0..count).for_each(task)
        }
        let sums = &*sums;
        [0, 1].map(|which| add_up(n, CHUNK, &|k| sums[2 * k + which]))
    })
}

/// The sum of `of(k)` over pieces of `chunk` elements of `n`, in a tree: the elements are halved.
fn add_up<T: std::ops::Add<Output = T>>(n: usize, chunk: usize, of: &impl Fn(usize) -> T) -> T {
    fn part<T: std::ops::Add<Output = T>>(at: usize, n: usize, chunk: usize, of: &impl Fn(usize) -> T) -> T {
        if n <= chunk {
            return of(at);
        }
        let left = (n / 2).div_ceil(chunk);
        part(at, left * chunk, chunk, of) + part(at + left, n - left * chunk, chunk, of)
    }
    part(0, n, chunk, of)
}

/// Whether all elements are finite, found by this thread. The sum of `x·0` is NaN exactly if one is not.
pub(super) fn clean<S: Scalar>(data: &[S]) -> bool {
    // Sums that do not wait for each other run in a few vector registers.
    let probe: S = vectorised(
        #[inline(always)]
        || {
            let mut lanes = [S::zero(); 32];
            let (chunks, rest) = data.as_chunks::<32>();
            for chunk in chunks {
                for (lane, x) in lanes.iter_mut().zip(chunk) {
                    *lane += *x * S::zero();
                }
            }
            lanes.into_iter().chain(rest.iter().map(|x| *x * S::zero())).sum()
        },
    );
    probe == S::zero()
}

/// Whether all elements are finite.
pub fn finite<S: Scalar>(data: &[S]) -> bool {
    if !pays(data.len(), PARALLEL) {
        return clean(data);
    }
    let all = AtomicBool::new(true);
    share(data.len().div_ceil(CHUNK), &|k| {
        if !clean(&data[k * CHUNK..data.len().min((k + 1) * CHUNK)]) {
            all.store(false, Ordering::Relaxed);
        }
    });
    all.into_inner()
}

/// Copies numbers, many of them on all threads.
pub fn copy<S: Scalar>(from: &[S], to: &mut [S]) {
    assert_eq!(from.len(), to.len(), "as many numbers go as come");
    chunks(to, CHUNK, from.len(), |start, to| to.copy_from_slice(&from[start..][..to.len()]));
}

/// Fills numbers with one, many of them on all threads.
pub fn fill<S: Scalar>(data: &mut [S], with: S) {
    let work = data.len();
    chunks(data, CHUNK, work, |_, part| part.fill(with));
}

/// `Σ f(a[i])`.
pub fn sum<S: Scalar>(a: &[S], f: impl Fn(S) -> S + Sync) -> S {
    sum_ranges(a.len(), LEAF, &|r: Range<usize>| {
        vectorised(
            #[inline(always)]
            || {
                let (body, rest) = a[r].as_chunks::<LANES>();
                let mut lanes = [S::zero(); LANES];
                for x in body {
                    for k in 0..LANES {
                        lanes[k] += f(x[k]);
                    }
                }
                for (lane, &x) in lanes.iter_mut().zip(rest) {
                    *lane += f(x);
                }
                fold(lanes)
            },
        )
    })
}

/// `Σ f(a[i], b[i])`. Both slices have one length.
pub fn sum_zip<S: Scalar>(a: &[S], b: &[S], f: impl Fn(S, S) -> S + Sync) -> S {
    debug_assert_eq!(a.len(), b.len());
    sum_ranges(a.len(), LEAF, &|r: Range<usize>| {
        vectorised(
            #[inline(always)]
            || {
                let ((a, a_rest), (b, b_rest)) = (a[r.clone()].as_chunks::<LANES>(), b[r].as_chunks::<LANES>());
                let mut lanes = [S::zero(); LANES];
                for (x, y) in a.iter().zip(b) {
                    for k in 0..LANES {
                        lanes[k] += f(x[k], y[k]);
                    }
                }
                for ((lane, &x), &y) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
                    *lane += f(x, y);
                }
                fold(lanes)
            },
        )
    })
}

/// `Σ f(i)` for rows `i < n`, each of which costs about `width` elements.
pub fn sum_rows<S: Scalar>(n: usize, width: usize, f: impl Fn(usize) -> S + Sync) -> S {
    sum_ranges(n, (LEAF / width.max(1)).max(1), &|r: Range<usize>| r.fold(S::zero(), |s, i| s + f(i)))
}

/// Adds `leaf` over `0..n` cut into pieces of `chunk`, in a binary tree whose form depends on `n` and `chunk` only.
///
/// Halving keeps the rounding error proportional to the depth of the tree instead of the length of the sum.
pub(super) fn sum_ranges<S: Scalar>(n: usize, chunk: usize, leaf: &(impl Fn(Range<usize>) -> S + Sync)) -> S {
    let of = |k: usize| leaf(k * chunk..n.min((k + 1) * chunk));
    if n == 0 || n / chunk < PARALLEL / LEAF {
        return add_up(n, chunk, &of);
    }
    let count = n.div_ceil(chunk);
    scratch::with(count, |sums| {
        cut(true, sums, TOGETHER, |p, sums| {
            sums.iter_mut().enumerate().for_each(|(k, sum)| *sum = of(p * TOGETHER + k));
        });
        let sums = &*sums;
        add_up(n, chunk, &|k| sums[k])
    })
}

/// The sum of the lanes, a power of two of them, by adding the upper half to the lower one.
pub(super) fn fold<S: Scalar, const N: usize>(mut lanes: [S; N]) -> S {
    let mut n = N / 2;
    while n > 0 {
        for k in 0..n {
            lanes[k] += lanes[k + n];
        }
        n /= 2;
    }
    lanes[0]
}

/// The logistic function `1/(1+e⁻ˣ)`; no intermediate result overflows.
#[inline(always)]
pub fn sigmoid<S: Scalar>(x: S) -> S {
    let e = (-x.abs()).fast_exp();
    let r = S::one() / (S::one() + e);
    if x < S::zero() { e * r } else { r }
}

/// `ln(1+eˣ)`; no intermediate result overflows.
#[inline(always)]
pub fn softplus<S: Scalar>(x: S) -> S {
    let tail = (-x.abs()).fast_exp().ln_1p();
    if x > S::zero() { x + tail } else { tail }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What `f` gives on a pool of `n` threads.
    pub fn with_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("threads can be started").install(f)
    }

    #[test]
    fn sums_have_the_same_bits_on_any_number_of_threads() {
        let a: Vec<f32> = (0..200_003).map(|i| ((i * 7919) % 1013) as f32 * 1e-3 - 0.3).collect();
        let b: Vec<f32> = a.iter().rev().copied().collect();
        let all = || [sum(&a, |x| x), sum_zip(&a, &b, |x, y| x * y), sum_rows(a.len() / 3, 3, |i| a[3 * i])];
        let one = with_threads(1, all);
        assert_eq!(one.map(f32::to_bits), with_threads(2, all).map(f32::to_bits));
        assert_eq!(one.map(f32::to_bits), with_threads(5, all).map(f32::to_bits));
        let exact: f64 = a.iter().map(|&x| f64::from(x)).sum();
        assert!((f64::from(one[0]) - exact).abs() < 1e-6 * exact, "{} against {exact}", one[0]);
    }

    #[test]
    fn sums_of_a_million_tenths_stay_accurate_in_f32() {
        let s = sum(&vec![0.1f32; 1_000_000], |x| x);
        // Adding one after the other gives 100958.34; the bound here is 17 roundings of the result.
        assert!((s - 100_000.0).abs() < 0.1, "{s}");
    }

    #[test]
    fn every_element_is_visited_once_at_any_length() {
        for n in [0, 1, 7, 8, 9, 4095, 4097, 65_536, 70_001] {
            let a: Vec<f64> = (0..n).map(|i| i as f64).collect();
            let mut out = vec![f64::NAN; n];
            zip(&a, &a, &mut out, |x, y| x + y);
            assert!(out.iter().enumerate().all(|(i, &x)| x == 2.0 * i as f64));
            map(&a, &mut out, |x| x + 1.0);
            assert!(out.iter().enumerate().all(|(i, &x)| x == i as f64 + 1.0));
            blocks(&mut out, 1, n, |k, b| b[0] = k as f64);
            assert_eq!(out, a);
            assert_eq!(sum(&a, |x| x), (n * n.saturating_sub(1) / 2) as f64);
        }
    }

    #[test]
    fn pieces_cover_everything_once_and_add_up_alike_on_any_number_of_threads() {
        for n in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK - 5, 100_003] {
            let a: Vec<f32> = (0..n).map(|i| (i % 101) as f32).collect();
            let all = || {
                let (mut out, mut kept) = (vec![0.0; n], vec![1.0; n]);
                let sums = pieces(&mut out, &a, [&mut kept, &mut []], &|out, a, [kept, none]| {
                    assert!(none.is_empty() && kept.len() == a.len());
                    for i in 0..a.len() {
                        out[i] += a[i];
                        kept[i] += a[i];
                    }
                    [out.iter().map(|x| f64::from(*x).sqrt()).sum(), out.len() as f64]
                });
                (out, kept, sums.map(f64::to_bits))
            };
            let one = with_threads(1, all);
            assert!(one == with_threads(3, all) && one.0 == a && f64::from_bits(one.2[1]) == n as f64);
            assert!(one.1.iter().zip(&a).all(|(k, a)| *k == a + 1.0));
        }
    }

    #[test]
    fn stable_functions_at_the_ends_of_the_range() {
        assert_eq!((sigmoid(1000.0f32), sigmoid(-1000.0f32), sigmoid(0.0f32)), (1.0, 0.0, 0.5));
        assert_eq!((softplus(1000.0f32), softplus(-1000.0f32)), (1000.0, 0.0));
        assert!(sigmoid(f32::NAN).is_nan() && softplus(f32::NAN).is_nan());
    }
}
