//! The optimisers: a file each, and their list. State lies in flat buffers laid out as the weights.

mod adadelta;
mod adagrad;
mod adam;
mod adamw;
mod nadam;
mod rmsprop;
mod search;
mod sgd;
mod shared;

use crate::engine::Update;
use crate::graph::Tuning;
use crate::tensor::kernels::elementwise::pieces;
use crate::tensor::kernels::scratch;
use crate::tensor::kernels::simd::vectorised;
use crate::tensor::{Lined, Scalar};
use crate::train::described::{About, Chosen, Listed};
use crate::train::state::wide;
use crate::train::{Limits, Memory, Optimizer};
use aligned_vec::avec;
use search::{Method, Search};
use std::any::Any;

/// Most settings of one optimiser.
const MOST: usize = 8;

/// One step of a rule.
pub struct Step {
    /// The settings, in the order of the description.
    p: [f64; MOST],
    /// Number of this step, from 1.
    number: u64,
    /// The product of NAdam's momenta up to this step.
    product: f64,
}

/// Moves a block of weights; the last argument are the rule's buffers for the same elements.
type Kernel<S> = fn(&Step, &mut [S], &[S], [&mut [S]; 3]);

/// An optimiser as data.
pub struct Rule {
    about: About,
    /// How many buffers it needs with these settings.
    buffers: fn(&[f64; MOST]) -> usize,
    /// Why settings do not go together.
    clash: fn(&[f64; MOST]) -> Option<&'static str>,
    single: Kernel<f32>,
    double: Kernel<f64>,
    /// How it searches, if it needs several evaluations of the loss for one step.
    search: Option<Method>,
}

/// The kernel of a rule that searches: [`Search`] moves the weights.
fn unused<S>(_: &Step, _: &mut [S], _: &[S], _: [&mut [S]; 3]) {}

impl Listed for Rule {
    const NAME: &'static str = "optimizer";
    fn all() -> &'static [&'static Rule] {
        static ALL: [&Rule; 9] = [
            &sgd::SGD,
            &adam::ADAM,
            &adamw::ADAMW,
            &nadam::NADAM,
            &rmsprop::RMSPROP,
            &adagrad::ADAGRAD,
            &adadelta::ADADELTA,
            &search::LBFGS,
            &search::CONJUGATE,
        ];
        &ALL
    }
    fn about(&self) -> &About {
        &self.about
    }
}

impl Chosen<Rule> {
    /// Plain gradient descent.
    pub fn sgd(lr: f64) -> Self {
        Chosen::new(&sgd::SGD).with_lr(lr)
    }
    /// Adam with PyTorch's defaults.
    pub fn adam(lr: f64) -> Self {
        Chosen::new(&adam::ADAM).with_lr(lr)
    }
    /// The learning rate.
    pub fn lr(&self) -> f64 {
        self.params.float("lr")
    }
    /// The same with another learning rate.
    #[must_use]
    pub fn with_lr(self, rate: f64) -> Self {
        self.with("lr", rate)
    }
    /// Numbers that it keeps for each number of the weights, at most.
    pub(super) fn buffers(&self) -> usize {
        let p = self.numbers();
        self.kind.search.map_or_else(|| (self.kind.buffers)(&p), |method| search::buffers(method, &p))
    }
    /// Whether every batch must be the whole train part, as each is one evaluation of the same loss.
    pub fn full_batch(&self) -> bool {
        self.kind.search.is_some()
    }
    /// Why the settings do not go together.
    pub(super) fn clash(&self) -> Option<String> {
        (self.kind.clash)(&self.numbers()).map(str::to_owned)
    }
}

/// Elements moved at a time, so that what is measured is still in the nearest cache.
const BLOCK: usize = 1024;

