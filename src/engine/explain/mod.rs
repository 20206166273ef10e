//! Where one number came from, term by term.
//!
//! The terms are not formulas written a second time: they come from the operation's own forward and backward. A backward
//! pass is linear in ∂L/∂output, so feeding it one element of ∂L/∂output at a time gives the terms of a gradient, and the
//! same gives the local derivatives of one output. What a local derivative *is* (an element of the input, of a weight) is
//! found by giving it other numbers and seeing which one comes back.

mod backward;
mod forward;
mod inside;
mod names;
mod picture;
#[cfg(test)]
mod tests;

pub use picture::{Picture, Plane, Tap};

use crate::engine::local::{Local, Target};
use crate::engine::pass::Pass;
use crate::engine::{Keep, Phase, Plan, Weights};
use crate::graph::{Graph, NodeId};
use crate::ops::Precision;

/// Which element of which tensor of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Of the output.
    Output(usize),
    /// Of the contribution to the gradient of input `.0`.
    InputGrad(usize, usize),
    /// Of the gradient of the node's weight `.0`.
    WeightGrad(usize, usize),
    /// Element `.1` of part `.0` of the forward pass, see [`crate::ops::Op::parts`].
    Part(usize, usize),
}

/// Where a factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// ∂L/∂output.
    Delta,
    /// The value at an input pin.
    Input(usize),
    /// A weight of the node.
    Weight(usize),
    /// What the node keeps between passes.
    Buffer(usize),
    /// A part of the forward pass.
    Part(usize),
    /// The output.
    Output,
    /// What this node sends back to the value at its input pin `.1`.
    Consumer(NodeId, usize),
    /// A local derivative that is no element of a tensor.
    Local,
    /// A constant of the operation, or what is left over.
    Constant,
}

/// A number in a term.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// Which tensor it is of.
    pub of: Origin,
    /// Flat index there.
    pub index: usize,
    /// Its name with index: `hidden 1.weight[2,0]`, `δ[0,1]`.
    pub label: String,
    /// Its value.
    pub value: f64,
}

/// One summand, or one argument of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Term {
    /// What is multiplied.
    pub factors: Vec<Factor>,
    /// What it contributes; for an argument of a function its value.
    pub value: f64,
    /// ∂output/∂argument, for an argument of a function.
    pub slope: Option<f64>,
}

/// How the terms make the number.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Joined {
    /// It is their sum.
    #[default]
    Sum,
    /// It is this function of them.
    Function(String),
}

/// What made a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What is done, in words and signs.
    pub title: String,
    /// How the terms make the number.
    pub joined: Joined,
    /// The terms of largest size, in their own order.
    pub terms: Vec<Term>,
    /// The number that is taken apart, as it was rounded.
    pub total: f64,
    /// How many smaller terms are not listed.
    pub hidden: usize,
    /// The sum of those.
    pub rest: f64,
    /// The terms as pictures, where they are a kernel on a patch.
    pub picture: Option<Picture>,
}

/// Terms listed at most.
const MOST: usize = 64;

/// Floating-point operations that taking one number apart may cost while the run is paused: a fraction of a second.
pub const PATIENT: u64 = 400_000_000;
/// The same while training runs.
pub const HASTY: u64 = 2_000_000;

/// What is known of the run when a number is taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a, S> {
    /// The program.
    pub plan: &'a Plan,
    /// How far it has run.
    pub pass: &'a Pass<S>,
    /// The weights and their gradients now.
    pub weights: &'a Weights<S>,
    /// Elements of the weights that this pass ran with; the present ones, until the optimiser moves them.
    pub used: &'a [S],
    /// The graph, for the names of its nodes.
    pub graph: &'a Graph,
    /// Floating-point operations that may be spent.
    pub budget: u64,
}

/// A part of a node's forward pass with its numbers, see [`crate::ops::Op::parts`].
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// What it is.
    pub name: String,
    /// Its formula in LaTeX.
    pub formula: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<f64>,
}

