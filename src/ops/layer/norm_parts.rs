//! The parts of every normalisation: mean, distance from it, variance, division, scale and shift. Where mean and variance
//! are kept from earlier batches they are given: distance, deviation, division, scale and shift.

use crate::ops::{Inner, Made, Part, Place};
use crate::tensor::Scalar;

/// Which statistic and which weight belong to an element.
pub(super) struct Cut<F> {
    /// Lengths of the axes of the statistics.
    pub shape: Vec<usize>,
    /// The statistic of an element.
    pub group: F,
    /// Neighbouring elements that share γ and β.
    pub shared: usize,
}

impl<F: Fn(usize) -> usize> Cut<F> {
    fn count(&self) -> usize {
        self.shape.iter().product()
    }

    fn members(&self, len: usize, group: usize) -> Vec<usize> {
        (0..len).filter(|i| (self.group)(*i) == group).collect()
    }

    /// The mean of `x` over each group.
    fn means<S: Scalar>(&self, x: impl ExactSizeIterator<Item = S>) -> Vec<S> {
        let mut sums = vec![(0.0, 0usize); self.count()];
        for (i, x) in x.enumerate() {
            let (sum, n) = &mut sums[(self.group)(i)];
            *sum += x.to64();
            *n += 1;
        }
        sums.into_iter().map(|(sum, n)| S::of(sum / n.max(1) as f64)).collect()
    }

    /// The parts, the last one the output.
    pub fn parts<S: Scalar>(&self, inner: &Inner<S>) -> Vec<Part<S>> {
        let x = inner.inputs[0];
        let (small, full) = (self.shape.clone(), x.shape.to_vec());
        let mean = self.means(x.data.iter().copied());
        let away: Vec<S> = x.data.iter().enumerate().map(|(i, x)| *x - mean[(self.group)(i)]).collect();
        let var = self.means(away.iter().map(|d| *d * *d));
        let eps = S::of(inner.params.float("eps"));
        let hat = |(i, d): (usize, &S)| *d / (var[(self.group)(i)] + eps).sqrt();
        let hat: Vec<S> = away.iter().enumerate().map(hat).collect();
        let mut parts = vec![
            Part { name: "mean", formula: r"\mu = \frac{1}{n} \sum x", shape: small.clone(), data: mean },
            Part { name: "distance", formula: r"d = x - \mu", shape: full, data: away },
            Part { name: "variance", formula: r"\sigma^2 = \frac{1}{n} \sum d^2", shape: small, data: var },
        ];
        close(inner, &mut parts, r"\hat x = \frac{d}{\sqrt{\sigma^2 + \varepsilon}}", hat);
        parts
    }

    /// How an element of a part is made.
    pub fn made<S: Scalar>(&self, inner: &Inner<S>, part: usize, index: usize) -> Made {
        let len = inner.inputs[0].data.len();
        match part {
            0 => {
                let all = self.members(len, index);
                let by = 1.0 / all.len().max(1) as f64;
                Made::Sum(all.into_iter().map(|i| (by, vec![Place::Input(0, i)])).collect())
            }
            1 => {
                Made::Sum(vec![(1.0, vec![Place::Input(0, index)]), (-1.0, vec![Place::Part(0, (self.group)(index))])])
            }
            2 => {
                let all = self.members(len, index);
                let by = 1.0 / all.len().max(1) as f64;
                Made::Sum(all.into_iter().map(|i| (by, vec![Place::Part(1, i); 2])).collect())
            }
            3 => Made::Function("d / √(σ² + ε)", vec![Place::Part(1, index), Place::Part(2, (self.group)(index))]),
            _ => self.scaled(inner, 3, index),
        }
    }

    /// γ times an element of part `hat`, and β.
    fn scaled<S: Scalar>(&self, inner: &Inner<S>, hat: usize, index: usize) -> Made {
        let w = index / self.shared % inner.weights[0].data.len();
        Made::Sum(vec![(1.0, vec![Place::Weight(0, w), Place::Part(hat, index)]), (1.0, vec![Place::Weight(1, w)])])
    }

    /// The parts with the mean and the variance that the node keeps; none if it keeps none.
    pub fn kept_parts<S: Scalar>(&self, inner: &Inner<S>) -> Vec<Part<S>> {
        let [mean, var] = inner.buffers else { return Vec::new() };
        let x = inner.inputs[0];
        let (small, full) = (self.shape.clone(), x.shape.to_vec());
        let away: Vec<S> = x.data.iter().enumerate().map(|(i, x)| *x - mean.data[(self.group)(i)]).collect();
        let eps = S::of(inner.params.float("eps"));
        let deviation: Vec<S> = var.data.iter().map(|v| (*v + eps).sqrt()).collect();
        let hat: Vec<S> = away.iter().enumerate().map(|(i, d)| *d / deviation[(self.group)(i)]).collect();
        let mut parts = vec![
            Part { name: "distance from the running mean", formula: r"d = x - \mu", shape: full, data: away },
            Part {
                name: "running deviation",
                formula: r"s = \sqrt{\sigma^2 + \varepsilon}",
                shape: small,
                data: deviation,
            },
        ];
        close(inner, &mut parts, r"\hat x = \frac{d}{s}", hat);
        parts
    }

    /// How an element of one of those is made.
    pub fn kept_made<S: Scalar>(&self, inner: &Inner<S>, part: usize, index: usize) -> Made {
        let group = || (self.group)(index);
        match part {
            0 => Made::Sum(vec![(1.0, vec![Place::Input(0, index)]), (-1.0, vec![Place::Buffer(0, group())])]),
            1 => Made::Function("√(σ² + ε)", vec![Place::Buffer(1, index)]),
            2 => Made::Function("d / s", vec![Place::Part(0, index), Place::Part(1, group())]),
            _ => self.scaled(inner, 2, index),
        }
    }
}

/// The last parts: what is normalised by `formula` to `hat`, and, if there are weights, its scale and shift.
fn close<S: Scalar>(inner: &Inner<S>, parts: &mut Vec<Part<S>>, formula: &'static str, hat: Vec<S>) {
    if inner.weights.is_empty() {
        return parts.push(inner.whole("normalised", formula));
    }
    parts.push(Part { name: "normalised", formula, shape: inner.inputs[0].shape.to_vec(), data: hat });
    parts.push(inner.whole("scale and shift", r"z = \gamma\,\hat x + \beta"));
}
