//! Whether two programs keep their numbers in the same places.

use crate::engine::pass::Pass;
use crate::engine::plan::Plan;

impl Plan {
    /// Whether a pass of this plan is one of `other`, too: all numbers lie in the same places, and the instructions up to the
    /// first update are the same. Of two graphs that differ in how weights are trained they are.
    pub fn lays_out_as(&self, other: &Plan) -> bool {
        let sizes = |p: &Plan| (p.keep, p.numbers, p.values, p.grads, p.saved, p.batch(), p.first_update());
        let steps = self.steps.iter().zip(&other.steps).all(|(a, b)| {
            let places = (&a.value, &a.saved, &a.grad, &a.pins) == (&b.value, &b.saved, &b.grad, &b.pins);
            places && (a.id, a.awaited, a.adds) == (b.id, b.awaited, b.adds)
        });
        sizes(self) == sizes(other)
            && self.steps.len() == other.steps.len()
            && steps
            && self.program[..self.first_update()] == other.program[..other.first_update()]
    }
}

impl<S> Pass<S> {
    /// A pass that is over stays over in `plan`, which lays its numbers out alike but moves other weights.
    pub fn end_with(&mut self, plan: &Plan) {
        self.cursor = plan.program.len();
    }
}
