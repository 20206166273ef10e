//! Cross-correlation of planes and its two adjoints. Signals are planes of one row.
//!
//! The planes of a sample are laid out so that every tap is a shift ([`Frame`]); a convolution then is a matrix product
//! whose right side is never written down. The gradient of the input is a convolution of δ for each cut of the strides;
//! that of the weight is a product over the places, with δ turned so that channels are neighbours.

use super::elementwise::{blocks, cut, sum};
use super::frame::{Frame, copy_row};
use super::scratch;
use super::simd::{self, vectorised};
use super::team::pays;
use super::tile::{Column, LONGEST, Product, Start, WIDE};
pub use super::weight::grad_weight;
use super::window::Axis;
use crate::tensor::Scalar;
use pulp::{Simd, WithSimd};

/// Sizes of a convolution: planes N×C×H×W, weight O×C/groups×K×K, output N×O×OH×OW; all at least 1.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    /// Channels of the input, C.
    pub channels: usize,
    /// Channels of the output, O.
    pub out_channels: usize,
    /// Groups of channels that do not see each other; divides both.
    pub groups: usize,
    /// The window along the rows and along the columns.
    pub axes: [Axis; 2],
}

/// Multiply-adds from which a second thread pays for being woken.
const PARALLEL: usize = 1 << 19;
/// Parts of the batch that are computed apart.
const TASKS: usize = 16;

impl Conv {
    /// Input channels and output channels of one group.
    pub(super) fn per_group(&self) -> (usize, usize) {
        (self.channels / self.groups, self.out_channels / self.groups)
    }
    /// Elements of a plane of the input, of one of the output, and of a window.
    pub(super) fn planes(&self) -> (usize, usize, usize) {
        let [v, h] = &self.axes;
        (v.len * h.len, v.out * h.out, v.kernel * h.kernel)
    }
    /// Whether all threads take part in a batch of `n` samples.
    pub(super) fn parallel(&self, n: usize) -> bool {
        let (_, places, area) = self.planes();
        n > 1 && pays(n * self.out_channels * places * self.channels / self.groups * area, PARALLEL)
    }
    /// Writes the shift of each tap of each channel of a group.
    pub(super) fn taps(&self, frame: &Frame, to: &mut [usize]) {
        let [v, h] = &self.axes;
        let area = v.kernel * h.kernel;
        for (k, to) in to.iter_mut().enumerate() {
            let (i, t) = (k / area, k % area);
            *to = frame.at(i, t / h.kernel * v.dilation, t % h.kernel * h.dilation);
        }
    }
}

/// `out = x ⋆ w (+ bias)`, a task for a few samples.
pub fn forward<S: Scalar>(c: &Conv, x: &[S], w: &[S], bias: Option<&[S]>, out: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let frame = Frame::of(&c.axes);
    let terms = ci * area;
    let samples = out.len() / (c.out_channels * places);
    scratch::table(terms, |taps| {
        c.taps(&frame, taps);
        let taps = &*taps;
        let (size, several) = (c.out_channels * places, samples.div_ceil(TASKS));
        cut(c.parallel(samples), out, several * size, |task, out| {
            scratch::with(ci * frame.len() + LONGEST, |source| {
                frame.clear(ci, source);
                for (n, out) in out.chunks_exact_mut(size).enumerate().map(|(k, out)| (task * several + k, out)) {
                    for g in 0..c.groups {
                        frame.fill(&x[(n * c.channels + g * ci) * plane..][..ci * plane], source);
                        let correlate = Correlate {
                            filters: co,
                            weights: &w[g * co * terms..],
                            source,
                            taps,
                            pitch: frame.pitch,
                            size: c.axes.map(|a| a.out),
                            start: bias.map_or(Start::Zero, |b| Start::Rows(&b[g * co..])),
                            plane: places,
                            line: c.axes[1].out,
                            step: 1,
                        };
                        correlate.run(&mut out[g * co * places..][..co * places]);
                    }
                }
            });
        });
    });
}

/// The elements of an axis that one set of taps reaches from places of the output: those at `first`, `first + stride` …
#[derive(Clone, Copy)]
struct Reached {
    /// The taps are those at this distance from the padded axis' start, modulo the stride.
    residue: usize,
    /// The place of tap 0 under the first element.
    from: usize,
    first: usize,
    len: usize,
}

