//! The order of samples in an epoch.

use crate::tensor::stream;
use rand::RngExt as _;

/// Rows in shuffled order, cut into batches. The order of an epoch depends on the seed and its number only.
#[derive(Clone, Debug)]
pub struct Order {
    original: Vec<usize>,
    rows: Vec<usize>,
    seed: u64,
}

impl Order {
    /// `rows` in their own order.
    pub fn new(rows: &[usize], seed: u64) -> Self {
        Order { original: rows.to_vec(), rows: rows.to_vec(), seed }
    }
    /// The order of epoch number `epoch` (Fisher–Yates).
    pub fn shuffle(&mut self, epoch: u64) {
        self.rows.copy_from_slice(&self.original);
        let mut rng = stream(self.seed ^ 0x0073_6875_6666_6c65, epoch);
        for i in (1..self.rows.len()).rev() {
            let j = rng.random_range(0..=i);
            self.rows.swap(i, j);
        }
    }
    /// All rows in the present order.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }
    /// Batch number `index` of at most `size` rows; the last one may be shorter.
    pub fn batch(&self, index: usize, size: usize) -> &[usize] {
        let from = (index * size).min(self.rows.len());
        &self.rows[from..(from + size).min(self.rows.len())]
    }
    /// Number of batches of at most `size` rows.
    pub fn batches(&self, size: usize) -> usize {
        self.rows.len().div_ceil(size.max(1))
    }
}
