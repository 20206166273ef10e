//! Edits: the one way in.

use crate::graph::store::{check_frame, check_name};
use crate::graph::{Frame, Graph, Node, NodeId, Tuning, Wire};
use crate::ops::{Inputs, Value};
use petgraph::Direction;
use petgraph::visit::EdgeRef;

/// How much of the program must be made anew after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Only where things are drawn, or what they are called.
    Placement,
    /// Data or training settings.
    Settings,
    /// Parameters of nodes; shapes may follow.
    Parameters,
    /// Nodes or wires.
    Structure,
}

/// Why an edit was refused; the graph is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EditError(String);

impl EditError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        EditError(message.into())
    }
}

/// One change of a graph.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Adds a node with an id that was never used.
    Add(Node),
    /// Removes nodes and their wires.
    Remove(Vec<NodeId>),
    /// Connects; a wire already in that input is replaced.
    Connect(Wire),
    /// Takes a wire out.
    Disconnect(Wire),
    /// Sets one parameter of a node.
    SetParam {
        /// Whose.
        node: NodeId,
        /// Name of the parameter.
        name: String,
        /// New value.
        value: Value,
    },
    /// Sets how one weight of a node is trained.
    Tune {
        /// Whose.
        node: NodeId,
        /// Name of the weight.
        weight: String,
        /// How.
        tuning: Tuning,
    },
    /// Places nodes, in canvas points.
    Move(Vec<(NodeId, [f32; 2])>),
    /// Gives a node another name.
    Rename {
        /// Whose.
        node: NodeId,
        /// New name, unique in the graph.
        name: String,
    },
    /// Adds a frame.
    AddFrame(Frame),
    /// Removes a frame, not what is in it.
    RemoveFrame(u64),
    /// Changes a frame's title or place.
    SetFrame(Frame),
    /// Several edits that succeed or fail together.
    Batch {
        /// What the user did.
        label: String,
        /// The edits in order.
        edits: Vec<Edit>,
    },
}

impl Edit {
    /// What the user did, for the undo list.
    pub fn label(&self) -> String {
        match self {
            Edit::Add(n) => format!("Add {}", n.name),
            Edit::Remove(ids) if ids.len() == 1 => "Delete node".into(),
            Edit::Remove(ids) => format!("Delete {} nodes", ids.len()),
            Edit::Connect(_) => "Connect".into(),
            Edit::Disconnect(_) => "Disconnect".into(),
            Edit::SetParam { name, .. } => format!("Set {name}"),
            Edit::Tune { weight, tuning, .. } if tuning.frozen => format!("Freeze {weight}"),
            Edit::Tune { weight, .. } => format!("Tune {weight}"),
            Edit::Move(_) => "Move nodes".into(),
            Edit::Rename { name, .. } => format!("Rename to {name}"),
            Edit::AddFrame(_) => "Add frame".into(),
            Edit::RemoveFrame(_) => "Remove frame".into(),
            Edit::SetFrame(_) => "Change frame".into(),
            Edit::Batch { label, .. } => label.clone(),
        }
    }

    /// How much must be made anew.
    pub fn impact(&self) -> Impact {
        match self {
            Edit::Add(_) | Edit::Remove(_) | Edit::Connect(_) | Edit::Disconnect(_) => Impact::Structure,
            Edit::SetParam { .. } | Edit::Tune { .. } => Impact::Parameters,
            Edit::Move(_) | Edit::Rename { .. } | Edit::AddFrame(_) | Edit::RemoveFrame(_) | Edit::SetFrame(_) => {
                Impact::Placement
            }
            Edit::Batch { edits, .. } => edits.iter().map(Edit::impact).max().unwrap_or(Impact::Placement),
        }
    }
}

impl Graph {
    /// Makes a change.
    ///
    /// # Errors
    /// Says what does not fit; the graph is then as it was.
    pub fn apply(&mut self, edit: &Edit) -> Result<(), EditError> {
        match edit {
            Edit::Batch { edits, .. } => {
                let before = self.clone();
                for e in edits {
                    if let Err(error) = self.apply(e) {
                        *self = before;
                        return Err(error);
                    }
                }
                Ok(())
            }
            Edit::Add(node) if node.id < self.next_id() => Err(EditError::new(format!(
                "id {} was given before; the next free one is {}",
                node.id.0,
                self.next_id().0
            ))),
            Edit::Add(node) => self.insert(node.clone()),
            Edit::Remove(ids) => self.remove(ids),
            Edit::Connect(w) => self.connect(*w),
            Edit::Disconnect(w) => self.disconnect(*w),
            Edit::SetParam { node, name, value } => self.set_param(*node, name, value),
            Edit::Tune { node, weight, tuning } => self.tune(*node, weight, *tuning),
            Edit::Move(places) => {
                if let Some((id, _)) =
                    places.iter().find(|(id, p)| self.node(*id).is_none() || !p.iter().all(|x| x.is_finite()))
                {
                    return Err(EditError::new(format!("{} cannot be moved there", self.label(*id))));
                }
                for (id, pos) in places {
                    let at = self.index[id];
                    self.inner[at].pos = *pos;
                }
                Ok(())
            }
            Edit::Rename { node, name } => self.rename(*node, name),
            Edit::AddFrame(frame) if self.frames.iter().any(|f| f.id == frame.id) => {
                Err(EditError::new("that frame exists"))
            }
            Edit::AddFrame(frame) => {
                check_frame(frame)?;
                self.frames.push(frame.clone());
                Ok(())
            }
            Edit::RemoveFrame(id) => match self.frames.iter().position(|f| f.id == *id) {
                Some(i) => {
                    self.frames.remove(i);
                    Ok(())
                }
                None => Err(EditError::new("there is no such frame")),
            },
            Edit::SetFrame(frame) => match self.frames.iter_mut().find(|f| f.id == frame.id) {
                Some(f) => {
                    check_frame(frame)?;
                    f.clone_from(frame);
                    Ok(())
                }
                None => Err(EditError::new("there is no such frame")),
            },
        }
    }

