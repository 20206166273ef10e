//! Building a snapshot from a session.

use crate::engine::{Pass, Phase, Plan};
use crate::graph::{Node, NodeId, Wire};
use crate::ops::Precision;
use crate::tensor::kernels::heed;
use crate::tensor::{Stats, View};
use crate::train::{
    Arrival, Inspected, NodeShot, NodeState, Profile, Session, TensorRef, TensorShot, Thumb, Want, WireShot,
};
use std::collections::BTreeMap;

/// Rows and columns of a node's small picture.
const SIDE: usize = 16;
/// Elements of a tensor that the inspector gets.
const MOST: usize = 4096;
const BINS: usize = 32;
/// Elements told of what a wire carries.
const WIRE: usize = 6;

fn thumb<S: Precision>(v: &View<S>) -> Thumb {
    let (rows, cols) = v.rows_cols();
    // A column reads better lying down.
    let (rows, cols) = if cols == 1 { (1, rows) } else { (rows, cols) };
    let (r, c) = (rows.min(SIDE), cols.min(if rows == 1 { 64 } else { SIDE }));
    let data = (0..r).flat_map(|i| v.data[i * cols..i * cols + c].iter().map(|x| x.to64() as f32)).collect();
    Thumb { rows: r, cols: c, data }
}

fn histogram<S: Precision>(data: &[S], stats: &Stats) -> Vec<u32> {
    let mut bins = vec![0; BINS];
    let span = stats.max - stats.min;
    heed::pieces(data.len(), 4, |r| {
        for x in data[r].iter().map(|x| x.to64()).filter(|x| x.is_finite()) {
            let at = if span > 0.0 { ((x - stats.min) / span * BINS as f64) as usize } else { BINS / 2 };
            bins[at.min(BINS - 1)] += 1;
        }
    });
    bins
}

pub(super) fn shot<S: Precision>(
    which: TensorRef,
    label: String,
    shape: &[usize],
    view: Option<View<S>>,
) -> TensorShot {
    let is_grad = matches!(which, TensorRef::OutputGrad | TensorRef::InputGrad(_) | TensorRef::WeightGrad(_));
    let data = view.map_or(&[][..], |v| v.data);
    let stats = Stats::of(data);
    TensorShot {
        which,
        label,
        shape: shape.to_vec(),
        data: data.iter().take(MOST).map(|x| x.to64() as f32).collect(),
        truncated: data.len() > MOST,
        histogram: histogram(data, &stats),
        stats,
        editable: matches!(which, TensorRef::Weight(_)) && data.len() <= MOST,
        is_grad,
        ready: view.is_some(),
    }
}

/// Statistics of at most `most` numbers.
fn told<S: Precision>(v: View<S>, most: usize) -> Option<Stats> {
    (v.data.len() <= most).then(|| Stats::of(v.data))
}

/// What the consumers of a value send back, those that run first first.
fn arrivals<S: Precision>(plan: &Plan, pass: &Pass<S>, id: NodeId, most: usize) -> Vec<Arrival> {
    let consumers = plan.consumers(id);
    if consumers.len() < 2 {
        return Vec::new();
    }
    let stats = |from, pin| pass.input_grad(plan, from, pin).and_then(|v| told(v, most));
    consumers.into_iter().rev().map(|(from, pin)| Arrival { from, pin, stats: stats(from, pin) }).collect()
}

impl<S: Precision> Session<S> {
    /// All nodes as they stand; `maps` are their pictures over the plane. Nothing is said of tensors of more than `most`
    /// numbers.
    pub(super) fn node_shots(
        &self,
        want: &Want,
        mut maps: BTreeMap<NodeId, Vec<Thumb>>,
        profile: &Profile,
        most: usize,
    ) -> BTreeMap<NodeId, NodeShot> {
        let (plan, pass) = self.current();
        let shots = self.graph().nodes().map(|n| {
            let shot = self.node_shot(plan, pass, n, want, maps.remove(&n.id).unwrap_or_default(), most);
            (n.id, NodeShot { cost: self.cost(profile, n.id).filter(|_| want.costs), ..shot })
        });
        shots.collect()
    }

