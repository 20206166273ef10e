//! A run in the file: what it needs to go on with the same bits, apart from its weights.
//!
//! Columns of numbers are written as weights are: short ones readable, long ones as base64 where that loses nothing.

use crate::graph::NodeId;
use crate::project::dto::Numbers;
use crate::train::{Best, Memory, Pace, Point, RunState};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename = "Run", deny_unknown_fields)]
pub struct RunV1 {
    /// Node, name and elements of each weight.
    layout: Vec<(u64, String, usize)>,
    seed: u64,
    batch_size: usize,
    samples: usize,
    epoch: usize,
    batch: usize,
    step: u64,
    #[serde(default)]
    cursor: usize,
    /// The sum of the losses of the epoch so far, and of how many samples.
    loss_sum: (f64, f64),
    optimizer: MemoryV1,
    /// Rate, best loss, bad epochs, epochs of cooldown.
    schedule: (f64, f64, i64, i64),
    best: BestV1,
    #[serde(default)]
    history: HistoryV1,
    #[serde(default)]
    gradients: GradientsV1,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Memory", deny_unknown_fields)]
struct MemoryV1 {
    kind: String,
    step: u64,
    #[serde(default = "one")]
    product: f64,
    #[serde(default)]
    waiting: usize,
    #[serde(default)]
    gathered: Option<Numbers>,
    #[serde(default)]
    buffers: Vec<Numbers>,
    #[serde(default)]
    numbers: Vec<f64>,
}

fn one() -> f64 {
    1.0
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Best", deny_unknown_fields)]
struct BestV1 {
    loss: f64,
    epoch: usize,
    reference: f64,
    bad: usize,
    weights: Option<Numbers>,
}

/// The loss curve by columns.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "History", deny_unknown_fields)]
struct HistoryV1 {
    epochs: Vec<f64>,
    steps: Vec<u64>,
    train: Vec<f64>,
    /// Empty without a test part.
    test: Vec<f64>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "Gradients", deny_unknown_fields)]
struct GradientsV1 {
    steps: Vec<u64>,
    norms: Vec<Numbers>,
    ratios: Vec<Numbers>,
}

impl From<&RunState> for RunV1 {
    fn from(s: &RunState) -> Self {
        let some = |data: &[f64]| (!data.is_empty()).then(|| Numbers::of(data));
        let all = |columns: &[Vec<f64>]| columns.iter().map(|c| Numbers::of(c)).collect();
        let (m, b, p) = (&s.memory, &s.best, &s.pace);
        RunV1 {
            layout: s.layout.iter().map(|(id, name, n)| (id.0, name.clone(), *n)).collect(),
            seed: s.seed,
            batch_size: s.batch_size,
            samples: s.samples,
            epoch: s.epoch,
            batch: s.batch,
            step: s.step,
            cursor: s.cursor,
            loss_sum: s.sum,
            optimizer: MemoryV1 {
                kind: m.kind.clone(),
                step: m.step,
                product: m.product,
                waiting: m.waiting,
                gathered: some(&m.gathered),
                buffers: all(&m.buffers),
                numbers: m.numbers.clone(),
            },
            schedule: (p.rate, p.best, p.bad, p.cooldown),
            best: BestV1 {
                loss: b.loss,
                epoch: b.epoch,
                reference: b.reference,
                bad: b.bad,
                weights: some(&b.weights),
            },
            history: HistoryV1 {
                epochs: s.history.iter().map(|p| p.epoch).collect(),
                steps: s.history.iter().map(|p| p.step).collect(),
                train: s.history.iter().map(|p| p.train).collect(),
                test: s.history.iter().filter_map(|p| p.test).collect(),
            },
            gradients: GradientsV1 { steps: s.steps.clone(), norms: all(&s.norms), ratios: all(&s.ratios) },
        }
    }
}

impl RunV1 {
    /// The run; an error says what is broken.
    pub fn into_state(self) -> Result<RunState, String> {
        let all = |columns: Vec<Numbers>| columns.iter().map(Numbers::read).collect::<Result<Vec<_>, _>>();
        let some = |column: Option<Numbers>| column.map_or(Ok(Vec::new()), |c| c.read());
        let (m, b, h) = (self.optimizer, self.best, self.history);
        let n = h.epochs.len();
        if h.steps.len() != n || h.train.len() != n || !h.test.is_empty() && h.test.len() != n {
            return Err("its loss curve has columns of different lengths".into());
        }
        let point =
            |k: usize| Point { epoch: h.epochs[k], step: h.steps[k], train: h.train[k], test: h.test.get(k).copied() };
        Ok(RunState {
            layout: self.layout.into_iter().map(|(id, name, n)| (NodeId(id), name, n)).collect(),
            seed: self.seed,
            batch_size: self.batch_size,
            samples: self.samples,
            epoch: self.epoch,
            batch: self.batch,
            step: self.step,
            cursor: self.cursor,
            sum: self.loss_sum,
            memory: Memory {
                kind: m.kind,
                step: m.step,
                product: m.product,
                waiting: m.waiting,
                gathered: some(m.gathered)?,
                buffers: all(m.buffers)?,
                numbers: m.numbers,
            },
            pace: Pace {
                rate: self.schedule.0,
                best: self.schedule.1,
                bad: self.schedule.2,
                cooldown: self.schedule.3,
            },
            best: Best { loss: b.loss, epoch: b.epoch, reference: b.reference, bad: b.bad, weights: some(b.weights)? },
            history: (0..n).map(point).collect(),
            steps: self.gradients.steps,
            norms: all(self.gradients.norms)?,
            ratios: all(self.gradients.ratios)?,
        })
    }
}