/// One optimiser at work on a flat buffer of weights.
#[derive(Clone, Debug)]
pub struct Moves<S> {
    rule: Optimizer,
    p: [f64; MOST],
    rate: f64,
    limits: Limits,
    buffers: [Lined<S>; 3],
    /// The sum of the gradients of the batches since the last step, over their number.
    gathered: Lined<S>,
    waiting: usize,
    /// For a rule that searches.
    search: Option<Box<Search<S>>>,
    /// The loss of the present batch.
    loss: f64,
    step: u64,
    product: f64,
    norm: f64,
    /// Elements of all weights.
    elements: usize,
    /// How each weight is trained, by number.
    tunings: Vec<Tuning>,
    /// ‖Δw‖² and ‖w‖² of each weight at its last update, by number.
    pub moved: Vec<(f64, f64)>,
}

impl<S: Scalar> Moves<S> {
    /// An optimiser at its start, for `elements` numbers in `params` weights.
    pub fn new(rule: &Optimizer, elements: usize, params: usize) -> Self {
        let p = rule.numbers();
        let used = (rule.kind.buffers)(&p);
        let buffer = |k: usize| if k < used { avec![S::zero(); elements] } else { Lined::new(0) };
        Moves {
            rate: rule.lr(),
            rule: rule.clone(),
            p,
            limits: Limits::default(),
            buffers: [buffer(0), buffer(1), buffer(2)],
            gathered: Lined::new(0),
            waiting: 0,
            search: rule.kind.search.map(|method| Box::new(Search::new(method, &p, elements))),
            loss: f64::NAN,
            step: 0,
            product: 1.0,
            norm: f64::NAN,
            elements,
            tunings: vec![Tuning::default(); params],
            moved: vec![(0.0, 0.0); params],
        }
    }

    /// Memory that its state takes, in bytes.
    pub(in crate::train) fn bytes(&self) -> usize {
        let numbers = self.gathered.len() + self.buffers.iter().map(|b| b.len()).sum::<usize>();
        let search = self.search.as_ref().map_or(0, |s| s.bytes());
        numbers * size_of::<S>() + search + self.moved.len() * (size_of::<(f64, f64)>() + size_of::<Tuning>())
    }

    /// Changes the settings; the state stays where the kind of optimiser stays.
    pub fn set(&mut self, rule: &Optimizer, elements: usize) {
        let mut fresh = Moves::<S>::new(rule, elements, self.moved.len());
        if std::ptr::eq(rule.kind, self.rule.kind) {
            let mut same = true;
            for (new, old) in fresh.buffers.iter_mut().zip(&mut self.buffers) {
                same &= new.len() == old.len();
                if new.len() == old.len() {
                    std::mem::swap(new, old);
                }
            }
            // A momentum that is switched on begins with the next gradient, as at the first step.
            let begins = !same && std::ptr::eq(rule.kind, &sgd::SGD);
            fresh.step = if begins { 0 } else { self.step };
            fresh.product = self.product;
            if let Some(mut search) = self.search.take() {
                search.set(&fresh.p);
                fresh.search = Some(search);
            }
        }
        std::mem::swap(&mut fresh.moved, &mut self.moved);
        std::mem::swap(&mut fresh.tunings, &mut self.tunings);
        (fresh.limits, fresh.waiting) = (self.limits, self.waiting);
        std::mem::swap(&mut fresh.gathered, &mut self.gathered);
        *self = fresh;
    }

