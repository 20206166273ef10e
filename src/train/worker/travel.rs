//! Moving through the record of a run, and changing a run by hand.

use super::Command;
use super::trainer::Trainer;
use crate::train::halt::Halt;
use crate::train::{Session, Timeline, Touch};
use std::time::{Duration, Instant};

/// While training runs, states to go back to are kept at least this far apart.
const KEEP_EVERY: Duration = Duration::from_millis(25);
/// Keeping takes at most one part in so many of the time.
const KEEP_SHARE: u32 = 40;
/// A wish for a place is answered within about this time, and the way to it is cut in slices of it.
const SLICE: Duration = Duration::from_millis(8);
/// The way to a place goes on when no newer wish has come for this long.
const REST: Duration = Duration::from_millis(60);
/// What is dear is computed at every place on the way if it takes no longer than this.
const CHEAP: Duration = Duration::from_millis(15);

/// Of several places that wait, only the newest counts.
pub(super) fn newest_goal(queue: &mut Vec<Command>) {
    let newest = queue.iter().rposition(|c| matches!(c, Command::Seek { .. }));
    let mut i = 0;
    queue.retain(|c| {
        i += 1;
        !matches!(c, Command::Seek { .. }) || Some(i - 1) == newest
    });
}

/// Keeps the present state; when the next one is due.
pub(super) fn keep(timeline: &mut Timeline<f32>, session: &Session<f32>) -> Instant {
    let start = Instant::now();
    timeline.record(session);
    Instant::now() + KEEP_EVERY.max(start.elapsed() * KEEP_SHARE)
}

impl Trainer {
    /// Before a command: the present state is kept, and a place that was asked for is reached if the command needs it.
    pub(super) fn settle(&mut self, command: &Command) {
        if let Some(s) = &self.session
            && self.running
        {
            self.timeline.record(s);
        }
        match command {
            Command::Load { .. } | Command::Reset | Command::Pause | Command::Seek { .. } => self.goal = None,
            Command::Want(_) | Command::SetSpeed(_) | Command::Memory(_) | Command::ClearGhosts => {}
            _ => self.arrive(),
        }
        if let (Command::Step(_), Some(s)) = (command, &self.session)
            && self.timeline.at_end(s)
        {
            self.leave_record();
        }
    }

    /// Sets out for a place of the record.
    pub(super) fn seek(&mut self, step: u64, cursor: usize) {
        let Some(s) = &self.session else { return };
        self.running = false;
        self.rate.2 = 0.0;
        self.reported_bad = false;
        let most = self.timeline.end().max(s.steps());
        let goal = if step > most { (most, 0) } else { (step, cursor.min(s.program().len().saturating_sub(1))) };
        self.goal = Some((goal, Instant::now() + REST));
        self.approach(Some(SLICE));
    }

    /// A part of the way to the place that was asked for.
    pub(super) fn travel(&mut self) {
        self.approach(Some(SLICE));
        if let Some((_, at)) = &mut self.goal {
            *at = Instant::now();
        }
        self.publish(self.exact());
    }

    /// All of the way.
    fn arrive(&mut self) {
        let Some(s) = &mut self.session else {
            self.goal = None;
            return;
        };
        // A command that waits is obeyed from there.
        s.set_halt(Halt::default());
        while self.goal.is_some() {
            self.approach(None);
        }
        if let Some(s) = &mut self.session {
            s.set_halt(self.halt.clone());
        }
    }

    fn approach(&mut self, within: Option<Duration>) {
        let (Some((goal, _)), Some(s)) = (self.goal, &mut self.session) else {
            self.goal = None;
            return;
        };
        if self.timeline.approach(s, goal, within) != Some(false) {
            self.goal = None;
            self.slow.at = None;
        }
    }

    /// Whether the next snapshot holds all that is dear: not where many follow each other.
    pub(super) fn exact(&self) -> bool {
        self.goal.is_none() || self.slow.cost < CHEAP
    }

    /// Goes on from here: what was recorded after this place is left behind, and the settings are the document's.
    pub(super) fn leave_record(&mut self) {
        let Some(s) = &mut self.session else { return };
        self.timeline.branch(s);
        if *s.config() != self.config {
            self.timeline.change(s, Touch::Settings(Box::new(self.config.clone())));
        }
        if let Some(graph) = &self.graph {
            self.timeline.tune(s, graph);
        }
    }

    /// Changes the run by hand.
    pub(super) fn touch(&mut self, touch: Touch) {
        if let Some(s) = &mut self.session {
            self.timeline.change(s, touch);
        }
        self.slow.at = None;
    }
}
