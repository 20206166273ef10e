//! Windows that slide along an axis: what convolution and pooling have in common.

use std::ops::Range;

/// How a window of `kernel` taps moves along one axis; all but `padding` are at least 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Length of the axis.
    pub len: usize,
    /// Number of places the window takes.
    pub out: usize,
    /// Number of taps.
    pub kernel: usize,
    /// Steps between two places.
    pub stride: usize,
    /// Elements imagined before the axis, and after it.
    pub padding: usize,
    /// Distance between two taps.
    pub dilation: usize,
}

impl Axis {
    /// An axis of length 1 along which nothing moves: the height of a row of numbers.
    pub const POINT: Axis = Axis { len: 1, out: 1, kernel: 1, stride: 1, padding: 0, dilation: 1 };

    /// From the first tap to the last.
    pub fn reach(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// How many places fit wholly inside the padded axis; `None` if not even one does.
    pub fn places(&self) -> Option<usize> {
        Some((self.len + 2 * self.padding).checked_sub(self.reach())? / self.stride + 1)
    }

    /// Places at which `tap` lies inside the axis.
    #[inline(always)]
    pub(super) fn meets(&self, tap: usize) -> Range<usize> {
        let at = tap * self.dilation;
        let first = self.padding.saturating_sub(at).div_ceil(self.stride);
        let end = (self.len + self.padding).saturating_sub(at).div_ceil(self.stride).min(self.out);
        first.min(end)..end
    }

    /// Element under `tap` at `place`, one of [`Axis::meets`].
    #[inline(always)]
    pub(super) fn at(&self, place: usize, tap: usize) -> usize {
        place * self.stride + tap * self.dilation - self.padding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tap_meets_exactly_the_places_where_it_lies_inside(
            len in 1usize..9, out in 1usize..9, kernel in 1usize..5, stride in 1usize..4, padding in 0usize..4,
            dilation in 1usize..4,
        ) {
            let axis = Axis { len, out, kernel, stride, padding, dilation };
            for tap in 0..kernel {
                let inside = |o: &usize| (padding..padding + len).contains(&(o * stride + tap * dilation));
                let want: Vec<usize> = (0..out).filter(inside).collect();
                prop_assert_eq!(axis.meets(tap).collect::<Vec<_>>(), want.clone());
                prop_assert!(want.iter().all(|o| axis.at(*o, tap) + padding == o * stride + tap * dilation));
            }
        }
    }
}
