//! How good a prediction is, by the kind of task.

use crate::data::{Dataset, Task};
use crate::engine::Plan;
use crate::graph::NodeId;
use crate::ops::{Forward, Kind, Mode, Params, Precision, Role};
use crate::tensor::{View, ViewMut};
use crate::train::ranking::{Ranking, Worth};

/// Figures beside the loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Metrics {
    /// Nothing to compare.
    #[default]
    None,
    /// Of a classification.
    Classes {
        /// Share of samples whose class is right.
        accuracy: f64,
        /// Top-k accuracy for k = 2 and k = 5, where there are more classes than k: k, and the share of samples whose
        /// class is among the k best answers.
        top: Vec<(usize, f64)>,
        /// Area under the ROC curve of each class against the rest; NaN for a class without samples or without others.
        auc: Vec<f64>,
        /// Samples by true class (rows) and predicted class (columns).
        confusion: Vec<Vec<u32>>,
        /// Names of the classes.
        names: Vec<String>,
    },
    /// Of a regression.
    Regression {
        /// Mean absolute error.
        mae: f64,
        /// Root of the mean squared error.
        rmse: f64,
        /// Mean of |y − ŷ| / |y|, with |y| at least 2⁻⁵² (scikit-learn's).
        mape: f64,
        /// Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
        r2: f64,
    },
}

impl Metrics {
    /// The one figure for the bar: name and value.
    pub fn headline(&self) -> Option<(&'static str, f64)> {
        match self {
            Metrics::None => None,
            Metrics::Classes { accuracy, .. } => Some(("accuracy", *accuracy)),
            Metrics::Regression { r2, .. } => Some(("R²", *r2)),
        }
    }
}

/// Collects predictions and targets, batch by batch.
pub(super) struct Tally<'a> {
    data: &'a Dataset,
    threshold: f64,
    confusion: Vec<Vec<u32>>,
    ranking: Ranking,
    answer: Vec<f64>,
    absolute: f64,
    squared: f64,
    relative: f64,
    target_sum: f64,
    target_squares: f64,
    count: f64,
}

impl<'a> Tally<'a> {
    pub fn new(data: &'a Dataset, threshold: f64) -> Self {
        let n = data.class_names.len();
        Tally {
            data,
            threshold,
            confusion: vec![vec![0; n]; n],
            ranking: Ranking::default(),
            answer: Vec::new(),
            absolute: 0.0,
            squared: 0.0,
            relative: 0.0,
            target_sum: 0.0,
            target_squares: 0.0,
            count: 0.0,
        }
    }

    /// Adds the predictions of the samples `rows`.
    pub fn add<S: Precision>(&mut self, rows: &[usize], prediction: View<S>) {
        let width = prediction.data.len() / rows.len().max(1);
        if width == 0 {
            return;
        }
        let target_width = self.data.target_width();
        for (row, p) in rows.iter().zip(prediction.data.chunks_exact(width)) {
            if matches!(self.data.task, Task::Regression) {
                let targets = &self.data.targets[row * target_width..(row + 1) * target_width];
                for (p, y) in p.iter().zip(targets) {
                    let e = p.to64() - y;
                    self.absolute += e.abs();
                    self.squared += e * e;
                    self.relative += e.abs() / y.abs().max(f64::EPSILON);
                    self.target_sum += y;
                    self.target_squares += y * y;
                    self.count += 1.0;
                }
                continue;
            }
            let said = if width == 1 {
                usize::from(p[0].to64() > self.threshold)
            } else {
                (0..width).fold(0, |best, k| if p[k] > p[best] { k } else { best })
            };
            let class = self.data.class_of(*row);
            if let Some(cell) = class.and_then(|t| self.confusion.get_mut(t)?.get_mut(said)) {
                *cell += 1;
            }
            if let Some(class) = class {
                self.answer.clear();
                self.answer.extend(p.iter().map(|x| x.to64()));
                self.ranking.add(class, &self.answer);
            }
        }
    }

    pub fn finish(self) -> Metrics {
        if matches!(self.data.task, Task::Regression) {
            if self.count == 0.0 {
                return Metrics::None;
            }
            let spread = self.target_squares - self.target_sum * self.target_sum / self.count;
            let r2 = if spread > 0.0 { 1.0 - self.squared / spread } else { f64::NAN };
            let mean = |sum: f64| sum / self.count;
            let (mae, rmse, mape) = (mean(self.absolute), mean(self.squared).sqrt(), mean(self.relative));
            return Metrics::Regression { mae, rmse, mape, r2 };
        }
        let total: u32 = self.confusion.iter().flatten().sum();
        let right: u32 = self.confusion.iter().enumerate().map(|(i, r)| r[i]).sum();
        if total == 0 {
            return Metrics::None;
        }
        let accuracy = f64::from(right) / f64::from(total);
        let Worth { top, auc } = self.ranking.finish(self.data.class_names.len());
        Metrics::Classes { accuracy, top, auc, confusion: self.confusion, names: self.data.class_names.clone() }
    }
}

/// The node whose output is the network's answer: what the first loss compares with the target. `None` if no loss sees
/// the target, as in an autoencoder: then there is nothing that the answer could be held against.
pub(super) fn prediction(plan: &Plan, graph: &crate::graph::Graph) -> Option<NodeId> {
    let role = |id: NodeId| graph.node(id).and_then(|n| n.spec()).map(|s| s.role);
    let sees_target = |id: NodeId| graph.ancestors(&[id]).into_iter().any(|a| role(a) == Some(Role::Target));
    let term = plan.loss_terms().iter().find(|(id, _)| role(*id) == Some(Role::Loss) && sees_target(*id))?;
    plan.input_of(term.0, 0)
}

/// The prediction at which a loss is the same for both classes: 0 for logits and for ±1, ½ for probabilities.
///
/// Found on the loss's own forward by bisection, so that it is right for every loss.
pub(super) fn threshold<S: Precision>(kind: &'static Kind, params: &Params, negative: f64, positive: f64) -> f64 {
    let loss = |p: f64, y: f64| {
        let (p, y, mut out) = ([S::of(p)], [S::of(y)], [S::zero()]);
        let inputs = [View { shape: &[1, 1], data: &p }, View { shape: &[1, 1], data: &y }];
        let output = ViewMut { shape: &[], data: &mut out };
        let mut ctx = Forward {
            params,
            inputs: &inputs,
            weights: &[],
            output,
            saved: &mut [],
            mode: Mode::Eval,
            seed: 0,
            buffers: &mut [],
        };
        S::forward(kind, &mut ctx);
        out[0].to64()
    };
    let gap = |p: f64| loss(p, positive) - loss(p, negative);
    // Probabilities live between the codes; logits do not, so both places are tried.
    let middle = 0.5 * (negative + positive);
    let (mut lo, mut hi) = if gap(middle).abs() < 1e-6 { (middle, middle) } else { (-8.0, 8.0) };
    if !(gap(lo) >= 0.0 && gap(hi) <= 0.0) {
        return middle;
    }
    for _ in 0..60 {
        let p = 0.5 * (lo + hi);
        if gap(p) > 0.0 { lo = p } else { hi = p }
    }
    0.5 * (lo + hi)
}
