//! What an instruction sends along the wires: a value forward, gradients backward.

use crate::engine::{Instruction, Phase};
use crate::ops::Precision;
use crate::tensor::Stats;
use crate::train::Session;

/// What the latest instruction of a batch sent along the wires of its node.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The instruction.
    pub done: Instruction,
    /// The value of its node, for a forward or a loss: it goes to all consumers.
    pub value: Option<Stats>,
    /// For a backward: what goes back from each input pin, where a gradient flows.
    pub back: Vec<(usize, Stats)>,
}

impl<S: Precision> Session<S> {
    /// What the latest instruction of the present batch sent; `None` before the first.
    pub(super) fn flow(&self) -> Option<Flow> {
        let (plan, pass) = self.current();
        let done = *plan.program().get(pass.cursor().checked_sub(1)?)?;
        let value = matches!(done.phase, Phase::Forward | Phase::Loss).then(|| pass.value(plan, done.node)).flatten();
        let pins = if done.phase == Phase::Backward { self.graph().inputs(done.node) } else { Vec::new() };
        let back =
            pins.iter().filter_map(|w| Some((w.input, Stats::of(pass.input_grad(plan, done.node, w.input)?.data))));
        Some(Flow { done, value: value.map(|v| Stats::of(v.data)), back: back.collect() })
    }
}
