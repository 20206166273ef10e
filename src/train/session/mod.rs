//! One training run, synchronous: batches, epochs, stepping, evaluation.

mod again;
mod best;
mod checkpoint;
mod ends;
mod evaluate;
mod halt;
#[cfg(test)]
mod interrupted;
mod ledger;
mod probe;
mod range;
mod retune;
mod vitals;
mod whatif;
mod why;

pub use again::{Again, TWICE};
pub(super) use checkpoint::Checkpoint;
pub(super) use probe::Probe;
use vitals::Vitals;

use crate::data::{Dataset, Order, Task};
use crate::engine::{Bad, Instruction, Keep, Pass, Phase, Plan, PlanError, WeightMap, Weights, run_fits};
use crate::graph::{Diagnostic, Graph, Inference, NodeId};
use crate::ops::Precision;
use crate::tensor::kernels::heed::{heeding, left_out};
use crate::tensor::mix;
use crate::train::halt::Halt;
use crate::train::into::Before;
use crate::train::metrics::{Metrics, prediction};
use crate::train::record::KEEP;
use crate::train::review::review;
use crate::train::schedule::Pace;
use crate::train::stops::Live;
use crate::train::watch::Watch;
use crate::train::{GradTrack, Moves, Point, TrainConfig};
use evaluate::{Sweep, evaluating, evaluation_rows, keep_evaluated, loss_threshold};
use ledger::Ledger;
use std::sync::Arc;

/// Why there is no session.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// The graph cannot run; what keeps it from running.
    #[error("the graph cannot run: {}", first(.0))]
    Problems(Vec<Diagnostic>),
    /// The training settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// There are no samples to train on.
    #[error("the train part of the data set is empty: raise the train share")]
    NoSamples,
    /// The plan could not be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

fn first(diagnostics: &[Diagnostic]) -> String {
    let worst = diagnostics.iter().find(|d| d.severity != crate::graph::Severity::Warning);
    worst.map_or_else(|| crate::graph::NO_LOSS.into(), |d| d.message.clone())
}

/// A part of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on.
    Train,
    /// What is kept back.
    Test,
}

/// The loss and the metrics of one part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Total loss, penalties included; NaN for an empty part.
    pub loss: f64,
    /// Figures by the kind of task.
    pub metrics: Metrics,
}

/// What one batch brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Total loss of the batch before its update.
    pub loss: f64,
    /// The first NaN or infinity in it.
    pub bad: Option<Bad>,
    /// Whether an epoch ended with it.
    pub epoch_ended: bool,
}

/// Batch sizes whose memory for evaluation is kept.
const SCRATCH: usize = 6;

/// A training run.
pub struct Session<S> {
    graph: Arc<Graph>,
    inference: Arc<Inference>,
    data: Option<Arc<Dataset>>,
    pub(super) config: Arc<TrainConfig>,
    pub(super) weights: Weights<S>,
    pub(super) plan: Plan,
    pass: Pass<S>,
    /// For the smaller batch at the end of an epoch; the pass that ran last has the memory of both.
    last: Option<(Plan, Pass<S>)>,
    keep: Keep,
    /// For evaluation, by batch size; the latest used is the last, and has the memory of all.
    scratch: Vec<(Plan, Pass<S>)>,
    pub(super) moves: Moves<S>,
    pub(super) order: Order,
    x: Vec<S>,
    y: Vec<S>,
    eval: (Vec<S>, Vec<S>),
    /// Samples evaluated at once.
    eval_rows: usize,
    halt: Halt,
    /// The evaluation at the end of an epoch, while it is under way.
    closing: Option<Sweep>,
    pub(super) epoch: usize,
    pub(super) batch: usize,
    pub(super) step: u64,
    begun: bool,
    short: bool,
    pub(super) sum: (f64, f64),
    pub(super) history: Vec<Point>,
    pub(super) tracks: Vec<GradTrack>,
    pub(super) pace: Pace,
    pub(super) watch: Watch<S>,
    /// What is observed of every node.
    vitals: Vitals,
    /// Whether nodes are observed in the course of this batch, as their gradients do not stay.
    glimpses: bool,
    threshold: f64,
    prediction: Option<NodeId>,
    pub(super) ledger: Ledger<S>,
    /// Whether somebody looks at single instructions, so that the weights before an update are kept.
    watched: bool,
    before: Option<Before<S>>,
    stops: Live,
    /// Whether the latest batch leaves out gradients that reach no trained weight.
    lean: bool,
}

