//! The graph itself and the questions one asks of it.

use crate::graph::{EditError, Frame, Node, NodeId, Tuning, Wire};
use crate::ops::{Inputs, Role, catalogue};
use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::EdgeRef;
use std::collections::{BTreeMap, BTreeSet};

/// The computational graph. [`crate::graph::Edit`] is the only way to change it.
#[derive(Clone, Default)]
pub struct Graph {
    pub(super) inner: StableDiGraph<Node, (usize, usize)>,
    pub(super) index: BTreeMap<NodeId, NodeIndex>,
    pub(super) names: BTreeMap<String, NodeId>,
    pub(super) next: u64,
    pub(super) frames: Vec<Frame>,
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph")
            .field("nodes", &self.nodes().collect::<Vec<_>>())
            .field("wires", &self.wires())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        self.nodes().eq(other.nodes()) && self.wires() == other.wires() && self.frames == other.frames
    }
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// A graph from the parts of a file.
    ///
    /// # Errors
    /// Names a duplicate or impossible id or name, a wire whose ends are not there, or a frame without a place.
    pub fn restore(nodes: Vec<Node>, wires: Vec<Wire>, frames: Vec<Frame>, next_id: u64) -> Result<Graph, EditError> {
        if next_id > MAX_ID {
            return Err(EditError::new(format!("the id {next_id} is impossibly large")));
        }
        let mut ids = BTreeSet::new();
        for f in &frames {
            check_frame(f)?;
            if !ids.insert(f.id) {
                return Err(EditError::new(format!("two frames have the id {}", f.id)));
            }
        }
        let mut g = Graph { frames, next: next_id, ..Graph::default() };
        for node in nodes {
            g.insert(node)?;
        }
        let mut taken = BTreeSet::new();
        for w in wires {
            if !taken.insert((w.to, w.input)) {
                return Err(EditError::new(format!("two wires end in input {} of {}", w.input, g.label(w.to))));
            }
            if let Some(why) = g.no_pin(w) {
                return Err(EditError::new(format!("{} to {}: {why}", g.label(w.from), g.label(w.to))));
            }
            g.link(w)?;
        }
        Ok(g)
    }

    /// Why the ends of a wire do not exist at nodes that do; an unknown kind may have any pins.
    pub(super) fn no_pin(&self, w: Wire) -> Option<String> {
        let spec = |id: NodeId| self.node(id).and_then(|n| n.spec());
        if w.output != 0 && spec(w.from).is_some() {
            return Some(format!("there is no output {}", w.output));
        }
        let pins = match spec(w.to) {
            Some(s) if s.role == Role::Penalty => 0,
            Some(s) => match s.inputs {
                Inputs::Fixed(names) => names.len(),
                Inputs::Variadic(_) => MOST_PINS,
            },
            None => MOST_PINS,
        };
        (w.input >= pins).then(|| format!("there is no input {}", w.input))
    }

    /// All nodes in order of id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.index.values().map(|i| &self.inner[*i])
    }
    /// The node with this id.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.index.get(&id).map(|i| &self.inner[*i])
    }
    /// The node with this name.
    pub fn by_name(&self, name: &str) -> Option<&Node> {
        self.names.get(name).and_then(|id| self.node(*id))
    }
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.index.len()
    }
    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
    /// Frames, oldest first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
    /// All wires by end and input pin.
    pub fn wires(&self) -> Vec<Wire> {
        let mut all: Vec<Wire> = self.index.keys().flat_map(|id| self.inputs(*id)).collect();
        all.sort_by_key(|w| (w.to, w.input));
        all
    }
    /// The wires into a node, by input pin.
    pub fn inputs(&self, id: NodeId) -> Vec<Wire> {
        self.edges(id, Direction::Incoming)
    }
    /// The wires out of a node, by end and pin.
    pub fn outputs(&self, id: NodeId) -> Vec<Wire> {
        self.edges(id, Direction::Outgoing)
    }

    fn edges(&self, id: NodeId, direction: Direction) -> Vec<Wire> {
        let Some(&at) = self.index.get(&id) else { return Vec::new() };
        let mut wires: Vec<Wire> = self
            .inner
            .edges_directed(at, direction)
            .map(|e| Wire {
                from: self.inner[e.source()].id,
                output: e.weight().0,
                to: self.inner[e.target()].id,
                input: e.weight().1,
            })
            .collect();
        wires.sort_by_key(|w| (w.to, w.input));
        wires
    }

    /// Number of input pins to show: those of the kind; for any number of inputs, one more than are wired.
    pub fn pins(&self, id: NodeId) -> usize {
        let wired = || self.inputs(id).last().map_or(0, |w| w.input + 1);
        match self.node(id).map(|n| n.spec()) {
            Some(Some(spec)) => match spec.inputs {
                Inputs::Fixed(names) => names.len(),
                Inputs::Variadic(_) if spec.role == Role::Penalty => 0,
                Inputs::Variadic(_) => wired() + 1,
            },
            Some(None) => wired(),
            None => 0,
        }
    }

    /// The nodes so that each comes after its inputs; ties by id.
    ///
    /// # Errors
    /// The nodes that lie on a cycle or behind one.
    pub fn order(&self) -> Result<Vec<NodeId>, Vec<NodeId>> {
        let mut missing: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut ready: BTreeSet<NodeId> = BTreeSet::new();
        for (id, i) in &self.index {
            let n = self.inner.edges_directed(*i, Direction::Incoming).count();
            missing.insert(*id, n);
            if n == 0 {
                ready.insert(*id);
            }
        }
        let mut order = Vec::with_capacity(self.len());
        while let Some(id) = ready.pop_first() {
            order.push(id);
            for next in self.inner.neighbors_directed(self.index[&id], Direction::Outgoing) {
                let next = self.inner[next].id;
                if let Some(n) = missing.get_mut(&next) {
                    *n -= 1;
                    if *n == 0 {
                        ready.insert(next);
                    }
                }
            }
        }
        if order.len() == self.len() {
            return Ok(order);
        }
        let done: BTreeSet<NodeId> = order.into_iter().collect();
        Err(self.index.keys().copied().filter(|id| !done.contains(id)).collect())
    }

    /// The id that the next node gets.
    pub fn next_id(&self) -> NodeId {
        NodeId(self.next.max(1))
    }

    /// A free name for a node of this kind: `linear 1`, `linear 2`, …
    pub fn fresh_name(&self, kind: &str) -> String {
        let stem = catalogue::find(kind).map_or_else(|| kind.to_owned(), |k| k.spec.label.to_lowercase());
        self.free_name(&stem)
    }

    /// `stem 1`, or with the first number that is free.
    pub(super) fn free_name(&self, stem: &str) -> String {
        let n = (1..).find(|n| !self.names.contains_key(&format!("{stem} {n}"))).unwrap_or(1);
        format!("{stem} {n}")
    }

    /// The node's name in quotes, or its number if it is not there.
    pub(super) fn label(&self, id: NodeId) -> String {
        self.node(id).map_or_else(|| format!("node {} (which does not exist)", id.0), |n| format!("\"{}\"", n.name))
    }

    /// What contradicts itself in this graph; empty in any graph made by edits.
    pub fn check_invariants(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.index.len() != self.inner.node_count() || self.names.len() != self.index.len() {
            faults.push("the indices do not cover the nodes".to_owned());
        }
        for (id, i) in &self.index {
            let n = &self.inner[*i];
            if n.id != *id || self.names.get(&n.name) != Some(id) {
                faults.push(format!("node {} is filed wrongly", id.0));
            }
            if id.0 >= self.next {
                faults.push(format!("id {} could be given again", id.0));
            }
            let inputs = self.inputs(*id);
            if inputs.windows(2).any(|w| w[0].input == w[1].input) {
                faults.push(format!("two wires in one pin of {}", n.name));
            }
        }
        if self.order().is_err() {
            faults.push("a cycle".to_owned());
        }
        faults
    }

    pub(super) fn insert(&mut self, node: Node) -> Result<(), EditError> {
        check_name(&node.name)?;
        if self.index.contains_key(&node.id) || node.id.0 == 0 {
            return Err(EditError::new(format!("id {} is given twice or is 0 (node \"{}\")", node.id.0, node.name)));
        }
        if node.id.0 >= MAX_ID {
            return Err(EditError::new(format!("the id {} is impossibly large", node.id.0)));
        }
        if !node.pos.iter().all(|x| x.is_finite()) {
            return Err(EditError::new(format!("\"{}\" has no finite place", node.name)));
        }
        if let Some(why) = node.tuning.values().find_map(Tuning::reject) {
            return Err(EditError::new(format!("\"{}\": {why}", node.name)));
        }
        if self.names.contains_key(&node.name) {
            return Err(EditError::new(format!("the name \"{}\" is taken", node.name)));
        }
        let (id, name) = (node.id, node.name.clone());
        let at = self.inner.add_node(node);
        self.index.insert(id, at);
        self.names.insert(name, id);
        self.next = self.next.max(id.0.saturating_add(1));
        Ok(())
    }

    pub(super) fn link(&mut self, w: Wire) -> Result<(), EditError> {
        let end = |id: NodeId| {
            self.index.get(&id).copied().ok_or_else(|| {
                EditError::new(format!("the wire from {} to {} has no such end", self.label(w.from), self.label(w.to)))
            })
        };
        let (a, b) = (end(w.from)?, end(w.to)?);
        self.inner.add_edge(a, b, (w.output, w.input));
        Ok(())
    }
}

/// Ids from here on are damage: nobody makes that many nodes.
const MAX_ID: u64 = 1 << 53;

/// Pins of a node that takes any number of wires.
const MOST_PINS: usize = 1 << 16;

/// A frame lies somewhere.
pub(super) fn check_frame(frame: &Frame) -> Result<(), EditError> {
    if frame.rect.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(EditError::new(format!("the frame \"{}\" has no finite place", frame.title)))
}

/// A name is not empty and not longer than 64 characters.
pub(super) fn check_name(name: &str) -> Result<(), EditError> {
    match name.chars().count() {
        0 => Err(EditError::new("a node's name cannot be empty")),
        1..=64 => Ok(()),
        n => Err(EditError::new(format!("a node's name has at most 64 characters, this one has {n}"))),
    }
}
