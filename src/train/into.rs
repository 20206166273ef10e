//! A look inside one instruction: its parts, and where one element came from.

use crate::engine::{Element, Explanation, Factor, Origin, Phase, Scene, Term, index_text};
use crate::graph::NodeId;
use crate::ops::{Precision, Role};
use crate::tensor::View;
use crate::train::session::Session;
use crate::train::shots::shot;
use crate::train::{ElementRef, TensorRef, TensorShot};

/// Which instruction is opened, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntoRef {
    /// The node of the instruction.
    pub node: NodeId,
    /// What the instruction does.
    pub phase: Phase,
    /// For an update: the number of the weight.
    pub param: Option<usize>,
    /// The part looked at; the first if none.
    pub tensor: Option<TensorRef>,
    /// The element of that part that is taken apart, if one is.
    pub index: Option<usize>,
}

/// One part of the opened instruction.
#[derive(Clone, Debug)]
pub struct PartShot {
    /// What it is: `matrix product`, `weight.grad`.
    pub name: String,
    /// Its formula in LaTeX; empty where the node's chain rule says it.
    pub formula: String,
    /// Its numbers.
    pub tensor: TensorShot,
}

/// The opened instruction.
#[derive(Clone, Debug)]
pub struct IntoShot {
    /// What is opened.
    pub of: IntoRef,
    /// Its parts, in the order in which they are computed.
    pub parts: Vec<PartShot>,
    /// Where the chosen element came from, or why it cannot be said.
    pub made: Option<Result<Explanation, String>>,
}

impl IntoShot {
    /// The number of the part looked at.
    pub fn part(&self) -> usize {
        Self::part_of(&self.parts, self.of.tensor)
    }

    /// The number of the part that holds `tensor`; the first if none does.
    pub fn part_of(parts: &[PartShot], tensor: Option<TensorRef>) -> usize {
        tensor.and_then(|t| parts.iter().position(|p| p.tensor.which == t)).unwrap_or(0)
    }
}

/// Where a factor of an explanation of a number of node `node` was computed: the place to go to.
pub fn origin(graph: &crate::graph::Graph, node: NodeId, factor: &Factor) -> Option<IntoRef> {
    let to = |node, phase, tensor| {
        Some(IntoRef { node, phase, param: None, tensor: Some(tensor), index: Some(factor.index) })
    };
    let forward = |node: NodeId| {
        let loss = graph.node(node).and_then(|n| n.spec()).is_some_and(|s| s.is_loss());
        if loss { Phase::Loss } else { Phase::Forward }
    };
    match factor.of {
        Origin::Delta => to(node, Phase::Backward, TensorRef::OutputGrad),
        Origin::Output => to(node, forward(node), TensorRef::Output),
        Origin::Part(k) => to(node, forward(node), TensorRef::Part(k)),
        Origin::Input(pin) => {
            let from = graph.inputs(node).iter().find(|w| w.input == pin)?.from;
            to(from, forward(from), TensorRef::Output)
        }
        Origin::Consumer(consumer, pin) => to(consumer, Phase::Backward, TensorRef::InputGrad(pin)),
        Origin::Weight(_) | Origin::Buffer(_) | Origin::Local | Origin::Constant => None,
    }
}

/// Weights as they were before the updates of a batch.
#[derive(Clone, Debug)]
pub(super) struct Before<S> {
    /// Batches completed then.
    pub step: u64,
    /// The rate of those updates.
    pub rate: f64,
    pub values: Vec<S>,
}

impl<S: Precision> Session<S> {
    /// Whether the optimiser has moved a weight since the present numbers were computed.
    fn moved(&self) -> bool {
        let (plan, pass) = self.current();
        plan.program()[..pass.cursor()].iter().any(|i| i.phase == Phase::Update)
    }

