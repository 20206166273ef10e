//! Why a gradient is zero or huge, asked of a run at any moment.

use crate::engine::{Phase, Scene, Why};
use crate::ops::Precision;
use crate::train::Session;

impl<S: Precision> Session<S> {
    /// Explains the gradient of weight number `param` in the batch shown. Before the end of its backward pass that pass is
    /// run on a copy. `budget` limits the floating-point operations spent on telling paths apart.
    ///
    /// # Errors
    /// If there is no such weight, or it is a buffer.
    pub fn why(&self, param: usize, budget: u64) -> Result<Why, String> {
        let (plan, pass) = self.current();
        let graph = self.graph();
        if pass.cursor() < plan.first_update() {
            let (plan, ..) = self.samples();
            let fork = self.fork(&[], plan.first_update());
            let used = &fork.weights.values;
            let scene = Scene { plan, pass: &fork.pass, weights: &fork.weights, used, graph, budget };
            return scene.why(param, false);
        }
        let updated = plan.program()[..pass.cursor()].iter().any(|i| i.phase == Phase::Update);
        let before = self.before().map(|b| &b.values).filter(|_| updated);
        let used = before.unwrap_or(&self.weights().values);
        let scene = Scene { plan, pass, weights: self.weights(), used, graph, budget };
        scene.why(param, updated && before.is_none())
    }

    /// The number of the parameter that `text` names: `hidden 1.weight`, or `hidden 1` if it has one.
    ///
    /// # Errors
    /// Says what there is.
    pub fn parameter(&self, text: &str) -> Result<usize, String> {
        let infos = &self.weights().infos;
        let text = text.trim().trim_end_matches(".grad");
        if let Some(k) = infos.iter().position(|i| i.label == text) {
            return Ok(k);
        }
        let node = self.graph().by_name(text).map(|n| n.id);
        let own: Vec<&str> =
            infos.iter().filter(|i| Some(i.node) == node && !i.buffer).map(|i| i.label.as_str()).collect();
        match own[..] {
            [one] => self.parameter(one),
            [] if node.is_some() => {
                Err(format!("\"{text}\" has no parameters; its gradient is that of what it computes"))
            }
            [] => {
                let all: Vec<&str> = infos.iter().filter(|i| !i.buffer).map(|i| i.label.as_str()).collect();
                Err(format!("there is no parameter \"{text}\"; there are {}", all.join(", ")))
            }
            _ => Err(format!("\"{text}\" has several parameters: {}", own.join(", "))),
        }
    }
}
