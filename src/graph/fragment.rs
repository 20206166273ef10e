//! Copies of a part of a graph.

use crate::graph::{Edit, Graph, Node, NodeId, Wire};
use crate::ops::{Inputs, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Copied nodes with the wires between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fragment {
    /// The nodes, with their ids and places in the graph they came from.
    pub nodes: Vec<Node>,
    /// Wires whose both ends were copied.
    pub wires: Vec<Wire>,
}

impl Graph {
    /// Copies nodes and the wires between them.
    pub fn subgraph(&self, ids: &[NodeId]) -> Fragment {
        let mut seen = BTreeSet::new();
        let nodes: Vec<Node> =
            ids.iter().filter(|id| seen.insert(**id)).filter_map(|id| self.node(*id).cloned()).collect();
        let wires = self.wires().into_iter().filter(|w| ids.contains(&w.from) && ids.contains(&w.to)).collect();
        Fragment { nodes, wires }
    }

    /// The edit that adds a copy of `fragment`, moved by `offset`, and the ids of the copies.
    pub fn paste(&self, fragment: &Fragment, offset: [f32; 2]) -> (Edit, Vec<NodeId>) {
        let first = self.next_id().0;
        let ids: BTreeMap<NodeId, NodeId> =
            fragment.nodes.iter().zip(first..).map(|(n, id)| (n.id, NodeId(id))).collect();
        let mut taken: Vec<String> = Vec::new();
        let mut edits = Vec::new();
        for n in &fragment.nodes {
            let mut copy = n.clone();
            copy.id = ids[&n.id];
            copy.pos = [n.pos[0] + offset[0], n.pos[1] + offset[1]];
            copy.name = self.copy_name(&n.name, &taken);
            taken.push(copy.name.clone());
            for v in copy.params.0.values_mut() {
                if let Value::Nodes(list) = v {
                    for id in list {
                        *id = ids.get(&NodeId(*id)).map_or(*id, |new| new.0);
                    }
                }
            }
            edits.push(Edit::Add(copy));
        }
        let mut inner: Vec<&Wire> = fragment.wires.iter().collect();
        inner.sort_by_key(|w| (w.to, w.input));
        // Where only some sources were copied, the pins of a node with any number of them close up.
        let mut next: BTreeMap<NodeId, usize> = BTreeMap::new();
        let variadic: BTreeSet<NodeId> = fragment
            .nodes
            .iter()
            .filter(|n| n.spec().is_some_and(|s| matches!(s.inputs, Inputs::Variadic(_))))
            .map(|n| n.id)
            .collect();
        let inner = inner.into_iter().filter_map(|w| {
            let (from, to) = (*ids.get(&w.from)?, *ids.get(&w.to)?);
            let pin = next.entry(w.to).or_default();
            let input = if variadic.contains(&w.to) { *pin } else { w.input };
            *pin += 1;
            Some(Wire { from, to, input, ..*w })
        });
        edits.extend(inner.map(Edit::Connect));
        (Edit::Batch { label: "Paste".into(), edits }, ids.into_values().collect())
    }

    /// `hidden 1` becomes the first of `hidden 2`, `hidden 3`, … that is free.
    fn copy_name(&self, name: &str, taken: &[String]) -> String {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
        let stem: String = if stem.is_empty() { "node".into() } else { stem.chars().take(56).collect() };
        (1u64..)
            .map(|n| format!("{stem} {n}"))
            .find(|s| self.by_name(s).is_none() && !taken.contains(s))
            .unwrap_or(stem)
    }
}
