//! What mends a node whose arithmetic breaks, as edits.

use crate::graph::{Edit, Fix, Graph, Node, NodeId, Wire};
use crate::ops::{Hint, Params, Repair, Value, catalogue, number_text};

impl Graph {
    /// The edit that carries out `repair` at a node; `None` if it does not apply there.
    pub fn repair(&self, id: NodeId, repair: &Repair) -> Option<Fix> {
        let node = self.node(id)?;
        let wires = self.inputs(id);
        match repair {
            Repair::Before(pin, kind, numbers) => {
                let params = numbers.iter().map(|(k, v)| (*k, Value::Float(*v))).collect();
                let mut fix = self.fix(node, node.spec()?, &Hint::InsertBefore(*pin, kind, params), &wires)?;
                let list: Vec<String> = numbers.iter().map(|(k, v)| format!("{k} = {}", number_text(*v))).collect();
                let what = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
                fix.label = format!("{} before {}{what}", fix.label, node.name);
                if let Edit::Batch { label, .. } = &mut fix.edit {
                    label.clone_from(&fix.label);
                }
                Some(fix)
            }
            Repair::Fuse(pin, before, fused) => self.fuse(node, &wires, *pin, before, fused),
        }
    }

    /// One node in the place of `node` and the one that feeds its `pin`.
    fn fuse(&self, node: &Node, wires: &[Wire], pin: usize, before: &str, fused: &str) -> Option<Fix> {
        let wire = wires.iter().find(|w| w.input == pin)?;
        let first = self.node(wire.from).filter(|n| n.kind == before)?;
        let source = *self.inputs(first.id).first()?;
        let spec = catalogue::find(fused)?.spec;
        let id = self.next_id();
        let settings = first.params.0.iter().chain(&node.params.0).filter(|(k, _)| spec.param(k).is_some());
        let params = Params(settings.map(|(k, v)| (k.clone(), v.clone())).collect());
        let label = format!("Use {} instead of {} and {}", spec.label, first.name, node.name);
        let mut gone = vec![node.id];
        if self.outputs(first.id).len() == 1 {
            gone.push(first.id);
        }
        let after = self.outputs(node.id);
        let mut edits = vec![Edit::Remove(gone)];
        edits.push(Edit::Add(Node { params, ..Node::new(id, fused, &node.name, node.pos) }));
        edits.push(Edit::Connect(Wire { from: source.from, output: source.output, to: id, input: pin }));
        edits.extend(wires.iter().filter(|w| w.input != pin).map(|w| Edit::Connect(Wire { to: id, ..*w })));
        edits.extend(after.into_iter().map(|w| Edit::Connect(Wire { from: id, ..w })));
        Some(Fix { label: label.clone(), edit: Edit::Batch { label, edits } })
    }
}
