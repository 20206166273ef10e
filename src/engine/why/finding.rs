//! What is behind one factor: found by running the node's own forward and backward on other numbers.
//!
//! - Elementwise: δ = 1 gives the slope of every element. Zero slopes for all samples are dead units.
//! - Otherwise a tensor is to blame if the factor is proportional to it (doubled, it doubles what leaves), and all zeros.
//! - What neither explains is a flat loss, a mean over many elements, or terms that cancel.

use super::USUAL;
use super::words::number;
use crate::engine::explain::Scene;
use crate::engine::local::{Local, Target};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::tensor::{norm, stream};
use rand::RngExt as _;
use std::collections::BTreeMap;

/// What makes a factor zero, small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The parameter is frozen.
    Frozen,
    /// No loss depends on it.
    Unconnected,
    /// Only a penalty on weights reaches it.
    PenaltyOnly,
    /// The kind of node passes values and no gradients: detached, an index, a target.
    Blocked,
    /// The loss counts nothing.
    LossWeight,
    /// The loss does not change where the predictions lie.
    FlatLoss,
    /// The loss is large, and so is its slope.
    LargeLoss,
    /// A step function: its slope is zero everywhere.
    Step,
    /// Units whose slope is zero for every sample.
    Dead,
    /// Elements beyond a bound, where the output stays the same.
    Clipped,
    /// A smooth function where it is nearly flat.
    Saturated,
    /// A function where it is steep.
    Steep,
    /// A tensor that the gradient is multiplied with is all zeros.
    ZeroTensor,
    /// That tensor is small.
    SmallTensor,
    /// That tensor is large.
    LargeTensor,
    /// Units of the layer's input are zero for every sample.
    ZeroInput,
    /// It is spread over many elements, as by a mean.
    Spread,
    /// The node hands on only some elements of its input, and the gradient goes to those.
    Picks,
    /// Several gradients, or terms of one, cancel each other.
    Cancels,
    /// A number that is not finite came from here.
    NotFinite,
    /// No factor is to blame by itself: many of them multiply.
    Many,
    /// The factor, whatever is behind it.
    Factor,
}

impl Cause {
    /// What to try.
    pub fn advice(self) -> &'static str {
        match self {
            Cause::Frozen => "Unfreeze it in the inspector, if it should learn.",
            Cause::Unconnected => "Wire its node into something that a loss depends on, or remove it.",
            Cause::PenaltyOnly => {
                "The penalty only pulls it to zero. Connect it to a data loss, or leave it out of the penalty."
            }
            Cause::Blocked => {
                "If it should learn, take this node out of the path, or put a differentiable one in its place."
            }
            Cause::LossWeight => "Give the loss a loss_weight that is not 0.",
            Cause::FlatLoss => {
                "Where every sample is satisfied there is nothing to learn: well trained, or a loss that is too easily \
                 content. Try one that never is, such as logistic or squared loss, or a larger margin."
            }
            Cause::LargeLoss => {
                "Scale the targets, start from smaller weights, or take a loss that grows more slowly, such as Huber's."
            }
            Cause::Step => "Put a sigmoid or tanh in its place, or straight_through_step, which lets gradients pass.",
            Cause::Dead => {
                "These units learn nothing any more. Try a smaller learning rate, biases nearer to zero, or an activation \
                 with a slope everywhere, such as leaky ReLU, ELU or GELU."
            }
            Cause::Clipped => "Widen the bounds, scale what comes in, or use a function without bounds.",
            Cause::Saturated => {
                "Try smaller initial weights, scaled inputs, a normalisation before it, or an activation that does not \
                 saturate."
            }
            Cause::Steep => {
                "Keep what comes in away from where it is steep: scale or clamp it, or clip gradients to a norm."
            }
            Cause::ZeroTensor => {
                "Start it from random numbers: what is multiplied by zeros passes nothing back, and equal weights stay equal."
            }
            Cause::SmallTensor => {
                "Try Xavier or Kaiming initial weights, a normalisation layer, or a skip connection around it."
            }
            Cause::LargeTensor => {
                "Try smaller initial weights (Xavier, Kaiming), a penalty on weights, a normalisation layer, or clip \
                 gradients to a norm."
            }
            Cause::ZeroInput => "A weight learns only from inputs that are not zero: see what makes them zero.",
            Cause::Spread => "A sum in place of a mean, or a larger loss_weight or learning rate, makes up for it.",
            Cause::Picks => {
                "Nothing is broken: the others had no part in this batch. Where that is too few, pass more on: an average in \
                 place of the largest, smaller windows, or larger batches."
            }
            Cause::Cancels => {
                "Nothing is broken: here the loss does not change in this direction. Weights that start all equal, and a \
                 shift before a normalisation, do this."
            }
            Cause::NotFinite => "The run stops where the first such number is born and says what mends it.",
            Cause::Many => {
                "Every layer multiplies. Try activations with slopes near 1, a normalisation, skip connections, or Xavier \
                 or Kaiming initial weights."
            }
            Cause::Factor => "",
        }
    }
}

