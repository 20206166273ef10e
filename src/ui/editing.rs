//! From what the user asks for to the edits that do it: adding with a wire, pasting, framing, arranging.

use crate::graph::{Edit, Frame, Graph, Node, NodeId, Wire};
use crate::ops::{Params, catalogue};
use crate::ui::action::Connect;
use crate::ui::state::Fragment;
use std::collections::{BTreeMap, BTreeSet};

/// Distance in canvas points between nodes that the program places.
const GAP: [f32; 2] = [56.0, 32.0];

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
    Node { id: graph.next_id(), kind: kind.to_owned(), name: graph.fresh_name(kind), params: Params::default(), pos }
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

/// The nodes of `selection` and the wires between them.
pub fn fragment(graph: &Graph, selection: &BTreeSet<NodeId>) -> Fragment {
    Fragment {
        nodes: graph.nodes().filter(|n| selection.contains(&n.id)).cloned().collect(),
        wires: graph
            .wires()
            .into_iter()
            .filter(|w| selection.contains(&w.from) && selection.contains(&w.to))
            .collect(),
    }
}

/// Adds a copy of `fragment`, its top-left corner at `at`, or a little beside the original. Gives the new ids.
pub fn paste(graph: &Graph, fragment: &Fragment, at: Option<[f32; 2]>, label: &str) -> (Edit, BTreeSet<NodeId>) {
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
    let mut trial = graph.clone();
    let mut ids = BTreeMap::new();
    let mut edits = Vec::new();
    for old in &fragment.nodes {
        let id = trial.next_id();
        let free = graph.by_name(&old.name).is_none() && trial.by_name(&old.name).is_none();
        let name = if free { old.name.clone() } else { trial.fresh_name(&old.kind) };
        let pos = [old.pos[0] + shift[0], old.pos[1] + shift[1]];
        let edit = Edit::Add(Node { id, name, pos, ..old.clone() });
        if trial.apply(&edit).is_ok() {
            ids.insert(old.id, id);
            edits.push(edit);
        }
    }
    for w in &fragment.wires {
        if let (Some(&from), Some(&to)) = (ids.get(&w.from), ids.get(&w.to)) {
            edits.push(Edit::Connect(Wire { from, to, ..*w }));
        }
    }
    (Edit::Batch { label: label.to_owned(), edits }, ids.into_values().collect())
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

/// Places all nodes in columns, each right of everything it reads, and orders the columns so that wires cross little.
pub fn arrange(graph: &Graph, size: impl Fn(NodeId) -> [f32; 2]) -> Edit {
    let order = graph.order().unwrap_or_else(|_| graph.nodes().map(|n| n.id).collect());
    let mut column: BTreeMap<NodeId, usize> = BTreeMap::new();
    for &id in &order {
        let c = graph.inputs(id).iter().filter_map(|w| column.get(&w.from)).map(|c| c + 1).max().unwrap_or(0);
        column.insert(id, c);
    }
    // What reads nothing stands directly before its first reader.
    for &id in &order {
        if graph.inputs(id).is_empty()
            && let Some(first) = graph.outputs(id).iter().filter_map(|w| column.get(&w.to)).min()
        {
            column.insert(id, first.saturating_sub(1));
        }
    }
    let mut columns: Vec<Vec<NodeId>> = vec![Vec::new(); column.values().max().map_or(0, |m| m + 1)];
    for &id in &order {
        columns[column[&id]].push(id);
    }
    let mut row: BTreeMap<NodeId, f32> = BTreeMap::new();
    for c in &columns {
        row.extend(c.iter().enumerate().map(|(i, &id)| (id, i as f32)));
    }
    for sweep in 0..8 {
        let forward = sweep % 2 == 0;
        let count = columns.len();
        for k in 0..count {
            let c = &mut columns[if forward { k } else { count - 1 - k }];
            let weight = |id: NodeId| {
                let ends: Vec<f32> = if forward {
                    graph.inputs(id).iter().map(|w| row[&w.from] + 0.1 * w.input as f32).collect()
                } else {
                    graph.outputs(id).iter().map(|w| row[&w.to] + 0.1 * w.input as f32).collect()
                };
                if ends.is_empty() { row[&id] } else { ends.iter().sum::<f32>() / ends.len() as f32 }
            };
            let mut keyed: Vec<(f32, NodeId)> = c.iter().map(|&id| (weight(id), id)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *c = keyed.into_iter().map(|(_, id)| id).collect();
            row.extend(c.iter().enumerate().map(|(i, &id)| (id, i as f32)));
        }
    }
    let height = |c: &[NodeId]| c.iter().map(|&id| size(id)[1] + GAP[1]).sum::<f32>() - GAP[1];
    let tallest = columns.iter().map(|c| height(c)).fold(0.0, f32::max);
    let mut moves = Vec::new();
    let mut x = 0.0;
    for c in &columns {
        let mut y = (tallest - height(c)) / 2.0;
        let width = c.iter().map(|&id| size(id)[0]).fold(0.0, f32::max);
        for &id in c {
            moves.push((id, [x + (width - size(id)[0]) / 2.0, y]));
            y += size(id)[1] + GAP[1];
        }
        x += width + GAP[0];
    }
    Edit::Batch { label: "Arrange".to_owned(), edits: vec![Edit::Move(moves)] }
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
    fn a_pasted_copy_has_its_own_names_and_the_wires_between_its_nodes() {
        let (mut g, a, b) = chain();
        let copy = fragment(&g, &[a, b].into());
        let (edit, ids) = paste(&g, &copy, None, "Paste");
        g.apply(&edit).unwrap();
        assert_eq!((g.len(), g.wires().len(), ids.len()), (4, 2, 2));
        assert!(ids.iter().all(|&id| id != a && id != b));
    }

    #[test]
    fn arranged_nodes_stand_right_of_what_they_read() {
        let (mut g, a, b) = chain();
        g.apply(&arrange(&g, |_| [100.0, 50.0])).unwrap();
        assert!(g.node(b).unwrap().pos[0] >= g.node(a).unwrap().pos[0] + 100.0);
    }

    #[test]
    fn a_frame_encloses_its_nodes() {
        let (g, a, _) = chain();
        let Some(Edit::AddFrame(f)) = frame(&g, &[a].into(), |_| [100.0, 50.0]) else { panic!("no frame") };
        assert!(f.rect[0] < 0.0 && f.rect[1] < 0.0 && f.rect[2] > 100.0 && f.rect[3] > 50.0);
        assert!(frame(&g, &BTreeSet::new(), |_| [100.0, 50.0]).is_none());
    }
}
