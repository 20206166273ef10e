//! What a pass shows of what it has computed.

use crate::engine::Pass;
use crate::engine::plan::{Phase, Plan, Source};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::tensor::View;

impl<S: Precision> Pass<S> {
    /// Whether the instruction of `phase` for `node` has run in this pass.
    pub fn done(&self, plan: &Plan, node: NodeId, phase: Phase) -> bool {
        plan.program[..self.cursor].iter().any(|i| i.node == node && i.phase == phase)
    }

    /// Number of instructions that may have written something.
    fn reach(&self) -> usize {
        self.cursor + usize::from(self.torn)
    }

    /// A node's output; `None` until it is computed in this pass, and where its place is used again.
    pub fn value<'a>(&'a self, plan: &'a Plan, node: NodeId) -> Option<View<'a, S>> {
        let at = *plan.index.get(&node)?;
        let step = &plan.steps[at];
        let there = self.cursor > at && self.reach() <= step.value_until;
        there.then(|| View { shape: &step.shape, data: &self.numbers[step.value.clone()] })
    }

    /// ∂L/∂output of a node; `None` until all contributions have arrived, and where its place is used again.
    pub fn grad<'a>(&'a self, plan: &'a Plan, node: NodeId) -> Option<View<'a, S>> {
        let at = *plan.index.get(&node)?;
        let step = &plan.steps[at];
        let region = step.grad.clone()?;
        let there = self.arrived[at] == step.awaited && self.reach() <= step.grad_until;
        there.then(|| View { shape: &step.shape, data: &self.numbers[region] })
    }

    /// What a node contributes to the gradient of the value at its input `pin`; `None` until its backward has run, and
    /// where its place is used again.
    pub fn input_grad<'a>(&'a self, plan: &'a Plan, node: NodeId, pin: usize) -> Option<View<'a, S>> {
        let step = &plan.steps[*plan.index.get(&node)?];
        let region = step.pins.get(pin)?.clone()?;
        let shape = step.input_shapes.get(pin)?;
        // A pass that leaves it out counts no arrival; later ones find it computed anew.
        if let Some(Source::Value(from)) = step.inputs.get(pin)
            && plan.steps[*from].spare
            && self.arrived[*from] == 0
        {
            return None;
        }
        let there = self.reach() <= step.pins_until[pin] && self.done(plan, node, Phase::Backward);
        there.then(|| View { shape, data: &self.numbers[region] })
    }

    /// The weighted sum of all loss terms; `None` until all are computed.
    pub fn total_loss(&self, plan: &Plan) -> Option<f64> {
        plan.loss_terms().iter().map(|(id, w)| self.value(plan, *id).map(|v| v.data[0].to64() * w)).sum()
    }
}
