//! The learning rate over the epochs, as in `torch.optim.lr_scheduler`, stepped once per epoch.

use crate::ops::{Params, Value};
use crate::train::described::{About, Chosen, Listed, float, whole};
use std::f64::consts::PI;

/// A schedule as data.
pub struct Course {
    about: About,
    /// The rate of an epoch (from 0) from the optimiser's own rate; none where the losses decide.
    rate: Option<fn(&Params, f64, f64) -> f64>,
}

impl Listed for Course {
    const NAME: &'static str = "schedule";
    fn all() -> &'static [&'static Course] {
        static ALL: [&Course; 8] = [&CONSTANT, &STEP, &EXPONENTIAL, &COSINE, &RESTARTS, &WARMUP, &ONE_CYCLE, &PLATEAU];
        &ALL
    }
    fn about(&self) -> &About {
        &self.about
    }
}

impl Chosen<Course> {
    /// The rate in epoch number `epoch`, from 0; none for a schedule that follows the losses.
    pub fn rate(&self, base: f64, epoch: usize) -> Option<f64> {
        self.kind.rate.map(|f| f(&self.params, base, epoch as f64))
    }
}

const FACTOR: (f64, f64) = (0.0, 1.0);
const EPOCHS: (i64, i64) = (1, 1_000_000);

static CONSTANT: Course = Course {
    about: About { id: "constant", variant: "Constant", label: "Constant", doc: "The rate stays.", params: &[] },
    rate: Some(|_, base, _| base),
};

/// η·γ^⌊t/s⌋.
static STEP: Course = Course {
    about: About {
        id: "step",
        variant: "Step",
        label: "Steps",
        doc: "Multiplies the rate by a factor every so many epochs.",
        params: &[
            whole("step_size", EPOCHS, || Value::Int(30), "Epochs between two steps."),
            float("gamma", FACTOR, || Value::Float(0.1), "What a step multiplies the rate by."),
        ],
    },
    rate: Some(|p, base, t| base * p.float("gamma").powf((t / p.float("step_size")).floor())),
};

/// η·γ^t.
static EXPONENTIAL: Course = Course {
    about: About {
        id: "exponential",
        variant: "Exponential",
        label: "Exponential",
        doc: "Multiplies the rate by a factor every epoch.",
        params: &[float("gamma", FACTOR, || Value::Float(0.95), "What every epoch multiplies the rate by.")],
    },
    rate: Some(|p, base, t| base * p.float("gamma").powf(t)),
};

fn half_wave(low: f64, high: f64, share: f64) -> f64 {
    low + (high - low) * 0.5 * (1.0 + (PI * share).cos())
}

/// Half a cosine down (Loshchilov and Hutter 2017), and up again after it.
static COSINE: Course = Course {
    about: About {
        id: "cosine",
        variant: "Cosine",
        label: "Cosine",
        doc: "Falls along half a cosine, and rises again after it.",
        params: &[
            whole("t_max", EPOCHS, || Value::Int(100), "Epochs to the lowest rate."),
            float("eta_min", (0.0, 1e6), || Value::Float(0.0), "The lowest rate."),
        ],
    },
    rate: Some(|p, base, t| half_wave(p.float("eta_min"), base, t / p.float("t_max"))),
};

static RESTARTS: Course = Course {
    about: About {
        id: "cosine_restarts",
        variant: "CosineRestarts",
        label: "Cosine with restarts",
        doc: "Falls along half a cosine again and again, each time for longer.",
        params: &[
            whole("t_0", EPOCHS, || Value::Int(10), "Epochs to the first restart."),
            whole("t_mult", (1, 100), || Value::Int(1), "How many times longer each fall is than the last one."),
            float("eta_min", (0.0, 1e6), || Value::Float(0.0), "The lowest rate."),
        ],
    },
    rate: Some(|p, base, t| {
        let (mut at, mut length) = (t, p.float("t_0").max(1.0));
        if p.float("t_mult") <= 1.0 {
            at %= length;
        } else {
            while at >= length {
                at -= length;
                length *= p.float("t_mult");
            }
        }
        half_wave(p.float("eta_min"), base, at / length)
    }),
};

