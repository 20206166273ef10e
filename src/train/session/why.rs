//! Why a gradient is zero or huge, asked of a run at any moment.

use crate::engine::{Phase, Scene, Subject, Why};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::train::{Session, TensorRef};

impl<S: Precision> Session<S> {
    /// Explains a gradient of the batch shown. Before the end of its backward pass that pass is
    /// run on a copy. `budget` limits the floating-point operations spent on telling paths apart.
    ///
    /// # Errors
    /// If there is no such weight or node, or it is a buffer.
    pub fn why(&self, of: Subject, budget: u64) -> Result<Why, String> {
        let (plan, pass) = self.current();
        let graph = self.graph();
        if pass.cursor() < plan.first_update() {
            let (plan, ..) = self.samples();
            let fork = self.fork(&[], plan.first_update());
            let used = &fork.weights.values;
            let scene = Scene { plan, pass: &fork.pass, weights: &fork.weights, used, graph, budget };
            return scene.why(of, false);
        }
        let updated = plan.program()[..pass.cursor()].iter().any(|i| i.phase == Phase::Update);
        let before = self.before().map(|b| b.values.as_slice()).filter(|_| updated);
        let used = before.unwrap_or(&self.weights().values);
        let scene = Scene { plan, pass, weights: self.weights(), used, graph, budget };
        scene.why(of, updated && before.is_none())
    }

    /// Whose gradient a tensor of a node is; `None` if it is no gradient, or only a part of one.
    pub fn subject(&self, node: NodeId, which: TensorRef) -> Option<Subject> {
        match which {
            TensorRef::OutputGrad => self.graph().node(node).map(|n| Subject::Output(n.id)),
            TensorRef::WeightGrad(k) => {
                let mut own = self.weights().infos.iter().enumerate().filter(|(_, i)| i.node == node);
                own.nth(k).map(|(param, _)| Subject::Weight(param))
            }
            _ => None,
        }
    }

    /// Whose gradient `text` names: `hidden 1.weight` is a parameter, `hidden 1` what the node computes. `.grad` may follow.
    ///
    /// # Errors
    /// Says what there is.
    pub fn gradient(&self, text: &str) -> Result<Subject, String> {
        let infos = &self.weights().infos;
        let node = |name: &str| self.graph().by_name(name).map(|n| Subject::Output(n.id));
        let whole = text.trim();
        // The name of a node may hold dots and end as a tensor's does.
        let bare = whole.strip_suffix(".grad").unwrap_or(whole);
        let output = bare.strip_suffix(".output").unwrap_or(bare);
        let weight = |label: &str| infos.iter().position(|i| i.label == label).map(Subject::Weight);
        let found = weight(whole).or_else(|| weight(bare)).or_else(|| node(whole)).or_else(|| node(bare));
        found.or_else(|| node(output)).ok_or_else(|| {
            let names = self.graph().nodes().map(|n| n.name.as_str());
            let own = infos.iter().filter(|i| !i.buffer).map(|i| i.label.as_str());
            let all: Vec<&str> = own.chain(names).collect();
            format!("there is no parameter or node \"{bare}\"; there are {}", all.join(", "))
        })
    }
}
