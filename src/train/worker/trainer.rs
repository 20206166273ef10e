//! What the thread does: obeys commands, trains in slices of time, steps, goes back.

use super::batch::{batch, ended};
use super::certifier::{Certifier, Job, Shelf};
use super::probe::Probe;
use super::publish::Slow;
use super::{Command, Granularity, Notice, Speed};
use crate::engine::{WeightMap, inside};
use crate::graph::Graph;
use crate::train::certified::ROWS;
use crate::train::halt::Halt;
use crate::train::session::group;
use crate::train::stops::{self, Stops};
use crate::train::{Profile, RatesJob, Session, Snapshot, SurfaceJob, Timeline, Touch, TrainConfig, Want};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Snapshots are at least this far apart while training runs.
const FRAME: Duration = Duration::from_micros(16_600);
/// While nodes say what they cost, a step is measured this often, so that training stays as fast as it is.
const CLOCK_EVERY: Duration = Duration::from_millis(5);
/// Commands are looked for at least this often while training runs.
const SLICE: Duration = Duration::from_millis(4);
/// While training runs, gradients are certified this far apart.
const CERTIFY_EVERY: Duration = Duration::from_secs(8);

/// The state of the thread.
pub(super) struct Trainer {
    pub(super) slot: Arc<Mutex<Option<Arc<Snapshot>>>>,
    pub(super) out: SyncSender<Notice>,
    pub(super) wake: Box<dyn Fn() + Send>,
    pub(super) session: Option<Session<f32>>,
    pub(super) timeline: Timeline<f32>,
    /// The weights of the latest run, while the document cannot run.
    pub(super) kept: Option<WeightMap>,
    /// When the next state is kept while training runs.
    pub(super) keep_at: Instant,
    /// The place that the session is on its way to, and when it goes on.
    pub(super) goal: Option<((u64, usize), Instant)>,
    /// The graph of the document; inside the record the session trains the weights as at its place.
    pub(super) graph: Option<Arc<Graph>>,
    /// The settings of the document; inside the record the session has those of its place.
    pub(super) config: TrainConfig,
    pub(super) revision: u64,
    pub(super) running: bool,
    /// Whether it runs on only to the end of a batch of which nothing is left out.
    pub(super) stopping: bool,
    /// Epochs done at the latest stop at the limit; the limit counts from there.
    pub(super) base: usize,
    /// When the present run began.
    pub(super) began: Instant,
    pub(super) speed: Speed,
    pub(super) want: Want,
    pub(super) reported_bad: bool,
    pub(super) due: Instant,
    pub(super) published: Instant,
    /// How long the latest batch took at full speed.
    took: Duration,
    pub(super) rate: (Instant, u64, f64),
    pub(super) slow: Slow,
    pub(super) profile: Profile,
    /// When a step was last measured node by node.
    pub(super) clocked: Instant,
    pub(super) probe: Probe,
    certifier: Certifier,
    /// Whether gradients are certified unasked.
    certifies: bool,
    /// Revision, batch, time and number of the latest request for certificates.
    asked: Option<(u64, u64, Instant, u64)>,
    pub(super) surface: Option<SurfaceJob>,
    pub(super) rates: Option<RatesJob>,
    /// Whether what is dear could not be computed, as there was a command to obey.
    pub(super) unfinished: bool,
    /// Whether the latest snapshot says nothing of large tensors, as it was made for a command.
    pub(super) brief: bool,
    pub(super) halt: Halt,
    /// Commands that came in the course of a step, to be obeyed after it.
    pub(super) waiting: VecDeque<Command>,
    pub(super) stops: Arc<Stops>,
}

impl Trainer {
    pub(super) fn new(
        slot: Arc<Mutex<Option<Arc<Snapshot>>>>,
        out: SyncSender<Notice>,
        wake: Box<dyn Fn() + Send>,
        shelf: Shelf,
        halt: Halt,
    ) -> Self {
        let wake = Arc::new(Mutex::new(wake));
        let again = Arc::clone(&wake);
        let certifier = Certifier::spawn(shelf, move || (again.lock().unwrap_or_else(PoisonError::into_inner))());
        let wake = Box::new(move || (wake.lock().unwrap_or_else(PoisonError::into_inner))());
        let now = Instant::now();
        Trainer {
            slot,
            out,
            wake,
            session: None,
            timeline: Timeline::default(),
            kept: None,
            keep_at: now,
            goal: None,
            graph: None,
            config: TrainConfig::default(),
            revision: 0,
            running: false,
            stopping: false,
            base: 0,
            began: now,
            speed: Speed::Full,
            want: Want::default(),
            reported_bad: false,
            due: now,
            published: now,
            took: FRAME,
            rate: (now, 0, 0.0),
            slow: Slow::default(),
            profile: Profile::default(),
            clocked: now,
            probe: Probe::default(),
            certifier,
            certifies: true,
            asked: None,
            surface: None,
            rates: None,
            unfinished: false,
            brief: false,
            halt,
            waiting: VecDeque::new(),
            stops: Arc::default(),
        }
    }