/// Calls `f` for each set of taps of an axis.
fn reached(a: &Axis, mut f: impl FnMut(Reached)) {
    for tap in 0..a.kernel {
        let residue = tap * a.dilation % a.stride;
        if (0..tap).any(|t| t * a.dilation % a.stride == residue) {
            continue;
        }
        let from = a.padding.saturating_sub(residue).div_ceil(a.stride);
        let end = (a.len + a.padding).saturating_sub(residue).div_ceil(a.stride);
        if from < end {
            f(Reached { residue, from, first: from * a.stride + residue - a.padding, len: end - from });
        }
    }
}

/// Calls `f` with rows of a set and those of its rows of taps that meet places there: for all rows with all taps, or for
/// rows that meet the same taps where that leaves out much. `pitch` and `width` are those of the rows.
fn rows_alike(
    v: &Axis,
    y: Reached,
    pitch: usize,
    width: usize,
    f: &mut dyn FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let met = |row: usize| {
        let under = |limit: usize| ahead(v, y.residue).filter(|(_, e)| e + limit <= y.from + row).count();
        under(v.out)..under(0)
    };
    let each = |f: &mut dyn FnMut(std::ops::Range<usize>, std::ops::Range<usize>)| {
        let mut row = 0;
        while row < y.len {
            let taps = met(row);
            let end = (row + 1..y.len).find(|r| met(*r) != taps).unwrap_or(y.len);
            f(row..end, taps);
            row = end;
        }
    };
    let work = |rows: usize, taps: usize| ((rows - 1) * pitch + width).div_ceil(LONGEST) * taps;
    let (all, mut apart) = (ahead(v, y.residue).count(), 0);
    each(&mut |rows, taps| apart += work(rows.len(), taps.len()) + 1);
    if apart * 8 < work(y.len, all) * 7 { each(f) } else { f(0..y.len, 0..all) }
}

/// Number of sets of an axis.
fn count_of(a: &Axis) -> usize {
    let mut count = 0;
    reached(a, |_| count += 1);
    count
}

/// The taps of a set, each with how many places it is ahead.
fn ahead(a: &Axis, residue: usize) -> impl Iterator<Item = (usize, usize)> {
    let (stride, dilation) = (a.stride, a.dilation);
    (0..a.kernel).filter(move |t| t * dilation % stride == residue).map(move |t| (t, t * dilation / stride))
}

