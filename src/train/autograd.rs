//! The backward graph as PyTorch would have it: what is a leaf, what needs a gradient, what is saved, what `.grad` holds.
//!
//! Names come from the catalogue; what is saved is what this engine's backward reads.

use crate::engine::ParamInfo;
use crate::graph::{Node, NodeId};
use crate::ops::{GradFn, Precision, Role, Spec};
use crate::tensor::{Shape, norm};
use crate::train::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is true of a graph whatever the numbers are.
#[derive(Clone, Debug, Default)]
pub struct Autograd {
    /// All nodes, each after its inputs.
    pub nodes: Vec<GradNode>,
    /// All parameters and buffers, by their numbers.
    pub leaves: Vec<Leaf>,
    /// Bytes saved for the backward pass, every tensor once, parameters not counted.
    pub saved_bytes: usize,
    /// How many tensors that are.
    pub saved_tensors: usize,
}

impl Autograd {
    /// What is said of a node.
    pub fn node(&self, id: NodeId) -> Option<&GradNode> {
        self.nodes.iter().find(|n| n.node == id)
    }
}

/// One node of the backward graph.
#[derive(Clone, Debug)]
pub struct GradNode {
    /// Which.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Shape of its output in a full batch.
    pub shape: Vec<usize>,
    /// Whether a gradient is wanted for its output.
    pub requires_grad: bool,
    /// Whether its output is a leaf: made by nobody, or not to be differentiated.
    pub is_leaf: bool,
    /// The nodes PyTorch makes of it, output first.
    pub names: &'static [&'static str],
    /// The `.grad_fn` of its output, or why there is none.
    pub grad_fn: Result<String, String>,
    /// How it is written in PyTorch, where PyTorch has no such function.
    pub composed: &'static str,
    /// Where its gradient goes.
    pub next: Vec<Next>,
    /// What its backward reads.
    pub saved: Vec<Saved>,
    /// Its own weights, by their numbers.
    pub weights: Vec<usize>,
}

impl GradNode {
    /// Bytes that its backward reads, parameters not counted.
    pub fn saved_bytes(&self) -> usize {
        self.saved.iter().filter(|s| !s.parameter).map(|s| s.bytes).sum()
    }
}

/// An entry of `next_functions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// `TanhBackward0`, `AccumulateGrad`; `None` where no gradient is wanted.
    pub name: String,
    /// The node or parameter behind it.
    pub of: String,
}

/// A tensor saved for the backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// `input`, `weight`, `output`, `kept by forward`.
    pub what: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Its memory.
    pub bytes: usize,
    /// Whether it is a parameter, which is there anyway.
    pub parameter: bool,
}

/// A parameter or buffer.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Whose.
    pub node: NodeId,
    /// `hidden 1.weight`.
    pub label: String,
    /// `weight`.
    pub name: &'static str,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Whether a gradient is wanted for it.
    pub requires_grad: bool,
}

/// What the `.grad` of a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradState {
    /// It is a buffer.
    Buffer,
    /// It is frozen: `requires_grad = False`.
    Frozen,
    /// Nothing yet.
    Absent,
    /// `zero_grad` has cleared it and the backward pass has not come to it.
    Zeroed,
    /// The gradient of this batch, summed over so many backward passes.
    Fresh {
        /// Number of the batch, from 1.
        batch: u64,
        /// Backward passes in the sum.
        calls: u64,
    },
    /// Still that of an earlier batch.
    Stale {
        /// Number of that batch, from 1.
        batch: u64,
        /// Backward passes in the sum.
        calls: u64,
    },
}

impl GradState {
    /// In words.
    pub fn text(self) -> String {
        let sum = |calls: u64| if calls > 1 { format!(" · sum of {calls} passes") } else { String::new() };
        match self {
            GradState::Buffer => "buffer, no gradient".into(),
            GradState::Frozen => "None: frozen".into(),
            GradState::Absent => "None".into(),
            GradState::Zeroed => "None: cleared by zero_grad".into(),
            GradState::Fresh { batch, calls } => format!("of step {batch}{}", sum(calls)),
            GradState::Stale { batch, calls } => format!("stale since step {batch}{}", sum(calls)),
        }
    }
    /// Whether there are numbers.
    pub fn holds(self) -> bool {
        matches!(self, GradState::Fresh { .. } | GradState::Stale { .. })
    }
}

/// The backward graph at one moment.
#[derive(Clone, Debug)]
pub struct AutogradShot {
    /// What does not change from batch to batch.
    pub graph: Arc<Autograd>,
    /// What `.grad` of each parameter holds, and its norm if it holds numbers.
    pub leaves: Vec<(GradState, Option<f64>)>,
    /// Backward passes in this batch so far, counting one that is under way.
    pub passes: u32,
    /// Whether a second backward pass would be possible now, apart from freed tensors.
    pub again: bool,
}

impl<S: Precision> Session<S> {
    /// The backward graph of a full batch.
    pub fn autograd(&self) -> Autograd {
        let batch = self.current().0.batch();
        let infos = &self.weights().infos;
        let leaf = |i: &ParamInfo| Leaf {
            node: i.node,
            label: i.label.clone(),
            name: i.name,
            shape: i.shape.clone(),
            requires_grad: i.trained(),
        };
        let mut all = Autograd { leaves: infos.iter().map(leaf).collect(), ..Autograd::default() };
        // The tensors that are saved, by who made them: an output, or what a forward kept.
        let mut storages: BTreeMap<(NodeId, bool), usize> = BTreeMap::new();
        let mut names: BTreeMap<NodeId, Option<String>> = BTreeMap::new();
        for id in self.graph().order().unwrap_or_default() {
            let Some((node, spec)) = self.graph().node(id).and_then(|n| Some((n, n.spec()?))) else { continue };
            let made = self.grad_node(node, spec, batch, &names, &mut storages);
            names.insert(
                id,
                made.requires_grad.then(|| made.grad_fn.clone().unwrap_or_else(|_| "AccumulateGrad".into())),
            );
            all.nodes.push(made);
        }
        (all.saved_bytes, all.saved_tensors) = (storages.values().sum(), storages.len());
        all
    }

