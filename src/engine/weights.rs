//! The weights of a graph: one flat buffer for values, one for gradients.

use crate::graph::{Graph, Inference, NodeId, Tuning};
use crate::tensor::{Init, Lined, Scalar, stream};
use aligned_vec::avec;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Weights by node and name, apart from any buffer: shape and row-major elements.
pub type WeightMap = BTreeMap<(NodeId, String), (Vec<usize>, Vec<f64>)>;

/// What one weight tensor is and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamInfo {
    /// Whose it is.
    pub node: NodeId,
    /// Its name at the node: `weight`, `bias`.
    pub name: &'static str,
    /// Name for people: `hidden 1.weight`.
    pub label: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Where its elements lie in the flat buffers.
    pub range: Range<usize>,
    /// How it starts.
    pub init: Init,
    /// Whether the forward pass keeps it and no gradient moves it.
    pub buffer: bool,
    /// How it is trained.
    pub tuning: Tuning,
}

impl ParamInfo {
    /// Whether the optimiser moves it.
    pub fn trained(&self) -> bool {
        !self.buffer && !self.tuning.frozen
    }
}

/// All weights and their gradients.
#[derive(Clone, Debug)]
pub struct Weights<S> {
    /// What lies where, by node id and then in the kind's order.
    pub infos: Arc<[ParamInfo]>,
    /// Elements of all weights.
    pub values: Lined<S>,
    /// ∂L/∂w, laid out as `values`.
    pub grads: Lined<S>,
}

impl<S: Scalar> Weights<S> {
    /// Freshly drawn weights. Each tensor has a random stream of its own, numbered by node and position, so
    /// that an edit elsewhere does not change its start.
    pub fn init(graph: &Graph, inference: &Inference, seed: u64) -> Self {
        let mut infos = Vec::new();
        let mut values: Vec<S> = Vec::new();
        for n in graph.nodes() {
            let Some(inferred) = inference.nodes.get(&n.id) else { continue };
            for (k, w) in inferred.weights.iter().enumerate() {
                let len: usize = w.shape.iter().product();
                let range = values.len()..values.len() + len;
                let mut rng = stream(seed, n.id.0.wrapping_mul(64).wrapping_add(k as u64));
                values.extend(w.init.draw(len, &mut rng).into_iter().map(S::of));
                let label = format!("{}.{}", n.name, w.name);
                let tuning = n.tuning.get(w.name).copied().unwrap_or_default();
                let (shape, init, buffer) = (w.shape.clone(), w.init, w.buffer);
                infos.push(ParamInfo { node: n.id, name: w.name, label, shape, range, init, buffer, tuning });
            }
        }
        let values = Lined::from_slice(0, &values);
        let grads = avec![S::zero(); values.len()];
        Weights { infos: infos.into(), values, grads }
    }

    /// The number of the weight `name` of a node.
    pub fn find(&self, node: NodeId, name: &str) -> Option<usize> {
        self.infos.iter().position(|i| i.node == node && i.name == name)
    }
    /// Elements of weight `i`.
    pub fn value(&self, i: usize) -> &[S] {
        &self.values[self.infos[i].range.clone()]
    }
    /// Gradient of weight `i`.
    pub fn grad(&self, i: usize) -> &[S] {
        &self.grads[self.infos[i].range.clone()]
    }

    /// All weights apart from the buffer.
    pub fn export(&self) -> WeightMap {
        let entry = |(i, p): (usize, &ParamInfo)| {
            ((p.node, p.name.to_owned()), (p.shape.clone(), self.value(i).iter().map(|x| x.to64()).collect()))
        };
        self.infos.iter().enumerate().map(entry).collect()
    }

    /// Takes the weights of `map` that fit. Returns a sentence for each that does not.
    pub fn import(&mut self, map: &WeightMap) -> Vec<String> {
        let mut faults = Vec::new();
        let infos = Arc::clone(&self.infos);
        for ((node, name), (shape, data)) in map {
            match infos.iter().find(|i| i.node == *node && i.name == name) {
                Some(i) if i.shape == *shape && data.len() == i.range.len() => {
                    for (w, x) in self.values[i.range.clone()].iter_mut().zip(data) {
                        *w = S::of(*x);
                    }
                }
                Some(i) => faults.push(format!(
                    "the saved {} has shape {} but the graph needs {}; it starts afresh",
                    i.label,
                    crate::tensor::shape_text(shape),
                    crate::tensor::shape_text(&i.shape)
                )),
                None => faults.push(format!("saved weights \"{name}\" of node {} have no place in the graph", node.0)),
            }
        }
        faults
    }
}
