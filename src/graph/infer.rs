//! Shapes flow from the sources to the losses; what does not fit becomes a diagnostic.

use crate::graph::{Diagnostic, Edit, Fix, Graph, Node, NodeId, Severity, Wire};
use crate::ops::{
    Fault, Hint, InferCtx, Inferred, Inputs, MOST_NUMBERS, Params, Role, Spec, Value, WeightSpec, catalogue, too_large,
};
use crate::tensor::Shape;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a graph without running it.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    /// Shapes, weights and cost of the nodes for which they are known.
    pub nodes: BTreeMap<NodeId, Inferred>,
    /// All problems, in the order of execution.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether there is a loss to minimise.
    pub has_loss: bool,
}

impl Inference {
    /// Output shape of a node.
    pub fn shape(&self, id: NodeId) -> Option<&Shape> {
        self.nodes.get(&id).map(|i| &i.output)
    }
    /// The problems that are errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error)
    }
    /// Whether the graph can train: nothing wrong, nothing missing, and a loss.
    pub fn runnable(&self) -> bool {
        self.has_loss && self.diagnostics.iter().all(|d| d.severity == Severity::Warning)
    }
}

/// What is missing where there is no loss, and what to do.
pub const NO_LOSS: &str =
    "there is no loss: add one and connect the prediction and the target, so that there is something to learn";

impl Graph {
    /// Computes all shapes, given those of the data set.
    pub fn infer(&self, features: Option<&Shape>, target: Option<&Shape>) -> Inference {
        let mut out = Inference::default();
        let order = self.order().unwrap_or_else(|cycle| {
            let on = self.on_cycles();
            let names: Vec<String> = on.iter().map(|id| self.label(*id)).collect();
            let message = format!("these nodes form a cycle: {}; remove one of the wires", names.join(", "));
            out.diagnostics.push(Diagnostic::new(Severity::Error, on.first().copied(), message));
            let cyclic: BTreeSet<NodeId> = cycle.into_iter().collect();
            self.index.keys().copied().filter(|id| !cyclic.contains(id)).collect()
        });
        for id in order {
            if let Some(node) = self.node(id) {
                self.infer_node(node, features, target, &mut out);
            }
        }
        self.review(&mut out);
        out
    }

    /// The nodes that lie on a cycle, by id; not those that only depend on one.
    fn on_cycles(&self) -> Vec<NodeId> {
        let mut on: Vec<NodeId> = petgraph::algo::tarjan_scc(&self.inner)
            .into_iter()
            .filter(|c| c.len() > 1 || c.iter().any(|i| self.inner.contains_edge(*i, *i)))
            .flatten()
            .map(|i| self.inner[i].id)
            .collect();
        on.sort_unstable();
        on
    }

    fn infer_node(&self, node: &Node, features: Option<&Shape>, target: Option<&Shape>, out: &mut Inference) {
        let Some(kind) = node.kind() else {
            let message =
                format!("the kind \"{}\" is not known to this version; the node is kept but cannot run", node.kind);
            return out.diagnostics.push(Diagnostic::new(Severity::Error, Some(node.id), message));
        };
        let spec = kind.spec;
        for p in spec.params {
            if let Some(why) = node.params.get(p.name).and_then(|v| p.reject(v)) {
                return out.diagnostics.push(Diagnostic::new(Severity::Error, Some(node.id), why));
            }
        }
        let wires = self.inputs(node.id);
        let needed = match spec.inputs {
            Inputs::Fixed(names) => names.len(),
            Inputs::Variadic(_) if spec.role == Role::Penalty => 0,
            Inputs::Variadic(least) => least.max(wires.len()),
        };
        let mut complete = true;
        for k in (0..needed).filter(|k| wires.iter().all(|w| w.input != *k)) {
            complete = false;
            let message = format!("the input \"{}\" is not connected", spec.input_name(k));
            let d = Diagnostic::new(Severity::Incomplete, Some(node.id), message);
            out.diagnostics.push(Diagnostic { input: Some(k), ..d });
        }
        let inputs: Vec<Shape> = wires.iter().filter_map(|w| out.shape(w.from).cloned()).collect();
        if !complete || inputs.len() < wires.len() {
            return;
        }
        let missing = match spec.role {
            Role::Features => features.is_none(),
            Role::Target => target.is_none(),
            _ => false,
        };
        if missing {
            let message = "no data set is chosen (Graph > Data…)";
            return out.diagnostics.push(Diagnostic::new(Severity::Incomplete, Some(node.id), message));
        }
        let params = node.filled();
        match (kind.infer)(&InferCtx { params: &params, inputs: &inputs, features, target }) {
            Ok(inferred) => match too_many(&inferred) {
                Some(message) => out.diagnostics.push(Diagnostic::new(Severity::Error, Some(node.id), message)),
                None => _ = out.nodes.insert(node.id, inferred),
            },
            Err(fault) => out.diagnostics.push(self.diagnose(node, spec, fault, &inputs, &wires)),
        }
    }

    fn diagnose(&self, node: &Node, spec: &Spec, fault: Fault, inputs: &[Shape], wires: &[Wire]) -> Diagnostic {
        let fixes = fault.hints.iter().filter_map(|h| self.fix(node, spec, h, wires)).collect();
        Diagnostic {
            input: fault.input,
            axis: fault.axis,
            got: fault.input.and_then(|k| inputs.get(k).cloned()),
            expected: fault.expected,
            fixes,
            ..Diagnostic::new(Severity::Error, Some(node.id), fault.message)
        }
    }

