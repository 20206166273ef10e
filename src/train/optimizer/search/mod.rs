//! Optimisers that need the loss at several places for one step, as a machine that is fed one evaluation per batch.
//!
//! A batch is one forward, loss and backward at the present weights, whatever the optimiser; its update puts the weights
//! where the next evaluation is wanted. So such an optimiser is stepped through, taken back and interrupted like any
//! other, and one epoch of the whole train part is one call of PyTorch's `closure`.

mod conjugate;
mod lbfgs;
mod wolfe;

pub use conjugate::CONJUGATE;
pub use lbfgs::LBFGS;

use super::MOST;
use crate::tensor::Scalar;
use crate::train::state::wide;
use lbfgs::{Pair, Spare};
use std::collections::VecDeque;
use wolfe::{Line, Next, Point};

/// How a search finds its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From the latest steps and changes of the gradient.
    Lbfgs,
    /// From the gradient and the last direction.
    Conjugate,
}

/// The settings of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Settings {
    /// Iterations until the direction's conditions are looked at from new, PyTorch's `step`.
    iterations: usize,
    /// Evaluations of one such step.
    evaluations: usize,
    tolerance_grad: f64,
    tolerance_change: f64,
    history: usize,
    /// c₂ of the line search; none for a step of fixed length.
    curvature: Option<f64>,
    /// Evaluations of one line; those that are left of the step if 0.
    line: usize,
}

/// What the next evaluation will be of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The place where a step begins.
    #[default]
    Start,
    /// The place that a step of fixed length led to.
    Fixed,
    /// A place on the line.
    Line,
}

/// Where an update puts the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Motion {
    /// They stay.
    #[default]
    Stay,
    /// From where they are, which becomes the origin, along the direction.
    Begin(f64),
    /// From the origin along the direction.
    Along(f64),
}

/// A search under way, over one flat buffer of weights.
#[derive(Clone, Debug)]
pub struct Search<S> {
    method: Method,
    set: Settings,
    stage: Stage,
    motion: Motion,
    /// Iterations of this step and of the whole run, and evaluations of this step.
    in_step: usize,
    total: u64,
    evaluations: usize,
    /// Length of the latest step along the direction.
    t: f64,
    /// Loss where the latest line began.
    loss: f64,
    /// The slope there along the direction.
    slope: f64,
    /// Scale of the first approximation of the inverse Hessian.
    scale: f64,
    line: Line,
    direction: Vec<S>,
    origin: Vec<S>,
    /// The gradient where the latest line began.
    before: Vec<S>,
    /// The gradients at both ends of the line.
    ends: [Vec<S>; 2],
    pairs: VecDeque<Pair<S>>,
    /// Room for the pairs that are still to come.
    spare: Spare<S>,
    /// For the two loops of L-BFGS.
    shares: Vec<f64>,
}

/// Σ aᵢbᵢ in double precision, in the order of the elements.
fn dot<S: Scalar>(a: &[S], b: &[S]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to64() * b.to64()).sum()
}

/// The largest magnitude.
fn largest<S: Scalar>(data: &[S]) -> f64 {
    data.iter().fold(0.0, |most: f64, x| most.max(x.to64().abs()))
}

impl Settings {
    fn of(method: Method, p: &[f64; MOST]) -> Self {
        match method {
            Method::Lbfgs => lbfgs::settings(p),
            Method::Conjugate => conjugate::settings(p),
        }
    }
}

/// Numbers that a search keeps for each number of the weights, at most.
pub fn buffers(method: Method, p: &[f64; MOST]) -> usize {
    let set = Settings::of(method, p);
    3 + 2 * usize::from(set.curvature.is_some()) + 2 * set.history
}

impl<S: Scalar> Search<S> {
    /// A search at its start for `elements` weights.
    pub fn new(method: Method, p: &[f64; MOST], elements: usize) -> Self {
        let blank = || vec![S::zero(); elements];
        let set = Settings::of(method, p);
        let ends = if set.curvature.is_some() { [blank(), blank()] } else { [Vec::new(), Vec::new()] };
        Search {
            method,
            set,
            stage: Stage::Start,
            motion: Motion::Stay,
            in_step: 0,
            total: 0,
            evaluations: 0,
            t: 0.0,
            loss: 0.0,
            slope: 0.0,
            scale: 1.0,
            line: Line::default(),
            direction: blank(),
            origin: blank(),
            before: blank(),
            ends,
            pairs: VecDeque::with_capacity(set.history),
            spare: Spare::new(set.history, elements),
            shares: Vec::with_capacity(set.history),
        }
    }

    /// Other settings; what is known of the loss stays, but a line under way is given up.
    pub fn set(&mut self, p: &[f64; MOST]) {
        let fresh = Search::<S>::new(self.method, p, self.direction.len());
        if fresh.set != self.set {
            self.disturb();
            (self.set, self.ends, self.pairs) = (fresh.set, fresh.ends, fresh.pairs);
            (self.spare, self.shares) = (fresh.spare, fresh.shares);
        }
    }

