//! The weight gradient of a convolution: products of δ with the shifted input, summed over the places.
//!
//! One side is turned, so that channels are neighbours and fill a vector: the input, of which a row of taps then is one
//! run of numbers, or δ where the input has few channels.

use super::conv::Conv;
use super::elementwise::{blocks, cut};
use super::few;
use super::frame::Frame;
use super::scratch;
use super::simd::{self, vectorised};
use super::tile::{Column, LONGEST, Product, Start, WIDE};
use super::turn::turn;
use crate::tensor::Scalar;
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// Parts of the batch whose weight gradients are added up apart.
pub(super) const PARTS: usize = 8;

/// ∂L/∂w from ∂L/∂out. The batch is cut into parts; within each the samples are added in order, and then the parts.
pub fn grad_weight<S: Scalar>(c: &Conv, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), (_, places, area)) = (c.per_group(), c.planes());
    let runs = Runs::of::<S>(c);
    let turned = (ci * area) * co.div_ceil(simd::width_for::<S>(co));
    if co <= few::MOST && places >= LONGEST {
        few::grad_weight(c, x, g, gw);
    } else if co * runs.count * runs.vectors * 8 <= turned * 9 {
        by_filters(c, &runs, x, g, gw);
    } else {
        by_taps(c, x, g, gw);
    }
}

/// Calls `f(samples, group, sums)` for each part of the batch and each group of channels, and adds up the `size` sums of
/// all parts; that of a filter of the group and a term is the one at `at(filter, term)`.
fn by_parts<S: Scalar>(
    c: &Conv,
    samples: usize,
    size: usize,
    gw: &mut [S],
    at: impl Fn(usize, usize) -> usize + Sync,
    f: impl Fn(Range<usize>, usize, &mut [S]) + Sync,
) {
    let ((ci, co), (_, _, area)) = (c.per_group(), c.planes());
    let several = samples.div_ceil(PARTS);
    let parallel = c.parallel(samples);
    scratch::with(samples.div_ceil(several) * c.groups * size, |sums| {
        cut(parallel, sums, size, |task, sums| {
            let (part, group) = (task / c.groups, task % c.groups);
            f(part * several..((part + 1) * several).min(samples), group, sums);
        });
        let (first, rest) = sums.split_at_mut(c.groups * size);
        cut(parallel, first, size.div_ceil(PARTS), |k, first| {
            let from = k * size.div_ceil(PARTS);
            for rest in rest.chunks_exact(c.groups * size) {
                vectorised(
                    #[inline(always)]
                    || first.iter_mut().zip(&rest[from..]).for_each(|(a, b)| *a += *b),
                );
            }
        });
        let first = &*first;
        blocks(gw, ci * area, first.len(), |o, gw| {
            let sums = &first[o / co * size..][..size];
            gw.iter_mut().enumerate().for_each(|(k, g)| *g = sums[at(o % co, k)]);
        });
    });
}

/// The taps of a window as runs of neighbours in an input that has the channels of a place side by side.
struct Runs {
    count: usize,
    /// Numbers of a run, and vectors for them.
    len: usize,
    vectors: usize,
    width: usize,
}

impl Runs {
    fn of<S: Scalar>(c: &Conv) -> Self {
        let ((ci, _), (_, _, area)) = (c.per_group(), c.planes());
        let len = if c.axes[1].dilation == 1 { ci * c.axes[1].kernel } else { ci };
        let width = simd::width_for::<S>(len);
        Runs { count: ci * area / len, len, vectors: len.div_ceil(width), width }
    }
}

/// With δ as it is and the input turned: filters × taps.
fn by_filters<S: Scalar>(c: &Conv, runs: &Runs, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let [v, h] = &c.axes;
    let [rows, pitch] = c.axes.map(|a| (a.out - 1) * a.stride + a.reach());
    // Where a row of the axis that a tap meets lies in the frame; others may be left out.
    let met = |y: usize| v.dilation > 1 || (y + v.padding) % v.stride < v.kernel;
    let columns = h.padding..(h.padding + h.len).min(pitch);
    let lanes = runs.count * runs.vectors * runs.width;
    scratch::table(places + runs.count * runs.vectors + ci * area, |table| {
        let (at, table) = table.split_at_mut(places);
        let (vectors, order) = table.split_at_mut(runs.count * runs.vectors);
        let place = |y: usize, x: usize| (y * pitch + x) * ci;
        at.iter_mut().enumerate().for_each(|(k, at)| *at = place(k / h.out * v.stride, k % h.out * h.stride));
        let tap = |t: usize| place(t / h.kernel * v.dilation, t % h.kernel * h.dilation);
        for (r, vectors) in vectors.chunks_exact_mut(runs.vectors).enumerate() {
            let first = tap(r * runs.len / ci);
            vectors.iter_mut().enumerate().for_each(|(j, v)| *v = first + j * runs.width);
        }
        for (k, order) in order.iter_mut().enumerate() {
            let at = k % area * ci + k / area;
            *order = at / runs.len * runs.vectors * runs.width + at % runs.len;
        }
        let (at, vectors, order) = (&*at, &*vectors, &*order);
        let samples = g.len() / (c.out_channels * places);
        by_parts(
            c,
            samples,
            co * lanes,
            gw,
            |o, k| o * lanes + order[k],
            |samples, group, sums| {
                scratch::with(rows * pitch * ci + LONGEST, |source| {
                    source.fill(S::zero());
                    for (k, n) in samples.enumerate() {
                        let x = &x[(n * c.channels + group * ci) * plane..][..ci * plane];
                        for y in (0..v.len.min(rows.saturating_sub(v.padding))).filter(|y| met(*y)) {
                            let to = place(y + v.padding, columns.start)..place(y + v.padding, columns.end);
                            turn(&x[y * h.len..], plane, ci, ci, &mut source[to]);
                        }
                        let delta = &g[(n * c.out_channels + group * co) * places..][..co * places];
                        let start = if k > 0 { Start::Kept } else { Start::Zero };
                        let filters =
                            Filters { delta, source, at, vectors, width: runs.width, start, sums: &mut *sums };
                        simd::with_for::<S, _>(runs.len, filters);
                    }
                });
            },
        );
    });
}

