//! Where one number came from, term by term.
//!
//! The terms are not formulas written a second time: they come from the operation's own backward and
//! forward. A backward pass is linear in ∂L/∂output, so feeding it one element of ∂L/∂output at a time gives
//! the terms of the sum. A forward pass that is linear in its weights is taken apart the same way.

use crate::engine::pass::{Pass, inputs, own_weights};
use crate::engine::{Phase, Plan, Weights};
use crate::graph::NodeId;
use crate::ops::{Backward, Forward, Precision};
use crate::tensor::{View, ViewMut};

/// Which element of which tensor of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Of the output.
    Output(usize),
    /// Of the contribution to the gradient of input `.0`.
    InputGrad(usize, usize),
    /// Of the gradient of the node's weight `.0`.
    WeightGrad(usize, usize),
}

/// The sum that made a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What is summed.
    pub title: String,
    /// The largest terms, as text with numbers and as their value.
    pub terms: Vec<(String, f64)>,
    /// The number that is taken apart: the sum of all terms, as it was rounded.
    pub total: f64,
    /// How many smaller terms are not listed.
    pub hidden: usize,
}

/// Terms listed at most.
const MOST: usize = 64;
/// Elements of ∂L/∂output that are tried one by one at most.
const PROBES: usize = 4096;

/// Takes one element apart; `None` if it is not computed yet or too large to be taken apart.
pub fn explain<S: Precision>(
    plan: &Plan,
    pass: &Pass<S>,
    weights: &Weights<S>,
    node: NodeId,
    element: Element,
) -> Option<Explanation> {
    match element {
        Element::Output(i) => forward(plan, pass, weights, node, i),
        Element::InputGrad(pin, i) => backward(plan, pass, weights, node, Some(pin), 0, i),
        Element::WeightGrad(k, i) => backward(plan, pass, weights, node, None, k, i),
    }
}

fn backward<S: Precision>(
    plan: &Plan,
    pass: &Pass<S>,
    weights: &Weights<S>,
    node: NodeId,
    pin: Option<usize>,
    weight: usize,
    element: usize,
) -> Option<Explanation> {
    let step = &plan.steps[*plan.index.get(&node)?];
    let delta = pass.grad(plan, node)?;
    if !pass.done(plan, node, Phase::Backward) || delta.data.len() > PROBES {
        return None;
    }
    let shape = match pin {
        Some(p) => step.input_shapes.get(p)?,
        None => &plan.infos[*step.weights.get(weight)?].shape,
    };
    let len: usize = shape.iter().product();
    if element >= len {
        return None;
    }
    let (values, _, saved) = pass.buffers();
    let inputs = inputs(plan, step, values, &weights.values);
    let own = own_weights(plan, step, &weights.values);
    let mut probe = vec![S::zero(); delta.data.len()];
    let mut result = vec![S::zero(); len];
    let mut terms = Vec::new();
    for (o, d) in delta.data.iter().enumerate().filter(|(_, d)| **d != S::zero()) {
        probe[o] = *d;
        let target = ViewMut { shape, data: &mut result };
        let mut grad_inputs: Vec<Option<ViewMut<S>>> = inputs.iter().map(|_| None).collect();
        let mut grad_weights: Vec<Option<ViewMut<S>>> = own.iter().map(|_| None).collect();
        match pin {
            Some(p) => grad_inputs[p] = Some(target),
            None => grad_weights[weight] = Some(target),
        }
        S::backward(
            step.kind,
            &mut Backward {
                params: &step.params,
                inputs: &inputs,
                weights: &own,
                output: View { shape: &step.shape, data: &values[step.value.clone()] },
                saved: &saved[step.saved.clone()],
                mode: pass.mode(),
                grad_output: View { shape: &step.shape, data: &probe },
                grad_inputs: &mut grad_inputs,
                grad_weights: &mut grad_weights,
            },
        );
        probe[o] = S::zero();
        let (d, value) = (d.to64(), result[element].to64());
        if value != 0.0 {
            terms.push((format!("δ{}·∂  {d:.4} · {:.4}", index(&step.shape, o), value / d), value));
        }
    }
    let mut explanation = summary("Σ δ · local derivative".into(), terms);
    // The shown number is the sum as it was rounded; what penalties add to a weight is no term of this one.
    let shown = match pin {
        Some(p) => pass.input_grad(plan, node, p).map(|v| v.data[element]),
        None => {
            let param = step.weights[weight];
            Some(weights.grad(param)[element]).filter(|_| !plan.penalised(param))
        }
    };
    explanation.total = shown.map_or(explanation.total, S::to64);
    Some(explanation)
}

