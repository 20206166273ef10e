//! Data sets: made, embedded or read, then split, scaled and cut into batches.

mod augment;
mod batches;
mod build;
mod config;
mod csv_file;
mod extent;
mod folder;
mod formula;
mod idx;
mod npy;
mod playground;
mod store;

pub use batches::Order;
pub use config::{
    Augment, Channels, Csv, DataConfig, Folder, Function, Idx, Input, Labels, Layout, Npy, Playground, Scale, Set,
    Source, Table,
};
pub use csv_file::{CsvColumn, CsvReport, inspect_csv};
pub use extent::Extent;
pub use formula::{Formula, FormulaError, parse as parse_formula};
pub use npy::inspect_npy;

use crate::tensor::kernels::heed;
use crate::tensor::{Scalar, Shape};
use std::sync::{Arc, OnceLock};
use store::Store;

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
    /// `B×…`.
    pub feature_shape: Shape,
    /// `B`, `B×1` or `B×n`.
    pub target_shape: Shape,
    /// A name per feature column; none for pictures.
    pub feature_names: Vec<String>,
    /// A name per target column.
    pub target_names: Vec<String>,
    /// The classes; empty for a regression.
    pub class_names: Vec<String>,
    /// What is to be predicted.
    pub task: Task,
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
    /// Channels, height and width, if samples are pictures.
    pub picture: Option<[usize; 3]>,
    features: Arc<Store>,
    augment: Option<Augment>,
    seed: u64,
    target_extent: OnceLock<Extent>,
    feature_extent: OnceLock<Extent>,
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
        self.len() == 0
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
    /// Which class a number in the one column of targets stands for; none for a regression and for one-hot targets.
    pub fn classes_by_code(&self) -> Option<impl Fn(f64) -> Option<usize>> {
        let codes: Vec<f64> = match self.task {
            Task::Binary { negative, positive } => vec![negative, positive],
            Task::Classes if self.target_width() == 1 => (0..self.class_names.len()).map(|c| c as f64).collect(),
            Task::Classes | Task::Regression => return None,
        };
        Some(move |code| codes.iter().position(|c| *c == code))
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
        raw.into_iter().enumerate().map(|(k, v)| self.scaled(k, v)).collect()
    }
    /// Feature `k` of a sample, as training sees it.
    pub fn feature(&self, sample: usize, k: usize) -> f64 {
        let mut one = [0.0];
        self.features.read(sample * self.feature_width() + k, &mut one, |_, x| self.scaled(k, x));
        one[0]
    }
    /// The features of a sample before scaling; the pixels of a picture are from 0 to 1.
    pub fn unscaled(&self, sample: usize) -> Vec<f64> {
        let mut row = vec![0.0; self.feature_width()];
        self.features.read(sample * row.len(), &mut row, |_, x| x);
        row
    }
    fn scaled(&self, k: usize, x: f64) -> f64 {
        self.scaling.get(k).map_or(x, |(shift, by)| (x - shift) / by)
    }
    /// Copies the samples `rows` into a batch of features and of targets, unless somebody waits who is heeded.
    ///
    /// # Panics
    /// If a buffer is not as long as the rows need.
    pub fn gather<S: Scalar>(&self, rows: &[usize], x: &mut [S], y: &mut [S]) {
        let (w, v) = (self.feature_width(), self.target_width());
        assert_eq!((x.len(), y.len()), (rows.len() * w, rows.len() * v), "the batch buffers fit the rows");
        heed::pieces(rows.len(), w + v, |some| {
            let (rows, x, y) =
                (&rows[some.clone()], &mut x[some.start * w..some.end * w], &mut y[some.start * v..some.end * v]);
            for (row, x) in rows.iter().zip(x.chunks_exact_mut(w.max(1))) {
                self.features.read(row * w, x, |k, x| self.scaled(k, x));
            }
            for (row, y) in rows.iter().zip(y.chunks_exact_mut(v.max(1))) {
                for (t, f) in y.iter_mut().zip(&self.targets[row * v..]) {
                    *t = S::of(*f);
                }
            }
        });
    }
}

/// Why there is no data set: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct DataError(pub(crate) String);

impl DataError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        DataError(message.into())
    }
}
