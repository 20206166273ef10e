//! What is observed of every node while training, and the marks that follow from it. Observing allocates nothing after
//! the first time.

use crate::engine::{Instruction, Keep, Phase};
use crate::graph::NodeId;
use crate::ops::{Category, Precision};
use crate::train::Session;
use crate::train::health::{Ailment, LIMITS, Mark};

/// Observations of all nodes, in the order of the plan.
#[derive(Clone, Debug, Default)]
pub(in crate::train) struct Vitals {
    seen: u32,
    nodes: Vec<Vital>,
}

/// Observations of one node.
#[derive(Clone, Debug)]
struct Vital {
    node: NodeId,
    /// By unit, the latest observation in which it had a slope; only for activations.
    alive: Vec<u32>,
    /// Whether its slope is zero nowhere in exact arithmetic: then a zero is saturation, not death.
    smooth: bool,
    /// Elements of one unit that lie side by side.
    inner: usize,
    /// Whether a layer with weights builds on it.
    hidden: bool,
    dead: f64,
    saturated: Option<f64>,
    /// Numbers of its trained weights.
    weights: Vec<usize>,
    norm: Option<f64>,
    /// Long mean of the logarithm of the norm: a mean of the norms themselves would soon be that of the latest alone.
    slow: Option<f64>,
    ratio: Option<f64>,
    /// The norm as a part of the largest one of a later layer.
    part: Option<f64>,
    marks: [bool; 6],
}

/// The running mean with `x` added; a new one begins with `x`.
fn mean(old: Option<f64>, x: f64, share: f64) -> Option<f64> {
    Some(old.map_or(x, |m| m + share * (x - m)))
}

impl<S: Precision> Session<S> {
    /// Looks at all nodes after a batch.
    pub(super) fn observe(&mut self) {
        let mut vitals = std::mem::take(&mut self.vitals);
        if vitals.nodes.is_empty() {
            vitals.nodes = self.subjects();
        }
        vitals.seen += 1;
        for v in &mut vitals.nodes {
            if self.keep == Keep::All {
                self.slopes(v, vitals.seen);
            }
            if v.weights.is_empty() {
                continue;
            }
            let squares = v.weights.iter().flat_map(|k| self.weights.grad(*k)).map(|g| g.to64() * g.to64());
            let norm = squares.sum::<f64>().sqrt();
            v.norm = mean(v.norm, norm, 0.2);
            v.slow = mean(v.slow, norm.max(1e-12).ln(), 0.02);
            let matrices = v.weights.iter().filter(|k| self.weights.infos[**k].shape.len() >= 2);
            let largest = matrices.map(|k| self.moves.moved[*k]).map(|(moved, size)| (moved / size.max(1e-12)).sqrt());
            let ratio = largest.fold(f64::NAN, f64::max);
            if !ratio.is_nan() {
                v.ratio = mean(v.ratio, ratio, 0.1);
            }
        }
        // From the last layer to the first: how a layer's gradient compares with the largest behind it.
        let mut largest = 0.0f64;
        for v in vitals.nodes.iter_mut().rev() {
            let Some(norm) = v.norm else { continue };
            v.part = (largest > 1e-8).then_some(norm / largest);
            largest = largest.max(norm);
        }
        let high =
            self.history.first().zip(self.history.last()).is_some_and(|(a, b)| b.train > LIMITS.asleep.2 * a.train);
        if vitals.seen >= LIMITS.patience {
            vitals.nodes.iter_mut().for_each(|v| v.judge(high && self.epoch > 2));
        }
        self.vitals = vitals;
    }

    /// Looks at an activation whose backward has just run, in a batch after which all nodes are observed: where nothing
    /// is kept to be seen, its gradients are gone by then.
    pub(super) fn glimpse(&mut self, done: Instruction) {
        if done.phase != Phase::Backward {
            return;
        }
        let mut vitals = std::mem::take(&mut self.vitals);
        if vitals.nodes.is_empty() {
            vitals.nodes = self.subjects();
        }
        if let Some(v) = vitals.nodes.iter_mut().find(|v| v.node == done.node) {
            self.slopes(v, vitals.seen + 1);
        }
        self.vitals = vitals;
    }

    /// Which units of an activation have a slope, in observation number `seen`.
    fn slopes(&self, v: &mut Vital, seen: u32) {
        let (plan, pass) = self.current();
        let id = v.node;
        if !v.alive.is_empty()
            && let (Some(delta), Some(grad)) = (pass.grad(plan, id), pass.input_grad(plan, id, 0))
        {
            let units = v.alive.len();
            let (mut flat, mut arrived) = (0usize, 0usize);
            let smooth = v.smooth;
            // Elements of one unit lie side by side.
            let runs = delta.data.chunks(v.inner).zip(grad.data.chunks(v.inner));
            for (run, (delta, grad)) in runs.enumerate() {
                let mut has_slope = smooth;
                for (d, g) in delta.iter().zip(grad) {
                    let (d, g) = (d.abs(), g.abs());
                    // Where nothing arrives, nothing is learnt of the slope.
                    has_slope |= g != S::zero() || d == S::zero();
                    arrived += usize::from(d > S::zero());
                    flat += usize::from((g > S::zero() || smooth) && g.to64() < LIMITS.flat * d.to64());
                }
                if has_slope {
                    v.alive[run % units] = seen;
                }
            }
            if arrived > 0 {
                v.saturated = mean(v.saturated, flat as f64 / arrived as f64, 0.1);
            }
            let quiet = v.alive.iter().filter(|at| seen - **at >= LIMITS.quiet).count();
            v.dead = quiet as f64 / units as f64;
        }
    }

