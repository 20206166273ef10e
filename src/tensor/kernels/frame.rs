//! Planes laid out so that every tap of a sliding window is a mere shift.

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
        }
    }

    /// Elements of one plane.
    pub fn len(&self) -> usize {
        self.stride[0] * self.stride[1] * self.rows * self.pitch
    }

    /// Where row `y` and column `x`, counted from the first zero, of plane `k` lies.
    pub fn at(&self, k: usize, y: usize, x: usize) -> usize {
        let [v, h] = self.stride;
        let cut = (k * v + y % v) * h + x % h;
        (cut * self.rows + y / v) * self.pitch + x / h
    }

    /// Lays out the planes of `x`.
    pub fn fill<S: Scalar>(&self, x: &[S], to: &mut [S]) {
        let ([h, w], [v, s]) = (self.size, self.stride);
        for (x, to) in x.chunks_exact(h * w).zip(to.chunks_exact_mut(self.len())) {
            for (k, cut) in to.chunks_exact_mut(self.rows * self.pitch).enumerate() {
                let (py, px) = (k / s, k % s);
                // Columns of this cut that lie inside.
                let first = self.before[1].saturating_sub(px).div_ceil(s).min(self.pitch);
                let end = (self.before[1] + w).saturating_sub(px).div_ceil(s).clamp(first, self.pitch);
                for (r, to) in cut.chunks_exact_mut(self.pitch).enumerate() {
                    let y = (r * v + py).wrapping_sub(self.before[0]);
                    if y >= h {
                        to.fill(S::zero());
                        continue;
                    }
                    to[..first].fill(S::zero());
                    to[end..].fill(S::zero());
                    if first == end {
                        continue;
                    }
                    let from = &x[y * w + first * s + px - self.before[1]..(y + 1) * w];
                    if s == 1 {
                        to[first..end].copy_from_slice(&from[..end - first]);
                    } else {
                        to[first..end].iter_mut().zip(from.iter().step_by(s)).for_each(|(t, x)| *t = *x);
                    }
                }
            }
        }
    }
}
