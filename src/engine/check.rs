//! The gradient check: backpropagation against central differences in double precision.

use crate::engine::{Pass, Phase, Plan, PlanError, Weights};
use crate::graph::{Graph, Inference, NodeId};
use crate::ops::Role;
use crate::tensor::stream;
use rand::RngExt as _;

/// Why gradients were not compared.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The loss is no finite number, so it has no slopes.
    #[error("the loss is {loss}, so gradients cannot be judged")]
    NotFinite {
        /// The loss.
        loss: f64,
        /// Where the first NaN or infinity was born, and in which kind of instruction.
        birth: Option<(NodeId, Phase)>,
    },
}

/// The result for one weight or input.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// `hidden 1.weight`, or `x` for an input.
    pub label: String,
    /// Largest relative error |a − n| / max(|a| + |n|, 1e-6). At a kink, that of the distance from `a` to the
    /// slopes between the one-sided ones.
    pub worst: f64,
    /// The relative error that may hide in the rounding of the slopes, at most of all elements.
    pub noise: f64,
    /// Flat index of the element with the largest error.
    pub at: usize,
    /// Elements looked at.
    pub checked: usize,
    /// Elements that there are.
    pub of: usize,
    /// Elements where the loss bends: the one-sided slopes disagree however small the step.
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

/// Elements checked of each tensor at most, spread evenly.
pub const SAMPLES: usize = 24;

/// Checks every weight, and the data input if the graph has one, on the batch `x`, `y`.
///
/// Where many bends lie on one spot, as equal numbers under a maximum do, the gradient need not lie between the
/// one-sided slopes, since some bends go up and some down. What fails at such a spot is checked again beside it.
///
/// # Errors
/// If the graph cannot run, or its loss is not finite.
pub fn gradient_check(
    graph: &Graph,
    inference: &Inference,
    weights: &Weights<f64>,
    x: &[f64],
    y: &[f64],
    batch: usize,
) -> Result<Vec<Checked>, CheckError> {
    let plan = Plan::new(graph, inference, weights, batch)?;
    let mut pass = Pass::new(&plan);
    pass.run_forward(&plan, &mut weights.clone(), x, y);
    if let Some(loss) = pass.total_loss(&plan).filter(|l| !l.is_finite()) {
        return Err(CheckError::NotFinite { loss, birth: pass.bad().map(|b| (b.node, b.phase)) });
    }
    drop(pass);
    let here = check_at(graph, &plan, weights, x, y);
    if !here.iter().any(|c| c.kinks > 0 && !c.passed()) {
        return Ok(here);
    }
    let mut rng = stream(0, 0);
    let mut nudge = |v: &mut f64| *v += NUDGE * v.abs().max(1.0) * rng.random_range(-1.0..1.0);
    let (mut x, mut weights) = (x.to_vec(), weights.clone());
    x.iter_mut().for_each(&mut nudge);
    for info in plan.infos.iter().filter(|i| i.trained()) {
        weights.values[info.range.clone()].iter_mut().for_each(&mut nudge);
    }
    let beside = check_at(graph, &plan, &weights, &x, y);
    let judge = |(here, beside): (Checked, Checked)| match here.kinks > 0 && !here.passed() {
        true => Checked { kinks: here.kinks, ..beside },
        false => here,
    };
    Ok(here.into_iter().zip(beside).map(judge).collect())
}

/// How far beside a spot with many bends the gradient is checked, times max(1, |x|).
const NUDGE: f64 = 1e-3;

fn check_at(graph: &Graph, plan: &Plan, weights: &Weights<f64>, x: &[f64], y: &[f64]) -> Vec<Checked> {
    let mut weights = weights.clone();
    let mut pass = Pass::new(plan);
    pass.run_gradients(plan, &mut weights, x, y);
    let grads = weights.grads.clone();
    let mut out = Vec::new();
    let mut probe = Pass::new(plan);
    for info in plan.infos.iter().filter(|i| i.trained()) {
        let analytic = |i: usize| grads[info.range.start + i];
        let start = weights.values[info.range.clone()].to_vec();
        let mut loss = |i: usize, by: f64| {
            let old = weights.values[info.range.start + i];
            weights.values[info.range.start + i] = old + by;
            probe.run_forward(plan, &mut weights, x, y);
            weights.values[info.range.start + i] = old;
            probe.total_loss(plan).unwrap_or(f64::NAN)
        };
        out.push(check(info.label.clone(), &start, analytic, &mut loss));
    }
    // Where a loss compares with the input itself, a change of the input moves the goal as well, which is no gradient.
    let is_goal = |id| {
        let into =
            |n: &crate::graph::Node| graph.inputs(n.id).iter().copied().map(|w| (w, n.spec())).collect::<Vec<_>>();
        let blind = graph.nodes().flat_map(into).filter(|(w, s)| s.is_some_and(|s| s.no_grad.contains(&w.input)));
        blind.into_iter().any(|(w, _)| graph.ancestors(&[w.from]).contains(&id))
    };
    let features = graph.nodes().find(|n| n.spec().is_some_and(|s| s.role == Role::Features));
    if let Some(node) = features.filter(|n| !is_goal(n.id))
        && let Some(grad) = pass.grad(plan, node.id)
    {
        let (start, mut x) = (x, x.to_vec());
        let mut loss = |i: usize, by: f64| {
            let old = x[i];
            x[i] = old + by;
            probe.run_forward(plan, &mut weights, &x, y);
            x[i] = old;
            probe.total_loss(plan).unwrap_or(f64::NAN)
        };
        out.push(check(node.name.clone(), start, |i| grad.data[i], &mut loss));
    }
    out
}

