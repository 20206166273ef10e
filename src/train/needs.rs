//! What a run needs of memory, known before its first step.

use crate::engine::Footprint;
use crate::ops::Precision;
use crate::train::{Session, bytes_text};

/// Memory of a run, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Samples in a batch.
    pub batch: usize,
    /// Outputs of all nodes.
    pub values: usize,
    /// What forwards save for backwards.
    pub saved: usize,
    /// Gradients of outputs.
    pub gradients: usize,
    /// The least of these that must be there at once.
    pub live: usize,
    /// Weights, their gradients, the best ones, and what the optimiser keeps.
    pub weights: usize,
}

impl Needs {
    /// All of it.
    pub fn total(&self) -> usize {
        self.values + self.saved + self.gradients + self.weights
    }
    /// In a sentence each: the batch, and the weights.
    pub fn text(&self) -> [String; 2] {
        let batch = self.values + self.saved + self.gradients;
        [
            format!(
                "{} for a batch of {}: values {}, saved for the backward pass {}, gradients {}; all stay to be seen, {} \
                 must be there at once",
                bytes_text(batch),
                self.batch,
                bytes_text(self.values),
                bytes_text(self.saved),
                bytes_text(self.gradients),
                bytes_text(self.live)
            ),
            format!("{} for weights, their gradients, the best weights and the optimiser", bytes_text(self.weights)),
        ]
    }
}

impl<S: Precision> Session<S> {
    /// What the run takes.
    pub fn needs(&self) -> Needs {
        let size = size_of::<S>();
        let Footprint { values, saved, gradients, live } = self.plan.footprint();
        let weights = &self.weights;
        let weights = (weights.values.len() + weights.grads.len()) * size + self.watch.bytes() + self.moves.bytes();
        Needs {
            batch: self.plan.batch(),
            values: values * size,
            saved: saved * size,
            gradients: gradients * size,
            live: live * size,
            weights,
        }
    }
}
