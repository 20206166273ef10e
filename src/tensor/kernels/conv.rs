//! Cross-correlation of planes and its two adjoints. Signals are planes of one row.
//!
//! The planes of a sample are laid out so that every tap is a shift ([`Frame`]); a convolution then is a matrix product
//! whose right side is never written down. The gradient of the input is a convolution of δ for each cut of the strides;
//! that of the weight is a product over the places.

use super::elementwise::{blocks, cut, sum};
use super::frame::Frame;
pub use super::input::grad_input;
use super::scratch;
use super::simd;
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
pub(super) const TASKS: usize = 16;

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

/// Whether rows of places are so short that too much of their vectors is lost, unless they follow each other densely.
pub(super) fn dense<S: Scalar>([h, w]: [usize; 2]) -> bool {
    let width = simd::width::<S>();
    w < width || h * w.div_ceil(width) * 8 > (h * w).div_ceil(width) * 9
}

/// `out = x ⋆ w (+ bias)`, a task for a few samples.
pub fn forward<S: Scalar>(c: &Conv, x: &[S], w: &[S], bias: Option<&[S]>, out: &mut [S]) {
    let ((ci, co), (plane, places, area)) = (c.per_group(), c.planes());
    let [v, h] = &c.axes;
    let frame = if dense::<S>([v.out, h.out]) { Frame::dense(&c.axes) } else { Frame::of(&c.axes) };
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
                            row: terms,
                            source,
                            taps,
                            pitch: frame.pitch,
                            size: c.axes.map(|a| a.out),
                            start: bias.map_or(Start::Zero, |b| Start::Rows(&b[g * co..])),
                            plane: places,
                            line: c.axes[1].out,
                        };
                        correlate.run(&mut out[g * co * places..][..co * places]);
                    }
                }
            });
        });
    });
}

/// One set of filters over planes laid out in a [`Frame`].
pub(super) struct Correlate<'a, S> {
    pub filters: usize,
    /// A row per filter, and from one to the next.
    pub weights: &'a [S],
    pub row: usize,
    pub source: &'a [S],
    pub taps: &'a [usize],
    pub pitch: usize,
    /// Rows and columns of places.
    pub size: [usize; 2],
    pub start: Start<'a, S>,
    /// From one filter's output to the next one's, and from row to row.
    pub plane: usize,
    pub line: usize,
}

impl<S: Scalar> Correlate<'_, S> {
    pub fn run(&self, out: &mut [S]) {
        simd::with(Along(self, out));
    }
}

/// A [`Correlate`] cut into vectors of places, with its output.
struct Along<'a, 'b, S>(&'a Correlate<'a, S>, &'b mut [S]);

impl<S: Scalar> WithSimd for Along<'_, '_, S> {
    type Output = ();
    #[inline(always)]
    fn with_simd<A: Simd>(self, a: A) {
        let Along(c, out) = self;
        let (width, [h, w]) = (S::width::<A>(), c.size);
        let [left, right] = [c.weights, c.source];
        let product = Product::new(left, |i| i * c.row, |k| k, right, |k| c.taps[k], c.taps.len(), c.start);
        // Vectors run over the ends of rows that follow each other without a gap. Else the last vector of a row lies over
        // the one before, if there is one.
        let dense = w == c.pitch && w == c.line;
        let (h, w) = if dense { (1, h * w) } else { (h, w) };
        let per_row = w.div_ceil(width);
        let vectors = h * per_row;
        let wide = vectors.div_ceil(vectors.div_ceil(WIDE));
        for first in (0..vectors).step_by(wide) {
            let mut columns = [Column::default(); WIDE];
            let own = wide.min(vectors - first);
            for (j, column) in columns.iter_mut().enumerate().take(own) {
                let (y, x) = ((first + j) / per_row, (first + j) % per_row * width);
                let x = if dense { x } else { x.min(w.saturating_sub(width)) };
                *column = Column { at: y * c.pitch + x, to: y * c.line + x, len: width.min(w - x) };
            }
            product.run(a, 0..c.filters, &columns[..own], out, c.plane);
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