/// Steps of the differences, times max(1, |x|); a smaller one is taken where the loss bends within a larger one.
const STEPS: [f64; 3] = [1e-5, 1e-6, 1e-7];

/// The slopes of the loss to both sides of one element.
struct Slopes {
    left: f64,
    right: f64,
    /// What rounding of the loss may add to a slope.
    noise: f64,
}

impl Slopes {
    fn at(step: f64, here: f64, loss: &mut dyn FnMut(f64) -> f64) -> Self {
        let (right, left) = ((loss(step) - here) / step, (here - loss(-step)) / step);
        Slopes { left, right, noise: 4.0 * f64::EPSILON * here.abs().max(1.0) / step }
    }
    fn gap(&self) -> f64 {
        (self.right - self.left).abs()
    }
    fn central(&self) -> f64 {
        0.5 * (self.left + self.right)
    }
    fn is_number(&self) -> bool {
        self.left.is_finite() && self.right.is_finite()
    }
}

/// Relative error of `a` at one element, and whether the loss bends there.
pub(super) fn compare(a: f64, x: f64, loss: &mut dyn FnMut(f64) -> f64) -> (f64, bool) {
    let (error, kink, _) = judge(a, x, loss);
    (error, kink)
}

/// As [`compare`]; where the error is less than rounding, 0 and how much that is.
fn judge(a: f64, x: f64, loss: &mut dyn FnMut(f64) -> f64) -> (f64, bool, f64) {
    let here = loss(0.0);
    let (mut last, mut smooth) = (None, f64::INFINITY);
    for step in STEPS.map(|s| s * x.abs().max(1.0)) {
        let slopes = Slopes::at(step, here, loss);
        if !a.is_finite() || !slopes.is_number() {
            return (f64::INFINITY, false, 0.0);
        }
        let (gap, scale) = (slopes.gap(), (a.abs() + slopes.central().abs()).max(1e-6));
        // A smooth loss has a gap in proportion to the step; one that bends at a distance does not.
        let mut shrinks = |part: f64| {
            let smaller = Slopes::at(step * part, here, loss);
            (smaller.gap() - part * gap).abs() <= 0.1 * part * gap + 2.0 * smaller.noise
        };
        if gap <= 1e-3 * scale + 2.0 * slopes.noise || (shrinks(0.5) && shrinks(0.25)) {
            let off = (a - slopes.central()).abs();
            let error = if off <= slopes.noise { 0.0 } else { off / scale };
            if error <= Checked::TOLERANCE {
                // Where both are exactly 0, as behind an inactive unit, nothing hides.
                let hidden = error == 0.0 && (a != 0.0 || off > 0.0);
                return (error, false, if hidden { slopes.noise / scale } else { 0.0 });
            }
            // A bend too small to be seen in the slopes is left behind by a smaller step.
            smooth = smooth.min(error);
            continue;
        }
        last = Some(slopes);
    }
    if smooth.is_finite() {
        return (smooth, false, 0.0);
    }
    // At a bend every slope between the one-sided ones is a subgradient.
    let Some(s) = last else { return (0.0, false, 0.0) };
    let off = (s.left.min(s.right) - a).max(a - s.left.max(s.right)).max(0.0);
    let scale = (a.abs() + s.left.abs().max(s.right.abs())).max(1e-6);
    if off <= 4.0 * s.noise { (0.0, true, 4.0 * s.noise / scale) } else { (off / scale, true, 0.0) }
}

fn check(
    label: String,
    start: &[f64],
    analytic: impl Fn(usize) -> f64,
    loss: &mut dyn FnMut(usize, f64) -> f64,
) -> Checked {
    let mut out = Checked { label, worst: 0.0, noise: 0.0, at: 0, checked: 0, of: start.len(), kinks: 0 };
    let every = start.len().div_ceil(SAMPLES).max(1);
    for i in (0..start.len()).step_by(every) {
        let (error, kink, noise) = judge(analytic(i), start[i], &mut |by| loss(i, by));
        out.noise = out.noise.max(noise);
        out.checked += 1;
        out.kinks += usize::from(kink);
        if error > out.worst {
            (out.worst, out.at) = (error, i);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(f: fn(f64) -> f64, x: f64, analytic: f64) -> Checked {
        check("x".into(), &[x], |_| analytic, &mut |_, by| f(x + by))
    }

    #[test]
    fn a_subgradient_is_right_at_a_kink_and_others_are_not() {
        for (slope, right) in [(-1.0, true), (0.0, true), (1.0, true), (1.1, false), (-3.0, false)] {
            let c = of(f64::abs, 0.0, slope);
            assert_eq!((c.kinks, c.passed()), (1, right), "slope {slope}: {c:?}");
        }
    }

    #[test]
    fn a_kink_nearby_calls_for_a_smaller_step() {
        for x in [9e-6, 5e-6, 3e-6, 1e-6, 4e-7] {
            assert!(of(f64::abs, x, 1.0).passed(), "at {x}");
            assert!(!of(f64::abs, x, 0.9).passed(), "at {x}");
            assert_eq!(of(f64::abs, x, 1.0).kinks, 0, "at {x}");
        }
    }

    #[test]
    fn smooth_losses_are_told_from_wrong_gradients() {
        assert!(of(|x| x * x, 1e-9, 2e-9).passed());
        assert!(of(|x| x * x, 1e4, 2e4).passed());
        assert!(of(|x| (300.0 * x).sin(), 0.1, 300.0 * 30.0_f64.cos()).passed());
        assert!(!of(|x| x * x, 1.0, 2.001).passed());
        assert!(!of(|x| x * x, 1.0, f64::NAN).passed());
        assert!(!of(f64::ln, 0.0, 0.0).passed());
    }
}
