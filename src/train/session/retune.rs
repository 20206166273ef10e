//! Weights that are trained another way from here on: other rates, other decays, frozen or not.

use crate::engine::{ParamInfo, Pass, Plan, PlanError, Weights};
use crate::graph::{Graph, Tuning};
use crate::ops::Precision;
use crate::train::Session;
use std::sync::Arc;

impl<S: Precision> Session<S> {
    /// How `graph` trains each weight.
    fn tunings<'a>(&'a self, graph: &'a Graph) -> impl Iterator<Item = Tuning> + 'a {
        let of = |i: &ParamInfo| graph.node(i.node).and_then(|n| n.tuning.get(i.name)).copied().unwrap_or_default();
        self.weights.infos.iter().map(of)
    }

    /// Whether the weights are trained as in `graph`, which computes the same.
    pub(in crate::train) fn tuned_as(&self, graph: &Graph) -> bool {
        self.weights.infos.iter().map(|i| i.tuning).eq(self.tunings(graph))
    }

    /// What `graph` does otherwise with a weight, in words; `None` if it trains all as they are trained.
    pub(in crate::train) fn retuning(&self, graph: &Graph) -> Option<String> {
        let all = self.weights.infos.iter().zip(self.tunings(graph)).filter(|(i, new)| i.tuning != *new);
        let words: Vec<String> = all.map(|(i, new)| format!("{} {}", i.label, difference(i.tuning, new))).collect();
        match &words[..] {
            [] => None,
            [one] => Some(one.clone()),
            [first, ..] => Some(format!("{first} and {} more", words.len() - 1)),
        }
    }

    /// Whether the optimiser is in the midst of moving the weights.
    pub(in crate::train) fn updating(&self) -> bool {
        let (plan, pass) = self.current();
        self.begun && pass.cursor() > plan.first_update()
    }

    /// Trains the weights as in `graph` from now on; it computes the same. A batch under way stays where it stands: where
    /// another weight is frozen than before, what has run of it is run again. It is not [`Session::updating`].
    ///
    /// # Errors
    /// If there is no memory for the program; then nothing has changed.
    pub(in crate::train) fn retune(&mut self, graph: &Arc<Graph>) -> Result<(), PlanError> {
        let frozen = |w: &Weights<S>| w.infos.iter().map(|i| i.tuning.frozen).collect::<Vec<_>>();
        if self.tuned_as(graph) {
            self.graph = Arc::clone(graph);
            return Ok(());
        }
        let tuned = self.weights.infos.iter().zip(self.tunings(graph));
        let infos: Arc<[ParamInfo]> = tuned.map(|(i, tuning)| ParamInfo { tuning, ..i.clone() }).collect();
        let was = frozen(&self.weights);
        let old = std::mem::replace(&mut self.weights.infos, infos);
        let plan = |size| Plan::keeping(graph, &self.inference, &self.weights, size, self.keep);
        let plans = plan(self.plan.batch()).and_then(|whole| {
            let last = self.last.as_ref().map(|(short, _)| plan(short.batch())).transpose()?;
            Ok((whole, last))
        });
        let (whole, last) = match plans {
            Ok(plans) => plans,
            Err(e) => {
                self.weights.infos = old;
                return Err(e);
            }
        };
        // Of batches that are over all numbers stay.
        let over = |plan: &Plan, pass: &Pass<S>| pass.cursor() == plan.program().len();
        let ended = over(&self.plan, &self.pass);
        let short_ended = self.last.as_ref().is_some_and(|(plan, pass)| over(plan, pass));
        let same = whole.lays_out_as(&self.plan)
            && self.last.as_ref().zip(last.as_ref()).is_none_or(|((old, _), new)| new.lays_out_as(old));
        self.plan = whole;
        if let (Some((old, _)), Some(new)) = (&mut self.last, last) {
            *old = new;
        }
        if same && ended {
            self.pass.end_with(&self.plan);
        }
        if let Some((plan, pass)) = self.last.as_mut().filter(|_| same && short_ended) {
            pass.end_with(plan);
        }
        self.graph = Arc::clone(graph);
        self.moves.set_tunings(self.weights.infos.iter().map(|i| i.tuning));
        if !same {
            self.start_over();
        } else if self.begun && self.cursor() > self.current().0.forward_len() && was != frozen(&self.weights) {
            let fork = self.fork(&[], self.cursor());
            self.weights = fork.weights;
            match &mut self.last {
                Some((_, pass)) if self.short => *pass = fork.pass,
                _ => self.pass = fork.pass,
            }
        }
        self.rearm();
        Ok(())
    }

    /// The numbers lie elsewhere now: a batch under way begins again.
    fn start_over(&mut self) {
        if self.begun {
            self.ledger.restore_buffers(&mut self.weights);
            self.begun = false;
        }
        self.pass = Pass::new(&self.plan);
        if let Some((plan, pass)) = &mut self.last {
            *pass = Pass::new(plan);
            self.pass.take_memory(pass);
        }
    }
}

/// What is new in how a weight is trained.
fn difference(old: Tuning, new: Tuning) -> String {
    let mut words = Vec::new();
    if old.frozen != new.frozen {
        words.push(if new.frozen { "frozen".to_owned() } else { "no longer frozen".to_owned() });
    }
    if old.lr_factor != new.lr_factor {
        words.push(format!("rate × {}", new.lr_factor));
    }
    if old.weight_decay != new.weight_decay {
        words.push(new.weight_decay.map_or_else(|| "decay as all".to_owned(), |d| format!("decay {d}")));
    }
    words.join(", ")
}
