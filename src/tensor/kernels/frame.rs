//! Planes laid out so that every tap of a sliding window is a mere shift.

use super::simd::vectorised;
use super::window::Axis;
use crate::tensor::Scalar;

/// How planes of `size` lie in memory: with zeros around them, and, where a window moves in steps of more than one,
/// cut into the elements that it meets at its first step, at its second, and so on. Then all places of a tap are
/// neighbours, `pitch` apart from row to row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub size: [usize; 2],
    /// Zeros before the first row and column.
    pub before: [usize; 2],
    pub stride: [usize; 2],
    /// Rows of one cut.
    pub rows: usize,
    /// Columns of one cut.
    pub pitch: usize,
    /// Cuts that are laid out along the rows.
    pub across: usize,
    /// For rows without a gap: each tap has a cut of its own, that begins so many columns after the one before.
    pub apart: Option<usize>,
    /// Cuts that a tap lies in, the first ones of each axis.
    pub cuts: [usize; 2],
}

impl Frame {
    /// For windows that move over the planes.
    pub fn of(axes: &[Axis; 2]) -> Self {
        let long = axes.map(|a| (a.reach() - 1) / a.stride + a.out);
        Frame {
            size: axes.map(|a| a.len),
            before: axes.map(|a| a.padding),
            stride: axes.map(|a| a.stride),
            rows: long[0],
            pitch: long[1],
            across: axes[1].stride,
            apart: None,
            cuts: axes.map(|a| if a.dilation == 1 { a.stride.min(a.kernel) } else { a.stride }),
        }
    }

    /// As [`Self::of`], with the columns of each tap laid out anew: rows of places follow each other without a gap.
    pub fn dense(axes: &[Axis; 2]) -> Self {
        let (frame, [_, h]) = (Self::of(axes), axes);
        let (across, cuts) = (h.kernel, [frame.cuts[0], h.kernel]);
        Frame { pitch: h.out, across, apart: Some(h.dilation), cuts, ..frame }
    }

    /// Elements of one plane.
    pub fn len(&self) -> usize {
        self.stride[0] * self.across * self.rows * self.pitch
    }

    /// Where row `y` and column `x`, counted from the first zero, of plane `k` lies.
    pub fn at(&self, k: usize, y: usize, x: usize) -> usize {
        let [v, h] = self.stride;
        let (column, x) = self.apart.map_or((x % h, x / h), |apart| (x / apart, 0));
        let cut = (k * v + y % v) * self.across + column;
        (cut * self.rows + y / v) * self.pitch + x
    }

    /// Writes the zeros for `planes` planes; those between the elements stay while planes come and go.
    pub fn clear<S: Scalar>(&self, planes: usize, to: &mut [S]) {
        to[..planes * self.len()].fill(S::zero());
    }

    /// Lays out the planes of `x` among zeros that are there.
    pub fn fill<S: Scalar>(&self, x: &[S], to: &mut [S]) {
        vectorised(
            #[inline(always)]
            || {
                let ([h, w], [v, s]) = (self.size, self.stride);
                for (x, to) in x.chunks_exact(h * w).zip(to.chunks_exact_mut(self.len())) {
                    for (k, cut) in to.chunks_exact_mut(self.rows * self.pitch).enumerate() {
                        let (py, px) = (k / self.across, k % self.across);
                        if py >= self.cuts[0] || px >= self.cuts[1] {
                            continue;
                        }
                        // Columns of this cut that lie inside.
                        let px = px * self.apart.unwrap_or(1);
                        let first = self.before[1].saturating_sub(px).div_ceil(s).min(self.pitch);
                        let end = (self.before[1] + w).saturating_sub(px).div_ceil(s).clamp(first, self.pitch);
                        if first == end {
                            continue;
                        }
                        for (r, to) in cut.chunks_exact_mut(self.pitch).enumerate() {
                            let y = (r * v + py).wrapping_sub(self.before[0]);
                            if y >= h {
                                continue;
                            }
                            let from = &x[y * w + first * s + px - self.before[1]..(y + 1) * w];
                            let to = &mut to[first..end];
                            match s {
                                1 => copy_row(&from[..to.len()], to),
                                2 => thin_row::<S, 2>(from, to),
                                _ => to.iter_mut().zip(from.iter().step_by(s)).for_each(|(t, x)| *t = *x),
                            }
                        }
                    }
                }
            },
        );
    }
}

/// Copies a short row, for which a call of `memcpy` takes longer than the copy.
#[inline(always)]
pub(super) fn copy_row<S: Scalar>(from: &[S], to: &mut [S]) {
    #[inline(always)]
    fn by<S: Scalar, const W: usize>(from: &[S], to: &mut [S]) -> bool {
        let n = to.len();
        if n < W {
            return false;
        }
        for (to, from) in to.as_chunks_mut::<W>().0.iter_mut().zip(from.as_chunks::<W>().0) {
            *to = *from;
        }
        // What is left over is copied together with some that are there already.
        if let (Some(to), Some(from)) = (to.last_chunk_mut::<W>(), from.last_chunk::<W>()) {
            *to = *from;
        }
        true
    }
    let from = &from[..to.len()];
    if !(by::<S, 16>(from, to) || by::<S, 8>(from, to) || by::<S, 4>(from, to)) {
        to.iter_mut().zip(from).for_each(|(t, x)| *t = *x);
    }
}

/// Copies every `STEP`th number.
#[inline(always)]
fn thin_row<S: Scalar, const STEP: usize>(from: &[S], to: &mut [S]) {
    let (steps, rest) = from.as_chunks::<STEP>();
    to.iter_mut().zip(steps).for_each(|(t, x)| *t = x[0]);
    if let (Some(t), Some(x)) = (to.get_mut(steps.len()), rest.first()) {
        *t = *x;
    }
}
