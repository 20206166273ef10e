//! What a run needs of memory, known before its first step.

use crate::engine::{Footprint, Keep};
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
    /// What a batch takes: all of these, each at a place of its own, if they stay to be seen.
    pub taken: usize,
    /// What it takes where nobody looks into it, so that places are used again.
    pub unwatched: usize,
    /// The least that must be there at once.
    pub live: usize,
    /// Whether everything stays to be seen.
    pub watched: bool,
    /// Samples evaluated at once.
    pub rows: usize,
    /// What an evaluation takes, and the samples of batch and evaluation.
    pub evaluation: usize,
    /// Weights, their gradients, the best ones, and what the optimiser keeps; copies that a watched run makes.
    pub weights: usize,
}

impl Needs {
    /// All of it.
    pub fn total(&self) -> usize {
        self.taken + self.evaluation + self.weights
    }
    /// In a sentence each: the batch, evaluation, and the weights.
    pub fn text(&self) -> [String; 3] {
        let all = self.values + self.saved + self.gradients;
        let parts = format!(
            "values {}, saved for the backward pass {}, gradients {}",
            bytes_text(self.values),
            bytes_text(self.saved),
            bytes_text(self.gradients)
        );
        let least = match self.unwatched == self.live {
            true => "the least that must be there at once".to_owned(),
            false => format!("where {} must be there at once", bytes_text(self.live)),
        };
        let (taken, unwatched, batch) = (bytes_text(self.taken), bytes_text(self.unwatched), self.batch);
        let batch = if self.watched {
            format!(
                "{taken} for a batch of {batch}: {parts}; all stay to be seen. A run that nobody looks into takes \
                 {unwatched}, {least}"
            )
        } else {
            format!(
                "{taken} for a batch of {batch}, {least}. Where all stays to be seen, as in the window, it is {}: {parts}",
                bytes_text(all)
            )
        };
        [
            batch,
            format!("{} for samples, and for the evaluation of {} at once", bytes_text(self.evaluation), self.rows),
            format!("{} for weights, their gradients, the best weights and the optimiser", bytes_text(self.weights)),
        ]
    }
}

impl<S: Precision> Session<S> {
    /// What the run takes.
    pub fn needs(&self) -> Needs {
        let size = size_of::<S>();
        let Footprint { values, saved, gradients, total, unwatched, live } = self.plan.footprint();
        let watched = self.plan.keep() == Keep::All;
        let weights = &self.weights;
        // Of gradients that add up, and of the weights before an update that is watched.
        let copies = usize::from(!self.config.zero_grad) + usize::from(watched);
        let numbers = weights.values.len() * (1 + copies) + weights.grads.len();
        let (rows, evaluation) = self.evaluation_numbers();
        Needs {
            batch: self.plan.batch(),
            values: values * size,
            saved: saved * size,
            gradients: gradients * size,
            taken: total * size,
            unwatched: unwatched * size,
            live: live * size,
            watched,
            rows,
            evaluation: evaluation * size,
            weights: numbers * size + self.watch.bytes() + self.moves.bytes(),
        }
    }
}
