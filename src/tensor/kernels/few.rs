//! The weight gradient of a convolution with few filters, which would leave most of a vector of channels empty.
//!
//! Instead, neighbouring places share a vector: ∂L/∂w of a filter and a tap is the product of its δ with the input
//! shifted by the tap, summed over places. Places are counted modulo [`ACROSS`]; each such sum is kept apart to the end,
//! so the bits do not depend on the length of the registers.

use super::conv::Conv;
use super::elementwise::{cut, fold};
use super::frame::Frame;
use super::heed::stopped;
use super::scratch;
use super::simd;
use super::weight::PARTS;
use crate::tensor::Scalar;
use pulp::{Simd, WithSimd};

/// Sums kept apart for each weight.
const ACROSS: usize = 16;
/// Filters of a group up to which this is the faster way.
pub(super) const MOST: usize = 8;

/// ∂L/∂w from ∂L/∂out; at most [`MOST`] filters per group.
pub(super) fn grad_weight<S: Scalar>(c: &Conv, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let frame = Frame::of(&c.axes);
    let [oh, ow] = c.axes.map(|a| a.out);
    let delta = Frame {
        size: [oh, ow],
        before: [0; 2],
        stride: [1; 2],
        rows: oh,
        pitch: frame.pitch,
        across: 1,
        apart: None,
        cuts: [1; 2],
    };
    let (long, filters) = (delta.len().next_multiple_of(ACROSS), co.next_multiple_of(2));
    let (terms, samples) = (ci * area, g.len() / (c.out_channels * places));
    let size = terms * filters * ACROSS;
    let several = samples.div_ceil(PARTS);
    let parts = samples.div_ceil(several);
    let parallel = c.parallel(samples);
    scratch::table(terms, |taps| {
        c.taps(&frame, taps);
        let taps = &*taps;
        scratch::with(parts * c.groups * size, |sums| {
            cut(parallel, sums, size, |task, sums| {
                let (part, group) = (task / c.groups, task % c.groups);
                sums.fill(S::zero());
                scratch::with(ci * frame.len() + long, |source| {
                    scratch::with(filters * long, |rows| {
                        // What lies between the places is multiplied by zeros, and must be numbers.
                        source.fill(S::zero());
                        rows.fill(S::zero());
                        for n in part * several..((part + 1) * several).min(samples) {
                            frame.fill(&x[(n * c.channels + group * ci) * plane..][..ci * plane], source);
                            let g = &g[(n * c.out_channels + group * co) * places..][..co * places];
                            for (g, row) in g.chunks_exact(places).zip(rows.chunks_exact_mut(long)) {
                                delta.fill(g, row);
                            }
                            simd::with(Shifted { filters, source, taps, rows, long, sums: &mut *sums });
                        }
                    });
                });
            });
            let sums = &*sums;
            for (o, gw) in gw.chunks_exact_mut(terms).enumerate() {
                for (k, gw) in gw.iter_mut().enumerate() {
                    let at = o / co * size + (k * filters + o % co) * ACROSS;
                    let mut all = [S::zero(); ACROSS];
                    for sums in sums[at..].chunks(c.groups * size) {
                        all.iter_mut().zip(sums).for_each(|(a, s)| *a += *s);
                    }
                    *gw = fold(all);
                }
            }
        });
    });
}

/// The sums of one sample: taps × filters × [`ACROSS`].
struct Shifted<'a, S> {
    filters: usize,
    source: &'a [S],
    taps: &'a [usize],
    /// δ of each filter, `long` numbers in the places of the source.
    rows: &'a [S],
    long: usize,
    sums: &'a mut [S],
}

impl<S: Scalar> WithSimd for Shifted<'_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: Simd>(self, a: A) {
        match self.filters {
            2 => self.all::<A, 2>(a),
            4 => self.all::<A, 4>(a),
            6 => self.all::<A, 6>(a),
            _ => self.all::<A, MOST>(a),
        }
    }
}

impl<S: Scalar> Shifted<'_, S> {
    #[inline(always)]
    fn all<A: Simd, const M: usize>(self, a: A) {
        let Shifted { source, taps, rows, long, sums, .. } = self;
        let farthest = taps.iter().max().unwrap_or(&0) + long;
        assert!(farthest <= source.len() && M * long <= rows.len(), "every place of every tap is there");
        for first in (0..ACROSS).step_by(S::width::<A>()) {
            // Sums of two taps at once, where there are registers for them.
            let together = if M <= 6 || A::REGISTER_COUNT >= 32 { 2 } else { 1 };
            for (taps, sums) in taps.chunks(together).zip(sums.chunks_mut(together * M * ACROSS)) {
                if stopped() {
                    return;
                }
                match *taps {
                    [x, y] => add::<S, A, M, 2>(a, source, [x, y], rows, long, first, sums),
                    _ => add::<S, A, M, 1>(a, source, [taps[0]], rows, long, first, sums),
                }
            }
        }
    }
}

/// Adds the products of all places that are `first` and what follows in its vector, modulo [`ACROSS`].
#[inline(always)]
fn add<S: Scalar, A: Simd, const M: usize, const T: usize>(
    a: A,
    source: &[S],
    taps: [usize; T],
    rows: &[S],
    long: usize,
    first: usize,
    sums: &mut [S],
) {
    let width = S::width::<A>();
    let mut all = [[S::splat(a, S::zero()); M]; T];
    for (t, all) in all.iter_mut().enumerate() {
        for (m, sum) in all.iter_mut().enumerate() {
            *sum = S::load::<A>(&sums[(t * M + m) * ACROSS + first..]);
        }
    }
    let all = through::<S, A, M, T>(a, source, taps, rows, long, first, all);
    for (t, all) in all.iter().enumerate() {
        for (m, sum) in all.iter().enumerate() {
            S::store::<A>(*sum, &mut sums[(t * M + m) * ACROSS + first..][..width]);
        }
    }
}

/// The loop of [`add`]. Sums come and go by value, so that they stay in registers.
#[inline(always)]
fn through<S: Scalar, A: Simd, const M: usize, const T: usize>(
    a: A,
    source: &[S],
    taps: [usize; T],
    rows: &[S],
    long: usize,
    first: usize,
    mut all: [[S::Of<A>; M]; T],
) -> [[S::Of<A>; M]; T] {
    let width = S::width::<A>();
    for at in (first..long).step_by(ACROSS) {
        // SAFETY: `all` has found the last vector of every tap and of every row to be there.
        let x = taps.map(|tap| S::load::<A>(unsafe { source.get_unchecked(tap + at..tap + at + width) }));
        for m in 0..M {
            // SAFETY: as above.
            let g = S::load::<A>(unsafe { rows.get_unchecked(m * long + at..m * long + at + width) });
            for t in 0..T {
                all[t][m] = S::fma(a, g, x[t], all[t][m]);
            }
        }
    }
    all
}
