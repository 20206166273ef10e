//! The first bad value: where the first NaN or infinity of a run was born, from which numbers, and by which rule.
//!
//! Nothing here knows a kind of node: what an element depends on is found by running the node's own backward on harmless
//! numbers, and the guilty input by running its forward with all others harmless.

use crate::engine::{Bad, Keep, Local, Operand, Pass, Phase, Plan, Weights, index_text};
use crate::graph::{Fix, NodeId};
use crate::ops::{Break, Precision, number_text};
use crate::tensor::{norm, stream};
use crate::train::{Session, TrainConfig};
use rand::RngExt as _;

/// What keeps the bad value from coming again.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// A change of the graph.
    Graph(Fix),
    /// Other training settings; what changes, for a button.
    Train(String, TrainConfig),
}

impl Remedy {
    /// What it does, for a button.
    pub fn label(&self) -> &str {
        match self {
            Remedy::Graph(fix) => &fix.label,
            Remedy::Train(label, _) => label,
        }
    }
}

/// Where and how the first NaN or infinity came to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Birth {
    /// The node.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// In which kind of instruction.
    pub phase: Phase,
    /// The element: `output[2,0]`, `input.grad[3,1]`, `weight[0]`.
    pub element: String,
    /// What it is: NaN or an infinity.
    pub value: f64,
    /// The numbers it was made of, the guilty or largest first.
    pub readings: Vec<(String, f64)>,
    /// How many more there are.
    pub hidden: usize,
    /// The rule that was broken.
    pub rule: String,
    /// What else the run shows, such as weights that have grown.
    pub signs: Vec<String>,
    /// What to do.
    pub remedies: Vec<Remedy>,
}

impl Birth {
    /// All of it in one line.
    pub fn sentence(&self) -> String {
        let from: Vec<String> = self.readings.iter().take(3).map(|(l, v)| format!("{l} = {}", plain(*v))).collect();
        let from = if from.is_empty() { String::new() } else { format!(" (from {})", from.join(", ")) };
        let signs: String = self.signs.iter().map(|s| format!("; {s}")).collect();
        let fixes: Vec<&str> = self.remedies.iter().map(Remedy::label).collect();
        let mend = if fixes.is_empty() { String::new() } else { format!(". To mend it: {}", fixes.join("; or ")) };
        format!(
            "{} of \"{}\" became {} in the {}{from}: {}{signs}{mend}",
            self.element,
            self.name,
            self.value,
            format!("{:?}", self.phase).to_lowercase(),
            self.rule,
        )
    }
}

/// Readings listed at most.
const LISTED: usize = 8;
/// A weight whose norm is so many times that at its start has grown.
const GROWN: f64 = 100.0;
/// A number of this size has grown, whatever its kind.
const HUGE: f64 = 1e15;
/// A harmless number: inside the domain of every function in the catalogue.
const HARMLESS: f64 = 0.5;

impl<S: Precision> Session<S> {
    /// The birth of the first bad value of the present batch, if there is one.
    pub fn birth(&self) -> Option<Birth> {
        let (plan, pass) = self.current();
        // What is gone is computed again.
        let gone = plan.keep() != Keep::All && pass.bad()?.phase != Phase::Update;
        match gone.then(|| self.in_full()).flatten() {
            Some((plan, fork)) => self.born(&plan, &fork.pass, &fork.weights),
            None => self.born(plan, pass, self.weights()),
        }
    }

    fn born(&self, plan: &Plan, pass: &Pass<S>, weights: &Weights<S>) -> Option<Birth> {
        let bad = pass.bad()?;
        let node = self.graph().node(bad.node)?;
        let mut birth = Birth {
            node: bad.node,
            name: node.name.clone(),
            phase: bad.phase,
            element: format!("element {}", bad.element),
            value: f64::NAN,
            readings: Vec::new(),
            hidden: 0,
            rule: String::new(),
            signs: self.grown(),
            remedies: Vec::new(),
        };
        let overflow = match (bad.phase, Local::take(plan, pass, weights, bad.node)) {
            (Phase::Update, _) => self.of_update(bad, &mut birth),
            (Phase::Backward, Some(mut local)) => {
                local.forward();
                let delta = pass.grad(plan, bad.node).map(|v| v.data.to_vec()).unwrap_or_default();
                self.of_backward(bad, &mut local, &delta, &mut birth)
            }
            (_, Some(mut local)) => self.of_forward(bad, &mut local, &mut birth),
            (_, None) if plan.keep() != Keep::All => {
                birth.rule =
                    "there is no room to compute again what it was made of; a smaller batch would show it".into();
                false
            }
            (_, None) => {
                birth.rule = "the data itself holds a value that is no finite number".into();
                birth.signs.clear();
                false
            }
        };
        let grown = !birth.signs.is_empty() || birth.readings.iter().any(|(_, x)| x.abs() > HUGE);
        if !birth.signs.is_empty() {
            birth.rule += "; the learning rate is too large for this network: its weights have run away";
        }
        if overflow || grown {
            birth.remedies.extend(self.calmer());
        }
        Some(birth)
    }

