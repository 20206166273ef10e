//! Running the network without training it: losses, metrics, and outputs for any features.

use super::{Part, Report, SCRATCH};
use crate::data::Dataset;
use crate::engine::{Keep, Pass, Plan};
use crate::graph::{Graph, Inference, NodeId};
use crate::ops::{Mode, Precision, Role};
use crate::tensor::View;
use crate::tensor::kernels::heed::heeding;
use crate::train::Session;
use crate::train::metrics::{Metrics, Tally, threshold};

/// Most samples evaluated at once.
const EVAL: usize = 256;
/// Multiplications and additions of one node that may pass before a raised flag is looked at: tens of milliseconds.
const CHUNK_FLOPS: u64 = 1 << 31;

/// Numbers of all outputs that may be there at once.
const CHUNK_NUMBERS: usize = 1 << 27;

/// Samples evaluated at once, so that no node works for long on them, nor all together take much memory.
pub(super) fn evaluation_rows(inference: &Inference) -> usize {
    let most = inference.nodes.values().map(|n| n.flops).max().unwrap_or(0);
    let outputs = inference.nodes.values().map(|n| n.output.per_sample()).fold(1, usize::saturating_add);
    let rows = (CHUNK_FLOPS / most.max(1)).clamp(8, EVAL as u64) as usize;
    rows.min((CHUNK_NUMBERS / outputs).max(1))
}

/// What of an evaluation stays in a session that keeps `keep` of its batches.
pub(super) fn keep_evaluated(keep: Keep, prediction: Option<NodeId>) -> Keep {
    if keep == Keep::All { Keep::Outputs } else { Keep::Output(prediction) }
}

/// A plan with a pass for evaluation.
pub(super) fn evaluating<S: Precision>(plan: Plan) -> (Plan, Pass<S>) {
    let mut pass = Pass::new(&plan);
    pass.set_mode(Mode::Eval);
    (plan, pass)
}

/// The samples of a part.
fn rows(data: &Dataset, part: Part) -> &[usize] {
    match part {
        Part::Train => &data.train,
        Part::Test => &data.test,
    }
}

/// How far an evaluation has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep {
    /// Samples done.
    done: usize,
    /// The sum of their losses.
    sum: f64,
}

impl Sweep {
    /// The mean loss.
    pub fn mean(&self) -> f64 {
        self.sum / self.done as f64
    }
}

impl<S: Precision> Session<S> {
    /// Whether there is a test part of its own.
    pub fn has_test(&self) -> bool {
        self.data.as_ref().is_some_and(|d| !d.test.is_empty())
    }

    /// Samples evaluated at once, and the numbers in memory for it, with the samples of batches and evaluation.
    pub(in crate::train) fn evaluation_numbers(&self) -> (usize, usize) {
        let most = self.scratch.iter().max_by_key(|(plan, _)| plan.bytes(1));
        let (rows, numbers) = most.map_or((0, 0), |(plan, _)| (plan.batch(), plan.bytes(1)));
        (rows, numbers + self.x.len() + self.y.len() + self.eval.0.len() + self.eval.1.len())
    }

    /// Loss and metrics of a part, without training. Before the first epoch this is the untrained network's.
    pub fn evaluate(&mut self, part: Part) -> Report {
        let report = self.undisturbed(|s| s.try_evaluate(part));
        report.unwrap_or(Report { loss: f64::NAN, metrics: Metrics::None })
    }

    /// As [`Session::evaluate`]; `None` if it was interrupted.
    pub(in crate::train) fn try_evaluate(&mut self, part: Part) -> Option<Report> {
        let mut sweep = Sweep::default();
        let Some(data) = self.data.clone() else {
            return self
                .sweep(part, &mut sweep, |_, _| ())
                .then(|| Report { loss: sweep.mean(), metrics: Metrics::None });
        };
        let mut tally = Tally::new(&data, self.threshold);
        let whole = self.sweep(part, &mut sweep, |rows, prediction| tally.add(rows, prediction));
        whole.then(|| Report { loss: sweep.mean(), metrics: tally.finish() })
    }

    /// Runs the samples of a part that are still to come forward and shows `see` the rows and predictions of each
    /// chunk. Whether it came to the end; else it goes on from there when it is called again.
    pub(super) fn sweep(&mut self, part: Part, sweep: &mut Sweep, mut see: impl FnMut(&[usize], View<S>)) -> bool {
        let Some(data) = self.data.clone() else {
            let loss = self.forward_rows(1);
            *sweep = Sweep { done: 1, sum: loss.unwrap_or(f64::NAN) };
            return loss.is_some() || !self.halt.raised();
        };
        let rows = rows(&data, part);
        let mut chunks = rows[sweep.done.min(rows.len())..].chunks(self.eval_rows);
        chunks.all(|chunk| self.sweep_chunk(&data, chunk, sweep, &mut see))
    }

