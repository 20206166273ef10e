//! Which wires make sense.

use crate::graph::{Graph, NodeId};
use crate::ops::{Category, Inputs, Role};

impl Graph {
    /// Whether two graphs compute the same: places, frames and how weights are trained do not count, names do, as
    /// reports carry them.
    pub fn computes_as(&self, other: &Graph) -> bool {
        self.len() == other.len()
            && self
                .nodes()
                .zip(other.nodes())
                .all(|(x, y)| x.id == y.id && x.kind == y.kind && x.name == y.name && x.params == y.params)
            && self.wires() == other.wires()
    }

    /// Why a wire from `from` into input pin `input` of `to` makes no sense, in words; `None` if it does.
    pub fn refuse(&self, from: NodeId, to: NodeId, input: usize) -> Option<String> {
        let (Some(a), Some(b)) = (self.node(from), self.node(to)) else {
            return Some("one of the nodes does not exist".into());
        };
        if from == to {
            return Some("a node cannot feed itself".into());
        }
        if self.inputs(to).iter().any(|w| w.from == from && w.input == input) {
            return Some("that wire is there already".into());
        }
        if let Some(spec) = b.spec() {
            match spec.inputs {
                _ if spec.role == Role::Penalty => {
                    return Some(format!(
                        "{} reads the weights that its parameter names; it takes no wires",
                        spec.label
                    ));
                }
                Inputs::Fixed([]) => return Some(format!("{} is a source; it has no inputs", spec.label)),
                Inputs::Fixed(names) if input >= names.len() => {
                    return Some(format!("{} has {} inputs", spec.label, names.len()));
                }
                Inputs::Variadic(_) if input > self.inputs(to).len() => return Some("use the next free pin".into()),
                _ => {}
            }
            if let Some(source) = a.spec() {
                if source.is_loss() && !matches!(spec.category, Category::Math | Category::Loss) {
                    return Some(format!("{} is one number to minimise; it does not feed a {}", a.name, spec.label));
                }
                if source.role == Role::Target && spec.category != Category::Math && !spec.no_grad.contains(&input) {
                    return Some(
                        "the target would leak into the prediction; it belongs into the target pin of a loss".into(),
                    );
                }
            }
        }
        self.reaches(to, from).then(|| "that would close a cycle: the output would depend on itself".into())
    }

    /// Whether there is a path from `a` to `b`.
    pub(super) fn reaches(&self, a: NodeId, b: NodeId) -> bool {
        let (Some(&a), Some(&b)) = (self.index.get(&a), self.index.get(&b)) else { return false };
        petgraph::algo::has_path_connecting(&self.inner, a, b, None)
    }
}
