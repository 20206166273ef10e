//! The snapshot of a run, and what of it is too dear to be made each time.

use super::trainer::Trainer;
use crate::engine::{HASTY, Instruction, PATIENT};
use crate::graph::NodeId;
use crate::tensor::kernels::heed::{heeding, left_out};
use crate::train::halt::Halt;
use crate::train::{
    AutogradShot, DecisionMap, FittedCurve, Metrics, NodeState, Part, RatesJob, Record, Report, Scatter, Session,
    Snapshot, Surface, Terms, Thumb, Want, Why,
};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Maps and metrics are at least this far apart while training runs.
const SLOW: Duration = Duration::from_millis(50);
/// In the first snapshot after a command nothing is said of tensors of more numbers: that takes its time.
const BRIEF: usize = 1 << 18;
/// After a command, maps and metrics that take longer than this come in a second snapshot.
const QUICK: Duration = Duration::from_millis(20);

/// What is too dear to be computed for every snapshot.
#[derive(Default)]
pub(super) struct Slow {
    pub(super) at: Option<Instant>,
    pub(super) maps: BTreeMap<NodeId, Vec<Thumb>>,
    pub(super) map: Option<Arc<DecisionMap>>,
    pub(super) curve: Option<Arc<FittedCurve>>,
    pub(super) scatter: Option<Arc<Scatter>>,
    pub(super) surface: Option<Arc<Surface>>,
    pub(super) train: Report,
    pub(super) test: Report,
    pub(super) autograd: Option<Arc<AutogradShot>>,
    pub(super) why: Option<Arc<Result<Why, String>>>,
    pub(super) cost: Duration,
}

impl Slow {
    /// Computes everything anew; `None` if it was interrupted.
    fn renew(&mut self, s: &mut Session<f32>, want: &Want, now: Instant) -> Option<()> {
        let (map, maps) = s.maps(want);
        let curve = s.curve();
        let scatter = s.scatter(want);
        let train = s.try_evaluate(Part::Train)?;
        let test = if s.has_test() { s.try_evaluate(Part::Test)? } else { Report::default() };
        if s.halted() {
            return None;
        }
        (self.maps, self.map, self.curve) = (maps, map.map(Arc::new), curve.map(Arc::new));
        self.scatter = scatter.map(Arc::new);
        (self.train, self.test, self.at, self.cost) = (train, test, Some(now), now.elapsed());
        Some(())
    }
}

impl Trainer {
    /// The node that is reported in detail: the chosen one; without one, at a pause in a batch, the one that ran last.
    pub(super) fn inspected(&self) -> Option<NodeId> {
        self.want.inspect.or_else(|| {
            let s = self.session.as_ref().filter(|s| !self.running && !s.at_rest())?;
            s.cursor().checked_sub(1).and_then(|last| s.program().get(last)).map(|i| i.node)
        })
    }

    /// Puts a snapshot into the slot. `exact` computes even what is dear.
    pub(super) fn publish(&mut self, exact: bool) {
        let now = Instant::now();
        self.published = now;
        self.certify(false);
        if self.session.is_none() {
            self.unfinished = false;
            _ = self.put(now, usize::MAX);
            return;
        }
        // Dear things take at most a tenth of the time while training runs.
        let pause = SLOW.max(self.slow.cost * 10);
        if exact && !self.running || self.slow.at.is_none_or(|t| now - t >= pause) {
            if self.brief && !self.put(now, usize::MAX) {
                self.unfinished = true;
                return;
            }
            let Some(s) = &mut self.session else { return };
            // A command interrupts this; then the old pictures stay until there is time.
            self.unfinished = self.slow.renew(s, &self.want, now).is_none();
            if self.unfinished {
                self.slow.cost = self.slow.cost.max(QUICK);
            }
            let surface = self.surface.as_ref().map(|j| j.picture(self.timeline.states(), &s.weights().values));
            self.slow.surface = surface.map(Arc::new);
            self.slow.autograd = self.autograd_shot();
            self.slow.why = self.why_shot();
        }
        if !self.put(now, usize::MAX) {
            self.unfinished |= !self.running;
        }
    }

    /// Puts a snapshot into the slot after a command: at once what is there, and what is dear when there is time.
    pub(super) fn answer(&mut self) {
        if self.slow.cost < QUICK {
            return self.publish(true);
        }
        self.published = Instant::now();
        self.unfinished = true;
        _ = self.put(self.published, BRIEF);
    }

    /// Puts a snapshot into the slot that says nothing of tensors of more than `most` numbers. Whether it came to that: an
    /// urgent command interrupts it unless it is brief.
    fn put(&mut self, now: Instant, most: usize) -> bool {
        let Some(snapshot) = self.snapshot(now, most) else { return false };
        self.brief = most < usize::MAX && snapshot.is_some();
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
        (self.wake)();
        true
    }

    /// The snapshot, nothing without a session; `None` if it was interrupted.
    fn snapshot(&mut self, now: Instant, most: usize) -> Option<Option<Arc<Snapshot>>> {
        let (what_if, inspected) = (self.what_if_shot(), self.inspected());
        let Some(s) = &mut self.session else { return Some(None) };
        // What looks at every number, and runs nothing.
        let halt = if most < usize::MAX { Halt::default() } else { self.halt.clone() };
        let (nodes, inspected, wire) = heeding(halt.flag(), || {
            let nodes = s.node_shots(&self.want, self.slow.maps.clone(), &self.profile, most);
            let inspected = inspected.filter(|id| most == usize::MAX || s.largest(*id) <= most);
            let wire = self.want.wire.filter(|w| most == usize::MAX || s.largest(w.from) <= most);
            let shots = (nodes, inspected.and_then(|id| s.inspect(id)), wire.and_then(|w| s.wire_shot(w)));
            (!left_out()).then_some(shots)
        })?;
        let (since, steps, _) = self.rate;
        if self.running && now - since >= Duration::from_millis(500) {
            self.rate = (now, s.steps(), (s.steps() - steps) as f64 / (now - since).as_secs_f64());
        }
        let program: Arc<[Instruction]> = s.program().into();
        let budget = if self.running { HASTY } else { PATIENT };
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
            record: Record { goal: self.goal.map(|((step, _), _)| step), ..self.timeline.report(s) },
            flow: s.flow(),
            at_rest: s.at_rest(),
            needs: s.needs(),
            threads: crate::engine::threads(),
            rate: s.rate(),
            clipped_norm: s.clipped_norm(),
            best: s.best(),
            seed: s.config().seed,
            history: Arc::new(s.history().to_vec()),
            gradients: Arc::new(s.tracks().to_vec()),
            health: s.health(),
            nodes,
            inspected,
            map: self.slow.map.clone(),
            curve: self.slow.curve.clone(),
            scatter: self.slow.scatter.clone(),
            what_if,
            autograd: self.slow.autograd.clone(),
            surface: self.slow.surface.clone(),
            terms: self.want.element.map(|of| Terms { of, made: s.take_apart(of, budget) }),
            rates: self.rates.as_ref().map(RatesJob::rates),
            into: self.want.into.and_then(|of| s.look_into(of, budget)),
            wire,
            stops: s.stop_shots(),
            watches: s.watch_shots(),
            why: self.slow.why.clone(),
            probe: self.want.probe.clone().map(|p| (s.try_out(&p), p)),
        };
        debug_assert!(snapshot.nodes.values().all(|n| n.state != NodeState::Waiting || n.stats.is_none()));
        Some(Some(Arc::new(snapshot)))
    }
}