    /// The nodes that can be ill.
    fn subjects(&self) -> Vec<Vital> {
        let graph = self.graph();
        let order = graph.order().unwrap_or_default();
        let weighted: Vec<NodeId> = self.weights.infos.iter().filter(|i| i.trained()).map(|i| i.node).collect();
        let building = graph.ancestors(&weighted);
        let plan = self.current().0;
        let vital = |id: NodeId| {
            let spec = graph.node(id)?.spec()?;
            let shape = plan.shape(id)?;
            let axis = if shape.len() == 4 { 1 } else { shape.len().saturating_sub(1) };
            let units = shape.get(axis).copied().unwrap_or(0);
            let acts = spec.category == Category::Activation && plan.flows(id, 0);
            let own = self.weights.infos.iter().enumerate().filter(|(_, i)| i.node == id && i.trained());
            Some(Vital {
                node: id,
                alive: if acts { vec![0; units] } else { Vec::new() },
                smooth: spec.kinks.is_empty(),
                inner: shape.iter().skip(axis + 1).product::<usize>().max(1),
                hidden: building.contains(&id),
                weights: own.map(|(k, _)| k).collect(),
                dead: 0.0,
                saturated: None,
                norm: None,
                slow: None,
                ratio: None,
                part: None,
                marks: [false; 6],
            })
        };
        let all = order.into_iter().filter_map(vital);
        all.filter(|v| !v.alive.is_empty() || !v.weights.is_empty()).collect()
    }

    /// What ails the network, by node; empty before enough has been observed.
    pub fn health(&self) -> Vec<Mark> {
        let mut marks = Vec::new();
        for v in &self.vitals.nodes {
            let name = self.graph.node(v.node).map_or("?", |n| n.name.as_str());
            for ailment in Ailment::ALL.into_iter().filter(|a| v.marks[*a as usize]) {
                let (short, text) = v.words(ailment, name);
                marks.push(Mark { node: v.node, ailment, short, text });
            }
        }
        marks
    }
}

impl Vital {
    /// Sets or clears the marks.
    fn judge(&mut self, high: bool) {
        let above = |on: bool, x: Option<f64>, (appears, goes): (f64, f64)| {
            x.is_some_and(|x| x >= if on { goes } else { appears })
        };
        let below = |on: bool, x: Option<f64>, (appears, goes): (f64, f64)| {
            x.is_some_and(|x| x < if on { goes } else { appears })
        };
        let m = self.marks;
        let growth = self.norm.zip(self.slow).filter(|(n, _)| *n > LIMITS.exploding.2).map(|(n, s)| n / s.exp());
        let asleep = (LIMITS.asleep.0, LIMITS.asleep.1);
        self.marks = [
            above(m[0], Some(self.dead), LIMITS.dead),
            self.hidden && above(m[1], self.saturated, LIMITS.saturated),
            below(m[2], self.part, LIMITS.vanishing),
            above(m[3], growth, (LIMITS.exploding.0, LIMITS.exploding.1)),
            above(m[4], self.ratio, LIMITS.restless),
            high && below(m[5], self.ratio, asleep),
        ];
    }

    /// For a card, and as a sentence.
    fn words(&self, ailment: Ailment, name: &str) -> (String, String) {
        let percent = |x: Option<f64>| match 100.0 * x.unwrap_or(0.0) {
            tiny if tiny > 0.0 && tiny < 0.05 => format!("{tiny:.0e} %"),
            p => format!("{p:.1} %"),
        };
        let word = ailment.word();
        match ailment {
            Ailment::Dead => {
                let units = self.alive.len();
                let dead = (self.dead * units as f64).round();
                let text =
                    format!("{dead} of {units} units of {name} are dead: no sample has reached a slope for long");
                (format!("{word} {dead}/{units}"), text)
            }
            Ailment::Saturated => {
                let share = percent(self.saturated);
                let text = format!("{name} is saturated: {share} of its outputs lie where the slope is under 1 %");
                (word.to_owned(), text)
            }
            Ailment::Vanishing => {
                let part = percent(self.part);
                let text =
                    format!("the gradient vanishes on the way to {name}: its norm is {part} of the largest behind it");
                (word.to_owned(), text)
            }
            Ailment::Exploding => {
                let (norm, slow) = (self.norm.unwrap_or(0.0), self.slow.unwrap_or(0.0).exp());
                let text = format!("the gradient of {name} explodes: its norm is {norm:.2e}, its long mean {slow:.2e}");
                (word.to_owned(), text)
            }
            Ailment::Restless => {
                let ratio = self.ratio.unwrap_or(0.0);
                (
                    word.to_owned(),
                    format!("{name} is restless: each step moves its weights by {ratio:.1e} of their size"),
                )
            }
            Ailment::Asleep => {
                let ratio = self.ratio.unwrap_or(0.0);
                let text = format!("{name} is asleep: each step moves its weights by only {ratio:.1e} of their size");
                (word.to_owned(), text)
            }
        }
    }
}
