//! Running the network without training it: losses, metrics, and outputs for any features.

use super::{EVAL, Part, Report, SCRATCH};
use crate::engine::{Pass, Plan};
use crate::graph::Graph;
use crate::ops::{Mode, Precision, Role};
use crate::tensor::View;
use crate::train::Session;
use crate::train::metrics::{Metrics, Tally, threshold};

impl<S: Precision> Session<S> {
    /// Whether there is a test part of its own.
    pub fn has_test(&self) -> bool {
        self.data.as_ref().is_some_and(|d| !d.test.is_empty())
    }

    /// Loss and metrics of a part, without training. Before the first epoch this is the untrained network's.
    pub fn evaluate(&mut self, part: Part) -> Report {
        let Some(data) = self.data.clone() else {
            return Report { loss: self.sweep(part, |_, _| ()), metrics: Metrics::None };
        };
        let mut tally = Tally::new(&data, self.threshold);
        let loss = self.sweep(part, |rows, prediction| tally.add(rows, prediction));
        Report { loss, metrics: tally.finish() }
    }

    /// Runs all samples of a part forward and shows `see` the rows and predictions of each chunk. The mean loss.
    pub(super) fn sweep(&mut self, part: Part, mut see: impl FnMut(&[usize], View<S>)) -> f64 {
        let Some(data) = self.data.clone() else { return self.forward_rows(1).unwrap_or(f64::NAN) };
        let rows = match part {
            Part::Train => &data.train,
            Part::Test => &data.test,
        };
        let prediction = self.prediction;
        let mut sum = 0.0;
        let mut from = 0;
        self.forward_samples(rows, |plan, pass, n| {
            sum += pass.total_loss(plan).unwrap_or(f64::NAN) * n as f64;
            if let Some(view) = prediction.and_then(|id| pass.value(plan, id)) {
                see(&rows[from..from + n], view);
            }
            from += n;
        });
        sum / rows.len() as f64
    }

    /// Runs the forward part on samples of the data set, as when they are tested. Calls `read` after each of the
    /// batches with the number of its samples.
    pub(in crate::train) fn forward_samples(&mut self, rows: &[usize], mut read: impl FnMut(&Plan, &Pass<S>, usize)) {
        let Some(data) = self.data.clone() else { return };
        let (w, v) = (data.feature_width(), data.target_width());
        for chunk in rows.chunks(EVAL) {
            data.gather(chunk, &mut self.eval.0[..chunk.len() * w], &mut self.eval.1[..chunk.len() * v]);
            if self.forward_rows(chunk.len()).is_some()
                && let Some((plan, pass)) = self.scratch.last()
            {
                read(plan, pass, chunk.len());
            }
        }
    }

    /// Runs the forward part on the first `n` samples of the evaluation buffers. Returns the total loss.
    pub(in crate::train) fn forward_rows(&mut self, n: usize) -> Option<f64> {
        let entry = match self.scratch.iter().position(|(plan, _)| plan.batch() == n) {
            Some(at) => self.scratch.remove(at),
            None => {
                let plan = Plan::new(&self.graph, &self.inference, &self.weights, n).ok()?;
                let mut pass = Pass::new(&plan);
                pass.set_mode(Mode::Eval);
                if self.scratch.len() == SCRATCH {
                    self.scratch.remove(0);
                }
                (plan, pass)
            }
        };
        self.scratch.push(entry);
        let widths = self.data.as_ref().map_or((0, 0), |d| (d.feature_width(), d.target_width()));
        let (plan, pass) = self.scratch.last_mut()?;
        pass.run_forward(plan, &mut self.weights, &self.eval.0[..n * widths.0], &self.eval.1[..n * widths.1]);
        pass.total_loss(plan)
    }

    /// Runs the forward part on feature rows of any number, with targets of zero. Calls `read` with the result.
    pub(in crate::train) fn forward_features(&mut self, rows: usize, x: &[f64], read: impl FnOnce(&Plan, &Pass<S>)) {
        let widths = self.data.as_ref().map_or((0, 0), |d| (d.feature_width(), d.target_width()));
        self.eval.0.resize((rows * widths.0).max(EVAL * widths.0), S::zero());
        self.eval.1.resize((rows * widths.1).max(EVAL * widths.1), S::zero());
        for (to, from) in self.eval.0.iter_mut().zip(x) {
            *to = S::of(*from);
        }
        self.eval.1.fill(S::zero());
        if self.forward_rows(rows).is_some()
            && let Some((plan, pass)) = self.scratch.last()
        {
            read(plan, pass);
        }
    }
}

pub(super) fn loss_threshold<S: Precision>(graph: &Graph, plan: &Plan, negative: f64, positive: f64) -> f64 {
    let nodes = plan.loss_terms().iter().filter_map(|(id, _)| graph.node(*id));
    let loss = nodes.filter_map(|n| Some((n, n.kind()?))).find(|(_, k)| k.spec.role == Role::Loss);
    loss.map_or(0.5 * (negative + positive), |(n, k)| threshold::<S>(k, &n.filled(), negative, positive))
}
