//! The record of a run: states kept between batches, changes by hand, and deterministic replay from one of them.
//!
//! What is random depends on the seed and the number of the batch only, so that running again from a kept state gives
//! the same bits: weights, optimiser, running statistics, dropout masks, order of the samples. A change by hand is kept
//! with its place, and a replay makes it there. A run that is continued from an earlier place leaves the record after
//! it: its loss curve stays as a ghost.

use crate::engine::Instruction;
use crate::graph::Graph;
use crate::ops::Precision;
use crate::train::record::{Ghost, Record};
use crate::train::session::{Checkpoint, Session, group};
use crate::train::touch::Touch;
use crate::train::worker::Granularity;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Memory for kept states where nothing else is said.
pub const MEMORY: usize = 64 << 20;
/// Curves of runs left behind that are kept.
const GHOSTS: usize = 4;

/// A kept state, and how many of the changes are in it.
#[derive(Debug)]
struct Kept<S> {
    state: Box<Checkpoint<S>>,
    touched: usize,
}

/// A change by hand, made before instruction `place.1` of the batch after `place.0` batches.
#[derive(Debug)]
struct Mark {
    place: (u64, usize),
    touch: Touch,
    words: Option<String>,
}

/// The record of one run, oldest state first.
#[derive(Debug)]
pub struct Timeline<S> {
    kept: Vec<Kept<S>>,
    bytes: usize,
    limit: usize,
    /// Batches completed at the end of the record.
    end: u64,
    marks: Vec<Mark>,
    /// How many of them the session has seen.
    touched: usize,
    ghosts: Arc<Vec<Ghost>>,
}

impl<S> Default for Timeline<S> {
    fn default() -> Self {
        Timeline {
            kept: Vec::new(),
            bytes: 0,
            limit: MEMORY,
            end: 0,
            marks: Vec::new(),
            touched: 0,
            ghosts: Arc::default(),
        }
    }
}

/// Batches completed, and instructions done of the next one. While the evaluation at the end of an epoch is under way,
/// the batch before it is not over.
fn place<S: Precision>(s: &Session<S>) -> (u64, usize) {
    match (s.at_rest(), closing(s)) {
        (true, _) => (s.steps(), 0),
        (false, true) => (s.steps() - 1, s.cursor()),
        (false, false) => (s.steps(), s.cursor()),
    }
}

/// Whether the evaluation at the end of an epoch is under way.
fn closing<S: Precision>(s: &Session<S>) -> bool {
    !s.at_rest() && s.cursor() == s.program().len()
}