    /// Each of these says whether something overflowed.
    fn of_update(&self, bad: Bad, birth: &mut Birth) -> bool {
        let Some(info) = bad.param.and_then(|k| self.weights().infos.get(k)) else { return true };
        let at = info.range.start + bad.element;
        birth.element = format!("{}{}", info.name, index_text(&info.shape, bad.element));
        birth.value = self.weights().values[at].to64();
        let grad = self.weights().grads[at].to64();
        birth.readings = vec![
            (format!("gradient of {}", birth.element), grad),
            ("learning rate".into(), self.rate() * info.tuning.lr_factor),
        ];
        birth.rule = if grad.is_finite() {
            "the step that the optimiser took is larger than the largest number".into()
        } else {
            "the gradient of this weight overflowed: the sum over the batch is larger than the largest number".into()
        };
        true
    }

    fn of_forward(&self, bad: Bad, local: &mut Local<S>, birth: &mut Birth) -> bool {
        birth.element = format!("output{}", index_text(&local.shape, bad.element));
        birth.value = local.forward().get(bad.element).map_or(f64::NAN, |x| x.to64());
        let mut touched = touched(local, bad.element);
        if let Some((k, i)) = first_bad(&local.weights) {
            let label = format!("{}{}", local.weights[k].label, index_text(&local.weights[k].shape, i));
            birth.readings = vec![(label.clone(), local.weights[k].data[i].to64())];
            birth.rule = format!("{label} is no finite number already: an update or an edit before made it so");
            return self.steps() > 0;
        }
        if let Some((rule, pin, i, count)) = lost(local) {
            let (label, value) = self.reading(local, pin, i);
            let batch = local.inputs[pin].shape.first().copied().unwrap_or(1).max(1);
            let sample = i / (local.inputs[pin].data.len() / batch).max(1);
            let allowed = if count == 1 { "only 0 is".to_owned() } else { format!("0 to {} are", count - 1) };
            birth.rule = format!(
                "{}: {label} is {}, in sample {sample} of the batch; {allowed} allowed",
                rule.says,
                plain(value)
            );
            birth.readings = vec![(label, value)];
            return false;
        }
        convict(local, bad.element, &mut touched);
        let values = |list: &[(usize, usize)], local: &Local<S>| -> Vec<(String, f64)> {
            list.iter().map(|(k, i)| self.reading(local, *k, *i)).collect()
        };
        let broken = broken(local, &touched, false);
        birth.readings = values(&touched, local);
        let mut wide: Local<f64> = local.cast();
        let exact = wide.forward().get(bad.element).copied().unwrap_or(f64::NAN);
        birth.rule = match broken {
            Some(b) if exact.is_finite() => format!("{}; exactly it would be {exact:.3e}", b.says),
            Some(b) => b.says.to_owned(),
            None if exact.is_finite() && birth.value.is_nan() => {
                format!(
                    "an intermediate result is larger than the largest f32, 3.4e38; exactly it would be {exact:.3e}"
                )
            }
            None if exact.is_finite() => {
                format!("overflow: the result {exact:.3e} is larger than the largest f32, 3.4e38")
            }
            None if birth.value.is_nan() => {
                "the result is not defined for these numbers, such as 0/0, ∞ − ∞ or ∞ · 0".into()
            }
            None => "the result is infinite for these numbers, as after a division by zero".into(),
        };
        self.finish(broken, birth);
        exact.is_finite()
    }