/// What is behind one factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where: the node on the path, or one that feeds it. None of a graph for what concerns the parameter alone.
    pub node: Option<NodeId>,
    /// What.
    pub cause: Cause,
    /// For a line of a table: `dead 7 of 8`.
    pub short: String,
    /// In a sentence with figures.
    pub text: String,
}

/// Looks into nodes, each taken out of the pass once.
pub(super) struct Detective<'a, S> {
    scene: &'a Scene<'a, S>,
    locals: BTreeMap<usize, Local<S>>,
    known: BTreeMap<(usize, bool, usize), Option<Finding>>,
}

/// The slopes of an elementwise function, by unit.
struct Slopes {
    /// Units without a slope for any sample, of all.
    dead: (usize, usize),
    /// Elements without a slope, of all.
    flat: (usize, usize),
    /// Mean of |slope|.
    mean: f64,
    /// Whether all outputs without a slope are zero.
    silent: bool,
}

impl<'a, S: Precision> Detective<'a, S> {
    pub fn new(scene: &'a Scene<'a, S>) -> Self {
        Detective { scene, locals: BTreeMap::new(), known: BTreeMap::new() }
    }

    pub fn local(&mut self, at: usize) -> &Local<S> {
        let scene = self.scene;
        self.locals.entry(at).or_insert_with(|| scene.take(at))
    }

    fn finding(&self, at: usize, cause: Cause, short: impl Into<String>, text: impl Into<String>) -> Finding {
        let node = Some(self.scene.plan.steps[at].id);
        Finding { node, cause, short: short.into(), text: text.into() }
    }

    fn name(&self, at: usize) -> String {
        self.scene.name(self.scene.plan.steps[at].id)
    }

