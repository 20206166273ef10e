//! Data sets: made, embedded or read, then split, scaled and cut into batches.

mod batches;
mod build;
mod config;
mod csv_file;
mod formula;
mod playground;

pub use batches::Order;
pub use config::{Csv, DataConfig, Function, Input, Labels, Playground, Scale, Set, Source, Table};
pub use csv_file::{CsvColumn, CsvReport, inspect_csv};
pub use formula::{Formula, FormulaError, parse as parse_formula};

use crate::tensor::{Scalar, Shape};

/// What is to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Numbers.
    Regression,
    /// One of two classes, coded in one column.
    Binary {
        /// The code of the first class.
        negative: f64,
        /// The code of the second class.
        positive: f64,
    },
    /// One of several classes, as an index or one-hot.
    Classes,
}

/// A data set ready for training.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `B×n`.
    pub feature_shape: Shape,
    /// `B`, `B×1` or `B×n`.
    pub target_shape: Shape,
    /// A name per feature column.
    pub feature_names: Vec<String>,
    /// A name per target column.
    pub target_names: Vec<String>,
    /// The classes; empty for a regression.
    pub class_names: Vec<String>,
    /// What is to be predicted.
    pub task: Task,
    /// Features of all samples, row-major.
    pub features: Vec<f64>,
    /// Targets of all samples, row-major.
    pub targets: Vec<f64>,
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows kept back.
    pub test: Vec<usize>,
    /// What was odd about the data.
    pub warnings: Vec<String>,
    /// Range of both coordinates of the plane, or of the one variable and nothing.
    pub domain: Option<[[f64; 2]; 2]>,
    /// Place of each sample in that plane.
    pub points: Option<Vec<[f64; 2]>>,
    pub(crate) classes: Vec<usize>,
    pub(crate) inputs: Vec<Input>,
    /// Per feature: what is subtracted, and by what is divided.
    pub(crate) scaling: Vec<(f64, f64)>,
}

impl Dataset {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.features.len() / self.feature_width().max(1)
    }
    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }
    /// Features per sample.
    pub fn feature_width(&self) -> usize {
        self.feature_shape.per_sample()
    }
    /// Target numbers per sample.
    pub fn target_width(&self) -> usize {
        self.target_shape.per_sample()
    }
    /// The class of a sample; none in a regression.
    pub fn class_of(&self, sample: usize) -> Option<usize> {
        self.classes.get(sample).copied()
    }
    /// Whether the inputs are two coordinates, so that a map over the plane makes sense.
    pub fn is_plane(&self) -> bool {
        self.points.is_some() && !self.is_curve()
    }
    /// Whether this is a function of one variable.
    pub fn is_curve(&self) -> bool {
        self.feature_width() == 1 && self.domain.is_some() && self.inputs.is_empty()
    }
    /// The feature row of a point: extra inputs and scaling applied. For one variable `y` does not matter.
    pub fn map_inputs(&self, x: f64, y: f64) -> Vec<f64> {
        let raw: Vec<f64> = if self.inputs.is_empty() {
            [x, y].into_iter().take(self.feature_width()).collect()
        } else {
            self.inputs.iter().map(|i| i.eval(x, y)).collect()
        };
        let scale = |(v, (mean, by)): (f64, &(f64, f64))| (v - mean) / by;
        if self.scaling.is_empty() { raw } else { raw.into_iter().zip(&self.scaling).map(scale).collect() }
    }
    /// Copies the samples `rows` into a batch of features and of targets.
    ///
    /// # Panics
    /// If a buffer is not as long as the rows need.
    pub fn gather<S: Scalar>(&self, rows: &[usize], x: &mut [S], y: &mut [S]) {
        let copy = |from: &[f64], width: usize, to: &mut [S]| {
            assert_eq!(to.len(), rows.len() * width, "the batch buffer fits the rows");
            for (row, to) in rows.iter().zip(to.chunks_exact_mut(width.max(1))) {
                for (t, f) in to.iter_mut().zip(&from[row * width..]) {
                    *t = S::of(*f);
                }
            }
        };
        copy(&self.features, self.feature_width(), x);
        copy(&self.targets, self.target_width(), y);
    }
}

/// Why there is no data set: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub(crate) String);

impl DataError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        DataError(message.into())
    }
}