impl<S: Precision> Session<S> {
    /// A run from freshly drawn weights.
    ///
    /// # Errors
    /// If the graph has problems, the settings cannot be used, or there is nothing to train on.
    pub fn new(graph: Arc<Graph>, data: Option<Arc<Dataset>>, config: TrainConfig) -> Result<Self, SessionError> {
        Session::keeping(graph, data, config, Keep::All)
    }

    /// As [`Session::new`], but nobody looks at single values and gradients: they stay only as long as the run itself
    /// needs them, so that it takes less memory. Weights, losses, metrics and marks of health have the same bits, apart
    /// from marks of activations before which nothing is trained, which are not observed.
    ///
    /// # Errors
    /// As there.
    pub fn unwatched(graph: Arc<Graph>, data: Option<Arc<Dataset>>, config: TrainConfig) -> Result<Self, SessionError> {
        Session::keeping(graph, data, config, Keep::Needed)
    }

    fn keeping(
        graph: Arc<Graph>,
        data: Option<Arc<Dataset>>,
        config: TrainConfig,
        keep: Keep,
    ) -> Result<Self, SessionError> {
        if let Some(why) = config.reject() {
            return Err(SessionError::Settings(why));
        }
        let inference = review(&graph, data.as_deref(), &config);
        if !inference.runnable() {
            return Err(SessionError::Problems(inference.diagnostics));
        }
        let rows: Vec<usize> = data.as_ref().map_or_else(|| vec![0], |d| d.train.clone());
        if rows.is_empty() {
            return Err(SessionError::NoSamples);
        }
        crate::engine::weights_fit(&inference, size_of::<S>(), 1 + config.optimizer.buffers())?;
        let weights = Weights::<S>::init(&graph, &inference, config.seed);
        if let Some(why) = config.needs_whole(rows.len()) {
            return Err(SessionError::Settings(why));
        }
        let size = config.batch_size.min(rows.len());
        let lay = |size: usize| Plan::keeping(&graph, &inference, &weights, size, keep);
        let plan = lay(size)?;
        let mut pass = Pass::new(&plan);
        let rest = rows.len() % size;
        let last = if rest > 0 {
            let plan = lay(rest)?;
            let mut other = Pass::new(&plan);
            pass.take_memory(&mut other);
            Some((plan, other))
        } else {
            None
        };
        let widths = data.as_ref().map_or((0, 0), |d| (d.feature_width(), d.target_width()));
        let prediction = prediction(&plan, &graph);
        let threshold = match data.as_ref().map(|d| &d.task) {
            Some(Task::Binary { negative, positive }) => loss_threshold::<S>(&graph, &plan, *negative, *positive),
            _ => 0.0,
        };
        let tracks = weights
            .infos
            .iter()
            .map(|i| {
                // Room for all that is kept, so that a step never allocates.
                let room = || Vec::with_capacity(KEEP + 1);
                GradTrack { label: i.label.clone(), buffer: i.buffer, points: room(), ratio: room() }
            })
            .collect();
        let eval_rows = evaluation_rows(&inference);
        let most = data.as_ref().map_or(1, |d| d.train.len().max(d.test.len()).min(eval_rows));
        let first = Plan::keeping(&graph, &inference, &weights, most, keep_evaluated(keep, prediction))?;
        let rest = weights.values.len() * (2 + config.optimizer.buffers());
        run_fits(&plan, (plan.bytes(1) + first.bytes(1) + rest) * size_of::<S>())?;
        let mut scratch = Vec::with_capacity(SCRATCH);
        scratch.push(evaluating(first));
        let mut session = Session {
            moves: Moves::new(&config.optimizer, weights.values.len(), weights.infos.len()),
            pace: Pace::new(&config.schedule, config.optimizer.lr()),
            watch: Watch::new(&weights.values),
            order: Order::new(&rows, config.seed),
            x: vec![S::zero(); size * widths.0],
            y: vec![S::zero(); size * widths.1],
            eval: (vec![S::zero(); eval_rows * widths.0], vec![S::zero(); eval_rows * widths.1]),
            eval_rows,
            halt: Halt::default(),
            closing: None,
            graph,
            inference: Arc::new(inference),
            data,
            config: Arc::new(config),
            weights,
            plan,
            pass,
            last,
            keep,
            scratch,
            epoch: 0,
            batch: 0,
            step: 0,
            begun: false,
            short: false,
            sum: (0.0, 0.0),
            history: Vec::with_capacity(KEEP + 1),
            tracks,
            vitals: Vitals::default(),
            glimpses: false,
            threshold,
            prediction,
            ledger: Ledger::default(),
            watched: false,
            before: None,
            stops: Live::default(),
            lean: false,
        };
        session.order.shuffle(0);
        session.moves.set_limits(session.config.limits);
        session.moves.set_tunings(session.weights.infos.iter().map(|i| i.tuning));
        session.moves.set_rate(session.pace.rate);
        Ok(session)
    }