    fn label(&self, at: usize) -> &'static str {
        self.scene.plan.steps[at].kind.spec.label
    }

    /// No gradient passes this pin.
    pub fn blocked(&self, at: usize, target: Target) -> Option<Finding> {
        let spec = self.scene.plan.steps[at].kind.spec;
        let (name, pin) = (self.name(at), if let Target::Input(p) = target { p } else { 0 });
        let text = if spec.no_grad.contains(&0) {
            format!("{name} ({}) passes values on and no gradients", spec.label)
        } else {
            format!("{name} ({}) takes its {} as given: no gradient flows into it", spec.label, spec.input_name(pin))
        };
        Some(self.finding(at, Cause::Blocked, "no gradient passes", text))
    }

    /// The loss is multiplied by zero.
    pub fn no_weight(&self, at: usize) -> Finding {
        let text = format!("the loss_weight of {} is 0: it counts nothing", self.name(at));
        self.finding(at, Cause::LossWeight, "loss_weight 0", text)
    }

    /// What is behind the factor from `delta` to `out`; `None` where it is usual.
    pub fn look(&mut self, at: usize, target: Target, delta: &[S], out: &[S]) -> Option<Finding> {
        let (came, goes) = (norm(delta), norm(out));
        if !goes.is_finite() {
            let text = format!("a number that is not finite leaves {}", self.name(at));
            return came.is_finite().then(|| self.finding(at, Cause::NotFinite, "not finite", text));
        }
        let factor = goes / came;
        let zero = out.iter().filter(|x| **x == S::zero()).count();
        if (USUAL.0..=USUAL.1).contains(&factor) && 2 * zero < out.len() {
            return None;
        }
        let key = match target {
            Target::Input(k) => (at, false, k),
            Target::Weight(k) => (at, true, k),
        };
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        self.local(at);
        let found = self.investigate(at, target, delta, out, factor);
        self.known.insert(key, found.clone());
        found
    }

    fn investigate(&mut self, at: usize, target: Target, delta: &[S], out: &[S], factor: f64) -> Option<Finding> {
        let local = &self.locals[&at];
        let name = self.name(at);
        if let Some(f) = self.tensor(at, local, target, delta, out, factor) {
            return Some(f);
        }
        if let Some(f) = slopes(local, target).and_then(|s| self.sloped(at, local, &s, factor)) {
            return Some(f);
        }
        if matches!(target, Target::Weight(_))
            && let Some(f) = self.silent_input(at)
        {
            return Some(f);
        }
        let loss = local.kind.spec.is_loss();
        let (value, zero) = (local.output().first().map_or(0.0, |x| x.to64()), factor == 0.0);
        let (cause, short, text) = match () {
            () if zero && loss => (
                Cause::FlatLoss,
                "flat here".to_owned(),
                format!(
                    "the loss {name} ({}) is {value:.3e} and does not change where the predictions lie",
                    self.label(at)
                ),
            ),
            () if zero => {
                (Cause::Cancels, "cancels".into(), format!("the terms of the gradient cancel each other in {name}"))
            }
            () if factor < USUAL.0 && out.len() > 1 && constant(local, target, delta, out) => {
                let over = (out.len() / delta.len().max(1)).max(1);
                let text = if over > 1 {
                    format!("{name} ({}) spreads the gradient over {over} elements each", self.label(at))
                } else {
                    format!("{name} ({}) passes {} of it, whatever comes in", self.label(at), number(factor))
                };
                (Cause::Spread, "spread out".into(), text)
            }
            // A loss that is a mean over n predictions passes 1/n of a slope to each.
            () if factor < USUAL.0 && loss && factor * (out.len() as f64).sqrt() >= USUAL.0 / 4.0 => (
                Cause::Spread,
                "a mean".into(),
                format!("the loss {name} ({}) is a mean over {} numbers", self.label(at), out.len()),
            ),
            () if factor < USUAL.0 && local.kind.spec.role == crate::ops::Role::Penalty => {
                (Cause::Factor, "weak".into(), format!("the penalty {name} pulls weakly"))
            }
            () if factor < USUAL.0 && loss => (
                Cause::FlatLoss,
                "nearly flat".into(),
                format!("the loss {name} ({}) is {value:.3e} and hardly changes here", self.label(at)),
            ),
            () if factor < USUAL.0 => (
                Cause::Factor,
                "passes little".into(),
                format!("{name} ({}) passes only {} of it", self.label(at), number(factor)),
            ),
            () if factor > USUAL.1 && loss => (
                Cause::LargeLoss,
                "far off".into(),
                format!("the loss {name} ({}) is {value:.3e}: the predictions are far off", self.label(at)),
            ),
            () if factor > USUAL.1 => (
                Cause::Factor,
                "multiplies".into(),
                format!("{name} ({}) makes it {} times as large", self.label(at), number(factor)),
            ),
            () if picks(delta, out) => {
                let kept = out.iter().filter(|x| **x != S::zero()).count();
                let of = match target {
                    Target::Input(_) => "what comes in",
                    Target::Weight(k) => local.weights[k].label.as_str(),
                };
                let text = format!(
                    "{name} ({}) hands on only {kept} of the {} numbers of {of}, and the gradient goes to those",
                    self.label(at),
                    out.len()
                );
                (Cause::Picks, format!("picks {kept} of {}", out.len()), text)
            }
            () => return None,
        };
        Some(self.finding(at, cause, short, text))
    }

    /// Blames another tensor of the node that the gradient is multiplied with.
    fn tensor(
        &self,
        at: usize,
        local: &Local<S>,
        target: Target,
        delta: &[S],
        out: &[S],
        factor: f64,
    ) -> Option<Finding> {
        for t in local.targets().into_iter().filter(|t| *t != target) {
            let own = &local.tensor(t).data;
            let what = match t {
                Target::Weight(k) => format!("{}.{}", self.name(at), local.weights[k].label),
                Target::Input(k) => match self.scene.source(at, k) {
                    Some(from) => self.name(from),
                    None => local.inputs[k].label.clone(),
                },
            };
            let size = norm(own);
            let other = |f: &dyn Fn(S) -> S| -> Vec<S> {
                let swapped: Vec<S> = own.iter().map(|x| f(*x)).collect();
                on_other(local, t, &swapped).gradient(delta, target, None)
            };
            if factor == 0.0 {
                if size == 0.0 && other(&|_| S::one()).iter().any(|x| *x != S::zero()) {
                    // Zeros that come out of another node are that one's doing.
                    if let (Target::Input(k), Target::Weight(_)) = (t, target)
                        && let Some(f) = self.scene.source(at, k).and_then(|from| self.silent(from))
                    {
                        return Some(f);
                    }
                    let text = format!("{} is multiplied by {what}, which is all zeros", self.name(at));
                    return Some(self.finding(at, Cause::ZeroTensor, format!("{what} is 0"), text));
                }
                continue;
            }
            // What a loss compares with is no factor.
            if (USUAL.0..=USUAL.1).contains(&factor) || local.kind.spec.is_loss() {
                continue;
            }
            let twice = other(&|x| x + x);
            let off: f64 = twice.iter().zip(out).map(|(a, b)| (a.to64() - 2.0 * b.to64()).powi(2)).sum();
            if off.sqrt() > 1e-3 * norm(out) {
                continue;
            }
            if factor < 1.0 {
                // The same sizes with other signs: if much more comes through then, the signs are what cancels.
                let mut random = stream(43, delta.len() as u64);
                let flip = |d: &S| if random.random::<bool>() { -*d } else { *d };
                let mixed: Vec<S> = delta.iter().map(flip).collect();
                let typical = norm(&local.gradient(&mixed, target, None)) / norm(&mixed);
                if factor < 0.3 * typical {
                    let text = format!(
                        "what arrives at {} with one sign and with the other mostly cancels: {} of it is left, \
                         where {} would be without",
                        self.name(at),
                        number(factor),
                        number(typical)
                    );
                    return Some(self.finding(at, Cause::Cancels, "mostly cancels", text));
                }
            }
            let rms = size / (own.len().max(1) as f64).sqrt();
            let (cause, short) = match factor < 1.0 {
                true => (Cause::SmallTensor, format!("{what} is small")),
                false => (Cause::LargeTensor, format!("{what} is large")),
            };
            let text = format!(
                "{} multiplies it by {what}, whose numbers are about {} in size (norm {}): that makes it \
                 {} times as large",
                self.name(at),
                number(rms),
                number(size),
                number(factor)
            );
            return Some(self.finding(at, cause, short, text));
        }
        None
    }

    fn sloped(&self, at: usize, local: &Local<S>, s: &Slopes, factor: f64) -> Option<Finding> {
        let (name, label) = (self.name(at), self.label(at));
        let smooth = local.kind.spec.kinks.is_empty();
        let (dead, units) = s.dead;
        let flat = format!("{} of {} outputs", s.flat.0, s.flat.1);
        if s.flat.0 == s.flat.1 && step(local) {
            let text = format!("{name} ({label}) is a step: its slope is 0 everywhere, so nothing passes");
            return Some(self.finding(at, Cause::Step, "slope 0 everywhere", text));
        }
        if !smooth && dead > 0 && (2 * dead >= units || factor == 0.0) && s.silent {
            let text =
                format!("{name} ({label}) is dead in {dead} of {units} units: there its slope is 0 for every sample");
            return Some(self.finding(at, Cause::Dead, format!("dead {dead} of {units}"), text));
        }
        if !smooth && 2 * s.flat.0 >= s.flat.1 {
            let (cause, short, text) = match s.silent {
                true => (Cause::Dead, "mostly 0", format!("the slope of {name} ({label}) is 0 for {flat}")),
                false => (
                    Cause::Clipped,
                    "at its bound",
                    format!("{name} ({label}) is at a bound for {flat}: there its slope is 0"),
                ),
            };
            return Some(self.finding(at, cause, short, text));
        }
        if smooth && s.mean < USUAL.0 {
            let text = format!("{name} ({label}) is saturated: the mean of its |slope| is {:.2e}", s.mean);
            return Some(self.finding(at, Cause::Saturated, format!("saturated, mean |f'| {:.1e}", s.mean), text));
        }
        if s.mean > USUAL.1 {
            let text = format!("{name} ({label}) is steep: the mean of its |slope| is {:.2e}", s.mean);
            return Some(self.finding(at, Cause::Steep, format!("steep, mean |f'| {:.1e}", s.mean), text));
        }
        None
    }

    /// Units of the inputs of a layer that are zero for every sample: their weights get no gradient.
    fn silent_input(&self, at: usize) -> Option<Finding> {
        let local = &self.locals[&at];
        for (pin, operand) in local.inputs.iter().enumerate() {
            let (quiet, units) = quiet(&operand.shape, &operand.data);
            if 2 * quiet < units || quiet == 0 {
                continue;
            }
            let Some(from) = self.scene.source(at, pin) else { continue };
            if let Some(f) = self.silent(from) {
                return Some(f);
            }
            let (name, source) = (self.name(at), self.name(from));
            let text = format!(
                "{quiet} of {units} units of {source}, the input of {name}, are 0 for every sample: their weights get no gradient"
            );
            return Some(self.finding(at, Cause::ZeroInput, format!("input 0 in {quiet} of {units}"), text));
        }
        None
    }

    /// Why an output is zero: dead units.
    fn silent(&self, from: usize) -> Option<Finding> {
        let local = self.scene.take(from);
        if !local.computes() {
            return None;
        }
        let s = slopes(&local, Target::Input(0)).filter(|s| s.silent && s.dead.0 > 0)?;
        self.sloped(from, &local, &s, 0.0).filter(|f| f.cause == Cause::Dead)
    }
}

