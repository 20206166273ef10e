//! Documents and saved runs come in, and go out to be saved.

use super::Notice;
use super::publish::Slow;
use super::trainer::Trainer;
use crate::data::Dataset;
use crate::engine::WeightMap;
use crate::graph::Graph;
use crate::train::halt::Halt;
use crate::train::review::untuned;
use crate::train::{Profile, RunState, Session, SessionError, TrainConfig};
use std::sync::Arc;

impl Trainer {
    /// Another document: weights that fit stay, unless others are given or a new start is asked for.
    pub(super) fn load(
        &mut self,
        revision: u64,
        graph: Arc<Graph>,
        data: Option<Arc<Dataset>>,
        config: TrainConfig,
        weights: Option<WeightMap>,
        fresh: bool,
    ) {
        if weights.is_none() && !fresh && self.retune(revision, &graph, data.as_ref(), &config) {
            return;
        }
        let kept = if fresh || weights.is_some() { None } else { self.keep() };
        // Another way to train a weight leaves the run as it is.
        let same = self.session.as_ref().is_some_and(|s| s.graph().computes_as(&graph) && *s.config() == config);
        let (old, run) = kept.unzip();
        let run = run.flatten().filter(|_| same).map(|run| RunState { cursor: 0, ..run });
        let old = old.or_else(|| self.kept.take());
        self.session = None;
        self.rates = None;
        self.revision = revision;
        (self.config, self.graph) = (config.clone(), Some(Arc::clone(&graph)));
        self.base = 0;
        self.slow = Slow::default();
        self.reported_bad = false;
        self.profile = Profile::default();
        match Session::new(graph, data, config) {
            Ok(mut s) => {
                s.set_halt(self.halt.clone());
                match (&weights, &old) {
                    (Some(map), _) => _ = s.load_weights(map),
                    (None, Some(map)) if !fresh => {
                        _ = s.load_weights(map);
                        _ = run.map(|run| s.resume(&run));
                    }
                    _ => {}
                }
                s.set_stops(&self.stops);
                self.timeline.restart(&s);
                self.session = Some(s);
                self.begin_surface();
            }
            Err(error) => {
                self.running = false;
                // A wire is taken out and put in again: what was learned is not lost by it.
                self.kept = weights.or(old.filter(|_| !fresh));
                let message = error.to_string();
                let diagnostics = if let SessionError::Problems(d) = error { d } else { Vec::new() };
                self.notify(Notice::Failed { revision, diagnostics, message });
            }
        }
    }

    /// If the document is the present one but for how weights are trained, the run goes on with that: an event of the
    /// record. Returns whether it is.
    fn retune(&mut self, revision: u64, graph: &Arc<Graph>, data: Option<&Arc<Dataset>>, config: &TrainConfig) -> bool {
        let Some(s) = &mut self.session else { return false };
        let known = match (s.data(), data) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !known || self.config != *config || !s.graph().computes_as(graph) || !untuned(graph, config).is_empty() {
            return false;
        }
        self.timeline.tune(s, graph);
        (self.revision, self.graph) = (revision, Some(Arc::clone(graph)));
        self.reported_bad = false;
        self.slow.at = None;
        true
    }

    /// The weights and the run as they are saved: where the present batch began, and how far it has come.
    pub(super) fn keep(&mut self) -> Option<(WeightMap, Option<RunState>)> {
        let s = self.session.as_mut()?;
        s.close();
        let (step, cursor) = (s.steps(), if s.at_rest() { 0 } else { s.cursor() });
        s.set_halt(Halt::default());
        // A file knows no changes by hand; after one in mid-batch, the batch begins again with what was changed.
        let begin = cursor > 0 && !self.timeline.changed_within(step) && self.timeline.seek(s, step, 0);
        let mut run = s.run_state_as_of_batch();
        let weights = s.export_weights();
        if begin {
            run.cursor = cursor;
            self.timeline.seek(s, step, cursor);
        }
        s.set_halt(self.halt.clone());
        Some((weights, Some(run)))
    }

    /// Goes on with a run that was saved, from the weights that were loaded just before.
    pub(super) fn resume(&mut self, run: &RunState) {
        let Some(s) = &mut self.session else { return };
        // The record begins where the batch does.
        let warnings = s.resume(&RunState { cursor: 0, ..run.clone() });
        self.timeline.restart(s);
        if s.steps() == run.step {
            s.undisturbed(|s| (0..run.cursor).for_each(|_| _ = self.timeline.advance(s)));
        }
        let limit = s.config().epochs;
        self.base = if limit > 0 { s.epoch() - s.epoch() % limit } else { 0 };
        self.slow.at = None;
        for what in warnings {
            self.notify(Notice::Warned { revision: self.revision, what });
        }
    }
}