    /// The weights were changed by hand: a search along a line makes no sense any more.
    pub fn disturb(&mut self) {
        if let Some(search) = &mut self.search {
            search.disturb();
        }
    }
    /// As it is kept in a file.
    pub fn memory(&self) -> Memory {
        let (numbers, buffers) = match &self.search {
            Some(search) => search.keep(),
            None => (Vec::new(), self.buffers.iter().filter(|b| !b.is_empty()).map(|b| wide(b)).collect()),
        };
        let gathered = if self.waiting > 0 { wide(&self.gathered) } else { Vec::new() };
        let kind = self.rule.about().id.to_owned();
        Memory { kind, step: self.step, product: self.product, waiting: self.waiting, gathered, buffers, numbers }
    }
    /// Takes what was kept; the settings are those of now.
    ///
    /// # Errors
    /// Says what does not fit; nothing is changed then.
    pub fn recall(&mut self, kept: &Memory) -> Result<(), String> {
        let id = self.rule.about().id;
        if kept.kind != id {
            return Err(format!("it is {id} now, the saved one was {}", kept.kind));
        }
        let elements = self.elements;
        let narrow = |data: &[f64]| Lined::from_iter(0, data.iter().map(|x| S::of(*x)));
        let gathers = kept.waiting < self.limits.accumulate.max(1)
            && kept.gathered.len() == if kept.waiting > 0 { elements } else { 0 }
            && kept.step < 1 << 53;
        if !gathers {
            return Err("the saved gradients are not those of these settings".into());
        }
        if let Some(search) = &mut self.search {
            if !search.recall(&kept.numbers, &kept.buffers) {
                return Err("the saved search is not one of these settings".into());
            }
        } else {
            let used = self.buffers.iter().filter(|b| !b.is_empty()).count();
            if kept.buffers.len() != used || kept.buffers.iter().any(|b| b.len() != elements) {
                return Err(format!("these settings need {used} buffers of {elements} numbers, not the saved ones"));
            }
            for (to, from) in self.buffers.iter_mut().filter(|b| !b.is_empty()).zip(&kept.buffers) {
                *to = narrow(from);
            }
        }
        if kept.waiting > 0 {
            self.gathered = narrow(&kept.gathered);
        }
        (self.step, self.product, self.waiting) = (kept.step, kept.product, kept.waiting);
        Ok(())
    }

    /// The learning rate from now on.
    pub fn set_rate(&mut self, rate: f64) {
        self.rate = rate;
    }
    /// Clipping and accumulation from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        if limits.accumulate != self.limits.accumulate {
            self.waiting = 0;
        }
        self.limits = limits;
    }
    /// How each weight is trained from now on, by number.
    pub fn set_tunings(&mut self, tunings: impl Iterator<Item = Tuning>) {
        self.tunings.clear();
        self.tunings.extend(tunings);
    }
    /// The learning rate.
    pub fn rate(&self) -> f64 {
        self.rate
    }
    /// ‖∂L/∂w‖ over all weights before it was clipped, if clipping by norm is on.
    pub fn norm(&self) -> Option<f64> {
        (self.limits.clip_norm > 0.0 && !self.norm.is_nan()).then_some(self.norm)
    }

    /// Gathers and clips. Accumulated gradients are those of the mean of the losses of k batches.
    fn prepare(&mut self, grads: &mut [S]) {
        let k = self.limits.accumulate.max(1);
        if k > 1 {
            self.gathered.resize(grads.len(), S::zero());
            if self.waiting == 0 {
                self.gathered.fill(S::zero());
            }
            let share = S::of(1.0 / k as f64);
            for (sum, g) in self.gathered.iter_mut().zip(grads.iter()) {
                *sum += share * *g;
            }
            self.waiting = (self.waiting + 1) % k;
            if self.waiting > 0 {
                return;
            }
            grads.copy_from_slice(&self.gathered);
        }
        let (norm, value) = (self.limits.clip_norm, self.limits.clip_value);
        if norm > 0.0 {
            self.norm = squares(grads).sqrt();
            let share = norm / (self.norm + 1e-6);
            if share < 1.0 {
                grads.iter_mut().for_each(|g| *g *= S::of(share));
            }
        }
        if value > 0.0 {
            let most = S::of(value);
            // Comparisons, so that NaN stays NaN.
            let held = |g: S| {
                if g > most {
                    most
                } else if g < -most {
                    -most
                } else {
                    g
                }
            };
            grads.iter_mut().for_each(|g| *g = held(*g));
        }
        self.step += 1;
        self.product *= nadam::momentum(self.p[1], self.p[5], self.step);
    }
}

/// ‖a‖².
fn squares<S: Scalar>(a: &[S]) -> f64 {
    sums(a, a, |x| x.to64())[1]
}

