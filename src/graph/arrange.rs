//! Automatic placement, left to right.

use crate::graph::{Edit, Graph, NodeId};
use std::collections::BTreeMap;

impl Graph {
    /// The edit that places all nodes in columns from the sources to the losses, without overlaps.
    ///
    /// Columns by longest path; inside a column nodes keep near the mean height of their neighbours
    /// (a few barycentre sweeps, Sugiyama et al. 1981). `size` is a node's width and height in canvas points.
    pub fn arrange(&self, size: &dyn Fn(NodeId) -> [f32; 2]) -> Edit {
        const GAP: [f32; 2] = [64.0, 36.0];
        let order = self.order().unwrap_or_else(|_| self.nodes().map(|n| n.id).collect());
        let mut column: BTreeMap<NodeId, usize> = BTreeMap::new();
        for id in &order {
            let c = self.inputs(*id).iter().filter_map(|w| column.get(&w.from)).map(|c| c + 1).max().unwrap_or(0);
            column.insert(*id, c);
        }
        // A source stands beside what it feeds, not at the far left.
        for id in order.iter().rev() {
            let to: Option<usize> = self.outputs(*id).iter().filter_map(|w| column.get(&w.to)).min().copied();
            if let Some(to) = to.filter(|_| self.inputs(*id).is_empty()) {
                column.insert(*id, to.saturating_sub(1));
            }
        }
        let count = column.values().max().map_or(0, |c| c + 1);
        let mut columns: Vec<Vec<NodeId>> = vec![Vec::new(); count];
        for (id, c) in &column {
            columns[*c].push(*id);
        }
        let mut y: BTreeMap<NodeId, f32> = BTreeMap::new();
        let mut places: BTreeMap<NodeId, [f32; 2]> = BTreeMap::new();
        for sweep in 0..4 {
            let mut x = 0.0;
            for nodes in &mut columns {
                let wish = |id: &NodeId| {
                    let near: Vec<f32> = self
                        .inputs(*id)
                        .iter()
                        .map(|w| w.from)
                        .chain(self.outputs(*id).iter().map(|w| w.to).filter(|_| sweep > 0))
                        .filter_map(|n| y.get(&n).copied())
                        .collect();
                    if near.is_empty() {
                        y.get(id).copied().unwrap_or(0.0)
                    } else {
                        near.iter().sum::<f32>() / near.len() as f32
                    }
                };
                let wishes: BTreeMap<NodeId, f32> = nodes.iter().map(|id| (*id, wish(id))).collect();
                nodes.sort_by(|a, b| wishes[a].total_cmp(&wishes[b]).then(a.cmp(b)));
                let height: f32 = nodes.iter().map(|id| size(*id)[1] + GAP[1]).sum::<f32>() - GAP[1];
                let middle = wishes.values().sum::<f32>() / nodes.len().max(1) as f32;
                let mut top = middle - height * 0.5;
                let width = nodes.iter().map(|id| size(*id)[0]).fold(0.0, f32::max);
                for id in nodes.iter() {
                    places.insert(*id, [x, top]);
                    y.insert(*id, top + size(*id)[1] * 0.5);
                    top += size(*id)[1] + GAP[1];
                }
                x += width + GAP[0];
            }
        }
        Edit::Batch { label: "Arrange".into(), edits: vec![Edit::Move(places.into_iter().collect())] }
    }
}
