//! The thread that trains, and how the window talks to it.
//!
//! Down goes a channel of commands. Up come a bounded channel of notices that must not be missed, and one
//! slot with the latest snapshot: newest wins, at most 60 a second, so training never waits for drawing.

use crate::data::Dataset;
use crate::engine::{Instruction, WeightMap};
use crate::graph::{Diagnostic, Graph, NodeId};
use crate::train::{
    DecisionMap, FittedCurve, Metrics, NodeState, Part, Report, Session, SessionError, Snapshot, Thumb, Timeline,
    TrainConfig, Want,
};
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How far one press of a step key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One instruction.
    Node,
    /// To the end of forward, seed, backward or update.
    Phase,
    /// To the end of the batch.
    Batch,
    /// To the end of the epoch.
    Epoch,
    /// To the end of the present batch, and nothing if none is under way.
    ToEnd,
}

/// How fast training runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it can.
    Full,
    /// Batches per second.
    Steps(f64),
    /// Instructions per second, to be watched.
    Nodes(f64),
}

/// What the worker can be told.
#[derive(Clone, Debug)]
pub enum Command {
    /// Another document. Weights that fit stay, unless `weights` gives some or `fresh` asks for a new start.
    Load {
        /// Its number; snapshots carry it.
        revision: u64,
        /// What to train.
        graph: Arc<Graph>,
        /// On what.
        data: Option<Arc<Dataset>>,
        /// How.
        config: TrainConfig,
        /// Saved weights.
        weights: Option<WeightMap>,
        /// Whether to start from new weights.
        fresh: bool,
    },
    /// Train until told otherwise.
    Run,
    /// Stop where it stands.
    Pause,
    /// Go a little and stop.
    Step(Granularity),
    /// Go back a little and stop.
    Back(Granularity),
    /// Back to the same initial weights.
    Reset,
    /// Other settings for the same run.
    SetConfig(TrainConfig),
    /// Another speed.
    SetSpeed(Speed),
    /// Overwrite one element of a weight.
    SetWeight {
        /// Whose.
        node: NodeId,
        /// Which.
        name: String,
        /// Flat index.
        element: usize,
        /// New value.
        value: f64,
    },
    /// What snapshots should hold.
    Want(Want),
    /// Take back the weights of the epoch with the smallest loss.
    RestoreBest,
    /// Send the weights, answered by [`Notice::Exported`].
    Export,
    /// End the thread.
    Shutdown,
}

/// What must not be missed.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The document cannot be trained.
    Failed {
        /// Of which revision.
        revision: u64,
        /// What is wrong with the graph.
        diagnostics: Vec<Diagnostic>,
        /// In one sentence.
        message: String,
    },
    /// The run came to its end.
    Finished {
        /// Of which revision.
        revision: u64,
        /// Why it ended.
        reason: String,
    },
    /// A NaN or infinity appeared; the run is paused.
    BadValue {
        /// Of which revision.
        revision: u64,
        /// Where it was born.
        node: NodeId,
        /// In words.
        what: String,
    },
    /// There is nothing further back.
    AtStart {
        /// Of which revision.
        revision: u64,
    },
    /// The weights, as asked.
    Exported(WeightMap, u64),
}

/// Snapshots are at least this far apart while training runs.
const FRAME: Duration = Duration::from_micros(16_600);
/// While training runs, states to go back to are kept this far apart, so that going back takes about as long.
const KEEP_EVERY: Duration = Duration::from_millis(25);
/// Commands are looked for at least this often while training runs.
const SLICE: Duration = Duration::from_millis(4);
/// Maps and metrics are at least this far apart while training runs.
const SLOW: Duration = Duration::from_millis(50);

/// The thread, seen from the window.
pub struct Worker {
    commands: Sender<Command>,
    slot: Arc<Mutex<Option<Arc<Snapshot>>>>,
    notices: Receiver<Notice>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; `wake` is called when there is something to fetch.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn spawn(wake: Box<dyn Fn() + Send>) -> Self {
        let (commands, inbox) = mpsc::channel();
        let (out, notices) = mpsc::sync_channel(64);
        let slot = Arc::new(Mutex::new(None));
        let mut trainer = Trainer::new(Arc::clone(&slot), out, wake);
        let thread = std::thread::Builder::new()
            .name("trainer".into())
            .spawn(move || trainer.serve(&inbox))
            .expect("the system gives one more thread");
        Worker { commands, slot, notices, thread: Some(thread) }
    }