    fn grad_node(
        &self,
        node: &Node,
        spec: &'static Spec,
        batch: usize,
        names: &BTreeMap<NodeId, Option<String>>,
        storages: &mut BTreeMap<(NodeId, bool), usize>,
    ) -> GradNode {
        let size = size_of::<S>();
        let (infos, inference) = (&self.weights().infos, self.inference());
        let own: Vec<usize> = (0..infos.len()).filter(|k| infos[*k].node == node.id).collect();
        let read = self.current().0.weight_inputs(node.id);
        let wires = self.graph().inputs(node.id);
        let flows: BTreeSet<usize> = wires.iter().map(|w| w.input).filter(|p| !spec.no_grad.contains(p)).collect();
        let from_inputs = wires.iter().any(|w| flows.contains(&w.input) && matches!(names.get(&w.from), Some(Some(_))));
        let from_weights = own.iter().chain(&read).any(|k| infos[*k].trained());
        let data = matches!(spec.role, Role::Features | Role::Target);
        let requires_grad = !data && !matches!(spec.grad_fn, GradFn::None) && (from_inputs || from_weights);
        let shapes: Vec<Shape> = wires.iter().filter_map(|w| inference.shape(w.from).cloned()).collect();
        let list = if requires_grad { spec.grad_fn.names(&node.filled(), &shapes) } else { &[] };
        let grad_fn = match (&spec.grad_fn, requires_grad) {
            (_, false) if data => Err("None: data needs no gradient".to_owned()),
            (GradFn::None, false) if from_inputs => Err(format!("None: no gradient passes {}", spec.id)),
            (_, false) => Err("None: nothing before it needs a gradient".to_owned()),
            (GradFn::Leaf, true) => Err("None: a leaf".to_owned()),
            (GradFn::Same, true) => {
                let below = wires.first().and_then(|w| names.get(&w.from).cloned().flatten());
                Ok(below.unwrap_or_else(|| "AccumulateGrad".into()))
            }
            (GradFn::Composed(_), true) => Ok("composed".to_owned()),
            (_, true) => Ok(list.first().copied().unwrap_or("None").to_owned()),
        };
        let name_of = |id: NodeId| self.graph().node(id).map_or_else(String::new, |n| n.name.clone());
        let mut next = Vec::new();
        if requires_grad {
            next.extend(wires.iter().map(|w| {
                let name = names.get(&w.from).cloned().flatten().filter(|_| flows.contains(&w.input));
                Next { name: name.unwrap_or_else(|| "None".into()), of: name_of(w.from) }
            }));
            let leaves = own.iter().chain(&read).filter(|k| infos[**k].trained());
            next.extend(leaves.map(|k| Next { name: "AccumulateGrad".into(), of: infos[*k].label.clone() }));
        }
        let shape = |id: NodeId| inference.shape(id).map(|s| s.concrete(batch)).unwrap_or_default();
        let mut saved = Vec::new();
        let mut keep = |what: String, shape: Vec<usize>, storage: Option<(NodeId, bool)>| {
            let bytes = shape.iter().product::<usize>() * size;
            if let Some(s) = storage {
                storages.insert(s, bytes);
            }
            saved.push(Saved { what, shape, bytes, parameter: storage.is_none() });
        };
        if requires_grad && !matches!(spec.grad_fn, GradFn::Leaf) {
            if spec.reads.inputs {
                for w in &wires {
                    keep(spec.input_name(w.input), shape(w.from), Some((w.from, false)));
                }
                for k in &read {
                    keep(infos[*k].label.clone(), infos[*k].shape.clone(), None);
                }
            }
            if spec.reads.weights {
                for k in own.iter().filter(|k| !infos[**k].buffer) {
                    keep(infos[*k].name.to_owned(), infos[*k].shape.clone(), None);
                }
            }
            if spec.reads.output {
                keep("output".into(), shape(node.id), Some((node.id, false)));
            }
            if let Some(s) = inference.nodes.get(&node.id).and_then(|i| i.saved.as_ref()) {
                keep("kept by forward".into(), s.concrete(batch), Some((node.id, true)));
            }
        }
        GradNode {
            node: node.id,
            name: node.name.clone(),
            shape: shape(node.id),
            requires_grad,
            is_leaf: !requires_grad || matches!(spec.grad_fn, GradFn::Leaf),
            names: list,
            grad_fn,
            composed: if let GradFn::Composed(how) = spec.grad_fn { how } else { "" },
            next,
            saved,
            weights: own,
        }
    }

    /// The backward graph now.
    pub fn autograd_shot(&self, graph: &Arc<Autograd>) -> AutogradShot {
        let weights = self.weights();
        let leaf = |k: usize| {
            let state = self.grad_state(k);
            (state, state.holds().then(|| norm(weights.grad(k))))
        };
        let (plan, pass) = self.current();
        let begun = pass.cursor() > plan.forward_len();
        AutogradShot {
            graph: Arc::clone(graph),
            leaves: (0..weights.infos.len()).map(leaf).collect(),
            passes: if begun { 1 + self.ledger.again } else { 0 },
            again: !self.at_rest() && pass.cursor() == plan.first_update(),
        }
    }
}