    /// Back to the start: the same initial weights, epoch 0, no history.
    pub fn reset(&mut self) {
        self.weights = Weights::init(&self.graph, &self.inference, self.config.seed);
        self.moves = Moves::new(&self.config.optimizer, self.weights.values.len(), self.weights.infos.len());
        self.moves.set_limits(self.config.limits);
        self.moves.set_tunings(self.weights.infos.iter().map(|i| i.tuning));
        self.pace = Pace::new(&self.config.schedule, self.config.optimizer.lr());
        self.moves.set_rate(self.pace.rate);
        self.watch = Watch::new(&self.weights.values);
        self.order = Order::new(&self.data.as_ref().map_or_else(|| vec![0], |d| d.train.clone()), self.config.seed);
        self.order.shuffle(0);
        (self.epoch, self.batch, self.step, self.begun, self.short) = (0, 0, 0, false, false);
        self.sum = (0.0, 0.0);
        self.closing = None;
        self.vitals = Vitals::default();
        self.history.clear();
        for t in &mut self.tracks {
            t.points.clear();
            t.ratio.clear();
        }
        self.pass.rewind();
        self.ledger = Ledger::default();
        self.stops.reset();
    }

    /// The optimiser's settings and the epoch limit may change in mid-run; other settings need a new session, and so
    /// does an optimiser that needs the whole train part where the batches are smaller.
    pub fn set_config(&mut self, config: TrainConfig) {
        self.moves.set(&config.optimizer, self.weights.values.len());
        self.moves.set_limits(config.limits);
        let base = config.optimizer.lr();
        if config.schedule != self.config.schedule {
            self.pace = Pace::new(&config.schedule, base);
        }
        // A plateau's rate keeps its share of the optimiser's own.
        let share = base / self.config.optimizer.lr();
        let kept = if share.is_finite() { self.pace.rate * share } else { base };
        self.pace.rate = config.schedule.rate(base, self.epoch).unwrap_or(kept);
        self.moves.set_rate(self.pace.rate);
        self.config = Arc::new(config);
    }

