//! The document: graph, data and training settings, notes; its history, its file, and its rescue after a crash.
//!
//! The types in memory and those of the file evolve apart: [`file`] holds what is written, one module per
//! version, and everything else knows only [`Document`] and [`Project`].

pub mod disk;
mod error;
pub mod file;
mod history;
pub mod recovery;
pub mod settings;
pub mod templates;

pub use disk::{load, save};
pub use error::{LoadError, SaveError};
pub use file::{parse, to_text};
pub use history::{Change, History};
pub use settings::Settings;

use crate::data::DataConfig;
use crate::graph::Graph;
use crate::train::{TrainConfig, WeightMap};

/// What undo and redo travel through: everything but the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Nodes, wires and frames.
    pub graph: Graph,
    /// Where the samples come from.
    pub data: DataConfig,
    /// How it is trained.
    pub train: TrainConfig,
    /// Free text for the reader.
    pub notes: String,
}

/// What a file holds: the document and, if it was trained, its weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// The document.
    pub document: Document,
    /// Trained weights.
    pub weights: Option<WeightMap>,
    /// What was wrong in the file but could be put right by leaving it out; never written.
    pub warnings: Vec<String>,
}

impl Project {
    /// A project without warnings.
    pub fn new(document: Document, weights: Option<WeightMap>) -> Self {
        Project { document, weights, warnings: Vec::new() }
    }
}
