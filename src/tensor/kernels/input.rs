//! The gradient of a convolution's input: one convolution of δ for each cut of the strides, woven together.

use super::conv::{Conv, Correlate, TASKS, dense};
use super::elementwise::cut;
use super::frame::{Frame, copy_row};
use super::scratch;
use super::simd::vectorised;
use super::tile::{LONGEST, Start};
use super::window::Axis;
use crate::tensor::Scalar;

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
    // Places that no tap of any element meets, the farthest that an element is reached from, and the longest set.
    let (mut none, mut far, mut size) = (most, [0; 2], [1; 2]);
    for (i, axis) in c.axes.iter().enumerate() {
        reached(axis, |r| {
            ahead(axis, r.residue).for_each(|(_, e)| none[i] = none[i].min(r.from + most[i] - e));
            (far[i], size[i]) = (far[i].max(r.from), size[i].max(r.len));
        });
    }
    let [ny, nx] = none;
    let dense = dense::<S>(size);
    let across = if dense { far[1] + most[1] - nx + 1 } else { 1 };
    let frame = Frame {
        size: c.axes.map(|a| a.out),
        before: [most[0] - ny, most[1] - nx],
        stride: [1; 2],
        rows: most[0] + long[0] - ny,
        pitch: if dense { size[1] } else { most[1] + long[1] - nx },
        across,
        apart: dense.then_some(1),
        cuts: [1, across],
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
            // The products of a sample are the same for all; those of the same rows stand together.
            let each = |f: &mut dyn FnMut([usize; 8])| {
                let mut at = 0;
                reached(&v, |y| {
                    let high = ahead(&v, y.residue).count();
                    rows_alike(&v, y, frame.pitch, size[1], &mut |rows, tall| {
                        let (mut at, mut set) = (at, 0);
                        reached(&h, |x| {
                            let row_of_taps = co * ahead(&h, x.residue).count();
                            let (first, terms) = (at + tall.start * row_of_taps, tall.len() * row_of_taps);
                            let to = (y.first + rows.start * v.stride) * h.len;
                            f([first, terms, rows.start * frame.pitch, rows.len(), to, set, x.first, x.len]);
                            (at, set) = (at + high * row_of_taps, set + 1);
                        });
                    });
                    reached(&h, |x| at += co * high * ahead(&h, x.residue).count());
                });
            };
            let mut count = 0;
            each(&mut |_| count += 1);
            scratch::table(8 * count, |products| {
                let products = products.as_chunks_mut().0;
                let mut rest = products.iter_mut();
                each(&mut |p| rest.by_ref().take(1).for_each(|to| *to = p));
                let (products, sets) = (&*products, count_of(&h));
                // Elements between windows are in no set.
                let all_reached = count_of(&v) == v.stride && sets == h.stride;
                let direct = h.stride == 1 && (v.stride == 1 || !dense);
                let room = if direct { 0 } else { ci * size[0] * size[1] };
                let cuts = Cuts { c, frame: &frame, taps, turned, row: all, bias, products, sets, room, size, dense };
                let (whole, several) = (c.channels * plane, samples.div_ceil(TASKS));
                cut(c.parallel(samples), gx, several * whole, |task, gx| {
                    scratch::with(co * frame.len() + LONGEST, |source| {
                        scratch::with(sets * room, |apart| {
                            frame.clear(co, source);
                            for (k, gx) in gx.chunks_exact_mut(whole).enumerate() {
                                if !all_reached {
                                    for (i, gx) in gx.chunks_exact_mut(plane).enumerate() {
                                        gx.fill(bias.map_or(S::zero(), |b| b[i]));
                                    }
                                }
                                for (group, gx) in gx.chunks_exact_mut(ci * plane).enumerate() {
                                    let from = ((task * several + k) * c.groups + group) * co * places;
                                    frame.fill(&g[from..][..co * places], source);
                                    cuts.run(group, source, apart, gx);
                                }
                            }
                        });
                    });
                });
            });
        });
    });
}

