//! Two-dimensional cross-correlation and its two adjoints, by direct loops along rows of the image.

use crate::tensor::Scalar;
use rayon::prelude::*;

/// Sizes of a convolution: images N×C×H×W, weight O×C/groups×K×K, output N×O×OH×OW; all at least 1.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are PyTorch's")]
pub struct Conv {
    pub channels: usize,
    pub size: [usize; 2],
    pub out_channels: usize,
    pub out_size: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    pub groups: usize,
}

impl Conv {
    /// Input channels and output channels of one group.
    fn per_group(&self) -> (usize, usize) {
        (self.channels / self.groups, self.out_channels / self.groups)
    }
    /// Input position of output position `o` under tap `k`, if inside an axis of `len`.
    fn at(&self, o: usize, k: usize, len: usize) -> Option<usize> {
        (o * self.stride + k * self.dilation).checked_sub(self.padding).filter(|&i| i < len)
    }
    /// Calls `f(input offset, output offset)` for all places in one plane where tap (ky, kx) meets the image.
    fn meet(&self, ky: usize, kx: usize, mut f: impl FnMut(usize, usize)) {
        let ([h, w], [oh, ow]) = (self.size, self.out_size);
        for oy in 0..oh {
            let Some(y) = self.at(oy, ky, h) else { continue };
            for ox in 0..ow {
                if let Some(x) = self.at(ox, kx, w) {
                    f(y * w + x, oy * ow + ox);
                }
            }
        }
    }
}

/// `out = x ⋆ w (+ bias)`, one task per sample.
pub fn forward<S: Scalar>(c: &Conv, x: &[S], w: &[S], bias: Option<&[S]>, out: &mut [S]) {
    let ((ci, co), plane, area) = (c.per_group(), c.size[0] * c.size[1], c.kernel * c.kernel);
    let out_plane = c.out_size[0] * c.out_size[1];
    out.par_chunks_mut(c.out_channels * out_plane).enumerate().for_each(|(n, out)| {
        let x = &x[n * c.channels * plane..][..c.channels * plane];
        for (o, out) in out.chunks_exact_mut(out_plane).enumerate() {
            out.fill(bias.map_or(S::zero(), |b| b[o]));
            for i in 0..ci {
                let x = &x[(o / co * ci + i) * plane..][..plane];
                for t in 0..area {
                    let w = w[(o * ci + i) * area + t];
                    c.meet(t / c.kernel, t % c.kernel, |a, b| out[b] += w * x[a]);
                }
            }
        }
    });
}

/// ∂L/∂x from ∂L/∂out, one task per sample.
pub fn grad_input<S: Scalar>(c: &Conv, g: &[S], w: &[S], gx: &mut [S]) {
    let ((ci, co), plane, area) = (c.per_group(), c.size[0] * c.size[1], c.kernel * c.kernel);
    let out_plane = c.out_size[0] * c.out_size[1];
    gx.par_chunks_mut(c.channels * plane).enumerate().for_each(|(n, gx)| {
        gx.fill(S::zero());
        for o in 0..c.out_channels {
            let g = &g[(n * c.out_channels + o) * out_plane..][..out_plane];
            for i in 0..ci {
                let gx = &mut gx[(o / co * ci + i) * plane..][..plane];
                for t in 0..area {
                    let w = w[(o * ci + i) * area + t];
                    c.meet(t / c.kernel, t % c.kernel, |a, b| gx[a] += w * g[b]);
                }
            }
        }
    });
}

/// ∂L/∂w from ∂L/∂out, one task per output channel; samples are added in order.
pub fn grad_weight<S: Scalar>(c: &Conv, x: &[S], g: &[S], gw: &mut [S]) {
    let ((ci, co), plane, area) = (c.per_group(), c.size[0] * c.size[1], c.kernel * c.kernel);
    let out_plane = c.out_size[0] * c.out_size[1];
    gw.par_chunks_mut(ci * area).enumerate().for_each(|(o, gw)| {
        gw.fill(S::zero());
        for (n, g) in g.chunks_exact(c.out_channels * out_plane).enumerate() {
            let g = &g[o * out_plane..][..out_plane];
            for (k, gw) in gw.iter_mut().enumerate() {
                let (i, t) = (k / area, k % area);
                let x = &x[(n * c.channels + o / co * ci + i) * plane..][..plane];
                c.meet(t / c.kernel, t % c.kernel, |a, b| *gw += x[a] * g[b]);
            }
        }
    });
}

/// ∂L/∂bias: sums over samples and places.
pub fn grad_bias<S: Scalar>(c: &Conv, g: &[S], gb: &mut [S]) {
    gb.fill(S::zero());
    for (k, g) in g.chunks_exact(c.out_size[0] * c.out_size[1]).enumerate() {
        gb[k % c.out_channels] += g.iter().copied().sum();
    }
}
