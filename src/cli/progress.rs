//! How far training has come, on standard error.

use crate::cli::table::number;
use crate::train::{Part, Session};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// The bar on a terminal; ten plain lines elsewhere.
pub struct Progress {
    bar: ProgressBar,
    epochs: usize,
    plain: bool,
    looked: Instant,
    started: Instant,
    /// Batches that were done when it began.
    from: u64,
}

impl Progress {
    /// For the run of `session` up to epoch number `epochs`.
    pub fn new(session: &Session<f32>, epochs: usize) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let (whole, from) = (epochs.saturating_mul(session.batches()) as u64, session.steps());
        let bar = ProgressBar::with_draw_target(Some(whole.saturating_sub(from)), target);
        // The template is a constant of known form.
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}  {per_sec} left {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Progress { bar, epochs, plain, looked: Instant::now(), started: Instant::now(), from }
    }

    /// A batch is done. At the end of an epoch the metric is computed, while `go`.
    pub fn step(&mut self, session: &mut Session<f32>, epoch_ended: bool, go: &dyn Fn() -> bool) {
        self.bar.inc(1);
        if !epoch_ended {
            return;
        }
        let epoch = session.epoch();
        let due = if self.plain {
            epoch.is_multiple_of((self.epochs / 10).max(1)) || epoch == self.epochs
        } else {
            self.looked.elapsed() > Duration::from_millis(200)
        };
        if !due {
            return;
        }
        self.looked = Instant::now();
        let part = if session.has_test() { Part::Test } else { Part::Train };
        let metrics = session.evaluate_while(part, go).and_then(|r| r.metrics.headline());
        let mut text = format!("epoch {epoch}/{}", self.epochs);
        if let Some(p) = session.history().last() {
            text += &format!("  train loss {}", number(p.train));
            text += &p.test.map_or(String::new(), |l| format!("  test loss {}", number(l)));
        }
        if let Some((name, value)) = metrics {
            text += &format!("  {name} {}", number(value));
        }
        if self.plain {
            let steps = session.steps() - self.from;
            let rate = steps as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            eprintln!("{text}  {rate:.0} steps/s");
        }
        self.bar.set_message(text);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
