//! A run as it is kept in a file, so that it goes on with the same bits after it was saved and loaded.
//!
//! What is random depends on the seed and the number of the batch only, so a run is its weights, the memory of the
//! optimiser, the schedule and the watch, and its place in the epoch. A run saved in mid-batch is kept as it was when
//! the batch began, with the number of instructions to repeat.

use crate::graph::NodeId;
use crate::ops::Precision;
use crate::tensor::Scalar;
use crate::train::record::KEEP;
use crate::train::schedule::Pace;
use crate::train::watch::Watch;
use crate::train::{GradTrack, Point, Session};

/// A run between two batches, beside its weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    /// Node, name and elements of each weight; every flat buffer is laid out in this order.
    pub layout: Vec<(NodeId, String, usize)>,
    /// Seed of the run.
    pub seed: u64,
    /// Samples per batch, as it was set.
    pub batch_size: usize,
    /// Samples of the train part.
    pub samples: usize,
    /// Epochs completed.
    pub epoch: usize,
    /// Batches completed in this epoch.
    pub batch: usize,
    /// Batches completed.
    pub step: u64,
    /// Instructions of the next batch that had run.
    pub cursor: usize,
    /// The sum of the losses of this epoch's samples so far, and their number.
    pub sum: (f64, f64),
    /// What the optimiser remembers.
    pub memory: Memory,
    /// Where the schedule stands.
    pub pace: Pace,
    /// What early stopping remembers.
    pub best: Best,
    /// The loss curve.
    pub history: Vec<Point>,
    /// The steps at which gradients were measured.
    pub steps: Vec<u64>,
    /// ‖∂L/∂w‖ of each weight at these steps.
    pub norms: Vec<Vec<f64>>,
    /// ‖Δw‖ / ‖w‖ of each weight at these steps.
    pub ratios: Vec<Vec<f64>>,
}

/// What an optimiser remembers between two steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Its id.
    pub kind: String,
    /// Its steps so far.
    pub step: u64,
    /// The product of NAdam's momenta.
    pub product: f64,
    /// Batches gathered since its last step.
    pub waiting: usize,
    /// Their gradients.
    pub gathered: Vec<f64>,
    /// Its buffers, each laid out as the weights.
    pub buffers: Vec<Vec<f64>>,
    /// Single numbers, in an order of its own.
    pub numbers: Vec<f64>,
}

/// What early stopping remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// The smallest loss; infinite before the first epoch has ended.
    pub loss: f64,
    /// Its epoch.
    pub epoch: usize,
    /// The loss that the next better one is compared with.
    pub reference: f64,
    /// Epochs without a better one.
    pub bad: usize,
    /// The weights of the epoch with the smallest loss; empty before the first epoch has ended.
    pub weights: Vec<f64>,
}

impl Default for Best {
    fn default() -> Self {
        Best { loss: f64::INFINITY, epoch: 0, reference: f64::INFINITY, bad: 0, weights: Vec::new() }
    }
}

/// Elements as they are kept; every `f32` is an `f64`.
pub(super) fn wide<S: Scalar>(data: &[S]) -> Vec<f64> {
    data.iter().map(|x| x.to64()).collect()
}

impl<S: Precision> Session<S> {
    /// The run as it is kept beside the weights; `None` in mid-batch.
    pub fn run_state(&self) -> Option<RunState> {
        self.at_rest().then(|| self.run_state_as_of_batch())
    }

    /// The same, in mid-batch with what has been changed in it so far.
    pub(super) fn run_state_as_of_batch(&self) -> RunState {
        let layout = self.weights.infos.iter().map(|i| (i.node, i.name.to_owned(), i.range.len())).collect();
        let column = |get: fn(&GradTrack) -> &Vec<[f64; 2]>| {
            self.tracks.iter().map(|t| get(t).iter().map(|p| p[1]).collect()).collect()
        };
        RunState {
            layout,
            seed: self.config.seed,
            batch_size: self.config.batch_size,
            samples: self.order.rows().len(),
            epoch: self.epoch,
            batch: self.batch,
            step: self.step,
            cursor: 0,
            sum: self.sum,
            memory: self.moves.memory(),
            pace: self.pace.clone(),
            best: self.watch.keep(),
            history: self.history.clone(),
            steps: self.tracks.first().map_or_else(Vec::new, |t| t.points.iter().map(|p| p[0] as u64).collect()),
            norms: column(|t| &t.points),
            ratios: column(|t| &t.ratio),
        }
    }

