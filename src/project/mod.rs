//! The document, its history, and the `.ron` file it is kept in.

mod check;
mod dto;
mod dto_run;
mod dto_stops;
mod file;
mod history;
pub mod recovery;
pub mod settings;
pub mod templates;

pub(crate) use file::write as write_atomic;
pub use file::{LoadError, SaveError, load, parse, save, to_text, writable};
pub use history::{Change, History};
pub use settings::Settings;

use crate::data::DataConfig;
use crate::engine::WeightMap;
use crate::graph::Graph;
use crate::train::stops::Stops;
use crate::train::{RunState, TrainConfig};
use std::sync::Arc;

/// Everything that undo covers: the project without its weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The network.
    pub graph: Graph,
    /// What it trains on.
    pub data: DataConfig,
    /// How it trains.
    pub train: TrainConfig,
    /// What the author says of it.
    pub notes: String,
    /// Where a run stops, and what is watched.
    pub stops: Stops,
}

/// A document with its trained weights, as it is kept in a file.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// The document.
    pub document: Document,
    /// The weights; none for an untrained network.
    pub weights: Option<WeightMap>,
    /// Where the run stands that the weights are of, so that it goes on with the same bits.
    pub run: Option<Arc<RunState>>,
    /// What was odd about the file it came from.
    pub warnings: Vec<String>,
}
