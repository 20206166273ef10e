//! What an instruction does and why, in a sentence made of its phase and the names around it.

use crate::engine::{Instruction, Phase};
use crate::ops::Role;
use crate::ui::state::State;

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}

/// A word for a phase.
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "forward",
        Phase::Loss => "loss",
        Phase::Seed => "seed",
        Phase::Backward => "backward",
        Phase::Update => "update",
    }
}

/// `backward of hidden 1`.
pub fn title(state: &State, i: &Instruction) -> String {
    let name = state.graph().node(i.node).map_or("removed", |n| n.name.as_str());
    format!("{} of {name}", phase_word(i.phase))
}

/// What the instruction does, and why.
pub fn sentence(state: &State, i: &Instruction) -> String {
    let graph = state.graph();
    let Some(node) = graph.node(i.node) else { return String::new() };
    let Some(spec) = node.spec() else { return String::new() };
    let name = &node.name;
    let called = |id| graph.node(id).map_or_else(String::new, |n| n.name.clone());
    let inputs = graph.inputs(i.node);
    let sources: Vec<String> = inputs.iter().map(|w| called(w.from)).collect();
    let inferred = state.inference.nodes.get(&i.node);
    let weights: Vec<&str> =
        inferred.map(|n| n.weights.iter().filter(|w| !w.buffer).map(|w| w.name).collect()).unwrap_or_default();
    match i.phase {
        Phase::Forward if spec.role == Role::Features => {
            format!(
                "The samples of this batch enter at {name}, one row each. Everything that follows is computed from them."
            )
        }
        Phase::Forward if spec.role == Role::Target => {
            format!("{name} holds the right answers for the same samples. Only the loss looks at them.")
        }
        Phase::Forward if sources.is_empty() => format!("{name} gives its numbers; nothing arrives there."),
        Phase::Forward => {
            let own =
                if weights.is_empty() { String::new() } else { format!(" with its own {}", weights.join(" and ")) };
            format!("{name} takes what {} computed and makes its own output of it{own}.", list(&sources))
        }
        Phase::Loss if spec.role == Role::Penalty => {
            format!("{name} adds a price for large weights to the loss.")
        }
        Phase::Loss => format!(
            "{name} compares {}: one number that says how wrong the batch is. Training is making it smaller.",
            list(&sources)
        ),
        Phase::Seed => format!(
            "Now the way back begins, at the end: how does the loss change if {name} changes? One to one, so δ = ∂L/∂{name} = 1 \
             (times its loss_weight)."
        ),
        Phase::Backward => {
            let consumers: Vec<String> =
                graph.wires().into_iter().filter(|w| w.from == i.node).map(|w| called(w.to)).collect();
            let from = if consumers.is_empty() { "the seed".to_owned() } else { list(&consumers) };
            let flows = inputs.iter().filter(|w| {
                let source = graph.node(w.from).and_then(|n| n.spec());
                !spec.no_grad.contains(&w.input) && source.is_some_and(|s| s.role != Role::Target)
            });
            let to: Vec<String> = flows.map(|w| called(w.from)).collect();
            let mut text = format!(
                "δ = ∂L/∂{name} has come back from {from}. The chain rule multiplies it by {name}'s own derivative"
            );
            match (weights.is_empty(), to.is_empty()) {
                (true, _) => text += &format!(" and passes the result back to {}.", list(&to)),
                (false, true) => text += &format!(": that is the gradient of its {}.", weights.join(" and ")),
                (false, false) => {
                    text += &format!(
                        ": that gives the gradient of its {}, and what goes back to {}.",
                        weights.join(" and "),
                        list(&to)
                    );
                }
            }
            text
        }
        Phase::Update => {
            let optimizer = state.document().train.optimizer.about().label;
            format!(
                "The gradients of {name} are known. {optimizer} moves each of its numbers a little against its gradient: \
                 where ∂L/∂w is positive, w becomes smaller, and so does the loss."
            )
        }
    }
}