/// The node with other numbers in one of its tensors, run forward on them.
fn on_other<S: Precision>(local: &Local<S>, target: Target, data: &[S]) -> Local<S> {
    let mut other = local.clone();
    match target {
        Target::Input(k) => other.inputs[k].data = data.to_vec(),
        Target::Weight(k) => other.weights[k].data = data.to_vec(),
    }
    other.forward();
    other
}

/// The axis of units: channels of pictures, else the last.
fn unit(shape: &[usize], i: usize) -> usize {
    let axis = if shape.len() == 4 { 1 } else { shape.len().saturating_sub(1) };
    let inner: usize = shape.iter().skip(axis + 1).product();
    i / inner.max(1) % shape.get(axis).copied().unwrap_or(1).max(1)
}

fn units(shape: &[usize]) -> usize {
    let axis = if shape.len() == 4 { 1 } else { shape.len().saturating_sub(1) };
    shape.get(axis).copied().unwrap_or(1)
}

/// Units that are zero in every sample, of all.
fn quiet<S: Precision>(shape: &[usize], data: &[S]) -> (usize, usize) {
    let mut loud = vec![false; units(shape)];
    for (i, x) in data.iter().enumerate().filter(|(_, x)| **x != S::zero()) {
        _ = x;
        loud[unit(shape, i)] = true;
    }
    (loud.iter().filter(|l| !**l).count(), loud.len())
}

