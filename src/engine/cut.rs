//! How an instruction cuts the one buffer of a pass into what it reads and what it writes, found out once per plan.

use crate::engine::plan::{Source, Step};
use smallvec::SmallVec;
use std::ops::Range;

/// The pieces that an instruction works on, in the order in which they lie, and which of them is what. Piece 0 is empty:
/// it stands for what is not there or not read.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut {
    /// The numbers left out before each piece, and its length.
    pieces: Vec<[usize; 2]>,
    /// The piece of each input.
    pub inputs: Vec<usize>,
    /// The piece of the output.
    pub output: usize,
    /// The piece of what the forward saves.
    pub saved: usize,
    /// The piece of ∂L/∂output.
    pub grad: usize,
    /// The piece of the gradient of each input.
    pub pins: Vec<usize>,
}

/// Pieces of a buffer; more than most instructions have, so that none are on the heap.
pub(super) type Pieces<'a, S> = SmallVec<[&'a mut [S]; 12]>;

impl Cut {
    /// Writes the pieces of `buffer`, where they stay: to move them would cost as much again.
    #[inline(always)]
    pub fn of<'a, S>(&self, buffer: &'a mut [S], out: &mut Pieces<'a, S>) {
        let mut rest = buffer;
        for [skip, len] in &self.pieces {
            let (piece, tail) = std::mem::take(&mut rest)[*skip..].split_at_mut(*len);
            out.push(piece);
            rest = tail;
        }
    }

    /// The steps with the cuts of their instructions.
    pub fn all(mut steps: Vec<Step>) -> Vec<Step> {
        for s in 0..steps.len() {
            let step = &steps[s];
            let value = |source: &Source| match *source {
                Source::Value(k) => steps[k].value.clone(),
                Source::Weight(_) => 0..0,
            };
            let read: Vec<Range<usize>> = step.inputs.iter().map(value).collect();
            let forward = Cut::new(read.clone(), &step.value, &step.saved, &(0..0), vec![0..0; read.len()]);
            let claims = step.kind.spec.reads;
            let read = if claims.inputs { read } else { vec![0..0; read.len()] };
            let output = if claims.output { step.value.clone() } else { 0..0 };
            let pins = step.pins.iter().map(|p| p.clone().unwrap_or(0..0)).collect();
            let grad = step.grad.clone().unwrap_or(0..0);
            // Where no backward runs, what it would read may be gone.
            let back = if step.works() { Cut::new(read, &output, &step.saved, &grad, pins) } else { Cut::default() };
            (steps[s].forward, steps[s].back) = (forward, back);
        }
        steps
    }

    fn new(
        inputs: Vec<Range<usize>>,
        output: &Range<usize>,
        saved: &Range<usize>,
        grad: &Range<usize>,
        pins: Vec<Range<usize>>,
    ) -> Cut {
        let key = |r: &Range<usize>| if r.is_empty() { (0, 0) } else { (r.start, r.end) };
        let mut all: Vec<(usize, usize)> = vec![(0, 0)];
        all.extend(inputs.iter().chain([output, saved, grad]).chain(&pins).map(key));
        all.sort_unstable();
        all.dedup();
        let place = |r: &Range<usize>| all.binary_search(&key(r)).unwrap_or(0);
        let starts = all.iter().skip(1);
        // What overlaps would show here at once: a piece cannot begin before the end of the one before it.
        let gaps = starts.zip(&all).map(|(next, last)| next.0 - last.1);
        let pieces = std::iter::once(0).chain(gaps).zip(&all).map(|(skip, r)| [skip, r.1 - r.0]).collect();
        Cut {
            pieces,
            inputs: inputs.iter().map(place).collect(),
            output: place(output),
            saved: place(saved),
            grad: place(grad),
            pins: pins.iter().map(place).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_what_they_stand_for_in_any_order() {
        let cut = Cut::new(vec![6..8, 0..2, 6..8], &(3..6), &(9..9), &(8..9), vec![2..3, 0..0, 10..12]);
        let mut buffer: Vec<usize> = (0..12).collect();
        let mut pieces = Pieces::new();
        cut.of(&mut buffer, &mut pieces);
        let at = |k: usize| pieces[k].to_vec();
        assert_eq!([at(cut.inputs[0]), at(cut.inputs[1]), at(cut.inputs[2])], [vec![6, 7], vec![0, 1], vec![6, 7]]);
        assert_eq!([at(cut.output), at(cut.saved), at(cut.grad)], [vec![3, 4, 5], vec![], vec![8]]);
        assert_eq!([at(cut.pins[0]), at(cut.pins[1]), at(cut.pins[2])], [vec![2], vec![], vec![10, 11]]);
    }
}
