//! The end of a run, and its best weights.

use super::Notice;
use super::trainer::Trainer;
use crate::train::Touch;

impl Trainer {
    /// The run has come to its end by itself, for this reason. With patience it ends with its best weights, if the
    /// settings ask for that.
    pub(super) fn finished(&mut self, mut reason: String) {
        let Some(s) = &mut self.session else { return };
        self.base = s.epoch();
        if let Some((epoch, _)) = s.best().filter(|_| s.config().stop.restores()) {
            let others = !s.at_best();
            if others {
                self.timeline.change(s, Touch::Best);
            }
            reason += &format!("; weights of epoch {epoch} {}", if others { "are back" } else { "are the best" });
        }
        self.timeline.change(s, Touch::Excuse);
        self.pause();
        self.slow.at = None;
        self.notify(Notice::Finished { revision: self.revision, reason });
    }

    /// Pauses and takes back the best weights. A batch under way is finished first; one in which a number stopped being
    /// finite is left out.
    pub(super) fn restore_best(&mut self) {
        self.pause();
        let Some(s) = &mut self.session else { return };
        if !s.at_rest() && (s.current().1.bad().is_none() || !self.timeline.seek(s, s.steps(), 0)) {
            self.timeline.step(s);
        }
        let Some((epoch, loss)) = s.best() else {
            let text = "no epoch has ended yet, so there are no best weights".to_owned();
            return self.notify(Notice::Said { revision: self.revision, text, fault: true });
        };
        let part = if s.has_test() { "test" } else { "train" };
        let loss = if loss.abs() < 1e-3 { format!("{loss:.2e}") } else { format!("{loss:.4}") };
        let text = if s.at_best() {
            format!("these are the weights of epoch {epoch}, the best so far: {part} loss {loss}")
        } else {
            self.timeline.change(s, Touch::Best);
            format!("weights of epoch {epoch} are back: {part} loss {loss}")
        };
        self.slow.at = None;
        self.notify(Notice::Said { revision: self.revision, text, fault: false });
    }
}