    fn of_backward(&self, bad: Bad, local: &mut Local<S>, delta: &[S], birth: &mut Birth) -> bool {
        let pin = bad.input.unwrap_or(0);
        let Some(operand) = local.inputs.get(pin) else { return false };
        let label = format!("{}.grad{}", operand.label, index_text(&operand.shape, bad.element));
        birth.value = local.backward(delta).inputs[pin].as_ref().map_or(f64::NAN, |g| g[bad.element].to64());
        birth.element = label;
        let own = [(pin, bad.element)];
        birth.readings.push(self.reading(local, pin, bad.element));
        let outputs = reached(local, pin, bad.element);
        for o in &outputs {
            let (d, y) = (delta.get(*o), local.output().get(*o));
            birth.readings.extend(d.map(|d| (format!("δ{}", index_text(&local.shape, *o)), d.to64())));
            birth.readings.extend(y.map(|y| (format!("output{}", index_text(&local.shape, *o)), y.to64())));
        }
        let broken = broken(local, &own, true);
        let mut wide: Local<f64> = local.cast();
        wide.forward();
        let wide_delta: Vec<f64> = delta.iter().map(|d| d.to64()).collect();
        let exact = wide.backward(&wide_delta).inputs[pin].as_ref().map_or(f64::NAN, |g| g[bad.element]);
        let arrives = outputs.iter().any(|o| delta.get(*o).is_some_and(|d| !d.is_finite()));
        birth.rule = match broken {
            Some(b) => b.says.to_owned(),
            None if arrives => {
                "the gradient that arrives is no finite number: the sum over the consumers overflowed".into()
            }
            None if exact.is_finite() => {
                format!("the gradient exploded: {exact:.3e} is larger than the largest f32, 3.4e38")
            }
            None => "the local derivative is infinite or not defined at this input".into(),
        };
        self.finish(broken, birth);
        broken.is_none() && (arrives || exact.is_finite())
    }

    /// Keeps the list short, and adds what the kind of node says would mend it.
    fn finish(&self, broken: Option<&Break>, birth: &mut Birth) {
        birth.hidden = birth.readings.len().saturating_sub(LISTED);
        birth.readings.truncate(LISTED);
        if let Some(b) = broken {
            let fixes = b.repairs.iter().filter_map(|r| self.graph().repair(birth.node, r));
            birth.remedies.extend(fixes.map(Remedy::Graph));
        }
    }

    /// An element of an input with the name of the node it comes from.
    fn reading(&self, local: &Local<S>, pin: usize, i: usize) -> (String, f64) {
        let o = &local.inputs[pin];
        let wire = self.graph().inputs(local.node).into_iter().find(|w| w.input == pin);
        let from = wire.and_then(|w| self.graph().node(w.from)).map(|n| format!(" from {}", n.name));
        (format!("{}{}{}", o.label, index_text(&o.shape, i), from.unwrap_or_default()), o.data[i].to64())
    }

    /// The weights that are many times as large as at the start.
    fn grown(&self) -> Vec<String> {
        let start = Weights::<S>::init(self.graph(), self.inference(), self.config().seed);
        let mut list = Vec::new();
        for (k, info) in self.weights().infos.iter().enumerate().filter(|(_, i)| i.trained()) {
            let (then, now) = (norm(start.value(k)), norm(self.weights().value(k)));
            if now > GROWN * then.max(1.0) {
                list.push(format!("‖{}‖ has grown from {then:.2} to {now:.2e}", info.label));
            }
        }
        list
    }

    /// Training settings that keep weights from running away.
    fn calmer(&self) -> Vec<Remedy> {
        let config = self.config();
        let rate = config.optimizer.lr();
        let mut list = Vec::new();
        if rate > 0.0 {
            let optimizer = config.optimizer.clone().with_lr(tidy(rate / 10.0));
            let label = format!("Learning rate {} instead of {}", plain(optimizer.lr()), plain(rate));
            list.push(Remedy::Train(label, TrainConfig { optimizer, ..config.clone() }));
        }
        if config.limits.clip_norm == 0.0 {
            let mut calm = config.clone();
            calm.limits.clip_norm = 1.0;
            list.push(Remedy::Train("Clip gradients to norm 1".into(), calm));
        }
        list
    }
}

