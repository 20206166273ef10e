//! Where the numbers of a batch lie in its buffer: each at a place of its own, or at one that is used again.

use crate::engine::plan::{Keep, Plan, Source};
use crate::engine::spans::{Holds, Span};
use crate::graph::NodeId;
use std::ops::Range;

/// A place in the buffer of a pass, and when it is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Whose numbers they are.
    pub node: NodeId,
    /// The first and the last instruction between which they must be there.
    pub life: (usize, usize),
    /// Where they lie.
    pub place: Range<usize>,
}

/// Regions above which only one order of laying them is tried.
const MANY: usize = 4000;

/// Numbers of which the first lies on a line of the cache; for fewer it would waste too much.
const LONG: usize = 256;
/// Numbers in a line, or in two.
const LINE: usize = 16;

/// Where `len` numbers may begin, from `at` on.
pub(super) fn lined(at: usize, len: usize) -> usize {
    if len < LONG { at } else { at.saturating_add(LINE - 1) / LINE * LINE }
}

/// By what spans are ordered.
type Key = fn(&Span) -> (usize, usize);

/// Orders from the largest down.
fn down(n: usize) -> usize {
    usize::MAX - n
}

/// A place for each span such that no two that meet overlap, and the numbers that all take. Each lies at the lowest
/// place that is free during its life. The large ones come first, as the small ones find gaps between them; as no order
/// is the best for all graphs, others are tried while there is room to win.
pub(super) fn places(spans: &[Span], least: usize) -> (Vec<usize>, usize) {
    let by = |key: Key| {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|k| key(&spans[*k]));
        first_fit(spans, &order)
    };
    let keys: [Key; 4] = [
        |s| (down(s.len), s.first),
        |s| (down(s.len.saturating_mul(1 + s.last - s.first)), s.first),
        |s| (s.first, down(s.last)),
        |s| (down(s.last - s.first), down(s.len)),
    ];
    let mut best = by(keys[0]);
    for key in keys.into_iter().skip(1).filter(|_| spans.len() <= MANY) {
        if best.1 <= least {
            break;
        }
        let other = by(key);
        if other.1 < best.1 {
            best = other;
        }
    }
    best
}

fn first_fit(spans: &[Span], order: &[usize]) -> (Vec<usize>, usize) {
    let (mut at, mut total) = (vec![0; spans.len()], 0);
    // What is laid already, in the order in which it lies.
    let mut laid: Vec<usize> = Vec::with_capacity(spans.len());
    for &k in order {
        let mut place = 0;
        for &other in laid.iter().filter(|o| spans[**o].meets(&spans[k])) {
            if at[other] >= place + spans[k].len {
                break;
            }
            place = lined(place.max(at[other] + spans[other].len), spans[k].len);
        }
        at[k] = place;
        total = total.max(place + spans[k].len);
        laid.insert(laid.partition_point(|o| at[*o] <= place), k);
    }
    (at, total)
}

impl Plan {
    /// Gives everything its place.
    pub(super) fn lay_out(&mut self) {
        if self.keep == Keep::All {
            return self.side_by_side();
        }
        let spans = self.spans();
        let (at, total) = places(&spans, super::spans::least(&spans));
        self.numbers = total;
        for step in &mut self.steps {
            (step.value, step.saved) = (0..0, 0..0);
            (step.grad, step.value_until, step.grad_until) = (None, 0, 0);
            step.pins_until = vec![0; step.pins.len()];
            step.pins.iter_mut().for_each(|p| *p = None);
        }
        for (span, start) in spans.iter().zip(at) {
            let (place, until) = (start..start + span.len, span.last + 1);
            match span.holds {
                Holds::Value(s) => (self.steps[s].value, self.steps[s].value_until) = (place, until),
                Holds::Saved(s) => self.steps[s].saved = place,
                Holds::Sum(s) => (self.steps[s].grad, self.steps[s].grad_until) = (Some(place), until),
                Holds::Pin(s, pin) => {
                    if let Source::Value(from) = self.steps[s].inputs[pin]
                        && !self.steps[from].adds
                    {
                        (self.steps[from].grad, self.steps[from].grad_until) = (Some(place.clone()), until);
                    }
                    self.steps[s].pins_until[pin] = until;
                    self.steps[s].pins[pin] = Some(place);
                }
            }
        }
    }

    /// Where what is saved begins, and where gradients do, if each has a place of its own.
    pub(super) fn sections(&self) -> [usize; 2] {
        let saved = lined(self.values, self.saved);
        [saved, lined(saved.saturating_add(self.saved), self.grads)]
    }

    /// Outputs in the order of the program, then what is saved, then gradients in the order of the backward pass.
    fn side_by_side(&mut self) {
        let [saved, grads] = self.sections();
        let by = |r: &Range<usize>, n: usize| r.start + n..r.end + n;
        for step in &mut self.steps {
            step.saved = by(&step.saved, saved);
            step.grad = step.grad.as_ref().map(|r| by(r, grads));
            step.pins.iter_mut().flatten().for_each(|r| *r = by(r, grads));
            step.pins_until = vec![usize::MAX; step.pins.len()];
        }
        self.numbers = grads + self.grads;
    }

    /// The places that a run needs which nobody looks into, and the instructions between which it needs them.
    pub fn regions(&self) -> Vec<Region> {
        let region = |span: &Span| {
            let (step, place) = match span.holds {
                Holds::Value(s) => (s, Some(self.steps[s].value.clone())),
                Holds::Saved(s) => (s, Some(self.steps[s].saved.clone())),
                Holds::Sum(s) => (s, self.steps[s].grad.clone()),
                Holds::Pin(s, pin) => (s, self.steps[s].pins[pin].clone()),
            };
            Some(Region { node: self.steps[step].id, life: (span.first, span.last), place: place? })
        };
        self.spans().iter().filter_map(region).collect()
    }
}