/// Whether an output depends on the input in the same place alone, tried on other numbers.
fn elementwise<S: Precision>(local: &Local<S>, target: Target) -> bool {
    let n = local.tensor(target).data.len();
    if n != local.output().len() || n == 0 || local.targets().len() > 4 {
        return false;
    }
    let mut random = stream(31, n as u64);
    [(0.5, 0.4), (-3.0, 6.0)].into_iter().all(|(from, span)| {
        let data: Vec<S> = (0..n).map(|_| S::of(from + span * random.random::<f64>())).collect();
        let other = on_other(local, target, &data);
        [0, n / 2].into_iter().all(|i| {
            let mut hot = vec![S::zero(); n];
            hot[i] = S::one();
            other.gradient(&hot, target, None).iter().enumerate().all(|(k, g)| k == i || *g == S::zero())
        })
    })
}

/// The slopes of an elementwise function where it stands.
fn slopes<S: Precision>(local: &Local<S>, target: Target) -> Option<Slopes> {
    if !matches!(target, Target::Input(_)) || !local.tensor(target).flows || !elementwise(local, target) {
        return None;
    }
    let slope = local.gradient(&vec![S::one(); local.output().len()], target, None);
    let flat = slope.iter().filter(|s| **s == S::zero()).count();
    let mean = slope.iter().map(|s| s.to64().abs()).sum::<f64>() / slope.len() as f64;
    let silent = slope.iter().zip(local.output()).all(|(s, y)| *s != S::zero() || *y == S::zero());
    Some(Slopes { dead: quiet(&local.shape, &slope), flat: (flat, slope.len()), mean, silent })
}

