//! The computational graph: nodes, wires, edits, order, shapes, problems. It holds no weights.
//!
//! petgraph keeps the structure; its indices are reused after a removal, so outside this room a node is
//! known by its [`NodeId`], which never comes back.

mod arrange;
mod diagnostic;
mod edit;
mod fragment;
mod infer;
mod repair;
mod splice;
mod store;
mod wiring;

pub use diagnostic::{Diagnostic, Fix, Severity};
pub use edit::{Edit, EditError, Impact};
pub use fragment::Fragment;
pub use infer::{Inference, NO_LOSS};
pub use store::Graph;

use crate::ops::{Kind, Params, Spec, catalogue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The identity of a node: given once, never reused. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

/// A connection from an output to an input pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wire {
    /// Where the value comes from.
    pub from: NodeId,
    /// Which output of it; every kind has just output 0 today.
    pub output: usize,
    /// Where the value goes.
    pub to: NodeId,
    /// Into which input pin.
    pub input: usize,
}

/// One node: its kind, its name, its parameters and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Identity.
    pub id: NodeId,
    /// Stable id of its kind, which this program may not know.
    pub kind: String,
    /// Name for people, unique in the graph.
    pub name: String,
    /// The parameters that were set.
    pub params: Params,
    /// How its weights are trained, by name; those that are not listed as usual.
    pub tuning: BTreeMap<String, Tuning>,
    /// Top-left corner in canvas points.
    pub pos: [f32; 2],
}

impl Node {
    /// A node of a kind, with default parameters.
    pub fn new(id: NodeId, kind: &str, name: &str, pos: [f32; 2]) -> Self {
        Node { id, kind: kind.into(), name: name.into(), params: Params::default(), tuning: BTreeMap::new(), pos }
    }
    /// The catalogue's entry; `None` for an unknown kind.
    pub fn kind(&self) -> Option<&'static Kind> {
        catalogue::find(&self.kind)
    }
    /// What the catalogue says of the kind; `None` for an unknown one.
    pub fn spec(&self) -> Option<&'static Spec> {
        self.kind().map(|k| k.spec)
    }
    /// All parameters, defaults filled in; those that were set for an unknown kind.
    pub fn filled(&self) -> Params {
        self.spec().map_or_else(|| self.params.clone(), |s| self.params.filled(s.params))
    }
}

/// How one weight is trained; a parameter group of PyTorch's optimisers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Whether it stays as it is (`requires_grad = False`).
    pub frozen: bool,
    /// Factor of the learning rate.
    pub lr_factor: f64,
    /// Weight decay in place of the optimiser's.
    pub weight_decay: Option<f64>,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning { frozen: false, lr_factor: 1.0, weight_decay: None }
    }
}

impl Tuning {
    /// Why these settings cannot be used, or `None` if they can.
    pub fn reject(&self) -> Option<String> {
        let wrong = |x: f64| !x.is_finite() || x < 0.0;
        match self.weight_decay {
            _ if wrong(self.lr_factor) => {
                Some(format!("the factor of the learning rate is {}; it must be at least 0", self.lr_factor))
            }
            Some(decay) if wrong(decay) => Some(format!("the weight decay is {decay}; it must be at least 0")),
            _ => None,
        }
    }
}

/// A titled rectangle behind the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// Identity among the frames.
    pub id: u64,
    /// Its title.
    pub title: String,
    /// Left, top, width and height in canvas points.
    pub rect: [f32; 4],
}
