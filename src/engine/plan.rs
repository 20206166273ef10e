//! The program of one batch: its instructions, and where everything lies in memory.
//!
//! All numbers of a batch lie in one buffer: outputs, what forwards save, gradients. A value with one consumer shares
//! the region of that pin's gradient; one with several has a region of its own into which they are added. Where the
//! regions lie says [`Keep`].

use crate::engine::cut::Cut;
use crate::engine::footprint::{absurd, finds_room};
use crate::engine::layout::lined;
use crate::engine::weights::{ParamInfo, Weights};
use crate::graph::{Graph, Inference, NodeId};
use crate::ops::{Kind, Params, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Computes a node's output.
    Forward,
    /// Computes a loss: the forward of a loss node.
    Loss,
    /// Sets ∂L/∂(loss term) to the term's weight.
    Seed,
    /// Computes the gradients of a node's inputs and weights.
    Backward,
    /// Lets the optimiser move one weight.
    Update,
}

/// One step of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub phase: Phase,
    /// To which node.
    pub node: NodeId,
    /// For an update: the number of the weight.
    pub param: Option<usize>,
}

/// What of a batch stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything, each number at a place of its own until the next batch: whoever stops or steps sees it all.
    All,
    /// Of a training step, each number until the last instruction that reads it. Its place is then used again, and
    /// gradients that reach no trained weight have none. All that remains has the bits that it has with everything kept.
    Needed,
    /// Of a forward pass alone, the outputs of all nodes.
    Outputs,
    /// Of a forward pass alone, the losses and the output of this node.
    Output(Option<NodeId>),
}

impl Keep {
    /// Whether there is a backward pass.
    pub(super) fn learns(self) -> bool {
        matches!(self, Keep::All | Keep::Needed)
    }
}

/// Why a graph has no plan.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlanError {
    /// It has problems.
    #[error("the graph cannot run: {0}")]
    NotRunnable(String),
    /// It needs more memory than can be addressed sensibly.
    #[error(
        "a batch of {batch} needs {gib:.1} GiB for values and gradients, and {available:.1} GiB are free; choose a smaller \
         batch or smaller layers{}",
        unwatched.map_or_else(String::new, |g| format!(
            ", or train with `chainrule train`, which keeps nothing to be looked at and needs {g:.1} GiB"
        ))
    )]
    TooLarge {
        /// Samples in the batch.
        batch: usize,
        /// Gibibytes.
        gib: f64,
        /// Gibibytes that can be had.
        available: f64,
        /// Gibibytes that it needs where only what is needed is kept, if these can be had.
        unwatched: Option<f64>,
    },
    /// A batch finds room, but not all the rest beside it.
    #[error(
        "training needs {gib:.1} GiB in all for batches of {batch}, evaluation, gradients and optimiser, and \
         {available:.1} GiB are free; choose a smaller batch or smaller layers"
    )]
    Run {
        /// Samples in the batch.
        batch: usize,
        /// Gibibytes.
        gib: f64,
        /// Gibibytes that can be had.
        available: f64,
    },
    /// Its weights need more memory than there is.
    #[error(
        "{numbers} weights need {gib:.1} GiB with gradients and optimiser, and {available:.1} GiB are free; choose smaller \
         layers"
    )]
    Weights {
        /// Elements of all weights.
        numbers: u64,
        /// Gibibytes.
        gib: f64,
        /// Gibibytes that can be had.
        available: f64,
    },
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// The output of a step.
    Value(usize),
    /// A weight, for penalties.
    Weight(usize),
}

/// One node of the plan.
#[derive(Debug)]
pub(super) struct Step {
    pub id: NodeId,
    pub kind: &'static Kind,
    pub params: Params,
    pub shape: Vec<usize>,
    pub value: Range<usize>,
    pub saved: Range<usize>,
    pub inputs: Vec<Source>,
    pub input_shapes: Vec<Vec<usize>>,
    /// Numbers of its weights in [`Weights::infos`].
    pub weights: Vec<usize>,
    /// Numbers of its buffers there; they lie behind the weights.
    pub buffers: Vec<usize>,
    /// Region of ∂L/∂output; none where no gradient arrives.
    pub grad: Option<Range<usize>>,
    /// Regions of the contributions to its inputs; none where no gradient flows.
    pub pins: Vec<Option<Range<usize>>>,
    /// Number of contributions that make up ∂L/∂output, counting a seed.
    pub awaited: usize,
    /// Whether the region of the gradient is its own, into which contributions are added.
    pub adds: bool,
    /// Whether ∂L/∂output reaches no trained weight.
    pub spare: bool,
    pub loss_weight: f64,
    /// Floating-point operations of the forward pass.
    pub flops: u64,
    /// The instructions done up to which the output is there.
    pub value_until: usize,
    /// The same of ∂L/∂output.
    pub grad_until: usize,
    /// The same of the contributions to its inputs.
    pub pins_until: Vec<usize>,
    /// How its forward and its backward cut the buffer.
    pub forward: Cut,
    pub back: Cut,
}

