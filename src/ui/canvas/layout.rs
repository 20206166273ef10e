//! What of the graph is drawn where, in canvas points; rebuilt only when the document changes.

use crate::graph::{Graph, NodeId, Severity, Wire};
use crate::ops::{Category, Role};
use crate::ui::canvas::view::{bounds, flatten};
use crate::ui::state::State;
use egui::{Pos2, Rect, Vec2, pos2, vec2};
use std::collections::HashMap;

/// Height of a node's title bar.
pub const TITLE: f32 = 26.0;
/// Height of the line with shape and gradient.
pub const FOOT: f32 = 30.0;
const WIDTH: f32 = 152.0;
const PIN_STEP: f32 = 26.0;
const SEGMENTS: usize = 16;

/// Size of a node on the canvas, in canvas points.
pub fn node_size(graph: &Graph, id: NodeId) -> Vec2 {
    let spec = graph.node(id).and_then(|n| n.spec());
    let body: f32 = match spec.map(|s| (s.category, s.role)) {
        None => 40.0,
        Some((_, Role::Penalty)) => 52.0,
        Some((Category::Loss, _)) => 104.0,
        Some((Category::Source, Role::Features)) => 106.0,
        Some((Category::Source, _)) => 58.0,
        Some((Category::Math, _)) => 58.0,
        Some(_) => 112.0,
    };
    let pins = graph.pins(id) as f32 * PIN_STEP + 14.0;
    vec2(WIDTH, TITLE + FOOT + body.max(pins - FOOT))
}

/// A node ready to draw.
#[derive(Debug)]
pub struct NodeBox {
    /// Whose it is.
    pub id: NodeId,
    /// Where, in canvas points.
    pub rect: Rect,
    /// Its name.
    pub name: String,
    /// The label of its kind; the id for an unknown one.
    pub kind: String,
    /// Its family; none for an unknown kind.
    pub category: Option<Category>,
    /// Number of input pins.
    pub pins: usize,
    /// Place in the order of execution, from 1; 0 if the graph has a cycle.
    pub order: usize,
    /// Its worst problem.
    pub problem: Option<Severity>,
    /// The input pin of that problem.
    pub bad_pin: Option<usize>,
    /// Output shape with the symbolic batch size.
    pub shape: String,
}

impl NodeBox {
    /// Centre of input pin `k`.
    pub fn input(&self, k: usize) -> Pos2 {
        let free = self.rect.height() - TITLE;
        let step = free / self.pins.max(1) as f32;
        pos2(self.rect.left(), self.rect.top() + TITLE + step * (k as f32 + 0.5))
    }
    /// Centre of the output pin.
    pub fn output(&self) -> Pos2 {
        pos2(self.rect.right(), self.rect.top() + TITLE + (self.rect.height() - TITLE) * 0.5)
    }
}

/// A wire ready to draw.
#[derive(Debug)]
pub struct WireLine {
    /// What it connects.
    pub wire: Wire,
    /// Its curve in canvas points.
    pub points: Vec<Pos2>,
    /// A rectangle around it.
    pub bounds: Rect,
    /// The family of the node that it comes from.
    pub category: Option<Category>,
    /// The shape it carries; empty if not known.
    pub shape: String,
    /// Whether its end pin has a problem.
    pub bad: bool,
    /// Whether a gradient comes back along it.
    pub carries_gradient: bool,
}

/// Everything of one document, ready to draw.
#[derive(Default)]
pub struct Layout {
    key: Option<(u64, usize)>,
    /// Nodes in order of id.
    pub nodes: Vec<NodeBox>,
    /// All wires.
    pub wires: Vec<WireLine>,
    /// A rectangle around all nodes; none without nodes.
    pub bounds: Option<Rect>,
    index: HashMap<NodeId, usize>,
}

impl Layout {
    /// Rebuilds if the document or its inference is another than last time.
    pub fn update(&mut self, state: &State) {
        let key = (state.history.revision(), std::sync::Arc::as_ptr(&state.inference) as usize);
        if self.key == Some(key) {
            return;
        }
        self.key = Some(key);
        let graph = state.graph();
        let order: HashMap<NodeId, usize> = graph.order().map(|o| o.into_iter().zip(1..).collect()).unwrap_or_default();
        let mut worst: HashMap<NodeId, (Severity, Option<usize>)> = HashMap::new();
        for d in &state.inference.diagnostics {
            if let Some(node) = d.node {
                let entry = worst.entry(node).or_insert((d.severity, d.input));
                if rank(d.severity) > rank(entry.0) {
                    *entry = (d.severity, d.input);
                }
            }
        }
        self.nodes = graph
            .nodes()
            .map(|n| NodeBox {
                id: n.id,
                rect: Rect::from_min_size(pos2(n.pos[0], n.pos[1]), node_size(graph, n.id)),
                name: n.name.clone(),
                kind: n.spec().map_or_else(|| n.kind.clone(), |s| s.label.to_owned()),
                category: n.spec().map(|s| s.category),
                pins: graph.pins(n.id),
                order: order.get(&n.id).copied().unwrap_or(0),
                problem: worst.get(&n.id).map(|w| w.0),
                bad_pin: worst.get(&n.id).filter(|w| w.0 == Severity::Error).and_then(|w| w.1),
                shape: state.inference.shape(n.id).map(ToString::to_string).unwrap_or_default(),
            })
            .collect();
        self.index = self.nodes.iter().enumerate().map(|(i, n)| (n.id, i)).collect();
        self.bounds = bounds(self.nodes.iter().map(|n| n.rect));
        self.wires = graph
            .wires()
            .into_iter()
            .filter_map(|wire| {
                let (from, to) = (self.node(wire.from)?, self.node(wire.to)?);
                let points = flatten(from.output(), to.input(wire.input), SEGMENTS);
                let bounds = Rect::from_points(&points);
                let bad = to.bad_pin == Some(wire.input);
                let spec = graph.node(wire.to).and_then(|n| n.spec());
                let carries_gradient = spec.is_some_and(|s| !s.no_grad.contains(&wire.input));
                let (category, shape) = (from.category, from.shape.clone());
                Some(WireLine { wire, bounds, category, shape, bad, carries_gradient, points })
            })
            .collect();
    }

    /// The box of a node.
    pub fn node(&self, id: NodeId) -> Option<&NodeBox> {
        self.index.get(&id).map(|&i| &self.nodes[i])
    }
}

/// Order of seriousness.
fn rank(s: Severity) -> u8 {
    match s {
        Severity::Warning => 0,
        Severity::Incomplete => 1,
        Severity::Error => 2,
    }
}