    pub(super) fn serve(&mut self, inbox: &Receiver<Command>) {
        loop {
            // A flag that is raised for a command already taken interrupts little work once, which is then done again.
            self.halt.clear();
            let command = if let Some(c) = self.waiting.pop_front() {
                Some(c)
            } else if self.unfinished && !self.running && self.goal.is_none() {
                match inbox.try_recv() {
                    Ok(c) => Some(c),
                    Err(TryRecvError::Disconnected) => return,
                    Err(TryRecvError::Empty) => {
                        self.publish(true);
                        continue;
                    }
                }
            } else if let Some(due) = if self.running { Some(self.due) } else { self.goal.map(|(_, at)| at) } {
                let wait = due.saturating_duration_since(Instant::now());
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
                    // All that have come are taken now; the flag is up again for those that come from here on.
                    self.halt.clear();
                    // Of several documents that wait, only the newest counts.
                    let mut queue: Vec<Command> =
                        std::iter::once(first).chain(self.waiting.drain(..)).chain(inbox.try_iter()).collect();
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
                    super::travel::newest_goal(&mut queue);
                    for c in queue {
                        self.obey(c, inbox);
                    }
                    // Commands that ended a step come first.
                    if !self.waiting.is_empty() {
                        continue;
                    }
                    if self.exact() {
                        self.answer();
                    } else {
                        self.publish(false);
                    }
                }
                None if self.goal.is_some() => self.travel(),
                None => self.work(),
            }
        }
    }

    fn obey(&mut self, command: Command, inbox: &Receiver<Command>) {
        self.settle(&command);
        if self.stopping && !matches!(command, Command::Want(_) | Command::Pause) {
            self.pause();
        }
        match command {
            Command::Load { revision, graph, data, config, weights, fresh } => {
                self.load(revision, graph, data, config, weights, fresh);
            }
            Command::RunTo(node) => {
                if let Some(s) = &mut self.session {
                    s.run_to(Some(node));
                    self.obey(Command::Run, inbox);
                }
            }
            Command::SetStops(stops) => {
                if let Some(s) = &mut self.session {
                    s.set_stops(&stops);
                }
                self.stops = stops;
            }
            Command::Run if self.session.is_some() => {
                self.leave_record();
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
            Command::Pause => self.wind_up(),
            Command::Step(g) => {
                self.pause();
                self.step(g, inbox);
            }
            Command::Back(by) => {
                self.pause();
                self.back(by);
            }
            Command::Seek { step, cursor } => self.seek(step, cursor),
            Command::Memory(bytes) => self.timeline.set_limit(bytes),
            Command::ClearGhosts => self.timeline.clear_ghosts(),
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
                if config.epochs != self.config.epochs {
                    self.base = 0;
                }
                self.config = config.clone();
                self.touch(Touch::Settings(Box::new(config)));
            }
            Command::SetSpeed(speed) => {
                self.speed = speed;
                self.due = Instant::now();
            }
            Command::SetWeight { node, name, element, value } => {
                self.touch(Touch::Weight { node, name, element, value });
                self.asked = None;
            }
            Command::WhatIf(order) => self.what_if(order),
            Command::BackwardAgain { retain_graph } => self.backward_again(retain_graph),
            Command::Want(want) => {
                if want.costs && !self.want.costs {
                    self.profile = Profile::default();
                }
                let another = want.surface != self.want.surface;
                if want.rates != self.want.rates {
                    self.try_rates(want.rates.clone());
                }
                self.want = want;
                if another {
                    self.begin_surface();
                }
                self.slow.at = None;
            }
            Command::RestoreBest => self.restore_best(),
            Command::Export => {
                let kept = self.kept.clone().unwrap_or_default();
                let (weights, run) = self.keep().unwrap_or((kept, None));
                self.notify(Notice::Exported(weights, run.map(Arc::new), self.revision));
            }
            Command::Certify => self.certify(true),
            Command::Certifying(on) => {
                (self.certifies, self.asked) = (on, None);
                if !on {
                    self.certifier.stop();
                }
            }
            Command::Resume(run) => self.resume(&run),
            Command::Shutdown => {}
        }
    }

    /// Has gradients certified if the document or the numbers have changed since, or if `asked`.
    pub(super) fn certify(&mut self, asked: bool) {
        self.certifier.set_busy(self.running);
        let Some(s) = self.session.as_ref().filter(|_| asked || self.certifies) else { return };
        let (now, step) = (Instant::now(), s.steps());
        let round = match self.asked {
            _ if asked => self.asked.map_or(0, |a| a.3) + 1,
            Some((revision, _, at, round)) if revision == self.revision && self.running => {
                if now - at < CERTIFY_EVERY {
                    return;
                }
                round
            }
            Some((revision, then, _, round)) if revision == self.revision => {
                if then == step {
                    return;
                }
                round
            }
            _ => 0,
        };
        self.asked = Some((self.revision, step, now, round));
        let nodes = s.graph().nodes().map(|n| n.id).collect();
        self.certifier.send(Job { revision: self.revision, step, round, nodes, probe: Some(s.probe(ROWS)) });
    }

    pub(super) fn begin_surface(&mut self) {
        let wanted = self.want.surface.as_ref().zip(self.session.as_ref());
        self.surface = wanted.and_then(|(want, session)| SurfaceJob::begin(session, want));
    }

    /// Pauses; if the present batch was not computed whole, after the next one that is, so that all its numbers can be
    /// looked at. That is only left out where a batch takes less than a picture on the screen.
    fn wind_up(&mut self) {
        match &self.session {
            Some(s) if self.running && self.took < FRAME && s.lacks() && s.current().1.bad().is_none() => {
                (self.stopping, self.due) = (true, Instant::now());
            }
            _ => self.pause(),
        }
    }

    pub(super) fn pause(&mut self) {
        if let Some(s) = self.session.as_ref().filter(|_| self.running) {
            self.timeline.record(s);
        }
        (self.running, self.stopping) = (false, false);
        self.rate.2 = 0.0;
        self.slow.at = None;
        if let Some(s) = &mut self.session {
            s.set_lean(false);
            s.run_to(None);
        }
    }

    /// The run stopped at a breakpoint.
    fn stopped_at(&mut self, halt: stops::Halt) {
        self.pause();
        self.notify(Notice::Stopped { revision: self.revision, halt: Box::new(halt) });
    }

    pub(super) fn notify(&self, notice: Notice) {
        // A full channel means that nobody listens; then nothing is lost by dropping.
        _ = self.out.try_send(notice);
        (self.wake)();
    }

    fn back(&mut self, by: Granularity) {
        let Some(s) = &mut self.session else { return };
        let moved = self.timeline.back(s, by);
        // The breakpoint it comes back to does not stop it again.
        if !s.at_rest() {
            s.look();
        }
        self.slow.at = None;
        self.reported_bad = false;
        if !moved && !s.halted() {
            self.notify(Notice::AtStart { revision: self.revision });
        }
    }

    fn step(&mut self, g: Granularity, inbox: &Receiver<Command>) {
        let Some(s) = &mut self.session else { return };
        s.set_watched(g != Granularity::Epoch);
        match g {
            Granularity::Node => {
                while let Some(s) = &mut self.session {
                    if self.timeline.advance(s).is_some() {
                        if !s.at_rest() {
                            s.look();
                        }
                        break;
                    }
                    if self.listen(inbox, false) {
                        return;
                    }
                }
            }
            Granularity::Phase => {
                let phase = |s: &Session<f32>| s.next().map(|i| group(i.phase));
                let (now, batch) = (phase(s), s.steps());
                self.drive(inbox, false, |s| s.at_rest() || s.steps() > batch || phase(s) != now);
            }
            Granularity::ToEnd if s.at_rest() => {}
            Granularity::Batch | Granularity::ToEnd => {
                let before = s.steps();
                let done = |s: &Session<f32>| s.at_rest() && s.steps() > before;
                let timed = self.want.costs && !s.has_stops() && self.timeline.at_end(s);
                if !timed || !matches!(batch(s, true, &mut self.profile), Ok(true)) || !done(s) {
                    self.drive(inbox, false, done);
                }
            }
            Granularity::Epoch => {
                let epoch = s.epoch();
                self.drive(inbox, true, |s| s.epoch() > epoch);
            }
        }
        let Some(s) = &self.session else { return };
        self.timeline.record(s);
        self.slow.at = None;
        self.look_for_bad();
    }

    /// Runs instructions until `done`, unless a command ends it early.
    fn drive(&mut self, inbox: &Receiver<Command>, long: bool, done: impl Fn(&Session<f32>) -> bool) {
        while let Some(s) = &mut self.session {
            let known = !s.at_rest() && s.current().1.bad().is_some();
            let here = (s.steps(), s.cursor(), s.at_rest());
            if let Some(halt) = s.go() {
                return self.stopped_at(halt);
            }
            self.timeline.follow(s);
            let moved = here != (s.steps(), s.cursor(), s.at_rest());
            if moved && done(s) || !known && !s.at_rest() && s.current().1.bad().is_some() {
                return;
            }
            if self.listen(inbox, long) {
                return;
            }
        }
    }

    /// Takes the commands that came in the course of a step. They are obeyed after it, apart from those that only change
    /// what is seen. Whether the step ends: at a command that makes it pointless, or at any if the step is `long`.
    fn listen(&mut self, inbox: &Receiver<Command>, long: bool) -> bool {
        if !self.halt.clear() {
            return false;
        }
        for c in inbox.try_iter().collect::<Vec<_>>() {
            match c {
                Command::Want(_) | Command::SetSpeed(_) if self.waiting.is_empty() => self.obey(c, inbox),
                c => self.waiting.push_back(c),
            }
        }
        let ends = |c: &Command| {
            long && !matches!(c, Command::Export)
                || matches!(
                    c,
                    Command::Pause | Command::Load { .. } | Command::Reset | Command::Run | Command::Shutdown
                )
        };
        self.waiting.iter().any(ends)
    }

    /// Trains for a slice of time.
    fn work(&mut self) {
        let start = Instant::now();
        let Some(s) = &mut self.session else {
            self.running = false;
            return;
        };
        s.set_watched(matches!(self.speed, Speed::Nodes(_)));
        let (mut stopped, mut lean) = (None, false);
        match self.speed {
            Speed::Full => {
                // Threads stand by for many batches.
                inside(s.current().0.busy(), || {
                    while start.elapsed() < SLICE && !s.halted() {
                        let (epoch, batch_began) = (s.epoch(), Instant::now());
                        // What is shown is computed whole.
                        lean = s.set_lean(!self.stopping && self.published.elapsed() + self.took < FRAME);
                        let timed = self.want.costs && self.clocked.elapsed() >= CLOCK_EVERY;
                        if timed {
                            self.clocked = Instant::now();
                        }
                        let whole = batch(s, timed, &mut self.profile).unwrap_or_else(|halt| {
                            stopped = Some(halt);
                            false
                        });
                        // One that was interrupted would have taken who knows how long.
                        self.took = batch_began.elapsed().max(if whole { Duration::ZERO } else { FRAME });
                        let bad = s.current().1.bad().is_some();
                        if self.stopping
                            || !whole
                            || bad
                            || (s.epoch() > epoch && ended(s, self.base, self.began).is_some())
                        {
                            break;
                        }
                    }
                });
                self.due = Instant::now();
            }
            Speed::Steps(n) => {
                s.set_lean(false);
                let pause = Duration::from_secs_f64(1.0 / n.clamp(0.05, 1e4));
                let whole = batch(s, self.want.costs, &mut self.profile).unwrap_or_else(|halt| {
                    stopped = Some(halt);
                    false
                });
                self.due = if whole { start + pause } else { Instant::now() };
            }
            Speed::Nodes(n) => {
                s.set_lean(false);
                stopped = s.go();
                self.due = start + Duration::from_secs_f64(1.0 / n.clamp(0.05, 1e4));
            }
        }
        let whole = s.at_rest() && !s.lacks();
        if Instant::now() >= self.keep_at {
            self.keep_at = super::travel::keep(&mut self.timeline, s);
        }
        if s.at_rest()
            && s.batch_index() == 0
            && let Some(reason) = ended(s, self.base, self.began)
        {
            self.finished(reason);
        }
        if let Some(halt) = stopped {
            self.stopped_at(halt);
        }
        if self.stopping && whole {
            self.pause();
        }
        self.look_for_bad();
        let seen = self.slot.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        let watched = !matches!(self.speed, Speed::Full);
        // Who waits for a command to be obeyed gets the picture after it.
        let due = !self.halt.raised() && (seen || watched) && !lean && self.published.elapsed() >= FRAME;
        if !self.running || due {
            self.publish(!self.running);
        }
    }

    pub(super) fn look_for_bad(&mut self) {
        let Some(s) = &self.session else { return };
        let (_, pass) = s.current();
        if let Some(bad) = pass.bad().filter(|_| !self.reported_bad) {
            let name = s.graph().node(bad.node).map_or("?", |n| n.name.as_str());
            let birth = s.birth().map(Box::new);
            let what = birth.as_ref().map_or_else(
                || format!("{name} ({:?}, element {}) is NaN or infinite", bad.phase, bad.element),
                |b| format!("{} became {}: {}", b.element, b.value, b.rule),
            );
            self.reported_bad = true;
            self.pause();
            self.notify(Notice::BadValue { revision: self.revision, node: bad.node, what, birth });
        }
    }
}
