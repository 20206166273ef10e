//! How a project is trained.

use crate::train::described::Chosen;
use crate::train::optimizer::Rule;
use crate::train::schedule::Course;
use serde::{Deserialize, Serialize};

/// An optimiser with its settings, named as in `torch.optim`.
pub type Optimizer = Chosen<Rule>;
/// A schedule of the learning rate, named as in `torch.optim.lr_scheduler`.
pub type Schedule = Chosen<Course>;

/// The training settings of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// What moves the weights.
    pub optimizer: Optimizer,
    /// Samples per batch; the last one of an epoch may be shorter.
    pub batch_size: usize,
    /// Seed of initial weights and shuffling.
    pub seed: u64,
    /// Epochs after which training stops; 0 for no limit.
    pub epochs: usize,
    /// How the learning rate changes from epoch to epoch.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// What is done to gradients before they move weights.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// When training stops by itself.
    #[serde(skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// Whether gradients are cleared before each backward pass (`optimizer.zero_grad()`). Without it they add up over
    /// the batches.
    #[serde(skip_serializing_if = "is_true")]
    pub zero_grad: bool,
}

/// Clipping, of which 0 is off, and accumulation of gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Largest ‖∂L/∂w‖ over all weights (`torch.nn.utils.clip_grad_norm_`); applied before `clip_value`.
    pub clip_norm: f64,
    /// Largest |∂L/∂w| of one element.
    pub clip_value: f64,
    /// Batches whose losses are averaged for one step, at least 1. A group may reach into the next epoch.
    pub accumulate: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { clip_norm: 0.0, clip_value: 0.0, accumulate: 1 }
    }
}

/// When training stops by itself; 0 is off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stop {
    /// Epochs without a better test loss (train loss, if there is no test part).
    pub patience: usize,
    /// By how much a loss must be smaller to use up no patience. The best weights are those of the smallest loss,
    /// however little smaller it is.
    pub min_delta: f64,
    /// Seconds of training.
    pub seconds: f64,
    /// Whether a run with patience ends with its best weights (`restore_best_weights` of Keras), whatever ended it.
    pub restore_best: bool,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { patience: 0, min_delta: 0.0, seconds: 0.0, restore_best: true }
    }
}

impl Stop {
    /// Whether the best weights come back when the run ends.
    pub fn restores(&self) -> bool {
        self.patience > 0 && self.restore_best
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_true(on: &bool) -> bool {
    *on
}

fn is_default<T: Default + PartialEq>(x: &T) -> bool {
    *x == T::default()
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            optimizer: Optimizer::default(),
            batch_size: 10,
            seed: 42,
            epochs: 0,
            schedule: Schedule::default(),
            limits: Limits::default(),
            stop: Stop::default(),
            zero_grad: true,
        }
    }
}

impl TrainConfig {
    /// Why these settings cannot be used with so many train samples, or `None` if they can.
    pub fn needs_whole(&self, samples: usize) -> Option<String> {
        (self.optimizer.full_batch() && self.batch_size < samples).then(|| {
            format!(
                "{} compares losses of the same samples, so its batch must be the whole train part: set the batch size \
                 to {samples} (it is {}), or choose another optimiser",
                self.optimizer.about().label,
                self.batch_size
            )
        })
    }
    /// Why these settings cannot be used, or `None` if they can.
    pub fn reject(&self) -> Option<String> {
        let lr = self.optimizer.lr();
        let amount = |name: &str, x: f64| {
            (!x.is_finite() || x < 0.0).then(|| format!("the {name} is {x}; it must be a number of at least 0"))
        };
        if self.batch_size == 0 {
            return Some("the batch size is 0; it must be at least 1".into());
        }
        if self.limits.accumulate == 0 {
            return Some(
                "gradients are accumulated over 0 batches; it must be at least 1, which is no accumulation".into(),
            );
        }
        if !self.zero_grad && self.limits.accumulate > 1 {
            return Some(
                "accumulating over several batches and skipping zero_grad both keep gradients: choose one of them"
                    .into(),
            );
        }
        if self.optimizer.full_batch()
            && (self.limits.clip_norm > 0.0 || self.limits.clip_value > 0.0 || self.limits.accumulate > 1)
        {
            let label = self.optimizer.about().label;
            return Some(format!("{label} needs the gradient as it is: switch off clipping and accumulation"));
        }
        amount("learning rate", lr)
            .or_else(|| self.optimizer.reject())
            .or_else(|| self.optimizer.clash())
            .or_else(|| self.schedule.reject())
            .or_else(|| amount("clipping norm", self.limits.clip_norm))
            .or_else(|| amount("clipping value", self.limits.clip_value))
            .or_else(|| amount("smallest improvement", self.stop.min_delta))
            .or_else(|| amount("limit of seconds", self.stop.seconds))
    }
}