impl Step {
    /// Whether its backward does anything.
    pub fn works(&self) -> bool {
        self.grad.is_some() && (self.pins.iter().any(Option::is_some) || !self.weights.is_empty())
    }
}

/// The immutable program for one batch size.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) index: BTreeMap<NodeId, usize>,
    pub(super) program: Vec<Instruction>,
    /// The number of the step of each instruction.
    pub(super) at: Vec<usize>,
    pub(super) infos: std::sync::Arc<[ParamInfo]>,
    pub(super) keep: Keep,
    /// Numbers of all outputs, of all gradients, and of all that forwards save.
    pub(super) values: usize,
    pub(super) grads: usize,
    pub(super) saved: usize,
    /// Numbers of the buffer.
    pub(super) numbers: usize,
    /// Where gradients of weights lie that no backward writes.
    pub(super) idle: Vec<Range<usize>>,
    batch: usize,
    terms: Vec<(NodeId, f64)>,
    forward: usize,
    /// What must be there at once, and what a layout that uses places again takes; counted when first asked for.
    pub(super) tight: OnceLock<(usize, usize)>,
}

/// Floating-point operations of a node from which other threads take part.
const BUSY: u64 = 1 << 19;

impl Plan {
    /// Lays out the program for batches of `batch` samples, everything kept.
    ///
    /// # Errors
    /// If the graph is not runnable, or too large.
    pub fn new<S: crate::tensor::Scalar>(
        graph: &Graph,
        inference: &Inference,
        weights: &Weights<S>,
        batch: usize,
    ) -> Result<Plan, PlanError> {
        Plan::keeping(graph, inference, weights, batch, Keep::All)
    }

    /// As [`Plan::new`], but only what `keep` says stays.
    ///
    /// # Errors
    /// As there.
    pub fn keeping<S: crate::tensor::Scalar>(
        graph: &Graph,
        inference: &Inference,
        weights: &Weights<S>,
        batch: usize,
        keep: Keep,
    ) -> Result<Plan, PlanError> {
        if !inference.runnable() {
            let first = inference.diagnostics.iter().find(|d| d.severity != crate::graph::Severity::Warning);
            return Err(PlanError::NotRunnable(
                first.map_or_else(|| crate::graph::NO_LOSS.into(), |d| d.message.clone()),
            ));
        }
        let order = graph.order().map_err(|_| PlanError::NotRunnable("it has a cycle".into()))?;
        let mut plan = Plan {
            steps: Vec::new(),
            index: BTreeMap::new(),
            program: Vec::new(),
            at: Vec::new(),
            infos: std::sync::Arc::clone(&weights.infos),
            keep,
            values: 0,
            grads: 0,
            saved: 0,
            numbers: 0,
            idle: Vec::new(),
            batch,
            terms: Vec::new(),
            forward: 0,
            tight: OnceLock::new(),
        };
        for id in order {
            plan.add_step(graph, inference, id, batch);
        }
        // What is far too large for any computer cannot be counted further.
        absurd(plan.values.saturating_add(plan.saved), size_of::<S>(), batch)?;
        let terms = graph.loss_terms();
        plan.terms = plan.steps.iter().filter(|s| terms.contains(&s.id)).map(|s| (s.id, s.loss_weight)).collect();
        if keep.learns() {
            plan.lay_gradients(&graph.ancestors(&terms));
        }
        plan.write_program();
        finds_room(&plan, size_of::<S>())?;
        plan.lay_out();
        finds_room(&plan, size_of::<S>())?;
        plan.steps = Cut::all(std::mem::take(&mut plan.steps));
        Ok(plan)
    }