/// ∂L/∂x from ∂L/∂out, a task for a few samples; of a convolution that is transposed, the forward pass. `bias`, if there is
/// one, has a number per channel of the input.
pub fn grad_input<S: Scalar>(c: &Conv, g: &[S], w: &[S], bias: Option<&[S]>, gx: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let [v, h] = c.axes;
    let most = c.axes.map(|a| (a.reach() - 1) / a.stride);
    let long = c.axes.map(|a| (a.len + a.padding).div_ceil(a.stride).max(a.out));
    // Places before the first that any element is reached from.
    let mut none = [usize::MAX; 2];
    reached(&v, |y| none[0] = none[0].min(y.from));
    reached(&h, |x| none[1] = none[1].min(x.from));
    let [ny, nx] = [none[0].min(most[0]), none[1].min(most[1])];
    let frame = Frame {
        size: c.axes.map(|a| a.out),
        before: [most[0] - ny, most[1] - nx],
        stride: [1; 2],
        rows: most[0] + long[0] - ny,
        pitch: most[1] + long[1] - nx,
        cuts: [1; 2],
    };
    let samples = gx.len() / (c.channels * plane);
    // The taps of all sets, one set after the other, and the weights in that order: groups, sets, channels, taps.
    let all = co * area;
    let sets = |f: &mut dyn FnMut(Reached, Reached, usize)| {
        reached(&v, |y| {
            reached(&h, |x| f(y, x, ahead(&v, y.residue).count() * ahead(&h, x.residue).count()));
        });
    };
    scratch::table(all + area, |table| {
        scratch::with(c.groups * ci * all, |turned| {
            // The taps of the window in the order of the sets, and in each set those of one row of all channels.
            let (taps, order) = table.split_at_mut(all);
            let mut first = 0;
            sets(&mut |y, x, area_of_set| {
                let across = ahead(&h, x.residue).count();
                for (a, (ky, ey)) in ahead(&v, y.residue).enumerate() {
                    for (b, (kx, ex)) in ahead(&h, x.residue).enumerate() {
                        order[first + a * across + b] = ky * h.kernel + kx;
                        for o in 0..co {
                            let tap = frame.at(o, y.from + most[0] - ey - ny, x.from + most[1] - ex - nx);
                            taps[first * co + (a * co + o) * across + b] = tap;
                        }
                    }
                }
                first += area_of_set;
            });
            let (taps, order) = (&*taps, &order[..first]);
            cut(c.parallel(samples), turned, all, |row, turned| {
                let (group, i) = (row / ci, row % ci);
                let mut first = 0;
                sets(&mut |_, x, area_of_set| {
                    let across = ahead(&h, x.residue).count();
                    let (order, turned) =
                        (&order[first..][..area_of_set], &mut turned[first * co..][..area_of_set * co]);
                    for (order, turned) in order.chunks_exact(across).zip(turned.chunks_exact_mut(co * across)) {
                        for (o, turned) in turned.chunks_exact_mut(across).enumerate() {
                            let w = &w[((group * co + o) * ci + i) * area..][..area];
                            turned.iter_mut().zip(order).for_each(|(to, tap)| *to = w[*tap]);
                        }
                    }
                    first += area_of_set;
                });
            });
            let turned = &*turned;
            // The products of a sample, the same for all: their first tap and number of taps, where they begin in the source
            // and in a plane, and their rows and columns.
            let each = |f: &mut dyn FnMut([usize; 6])| {
                let mut at = 0;
                sets(&mut |y, x, area_of_set| {
                    let row_of_taps = co * ahead(&h, x.residue).count();
                    rows_alike(&v, y, frame.pitch, x.len, &mut |rows, tall| {
                        let (first, terms) = (at + tall.start * row_of_taps, tall.len() * row_of_taps);
                        let to = (y.first + rows.start * v.stride) * h.len + x.first;
                        f([first, terms, rows.start * frame.pitch, to, rows.len(), x.len]);
                    });
                    at += co * area_of_set;
                });
            };
            let mut count = 0;
            each(&mut |_| count += 1);
            scratch::table(6 * count, |products| {
                let products = products.as_chunks_mut().0;
                let mut rest = products.iter_mut();
                each(&mut |p| rest.by_ref().take(1).for_each(|to| *to = p));
                let products = &*products;
                // Elements between windows are in no set.
                let all_reached = count_of(&v) == v.stride && count_of(&h) == h.stride;
                let (size, several) = (c.channels * plane, samples.div_ceil(TASKS));
                cut(c.parallel(samples), gx, several * size, |task, gx| {
                    scratch::with(co * frame.len() + LONGEST, |source| {
                        frame.clear(co, source);
                        for (n, gx) in gx.chunks_exact_mut(size).enumerate().map(|(k, gx)| (task * several + k, gx)) {
                            if !all_reached {
                                for (i, gx) in gx.chunks_exact_mut(plane).enumerate() {
                                    gx.fill(bias.map_or(S::zero(), |b| b[i]));
                                }
                            }
                            for group in 0..c.groups {
                                let from = (n * c.out_channels + group * co) * places;
                                frame.fill(&g[from..][..co * places], source);
                                for [first, terms, from, to, rows, cols] in products {
                                    let correlate = Correlate {
                                        filters: ci,
                                        weights: &turned[group * ci * all + first..],
                                        source: &source[*from..],
                                        taps: &taps[*first..][..*terms],
                                        pitch: frame.pitch,
                                        size: [*rows, *cols],
                                        start: bias.map_or(Start::Zero, |b| Start::Rows(&b[group * ci..])),
                                        plane,
                                        line: v.stride * h.len,
                                        step: h.stride,
                                    };
                                    correlate.run_strided(all, &mut gx[group * ci * plane + to..]);
                                }
                            }
                        }
                    });
                });
            });
        });
    });
}

/// One set of filters over planes laid out in a [`Frame`].
struct Correlate<'a, S> {
    filters: usize,
    /// A row per filter.
    weights: &'a [S],
    source: &'a [S],
    taps: &'a [usize],
    pitch: usize,
    /// Rows and columns of places.
    size: [usize; 2],
    start: Start<'a, S>,
    /// From one filter's output to the next one's, from row to row, and from column to column.
    plane: usize,
    line: usize,
    step: usize,
}