/// The weight gradient of one sample: filters × taps, summed over places.
struct Filters<'a, S> {
    delta: &'a [S],
    source: &'a [S],
    /// Where each place lies in the source.
    at: &'a [usize],
    /// Where each vector of taps lies, from a place on.
    vectors: &'a [usize],
    width: usize,
    start: Start<'a, S>,
    sums: &'a mut [S],
}

impl<S: Scalar> WithSimd for Filters<'_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: Simd>(self, a: A) {
        let Filters { delta, source, at, vectors, width, start, sums } = self;
        let places = at.len();
        let product = Product::new(delta, |o| o * places, |q| q, source, |q| at[q], places, start);
        let wide = even(vectors.len());
        for (k, at) in vectors.chunks(wide).enumerate() {
            let mut columns = [Column::default(); WIDE];
            for (j, (c, at)) in columns.iter_mut().zip(at).enumerate() {
                *c = Column { at: *at, to: (k * wide + j) * width, len: width };
            }
            product.run(a, 0..delta.len() / places, &columns[..at.len()], sums, vectors.len() * width);
        }
    }
}

/// With the input as it is and δ turned: taps × filters.
fn by_taps<S: Scalar>(c: &Conv, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let frame = Frame::of(&c.axes);
    let terms = ci * area;
    let lanes = co.next_multiple_of(simd::width_for::<S>(co));
    scratch::table(terms + places, |table| {
        let (taps, at) = table.split_at_mut(terms);
        c.taps(&frame, taps);
        for (k, at) in at.iter_mut().enumerate() {
            *at = k / c.axes[1].out * frame.pitch + k % c.axes[1].out;
        }
        let (taps, at) = (&*taps, &*at);
        let samples = g.len() / (c.out_channels * places);
        by_parts(
            c,
            samples,
            terms * lanes,
            gw,
            |o, k| k * lanes + o,
            |samples, group, sums| {
                scratch::with(ci * frame.len() + LONGEST, |source| {
                    frame.clear(ci, source);
                    scratch::with(places * lanes, |turned| {
                        for (k, n) in samples.enumerate() {
                            frame.fill(&x[(n * c.channels + group * ci) * plane..][..ci * plane], source);
                            let g = &g[(n * c.out_channels + group * co) * places..][..co * places];
                            turn(g, places, co, lanes, turned);
                            let start = if k > 0 { Start::Kept } else { Start::Zero };
                            let (source, turned) = (&*source, &*turned);
                            simd::with_for::<S, _>(
                                co,
                                Taps { source, taps, at, turned, lanes, start, sums: &mut *sums },
                            );
                        }
                    });
                });
            },
        );
    });
}

/// The weight gradient of one sample: taps × filters, summed over places.
struct Taps<'a, S> {
    source: &'a [S],
    taps: &'a [usize],
    /// Where each place lies under tap 0.
    at: &'a [usize],
    turned: &'a [S],
    lanes: usize,
    start: Start<'a, S>,
    sums: &'a mut [S],
}

impl<S: Scalar> WithSimd for Taps<'_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: Simd>(self, a: A) {
        let Taps { source, taps, at, turned, lanes, start, sums } = self;
        let width = S::width::<A>();
        let product = Product::new(source, |i| taps[i], |q| at[q], turned, |q| q * lanes, at.len(), start);
        let (vectors, wide) = (lanes / width, even(lanes / width));
        for first in (0..vectors).step_by(wide) {
            let mut columns = [Column::default(); WIDE];
            let own = wide.min(vectors - first);
            for (j, c) in columns.iter_mut().enumerate().take(own) {
                let from = (first + j) * width;
                *c = Column { at: from, to: from, len: width };
            }
            product.run(a, 0..taps.len(), &columns[..own], sums, lanes);
        }
    }
}

/// Vectors in each tile, so that tiles are of nearly the same width.
fn even(vectors: usize) -> usize {
    vectors.div_ceil(vectors.div_ceil(WIDE))
}
