//! What the document keeps of breakpoints and watches.

use crate::graph::{Graph, NodeId, Wire};
use serde::{Deserialize, Serialize};

/// Where a breakpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Any node.
    Any,
    /// One node.
    Node(NodeId),
    /// One wire.
    Wire(Wire),
}

/// When a breakpoint stops the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Moment {
    /// Before a node computes its output.
    Forward,
    /// Before a node computes the gradients of its inputs and weights.
    Backward,
    /// Before the optimiser moves the first weight of a node.
    Update,
    /// After a value has come to a wire.
    Value,
    /// After a gradient has come back along a wire.
    Gradient,
}

impl Moment {
    /// The moments of a node.
    pub const OF_NODES: [Moment; 3] = [Moment::Forward, Moment::Backward, Moment::Update];
    /// The moments of a wire.
    pub const OF_WIRES: [Moment; 2] = [Moment::Value, Moment::Gradient];

    /// `before backward`, `after value`.
    pub fn label(self) -> &'static str {
        match self {
            Moment::Forward => "before forward",
            Moment::Backward => "before backward",
            Moment::Update => "before update",
            Moment::Value => "after value",
            Moment::Gradient => "after gradient",
        }
    }
    /// The one word for it: `backward`, `value`.
    pub fn word(self) -> &'static str {
        self.label().split_once(' ').map_or("", |w| w.1)
    }
    /// Whether it is a moment of `place`.
    pub fn fits(self, place: Place) -> bool {
        matches!(self, Moment::Value | Moment::Gradient) == matches!(place, Place::Wire(_))
    }
}

/// One breakpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakpoint {
    /// Identity among the breakpoints of a document, from 1.
    pub id: u32,
    /// Where.
    pub place: Place,
    /// When.
    pub moment: Moment,
    /// Stops only where this is true; empty for always.
    pub condition: String,
    /// Whether it is on.
    pub enabled: bool,
}

impl Breakpoint {
    /// What it is on: `output`, `hidden 1 → tanh 1`, `any node`.
    pub fn target(&self, graph: &Graph) -> String {
        place_text(self.place, graph)
    }
    /// The node that is shown for it.
    pub fn node(&self) -> Option<NodeId> {
        match self.place {
            Place::Any => None,
            Place::Node(id) => Some(id),
            Place::Wire(w) => Some(w.to),
        }
    }
}

/// `output`, `hidden 1 → tanh 1`, `any node`.
pub(super) fn place_text(place: Place, graph: &Graph) -> String {
    let name = |id: NodeId| graph.node(id).map_or("?", |n| n.name.as_str());
    match place {
        Place::Any => "any node".into(),
        Place::Node(id) => name(id).to_owned(),
        Place::Wire(w) => format!("{} → {}", name(w.from), name(w.to)),
    }
}

/// Something that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchPoint {
    /// Identity among the watches of a document, from 1.
    pub id: u32,
    /// What is shown: `output.grad`, `norm(hidden 1.weight)`.
    pub text: String,
    /// Whether a bubble on the canvas shows it.
    pub bubble: bool,
    /// Where the bubble was put, relative to its node's top left corner in canvas points; `None` for a free place.
    pub at: Option<[f32; 2]>,
}

/// All breakpoints and watches of a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stops {
    /// Breakpoints, oldest first.
    pub breakpoints: Vec<Breakpoint>,
    /// Watches, oldest first.
    pub watches: Vec<WatchPoint>,
}