    fn node_shot(&self, plan: &Plan, pass: &Pass<S>, n: &Node, want: &Want, maps: Vec<Thumb>, most: usize) -> NodeShot {
        let value = pass.value(plan, n.id);
        let grad = pass.grad(plan, n.id);
        let back = pass.done(plan, n.id, Phase::Backward);
        let state = match (&value, back) {
            (None, _) => NodeState::Waiting,
            (Some(_), true) => NodeState::BackwardDone,
            (Some(_), false) => NodeState::ForwardDone,
        };
        let weights = self.weights();
        let own: Vec<usize> = (0..weights.infos.len()).filter(|k| weights.infos[*k].node == n.id).collect();
        let view = |k: usize, data| View { shape: &weights.infos[k].shape, data };
        let few = own.iter().map(|k| weights.grad(*k).len()).sum::<usize>() <= most;
        let norm = || own.iter().flat_map(|k| weights.grad(*k)).map(|g| g.to64() * g.to64()).sum::<f64>().sqrt();
        let pictures = want.previews;
        NodeShot {
            state,
            shape: value.map(|v| v.shape.to_vec()).unwrap_or_default(),
            stats: value.and_then(|v| told(v, most)),
            grad_stats: grad.and_then(|v| told(v, most)),
            weight_grad_norm: (back && few && !own.is_empty()).then(norm),
            sample: value.filter(|_| pictures).map(|v| thumb(&v)),
            weight_sample: own.first().filter(|_| pictures).map(|k| thumb(&view(*k, weights.value(*k)))),
            weight_grad_sample: own.first().filter(|_| pictures && back).map(|k| thumb(&view(*k, weights.grad(*k)))),
            maps,
            scalar: value.filter(|v| v.data.len() == 1).map(|v| v.data[0].to64()),
            cost: None,
            arrivals: arrivals(plan, pass, n.id, most),
        }
    }

    /// Numbers of the largest tensor that [`Session::inspect`] shows of a node.
    pub(super) fn largest(&self, id: NodeId) -> usize {
        let (plan, graph) = (self.current().0, self.graph());
        let nodes = graph.inputs(id).into_iter().map(|w| w.from).chain([id]);
        let values = nodes.filter_map(|id| plan.shape(id)).map(|s| s.iter().product());
        let own = self.weights().infos.iter().filter(|i| i.node == id).map(|i| i.range.len());
        values.chain(own).max().unwrap_or(0)
    }

    /// The tensors of one node.
    pub fn inspect(&self, id: NodeId) -> Option<Inspected> {
        let (plan, pass) = self.current();
        let node = self.graph().node(id)?;
        let spec = node.spec()?;
        let weights = self.weights();
        let back = pass.done(plan, id, Phase::Backward);
        let mut tensors = Vec::new();
        let own = weights.infos.iter().enumerate().filter(|(_, i)| i.node == id).enumerate();
        for (w, (k, info)) in own {
            let value = View { shape: &info.shape, data: weights.value(k) };
            let grad = View { shape: &info.shape, data: weights.grad(k) };
            tensors.push(shot(TensorRef::Weight(w), info.name.to_owned(), &info.shape, Some(value)));
            let label = format!("{}.grad", info.name);
            tensors.push(shot(TensorRef::WeightGrad(w), label, &info.shape, Some(grad).filter(|_| back)));
        }
        for wire in self.graph().inputs(id) {
            let pin = wire.input;
            let value = pass.value(plan, wire.from);
            let shape = self.inference().shape(wire.from).map(|s| s.concrete(plan.batch())).unwrap_or_default();
            let label = spec.input_name(pin);
            tensors.push(shot(TensorRef::Input(pin), label.clone(), &shape, value));
            if !spec.no_grad.contains(&pin) {
                let grad = pass.input_grad(plan, id, pin);
                tensors.push(shot(TensorRef::InputGrad(pin), format!("{label}.grad"), &shape, grad));
            }
        }
        let shape = self.inference().shape(id).map(|s| s.concrete(plan.batch())).unwrap_or_default();
        tensors.push(shot(TensorRef::Output, "output".into(), &shape, pass.value(plan, id)));
        tensors.push(shot(TensorRef::OutputGrad, "output.grad δ".into(), &shape, pass.grad(plan, id)));
        let name = |id: NodeId| self.graph().node(id).map_or_else(String::new, |n| n.name.clone());
        let parts = plan.consumers(id).into_iter();
        let contributions =
            parts.filter_map(|(c, pin)| Some((name(c), Stats::of(pass.input_grad(plan, c, pin)?.data)))).collect();
        Some(Inspected { node: id, tensors, contributions })
    }

    /// The numbers on a wire.
    pub(super) fn wire_shot(&self, wire: Wire) -> Option<WireShot> {
        let (plan, pass) = self.current();
        let few = |v: View<S>| (v.data.iter().take(WIRE).map(|x| x.to64()).collect(), Stats::of(v.data));
        let shape = self.inference().shape(wire.from)?.concrete(plan.batch());
        let value = pass.value(plan, wire.from).map(few);
        Some(WireShot { wire, shape, value, grad: pass.input_grad(plan, wire.to, wire.input).map(few) })
    }
}