impl<S: Precision> Timeline<S> {
    /// Sets the memory for kept states, in bytes. The first and the latest state are kept in any case.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
        self.thin();
    }

    /// Keeps the present state, if no batch is under way and it is not kept yet.
    pub fn record(&mut self, session: &Session<S>) {
        self.end = self.end.max(session.steps());
        let at = self.kept.partition_point(|c| c.state.steps() < session.steps());
        let known = self.kept.get(at).filter(|c| c.state.steps() == session.steps());
        if known.is_some_and(|c| c.touched >= self.touched) {
            return;
        }
        let known = known.is_some();
        let Some(state) = session.checkpoint() else { return };
        if known {
            self.bytes -= self.kept.remove(at).state.bytes();
        }
        self.bytes += state.bytes();
        self.kept.insert(at, Kept { state: Box::new(state), touched: self.touched });
        self.thin();
    }

    /// Lets go of states until the rest fits the memory: always the one that parts its neighbours least, so that
    /// replay becomes longer, evenly, but never impossible.
    fn thin(&mut self) {
        while self.bytes > self.limit && self.kept.len() > 2 {
            let gap = |i: &usize| self.kept[i + 1].state.steps() - self.kept[i - 1].state.steps();
            let Some(at) = (1..self.kept.len() - 1).min_by_key(gap) else { return };
            self.bytes -= self.kept.remove(at).state.bytes();
        }
    }

    /// Forgets everything, ghosts too: the present state is where the record begins.
    pub fn restart(&mut self, session: &Session<S>) {
        *self = Timeline { limit: self.limit, ..Timeline::default() };
        self.record(session);
    }

    /// The weights of the kept states, oldest first.
    pub(in crate::train) fn states(&self) -> impl ExactSizeIterator<Item = &[S]> {
        self.kept.iter().map(|c| c.state.weights())
    }

    /// The number of batches of the earliest state that can be reached.
    pub fn reach(&self) -> Option<u64> {
        self.kept.first().map(|c| c.state.steps())
    }

    /// The number of batches at the end of the record.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Whether nothing is recorded after the present place of the session.
    pub fn at_end(&self, session: &Session<S>) -> bool {
        session.steps() >= self.end && self.touched == self.marks.len()
    }

    /// Trains the weights as in `graph` from the present place on, see [`Touch::Tune`]. A batch whose weights are being
    /// moved, or with numbers changed by hand, is finished first.
    pub fn tune(&mut self, session: &mut Session<S>, graph: &Arc<Graph>) {
        let touch = Touch::Tune(Arc::clone(graph));
        if touch.is_quiet(session) {
            return self.change(session, touch);
        }
        let here = place(session);
        let tunes = |m: &Mark| matches!(m.touch, Touch::Tune(_));
        let numbers = |m: &Mark| m.place.0 == here.0 && m.place.1 > 0 && !tunes(m);
        if here.1 > 0 && (session.updating() || self.marks[..self.touched].iter().any(numbers)) {
            self.step(session);
        }
        let mark =
            self.marks.last().filter(|m| m.place == place(session) && tunes(m) && self.touched == self.marks.len());
        // But for the number.
        let what = |words: &str| words.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned();
        // A value that is dragged is one change.
        if let (Some(Mark { words: Some(words), .. }), Some(new)) = (mark, session.retuning(graph))
            && what(words) == what(&new)
        {
            self.marks.pop();
            self.touched -= 1;
            self.kept.retain(|c| c.touched <= self.touched);
            self.bytes = self.kept.iter().map(|c| c.state.bytes()).sum();
        }
        self.change(session, touch);
    }

    /// Whether something was changed by hand in the midst of the batch after `step` batches, up to the present place.
    pub(in crate::train) fn changed_within(&self, step: u64) -> bool {
        self.marks[..self.touched].iter().any(|m| m.place.0 == step && m.place.1 > 0)
    }

    /// What the window shows of it.
    pub fn report(&self, session: &Session<S>) -> Record {
        let marks = self.marks.iter().filter_map(|m| Some((m.place.0, m.words.clone()?)));
        Record {
            from: self.reach().unwrap_or_else(|| session.steps()),
            to: self.end.max(session.steps()),
            states: self.kept.len(),
            bytes: self.bytes,
            limit: self.limit,
            marks: marks.collect(),
            ghosts: Arc::clone(&self.ghosts),
            goal: None,
        }
    }

    /// Changes the run by hand at its present place. What was recorded after it is left behind, unless the numbers stay.
    pub fn change(&mut self, session: &mut Session<S>, touch: Touch) {
        if touch.is_quiet(session) {
            _ = touch.apply(session);
            return;
        }
        self.branch(session);
        session.finish_begun();
        let words = touch.apply(session);
        self.marks.push(Mark { place: place(session), touch, words });
        self.touched = self.marks.len();
        self.record(session);
    }

    /// Leaves behind what was recorded after the present place: the run goes on from here, and the old curve is a
    /// ghost. Returns whether there was something.
    pub fn branch(&mut self, session: &mut Session<S>) -> bool {
        if self.at_end(session) {
            return false;
        }
        let step = session.steps();
        self.kept.retain(|c| c.state.steps() <= step);
        self.bytes = self.kept.iter().map(|c| c.state.bytes()).sum();
        self.marks.truncate(self.touched);
        self.end = step;
        let points = session.forget_later();
        if points.len() > 1 {
            let ghosts = Arc::make_mut(&mut self.ghosts);
            ghosts.insert(0, Ghost { points });
            ghosts.truncate(GHOSTS);
        }
        true
    }

    /// Lets go of the curves of runs left behind.
    pub fn clear_ghosts(&mut self) {
        self.ghosts = Arc::default();
    }

    /// Runs one instruction, and makes the changes that are recorded at the place it leads to.
    pub fn advance(&mut self, session: &mut Session<S>) -> Option<Instruction> {
        let done = session.advance();
        self.follow(session);
        done
    }

    /// Runs to the end of the present batch, or all of the next one, with the changes recorded in it.
    pub fn step(&mut self, session: &mut Session<S>) {
        session.undisturbed(|s| while !self.try_step(s) {});
    }

    /// As [`Timeline::step`], but a command that waits interrupts it. Whether it came to the end.
    fn try_step(&mut self, session: &mut Session<S>) -> bool {
        if self.touched == self.marks.len() {
            return session.try_step();
        }
        let before = session.steps();
        loop {
            self.advance(session);
            if session.at_rest() || session.halted() {
                return session.at_rest() && session.steps() > before;
            }
        }
    }

    /// Makes the changes that are recorded at the place of the session.
    pub(in crate::train) fn follow(&mut self, session: &mut Session<S>) {
        let here = place(session);
        while let Some(mark) = self.marks.get(self.touched).filter(|m| m.place <= here) {
            _ = mark.touch.apply(session);
            self.touched += 1;
        }
    }

    /// Takes the session back by one instruction, or to the start of the phase, batch or epoch, or of the one before if
    /// it is there already. Returns whether it could.
    pub fn back(&mut self, session: &mut Session<S>, by: Granularity) -> bool {
        let (mut step, mut cursor) = place(session);
        // With another weight frozen a batch has other updates: then its program is seen when it is there.
        let tuned = self.marks.iter().any(|m| matches!(m.touch, Touch::Tune(_)));
        if tuned && cursor == 0 && step > 0 && matches!(by, Granularity::Node | Granularity::Phase) {
            // Up to the first update all have the same instructions, and past it they stay as they are.
            let updates = session.current().0.first_update();
            if !self.seek(session, step - 1, updates.saturating_sub(1)) {
                return false;
            }
            if session.program().len() > updates && !self.seek(session, step - 1, updates) {
                return false;
            }
            (step, cursor) = (step - 1, session.program().len());
        }
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
        self.approach(session, (step, cursor), None) == Some(true)
    }

    /// As [`Timeline::seek`], for at most about the time `within`: whether the session is there, or only nearer to it
    /// than the kept states. `None` if the goal lies before the record.
    pub fn approach(&mut self, session: &mut Session<S>, goal: (u64, usize), within: Option<Duration>) -> Option<bool> {
        let (step, cursor) = goal;
        let start = Instant::now();
        let until = |s: u64| self.kept.partition_point(|c| c.state.steps() <= s).checked_sub(1);
        // A batch that is over is run again, so that its values and gradients can be seen.
        let whole = if cursor == 0 { step.saturating_sub(1) } else { step };
        let at = until(whole).or_else(|| until(step))?;
        let here = place(session);
        if here == goal {
            return Some(true);
        }
        let on_the_way = here.0 >= self.kept[at].state.steps() && here < goal;
        if !on_the_way {
            session.restore(&self.kept[at].state);
            self.touched = self.kept[at].touched;
        }
        while session.steps() < step || closing(session) {
            if !self.try_step(session) && session.halted() {
                return Some(false);
            }
            // States ever closer to the goal, so that the next step back is short.
            if step.saturating_sub(session.steps()).is_power_of_two() {
                self.record(session);
            }
            if session.steps() < step && within.is_some_and(|most| start.elapsed() >= most) {
                return Some(false);
            }
        }
        self.record(session);
        while session.steps() == step && place(session).1 < cursor {
            if session.halted() {
                return Some(false);
            }
            self.advance(session);
        }
        Some(true)
    }
}