    /// The settings.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }
    /// The graph that is trained.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }
    /// Its shapes.
    pub fn inference(&self) -> &Arc<Inference> {
        &self.inference
    }
    /// The data set.
    pub fn data(&self) -> Option<&Arc<Dataset>> {
        self.data.as_ref()
    }
    /// The weights and their gradients.
    pub fn weights(&self) -> &Weights<S> {
        &self.weights
    }
    /// All elements of all weights, to be changed.
    pub(in crate::train) fn weights_mut(&mut self) -> &mut [S] {
        &mut self.weights.values
    }
    /// The node whose output is the network's answer.
    pub fn prediction(&self) -> Option<NodeId> {
        self.prediction
    }
    /// The prediction above which the second of two classes is meant.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }
    /// Epochs completed.
    pub fn epoch(&self) -> usize {
        self.epoch
    }
    /// Batches completed in this epoch.
    pub fn batch_index(&self) -> usize {
        self.batch
    }
    /// Batches in an epoch.
    pub fn batches(&self) -> usize {
        self.order.batches(self.plan.batch())
    }
    /// Batches completed.
    pub fn steps(&self) -> u64 {
        self.step
    }
    /// The learning rate of the next step.
    pub fn rate(&self) -> f64 {
        self.moves.rate()
    }
    /// ‖∂L/∂w‖ over all weights before the latest clipping, if clipping by norm is on.
    pub fn clipped_norm(&self) -> Option<f64> {
        self.moves.norm()
    }
    /// The loss curve.
    pub fn history(&self) -> &[Point] {
        &self.history
    }
    /// Gradient norms over time.
    pub fn tracks(&self) -> &[GradTrack] {
        &self.tracks
    }
    /// The plan and the state of the present batch, or of the latest one.
    pub fn current(&self) -> (&Plan, &Pass<S>) {
        match &self.last {
            Some((plan, pass)) if self.short => (plan, pass),
            _ => (&self.plan, &self.pass),
        }
    }
    /// The instructions of the present batch.
    pub fn program(&self) -> &[Instruction] {
        self.current().0.program()
    }
    /// How many of them have run.
    pub fn cursor(&self) -> usize {
        self.current().1.cursor()
    }
    /// Whether no batch is under way, nor the evaluation at the end of an epoch.
    pub fn at_rest(&self) -> bool {
        !self.begun && self.closing.is_none()
    }
    /// Long work stops once this flag has been raised for a moment: between two instructions, or, if it is urgent, by
    /// giving up the one under way, which is then run again from its start.
    pub(super) fn set_halt(&mut self, halt: Halt) {
        self.halt = halt;
    }
    /// Whether long work is to stop.
    pub(super) fn halted(&self) -> bool {
        self.halt.over()
    }
    /// The instruction that runs next.
    pub fn next(&self) -> Option<Instruction> {
        if self.begun { self.program().get(self.cursor()).copied() } else { self.plan.program().first().copied() }
    }

    /// Overwrites one element of a weight. Returns whether there is such an element.
    pub fn set_weight(&mut self, node: NodeId, name: &str, element: usize, value: f64) -> bool {
        let Some(info) = self.weights.find(node, name).map(|k| &self.weights.infos[k]) else { return false };
        if element >= info.range.len() {
            return false;
        }
        let at = info.range.start + element;
        self.weights.values[at] = S::of(value);
        self.moves.disturb();
        true
    }
    /// Takes saved weights that fit; returns a sentence for each that does not.
    pub fn load_weights(&mut self, map: &WeightMap) -> Vec<String> {
        self.moves.disturb();
        self.weights.import(map)
    }
    /// The present weights.
    pub fn export_weights(&self) -> WeightMap {
        self.weights.export()
    }