static WARMUP: Course = Course {
    about: About {
        id: "linear_warmup",
        variant: "LinearWarmup",
        label: "Linear warm-up",
        doc: "Changes the rate evenly from one share to another, then stays.",
        params: &[
            float("start_factor", (1e-9, 1.0), || Value::Float(1.0 / 3.0), "Share of the rate in the first epoch."),
            float("end_factor", FACTOR, || Value::Float(1.0), "Share of the rate after the change."),
            whole("total_iters", EPOCHS, || Value::Int(5), "Epochs that the change takes."),
        ],
    },
    rate: Some(|p, base, t| {
        let (from, to) = (p.float("start_factor"), p.float("end_factor"));
        base * (from + (to - from) * (t / p.float("total_iters")).min(1.0))
    }),
};

/// Up and down along cosines (Smith 2018). The momentum is left alone; after the last epoch the rate stays.
static ONE_CYCLE: Course = Course {
    about: About {
        id: "one_cycle",
        variant: "OneCycle",
        label: "One cycle",
        doc: "Rises to a top rate and falls far below; the optimiser's own rate does not count.",
        params: &[
            float("max_lr", (0.0, 1e6), || Value::Float(0.1), "The top rate."),
            whole("total_steps", (2, 1_000_000), || Value::Int(100), "Epochs of the whole cycle."),
            float("pct_start", FACTOR, || Value::Float(0.3), "Share of the epochs that rise."),
            float("div_factor", (1.0, 1e9), || Value::Float(25.0), "The top rate over the first one."),
            float("final_div_factor", (1.0, 1e9), || Value::Float(1e4), "The first rate over the last one."),
        ],
    },
    rate: Some(|p, _, t| {
        let (top, total) = (p.float("max_lr"), p.float("total_steps"));
        let first = top / p.float("div_factor");
        let (peak, end) = (p.float("pct_start") * total - 1.0, total - 1.0);
        if t <= peak && peak > 0.0 {
            half_wave(top, first, t / peak)
        } else {
            half_wave(first / p.float("final_div_factor"), top, ((t - peak) / (end - peak)).min(1.0))
        }
    }),
};

static PLATEAU: Course = Course {
    about: About {
        id: "plateau",
        variant: "Plateau",
        label: "Reduce on plateau",
        doc: "Lowers the rate when the test loss (or the train loss) has not fallen for some epochs.",
        params: &[
            float("factor", FACTOR, || Value::Float(0.1), "What the rate is multiplied by."),
            whole("patience", (0, 1_000_000), || Value::Int(10), "Epochs without improvement that are put up with."),
            float("threshold", FACTOR, || Value::Float(1e-4), "Share by which the loss must fall to count."),
            whole("cooldown", (0, 1_000_000), || Value::Int(0), "Epochs after a change that do not count."),
            float("min_lr", (0.0, 1e6), || Value::Float(0.0), "The lowest rate."),
        ],
    },
    rate: None,
};

/// The rate as it goes along.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// The learning rate now.
    pub rate: f64,
    /// The smallest loss of a plateau.
    pub best: f64,
    /// Epochs without a smaller one.
    pub bad: i64,
    /// Epochs that do not count after a change.
    pub cooldown: i64,
}

impl Pace {
    /// At epoch 0.
    pub(super) fn new(schedule: &Chosen<Course>, base: f64) -> Self {
        Pace { rate: schedule.rate(base, 0).unwrap_or(base), best: f64::INFINITY, bad: 0, cooldown: 0 }
    }

    /// After `epoch` epochs, the last of which ended with `loss` (`ReduceLROnPlateau.step`).
    pub(super) fn epoch_ended(&mut self, schedule: &Chosen<Course>, base: f64, epoch: usize, loss: f64) {
        if let Some(rate) = schedule.rate(base, epoch) {
            self.rate = rate;
            return;
        }
        let p = &schedule.params;
        if loss < self.best * (1.0 - p.float("threshold")) {
            (self.best, self.bad) = (loss, 0);
        } else {
            self.bad = self.bad.saturating_add(1);
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad > p.int("patience") {
            let rate = (self.rate * p.float("factor")).max(p.float("min_lr"));
            if self.rate - rate > 1e-8 {
                self.rate = rate;
            }
            (self.cooldown, self.bad) = (p.int("cooldown"), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_lowers_the_rate_after_patience_and_then_cools_down() {
        let s = Chosen::new(&PLATEAU).with("factor", 0.5).with("patience", 1.0).with("cooldown", 2.0);
        let mut pace = Pace::new(&s, 1.0);
        let rates: Vec<f64> = (1..=9)
            .map(|epoch| {
                pace.epoch_ended(&s, 1.0, epoch, 3.0);
                pace.rate
            })
            .collect();
        // Bad epochs: 0 1 2→½, then two of cooldown, 1, 2→¼, cooldown.
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
    }
}
