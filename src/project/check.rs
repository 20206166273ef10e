//! What a file says of its nodes and wires must make sense before a graph is made of it.

use crate::graph::{Graph, Node, NodeId, Wire};
use crate::ops::{Inputs, Role};
use std::collections::BTreeMap;

/// The wires that end in pins which exist; a warning for each of the others. Whether both nodes exist is for the
/// graph to say.
pub fn wires(nodes: &[Node], wires: Vec<Wire>, warnings: &mut Vec<String>) -> Vec<Wire> {
    let by_id: BTreeMap<NodeId, &Node> = nodes.iter().map(|n| (n.id, n)).collect();
    let spec = |id: NodeId| by_id.get(&id).and_then(|n| n.spec());
    let mut kept: Vec<Wire> = Vec::new();
    for w in wires {
        let no_pin = spec(w.to).is_some_and(|s| match s.inputs {
            _ if s.role == Role::Penalty => true,
            Inputs::Fixed(pins) => w.input >= pins.len(),
            Inputs::Variadic(_) => false,
        });
        if no_pin || (w.output != 0 && spec(w.from).is_some()) {
            let to = by_id.get(&w.to).map_or("?", |n| n.name.as_str());
            warnings.push(format!(
                "the wire from output {} of node {} to input {} of \"{to}\" has no such end and was left out",
                w.output, w.from.0, w.input
            ));
        } else {
            kept.push(w);
        }
    }
    kept.sort_by_key(|w| (w.to, w.input));
    // Pins of a node that takes any number of wires have no gaps. Two wires in one pin are for the graph to refuse.
    let mut last: Option<(Wire, usize)> = None;
    for w in &mut kept {
        let variadic = spec(w.to).is_some_and(|s| matches!(s.inputs, Inputs::Variadic(_)));
        let before = *w;
        if variadic {
            w.input = match last {
                Some((l, pin)) if l.to == w.to => pin + usize::from(l.input != before.input),
                _ => 0,
            };
        }
        last = Some((before, w.input));
    }
    kept
}

/// Refuses a cycle.
pub fn acyclic(graph: &Graph) -> Result<(), String> {
    let Err(cycle) = graph.order() else { return Ok(()) };
    let names: Vec<&str> = cycle.iter().filter_map(|id| graph.node(*id)).map(|n| n.name.as_str()).take(8).collect();
    Err(format!("the wires close a cycle among \"{}\" or before them; take one of them out", names.join("\", \"")))
}
