//! How a project is trained.

use serde::{Deserialize, Serialize};

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
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig { optimizer: Optimizer::default(), batch_size: 10, seed: 42, epochs: 0 }
    }
}

impl TrainConfig {
    /// Why these settings cannot be used, or `None` if they can.
    pub fn reject(&self) -> Option<String> {
        let lr = self.optimizer.lr();
        if self.batch_size == 0 {
            Some("the batch size is 0; it must be at least 1".into())
        } else if !lr.is_finite() || lr < 0.0 {
            Some(format!("the learning rate is {lr}; it must be a number of at least 0"))
        } else {
            self.optimizer.reject()
        }
    }
}

/// An optimiser with its settings, named as in `torch.optim`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// Learning rate.
        lr: f64,
        /// Share of the last step that is kept.
        #[serde(default)]
        momentum: f64,
        /// Damping of the gradient that enters the momentum.
        #[serde(default)]
        dampening: f64,
        /// Look ahead along the momentum.
        #[serde(default)]
        nesterov: bool,
        /// λ of an L2 term λ/2·‖w‖² on all weights.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// Learning rate.
        lr: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added below the fraction line.
        #[serde(default = "eps")]
        eps: f64,
        /// λ of an L2 term λ/2·‖w‖² on all weights.
        #[serde(default)]
        weight_decay: f64,
        /// Keep the largest second moment (Reddi et al. 2018).
        #[serde(default)]
        amsgrad: bool,
    },
}

fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn eps() -> f64 {
    1e-8
}

impl Default for Optimizer {
    /// SGD with TensorFlow Playground's rate of 0.03.
    fn default() -> Self {
        Optimizer::sgd(0.03)
    }
}

impl Optimizer {
    /// Plain gradient descent.
    pub fn sgd(lr: f64) -> Self {
        Optimizer::Sgd { lr, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }
    /// Adam with PyTorch's defaults.
    pub fn adam(lr: f64) -> Self {
        Optimizer::Adam { lr, beta1: beta1(), beta2: beta2(), eps: eps(), weight_decay: 0.0, amsgrad: false }
    }
    /// The learning rate.
    pub fn lr(&self) -> f64 {
        match self {
            Optimizer::Sgd { lr, .. } | Optimizer::Adam { lr, .. } => *lr,
        }
    }
    /// The same with another learning rate.
    #[must_use]
    pub fn with_lr(mut self, rate: f64) -> Self {
        match &mut self {
            Optimizer::Sgd { lr, .. } | Optimizer::Adam { lr, .. } => *lr = rate,
        }
        self
    }
    /// Name and rate, `SGD, learning rate 0.03, momentum 0.9`.
    pub fn label(&self) -> String {
        match self {
            Optimizer::Sgd { lr, momentum, .. } if *momentum > 0.0 => {
                format!("SGD, learning rate {lr}, momentum {momentum}")
            }
            Optimizer::Sgd { lr, .. } => format!("SGD, learning rate {lr}"),
            Optimizer::Adam { lr, .. } => format!("Adam, learning rate {lr}"),
        }
    }

    fn reject(&self) -> Option<String> {
        let unit = |name: &str, x: f64| {
            (!(0.0..1.0).contains(&x)).then(|| format!("{name} is {x}; it must be from 0 to below 1"))
        };
        let positive =
            |name: &str, x: f64| (x.is_nan() || x < 0.0).then(|| format!("{name} is {x}; it must be at least 0"));
        match *self {
            Optimizer::Sgd { momentum, dampening, nesterov, weight_decay, .. } => {
                let clash = nesterov && (momentum <= 0.0 || dampening != 0.0);
                unit("momentum", momentum)
                    .or_else(|| positive("weight decay", weight_decay))
                    .or_else(|| clash.then(|| "Nesterov needs a momentum above 0 and no dampening".into()))
            }
            Optimizer::Adam { beta1, beta2, eps, weight_decay, .. } => unit("beta1", beta1)
                .or_else(|| unit("beta2", beta2))
                .or_else(|| positive("eps", eps))
                .or_else(|| positive("weight decay", weight_decay)),
        }
    }
}