    /// Goes on with a run that was kept, from the weights that were kept with it. A sentence for what does not fit
    /// this session: then the run, or the optimiser, begins anew.
    pub fn resume(&mut self, state: &RunState) -> Vec<String> {
        if let Some(why) = self.misfit(state) {
            return vec![format!("the saved run cannot go on, so it begins anew from the saved weights: {why}")];
        }
        let mut warnings = Vec::new();
        if let Err(why) = self.moves.recall(&state.memory) {
            warnings.push(format!("the optimiser begins anew: {why}"));
        }
        (self.epoch, self.batch, self.step, self.sum) = (state.epoch, state.batch, state.step, state.sum);
        self.pace = state.pace.clone();
        if let Some(rate) = self.config.schedule.rate(self.config.optimizer.lr(), self.epoch) {
            self.pace.rate = rate;
        }
        self.moves.set_rate(self.pace.rate);
        self.watch = Watch::kept(&state.best, &self.weights.values);
        self.history.clear();
        self.history.extend_from_slice(&state.history);
        for ((track, norms), ratios) in self.tracks.iter_mut().zip(&state.norms).zip(&state.ratios) {
            let points = |data: &[f64]| state.steps.iter().zip(data).map(|(s, x)| [*s as f64, *x]).collect::<Vec<_>>();
            track.points.clear();
            track.points.extend(points(norms));
            track.ratio.clear();
            track.ratio.extend(points(ratios));
        }
        self.forget_batch();
        if !self.config.zero_grad && state.step > 0 {
            warnings
                .push("gradients that had added up without zero_grad are not saved; they begin from zero".to_owned());
        }
        self.undisturbed(|s| (0..state.cursor).for_each(|_| _ = s.advance()));
        warnings
    }

    /// Why a kept run is not one of this session.
    fn misfit(&self, s: &RunState) -> Option<String> {
        let infos = &self.weights.infos;
        let other = infos.iter().zip(&s.layout).find(|(i, l)| (i.node, i.name, i.range.len()) != (l.0, &l.1, l.2));
        if let Some((info, saved)) = other {
            return Some(format!("{} has {} numbers, the saved one {}", info.label, info.range.len(), saved.2));
        }
        if infos.len() != s.layout.len() {
            return Some(format!("the network has {} weights, the saved one {}", infos.len(), s.layout.len()));
        }
        for (name, now, then) in [
            ("seed", self.config.seed, s.seed),
            ("batch size", self.config.batch_size as u64, s.batch_size as u64),
            ("number of train samples", self.order.rows().len() as u64, s.samples as u64),
        ] {
            if now != then {
                return Some(format!("the {name} is {now}, the saved one {then}"));
            }
        }
        let elements = self.weights.values.len();
        let steps = s.epoch.checked_mul(self.batches()).and_then(|n| n.checked_add(s.batch));
        let counts = steps.map(|n| n as u64) == Some(s.step) && s.step < 1 << 53 && s.batch < self.batches();
        let columns = [&s.norms, &s.ratios];
        let curves = s.history.len() <= KEEP
            && s.steps.len() <= KEEP
            && columns.iter().all(|c| c.len() == infos.len() && c.iter().all(|x| x.len() == s.steps.len()));
        let best = if s.best.loss.is_finite() { s.best.weights.len() == elements } else { s.best.weights.is_empty() };
        let rate = s.pace.rate.is_finite() && s.pace.rate >= 0.0;
        let whole = counts && curves && best && rate && s.cursor < self.plan.program().len();
        (!whole).then(|| "its numbers contradict each other".to_owned())
    }
}
