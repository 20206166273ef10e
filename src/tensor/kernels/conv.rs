//! Cross-correlation of planes and its two adjoints, by direct loops. Signals are planes of one row.

use super::window::Axis;
use crate::tensor::Scalar;
use rayon::prelude::*;

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

impl Conv {
    /// Input channels and output channels of one group.
    fn per_group(&self) -> (usize, usize) {
        (self.channels / self.groups, self.out_channels / self.groups)
    }
    /// Elements of a plane of the input, of one of the output, and of a window.
    fn planes(&self) -> (usize, usize, usize) {
        let [v, h] = &self.axes;
        (v.len * h.len, v.out * h.out, v.kernel * h.kernel)
    }
    /// Calls `f(input offset, output offset)` for all places in one plane at which tap `t` meets the image.
    fn meet(&self, t: usize, mut f: impl FnMut(usize, usize)) {
        let [v, h] = &self.axes;
        let (ky, kx) = (t / h.kernel, t % h.kernel);
        for oy in v.meets(ky) {
            for ox in h.meets(kx) {
                f(v.at(oy, ky) * h.len + h.at(ox, kx), oy * h.out + ox);
            }
        }
    }
}

/// `out = x ⋆ w (+ bias)`, one task per sample.
pub fn forward<S: Scalar>(c: &Conv, x: &[S], w: &[S], bias: Option<&[S]>, out: &mut [S]) {
    let ((ci, co), (plane, out_plane, area)) = (c.per_group(), c.planes());
    out.par_chunks_mut(c.out_channels * out_plane).enumerate().for_each(|(n, out)| {
        let x = &x[n * c.channels * plane..][..c.channels * plane];
        for (o, out) in out.chunks_exact_mut(out_plane).enumerate() {
            out.fill(bias.map_or(S::zero(), |b| b[o]));
            for i in 0..ci {
                let x = &x[(o / co * ci + i) * plane..][..plane];
                for t in 0..area {
                    let w = w[(o * ci + i) * area + t];
                    c.meet(t, |a, b| out[b] += w * x[a]);
                }
            }
        }
    });
}

/// ∂L/∂x from ∂L/∂out, one task per sample; of a convolution that is transposed, the forward pass. `bias`, if there is
/// one, has a number per channel of the input.
pub fn grad_input<S: Scalar>(c: &Conv, g: &[S], w: &[S], bias: Option<&[S]>, gx: &mut [S]) {
    let ((ci, co), (plane, out_plane, area)) = (c.per_group(), c.planes());
    gx.par_chunks_mut(c.channels * plane).enumerate().for_each(|(n, gx)| {
        for (i, gx) in gx.chunks_exact_mut(plane).enumerate() {
            gx.fill(bias.map_or(S::zero(), |b| b[i]));
        }
        for o in 0..c.out_channels {
            let g = &g[(n * c.out_channels + o) * out_plane..][..out_plane];
            for i in 0..ci {
                let gx = &mut gx[(o / co * ci + i) * plane..][..plane];
                for t in 0..area {
                    let w = w[(o * ci + i) * area + t];
                    c.meet(t, |a, b| gx[a] += w * g[b]);
                }
            }
        }
    });
}

/// ∂L/∂w from ∂L/∂out, one task per output channel; samples are added in order.
pub fn grad_weight<S: Scalar>(c: &Conv, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), (plane, out_plane, area)) = (c.per_group(), c.planes());
    gw.par_chunks_mut(ci * area).enumerate().for_each(|(o, gw)| {
        gw.fill(S::zero());
        for (n, g) in g.chunks_exact(c.out_channels * out_plane).enumerate() {
            let g = &g[o * out_plane..][..out_plane];
            for (k, gw) in gw.iter_mut().enumerate() {
                let (i, t) = (k / area, k % area);
                let x = &x[(n * c.channels + o / co * ci + i) * plane..][..plane];
                c.meet(t, |a, b| *gw += x[a] * g[b]);
            }
        }
    });
}

/// ∂L/∂bias: sums over samples and over the `plane` places of each channel.
pub fn grad_bias<S: Scalar>(plane: usize, g: &[S], gb: &mut [S]) {
    gb.fill(S::zero());
    let channels = gb.len();
    for (k, g) in g.chunks_exact(plane).enumerate() {
        gb[k % channels] += g.iter().copied().sum();
    }
}