    fn add_step(&mut self, graph: &Graph, inference: &Inference, id: NodeId, batch: usize) {
        let (Some(node), Some(inferred)) = (graph.node(id), inference.nodes.get(&id)) else { return };
        let Some(kind) = node.kind() else { return };
        let params = node.filled();
        let shape = inferred.output.concrete(batch);
        let len = inferred.output.len(batch);
        let saved = inferred.saved.as_ref().map_or(0, |s| s.len(batch));
        let own = |name: &str| self.infos.iter().position(|i| i.node == id && i.name == name);
        let (buffers, weights): (Vec<usize>, Vec<usize>) =
            inferred.weights.iter().filter_map(|w| own(w.name)).partition(|k| self.infos[*k].buffer);
        let inputs: Vec<Source> = if kind.spec.role == Role::Penalty {
            let over = params.nodes("over");
            let chosen = |i: &ParamInfo| !i.buffer && i.name != "bias" && (over.is_empty() || over.contains(&i.node.0));
            self.infos.iter().enumerate().filter(|(_, i)| chosen(i)).map(|(k, _)| Source::Weight(k)).collect()
        } else {
            graph.inputs(id).iter().filter_map(|w| self.index.get(&w.from).map(|s| Source::Value(*s))).collect()
        };
        let input_shapes = inputs
            .iter()
            .map(|s| match s {
                Source::Value(k) => self.steps[*k].shape.clone(),
                Source::Weight(k) => self.infos[*k].shape.clone(),
            })
            .collect();
        self.index.insert(id, self.steps.len());
        let loss_weight = params.get("loss_weight").map_or(1.0, |_| params.float("loss_weight"));
        let reaches = |s: &Source| match *s {
            Source::Value(k) => !self.steps[k].spare,
            Source::Weight(k) => self.infos[k].trained(),
        };
        let flows = |pin: usize| !kind.spec.no_grad.contains(&pin);
        let spare = !inputs.iter().enumerate().any(|(pin, s)| flows(pin) && reaches(s))
            && !weights.iter().any(|k| self.infos[*k].trained());
        let (value, kept) = (lined(self.values, len), lined(self.saved, saved));
        self.steps.push(Step {
            id,
            kind,
            params,
            shape,
            value: value..value.saturating_add(len),
            saved: kept..kept.saturating_add(saved),
            pins: vec![None; inputs.len()],
            inputs,
            input_shapes,
            weights,
            buffers,
            grad: None,
            awaited: 0,
            adds: false,
            spare,
            loss_weight,
            flops: inferred.flops.saturating_mul(batch as u64),
            value_until: usize::MAX,
            grad_until: usize::MAX,
            pins_until: Vec::new(),
            forward: Cut::default(),
            back: Cut::default(),
        });
        self.values = value.saturating_add(len);
        self.saved = kept.saturating_add(saved);
    }