    /// What the engine needs to take numbers apart.
    ///
    /// # Errors
    /// If the weights that made the numbers are no longer there.
    fn scene(&self, budget: u64) -> Result<Scene<'_, S>, String> {
        let (plan, pass) = self.current();
        let used: &[S] = match self.before() {
            _ if !self.moved() => &self.weights().values,
            Some(before) => &before.values,
            None => {
                return Err("the weights have moved since these numbers were computed: run one more node (F10) or \
                            batch (F7) to have both"
                    .into());
            }
        };
        Ok(Scene { plan, pass, weights: self.weights(), used, graph: self.graph(), budget })
    }

    /// Where an element came from: the terms that make it.
    ///
    /// # Errors
    /// Says why there is nothing to say.
    pub fn take_apart(&self, of: ElementRef, budget: u64) -> Result<Explanation, String> {
        let element = match of.tensor {
            TensorRef::Output => Element::Output(of.index),
            TensorRef::Part(part) => Element::Part(part, of.index),
            TensorRef::InputGrad(pin) => Element::InputGrad(pin, of.index),
            TensorRef::WeightGrad(w) => Element::WeightGrad(w, of.index),
            TensorRef::OutputGrad => return self.contributions(of),
            TensorRef::Weight(w) => return self.update(of, w),
            TensorRef::Input(pin) => {
                let wire = self.graph().inputs(of.node).iter().find(|w| w.input == pin).copied();
                let from = wire.ok_or("nothing is wired to this pin")?.from;
                return self.take_apart(ElementRef { node: from, tensor: TensorRef::Output, ..of }, budget);
            }
        };
        self.scene(budget)?.explain(of.node, element)
    }

    /// The gradient of a value: what its consumers send back.
    fn contributions(&self, of: ElementRef) -> Result<Explanation, String> {
        let (plan, pass) = self.current();
        let grad = pass.grad(plan, of.node).ok_or("δ is not complete: a consumer has not run backward yet")?;
        let total = grad.data.get(of.index).ok_or("there is no such element")?.to64();
        let mut terms = Vec::new();
        for (c, pin) in plan.consumers(of.node) {
            let Some(view) = pass.input_grad(plan, c, pin) else { continue };
            let value = view.data[of.index].to64();
            let node = self.graph().node(c);
            let pin_name = node.and_then(|n| n.spec()).map_or_else(String::new, |s| s.input_name(pin));
            let name = node.map_or("", |n| n.name.as_str());
            let label = format!("{name}.{pin_name}.grad{}", index_text(view.shape, of.index));
            let factor = Factor { of: Origin::Consumer(c, pin), index: of.index, label, value };
            terms.push(Term { factors: vec![factor], value, slope: None });
        }
        let seeded = plan.loss_terms().iter().find(|t| t.0 == of.node);
        if let Some((_, weight)) = seeded {
            let label = if *weight == 1.0 { "∂L/∂L".to_owned() } else { "loss_weight · ∂L/∂L".to_owned() };
            let factor = Factor { of: Origin::Constant, index: 0, label, value: *weight };
            terms.push(Term { factors: vec![factor], value: *weight, slope: None });
        }
        let title = match (terms.len(), seeded) {
            (1, Some(_)) => "the seed: the loss changes by itself, one to one",
            (1, None) => "what its one consumer sends back",
            _ => "what its consumers send back, added up",
        };
        Ok(Explanation { title: title.into(), terms, total, ..Explanation::default() })
    }

    /// A weight: what it was, and how the optimiser moved it.
    fn update(&self, of: ElementRef, w: usize) -> Result<Explanation, String> {
        let (plan, pass) = self.current();
        let weights = self.weights();
        let own = weights.infos.iter().enumerate().filter(|(_, i)| i.node == of.node);
        let (k, info) = own.clone().nth(w).ok_or("there is no such weight")?;
        if of.index >= info.range.len() {
            return Err("there is no such element".into());
        }
        let now = weights.value(k)[of.index].to64();
        let label = format!("{}{}", info.label, index_text(&info.shape, of.index));
        let given = |label, value| {
            let factor = Factor { of: Origin::Weight(w), index: of.index, label, value };
            Term { factors: vec![factor], value, slope: None }
        };
        let ran = plan.program()[..pass.cursor()].iter().any(|i| i.phase == Phase::Update && i.param == Some(k));
        let Some(before) = self.before().filter(|_| ran) else {
            let title =
                if self.steps() == 0 { "as it was drawn at the start, or set" } else { "as the latest update left it" };
            return Ok(Explanation {
                title: title.into(),
                terms: vec![given(label, now)],
                total: now,
                ..Explanation::default()
            });
        };
        let old = before.values[info.range.start + of.index].to64();
        let rate = before.rate * info.tuning.lr_factor;
        let (change, grad) = (now - old, weights.grad(k)[of.index].to64());
        let step = -change / rate;
        let constant = |label: &str, value| Factor { of: Origin::Constant, index: 0, label: label.into(), value };
        let optimizer = self.config().optimizer.about().label;
        let plain = (step - grad).abs() <= 1e-3 * (grad.abs() + 1e-9);
        let (name, title) = if plain {
            (
                format!("{}.grad{}", info.label, index_text(&info.shape, of.index)),
                "old weight − learning rate · gradient".to_owned(),
            )
        } else {
            (
                format!("step of {optimizer}"),
                format!("old weight − learning rate · step of {optimizer} (its gradient is {grad:.6})"),
            )
        };
        let moved =
            vec![constant("−learning rate", -rate), Factor { of: Origin::Local, index: 0, label: name, value: step }];
        let terms = vec![given(format!("old {label}"), old), Term { factors: moved, value: change, slope: None }];
        Ok(Explanation { title, terms, total: now, ..Explanation::default() })
    }

    /// The opened instruction with its parts; `None` if there is no such instruction.
    pub fn look_into(&self, of: IntoRef, budget: u64) -> Option<IntoShot> {
        let mut parts = Vec::new();
        let (plan, pass) = self.current();
        let node = self.graph().node(of.node)?;
        let spec = node.spec()?;
        let weights = self.weights();
        let own: Vec<usize> = (0..weights.infos.len()).filter(|k| weights.infos[*k].node == of.node).collect();
        let mut part =
            |name: String, formula: String, tensor: TensorShot| parts.push(PartShot { name, formula, tensor });
        match of.phase {
            Phase::Forward | Phase::Loss => {
                let opened = match self.scene(budget) {
                    Ok(scene) => scene.open(of.node).unwrap_or_default(),
                    Err(_) => Vec::new(),
                };
                let last = opened.len().saturating_sub(1);
                for (k, p) in opened.into_iter().enumerate() {
                    let which = if k == last { TensorRef::Output } else { TensorRef::Part(k) };
                    let view = View { shape: &p.shape, data: &p.data };
                    part(p.name.clone(), p.formula, shot(which, p.name, &p.shape, Some(view)));
                }
                if last == 0 && pass.value(plan, of.node).is_none() {
                    let shape = self.inference().shape(of.node).map(|s| s.concrete(plan.batch())).unwrap_or_default();
                    let blank = shot::<S>(TensorRef::Output, "output".into(), &shape, None);
                    part("output".into(), spec.formula.forward.into(), blank);
                }
            }
            Phase::Seed | Phase::Backward => {
                let shape = self.inference().shape(of.node).map(|s| s.concrete(plan.batch())).unwrap_or_default();
                let delta = shot(TensorRef::OutputGrad, "δ".into(), &shape, pass.grad(plan, of.node));
                part("δ arrives".into(), r"\delta = \frac{\partial L}{\partial z}".into(), delta);
                if of.phase == Phase::Backward {
                    let back = pass.done(plan, of.node, Phase::Backward);
                    for (w, k) in own.iter().copied().enumerate().filter(|(_, k)| !weights.infos[*k].buffer) {
                        let info = &weights.infos[k];
                        let grad = View { shape: &info.shape, data: weights.grad(k) };
                        let name = format!("{}.grad", info.name);
                        part(
                            name.clone(),
                            String::new(),
                            shot(TensorRef::WeightGrad(w), name, &info.shape, back.then_some(grad)),
                        );
                    }
                    for wire in self.graph().inputs(of.node) {
                        let pin = wire.input;
                        let shape =
                            self.inference().shape(wire.from).map(|s| s.concrete(plan.batch())).unwrap_or_default();
                        let grad = pass.input_grad(plan, of.node, pin);
                        let source = self.graph().node(wire.from).and_then(|n| n.spec());
                        if spec.no_grad.contains(&pin) || source.is_some_and(|s| s.role == Role::Target) {
                            continue;
                        }
                        let name = format!("{}.grad", spec.input_name(pin));
                        part(name.clone(), String::new(), shot(TensorRef::InputGrad(pin), name, &shape, grad));
                    }
                    // A penalty reads weights, not wires.
                    let wired = self.graph().inputs(of.node).len();
                    for pin in wired..if spec.role == Role::Penalty { usize::MAX } else { wired } {
                        let Some(grad) = pass.input_grad(plan, of.node, pin) else { break };
                        let name = format!("weight {pin}.grad");
                        part(
                            name.clone(),
                            String::new(),
                            shot(TensorRef::InputGrad(pin), name, grad.shape, Some(grad)),
                        );
                    }
                }
            }
            Phase::Update => {
                let k = of.param?;
                let info = weights.infos.get(k)?;
                let w = own.iter().position(|o| *o == k)?;
                let value = View { shape: &info.shape, data: weights.value(k) };
                let name = info.name.to_owned();
                let formula = r"W \leftarrow W - \eta\,\cdot\,\text{step}";
                part(name.clone(), formula.into(), shot(TensorRef::Weight(w), name, &info.shape, Some(value)));
            }
        }
        let mut opened = IntoShot { of, parts, made: None };
        let chosen = opened.parts.get(opened.part()).map(|p| (p.tensor.which, p.tensor.ready));
        if let (Some(index), Some((which, ready))) = (of.index, chosen) {
            // Inside, the output is the last part, made of the parts before it.
            let tensor = match which {
                TensorRef::Output if matches!(of.phase, Phase::Forward | Phase::Loss) => {
                    TensorRef::Part(opened.parts.len() - 1)
                }
                t => t,
            };
            let element = ElementRef { node: of.node, tensor, index };
            opened.made = Some(match ready {
                true => self.take_apart(element, budget),
                false => Err("to come: not computed in this pass yet".into()),
            });
        }
        Some(opened)
    }
}