impl<S: Scalar> Correlate<'_, S> {
    fn run(&self, out: &mut [S]) {
        self.run_strided(self.taps.len(), out);
    }

    /// As [`Self::run`], with `row` weights from one filter to the next.
    fn run_strided(&self, row: usize, out: &mut [S]) {
        let ([h, w], width) = (self.size, simd::width::<S>());
        // Vectors either lie in one row of places, the last over the one before, or run on over the columns between.
        let flat = ((h - 1) * self.pitch + w).div_ceil(width);
        let by_rows = h * w.div_ceil(width);
        if self.step == 1 && w >= width && by_rows * 8 <= flat * 9 {
            return simd::with(Along { correlate: self, row, vectors: by_rows, flat: false, stride: self.plane, out });
        }
        scratch::with(self.filters * flat * width, |wide| {
            let stride = flat * width;
            simd::with(Along { correlate: self, row, vectors: flat, flat: true, stride, out: wide });
            vectorised(
                #[inline(always)]
                || {
                    for (f, wide) in wide.chunks_exact(stride).enumerate() {
                        for (y, wide) in wide.chunks(self.pitch).take(h).enumerate() {
                            let out = &mut out[f * self.plane + y * self.line..];
                            if self.step == 1 {
                                copy_row(&wide[..w], &mut out[..w]);
                            } else {
                                out.iter_mut().step_by(self.step).zip(&wide[..w]).for_each(|(o, x)| *o = *x);
                            }
                        }
                    }
                },
            );
        });
    }
}

/// A [`Correlate`] cut into vectors of places.
struct Along<'a, 'b, S> {
    correlate: &'a Correlate<'a, S>,
    row: usize,
    vectors: usize,
    flat: bool,
    stride: usize,
    out: &'b mut [S],
}

impl<S: Scalar> WithSimd for Along<'_, '_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: Simd>(self, a: A) {
        let Along { correlate: c, row, vectors, flat, stride, out } = self;
        let (width, [_, w]) = (S::width::<A>(), c.size);
        let [left, right] = [c.weights, c.source];
        let product = Product::new(left, |i| i * row, |k| k, right, |k| c.taps[k], c.taps.len(), c.start);
        let wide = vectors.div_ceil(vectors.div_ceil(WIDE));
        let per_row = w.div_ceil(width);
        for first in (0..vectors).step_by(wide) {
            let mut columns = [Column::default(); WIDE];
            let own = wide.min(vectors - first);
            for (j, column) in columns.iter_mut().enumerate().take(own) {
                let v = first + j;
                *column = if flat {
                    Column { at: v * width, to: v * width, len: width }
                } else {
                    let (y, x) = (v / per_row, (v % per_row * width).min(w - width));
                    Column { at: y * c.pitch + x, to: y * c.line + x, len: width }
                };
            }
            product.run(a, 0..c.filters, &columns[..own], out, stride);
        }
    }
}