    /// Tells it something. After the thread has ended, nothing happens.
    pub fn send(&self, command: Command) {
        _ = self.commands.send(command);
    }
    /// Takes the latest snapshot, if there is a new one.
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    /// Takes all notices.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.try_iter().collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.send(Command::Shutdown);
        if let Some(t) = self.thread.take() {
            _ = t.join();
        }
    }
}

struct Trainer {
    slot: Arc<Mutex<Option<Arc<Snapshot>>>>,
    out: SyncSender<Notice>,
    wake: Box<dyn Fn() + Send>,
    session: Option<Session<f32>>,
    timeline: Timeline<f32>,
    /// When the latest state was kept.
    recorded: Instant,
    revision: u64,
    running: bool,
    /// Epochs done at the latest stop at the limit; the limit counts from there.
    base: usize,
    /// When the present run began.
    began: Instant,
    speed: Speed,
    want: Want,
    reported_bad: bool,
    due: Instant,
    published: Instant,
    rate: (Instant, u64, f64),
    slow: Slow,
}

/// What is too dear to be computed for every snapshot.
struct Slow {
    at: Option<Instant>,
    maps: BTreeMap<NodeId, Vec<Thumb>>,
    map: Option<Arc<DecisionMap>>,
    curve: Option<Arc<FittedCurve>>,
    train: Report,
    test: Report,
    cost: Duration,
}

impl Trainer {
    fn new(slot: Arc<Mutex<Option<Arc<Snapshot>>>>, out: SyncSender<Notice>, wake: Box<dyn Fn() + Send>) -> Self {
        let now = Instant::now();
        let slow = Slow {
            at: None,
            maps: BTreeMap::new(),
            map: None,
            curve: None,
            train: Report::default(),
            test: Report::default(),
            cost: Duration::ZERO,
        };
        Trainer {
            slot,
            out,
            wake,
            session: None,
            timeline: Timeline::default(),
            recorded: now,
            revision: 0,
            running: false,
            base: 0,
            began: now,
            speed: Speed::Full,
            want: Want::default(),
            reported_bad: false,
            due: now,
            published: now,
            rate: (now, 0, 0.0),
            slow,
        }
    }