/// ‖a − b‖² and ‖b‖² of a few numbers, in sums that do not wait for each other.
fn distance<S: Scalar>(a: &[S], b: &[S]) -> [f64; 2] {
    let near = sums(a, b, |x| x).map(|s| s.to64());
    // Squares of what is very small or large are no numbers of single precision.
    if near.iter().all(|s| (1e-30..1e30).contains(s)) { near } else { sums(a, b, |x| x.to64()) }
}

/// As [`distance`], with squares that are numbers of type `T`.
#[inline(always)]
fn sums<S: Scalar, T: Scalar>(a: &[S], b: &[S], of: impl Fn(S) -> T) -> [T; 2] {
    const LANES: usize = 32;
    vectorised(
        #[inline(always)]
        || {
            let (mut apart, mut size) = ([T::zero(); LANES], [T::zero(); LANES]);
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for k in 0..LANES {
                    let (d, x) = (of(a[k] - b[k]), of(b[k]));
                    apart[k] += d * d;
                    size[k] += x * x;
                }
            }
            for (k, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
                let (d, x) = (of(*a - *b), of(*b));
                apart[k] += d * d;
                size[k] += x * x;
            }
            [apart.into_iter().sum(), size.into_iter().sum()]
        },
    )
}

impl<S: Scalar> Update<S> for Moves<S> {
    fn loss(&mut self, loss: f64) {
        self.loss = loss;
    }

    fn begin(&mut self, grads: &mut [S]) {
        match &mut self.search {
            Some(search) => {
                search.evaluated(self.loss, grads, self.rate);
                self.step += 1;
            }
            None => self.prepare(grads),
        }
    }

    fn update(&mut self, param: usize, start: usize, weight: &mut [S], grad: &[S]) {
        if self.waiting > 0 {
            self.moved[param] = (0.0, squares(weight));
            return;
        }
        let kernels: [&dyn Any; 2] = [&self.rule.kind.single, &self.rule.kind.double];
        let Some(kernel) = kernels.iter().find_map(|k| k.downcast_ref::<Kernel<S>>()) else { return };
        let mut step = Step { p: self.p, number: self.step, product: self.product };
        let tuning = self.tunings[param];
        step.p[0] = self.rate * tuning.lr_factor;
        let decay = self.rule.kind.about.params.iter().position(|p| p.name == "weight_decay");
        if let (Some(decay), Some(at)) = (tuning.weight_decay, decay) {
            step.p[at] = decay;
        }
        if let Some(search) = self.search.as_deref_mut() {
            let (mut before, mut sums) = ([S::zero(); BLOCK], [0.0; 2]);
            for (n, weight) in weight.chunks_mut(BLOCK).enumerate() {
                let before = &mut before[..weight.len()];
                before.copy_from_slice(weight);
                search.update(start + n * BLOCK, weight);
                let [far, size] = distance(weight, before);
                sums = [sums[0] + far, sums[1] + size];
            }
            self.moved[param] = (sums[0], sums[1]);
            return;
        }
        let end = start + weight.len();
        let state = self.buffers.each_mut().map(|b| if b.is_empty() { &mut [][..] } else { &mut b[start..end] });
        let [moved, size] = pieces(weight, grad, state, &|weight, grad, state| {
            scratch::with(BLOCK.min(weight.len()), |before| {
                let (mut sums, mut state) = ([0.0; 2], state.map(|b| b.chunks_mut(BLOCK)));
                for (weight, grad) in weight.chunks_mut(BLOCK).zip(grad.chunks(BLOCK)) {
                    let before = &mut before[..weight.len()];
                    before.copy_from_slice(weight);
                    kernel(&step, weight, grad, state.each_mut().map(|b| b.next().unwrap_or_default()));
                    let [far, size] = distance(weight, before);
                    sums = [sums[0] + far, sums[1] + size];
                }
                sums
            })
        });
        self.moved[param] = (moved, size);
    }

    fn diverged(&self, param: usize) -> bool {
        !self.moved[param].0.is_finite()
    }
}
