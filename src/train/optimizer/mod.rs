//! The optimisers. Each keeps its state in flat buffers laid out as the weights.

mod adam;
mod sgd;

use crate::engine::Update;
use crate::tensor::Scalar;
use crate::train::Optimizer;

/// One optimiser at work on a flat buffer of weights.
#[derive(Clone, Debug)]
pub struct Moves<S> {
    rule: Optimizer,
    first: Vec<S>,
    second: Vec<S>,
    largest: Vec<S>,
    step: u64,
    /// ‖Δw‖² and ‖w‖² of each weight at its last update, by number.
    pub moved: Vec<(f64, f64)>,
}

impl<S: Scalar> Moves<S> {
    /// An optimiser at its start, for `elements` numbers in `params` weights.
    pub fn new(rule: &Optimizer, elements: usize, params: usize) -> Self {
        let buffer = |used: bool| if used { vec![S::zero(); elements] } else { Vec::new() };
        let (first, second, largest) = match rule {
            Optimizer::Sgd { momentum, .. } => (*momentum > 0.0, false, false),
            Optimizer::Adam { amsgrad, .. } => (true, true, *amsgrad),
        };
        Moves {
            rule: rule.clone(),
            first: buffer(first),
            second: buffer(second),
            largest: buffer(largest),
            step: 0,
            moved: vec![(0.0, 0.0); params],
        }
    }

    /// Changes the settings; the state stays where the kind of optimiser stays.
    pub fn set(&mut self, rule: &Optimizer, elements: usize) {
        let mut fresh = Moves::<S>::new(rule, elements, self.moved.len());
        if std::mem::discriminant(rule) == std::mem::discriminant(&self.rule) {
            // A momentum that is switched on begins with the next gradient, as at the first step.
            let begins = matches!(rule, Optimizer::Sgd { .. }) && fresh.first.len() != self.first.len();
            fresh.step = if begins { 0 } else { self.step };
            let keep = |new: &mut Vec<S>, old: &mut Vec<S>| {
                if new.len() == old.len() {
                    std::mem::swap(new, old);
                }
            };
            keep(&mut fresh.first, &mut self.first);
            keep(&mut fresh.second, &mut self.second);
            keep(&mut fresh.largest, &mut self.largest);
            std::mem::swap(&mut fresh.moved, &mut self.moved);
        }
        *self = fresh;
    }
}

impl<S: Scalar> Update<S> for Moves<S> {
    fn begin(&mut self) {
        self.step += 1;
    }

    fn update(&mut self, param: usize, start: usize, weight: &mut [S], grad: &[S]) {
        let range = |b: &[S]| if b.is_empty() { 0..0 } else { start..start + weight.len() };
        let (f, s, l) = (range(&self.first), range(&self.second), range(&self.largest));
        let (first, second, largest) = (&mut self.first[f], &mut self.second[s], &mut self.largest[l]);
        self.moved[param] = match self.rule {
            Optimizer::Sgd { lr, momentum, dampening, nesterov, weight_decay } => {
                let rule = sgd::Sgd { lr, momentum, dampening, nesterov, weight_decay, first_step: self.step == 1 };
                rule.update(weight, grad, first)
            }
            Optimizer::Adam { lr, beta1, beta2, eps, weight_decay, .. } => {
                let rule = adam::Adam { lr, beta1, beta2, eps, weight_decay, step: self.step };
                rule.update(weight, grad, first, second, largest)
            }
        };
    }
}