    /// Gives gradients their regions, from the losses back.
    fn lay_gradients(&mut self, useful: &BTreeSet<NodeId>) {
        // Contributions that will arrive at each value: (consumer, pin), consumers in backward order.
        let mut consumers: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.steps.len()];
        for (s, step) in self.steps.iter().enumerate().rev() {
            if !useful.contains(&step.id) {
                continue;
            }
            for (pin, source) in step.inputs.iter().enumerate() {
                let Source::Value(from) = *source else { continue };
                let wanted = self.steps[from].kind.spec.role != Role::Target;
                if wanted && !step.kind.spec.no_grad.contains(&pin) {
                    consumers[from].push((s, pin));
                }
            }
        }
        for s in (0..self.steps.len()).rev() {
            let seeded = self.terms.iter().any(|t| t.0 == self.steps[s].id);
            // A consumer without a gradient of its own passes none on.
            let from: Vec<(usize, usize)> =
                consumers[s].iter().copied().filter(|(c, pin)| self.steps[*c].pins[*pin].is_some()).collect();
            let len = self.steps[s].value.len();
            let awaited = from.len() + usize::from(seeded);
            self.steps[s].awaited = awaited;
            self.steps[s].grad = match (from.as_slice(), seeded) {
                ([], false) => None,
                ([(c, pin)], false) => self.steps[*c].pins[*pin].clone(),
                _ => {
                    self.steps[s].adds = true;
                    Some(self.region(len))
                }
            };
            if self.steps[s].grad.is_none() || !useful.contains(&self.steps[s].id) {
                continue;
            }
            for pin in 0..self.steps[s].inputs.len() {
                let source = self.steps[s].inputs[pin];
                let flows = match source {
                    Source::Value(from) => consumers[from].contains(&(s, pin)),
                    Source::Weight(_) => true,
                };
                if flows {
                    let len = self.steps[s].input_shapes[pin].iter().product();
                    self.steps[s].pins[pin] = Some(self.region(len));
                }
            }
        }
    }

    /// The next place for gradients, where each has its own.
    fn region(&mut self, len: usize) -> Range<usize> {
        let start = lined(self.grads, len);
        let range = start..start + len;
        self.grads = range.end;
        range
    }

    /// Whether the gradient at such an input reaches no trained weight.
    pub(super) fn spares(&self, source: Source) -> bool {
        matches!(source, Source::Value(k) if self.steps[k].spare)
    }

    fn write_program(&mut self) {
        let is_loss = |s: &Step| s.kind.spec.is_loss();
        let at = |phase, s: &Step| Instruction { phase, node: s.id, param: None };
        let mut program: Vec<Instruction> =
            self.steps.iter().map(|s| at(if is_loss(s) { Phase::Loss } else { Phase::Forward }, s)).collect();
        self.forward = program.len();
        if self.keep.learns() {
            program.extend(self.terms.iter().map(|t| Instruction { phase: Phase::Seed, node: t.0, param: None }));
        }
        // Penalties add to the gradients of weights that the layers overwrite, so they come last.
        let penalty = |s: &&Step| s.kind.spec.role == Role::Penalty;
        let back = self.steps.iter().rev().filter(|s| s.works());
        program.extend(back.clone().filter(|s| !penalty(s)).map(|s| at(Phase::Backward, s)));
        program.extend(back.filter(penalty).map(|s| at(Phase::Backward, s)));
        let trained: BTreeSet<usize> = self
            .steps
            .iter()
            .filter(|s| s.grad.is_some())
            .flat_map(|s| {
                let own = s.weights.iter().copied();
                own.chain(s.inputs.iter().filter_map(|i| if let Source::Weight(k) = i { Some(*k) } else { None }))
            })
            .filter(|k| self.infos[*k].trained())
            .collect();
        program.extend(trained.into_iter().map(|k| Instruction {
            phase: Phase::Update,
            node: self.infos[k].node,
            param: Some(k),
        }));
        self.at = program.iter().map(|i| self.index[&i.node]).collect();
        let backward = program.iter().zip(&self.at).filter(|(i, _)| i.phase == Phase::Backward);
        let written: BTreeSet<usize> = backward.flat_map(|(_, at)| self.steps[*at].weights.iter().copied()).collect();
        let idle = |(k, i): &(usize, &ParamInfo)| !written.contains(k) || i.tuning.frozen;
        self.idle = self.infos.iter().enumerate().filter(idle).map(|(_, i)| i.range.clone()).collect();
        self.program = program;
    }

    /// Whether some kernels are long enough to call in other threads.
    pub fn busy(&self) -> bool {
        self.steps.iter().any(|s| s.flops >= BUSY)
    }
    /// Samples per batch.
    pub fn batch(&self) -> usize {
        self.batch
    }
    /// All instructions of one batch.
    pub fn program(&self) -> &[Instruction] {
        &self.program
    }
    /// How many of them are forward: those before the first seed.
    pub fn forward_len(&self) -> usize {
        self.forward
    }
    /// The terms of the total loss with their weights.
    pub fn loss_terms(&self) -> &[(NodeId, f64)] {
        &self.terms
    }
    /// What stays of a batch.
    pub fn keep(&self) -> Keep {
        self.keep
    }
    /// Memory for values, gradients and saved numbers in bytes, for numbers of `size` bytes.
    pub fn bytes(&self, size: usize) -> usize {
        self.numbers * size
    }
    /// The shape of a node's output.
    pub fn shape(&self, node: NodeId) -> Option<&[usize]> {
        self.index.get(&node).map(|at| self.steps[*at].shape.as_slice())
    }
    /// Whether a gradient of the input `pin` of `node` is computed.
    pub fn flows(&self, node: NodeId, pin: usize) -> bool {
        self.index.get(&node).is_some_and(|at| self.steps[*at].pins.get(pin).is_some_and(Option::is_some))
    }
    /// The numbers of one node in bytes: its value, what it saves, the gradients at its pins, and its own where they are
    /// added up. Where places are used again, not all are there at once.
    pub fn bytes_of(&self, node: NodeId, size: usize) -> usize {
        let Some(step) = self.index.get(&node).map(|at| &self.steps[*at]) else { return 0 };
        let own = step.grad.iter().filter(|_| step.adds).map(ExactSizeIterator::len).sum::<usize>();
        let pins: usize = step.pins.iter().flatten().map(ExactSizeIterator::len).sum();
        (step.value.len() + step.saved.len() + own + pins) * size
    }
    /// Whether a penalty adds to the gradient of weight number `param`.
    pub fn penalised(&self, param: usize) -> bool {
        self.steps.iter().any(|s| s.grad.is_some() && s.inputs.contains(&Source::Weight(param)))
    }
    /// The node wired into pin `pin` of `node`.
    pub fn input_of(&self, node: NodeId, pin: usize) -> Option<NodeId> {
        match self.steps[*self.index.get(&node)?].inputs.get(pin)? {
            Source::Value(k) => Some(self.steps[*k].id),
            Source::Weight(_) => None,
        }
    }
    /// The consumers whose gradients make up that of `node`: each with its pin.
    pub fn consumers(&self, node: NodeId) -> Vec<(NodeId, usize)> {
        let Some(&at) = self.index.get(&node) else { return Vec::new() };
        let pins = self.steps.iter().flat_map(|s| s.inputs.iter().enumerate().map(move |(p, i)| (s, p, *i)));
        pins.filter(|(s, p, i)| *i == Source::Value(at) && s.pins[*p].is_some()).map(|(s, p, _)| (s.id, p)).collect()
    }
}