/// The output as Σ weight · what it multiplies, if the operation is linear in its weights; else one term.
fn forward<S: Precision>(
    plan: &Plan,
    pass: &Pass<S>,
    weights: &Weights<S>,
    node: NodeId,
    element: usize,
) -> Option<Explanation> {
    let step = &plan.steps[*plan.index.get(&node)?];
    let shown = pass.value(plan, node)?.data.get(element)?.to64();
    let whole = || Explanation {
        title: "computed by the formula above".into(),
        terms: vec![(format!("f{}", index(&step.shape, element)), shown)],
        total: shown,
        hidden: 0,
    };
    let (values, _, _) = pass.buffers();
    let inputs = inputs(plan, step, values, &weights.values);
    let shapes: Vec<&[usize]> = step.weights.iter().map(|k| plan.infos[*k].shape.as_slice()).collect();
    let count: usize = shapes.iter().map(|s| s.iter().product::<usize>()).sum();
    if count == 0 || count > PROBES {
        return Some(whole());
    }
    let mut zeroed: Vec<Vec<S>> = shapes.iter().map(|s| vec![S::zero(); s.iter().product()]).collect();
    let mut output = vec![S::zero(); step.value.len()];
    let mut saved = vec![S::zero(); step.saved.len()];
    let mut kept: Vec<Vec<S>> = step.buffers.iter().map(|k| weights.value(*k).to_vec()).collect();
    let mut terms = Vec::new();
    for w in 0..zeroed.len() {
        let info = &plan.infos[step.weights[w]];
        for i in 0..info.range.len() {
            let v = weights.value(step.weights[w])[i];
            zeroed[w][i] = v;
            let own: Vec<View<S>> = zeroed.iter().zip(&shapes).map(|(d, s)| View { shape: s, data: d }).collect();
            let target = ViewMut { shape: &step.shape, data: &mut output };
            let kept = kept.iter_mut().zip(&step.buffers);
            let mut buffers: Vec<_> = kept.map(|(data, k)| ViewMut { shape: &plan.infos[*k].shape, data }).collect();
            S::forward(
                step.kind,
                &mut Forward {
                    params: &step.params,
                    inputs: &inputs,
                    weights: &own,
                    output: target,
                    saved: &mut saved,
                    mode: pass.mode(),
                    seed: pass.seed(step),
                    buffers: &mut buffers,
                },
            );
            zeroed[w][i] = S::zero();
            let (v, value) = (v.to64(), output[element].to64());
            if value != 0.0 {
                terms.push((format!("{}{}  {v:.4} · {:.4}", info.name, index(&info.shape, i), value / v), value));
            }
        }
    }
    let sum: f64 = terms.iter().map(|t| t.1).sum();
    if (sum - shown).abs() > 1e-4 * (1.0 + shown.abs()) {
        return Some(whole());
    }
    Some(Explanation { total: shown, ..summary("Σ weight · input".into(), terms) })
}

/// The largest terms, in their own order.
fn summary(title: String, mut terms: Vec<(String, f64)>) -> Explanation {
    let total = terms.iter().map(|t| t.1).sum();
    let hidden = terms.len().saturating_sub(MOST);
    if hidden > 0 {
        let mut sizes: Vec<f64> = terms.iter().map(|t| t.1.abs()).collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        let least = sizes[MOST - 1];
        terms.retain(|t| t.1.abs() >= least);
        terms.truncate(MOST);
    }
    Explanation { title, terms, total, hidden }
}

/// `[2,0]`: the position of flat element `i`.
fn index(shape: &[usize], mut i: usize) -> String {
    let mut at: Vec<String> = Vec::new();
    for n in shape.iter().rev() {
        at.push((i % n).to_string());
        i /= n;
    }
    at.reverse();
    if at.is_empty() { String::new() } else { format!("[{}]", at.join(",")) }
}
