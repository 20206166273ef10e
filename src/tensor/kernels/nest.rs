//! Nested loops over several tensors that stretch to one shape, or are summed over some of its axes.
//!
//! Neighbouring axes that every tensor lays out as one become one loop, so equal shapes are a single run and a row
//! under a matrix is a loop over rows. Nothing is allocated for tensors of up to eight axes.

use smallvec::SmallVec;
use std::array::from_fn;
use std::ops::Range;

/// Loops kept without allocation.
const RANK: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis<const K: usize> {
    len: usize,
    /// How far each tensor moves per step; 0 where it repeats.
    step: [usize; K],
}

/// Loops over `K` tensors, outermost first.
#[derive(Clone, Debug)]
pub(super) struct Nest<const K: usize> {
    axes: SmallVec<[Axis<K>; RANK]>,
    len: usize,
}

impl<const K: usize> Nest<K> {
    pub fn new() -> Self {
        Nest { axes: SmallVec::new(), len: 1 }
    }

    /// Tensors of these shapes, stretched to `out`: axes align from the right, and those of length 1 repeat.
    pub fn stretched(out: &[usize], shapes: [&[usize]; K]) -> Self {
        let mut nest = Nest::new();
        each_axis(out, shapes, |len, step| nest.push(len, step));
        nest
    }

    /// Adds an innermost loop.
    pub fn push(&mut self, len: usize, step: [usize; K]) {
        self.len *= len;
        if len == 1 {
            return;
        }
        if let Some(last) = self.axes.last_mut()
            && (0..K).all(|k| last.step[k] == step[k] * len)
        {
            (last.len, last.step) = (last.len * len, step);
        } else {
            self.axes.push(Axis { len, step });
        }
    }

    /// How many steps all loops take together.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Steps of the innermost loop.
    pub fn step(&self) -> [usize; K] {
        self.axes.last().map_or([0; K], |a| a.step)
    }

    /// Calls `f(i, n, at)` for each stretch of the innermost loop within `range`: it begins at step `i`, is `n` long,
    /// and finds the tensors at `at`.
    pub fn runs(&self, range: Range<usize>, mut f: impl FnMut(usize, usize, [usize; K])) {
        if range.is_empty() {
            return;
        }
        let Some((inner, outer)) = self.axes.split_last() else { return f(0, 1, [0; K]) };
        let (mut i, mut within) = (range.start / inner.len, range.start % inner.len);
        let mut digits: SmallVec<[usize; RANK]> = SmallVec::from_elem(0, outer.len());
        let mut base = [0; K];
        for (digit, axis) in digits.iter_mut().zip(outer).rev() {
            *digit = i % axis.len;
            i /= axis.len;
            base = from_fn(|k| base[k] + *digit * axis.step[k]);
        }
        let mut at = range.start;
        loop {
            let n = (inner.len - within).min(range.end - at);
            f(at, n, from_fn(|k| base[k] + within * inner.step[k]));
            (at, within) = (at + n, 0);
            if at >= range.end {
                return;
            }
            for (digit, axis) in digits.iter_mut().zip(outer).rev() {
                *digit += 1;
                base = from_fn(|k| base[k] + axis.step[k]);
                if *digit < axis.len {
                    break;
                }
                base = from_fn(|k| base[k] - axis.len * axis.step[k]);
                *digit = 0;
            }
        }
    }
}

/// Calls `f(length, steps)` for each axis of `out`, outermost first; see [`Nest::stretched`].
fn each_axis<const K: usize>(out: &[usize], shapes: [&[usize]; K], mut f: impl FnMut(usize, [usize; K])) {
    let mut below: [usize; K] = shapes.map(|s| s.iter().product());
    for (i, &len) in out.iter().enumerate() {
        let step = from_fn(|k| match (i + shapes[k].len()).checked_sub(out.len()) {
            Some(d) => {
                below[k] /= shapes[k][d].max(1);
                if shapes[k][d] == 1 { 0 } else { below[k] }
            }
            None => 0,
        });
        f(len, step);
    }
}

/// The loops of a reduction: those over the results, and those that each result adds up.
#[derive(Clone, Debug)]
pub(super) struct Fold<const K: usize> {
    pub kept: Nest<K>,
    pub gone: Nest<K>,
    /// Whether the innermost loop in memory is one that is added up.
    pub inner_gone: bool,
}

impl<const K: usize> Fold<K> {
    pub fn new() -> Self {
        Fold { kept: Nest::new(), gone: Nest::new(), inner_gone: false }
    }

    /// The adjoint of stretching `target` to `out`, while the tensors of `shapes` are stretched to `out` too.
    pub fn stretched(out: &[usize], shapes: [&[usize]; K], target: &[usize]) -> Self {
        let (mut fold, mut axis) = (Fold::new(), 0);
        each_axis(out, shapes, |len, step| {
            let own = (axis + target.len()).checked_sub(out.len());
            fold.push(len, step, own.is_none_or(|d| target[d] == 1));
            axis += 1;
        });
        fold
    }

    /// Adds an innermost loop, over results or over what they add up.
    pub fn push(&mut self, len: usize, step: [usize; K], gone: bool) {
        if len != 1 {
            self.inner_gone = gone;
        }
        if gone { self.gone.push(len, step) } else { self.kept.push(len, step) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_lie_together_become_one_loop() {
        let loops = |out: &[usize], a: &[usize], b: &[usize]| Nest::stretched(out, [a, b]).axes.len();
        assert_eq!(loops(&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]), 1);
        assert_eq!(loops(&[2, 3, 4], &[2, 3, 4], &[]), 1);
        assert_eq!(loops(&[2, 3, 4], &[2, 3, 4], &[3, 4]), 2);
        assert_eq!(loops(&[2, 3, 4], &[2, 3, 4], &[3, 1]), 3);
        assert_eq!(loops(&[2, 1, 4], &[2, 1, 1], &[1, 1, 4]), 2);
        assert_eq!(loops(&[1, 1], &[1, 1], &[1]), 0);
    }

    #[test]
    fn runs_cover_any_range_once_and_in_order() {
        let nest = Nest::stretched(&[3, 2, 5], [&[3, 1, 5], &[2, 1]]);
        for (start, end) in [(0, 30), (7, 8), (4, 16), (29, 30), (11, 11)] {
            let mut seen = Vec::new();
            nest.runs(start..end, |i, n, at| {
                seen.extend((0..n).map(|j| (i + j, [at[0] + j * nest.step()[0], at[1] + j * nest.step()[1]])));
            });
            let want = (start..end).map(|i| (i, [i / 10 * 5 + i % 5, i / 5 % 2]));
            assert_eq!(seen, want.collect::<Vec<_>>());
        }
    }

    #[test]
    fn ten_axes_are_walked_too() {
        let shape = [2usize; 10];
        let b: Vec<usize> = (0..10).map(|i| 1 + i % 2).collect();
        let nest = Nest::stretched(&shape, [&shape, &b]);
        let mut total = 0;
        nest.runs(0..1024, |i, n, at| {
            assert_eq!(i, at[0]);
            total += n;
        });
        assert_eq!(total, 1024);
    }
}