/// Whether the slope is zero wherever one looks.
fn step<S: Precision>(local: &Local<S>) -> bool {
    let mut random = stream(37, 0);
    let data: Vec<S> = local.inputs[0].data.iter().map(|_| S::of(-3.0 + 6.0 * random.random::<f64>())).collect();
    let few = data.len() < 3;
    let other = on_other(local, Target::Input(0), &data);
    let ones = vec![S::one(); other.output().len()];
    let flat = |l: &Local<S>| l.gradient(&ones, Target::Input(0), None).iter().all(|s| *s == S::zero());
    flat(&other)
        && (!few
            || [-0.7, 0.7, 2.5].into_iter().all(|x| {
                let all = vec![S::of(x); data.len()];
                flat(&on_other(local, Target::Input(0), &all))
            }))
}

/// Whether most of the gradient is there, and half of what leaves is not.
fn picks<S: Precision>(delta: &[S], out: &[S]) -> bool {
    let zero = |d: &[S]| 2 * d.iter().filter(|x| **x == S::zero()).count();
    zero(delta) < delta.len() && zero(out) >= out.len()
}

/// Whether the factor does not depend on the numbers that arrive.
fn constant<S: Precision>(local: &Local<S>, target: Target, delta: &[S], out: &[S]) -> bool {
    let mut random = stream(41, 0);
    local.targets().into_iter().all(|t| {
        let data: Vec<S> = local.tensor(t).data.iter().map(|_| S::of(0.5 + 0.4 * random.random::<f64>())).collect();
        let moved = on_other(local, t, &data).gradient(delta, target, None);
        let off: f64 = moved.iter().zip(out).map(|(a, b)| (a.to64() - b.to64()).powi(2)).sum();
        off.sqrt() <= 1e-4 * norm(out)
    })
}
