//! Running up to a breakpoint. A run that ignores breakpoints uses [`Session::step`] and [`Session::advance`].

use super::{Live, StepReport, group};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::train::Session;
use crate::train::stops::{Env, Figures};
use crate::train::stops::{Halt, Kept, Own, Probe, Scope, StopShot, Stops, WatchShot};

impl<S: Precision> Session<S> {
    /// Takes other breakpoints and watches; counts of those that stay stay.
    pub fn set_stops(&mut self, stops: &Stops) {
        let scope = Scope::new(&self.graph, &self.inference, Own::Nothing);
        self.stops.set(stops, &scope, self.plan.program());
        if self.begun {
            // A breakpoint put where the run stands does not stop it there.
            self.stops.stand(self.step, self.current().1.cursor());
        }
    }

    /// Lets the run stop before the next instruction of `node`, once; `None` takes that back.
    pub fn run_to(&mut self, node: Option<NodeId>) {
        let scope = Scope::new(&self.graph, &self.inference, Own::Nothing);
        self.stops.run_to(node, &scope, self.plan.program());
        if self.begun && node.is_some() {
            self.stops.stand(self.step, self.current().1.cursor());
        }
    }

    /// Lets the next batch leave out gradients that reach no trained weight, if nothing reads them: no breakpoint, no
    /// observation of the network's health. Returns whether it will.
    pub fn set_lean(&mut self, lean: bool) -> bool {
        let ends = self.batch + 1 >= self.batches();
        let lean = lean && !self.looks_after(self.step + 1) && !ends && !self.stops.armed() && !self.begun;
        self.pass.set_lean(lean);
        if !self.begun {
            self.lean = lean;
        }
        if let Some((_, pass)) = &mut self.last {
            pass.set_lean(false);
        }
        lean
    }

    /// Whether numbers of the batch shown were left out, see [`Session::set_lean`].
    pub(in crate::train) fn lacks(&self) -> bool {
        let (plan, pass) = self.current();
        let backward = if self.begun { pass.cursor() > plan.forward_len() } else { pass.cursor() > 0 };
        self.lean && !self.short && backward
    }

    /// The program has changed: breakpoints are looked up in it anew.
    pub(super) fn rearm(&mut self) {
        let scope = Scope::new(&self.graph, &self.inference, Own::Nothing);
        self.stops.arm(&scope, self.plan.program());
    }

    /// Whether a breakpoint is on.
    pub fn has_stops(&self) -> bool {
        self.stops.armed()
    }

    /// Runs one instruction, unless a breakpoint stands before it that was not stopped at yet: then nothing runs. Where it
    /// is interrupted, nothing is done.
    pub fn go(&mut self) -> Option<Halt> {
        // An evaluation that was interrupted belongs to the batch that is over, not to the next one.
        if self.closing.is_some() {
            self.end_epoch();
            return None;
        }
        self.stops.wake();
        if let Some(halt) = self.look() {
            return Some(halt);
        }
        self.advance();
        None
    }

    /// Runs to the end of the present batch, or all of the next one.
    ///
    /// # Errors
    /// The breakpoint that it stopped at on the way.
    #[expect(clippy::result_large_err, reason = "a stop is rare and carries what it found")]
    pub fn go_batch(&mut self) -> Result<StepReport, Halt> {
        if !self.stops.armed() {
            return Ok(self.step());
        }
        let epoch = self.epoch;
        let halt = self.undisturbed(|s| {
            let mut halt = s.go();
            while halt.is_none() && s.begun {
                halt = s.go();
            }
            halt
        });
        match halt {
            Some(halt) => Err(halt),
            None => Ok(self.report(epoch)),
        }
    }