    fn sweep_chunk(
        &mut self,
        data: &Dataset,
        chunk: &[usize],
        sweep: &mut Sweep,
        see: &mut impl FnMut(&[usize], View<S>),
    ) -> bool {
        let (w, v) = (data.feature_width(), data.target_width());
        data.gather(chunk, &mut self.eval.0[..chunk.len() * w], &mut self.eval.1[..chunk.len() * v]);
        let loss = self.forward_rows(chunk.len());
        if loss.is_none() && self.halt.raised() {
            return false;
        }
        sweep.done += chunk.len();
        sweep.sum += loss.unwrap_or(0.0) * chunk.len() as f64;
        if let Some(id) = self.prediction
            && let Some((plan, pass)) = self.scratch.last()
            && let Some(view) = pass.value(plan, id)
        {
            see(chunk, view);
        }
        true
    }

    /// As [`Session::evaluate`], but only while `go`, which is asked before each chunk of samples; `None` if it did not
    /// come to the end.
    pub fn evaluate_while(&mut self, part: Part, mut go: impl FnMut() -> bool) -> Option<Report> {
        let Some(data) = self.data.clone() else { return go().then(|| self.evaluate(part)) };
        let (mut sweep, mut tally) = (Sweep::default(), Tally::new(&data, self.threshold));
        let mut chunks = rows(&data, part).chunks(self.eval_rows);
        let whole = chunks.all(|chunk| {
            go() && self.sweep_chunk(&data, chunk, &mut sweep, &mut |rows, prediction| tally.add(rows, prediction))
        });
        whole.then(|| Report { loss: sweep.mean(), metrics: tally.finish() })
    }

    /// Runs the forward part on samples of the data set, as when they are tested. Calls `read` after each of the
    /// batches with the number of its samples. Whether it came to the end.
    pub(in crate::train) fn forward_samples(
        &mut self,
        rows: &[usize],
        mut read: impl FnMut(&Plan, &Pass<S>, usize),
    ) -> bool {
        let Some(data) = self.data.clone() else { return true };
        let (w, v) = (data.feature_width(), data.target_width());
        for chunk in rows.chunks(self.eval_rows) {
            data.gather(chunk, &mut self.eval.0[..chunk.len() * w], &mut self.eval.1[..chunk.len() * v]);
            if self.forward_rows(chunk.len()).is_none() {
                return false;
            }
            if let Some((plan, pass)) = self.scratch.last() {
                read(plan, pass, chunk.len());
            }
        }
        true
    }

    /// Runs the forward part on the first `n` samples of the evaluation buffers. Returns the total loss; `None` if it
    /// was interrupted.
    pub(in crate::train) fn forward_rows(&mut self, n: usize) -> Option<f64> {
        let mut entry = match self.scratch.iter().position(|(plan, _)| plan.batch() == n) {
            Some(at) => self.scratch.remove(at),
            None => {
                let keep = keep_evaluated(self.keep, self.prediction);
                let plan = Plan::keeping(&self.graph, &self.inference, &self.weights, n, keep).ok()?;
                if self.scratch.len() == SCRATCH {
                    self.scratch.remove(0);
                }
                evaluating(plan)
            }
        };
        if let Some((_, latest)) = self.scratch.last_mut() {
            entry.1.take_memory(latest);
        }
        self.scratch.push(entry);
        let widths = self.data.as_ref().map_or((0, 0), |d| (d.feature_width(), d.target_width()));
        let (plan, pass) = self.scratch.last_mut()?;
        let (x, y) = (&self.eval.0[..n * widths.0], &self.eval.1[..n * widths.1]);
        let halt = &self.halt;
        let whole = heeding(halt.flag(), || pass.run_forward_while(plan, &mut self.weights, x, y, || !halt.over()));
        whole.then(|| pass.total_loss(plan)).flatten()
    }

    /// Runs the forward part on feature rows of any number, with targets of zero. Calls `read` with the results of each
    /// chunk of rows, the first of which is the number given. Whether it came to the end.
    pub(in crate::train) fn forward_features(
        &mut self,
        rows: usize,
        x: &[f64],
        mut read: impl FnMut(usize, &Plan, &Pass<S>),
    ) -> bool {
        let width = self.data.as_ref().map_or(0, |d| d.feature_width());
        for first in (0..rows).step_by(self.eval_rows) {
            let n = self.eval_rows.min(rows - first);
            for (to, from) in self.eval.0.iter_mut().zip(&x[first * width..(first + n) * width]) {
                *to = S::of(*from);
            }
            self.eval.1.fill(S::zero());
            match self.forward_rows(n) {
                None => return false,
                Some(_) => {
                    if let Some((plan, pass)) = self.scratch.last() {
                        read(first, plan, pass);
                    }
                }
            }
        }
        true
    }
}

pub(super) fn loss_threshold<S: Precision>(graph: &Graph, plan: &Plan, negative: f64, positive: f64) -> f64 {
    let nodes = plan.loss_terms().iter().filter_map(|(id, _)| graph.node(*id));
    let loss = nodes.filter_map(|n| Some((n, n.kind()?))).find(|(_, k)| k.spec.role == Role::Loss);
    loss.map_or(0.5 * (negative + positive), |(n, k)| threshold::<S>(k, &n.filled(), negative, positive))
}
