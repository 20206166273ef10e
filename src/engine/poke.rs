//! Reaching into a pass between two instructions: other numbers in it, and its backward part a second time.

use crate::engine::Weights;
use crate::engine::pass::Pass;
use crate::engine::plan::{Phase, Plan, Source};
use crate::graph::NodeId;
use crate::ops::Precision;

impl<S: Precision> Pass<S> {
    /// Whether the next backward pass adds to the gradients of weights that are there, as PyTorch does where `zero_grad`
    /// is not called. Off, it begins with zeros.
    pub fn set_accumulate(&mut self, on: bool) {
        self.keep = on;
    }
    /// Whether gradients of weights are added to those that are there.
    pub fn accumulates(&self) -> bool {
        self.keep
    }
    /// The gradients of all weights that the backward pass under way adds to; nothing before the first such pass.
    pub fn before(&self) -> &[S] {
        &self.before
    }

    /// Adds the gradients that were there to those that the backward of step `at` has just written, if they are kept.
    pub(super) fn add_kept(&self, plan: &Plan, at: usize, weights: &mut Weights<S>) {
        if !self.keep {
            return;
        }
        for k in plan.steps[at].weights.iter().filter(|k| !plan.infos[**k].tuning.frozen) {
            let range = plan.infos[*k].range.clone();
            for (g, before) in weights.grads[range.clone()].iter_mut().zip(&self.before[range]) {
                *g += *before;
            }
        }
    }

    /// Overwrites one element of a node's output, if it is computed. Returns whether it is.
    pub fn set_value(&mut self, plan: &Plan, node: NodeId, element: usize, value: S) -> bool {
        if self.value(plan, node).is_none_or(|v| element >= v.data.len()) {
            return false;
        }
        let start = plan.steps[plan.index[&node]].value.start;
        self.numbers[start + element] = value;
        true
    }

    /// Overwrites one element of ∂L/∂output, if all contributions have arrived. Returns whether they have.
    pub fn set_grad(&mut self, plan: &Plan, node: NodeId, element: usize, value: S) -> bool {
        if self.grad(plan, node).is_none_or(|v| element >= v.data.len()) {
            return false;
        }
        let Some(region) = &plan.steps[plan.index[&node]].grad else { return false };
        self.numbers[region.start + element] = value;
        true
    }

    /// Back to the end of the forward pass, whose values stay.
    pub fn rewind_backward(&mut self, plan: &Plan) {
        self.cursor = self.cursor.min(plan.forward_len());
        self.arrived.fill(0);
        (self.torn, self.delivered) = (false, None);
    }
}

impl Plan {
    /// The number of the first instruction that moves a weight; the length of the program if none does.
    pub fn first_update(&self) -> usize {
        self.program.iter().position(|i| i.phase == Phase::Update).unwrap_or(self.program.len())
    }
    /// The numbers of the weights that are inputs of a node, as those of a penalty are.
    pub fn weight_inputs(&self, node: NodeId) -> Vec<usize> {
        let inputs = self.index.get(&node).map_or(&[][..], |at| &self.steps[*at].inputs);
        inputs.iter().filter_map(|s| if let Source::Weight(k) = s { Some(*k) } else { None }).collect()
    }
}