/// ∂L/∂bias: sums over samples and over the `plane` places of each channel.
pub fn grad_bias<S: Scalar>(plane: usize, g: &[S], gb: &mut [S]) {
    let channels = gb.len();
    let samples = g.len() / (plane * channels);
    blocks(gb, 1, g.len(), |c, gb| {
        let planes = (0..samples).map(|n| sum(&g[(n * channels + c) * plane..][..plane], |x| x));
        gb[0] = planes.fold(S::zero(), |a, b| a + b);
    });
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;
    use proptest::prelude::*;

    /// Output and gradients over the definition's loops.
    fn by_definition(c: &Conv, n: usize, x: &[f64], w: &[f64], g: &[f64]) -> [Vec<f64>; 3] {
        let ((ci, co), (plane, places, area), [v, h]) = (c.per_group(), c.planes(), c.axes);
        let [mut out, mut gx, mut gw] = [g.len(), x.len(), w.len()].map(|n| vec![0.0; n]);
        for (n, o, i, t) in (0..n)
            .flat_map(|n| (0..c.out_channels).map(move |o| (n, o)))
            .flat_map(|(n, o)| (0..ci).flat_map(move |i| (0..area).map(move |t| (n, o, i, t))))
        {
            let (ky, kx) = (t / h.kernel, t % h.kernel);
            for (oy, ox) in (0..v.out).flat_map(|oy| (0..h.out).map(move |ox| (oy, ox))) {
                let y = (oy * v.stride + ky * v.dilation).wrapping_sub(v.padding);
                let z = (ox * h.stride + kx * h.dilation).wrapping_sub(h.padding);
                if y >= v.len || z >= h.len {
                    continue;
                }
                let from = (n * c.channels + o / co * ci + i) * plane + y * h.len + z;
                let to = (n * c.out_channels + o) * places + oy * h.out + ox;
                let by = (o * ci + i) * area + t;
                out[to] += w[by] * x[from];
                gx[from] += w[by] * g[to];
                gw[by] += x[from] * g[to];
            }
        }
        [out, gx, gw]
    }

    fn computed<S: Scalar>(c: &Conv, x: &[S], w: &[S], g: &[S]) -> [Vec<S>; 3] {
        let [mut out, mut gx, mut gw] = [g.len(), x.len(), w.len()].map(|n| vec![S::nan(); n]);
        forward(c, x, w, None, &mut out);
        grad_input(c, g, w, None, &mut gx);
        grad_weight(c, x, g, &mut gw);
        [out, gx, gw]
    }

    fn conv(channels: [usize; 2], groups: usize, axes: [[usize; 5]; 2]) -> Option<Conv> {
        let [v, h] = axes.map(|[len, kernel, stride, padding, dilation]| {
            let axis = Axis { len, out: 1, kernel, stride, padding, dilation };
            axis.places().map(|out| Axis { out, ..axis })
        });
        Some(Conv { channels: channels[0] * groups, out_channels: channels[1] * groups, groups, axes: [v?, h?] })
    }

    /// Whole numbers, so that sums are exact in any order.
    fn whole(n: usize, salt: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7 + salt) % 13) as f64 - 6.0).collect()
    }

    fn operands(c: &Conv, n: usize) -> [Vec<f64>; 3] {
        let (plane, places, area) = c.planes();
        let weights = c.out_channels * c.per_group().0 * area;
        [whole(n * c.channels * plane, 1), whole(weights, 5), whole(n * c.out_channels * places, 3)]
    }

    proptest! {
        #[test]
        fn any_window_agrees_with_the_definition(
            n in 1usize..4, channels in [1usize..4, 1usize..20], groups in 1usize..3,
            v in [1usize..8, 1usize..4, 1usize..4, 0usize..4, 1usize..3],
            h in [1usize..40, 1usize..4, 1usize..4, 0usize..4, 1usize..3],
        ) {
            if let Some(c) = conv(channels, groups, [v, h]) {
                let [x, w, g] = operands(&c, n);
                prop_assert_eq!(computed(&c, &x, &w, &g), by_definition(&c, n, &x, &w, &g));
            }
        }
    }

    #[test]
    fn layers_of_known_networks_agree_and_have_the_same_bits_on_any_number_of_threads() {
        for (channels, groups, size, [kernel, stride, padding]) in [
            ([1, 6], 1, 28, [5, 1, 2]),
            ([6, 16], 1, 14, [5, 1, 0]),
            ([16, 16], 1, 32, [3, 1, 1]),
            ([16, 32], 1, 32, [3, 2, 1]),
            ([16, 32], 1, 32, [1, 2, 0]),
            ([20, 18], 2, 13, [3, 2, 1]),
            ([1, 1], 24, 16, [3, 1, 1]),
        ] {
            let axis = [size, kernel, stride, padding, 1];
            let c = conv(channels, groups, [axis; 2]).expect("the window fits");
            let [x, w, g] = operands(&c, 9);
            assert_eq!(computed(&c, &x, &w, &g), by_definition(&c, 9, &x, &w, &g), "{c:?}");
            let narrow = |v: &[f64], by: f32| v.iter().map(|x| *x as f32 * by).collect::<Vec<_>>();
            let exact = by_definition(&c, 9, &x, &w, &g).map(|v| narrow(&v, 1.0));
            assert_eq!(computed(&c, &narrow(&x, 1.0), &narrow(&w, 1.0), &narrow(&g, 1.0)), exact, "{c:?}");
            let [x, w, g] = [x, w, g].map(|v| narrow(&v, 0.1));
            let one = with_threads(1, || computed(&c, &x, &w, &g));
            assert_eq!(one, with_threads(2, || computed(&c, &x, &w, &g)));
            assert_eq!(one, with_threads(5, || computed(&c, &x, &w, &g)));
        }
    }
}