impl<S: Precision> Scene<'_, S> {
    /// Takes one element apart.
    ///
    /// # Errors
    /// Says why there is nothing to take apart: not computed yet, no such element.
    pub fn explain(&self, node: NodeId, element: Element) -> Result<Explanation, String> {
        let at = *self.plan.index.get(&node).ok_or("this node is not part of the program")?;
        let step = &self.plan.steps[at];
        if self.plan.keep() != Keep::All {
            return Err("this run keeps no numbers to be looked into".into());
        }
        if self.pass.value(self.plan, node).is_none() {
            return Err("not computed in this pass yet".into());
        }
        let local = Local::of(self.plan, self.pass, step, self.weights, self.used);
        let names = names::Names::new(self, step);
        let within = |len: usize, i: usize| {
            if i < len { Ok(i) } else { Err(format!("there is no element {i}: the tensor has {len}")) }
        };
        match element {
            Element::Output(i) => {
                let i = within(local.output.len(), i)?;
                let e = forward::output(&local, i, self.budget);
                // What is no sum is better understood by its last part.
                if matches!(e.joined, Joined::Function(_)) && inside::declared(&local) {
                    let last = inside::parts(&local).len() - 1;
                    return names.inside(&local, last, i);
                }
                Ok(names.label(e))
            }
            Element::Part(part, i) if inside::declared(&local) => names.inside(&local, part, i),
            Element::Part(_, i) => {
                let i = within(local.output.len(), i)?;
                Ok(names.label(forward::output(&local, i, self.budget)))
            }
            Element::InputGrad(..) | Element::WeightGrad(..) => {
                if !self.pass.done(self.plan, node, Phase::Backward) {
                    return Err("the backward of this node has not run yet".into());
                }
                let delta = self.pass.grad(self.plan, node).ok_or("no gradient arrives here")?;
                let (target, i) = match element {
                    Element::InputGrad(pin, i) => (Target::Input(pin), i),
                    Element::WeightGrad(k, i) => (Target::Weight(k), i),
                    Element::Output(_) | Element::Part(..) => unreachable!("handled above"),
                };
                let (there, flows) = match target {
                    Target::Input(pin) => (pin < local.inputs.len(), step.pins.get(pin).is_some_and(Option::is_some)),
                    Target::Weight(k) => (k < local.weights.len(), true),
                };
                if !there || !flows {
                    return Err("no gradient flows there".into());
                }
                let i = within(local.tensor(target).data.len(), i)?;
                let mut e = backward::gradient(&local, delta.data, target, i, self.plan.batch(), self.budget);
                self.settle(&mut e, node, step, element);
                Ok(names.label(e))
            }
        }
    }

    /// The parts of a node's forward pass, the last one its output.
    pub fn open(&self, node: NodeId) -> Option<Vec<Opened>> {
        let step = &self.plan.steps[*self.plan.index.get(&node)?];
        self.pass.value(self.plan, node).filter(|_| self.plan.keep() == Keep::All)?;
        let local = Local::of(self.plan, self.pass, step, self.weights, self.used);
        Some(inside::parts(&local))
    }

    /// Puts the number as the engine has it in place of the sum, and what others did to it as a term of its own.
    fn settle(&self, e: &mut Explanation, node: NodeId, step: &crate::engine::plan::Step, element: Element) {
        let shown = match element {
            Element::InputGrad(pin, i) => self.pass.input_grad(self.plan, node, pin).map(|v| v.data[i].to64()),
            Element::WeightGrad(k, i) => step.weights.get(k).map(|p| self.weights.grad(*p)[i].to64()),
            Element::Output(_) | Element::Part(..) => None,
        };
        let Some(shown) = shown else { return };
        let sum: f64 = e.terms.iter().map(|t| t.value).sum::<f64>() + e.rest;
        let size: f64 = e.terms.iter().map(|t| t.value.abs()).sum::<f64>() + shown.abs();
        e.total = shown;
        if (shown - sum).abs() > 1e-4 * size.max(1e-12) {
            let penalised = matches!(element, Element::WeightGrad(k, _) if self.plan.penalised(step.weights[k]));
            let label = if penalised { "from penalties" } else { "changed after backward: clipping, earlier batches" };
            let value = shown - sum;
            let factor = Factor { of: Origin::Constant, index: 0, label: label.into(), value };
            e.terms.push(Term { factors: vec![factor], value, slope: None });
        }
    }
}

/// Keeps the largest terms, in their own order.
fn shorten(e: &mut Explanation) {
    if e.terms.len() <= MOST {
        return;
    }
    let size = |t: &Term| t.slope.map_or(t.value.abs(), f64::abs);
    let mut sizes: Vec<f64> = e.terms.iter().map(size).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let least = sizes[MOST - 1];
    let mut left = MOST;
    let before = e.terms.len();
    let mut rest = 0.0;
    e.terms.retain(|t| {
        let keep = left > 0 && size(t) >= least;
        left -= usize::from(keep);
        rest += if keep { 0.0 } else { t.value };
        keep
    });
    e.hidden += before - e.terms.len();
    e.rest += rest;
}

/// `[2,0]`: the position of flat element `i`; nothing for a single number.
pub fn index_text(shape: &[usize], mut i: usize) -> String {
    let mut at: Vec<String> = Vec::new();
    for n in shape.iter().rev() {
        at.push((i % n.max(&1)).to_string());
        i /= n.max(&1);
    }
    at.reverse();
    if at.is_empty() { String::new() } else { format!("[{}]", at.join(",")) }
}