    /// As [`Session::go_batch`], but stops when it is interrupted. Whether it came to the end.
    #[expect(clippy::result_large_err, reason = "a stop is rare and carries what it found")]
    pub(in crate::train) fn try_go(&mut self) -> Result<bool, Halt> {
        if !self.stops.armed() {
            return Ok(self.try_step());
        }
        if self.closing.is_some() {
            return Ok(self.end_epoch());
        }
        let known = self.begun && self.current().1.bad().is_some();
        let before = self.step;
        loop {
            if let Some(halt) = self.go() {
                return Err(halt);
            }
            if !self.begun {
                return Ok(self.step > before && self.closing.is_none());
            }
            if self.halted() || !known && self.current().1.bad().is_some() {
                return Ok(false);
            }
        }
    }

    /// Runs to the end of the present phase, or to a breakpoint.
    pub fn go_phase(&mut self) -> Option<Halt> {
        if !self.stops.armed() {
            self.finish_phase();
            return None;
        }
        let phase = self.next().map(|i| group(i.phase))?;
        self.undisturbed(|s| {
            let mut halt = s.go();
            while halt.is_none() && s.begun && s.next().is_some_and(|i| group(i.phase) == phase) {
                halt = s.go();
            }
            halt
        })
    }

    /// Looks at the breakpoints before the next instruction, if the run has not done so since it came there. Counts
    /// them, and gives the first that stops. Begins the next batch if one is before its first instruction.
    pub fn look(&mut self) -> Option<Halt> {
        if !self.stops.armed() || self.closing.is_some() {
            return None;
        }
        if !self.begun && (!self.stops.at_start() || !self.begin()) {
            return None;
        }
        let found = self.examine()?;
        let (scope_graph, scope_inference) = (self.graph.clone(), self.inference.clone());
        let scope = Scope::new(&scope_graph, &scope_inference, Own::Nothing);
        let (live, env) = self.live();
        let cursor = env.pass.cursor();
        let halt = live.halt(&env, cursor, found, &scope);
        live.run_to(None, &scope, env.plan.program());
        halt
    }

    /// Counts what is before the next instruction, once per time that it is reached.
    pub(super) fn examine(&mut self) -> Option<usize> {
        let step = self.step;
        let cursor = self.current().1.cursor();
        if !self.stops.concerns(cursor) {
            return None;
        }
        let (live, env) = self.live();
        live.examine(&env, step, cursor)
    }

    /// The breakpoints and what their conditions are evaluated against.
    fn live(&mut self) -> (&mut Live, Env<'_, S>) {
        let mut figures = Figures::new(self.epoch, self.batch, self.step, self.moves.rate());
        let present = if self.begun { self.current().1.total_loss(self.current().0) } else { None };
        (figures.loss, figures.previous) = self.stops.losses(present);
        let (plan, pass) = match &self.last {
            Some((plan, pass)) if self.short => (plan, pass),
            _ => (&self.plan, &self.pass),
        };
        (&mut self.stops, Env { plan, pass, weights: &self.weights, figures })
    }

    /// A batch has run; its counters are not moved yet.
    pub(super) fn stops_batch_ended(&mut self, loss: f64) {
        self.stops.batch_ended(loss);
        if self.stops.watching() {
            let step = self.step + 1;
            let (live, env) = self.live();
            live.sample(&env, step);
        }
    }

    /// What of the breakpoints belongs to the state of the run.
    pub(super) fn keep_stops(&self) -> Kept {
        self.stops.keep()
    }

    /// Breakpoints with their counts.
    pub fn stop_shots(&self) -> Vec<StopShot> {
        self.stops.stop_shots()
    }
    /// Watches with their present values.
    pub fn watch_shots(&mut self) -> Vec<WatchShot> {
        let (live, env) = self.live();
        live.watch_shots(&env)
    }
    /// What a condition or watch that is being typed gives on the present values.
    ///
    /// # Errors
    /// What is wrong in its text.
    pub fn try_out(&mut self, probe: &Probe) -> Result<String, String> {
        let (graph, inference) = (self.graph.clone(), self.inference.clone());
        let (live, env) = self.live();
        live.probe(probe, &env, &Scope::new(&graph, &inference, Own::Nothing))
    }
}