    /// The weights were changed by hand: the search begins anew from them.
    pub fn disturb(&mut self) {
        self.stage = Stage::Start;
        self.motion = Motion::Stay;
        self.total = 0;
        self.spare.give_back(self.pairs.drain(..));
    }

    /// The loss and its gradient at the present weights, `rate` being the length of a step.
    pub fn evaluated(&mut self, loss: f64, grad: &[S], rate: f64) {
        match self.stage {
            Stage::Start => {
                (self.in_step, self.evaluations) = (0, 1);
                if largest(grad) <= self.set.tolerance_grad {
                    self.motion = Motion::Stay;
                } else {
                    self.iterate(loss, grad, rate, false);
                }
            }
            Stage::Fixed => {
                self.evaluations += 1;
                if self.ends_step(loss, grad) {
                    (self.stage, self.motion) = (Stage::Start, Motion::Stay);
                } else {
                    self.iterate(loss, grad, rate, false);
                }
            }
            Stage::Line => {
                self.evaluations += 1;
                let tried = match self.motion {
                    Motion::Begin(t) | Motion::Along(t) => t,
                    Motion::Stay => 0.0,
                };
                let (keep, next) = self.line.evaluated(Point { t: tried, loss, slope: dot(grad, &self.direction) });
                if keep.restart {
                    self.ends[0].copy_from_slice(&self.before);
                }
                if let Some(end) = keep.at {
                    let [a, b] = &mut self.ends;
                    let (to, other) = if end == 0 { (a, b) } else { (b, a) };
                    if keep.shifted {
                        other.copy_from_slice(to);
                    }
                    to.copy_from_slice(grad);
                }
                match next {
                    Next::Try(t) => self.motion = Motion::Along(t),
                    Next::Done(end) => self.arrive(end, rate),
                }
            }
        }
    }

    /// The line search has chosen one of its ends: it is the new origin.
    fn arrive(&mut self, end: usize, rate: f64) {
        let Point { t, loss, .. } = self.line.ends[end];
        self.t = t;
        for (x, d) in self.origin.iter_mut().zip(&self.direction) {
            *x += S::of(t) * *d;
        }
        let grad = std::mem::take(&mut self.ends[end]);
        if self.in_step >= self.set.iterations || self.ends_step(loss, &grad) {
            (self.stage, self.motion) = (Stage::Start, Motion::Along(0.0));
        } else {
            self.iterate(loss, &grad, rate, true);
        }
        self.ends[end] = grad;
        // The next line begins with this gradient.
        let [first, second] = &mut self.ends;
        if end == 1 {
            first.copy_from_slice(second);
        }
    }

    /// Whether a step is over after an iteration, as PyTorch decides it.
    fn ends_step(&self, loss: f64, grad: &[S]) -> bool {
        self.evaluations >= self.set.evaluations
            || largest(grad) <= self.set.tolerance_grad
            || largest(&self.direction) * self.t.abs() <= self.set.tolerance_change
            || (loss - self.loss).abs() < self.set.tolerance_change
    }

    /// One iteration: a direction, and the first place along it. The origin is `known`, or where the weights are.
    fn iterate(&mut self, loss: f64, grad: &[S], rate: f64, known: bool) {
        self.in_step += 1;
        self.total += 1;
        let (t, slope) = (self.t, self.slope);
        match self.method {
            Method::Lbfgs => self.lbfgs_direction(grad),
            Method::Conjugate => self.conjugate_direction(grad),
        }
        self.before.copy_from_slice(grad);
        self.loss = loss;
        self.slope = dot(grad, &self.direction);
        if self.total == 1 {
            let sum: f64 = grad.iter().map(|g| g.to64().abs()).sum();
            self.t = (1.0 / sum).min(1.0) * rate;
        } else {
            self.t = match self.method {
                Method::Lbfgs => rate,
                Method::Conjugate => conjugate::first_length(t, slope, self.slope, rate),
            };
        }
        if self.slope > -self.set.tolerance_change {
            self.stage = Stage::Start;
            self.motion = if known { Motion::Along(0.0) } else { Motion::Stay };
            return;
        }
        self.motion = if known { Motion::Along(self.t) } else { Motion::Begin(self.t) };
        match self.set.curvature {
            Some(curvature) => {
                let start = Point { t: 0.0, loss, slope: self.slope };
                let left = self.set.evaluations.saturating_sub(self.evaluations);
                let most = if self.set.line > 0 { self.set.line } else { left };
                let length = largest(&self.direction);
                self.line = Line::new(start, curvature, most, length, self.set.tolerance_change);
                if self.ends[0].len() == grad.len() {
                    self.ends[0].copy_from_slice(grad);
                }
                self.stage = Stage::Line;
            }
            None => self.stage = if self.in_step >= self.set.iterations { Stage::Start } else { Stage::Fixed },
        }
    }