/// The elements of inputs, as pin and index, on which an element of the output depends.
fn touched<S: Precision>(local: &Local<S>, element: usize) -> Vec<(usize, usize)> {
    let mut probe: Local<f64> = local.cast();
    let mut found = std::collections::BTreeSet::new();
    let mut rng = stream(7, element as u64);
    for _ in 0..3 {
        for o in probe.inputs.iter_mut().filter(|o| o.flows) {
            o.data.fill_with(|| HARMLESS + 0.4 * rng.random::<f64>());
        }
        let len = probe.forward().len();
        let mut delta = vec![0.0; len];
        delta[element] = 1.0;
        for (pin, grad) in probe.backward(&delta).inputs.iter().enumerate() {
            let grad = grad.iter().flatten().enumerate();
            found.extend(grad.filter(|(_, g)| **g != 0.0).map(|(i, _)| (pin, i)));
        }
    }
    found.into_iter().collect()
}

/// The elements of the output that depend on one element of an input.
fn reached<S: Precision>(local: &Local<S>, pin: usize, element: usize) -> Vec<usize> {
    let mut probe: Local<f64> = local.cast();
    let mut rng = stream(11, element as u64);
    for o in probe.inputs.iter_mut().filter(|o| o.flows) {
        o.data.fill_with(|| HARMLESS + 0.4 * rng.random::<f64>());
    }
    let before = probe.forward().to_vec();
    probe.inputs[pin].data[element] += 0.05;
    let after = probe.forward();
    let moved = before.iter().zip(after).enumerate().filter(|(_, (a, b))| a != b);
    moved.map(|(i, _)| i).take(LISTED / 2).collect()
}

/// Leaves of the elements in `set` those that alone make the output bad, if few do; else the largest come first.
fn convict<S: Precision>(local: &Local<S>, element: usize, set: &mut Vec<(usize, usize)>) {
    let all = set.clone();
    let mut trial = local.clone();
    let mut guilty = |part: &[(usize, usize)]| {
        for (k, i) in &all {
            trial.inputs[*k].data[*i] = S::of(HARMLESS);
        }
        for (k, i) in part {
            trial.inputs[*k].data[*i] = local.inputs[*k].data[*i];
        }
        !trial.forward()[element].is_finite()
    };
    while set.len() > 1 {
        let (left, right) = set.split_at(set.len() / 2);
        if guilty(left) {
            *set = left.to_vec();
        } else if guilty(right) {
            *set = right.to_vec();
        } else {
            break;
        }
    }
    let size = |(k, i): &(usize, usize)| local.inputs[*k].data[*i].to64().abs();
    set.sort_by(|a, b| size(b).total_cmp(&size(a)));
    // Beside the guilty element stands what is paired with it, such as the target of a prediction.
    if let [(k, i)] = set[..] {
        let paired =
            local.inputs.iter().enumerate().filter(|(p, o)| *p != k && o.data.len() == local.inputs[k].data.len());
        let more: Vec<_> = paired.map(|(p, _)| (p, i)).collect();
        set.extend(more);
    }
}

/// The rule of the kind that one of these elements breaks.
fn broken<S: Precision>(local: &Local<S>, set: &[(usize, usize)], backward: bool) -> Option<&'static Break> {
    let breaks = |b: &&Break| {
        let mut own = set.iter().filter(|(k, _)| *k == b.pin);
        b.backward == backward
            && local.given(b)
            && own.any(|(k, i)| b.when.holds(local.inputs[*k].data[*i].to64(), local.count(b)))
    };
    local.kind.breaks.iter().find(breaks)
}

/// The first number of an input that should choose one of so many and chooses none: the rule, pin, element, how many.
fn lost<S: Precision>(local: &Local<S>) -> Option<(&'static Break, usize, usize, usize)> {
    local.kind.breaks.iter().filter(|b| local.given(b)).find_map(|b| {
        let (count, data) = (local.count(b)?, &local.inputs.get(b.pin)?.data);
        let i = data.iter().position(|x| b.when.holds(x.to64(), Some(count)))?;
        Some((b, b.pin, i, count))
    })
}

/// Without what rounding of binary fractions adds: 0.003 / 10 is 0.0003.
fn tidy(x: f64) -> f64 {
    format!("{x:.12e}").parse().unwrap_or(x)
}

/// As people write it, `0.0003` and `1e-7`; a number of single precision has the digits that it has there.
fn plain(x: f64) -> String {
    let single = x as f32;
    let digits = if f64::from(single) == x { single.to_string().parse().unwrap_or(x) } else { tidy(x) };
    number_text(digits)
}

fn first_bad<S: Precision>(list: &[Operand<S>]) -> Option<(usize, usize)> {
    list.iter().enumerate().find_map(|(k, o)| Some((k, o.data.iter().position(|x| !x.is_finite())?)))
}
