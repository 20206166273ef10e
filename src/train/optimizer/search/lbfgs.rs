//! L-BFGS (Liu and Nocedal 1989), as `torch.optim.LBFGS`.

use super::{Method, Search, Settings, dot};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, switch, whole};
use crate::train::optimizer::shared::{lr, tolerance};
use crate::train::optimizer::{MOST, Rule, unused};

pub static LBFGS: Rule = Rule {
    about: About {
        id: "lbfgs",
        variant: "Lbfgs",
        label: "L-BFGS",
        doc: "Newton's method with a Hessian guessed from the latest steps. For small problems: every batch is the whole \
              train part, and one evaluation of the loss; no weight can have a rate or decay of its own.",
        params: &[
            lr(|| Value::Float(1.0)),
            whole("max_iter", (1, 100_000), || Value::Int(20), "Iterations after which the conditions begin anew."),
            whole(
                "max_eval",
                (0, 1_000_000),
                || Value::Int(0),
                "Evaluations after which the conditions begin anew; 0 is 5/4 of the iterations.",
            ),
            tolerance("tolerance_grad", || Value::Float(1e-7), "Nothing moves once no gradient is larger."),
            tolerance(
                "tolerance_change",
                || Value::Float(1e-9),
                "Smallest change of a weight or the loss that counts.",
            ),
            whole("history_size", (1, 1000), || Value::Int(100), "Steps that are remembered, two buffers each."),
            switch(
                "line_search_fn",
                "Looks for a step that satisfies the strong Wolfe conditions; else it is lr long.",
            ),
        ],
    },
    buffers: |_| 0,
    clash: |_| None,
    single: unused::<f32>,
    double: unused::<f64>,
    search: Some(Method::Lbfgs),
};

pub fn settings(p: &[f64; MOST]) -> Settings {
    let [_, iterations, evaluations, tolerance_grad, tolerance_change, history, wolfe, ..] = *p;
    let iterations = iterations as usize;
    let evaluations = if evaluations > 0.0 { evaluations as usize } else { iterations * 5 / 4 };
    let curvature = (wolfe != 0.0).then_some(0.9);
    let history = history as usize;
    Settings { iterations, evaluations, tolerance_grad, tolerance_change, history, curvature, line: 0 }
}

/// A step s, the change y of the gradient in it, and 1 / sᵀy.
#[derive(Clone, Debug)]
pub struct Pair<S> {
    pub share: f64,
    pub change: Vec<S>,
    pub step: Vec<S>,
}

/// Pairs without content, so that a step allocates nothing while the history fills. Fresh zeros cost no memory before
/// they are written; a copy of a search takes its room when it needs it.
#[derive(Debug, Default)]
pub struct Spare<S>(Vec<Pair<S>>);

impl<S: Scalar> Spare<S> {
    /// Room for `most` pairs of `elements` numbers.
    pub fn new(most: usize, elements: usize) -> Self {
        let blank = || vec![S::zero(); elements];
        Spare((0..most).map(|_| Pair { share: 0.0, change: blank(), step: blank() }).collect())
    }
    fn take(&mut self, elements: usize) -> Pair<S> {
        self.0.pop().unwrap_or_else(|| Spare::new(1, elements).0.remove(0))
    }
    /// Takes back what a history no longer needs.
    pub fn give_back(&mut self, pairs: impl Iterator<Item = Pair<S>>) {
        self.0.extend(pairs);
    }
}

impl<S> Clone for Spare<S> {
    fn clone(&self) -> Self {
        Spare(Vec::new())
    }
}

impl<S: Scalar> Search<S> {
    /// d = −H·g, with H from the pairs by the two loops.
    pub(super) fn lbfgs_direction(&mut self, grad: &[S]) {
        if self.total == 1 {
            self.spare.give_back(self.pairs.drain(..));
            self.scale = 1.0;
        } else {
            self.remember(grad);
        }
        let d = &mut self.direction;
        for (d, g) in d.iter_mut().zip(grad) {
            *d = -*g;
        }
        let add = |to: &mut [S], share: f64, of: &[S]| {
            for (x, y) in to.iter_mut().zip(of) {
                *x += S::of(share) * *y;
            }
        };
        self.shares.clear();
        for pair in self.pairs.iter().rev() {
            let share = dot(&pair.step, d) * pair.share;
            add(d, -share, &pair.change);
            self.shares.push(share);
        }
        for d in d.iter_mut() {
            *d *= S::of(self.scale);
        }
        for (pair, share) in self.pairs.iter().zip(self.shares.iter().rev()) {
            let more = share - dot(&pair.change, d) * pair.share;
            add(d, more, &pair.step);
        }
    }

    /// Keeps the latest step with the change of the gradient, if the loss curves upwards along it.
    fn remember(&mut self, grad: &[S]) {
        let t = S::of(self.t);
        let change = |k: usize| grad[k] - self.before[k];
        let step = |k: usize| self.direction[k] * t;
        let along: f64 = (0..grad.len()).map(|k| change(k).to64() * step(k).to64()).sum();
        if along <= 1e-10 || along.is_nan() {
            return;
        }
        let oldest = if self.pairs.len() >= self.set.history { self.pairs.pop_front() } else { None };
        let mut pair = oldest.unwrap_or_else(|| self.spare.take(grad.len()));
        for k in 0..grad.len() {
            (pair.change[k], pair.step[k]) = (change(k), step(k));
        }
        pair.share = 1.0 / along;
        self.scale = along / dot(&pair.change, &pair.change);
        self.pairs.push_back(pair);
    }
}