    fn remove(&mut self, ids: &[NodeId]) -> Result<(), EditError> {
        if let Some(id) = ids.iter().find(|id| !self.index.contains_key(id)) {
            return Err(EditError::new(format!("there is no {}", self.label(*id))));
        }
        for id in ids {
            let Some(at) = self.index.remove(id) else { continue };
            let ends: Vec<NodeId> =
                self.inner.neighbors_directed(at, Direction::Outgoing).map(|n| self.inner[n].id).collect();
            if let Some(node) = self.inner.remove_node(at) {
                self.names.remove(&node.name);
            }
            for end in ends {
                self.compact(end);
            }
        }
        Ok(())
    }

    /// Closes gaps between the wired pins of a node that takes any number of inputs.
    fn compact(&mut self, id: NodeId) {
        let variadic = self.node(id).and_then(|n| n.spec()).is_some_and(|s| matches!(s.inputs, Inputs::Variadic(_)));
        let Some(&at) = self.index.get(&id).filter(|_| variadic) else { return };
        let mut edges: Vec<_> =
            self.inner.edges_directed(at, Direction::Incoming).map(|e| (e.weight().1, e.id())).collect();
        edges.sort_unstable();
        for (pin, (_, edge)) in edges.into_iter().enumerate() {
            if let Some(w) = self.inner.edge_weight_mut(edge) {
                w.1 = pin;
            }
        }
    }

    fn connect(&mut self, w: Wire) -> Result<(), EditError> {
        if let Some(why) = self.refuse(w.from, w.to, w.input) {
            return Err(EditError::new(format!("{} to {}: {why}", self.label(w.from), self.label(w.to))));
        }
        if w.output != 0 {
            return Err(EditError::new(format!("{} has one output, number 0", self.label(w.from))));
        }
        if let Some(old) = self.inputs(w.to).into_iter().find(|x| x.input == w.input) {
            self.unlink(old);
        }
        self.link(w)?;
        self.compact(w.to);
        Ok(())
    }

    fn disconnect(&mut self, w: Wire) -> Result<(), EditError> {
        if !self.unlink(w) {
            let ends = (self.label(w.from), self.label(w.to));
            return Err(EditError::new(format!(
                "there is no wire from {} into input {} of {}",
                ends.0, w.input, ends.1
            )));
        }
        self.compact(w.to);
        Ok(())
    }

    fn unlink(&mut self, w: Wire) -> bool {
        let Some(&at) = self.index.get(&w.to) else { return false };
        let edge = self
            .inner
            .edges_directed(at, Direction::Incoming)
            .find(|e| self.inner[e.source()].id == w.from && *e.weight() == (w.output, w.input))
            .map(|e| e.id());
        edge.is_some_and(|e| self.inner.remove_edge(e).is_some())
    }

    fn set_param(&mut self, id: NodeId, name: &str, value: &Value) -> Result<(), EditError> {
        let node = self.node(id).ok_or_else(|| EditError::new(format!("there is no {}", self.label(id))))?;
        if let Some(spec) = node.spec() {
            let p =
                spec.param(name).ok_or_else(|| EditError::new(format!("{} has no parameter {name}", spec.label)))?;
            if let Some(why) = p.reject(value) {
                return Err(EditError::new(why));
            }
        }
        let at = self.index[&id];
        self.inner[at].params.0.insert(name.to_owned(), value.clone());
        Ok(())
    }

    fn tune(&mut self, id: NodeId, weight: &str, tuning: Tuning) -> Result<(), EditError> {
        if let Some(why) = tuning.reject() {
            return Err(EditError::new(why));
        }
        let at = *self.index.get(&id).ok_or_else(|| EditError::new(format!("there is no {}", self.label(id))))?;
        let all = &mut self.inner[at].tuning;
        if tuning == Tuning::default() {
            all.remove(weight);
        } else {
            all.insert(weight.to_owned(), tuning);
        }
        Ok(())
    }

    fn rename(&mut self, id: NodeId, name: &str) -> Result<(), EditError> {
        check_name(name)?;
        let old = self.node(id).ok_or_else(|| EditError::new(format!("there is no {}", self.label(id))))?.name.clone();
        if old == name {
            return Ok(());
        }
        if self.names.contains_key(name) {
            return Err(EditError::new(format!("the name \"{name}\" is taken")));
        }
        self.names.remove(&old);
        self.names.insert(name.to_owned(), id);
        let at = self.index[&id];
        self.inner[at].name = name.to_owned();
        Ok(())
    }
}
