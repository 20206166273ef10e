//! The way back: states of a run kept between batches, and deterministic replay from one of them.
//!
//! What is random depends on the seed and the number of the batch only, so that running again from a kept state gives
//! the same bits: weights, optimiser, running statistics, dropout masks, order of the samples.

use crate::ops::Precision;
use crate::train::session::{Checkpoint, Session, group};
use crate::train::worker::Granularity;

/// Memory for kept states. When it is full every other one goes, so that replay becomes longer but never impossible.
const MOST_BYTES: usize = 64 << 20;

/// The kept states of one run, oldest first.
#[derive(Debug)]
pub struct Timeline<S> {
    kept: Vec<Checkpoint<S>>,
}

impl<S> Default for Timeline<S> {
    fn default() -> Self {
        Timeline { kept: Vec::new() }
    }
}

impl<S: Precision> Timeline<S> {
    /// Keeps the present state, if no batch is under way and it is not kept yet.
    pub fn record(&mut self, session: &Session<S>) {
        let at = self.kept.partition_point(|c| c.steps() < session.steps());
        if self.kept.get(at).is_some_and(|c| c.steps() == session.steps()) {
            return;
        }
        let Some(state) = session.checkpoint() else { return };
        let most = (MOST_BYTES / state.bytes().max(1)).max(8);
        self.kept.insert(at, state);
        if self.kept.len() > most {
            let last = self.kept.len() - 1;
            let mut i = 0usize;
            self.kept.retain(|_| {
                i += 1;
                (i - 1).is_multiple_of(2) || i > last
            });
        }
    }

    /// Forgets everything: after a change by hand the old states no longer lead to the present one.
    pub fn restart(&mut self, session: &Session<S>) {
        self.kept.clear();
        self.record(session);
    }

    /// The weights of the kept states, oldest first.
    pub(in crate::train) fn states(&self) -> impl ExactSizeIterator<Item = &[S]> {
        self.kept.iter().map(Checkpoint::weights)
    }

    /// The number of batches of the earliest state that can be reached.
    pub fn reach(&self) -> Option<u64> {
        self.kept.first().map(Checkpoint::steps)
    }

    /// Takes the session back by one instruction, or to the start of the phase, batch or epoch, or of the one before if
    /// it is there already. Returns whether it could.
    pub fn back(&mut self, session: &mut Session<S>, by: Granularity) -> bool {
        let (step, cursor) = (session.steps(), if session.at_rest() { 0 } else { session.cursor() });
        let program = session.program();
        // The batch before may be of another size, but every batch has the same instructions.
        let before = match (cursor, step) {
            (0, 0) => return false,
            (0, _) => (step - 1, program.len() - 1),
            _ => (step, cursor - 1),
        };
        let target = match by {
            Granularity::Node => before,
            Granularity::Phase => {
                let phase = |at: usize| group(program[at].phase);
                let same = (0..before.1).rev().take_while(|at| phase(*at) == phase(before.1)).count();
                (before.0, before.1 - same)
            }
            Granularity::Batch | Granularity::ToEnd => (before.0, 0),
            Granularity::Epoch => {
                let begun = session.batch_index() > 0 || cursor > 0;
                let batches = if begun { session.batch_index() } else { session.batches() };
                (step.saturating_sub(batches as u64), 0)
            }
        };
        self.seek(session, target.0, target.1)
    }

    /// Takes the session to instruction `cursor` of the batch after `step` batches. Returns whether it could; a command
    /// that waits interrupts it.
    pub fn seek(&mut self, session: &mut Session<S>, step: u64, cursor: usize) -> bool {
        let Some(at) = self.kept.partition_point(|c| c.steps() <= step).checked_sub(1) else { return false };
        session.restore(&self.kept[at]);
        while session.steps() < step {
            if !session.try_step() && session.halted() {
                return false;
            }
            // States ever closer to the goal, so that the next step back is short.
            if (step - session.steps()).is_power_of_two() {
                self.record(session);
            }
        }
        self.record(session);
        for _ in 0..cursor {
            if session.halted() {
                return false;
            }
            session.advance();
        }
        true
    }
}
