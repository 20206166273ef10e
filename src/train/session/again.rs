//! A second backward pass through the same batch.

use crate::engine::{Keep, Phase};
use crate::ops::Precision;
use crate::train::Session;

/// What PyTorch says when a graph is used twice whose saved tensors are gone.
pub const TWICE: &str = "Trying to backward through the graph a second time (or directly access saved tensors after \
they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or \
autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to \
access saved tensors after calling backward.";

/// Why there is no second backward pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Again {
    /// The first is not over.
    #[error("the backward pass of this batch is not over yet: step to its end first (F6 runs one phase)")]
    NotYet,
    /// The saved tensors are freed.
    #[error("RuntimeError: {}", TWICE)]
    Freed {
        /// The first node that would need them.
        node: String,
    },
    /// The weights are not those of the forward pass any more.
    #[error(
        "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: \
         the update has moved the weights, so the values of the forward pass do not belong to them any more. Step back \
         to before the update (Shift+F10)."
    )]
    Moved,
}

impl Again {
    /// What is behind it, in plain words; empty where the message says all.
    pub fn explanation(&self) -> String {
        match self {
            Again::Freed { node } => format!(
                "The first backward pass freed what the forward pass had saved, so that its memory can be used again: \
                 \"{node}\" would need its saved tensors now. Keep them with retain_graph; the second pass then adds its \
                 gradients to .grad, which doubles it."
            ),
            Again::NotYet | Again::Moved => String::new(),
        }
    }
}

impl<S: Precision> Session<S> {
    /// Whether the backward of a node needs what its forward saved.
    fn saves(&self, node: crate::graph::NodeId) -> bool {
        let reads = self.graph.node(node).and_then(|n| n.spec()).map(|s| s.reads);
        let kept = self.inference.nodes.get(&node).is_some_and(|i| i.saved.is_some());
        kept || reads.is_some_and(|r| r.inputs || r.weights || r.output)
    }

    /// `loss.backward()` once more on the same graph: its gradients are added to those that are there.
    ///
    /// # Errors
    /// If the first backward pass is not over, an update has moved weights, or saved tensors are needed and the graph is
    /// not retained.
    pub fn backward_again(&mut self, retain_graph: bool) -> Result<(), Again> {
        self.may_go_again(retain_graph)?;
        let (plan, pass) = self.current();
        let (end, keep) = (plan.first_update(), pass.accumulates());
        let (plan, pass) = match &mut self.last {
            Some((plan, pass)) if self.short => (&*plan, pass),
            _ => (&self.plan, &mut self.pass),
        };
        pass.rewind_backward(plan);
        pass.set_accumulate(true);
        while pass.cursor() < end {
            pass.advance(plan, &mut self.weights, &self.x, &self.y, &mut self.moves);
        }
        pass.set_accumulate(keep);
        self.ledger.again += 1;
        Ok(())
    }

    /// Whether [`Session::backward_again`] would be possible now.
    ///
    /// # Errors
    /// As there.
    pub fn may_go_again(&self, retain_graph: bool) -> Result<(), Again> {
        let (plan, pass) = self.current();
        let (cursor, end) = (pass.cursor(), plan.first_update());
        if self.at_rest() && cursor > 0 || cursor > end {
            return Err(Again::Moved);
        }
        if self.at_rest() || cursor < end {
            return Err(Again::NotYet);
        }
        let needs = |i: &&crate::engine::Instruction| i.phase == Phase::Backward && self.saves(i.node);
        let kept = retain_graph && plan.keep() == Keep::All;
        if let Some(first) = plan.program().iter().find(needs).filter(|_| !kept) {
            let node = self.graph.node(first.node).map_or_else(String::new, |n| n.name.clone());
            return Err(Again::Freed { node });
        }
        Ok(())
    }
}
