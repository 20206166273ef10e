//! From what the user asks for to the edits that do it: adding with a wire, placing a copy, framing.

use crate::graph::{Edit, Fragment, Frame, Graph, Node, NodeId, Wire};
use crate::ops::catalogue;
use crate::ui::action::Connect;
use std::collections::BTreeSet;

/// The wire that `connect` means for the node `id`, which must already be in `graph`: the first pin that fits.
fn wire(graph: &Graph, id: NodeId, connect: Connect) -> Option<Wire> {
    match connect {
        Connect::From(from, output) => (0..graph.pins(id))
            .find(|&input| graph.refuse(from, id, input).is_none())
            .map(|input| Wire { from, output, to: id, input }),
        Connect::To(to, input) => {
            graph.refuse(id, to, input).is_none().then_some(Wire { from: id, output: 0, to, input })
        }
    }
}

fn node(graph: &Graph, kind: &str, pos: [f32; 2]) -> Node {
    Node::new(graph.next_id(), kind, &graph.fresh_name(kind), pos)
}

/// Whether a new node of `kind` could take the wire `connect`.
pub fn fits(graph: &Graph, kind: &str, connect: Connect) -> bool {
    let mut trial = graph.clone();
    let node = node(graph, kind, [0.0; 2]);
    let id = node.id;
    trial.apply(&Edit::Add(node)).is_ok() && wire(&trial, id, connect).is_some()
}

/// Adds a node of `kind` at `pos`, a little lower where another node already lies, and wires it if asked.
pub fn add(graph: &Graph, kind: &str, mut pos: [f32; 2], connect: Option<Connect>) -> (Edit, NodeId) {
    while graph.nodes().any(|n| (n.pos[0] - pos[0]).abs() < 12.0 && (n.pos[1] - pos[1]).abs() < 12.0) {
        pos = [pos[0] + 28.0, pos[1] + 28.0];
    }
    let node = node(graph, kind, pos);
    let id = node.id;
    let label = format!("Add {}", catalogue::find(kind).map_or(kind, |k| k.spec.label));
    let mut edits = vec![Edit::Add(node.clone())];
    let mut trial = graph.clone();
    if let Some(connect) = connect
        && trial.apply(&Edit::Add(node)).is_ok()
        && let Some(wire) = wire(&trial, id, connect)
    {
        edits.push(Edit::Connect(wire));
    }
    (Edit::Batch { label, edits }, id)
}

/// Where a copy of `fragment` goes: its top-left corner to `at`, or a little beside the original, not on top of anything.
pub fn offset(graph: &Graph, fragment: &Fragment, at: Option<[f32; 2]>) -> [f32; 2] {
    let corner = |axis: usize| fragment.nodes.iter().map(|n| n.pos[axis]).fold(f32::INFINITY, f32::min);
    let mut shift = at.map_or([32.0, 32.0], |at| [at[0] - corner(0), at[1] - corner(1)]);
    let taken = |shift: [f32; 2]| {
        fragment.nodes.iter().any(|n| {
            let p = [n.pos[0] + shift[0], n.pos[1] + shift[1]];
            graph.nodes().any(|m| (m.pos[0] - p[0]).abs() < 4.0 && (m.pos[1] - p[1]).abs() < 4.0)
        })
    };
    while taken(shift) {
        shift = [shift[0] + 32.0, shift[1] + 32.0];
    }
    shift
}

/// A frame around `selection`; `size` gives the size of a node in canvas points.
pub fn frame(graph: &Graph, selection: &BTreeSet<NodeId>, size: impl Fn(NodeId) -> [f32; 2]) -> Option<Edit> {
    let mut low = [f32::INFINITY; 2];
    let mut high = [f32::NEG_INFINITY; 2];
    for n in graph.nodes().filter(|n| selection.contains(&n.id)) {
        let s = size(n.id);
        for a in 0..2 {
            low[a] = low[a].min(n.pos[a]);
            high[a] = high[a].max(n.pos[a] + s[a]);
        }
    }
    let id = graph.frames().iter().map(|f| f.id).max().map_or(1, |m| m + 1);
    let (margin, title) = (20.0, 30.0);
    let rect = [
        low[0] - margin,
        low[1] - margin - title,
        high[0] - low[0] + 2.0 * margin,
        high[1] - low[1] + 2.0 * margin + title,
    ];
    rect.iter().all(|v| v.is_finite()).then(|| Edit::AddFrame(Frame { id, title: format!("group {id}"), rect }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> (Graph, NodeId, NodeId) {
        let mut g = Graph::new();
        let (edit, a) = add(&g, "linear", [0.0, 0.0], None);
        g.apply(&edit).unwrap();
        let (edit, b) = add(&g, "tanh", [0.0, 0.0], Some(Connect::From(a, 0)));
        g.apply(&edit).unwrap();
        (g, a, b)
    }

    #[test]
    fn a_node_dropped_on_a_wire_is_connected_and_does_not_hide_another() {
        let (g, a, b) = chain();
        assert_eq!(g.wires(), vec![Wire { from: a, output: 0, to: b, input: 0 }]);
        assert_ne!(g.node(a).unwrap().pos, g.node(b).unwrap().pos);
    }

    #[test]
    fn only_kinds_with_a_pin_fit_a_wire() {
        let (g, a, b) = chain();
        assert!(fits(&g, "tanh", Connect::From(b, 0)));
        assert!(!fits(&g, "input", Connect::From(b, 0)));
        assert!(fits(&g, "tanh", Connect::To(a, 0)));
    }

    #[test]
    fn a_copy_lies_beside_its_original_or_where_it_is_wanted() {
        let (g, a, b) = chain();
        let copy = g.subgraph(&[a, b]);
        assert_eq!(offset(&g, &copy, Some([100.0, 7.0])), [100.0, 7.0]);
        assert_ne!(offset(&g, &copy, None), [0.0, 0.0]);
    }

    #[test]
    fn a_frame_encloses_its_nodes() {
        let (g, a, _) = chain();
        let Some(Edit::AddFrame(f)) = frame(&g, &[a].into(), |_| [100.0, 50.0]) else { panic!("no frame") };
        assert!(f.rect[0] < 0.0 && f.rect[1] < 0.0 && f.rect[2] > 100.0 && f.rect[3] > 50.0);
        assert!(frame(&g, &BTreeSet::new(), |_| [100.0, 50.0]).is_none());
    }
}