    /// Puts a weight, which begins at `start` in the flat buffer, where the next evaluation is wanted.
    pub fn update(&mut self, start: usize, weight: &mut [S]) {
        let range = start..start + weight.len();
        let t = match self.motion {
            Motion::Stay => return,
            Motion::Begin(t) => {
                self.origin[range.clone()].copy_from_slice(weight);
                t
            }
            Motion::Along(t) => t,
        };
        let t = S::of(t);
        for ((w, x), d) in weight.iter_mut().zip(&self.origin[range.clone()]).zip(&self.direction[range]) {
            *w = *x + t * *d;
        }
    }

    /// Memory of the search.
    pub fn bytes(&self) -> usize {
        (3 + 2 + 2 * self.pairs.len()) * self.direction.len() * size_of::<S>()
    }

    /// All that it knows, as numbers and as buffers laid out as the weights.
    pub fn keep(&self) -> (Vec<f64>, Vec<Vec<f64>>) {
        let l = &self.line;
        let stage = match self.stage {
            Stage::Start => 0.0,
            Stage::Fixed => 1.0,
            Stage::Line => 2.0,
        };
        let (motion, tried) = match self.motion {
            Motion::Stay => (0.0, 0.0),
            Motion::Begin(t) => (1.0, t),
            Motion::Along(t) => (2.0, t),
        };
        let mut numbers = vec![stage, motion, tried];
        numbers.extend([self.in_step as f64, self.total as f64, self.evaluations as f64]);
        numbers.extend([self.t, self.loss, self.slope, self.scale]);
        for p in [&l.start, &l.ends[0], &l.ends[1]] {
            numbers.extend([p.t, p.loss, p.slope]);
        }
        numbers.extend([l.most as f64, l.iteration as f64, l.length]);
        numbers.extend([f64::from(u8::from(l.narrowing)), l.low as f64, f64::from(u8::from(l.stuck))]);
        let mut buffers = vec![wide(&self.direction), wide(&self.origin), wide(&self.before)];
        buffers.extend(self.ends.iter().map(|e| wide(e)));
        for pair in &self.pairs {
            numbers.push(pair.share);
            buffers.extend([wide(&pair.change), wide(&pair.step)]);
        }
        (numbers, buffers)
    }

    /// The opposite of [`Search::keep`]; whether the numbers make sense.
    pub fn recall(&mut self, numbers: &[f64], buffers: &[Vec<f64>]) -> bool {
        let Some((n, shares)) = numbers.split_first_chunk::<25>() else { return false };
        let elements = self.direction.len();
        let line = self.set.curvature.is_some();
        let fits = |(k, b): (usize, &Vec<f64>)| b.len() == if !line && (k == 3 || k == 4) { 0 } else { elements };
        let whole = buffers.len() == 5 + 2 * shares.len()
            && buffers.iter().enumerate().all(fits)
            && shares.len() <= self.set.history
            && n[..2].iter().chain(&n[22..]).all(|x| (0.0..=2.0).contains(x))
            && n[23] <= 1.0
            && n[3..6].iter().chain(&n[19..21]).all(|x| (0.0..1e15).contains(x));
        if !whole || n[0] == 2.0 && !line {
            return false;
        }
        let narrow = |data: &[f64]| data.iter().map(|x| S::of(*x)).collect::<Vec<S>>();
        self.stage = [Stage::Start, Stage::Fixed, Stage::Line][n[0] as usize];
        self.motion = [Motion::Stay, Motion::Begin(n[2]), Motion::Along(n[2])][n[1] as usize];
        (self.in_step, self.total, self.evaluations) = (n[3] as usize, n[4] as u64, n[5] as usize);
        [self.t, self.loss, self.slope, self.scale] = [n[6], n[7], n[8], n[9]];
        let point = |k: usize| Point { t: n[k], loss: n[k + 1], slope: n[k + 2] };
        self.line = Line {
            start: point(10),
            curvature: self.set.curvature.unwrap_or(0.0),
            most: n[19] as usize,
            iteration: n[20] as usize,
            length: n[21],
            tolerance: self.set.tolerance_change,
            ends: [point(13), point(16)],
            narrowing: n[22] != 0.0,
            low: n[23] as usize,
            stuck: n[24] != 0.0,
        };
        [self.direction, self.origin, self.before] = [0, 1, 2].map(|k| narrow(&buffers[k]));
        self.ends = [narrow(&buffers[3]), narrow(&buffers[4])];
        let pair = |(share, b): (&f64, &[Vec<f64>])| Pair { share: *share, change: narrow(&b[0]), step: narrow(&b[1]) };
        self.pairs = shares.iter().zip(buffers[5..].chunks(2)).map(pair).collect();
        true
    }
}
