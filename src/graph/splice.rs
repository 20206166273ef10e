//! A node put into a wire.

use crate::graph::{Edit, EditError, Graph, Node, NodeId, Wire};
use crate::ops::catalogue;

impl Graph {
    /// The edit that puts a new node of `kind` into `wire`, below its middle: one entry of the undo list.
    ///
    /// # Errors
    /// If the wire or the kind does not exist.
    pub fn splice(&self, wire: Wire, kind: &str) -> Result<Edit, EditError> {
        let spec = catalogue::find(kind).ok_or_else(|| EditError::new(format!("there is no kind \"{kind}\"")))?.spec;
        let (Some(from), Some(to)) = (self.node(wire.from), self.node(wire.to)) else {
            return Err(EditError::new("the wire has no ends"));
        };
        if !self.inputs(wire.to).contains(&wire) {
            return Err(EditError::new(format!("there is no wire from \"{}\" to \"{}\"", from.name, to.name)));
        }
        let pos = [(from.pos[0] + to.pos[0]) * 0.5, from.pos[1].max(to.pos[1]) + 180.0];
        let id = self.next_id();
        let edits = vec![
            Edit::Add(Node::new(id, kind, &self.fresh_name(kind), pos)),
            Edit::Connect(Wire { to: id, input: 0, ..wire }),
            Edit::Connect(Wire { from: id, output: 0, ..wire }),
        ];
        Ok(Edit::Batch { label: format!("Insert {}", spec.label), edits })
    }

    /// The edit that puts one new node of `kind` between the output of `node` and everything that uses it: one entry of
    /// the undo list.
    ///
    /// # Errors
    /// If the node or the kind does not exist, or nothing uses the output.
    pub fn splice_after(&self, node: NodeId, kind: &str) -> Result<Edit, EditError> {
        let wires = self.outputs(node);
        let Some(first) = wires.first() else {
            let name = self.node(node).map_or("?", |n| n.name.as_str());
            return Err(EditError::new(format!("nothing uses the output of \"{name}\"")));
        };
        let Edit::Batch { label, mut edits } = self.splice(*first, kind)? else { unreachable!("a batch of edits") };
        let id = self.next_id();
        edits.extend(wires[1..].iter().map(|w| Edit::Connect(Wire { from: id, output: 0, ..*w })));
        Ok(Edit::Batch { label, edits })
    }
}
