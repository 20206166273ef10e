//! The paths from the losses to a parameter or value that bring most, found in one sweep: every node keeps its best few.

use super::{MOST, Subject};
use crate::engine::explain::Scene;
use crate::engine::plan::Source;
use crate::ops::Precision;
use crate::tensor::norm;

/// A path: steps from the loss on, each with the pin by which it is left; `None` for the parameter that it owns.
pub(super) struct Found {
    /// The step where it begins.
    pub loss: usize,
    pub steps: Vec<(usize, Option<usize>)>,
}

/// What is known of the way from a loss to a node. The order is: fewer walls, then more that comes through.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Factors that are zero, and places where no gradient passes.
    walls: u32,
    /// Sum of the logarithms of the others.
    log: f64,
    /// The step before, its pin, and which of its ways; `None` at a loss.
    from: Option<(usize, usize, usize)>,
}

/// Ways to one node, the best first.
#[derive(Clone, Debug, Default)]
struct Ways {
    best: Vec<Way>,
    /// How many there are in all.
    count: f64,
}

impl Ways {
    fn add(&mut self, way: Way) {
        let worse = |w: &Way| (w.walls, -w.log) > (way.walls, -way.log);
        let at = self.best.iter().position(worse).unwrap_or(self.best.len());
        if at < MOST {
            self.best.insert(at, way);
            self.best.truncate(MOST);
        }
    }
}

/// The best paths to one parameter or value.
pub(super) struct Search {
    pub found: Vec<Found>,
    /// How many paths there are; in `f64`, as skip connections multiply them.
    pub count: f64,
}

impl Search {
    pub fn new<S: Precision>(scene: &Scene<S>, subject: Subject) -> Self {
        let (plan, pass) = (scene.plan, scene.pass);
        let steps = &plan.steps;
        let grad = |at: usize| pass.grad(plan, steps[at].id).map(|v| norm(v.data));
        let grads: Vec<Option<f64>> = (0..steps.len()).map(grad).collect();
        // A factor as (walls, logarithm): what is not known stands for 1.
        let factor = |at: usize, out: Option<f64>| match (grads[at], out) {
            (_, None) => (1, 0.0),
            (Some(a), Some(l)) if a > 0.0 && l > 0.0 => (0, (l / a).ln()),
            (Some(a), Some(0.0)) if a > 0.0 => (1, 0.0),
            _ => (0, 0.0),
        };
        let mut ways: Vec<Ways> = vec![Ways::default(); steps.len()];
        let mut ends = Ways::default();
        for at in (0..steps.len()).rev() {
            if plan.loss_terms().iter().any(|t| t.0 == steps[at].id) {
                let w = steps[at].loss_weight.abs();
                let (walls, log) = if w > 0.0 { (0, w.ln()) } else { (1, 0.0) };
                ways[at].add(Way { walls, log, from: None });
                ways[at].count += 1.0;
            }
            if ways[at].best.is_empty() {
                continue;
            }
            let mine = ways[at].clone();
            let extend = |to: &mut Ways, pin: usize, (walls, log): (u32, f64)| {
                for (rank, w) in mine.best.iter().enumerate() {
                    to.add(Way { walls: w.walls + walls, log: w.log + log, from: Some((at, pin, rank)) });
                }
                to.count += mine.count;
            };
            for (pin, source) in steps[at].inputs.iter().enumerate() {
                let out = steps[at].pins[pin].as_ref().map(|r| norm(&pass.numbers[r.clone()]));
                match *source {
                    Source::Value(k) => extend(&mut ways[k], pin, factor(at, out)),
                    Source::Weight(k) if subject == Subject::Weight(k) => extend(&mut ends, pin, factor(at, out)),
                    Source::Weight(_) => {}
                }
            }
            if let Subject::Weight(param) = subject
                && steps[at].weights.contains(&param)
            {
                extend(&mut ends, OWN, factor(at, Some(norm(scene.weights.grad(param)))));
            }
        }
        let whose = match subject {
            Subject::Weight(_) => 0,
            Subject::Output(node) => {
                let at = plan.index.get(&node).copied().unwrap_or(0);
                ends = ways[at].clone();
                at
            }
        };
        let walk = |end: &Way| {
            let mut path = Vec::new();
            let mut from = end.from;
            while let Some((at, pin, rank)) = from {
                path.push((at, Some(pin).filter(|p| *p != OWN)));
                from = ways[at].best[rank].from;
            }
            path.reverse();
            Found { loss: path.first().map_or(whose, |p| p.0), steps: path }
        };
        Search { found: ends.best.iter().map(walk).collect(), count: ends.count }
    }
}

/// In place of a pin: the parameter belongs to the node.
const OWN: usize = usize::MAX;
