//! One batch at full speed, and the end of a run.

use crate::engine::inside;
use crate::train::stops;
use crate::train::{Profile, Session};
use std::time::Instant;

/// Trains to the end of the batch, with a clock at every instruction if `timed`. Whether it came to the end.
#[expect(clippy::result_large_err, reason = "a stop is rare and carries what it found")]
pub(super) fn batch(s: &mut Session<f32>, timed: bool, profile: &mut Profile) -> Result<bool, stops::Halt> {
    let busy = s.current().0.busy();
    inside(busy, || {
        if timed && !s.has_stops() {
            s.step_timed(profile);
            return Ok(s.at_rest());
        }
        s.try_go()
    })
}

/// Why the run is over, if it is: epochs counted from epoch `base`, patience, seconds since `began`.
pub(super) fn ended(s: &Session<f32>, base: usize, began: Instant) -> Option<String> {
    let (most, stop) = (s.config().epochs, s.config().stop);
    if most > 0 && s.epoch() >= base + most {
        Some(format!("{} epochs done", s.epoch()))
    } else if s.epoch() > base && s.patience_over() {
        let s = if stop.patience == 1 { "" } else { "s" };
        Some(format!("stopped: no improvement for {} epoch{s}", stop.patience))
    } else if stop.seconds > 0.0 && began.elapsed().as_secs_f64() >= stop.seconds {
        Some(format!("{} seconds are over", stop.seconds))
    } else {
        None
    }
}
