//! Training and data settings as version 1 writes them.

use crate::data::DataConfig;
use crate::train::{Optimizer, TrainConfig};
use serde::{Deserialize, Serialize};

/// How the project is trained. What is not written has the defaults of PyTorch and of a new project.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainDto {
    optimizer: OptimizerDto,
    batch_size: usize,
    seed: u64,
    epochs: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum OptimizerDto {
    Sgd {
        lr: f64,
        #[serde(default)]
        momentum: f64,
        #[serde(default)]
        dampening: f64,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        weight_decay: f64,
    },
    Adam {
        lr: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "eps")]
        eps: f64,
        #[serde(default)]
        weight_decay: f64,
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

impl Default for TrainDto {
    fn default() -> Self {
        (&TrainConfig::default()).into()
    }
}

impl From<&TrainConfig> for TrainDto {
    fn from(c: &TrainConfig) -> Self {
        let optimizer = match c.optimizer {
            Optimizer::Sgd { lr, momentum, dampening, nesterov, weight_decay } => {
                OptimizerDto::Sgd { lr, momentum, dampening, nesterov, weight_decay }
            }
            Optimizer::Adam { lr, beta1, beta2, eps, weight_decay, amsgrad } => {
                OptimizerDto::Adam { lr, beta1, beta2, eps, weight_decay, amsgrad }
            }
        };
        TrainDto { optimizer, batch_size: c.batch_size, seed: c.seed, epochs: c.epochs }
    }
}

impl From<TrainDto> for TrainConfig {
    fn from(c: TrainDto) -> Self {
        let optimizer = match c.optimizer {
            OptimizerDto::Sgd { lr, momentum, dampening, nesterov, weight_decay } => {
                Optimizer::Sgd { lr, momentum, dampening, nesterov, weight_decay }
            }
            OptimizerDto::Adam { lr, beta1, beta2, eps, weight_decay, amsgrad } => {
                Optimizer::Adam { lr, beta1, beta2, eps, weight_decay, amsgrad }
            }
        };
        TrainConfig { optimizer, batch_size: c.batch_size, seed: c.seed, epochs: c.epochs }
    }
}

/// Where the samples come from, in the data room's own words, in which every setting has a default.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DataDto(DataConfig);

impl From<&DataConfig> for DataDto {
    fn from(c: &DataConfig) -> Self {
        DataDto(c.clone())
    }
}

impl From<DataDto> for DataConfig {
    fn from(d: DataDto) -> Self {
        d.0
    }
}