/// All products of a sample, for one group of channels.
struct Cuts<'a, S> {
    c: &'a Conv,
    frame: &'a Frame,
    taps: &'a [usize],
    /// The weights in the order of the taps, `row` of each channel.
    turned: &'a [S],
    row: usize,
    bias: Option<&'a [S]>,
    /// First tap and number of taps; where the rows begin in the source, their number, and where they begin in a plane;
    /// the set of columns, its first one and how many it has.
    products: &'a [[usize; 8]],
    /// Sets of columns, numbers of each that are kept until all are there, if any are, and its rows and columns.
    sets: usize,
    room: usize,
    size: [usize; 2],
    dense: bool,
}

impl<S: Scalar> Cuts<'_, S> {
    fn run(&self, group: usize, source: &[S], apart: &mut [S], gx: &mut [S]) {
        let (ci, plane) = (self.c.per_group().0, self.c.planes().0);
        let ([v, h], wide) = (&self.c.axes, self.size[1]);
        for (k, product) in self.products.iter().enumerate() {
            let [first, terms, from, rows, to, set, x, cols] = *product;
            let kept = self.room > 0;
            let correlate = Correlate {
                filters: ci,
                weights: &self.turned[group * ci * self.row + first..],
                row: self.row,
                source: &source[from..],
                taps: &self.taps[first..][..terms],
                pitch: self.frame.pitch,
                size: [rows, if self.dense { wide } else { cols }],
                start: self.bias.map_or(Start::Zero, |b| Start::Rows(&b[group * ci..])),
                plane: if kept { rows * wide } else { plane },
                line: if kept { wide } else { v.stride * h.len },
            };
            if !kept {
                correlate.run(&mut gx[to + x..]);
                continue;
            }
            correlate.run(&mut apart[set * self.room..][..self.room]);
            if set + 1 < self.sets {
                continue;
            }
            let sets = &self.products[k + 1 - self.sets..=k];
            vectorised(
                #[inline(always)]
                || {
                    for i in 0..ci {
                        for y in 0..rows {
                            let out = &mut gx[i * plane + to + y * v.stride * h.len..][..h.len];
                            let row = |s: usize| &apart[s * self.room + (i * rows + y) * wide..][..sets[s][7]];
                            weave(sets, h.stride, row, out);
                        }
                    }
                },
            );
        }
    }
}

/// Writes the columns of all sets where they belong in a row.
#[inline(always)]
fn weave<'a, S: Scalar>(sets: &[[usize; 8]], stride: usize, row: impl Fn(usize) -> &'a [S], out: &mut [S]) {
    if let (2, [x, y]) = (stride, sets) {
        let (even, odd) = if x[6] < y[6] { (row(0), row(1)) } else { (row(1), row(0)) };
        let (eights, rest) = out.as_chunks_mut::<16>();
        let [(a, even), (b, odd)] = [even, odd].map(|x| (x.as_chunks::<8>().0, &x[8 * eights.len()..]));
        // So written, it becomes shuffles.
        for ((to, a), b) in eights.iter_mut().zip(a).zip(b) {
            *to = [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3], a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]];
        }
        rest.iter_mut().step_by(2).zip(even).for_each(|(to, a)| *to = *a);
        rest.iter_mut().skip(1).step_by(2).zip(odd).for_each(|(to, b)| *to = *b);
        return;
    }
    for (s, set) in sets.iter().enumerate() {
        let (out, row) = (&mut out[set[6]..], row(s));
        match stride {
            1 => copy_row(row, &mut out[..row.len()]),
            2 => {
                let (pairs, last) = out.as_chunks_mut::<2>();
                // What lies between is written again, which is faster than leaving it out.
                pairs.iter_mut().zip(row).for_each(|(o, x)| *o = [*x, o[1]]);
                last.iter_mut().zip(row.iter().skip(pairs.len())).for_each(|(o, x)| *o = *x);
            }
            _ => out.iter_mut().step_by(stride).zip(row).for_each(|(o, x)| *o = *x),
        }
    }
}