    fn serve(&mut self, inbox: &Receiver<Command>) {
        loop {
            let command = if self.running {
                let wait = self.due.saturating_duration_since(Instant::now());
                match inbox.recv_timeout(wait) {
                    Ok(c) => Some(c),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            } else {
                match inbox.recv() {
                    Ok(c) => Some(c),
                    Err(_) => return,
                }
            };
            match command {
                Some(Command::Shutdown) => return,
                Some(first) => {
                    // Of several documents that wait, only the newest counts.
                    let mut queue: Vec<Command> = std::iter::once(first).chain(inbox.try_iter()).collect();
                    if queue.iter().any(|c| matches!(c, Command::Shutdown)) {
                        return;
                    }
                    let newest = queue.iter().rposition(|c| matches!(c, Command::Load { .. }));
                    let mut i = 0;
                    queue.retain(|c| {
                        let stale = matches!(c, Command::Load { fresh: false, weights: None, .. }) && Some(i) != newest;
                        i += 1;
                        !stale
                    });
                    for c in queue {
                        self.obey(c, inbox);
                    }
                    self.publish(true);
                }
                None => self.work(),
            }
        }
    }

    fn obey(&mut self, command: Command, inbox: &Receiver<Command>) {
        match command {
            Command::Load { revision, graph, data, config, weights, fresh } => {
                self.load(revision, graph, data, config, weights, fresh);
            }
            Command::Run if self.session.is_some() => {
                if let Some(s) = &self.session
                    && s.epoch() == self.base + s.config().epochs
                {
                    self.base = s.epoch();
                }
                self.running = true;
                self.reported_bad = false;
                self.due = Instant::now();
                self.began = self.due;
                self.rate = (self.due, self.session.as_ref().map_or(0, Session::steps), 0.0);
            }
            Command::Run => {}
            Command::Pause => self.pause(),
            Command::Step(g) => {
                self.pause();
                self.step(g, inbox);
            }
            Command::Back(by) => {
                self.pause();
                self.back(by);
            }
            Command::Reset => {
                self.pause();
                self.reported_bad = false;
                self.base = 0;
                if let Some(s) = &mut self.session {
                    s.reset();
                    self.timeline.restart(s);
                }
                self.slow.at = None;
            }
            Command::SetConfig(config) => {
                if let Some(s) = &mut self.session {
                    if config.epochs != s.config().epochs {
                        self.base = 0;
                    }
                    s.set_config(config);
                    self.timeline.restart(s);
                }
            }
            Command::SetSpeed(speed) => {
                self.speed = speed;
                self.due = Instant::now();
            }
            Command::SetWeight { node, name, element, value } => {
                if let Some(s) = &mut self.session {
                    s.set_weight(node, &name, element, value);
                    self.timeline.restart(s);
                }
                self.slow.at = None;
            }
            Command::Want(want) => {
                self.want = want;
                self.slow.at = None;
            }
            Command::RestoreBest => {
                if let Some(s) = &mut self.session {
                    s.restore_best();
                    self.timeline.restart(s);
                }
                self.slow.at = None;
            }
            Command::Export => {
                let weights = self.session.as_ref().map(Session::export_weights).unwrap_or_default();
                self.notify(Notice::Exported(weights, self.revision));
            }
            Command::Shutdown => {}
        }
    }

    fn load(
        &mut self,
        revision: u64,
        graph: Arc<Graph>,
        data: Option<Arc<Dataset>>,
        config: TrainConfig,
        weights: Option<WeightMap>,
        fresh: bool,
    ) {
        let old = self.session.take().map(|s| s.export_weights());
        self.revision = revision;
        self.base = 0;
        self.slow.at = None;
        self.reported_bad = false;
        match Session::new(graph, data, config) {
            Ok(mut s) => {
                match (weights, old) {
                    (Some(map), _) => _ = s.load_weights(&map),
                    (None, Some(map)) if !fresh => _ = s.load_weights(&map),
                    _ => {}
                }
                self.timeline.restart(&s);
                self.session = Some(s);
            }
            Err(error) => {
                self.running = false;
                let message = error.to_string();
                let diagnostics = if let SessionError::Problems(d) = error { d } else { Vec::new() };
                self.notify(Notice::Failed { revision, diagnostics, message });
            }
        }
    }

    fn pause(&mut self) {
        self.running = false;
        self.rate.2 = 0.0;
        self.slow.at = None;
    }

    fn notify(&self, notice: Notice) {
        // A full channel means that nobody listens; then nothing is lost by dropping.
        _ = self.out.try_send(notice);
        (self.wake)();
    }

    fn back(&mut self, by: Granularity) {
        let Some(s) = &mut self.session else { return };
        let moved = self.timeline.back(s, by);
        self.slow.at = None;
        self.reported_bad = false;
        if !moved {
            self.notify(Notice::AtStart { revision: self.revision });
        }
    }

    fn step(&mut self, g: Granularity, inbox: &Receiver<Command>) {
        let Some(s) = &mut self.session else { return };
        match g {
            Granularity::Node => _ = s.advance(),
            Granularity::Phase => s.finish_phase(),
            Granularity::Batch => _ = s.step(),
            Granularity::ToEnd if s.at_rest() => {}
            Granularity::ToEnd => _ = s.step(),
            Granularity::Epoch => {
                let (epoch, mut looked) = (s.epoch(), Instant::now());
                while s.epoch() == epoch {
                    s.step();
                    // An epoch can be long: the next command ends it early, and is obeyed after it.
                    if looked.elapsed() > SLICE {
                        looked = Instant::now();
                        if let Ok(c) = inbox.try_recv() {
                            self.obey(c, inbox);
                            return;
                        }
                    }
                }
            }
        }
        self.timeline.record(s);
        self.slow.at = None;
        self.look_for_bad();
    }

    /// Trains for a slice of time.
    fn work(&mut self) {
        let start = Instant::now();
        let Some(s) = &mut self.session else {
            self.running = false;
            return;
        };
        match self.speed {
            Speed::Full => {
                while start.elapsed() < SLICE {
                    let report = s.step();
                    if report.bad.is_some() || (report.epoch_ended && ended(s, self.base, self.began).is_some()) {
                        break;
                    }
                }
                self.due = Instant::now();
            }
            Speed::Steps(n) => {
                s.step();
                self.due = start + Duration::from_secs_f64(1.0 / n.clamp(0.05, 1e4));
            }
            Speed::Nodes(n) => {
                s.advance();
                self.due = start + Duration::from_secs_f64(1.0 / n.clamp(0.05, 1e4));
            }
        }
        if self.recorded.elapsed() >= KEEP_EVERY {
            self.timeline.record(s);
            self.recorded = Instant::now();
        }
        if s.at_rest()
            && s.batch_index() == 0
            && let Some(reason) = ended(s, self.base, self.began)
        {
            self.base = s.epoch();
            s.excuse();
            self.pause();
            self.notify(Notice::Finished { revision: self.revision, reason });
        }
        self.look_for_bad();
        let seen = self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        let watched = !matches!(self.speed, Speed::Full);
        if !self.running || (seen || watched) && self.published.elapsed() >= FRAME {
            self.publish(!self.running);
        }
    }

    fn look_for_bad(&mut self) {
        let Some(s) = &self.session else { return };
        let (_, pass) = s.current();
        if let Some(bad) = pass.bad().filter(|_| !self.reported_bad) {
            let name = s.graph().node(bad.node).map_or("?", |n| n.name.as_str());
            let what = format!(
                "{name} ({:?}, element {}) is NaN or infinite: try a smaller learning rate, or Reset",
                bad.phase, bad.element
            );
            self.reported_bad = true;
            self.pause();
            self.notify(Notice::BadValue { revision: self.revision, node: bad.node, what });
        }
    }

    /// Puts a snapshot into the slot. `exact` computes even what is dear.
    fn publish(&mut self, exact: bool) {
        let now = Instant::now();
        self.published = now;
        let Some(s) = &mut self.session else {
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return (self.wake)();
        };
        // Dear things take at most a tenth of the time while training runs.
        let pause = SLOW.max(self.slow.cost * 10);
        if exact && !self.running || self.slow.at.is_none_or(|t| now - t >= pause) {
            let (map, maps) = s.maps(&self.want);
            self.slow.maps = maps;
            self.slow.map = map.map(Arc::new);
            self.slow.curve = s.curve().map(Arc::new);
            self.slow.train = s.evaluate(Part::Train);
            self.slow.test = if s.has_test() { s.evaluate(Part::Test) } else { Report::default() };
            self.slow.at = Some(now);
            self.slow.cost = now.elapsed();
        }
        let (since, steps, _) = self.rate;
        if self.running && now - since >= Duration::from_millis(500) {
            self.rate = (now, s.steps(), (s.steps() - steps) as f64 / (now - since).as_secs_f64());
        }
        let program: Arc<[Instruction]> = s.program().into();
        let (plan, _) = s.current();
        let bytes = plan.bytes(size_of::<f32>());
        let finite = |r: &Report| Some(r.loss).filter(|_| r.metrics != Metrics::None || !r.loss.is_nan());
        let snapshot = Snapshot {
            revision: self.revision,
            running: self.running,
            epoch: s.epoch(),
            batch: s.batch_index(),
            batches: s.batches(),
            step: s.steps(),
            train_loss: finite(&self.slow.train),
            test_loss: if s.has_test() { finite(&self.slow.test) } else { None },
            train_metrics: self.slow.train.metrics.clone(),
            test_metrics: self.slow.test.metrics.clone(),
            steps_per_sec: self.rate.2,
            program,
            cursor: s.cursor(),
            reach: self.timeline.reach(),
            at_rest: s.at_rest(),
            bytes,
            threads: crate::engine::threads(),
            rate: s.rate(),
            clipped_norm: s.clipped_norm(),
            best: s.best(),
            seed: s.config().seed,
            history: Arc::new(s.history().to_vec()),
            gradients: Arc::new(s.tracks().to_vec()),
            nodes: s.node_shots(&self.want, self.slow.maps.clone()),
            inspected: self.want.inspect.and_then(|id| s.inspect(id)),
            map: self.slow.map.clone(),
            curve: self.slow.curve.clone(),
            terms: self.want.element.and_then(|e| s.terms(e)),
        };
        debug_assert!(snapshot.nodes.values().all(|n| n.state != NodeState::Waiting || n.stats.is_none()));
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
        (self.wake)();
    }
}

/// Why the run is over, if it is: epochs counted from epoch `base`, patience, seconds since `began`.
fn ended(s: &Session<f32>, base: usize, began: Instant) -> Option<String> {
    let (most, stop) = (s.config().epochs, s.config().stop);
    if most > 0 && s.epoch() >= base + most {
        Some(format!("{} epochs done", s.epoch()))
    } else if s.epoch() > base && s.patience_over() {
        Some(format!("no better loss for {} epochs", stop.patience))
    } else if stop.seconds > 0.0 && began.elapsed().as_secs_f64() >= stop.seconds {
        Some(format!("{} seconds are over", stop.seconds))
    } else {
        None
    }
}
