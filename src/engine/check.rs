//! The gradient check: backpropagation against central differences in double precision.

use crate::engine::{Pass, Plan, PlanError, Weights};
use crate::graph::{Graph, Inference};
use crate::ops::Role;

/// The result for one weight or input.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// `hidden 1.weight`, or `x` for an input.
    pub label: String,
    /// Largest relative error |a − n| / max(|a| + |n|, 1e-6) of the elements that are not kinks.
    pub worst: f64,
    /// Flat index of that element.
    pub at: usize,
    /// Elements looked at.
    pub checked: usize,
    /// Elements left out because the loss bends there: the one-sided slopes disagree.
    pub kinks: usize,
}

impl Checked {
    /// The relative error up to which a gradient is called right.
    pub const TOLERANCE: f64 = 1e-5;

    /// Whether the gradient is right.
    pub fn passed(&self) -> bool {
        self.worst <= Self::TOLERANCE
    }
}

/// Elements checked of each tensor, spread evenly.
const SAMPLES: usize = 24;

/// Checks every weight, and the data input if the graph has one, on the batch `x`, `y`.
///
/// # Errors
/// If the graph cannot run.
pub fn gradient_check(
    graph: &Graph,
    inference: &Inference,
    weights: &Weights<f64>,
    x: &[f64],
    y: &[f64],
    batch: usize,
) -> Result<Vec<Checked>, PlanError> {
    let plan = Plan::new(graph, inference, weights, batch)?;
    let mut weights = weights.clone();
    let mut pass = Pass::new(&plan);
    pass.run_gradients(&plan, &mut weights, x, y);
    let grads = weights.grads.clone();
    let mut out = Vec::new();
    let mut probe = Pass::new(&plan);
    for info in plan.infos.iter() {
        let analytic = |i: usize| grads[info.range.start + i];
        let mut loss = |i: usize, by: f64| {
            let old = weights.values[info.range.start + i];
            weights.values[info.range.start + i] = old + by;
            probe.run_forward(&plan, &mut weights, x, y);
            weights.values[info.range.start + i] = old;
            probe.total_loss(&plan).unwrap_or(f64::NAN)
        };
        out.push(check(info.label.clone(), info.range.len(), analytic, &mut loss));
    }
    let features = graph.nodes().find(|n| n.spec().is_some_and(|s| s.role == Role::Features));
    if let Some(node) = features
        && let Some(grad) = pass.grad(&plan, node.id)
    {
        let mut x = x.to_vec();
        let mut loss = |i: usize, by: f64| {
            let old = x[i];
            x[i] = old + by;
            probe.run_forward(&plan, &mut weights, &x, y);
            x[i] = old;
            probe.total_loss(&plan).unwrap_or(f64::NAN)
        };
        out.push(check(node.name.clone(), grad.data.len(), |i| grad.data[i], &mut loss));
    }
    Ok(out)
}

fn check(
    label: String,
    len: usize,
    analytic: impl Fn(usize) -> f64,
    loss: &mut dyn FnMut(usize, f64) -> f64,
) -> Checked {
    const STEP: f64 = 1e-5;
    let mut out = Checked { label, worst: 0.0, at: 0, checked: 0, kinks: 0 };
    let every = len.div_ceil(SAMPLES).max(1);
    for i in (0..len).step_by(every) {
        let (a, here) = (analytic(i), loss(i, 0.0));
        let (up, down) = (loss(i, STEP), loss(i, -STEP));
        let (right, left, central) = ((up - here) / STEP, (here - down) / STEP, (up - down) / (2.0 * STEP));
        out.checked += 1;
        // A smooth function's one-sided slopes differ by about its curvature times the step.
        let (half_right, half_left) =
            ((loss(i, STEP / 2.0) - here) * 2.0 / STEP, (here - loss(i, -STEP / 2.0)) * 2.0 / STEP);
        let (gap, half_gap) = ((right - left).abs(), (half_right - half_left).abs());
        let scale = (a.abs() + central.abs()).max(1e-6);
        if gap / scale > 1e-3 && half_gap > 0.75 * gap {
            out.kinks += 1;
            continue;
        }
        let error = (a - central).abs() / scale;
        // Below the rounding noise of the loss itself a difference says nothing.
        let noise = 4.0 * f64::EPSILON * here.abs().max(1.0) / STEP;
        let error = if (a - central).abs() <= noise { 0.0 } else { error };
        if error.is_nan() || error > out.worst {
            (out.worst, out.at) = (if error.is_nan() { f64::INFINITY } else { error }, i);
        }
    }
    out
}