    pub(super) fn fix(&self, node: &Node, spec: &Spec, hint: &Hint, wires: &[Wire]) -> Option<Fix> {
        match hint {
            Hint::Set(name, value) => {
                spec.param(name)?;
                let label = format!("Set {name} to {}", value_text(value));
                Some(Fix { label, edit: Edit::SetParam { node: node.id, name: (*name).into(), value: value.clone() } })
            }
            Hint::InsertBefore(pin, kind, params) => {
                let wire = wires.iter().find(|w| w.input == *pin)?;
                let label = format!("Insert {}", catalogue::find(kind)?.spec.label);
                let id = self.next_id();
                let from = self.node(wire.from)?.pos;
                let pos = [(from[0] + node.pos[0]) * 0.5, (from[1] + node.pos[1]) * 0.5 + 40.0];
                let params = Params(params.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
                let new = Node { params, ..Node::new(id, kind, &self.fresh_name(kind), pos) };
                let edits = vec![
                    Edit::Add(new),
                    Edit::Connect(Wire { to: id, input: 0, ..*wire }),
                    Edit::Connect(Wire { from: id, output: 0, ..*wire }),
                ];
                Some(Fix { label: label.clone(), edit: Edit::Batch { label, edits } })
            }
        }
    }

    /// What only the whole graph shows: no loss, branches that lead nowhere, penalties of nothing.
    fn review(&self, out: &mut Inference) {
        let terms: Vec<NodeId> = self.loss_terms();
        out.has_loss = !terms.is_empty();
        if self.is_empty() {
            return;
        }
        if terms.is_empty() {
            let taken = self.nodes().find(|n| n.spec().is_some_and(Spec::is_loss));
            let message = match taken {
                Some(n) => format!("no loss is left over to minimise: the output of \"{}\" feeds another node", n.name),
                None => NO_LOSS.into(),
            };
            out.diagnostics.push(Diagnostic::new(Severity::Incomplete, None, message));
            return;
        }
        let useful = self.ancestors(&terms);
        for n in self.nodes() {
            let Some(spec) = n.spec() else { continue };
            if !useful.contains(&n.id) {
                let message = "its output reaches no loss, so it takes no part in the training";
                out.diagnostics.push(Diagnostic::new(Severity::Warning, Some(n.id), message));
            }
            if spec.role == Role::Penalty {
                let over = n.filled().nodes("over").to_vec();
                if over.iter().any(|id| self.node(NodeId(*id)).is_none()) {
                    let message = "it names a node that no longer exists";
                    out.diagnostics.push(Diagnostic::new(Severity::Warning, Some(n.id), message));
                } else if out.nodes.values().all(|i| i.weights.is_empty()) {
                    let message = "there are no weights to penalise";
                    out.diagnostics.push(Diagnostic::new(Severity::Warning, Some(n.id), message));
                }
            }
        }
    }

    /// The terms of the total loss: loss nodes whose output nobody takes.
    pub fn loss_terms(&self) -> Vec<NodeId> {
        self.nodes()
            .filter(|n| n.spec().is_some_and(Spec::is_loss) && self.outputs(n.id).is_empty())
            .map(|n| n.id)
            .collect()
    }

    /// The nodes from which one of `ends` can be reached, and those themselves.
    pub fn ancestors(&self, ends: &[NodeId]) -> BTreeSet<NodeId> {
        let mut seen: BTreeSet<NodeId> = ends.iter().copied().collect();
        let mut open: Vec<NodeId> = ends.to_vec();
        while let Some(id) = open.pop() {
            for w in self.inputs(id) {
                if seen.insert(w.from) {
                    open.push(w.from);
                }
            }
        }
        seen
    }
}

/// Which numbers of a node are more than any graph may ask for.
fn too_many(inferred: &Inferred) -> Option<String> {
    let output = inferred.output.per_sample();
    if output > MOST_NUMBERS {
        let what = format!("one sample of its output {}", inferred.output);
        return Some(too_large(&what, output, "make the layer smaller, or what arrives"));
    }
    let weights = elements(inferred);
    let large = |w: &&WeightSpec| w.shape.iter().copied().fold(1, usize::saturating_mul);
    let worst = inferred.weights.iter().max_by_key(large).filter(|_| weights > MOST_NUMBERS)?;
    let what = format!("its {} of {}", worst.name, crate::tensor::Shape::fixed(&worst.shape));
    Some(too_large(&what, weights, "make the layer smaller, or reduce what arrives before it"))
}

/// Numbers of all weights of a node.
fn elements(inferred: &Inferred) -> usize {
    let of = |w: &WeightSpec| w.shape.iter().copied().fold(1, usize::saturating_mul);
    inferred.weights.iter().map(of).fold(0, usize::saturating_add)
}

fn value_text(v: &Value) -> String {
    match v {
        Value::Bool(x) => x.to_string(),
        Value::Int(x) => x.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Text(x) => x.clone(),
        Value::Ints(x) => format!("{x:?}"),
        Value::Floats(x) => format!("{x:?}"),
        Value::Nodes(x) => format!("{} nodes", x.len()),
    }
}