    /// Runs `f` while nobody interrupts.
    pub(super) fn undisturbed<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let halt = std::mem::take(&mut self.halt);
        let result = f(self);
        self.halt = halt;
        result
    }

    /// Begins the next batch. Whether it came to that: where it was interrupted no batch is under way.
    fn begin(&mut self) -> bool {
        let rows = self.order.batch(self.batch, self.plan.batch());
        if let Some(d) = &self.data {
            let (w, v) = (d.feature_width(), d.target_width());
            let (x, y) = (&mut self.x[..rows.len() * w], &mut self.y[..rows.len() * v]);
            let whole = heeding(self.halt.flag(), || {
                d.gather_training(rows, self.epoch as u64, x, y);
                !left_out()
            });
            if !whole {
                // What is there of the batch before does not belong to these samples.
                match &mut self.last {
                    Some((_, pass)) if self.short => pass.rewind(),
                    _ => self.pass.rewind(),
                }
                return false;
            }
        }
        self.short = rows.len() < self.plan.batch();
        let pass = match &mut self.last {
            Some((_, pass)) if self.short => {
                pass.take_memory(&mut self.pass);
                pass
            }
            Some((_, other)) => {
                self.pass.take_memory(other);
                &mut self.pass
            }
            None => &mut self.pass,
        };
        pass.rewind();
        pass.set_draw(mix(self.config.seed, self.step));
        pass.set_accumulate(!self.config.zero_grad);
        self.ledger.begin(&self.weights);
        self.glimpses = self.keep == Keep::Needed && self.looks_after(self.step + 1);
        self.begun = true;
        true
    }

    /// Runs one instruction, beginning the next batch if none is under way. `None` if it was interrupted: then it is not
    /// done.
    pub fn advance(&mut self) -> Option<Instruction> {
        if self.closing.is_some() && !self.end_epoch() {
            return None;
        }
        if !self.begun && !self.begin() {
            return None;
        }
        if self.watched {
            self.keep_before();
        }
        if self.stops.armed() {
            self.examine();
        }
        let (plan, pass) = match &mut self.last {
            Some((plan, pass)) if self.short => (&*plan, pass),
            _ => (&self.plan, &mut self.pass),
        };
        let widths = self.data.as_ref().map_or((0, 0), |d| (d.feature_width(), d.target_width()));
        let (x, y) = (&self.x[..plan.batch() * widths.0], &self.y[..plan.batch() * widths.1]);
        let done = heeding(self.halt.flag(), || pass.advance(plan, &mut self.weights, x, y, &mut self.moves));
        if let Some(done) = done.filter(|_| self.glimpses) {
            self.glimpse(done);
        }
        let (plan, pass) = self.current();
        if pass.cursor() == plan.program().len() {
            self.end_batch();
        }
        done
    }

    /// Comes to the end of an instruction whose results are partly in the sums of others already, so that the run stands
    /// between two instructions.
    pub(in crate::train) fn finish_begun(&mut self) {
        if self.begun && self.current().1.is_begun() {
            self.undisturbed(|s| _ = s.advance());
        }
    }

    /// Keeps the weights as they were before a batch's updates, while `on`; costs a copy per batch.
    pub fn set_watched(&mut self, on: bool) {
        self.watched = on;
    }

    fn keep_before(&mut self) {
        let (cursor, program) = (self.cursor(), self.program());
        let first = program.get(cursor).is_some_and(|i| i.phase == Phase::Update)
            && cursor.checked_sub(1).is_some_and(|c| program[c].phase != Phase::Update);
        if first {
            let mut values = self.before.take().map(|b| b.values).unwrap_or_default();
            values.clear();
            values.extend_from_slice(&self.weights.values);
            self.before = Some(Before { step: self.step, rate: self.moves.rate(), values });
        }
    }

    /// The weights before the updates of the present batch, if they were kept.
    pub(super) fn before(&self) -> Option<&Before<S>> {
        let batch = if self.begun { self.step } else { self.step.wrapping_sub(1) };
        self.before.as_ref().filter(|b| b.step == batch)
    }

    /// Runs to the end of the present batch, or all of the next one.
    pub fn step(&mut self) -> StepReport {
        let (epoch, busy) = (self.epoch, self.plan.busy());
        self.undisturbed(|s| crate::engine::inside(busy, || s.try_step()));
        self.report(epoch)
    }

    /// What the batch that ended last brought; `epoch` is the one in which it began.
    pub(super) fn report(&self, epoch: usize) -> StepReport {
        let (plan, pass) = self.current();
        StepReport { loss: pass.total_loss(plan).unwrap_or(f64::NAN), bad: pass.bad(), epoch_ended: self.epoch > epoch }
    }

    /// Finishes the evaluation at the end of an epoch if it is under way.
    pub(super) fn close(&mut self) {
        if self.closing.is_some() {
            self.step();
        }
    }

    /// As [`Session::step`], but stops when it is interrupted. Whether it came to the end. Both stop where a bad value is born, with all that it was made of in hand; the next call goes on.
    pub(super) fn try_step(&mut self) -> bool {
        if self.closing.is_some() {
            return self.end_epoch();
        }
        let known = self.begun && self.current().1.bad().is_some();
        let before = self.step;
        loop {
            self.advance();
            if !self.begun {
                return self.step > before && self.closing.is_none();
            }
            if self.halt.over() || !known && self.current().1.bad().is_some() {
                return false;
            }
        }
    }

    /// Runs to the end of the present phase: forward, seed, backward or update.
    pub fn finish_phase(&mut self) {
        self.undisturbed(Self::go_on_to_next_phase);
    }

    fn go_on_to_next_phase(&mut self) {
        let Some(phase) = self.next().map(|i| group(i.phase)) else { return };
        let known = self.begun && self.current().1.bad().is_some();
        self.advance();
        let born = |s: &Self| !known && s.current().1.bad().is_some();
        while self.begun && !born(self) && self.next().is_some_and(|i| group(i.phase) == phase) {
            self.advance();
        }
    }
}

/// Forward and loss belong together; the rest are phases of their own.
pub(super) fn group(phase: Phase) -> Phase {
    if phase == Phase::Loss { Phase::Forward } else { phase }
}
