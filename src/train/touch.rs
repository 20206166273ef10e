//! What can be changed by hand in a run, as values, so that a replay makes the same change at the same place.

use crate::graph::{Graph, NodeId};
use crate::ops::Precision;
use crate::train::{Poke, Session, TrainConfig};
use std::sync::Arc;

/// A change by hand.
#[derive(Clone, Debug)]
pub enum Touch {
    /// Other settings of the optimiser, the schedule, the limits.
    Settings(Box<TrainConfig>),
    /// Weights are trained as in this graph, which computes the same: other rates, other decays, frozen or not.
    Tune(Arc<Graph>),
    /// One element of a weight.
    Weight {
        /// Whose.
        node: NodeId,
        /// Which.
        name: String,
        /// Flat index.
        element: usize,
        /// New value.
        value: f64,
    },
    /// The weights of the epoch with the smallest loss.
    Best,
    /// Epochs without a better loss are counted from zero again.
    Excuse,
    /// Numbers of the batch under way that were on trial become real.
    Keep(Vec<Poke>),
    /// A second backward pass through the batch under way.
    Again,
}

impl Touch {
    /// Makes the change. What it did, in words; `None` where there is nothing to tell.
    pub fn apply<S: Precision>(&self, s: &mut Session<S>) -> Option<String> {
        match self {
            Touch::Settings(config) => {
                let words = difference(s.config(), config);
                s.set_config(config.as_ref().clone());
                words
            }
            Touch::Tune(graph) => {
                let words = s.retuning(graph);
                s.retune(graph).ok().and(words)
            }
            Touch::Weight { node, name, element, value } => {
                let label = s.graph().node(*node).map_or("?", |n| n.name.as_str());
                let words = format!("{label}.{name}[{element}] = {value}");
                s.set_weight(*node, name, *element, *value).then_some(words)
            }
            Touch::Best => {
                let words = s.best().map(|(epoch, _)| format!("weights of epoch {epoch}"));
                words.filter(|_| s.restore_best())
            }
            Touch::Excuse => {
                s.excuse();
                None
            }
            Touch::Keep(pokes) => {
                let named = |p: &Poke| format!("{} = {}", s.element_name(p.of), p.value);
                let words: Vec<String> = pokes.iter().map(named).collect();
                s.keep(pokes).ok().map(|_| words.join(", "))
            }
            Touch::Again => s.backward_again(true).ok().map(|()| "backward again".to_owned()),
        }
    }

    /// Whether the numbers of the run stay as they are: only its end is decided otherwise.
    pub fn is_quiet<S: Precision>(&self, s: &Session<S>) -> bool {
        match self {
            Touch::Settings(new) => difference(s.config(), new).is_none(),
            Touch::Tune(graph) => s.tuned_as(graph),
            _ => false,
        }
    }
}

/// How the course of a run with `new` settings differs; `None` if it is the same.
fn difference(old: &TrainConfig, new: &TrainConfig) -> Option<String> {
    let (was, is) = (&old.optimizer, &new.optimizer);
    let same = TrainConfig { epochs: new.epochs, stop: new.stop, ..old.clone() };
    if same == *new {
        None
    } else if was.about().id != is.about().id {
        Some(format!("{} → {}", was.about().label, is.about().label))
    } else if was.lr() != is.lr() {
        Some(format!("learning rate {} → {}", was.lr(), is.lr()))
    } else if was != is {
        Some(format!("settings of {}", is.about().label))
    } else if old.schedule != new.schedule {
        Some(format!("schedule {}", new.schedule.about().label.to_lowercase()))
    } else if old.limits != new.limits {
        Some("clipping or accumulation".to_owned())
    } else {
        Some("settings".to_owned())
    }
}
