//! The names of one graph that an expression may use.

use crate::graph::{Graph, Inference, Node, NodeId, Wire};
use crate::ops::{Category, Forward, InferCtx, Inputs, Mode, Precision as _, Role};
use crate::tensor::{Shape, View, ViewMut};

/// Whose tensors the plain names `value`, `grad`, `weight` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Nobody's: every tensor needs the name of its node.
    Nothing,
    /// A node's.
    Node(NodeId),
    /// A wire's: its value, and the gradient that comes back along it.
    Wire(Wire),
}

/// A tensor of the running network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// The output of a node.
    Value(NodeId),
    /// ∂L/∂output.
    Grad(NodeId),
    /// The value at an input pin.
    Input(NodeId, usize),
    /// What a node contributes to the gradient of that value.
    InputGrad(NodeId, usize),
    /// A weight, by its number; whose it is.
    Weight(NodeId, usize),
    /// Its gradient.
    WeightGrad(NodeId, usize),
}

impl Leaf {
    /// The node that it belongs to.
    pub fn node(self) -> NodeId {
        match self {
            Leaf::Value(n) | Leaf::Grad(n) | Leaf::Input(n, _) => n,
            Leaf::InputGrad(n, _) | Leaf::Weight(n, _) | Leaf::WeightGrad(n, _) => n,
        }
    }
    /// Whether it is a gradient.
    pub fn is_grad(self) -> bool {
        matches!(self, Leaf::Grad(_) | Leaf::InputGrad(..) | Leaf::WeightGrad(..))
    }
}

/// A tensor by its name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub name: String,
    pub leaf: Leaf,
    pub shape: Shape,
}

/// The names of one graph.
#[derive(Clone)]
pub struct Scope<'a> {
    graph: &'a Graph,
    inference: &'a Inference,
    own: Own,
    names: Vec<&'a str>,
    ids: Vec<NodeId>,
}

impl<'a> Scope<'a> {
    /// The names of `graph`, whose shapes are `inference`.
    pub fn new(graph: &'a Graph, inference: &'a Inference, own: Own) -> Self {
        let names = graph.nodes().map(|n| n.name.as_str()).collect();
        Scope { graph, inference, own, names, ids: graph.nodes().map(|n| n.id).collect() }
    }
    /// The same names for other plain ones.
    pub fn of(&self, own: Own) -> Self {
        Scope { own, ..self.clone() }
    }
    /// The nodes that are computed.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.ids.iter().copied().filter(|id| self.inference.nodes.contains_key(id))
    }
    pub(super) fn graph(&self) -> &'a Graph {
        self.graph
    }
    pub(super) fn own(&self) -> Own {
        self.own
    }
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }
    pub(super) fn id(&self, k: usize) -> NodeId {
        self.ids[k]
    }

    /// The tensors that plain names mean.
    pub(super) fn plain(&self) -> Vec<Named> {
        match self.own {
            Own::Nothing => Vec::new(),
            Own::Node(id) => self.tensors(id),
            Own::Wire(w) => {
                let Some(shape) = self.inference.shape(w.from) else { return Vec::new() };
                let named = |name: &str, leaf| Named { name: name.into(), leaf, shape: shape.clone() };
                vec![named("value", Leaf::Input(w.to, w.input)), named("grad", Leaf::InputGrad(w.to, w.input))]
            }
        }
    }

    /// The tensors of a node; a second name of the same tensor comes after the first.
    pub(super) fn tensors(&self, id: NodeId) -> Vec<Named> {
        let (Some(node), Some(inferred)) = (self.graph.node(id), self.inference.nodes.get(&id)) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        let mut both = |name: &str, value: Leaf, grad: Option<Leaf>, shape: &Shape| {
            all.push(Named { name: name.to_owned(), leaf: value, shape: shape.clone() });
            if let Some(leaf) = grad {
                all.push(Named { name: format!("{name}.grad"), leaf, shape: shape.clone() });
            }
        };
        both("value", Leaf::Value(id), None, &inferred.output);
        both("grad", Leaf::Grad(id), None, &inferred.output);
        let first = self.first_weight(id);
        for (k, w) in inferred.weights.iter().enumerate() {
            let grad = (!w.buffer).then_some(Leaf::WeightGrad(id, first + k));
            both(w.name, Leaf::Weight(id, first + k), grad, &Shape::fixed(&w.shape));
        }
        let pins: Vec<(usize, &Shape)> =
            self.graph.inputs(id).iter().filter_map(|w| Some((w.input, self.inference.shape(w.from)?))).collect();
        let no_grad = node.spec().map_or(&[][..], |s| s.no_grad);
        for &(pin, shape) in &pins {
            let grad = (!no_grad.contains(&pin)).then_some(Leaf::InputGrad(id, pin));
            if pin == 0 {
                both("input", Leaf::Input(id, pin), grad, shape);
            }
            both(&format!("input[{pin}]"), Leaf::Input(id, pin), grad, shape);
        }
        // Pins have names of their own, such as prediction and target.
        if let Some(Inputs::Fixed(names)) = node.spec().map(|s| s.inputs) {
            for &(pin, shape) in &pins {
                let Some(name) = names.get(pin).filter(|n| **n != "input" && **n != "value" && **n != "grad") else {
                    continue;
                };
                let grad = (!no_grad.contains(&pin)).then_some(Leaf::InputGrad(id, pin));
                both(name, Leaf::Input(id, pin), grad, shape);
            }
        }
        all
    }

    /// The number of a node's first weight, in the order in which weights are laid out.
    fn first_weight(&self, id: NodeId) -> usize {
        let before = self.graph.nodes().take_while(|n| n.id != id);
        before.filter_map(|n| self.inference.nodes.get(&n.id)).map(|i| i.weights.len()).sum()
    }

    /// The bounds that the outputs of a node cannot leave, found by asking its operation for the values far out.
    /// `None` for what is no activation, or has less than two bounds.
    pub(super) fn bounds(&self, id: NodeId) -> Option<(f64, f64)> {
        let node: &Node = self.graph.node(id)?;
        let kind = node.kind()?;
        if kind.spec.category != Category::Activation || kind.spec.role != Role::Compute {
            return None;
        }
        let params = node.filled();
        let far = |x: f64| {
            let shape = Shape::fixed(&[1, 2]);
            let ctx = InferCtx { params: &params, inputs: std::slice::from_ref(&shape), features: None, target: None };
            let inferred = (kind.infer)(&ctx).ok().filter(|i| i.output == shape && i.weights.is_empty())?;
            let mut out = [0.0f64; 2];
            let mut saved = vec![0.0; inferred.saved.map_or(0, |s| s.len(1))];
            let forward = &mut Forward {
                params: &params,
                inputs: &[View { shape: &[1, 2], data: &[-x, x] }],
                weights: &[],
                output: ViewMut { shape: &[1, 2], data: &mut out },
                saved: &mut saved,
                mode: Mode::Eval,
                seed: 0,
                buffers: &mut [],
            };
            f64::forward(kind, forward);
            Some(out)
        };
        let (near, far) = (far(1e5)?, far(1e6)?);
        let same = |a: f64, b: f64| a.is_finite() && (a - b).abs() <= 1e-4;
        (same(near[0], far[0]) && same(near[1], far[1]) && near[0] < near[1]).then_some((far[0], far[1]))
    }
}