impl Stops {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.breakpoints.is_empty() && self.watches.is_empty()
    }
    /// The breakpoint with this id.
    pub fn breakpoint(&self, id: u32) -> Option<&Breakpoint> {
        self.breakpoints.iter().find(|b| b.id == id)
    }
    /// Those on `place`.
    pub fn on(&self, place: Place) -> impl Iterator<Item = &Breakpoint> {
        self.breakpoints.iter().filter(move |b| b.place == place)
    }

    /// Adds a breakpoint; its id.
    pub fn add(&mut self, place: Place, moment: Moment, condition: &str) -> u32 {
        let id = self.breakpoints.iter().map(|b| b.id).max().unwrap_or(0) + 1;
        self.breakpoints.push(Breakpoint { id, place, moment, condition: condition.to_owned(), enabled: true });
        id
    }
    /// Adds a watch with a bubble; its id.
    pub fn watch(&mut self, text: &str) -> u32 {
        let id = self.watches.iter().map(|w| w.id).max().unwrap_or(0) + 1;
        self.watches.push(WatchPoint { id, text: text.to_owned(), bubble: true, at: None });
        id
    }
    /// Takes the breakpoints off `place`, or puts one on it if there are none.
    pub fn toggle(&mut self, place: Place, moment: Moment) {
        let count = self.breakpoints.len();
        self.breakpoints.retain(|b| b.place != place);
        if self.breakpoints.len() == count {
            self.add(place, moment, "");
        }
    }
    /// Turns the breakpoints of `place` off if one of them is on, else on; puts one there if there is none.
    pub fn switch(&mut self, place: Place, moment: Moment) {
        let on = self.on(place).any(|b| b.enabled);
        if self.on(place).next().is_none() {
            self.add(place, moment, "");
            return;
        }
        for b in self.breakpoints.iter_mut().filter(|b| b.place == place) {
            b.enabled = !on;
        }
    }

    /// Follows a change of the graph: breakpoints of what is gone go, and expressions take the new names.
    pub fn follow(&mut self, before: &Graph, after: &Graph) {
        if self.is_empty() {
            return;
        }
        let wires = after.wires();
        self.breakpoints.retain(|b| match b.place {
            Place::Any => true,
            Place::Node(id) => after.node(id).is_some(),
            Place::Wire(w) => wires.contains(&w),
        });
        let renamed: Vec<(&str, &str)> = before
            .nodes()
            .filter_map(|n| Some((n.name.as_str(), after.node(n.id)?.name.as_str())))
            .filter(|(old, new)| old != new)
            .collect();
        if !renamed.is_empty() {
            let names: Vec<&str> = before.nodes().map(|n| n.name.as_str()).collect();
            let texts = self.breakpoints.iter_mut().map(|b| &mut b.condition);
            for text in texts.chain(self.watches.iter_mut().map(|w| &mut w.text)) {
                *text = super::rename::renamed(text, &names, &renamed);
            }
        }
    }

    /// What the change from `self` to `other` did, in a few words for the undo list.
    pub fn difference(&self, other: &Stops) -> &'static str {
        match (self.breakpoints.len(), other.breakpoints.len(), self.watches.len(), other.watches.len()) {
            (a, b, _, _) if b > a => "Add breakpoint",
            (a, b, _, _) if b < a => "Remove breakpoint",
            (_, _, a, b) if b > a => "Add watch",
            (_, _, a, b) if b < a => "Remove watch",
            _ if self.watches != other.watches => "Change watch",
            _ => "Change breakpoint",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Edit, Node};

    fn graph() -> Graph {
        let mut g = Graph::new();
        for (id, name) in [(1, "x"), (2, "hidden 1"), (3, "x.y")] {
            g.apply(&Edit::Add(Node::new(NodeId(id), "tanh", name, [0.0, 0.0]))).unwrap();
        }
        g.apply(&Edit::Connect(Wire { from: NodeId(1), output: 0, to: NodeId(2), input: 0 })).unwrap();
        g
    }

    #[test]
    fn breakpoints_go_with_what_they_are_on_and_expressions_follow_names() {
        let before = graph();
        let wire = before.wires()[0];
        let mut stops = Stops::default();
        stops.add(Place::Wire(wire), Moment::Gradient, "");
        stops.add(Place::Node(NodeId(3)), Moment::Forward, "max(value) > x.value");
        stops.add(Place::Any, Moment::Backward, "norm(hidden 1.grad) > 2");
        stops.watch("x.y.grad + x.grad - hidden 1.grad");
        let mut after = before.clone();
        after.apply(&Edit::Rename { node: NodeId(2), name: "deep".into() }).unwrap();
        after.apply(&Edit::Rename { node: NodeId(1), name: "in".into() }).unwrap();
        after.apply(&Edit::Disconnect(wire)).unwrap();
        stops.follow(&before, &after);
        let texts: Vec<&str> = stops.breakpoints.iter().map(|b| b.condition.as_str()).collect();
        assert_eq!(texts, ["max(value) > in.value", "norm(deep.grad) > 2"], "the wire is gone and its breakpoint too");
        assert_eq!(stops.watches[0].text, "x.y.grad + in.grad - deep.grad");
    }

    #[test]
    fn the_gutter_puts_turns_off_and_on_and_f9_takes_off() {
        let mut stops = Stops::default();
        let place = Place::Node(NodeId(2));
        stops.switch(place, Moment::Forward);
        stops.switch(place, Moment::Forward);
        assert!(!stops.breakpoints[0].enabled);
        stops.switch(place, Moment::Forward);
        assert!(stops.breakpoints[0].enabled);
        stops.toggle(place, Moment::Forward);
        assert!(stops.is_empty());
        stops.toggle(place, Moment::Update);
        assert_eq!(stops.breakpoints[0].moment, Moment::Update);
    }
}
