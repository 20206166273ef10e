//! Borrowed dense tensors, and the statistics shown of them.

use crate::tensor::Scalar;
use crate::tensor::kernels::summary::summary;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};

/// A read-only dense row-major tensor.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, S> {
    /// Lengths of the axes, outermost first.
    pub shape: &'a [usize],
    /// `shape.product()` elements, row-major.
    pub data: &'a [S],
}

/// A writable dense row-major tensor.
#[derive(Debug)]
pub struct ViewMut<'a, S> {
    /// Lengths of the axes, outermost first.
    pub shape: &'a [usize],
    /// `shape.product()` elements, row-major.
    pub data: &'a mut [S],
}

impl<'a, S: Scalar> View<'a, S> {
    /// The same elements as an ndarray view.
    pub fn nd(&self) -> ArrayViewD<'a, S> {
        ArrayViewD::from_shape(IxDyn(self.shape), self.data).expect("length of data is the product of the shape")
    }
    /// Rows (all axes but the last, multiplied) and columns (the last axis); a scalar is 1×1.
    pub fn rows_cols(&self) -> (usize, usize) {
        rows_cols(self.shape)
    }
    /// The shape as text, `10×8`.
    pub fn shape_text(&self) -> String {
        shape_text(self.shape)
    }
}

impl<S: Scalar> ViewMut<'_, S> {
    /// The same elements as a mutable ndarray view.
    pub fn nd(&mut self) -> ArrayViewMutD<'_, S> {
        ArrayViewMutD::from_shape(IxDyn(self.shape), self.data).expect("length of data is the product of the shape")
    }
    /// Rows (all axes but the last, multiplied) and columns (the last axis); a scalar is 1×1.
    pub fn rows_cols(&self) -> (usize, usize) {
        rows_cols(self.shape)
    }
}

fn rows_cols(shape: &[usize]) -> (usize, usize) {
    match shape.split_last() {
        None => (1, 1),
        Some((c, rest)) => (rest.iter().product(), *c),
    }
}

/// `10×8`, or `scalar` for no axes.
pub fn shape_text(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".into();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

/// Numbers from which they are looked at on all threads.
const MANY: usize = 1 << 14;

/// What is said of a tensor in one line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Smallest finite element.
    pub min: f64,
    /// Largest finite element.
    pub max: f64,
    /// Mean of the finite elements.
    pub mean: f64,
    /// Euclidean norm of the finite elements.
    pub norm: f64,
    /// Number of NaN or infinite elements.
    pub bad: usize,
    /// Number of elements that are exactly zero.
    pub zeros: usize,
}

impl Stats {
    /// Statistics of `data`; all zero when it is empty.
    pub fn of<S: Scalar>(data: &[S]) -> Self {
        if data.len() > MANY {
            return summary(data);
        }
        let (mut s, mut n, mut sum, mut sq) =
            (Stats { min: f64::INFINITY, max: f64::NEG_INFINITY, ..Stats::default() }, 0usize, 0.0, 0.0);
        for x in data {
            let x = x.to64();
            if !x.is_finite() {
                s.bad += 1;
                continue;
            }
            n += 1;
            s.min = s.min.min(x);
            s.max = s.max.max(x);
            s.zeros += usize::from(x == 0.0);
            sum += x;
            sq += x * x;
        }
        if n == 0 {
            return Stats { bad: s.bad, ..Stats::default() };
        }
        s.mean = sum / n as f64;
        s.norm = sq.sqrt();
        s
    }
}
