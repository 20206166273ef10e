//! A copy of what one batch is computed from, to be examined apart from the run.

use crate::data::Dataset;
use crate::engine::{Pass, Plan, PlanError, Weights};
use crate::graph::{Graph, Inference};
use crate::ops::Precision;
use crate::tensor::{Lined, mix};
use crate::train::Session;
use aligned_vec::avec;
use std::sync::Arc;

/// The numbers of one batch in double precision.
#[derive(Clone, Debug)]
pub(in crate::train) struct Probe {
    graph: Arc<Graph>,
    inference: Arc<Inference>,
    weights: Weights<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    rows: usize,
    draw: u64,
}

/// The probe laid out and run.
pub(in crate::train) struct Probed {
    pub plan: Plan,
    pub pass: Pass<f64>,
    pub weights: Weights<f64>,
}

impl Probe {
    /// Runs it forward, and backward if `gradients` are wanted.
    ///
    /// # Errors
    /// If there is no plan for this batch.
    pub fn run(self, gradients: bool) -> Result<Probed, PlanError> {
        let mut weights = self.weights;
        let plan = Plan::new(&self.graph, &self.inference, &weights, self.rows)?;
        let mut pass = Pass::new(&plan);
        pass.set_draw(self.draw);
        if gradients {
            pass.run_gradients(&plan, &mut weights, &self.x, &self.y);
        } else {
            pass.run_forward(&plan, &mut weights, &self.x, &self.y);
        }
        Ok(Probed { plan, pass, weights })
    }
}

impl<S: Precision> Session<S> {
    /// The present weights with at most `most` samples of the present batch; of the latest one between two batches, or
    /// of the next one if none was run.
    pub(in crate::train) fn probe(&self, most: usize) -> Probe {
        let ran = self.begun || self.cursor() > 0;
        let draw = mix(self.config.seed, if self.begun || !ran { self.step } else { self.step.saturating_sub(1) });
        let wide = |data: &[S]| data.iter().map(|v| v.to64()).collect::<Vec<f64>>();
        let (rows, x, y) = match &self.data {
            None => (1, Vec::new(), Vec::new()),
            Some(d) if ran => {
                let rows = self.current().0.batch().min(most);
                let width = |d: &Dataset| (rows * d.feature_width(), rows * d.target_width());
                let (w, v) = width(d);
                (rows, wide(&self.x[..w]), wide(&self.y[..v]))
            }
            Some(d) => {
                let rows = self.order.batch(self.batch, self.plan.batch());
                let rows = &rows[..rows.len().min(most)];
                let mut x = vec![0.0; rows.len() * d.feature_width()];
                let mut y = vec![0.0; rows.len() * d.target_width()];
                d.gather_training(rows, self.epoch as u64, &mut x, &mut y);
                (rows.len(), x, y)
            }
        };
        let weights = Weights {
            infos: Arc::clone(&self.weights.infos),
            values: Lined::from_slice(0, &wide(&self.weights.values)),
            grads: avec![0.0; self.weights.grads.len()],
        };
        Probe { graph: Arc::clone(&self.graph), inference: Arc::clone(&self.inference), weights, x, y, rows, draw }
    }
}
