//! Shapes in which the batch size may still be a symbol.

use std::fmt;

/// One axis of a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// The batch size `B`, known only when a batch arrives.
    Batch,
    /// A fixed number of elements.
    Fixed(usize),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Batch => f.write_str("B"),
            Dim::Fixed(n) => n.fmt(f),
        }
    }
}

/// The axes of a tensor, outermost first; row-major. No axis at all is a scalar.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// `B × dims`.
    pub fn batch(dims: &[usize]) -> Self {
        Shape(std::iter::once(Dim::Batch).chain(dims.iter().map(|&n| Dim::Fixed(n))).collect())
    }
    /// A shape without the batch symbol.
    pub fn fixed(dims: &[usize]) -> Self {
        Shape(dims.iter().map(|&n| Dim::Fixed(n)).collect())
    }
    /// The shape of one number.
    pub fn scalar() -> Self {
        Shape::default()
    }
    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }
    /// Whether the batch symbol occurs.
    pub fn has_batch(&self) -> bool {
        self.0.contains(&Dim::Batch)
    }
    /// Lengths of the axes for a batch of `batch` samples.
    pub fn concrete(&self, batch: usize) -> Vec<usize> {
        self.lengths(batch).collect()
    }
    fn lengths(&self, batch: usize) -> impl Iterator<Item = usize> {
        self.0.iter().map(move |d| match d {
            Dim::Batch => batch,
            Dim::Fixed(n) => *n,
        })
    }
    /// Number of elements for a batch of `batch` samples.
    pub fn len(&self, batch: usize) -> usize {
        self.lengths(batch).product()
    }
    /// Product of the fixed axes: elements per sample where the first axis is `B`.
    pub fn per_sample(&self) -> usize {
        self.len(1)
    }
    /// Axis `i`, counted from the end when negative; `None` if there is no such axis.
    pub fn axis(&self, i: i64) -> Option<usize> {
        let r = self.rank() as i64;
        let k = if i < 0 { i + r } else { i };
        (0..r).contains(&k).then_some(k as usize)
    }
}

impl fmt::Display for Shape {
    /// `B×8`, `3×4`, or `scalar`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("scalar");
        }
        for (i, d) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("×")?;
            }
            d.fmt(f)?;
        }
        Ok(())
    }
}
