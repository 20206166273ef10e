//! One node by itself: its numbers copied out of a pass, so that its forward and backward can be run on changed ones.

use crate::engine::pass::{Pass, inputs};
use crate::engine::plan::{Keep, Plan, Source, Step};
use crate::engine::weights::Weights;
use crate::graph::NodeId;
use crate::ops::{Backward, Break, Forward, InferCtx, Inner, Kind, Mode, Params, Precision, Role, When};
use crate::tensor::{Dim, Shape, View, ViewMut};

/// Which tensor a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The value at an input pin; for penalties a weight they watch.
    Input(usize),
    /// One of its own weights.
    Weight(usize),
}

/// A tensor that a node reads.
#[derive(Clone, Debug)]
pub struct Operand<S> {
    /// The name of the pin or of the weight.
    pub label: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Row-major elements.
    pub data: Vec<S>,
    /// Whether the kind passes a gradient to it.
    pub flows: bool,
}

impl<S> Operand<S> {
    fn view(&self) -> View<'_, S> {
        View { shape: &self.shape, data: &self.data }
    }
}

/// One node with the numbers it reads.
#[derive(Clone, Debug)]
pub struct Local<S> {
    /// Whose.
    pub node: NodeId,
    /// Its kind.
    pub kind: &'static Kind,
    /// What arrives at its pins; for penalties the weights they watch.
    pub inputs: Vec<Operand<S>>,
    /// Its weights.
    pub weights: Vec<Operand<S>>,
    /// Shape of its output.
    pub shape: Vec<usize>,
    pub(super) params: Params,
    pub(super) buffers: Vec<Operand<S>>,
    pub(super) saved: Vec<S>,
    pub(super) output: Vec<S>,
    pub(super) mode: Mode,
    pub(super) seed: u64,
    /// Floating-point operations of one forward pass.
    pub(super) cost: u64,
}

/// The gradients that a node's backward gives.
#[derive(Clone, Debug)]
pub struct LocalGrads<S> {
    /// By pin; none where no gradient flows.
    pub inputs: Vec<Option<Vec<S>>>,
    /// By weight.
    pub weights: Vec<Vec<S>>,
}

impl<S: Precision> Local<S> {
    /// Copies the node out of `pass`, whose forward has come past its inputs. `None` for data and targets, which compute
    /// nothing, and where not everything is kept.
    pub fn take(plan: &Plan, pass: &Pass<S>, weights: &Weights<S>, node: NodeId) -> Option<Self> {
        let step = &plan.steps[*plan.index.get(&node)?];
        (plan.keep == Keep::All).then(|| Local::of(plan, pass, step, weights, &weights.values)).filter(Local::computes)
    }

    /// Step `step` of a pass with what it has made of it; `values` are the weights that it used.
    pub(super) fn of(plan: &Plan, pass: &Pass<S>, step: &Step, weights: &Weights<S>, values: &[S]) -> Self {
        let spec = step.kind.spec;
        let all = &pass.numbers;
        let views = inputs(plan, step, all, values);
        let pins = views.zip(&step.inputs).enumerate().map(|(pin, (view, source))| Operand {
            label: match source {
                Source::Value(_) => spec.input_name(pin),
                Source::Weight(k) => plan.infos[*k].label.clone(),
            },
            shape: view.shape.to_vec(),
            data: view.data.to_vec(),
            flows: !spec.no_grad.contains(&pin),
        });
        let own = |k: &usize, data: &[S], flows: bool| Operand {
            label: plan.infos[*k].name.to_owned(),
            shape: plan.infos[*k].shape.clone(),
            data: data.to_vec(),
            flows,
        };
        Local {
            node: step.id,
            kind: step.kind,
            inputs: pins.collect(),
            weights: step.weights.iter().map(|k| own(k, &values[plan.infos[*k].range.clone()], true)).collect(),
            shape: step.shape.clone(),
            params: step.params.clone(),
            buffers: step.buffers.iter().map(|k| own(k, weights.value(*k), false)).collect(),
            saved: all[step.saved.clone()].to_vec(),
            output: all[step.value.clone()].to_vec(),
            mode: pass.mode(),
            seed: pass.seed(step),
            cost: step.flops.max(step.value.len() as u64),
        }
    }

    /// The same node in another precision.
    pub fn cast<T: Precision>(&self) -> Local<T> {
        let numbers = |data: &[S]| data.iter().map(|x| T::of(x.to64())).collect::<Vec<T>>();
        let all = |list: &[Operand<S>]| -> Vec<Operand<T>> {
            let one = |o: &Operand<S>| Operand {
                label: o.label.clone(),
                shape: o.shape.clone(),
                data: numbers(&o.data),
                flows: o.flows,
            };
            list.iter().map(one).collect()
        };
        Local {
            node: self.node,
            kind: self.kind,
            inputs: all(&self.inputs),
            weights: all(&self.weights),
            shape: self.shape.clone(),
            params: self.params.clone(),
            buffers: all(&self.buffers),
            saved: numbers(&self.saved),
            output: numbers(&self.output),
            mode: self.mode,
            seed: self.seed,
            cost: self.cost,
        }
    }

    /// Whether the kind computes; the others are filled by the engine.
    pub(super) fn computes(&self) -> bool {
        !matches!(self.kind.spec.role, Role::Features | Role::Target)
    }

    /// Whether a rule of the kind is about these parameters of the node.
    pub fn given(&self, rule: &Break) -> bool {
        (rule.given)(&self.params)
    }

    /// How many things the numbers of a pin choose from, by a rule about that.
    pub fn count(&self, rule: &Break) -> Option<usize> {
        let When::NoIndex(count) = rule.when else { return None };
        let shapes: Vec<&[usize]> = self.inputs.iter().map(|o| o.shape.as_slice()).collect();
        count.of(&self.params, &shapes)
    }

    /// A tensor that the node reads.
    pub fn tensor(&self, of: Target) -> &Operand<S> {
        match of {
            Target::Input(k) => &self.inputs[k],
            Target::Weight(k) => &self.weights[k],
        }
    }

    /// All tensors that the node reads.
    pub fn targets(&self) -> Vec<Target> {
        (0..self.weights.len()).map(Target::Weight).chain((0..self.inputs.len()).map(Target::Input)).collect()
    }

    /// Runs the node forward on its numbers. What is random is drawn as in the pass; buffers stay as they were.
    pub fn forward(&mut self) -> &[S] {
        (self.output, self.saved) = self.forward_on(&[]);
        &self.output
    }

    /// The output of the latest [`Local::forward`], else that of the pass.
    pub fn output(&self) -> &[S] {
        &self.output
    }

    /// The output with the numbers in `swaps` in place of the node's own, and what is saved. The node stays as it is.
    pub(super) fn forward_on(&self, swaps: &[(Target, &[S])]) -> (Vec<S>, Vec<S>) {
        let (inputs, weights) = self.views(swaps);
        let mut output = vec![S::zero(); self.output.len()];
        let mut saved = vec![S::zero(); self.saved.len()];
        // Buffers as they are now: a pass in training overwrites what it changes of them.
        let mut kept: Vec<Vec<S>> = self.buffers.iter().map(|b| b.data.clone()).collect();
        let shapes = kept.iter_mut().zip(&self.buffers);
        let mut buffers: Vec<ViewMut<S>> = shapes.map(|(data, b)| ViewMut { shape: &b.shape, data }).collect();
        S::forward(
            self.kind,
            &mut Forward {
                params: &self.params,
                inputs: &inputs,
                weights: &weights,
                output: ViewMut { shape: &self.shape, data: &mut output },
                saved: &mut saved,
                mode: self.mode,
                seed: self.seed,
                buffers: &mut buffers,
            },
        );
        (output, saved)
    }

    /// The gradients for ∂L/∂output = `delta`.
    pub fn backward(&self, delta: &[S]) -> LocalGrads<S> {
        let blank = |o: &Operand<S>| vec![S::zero(); o.data.len()];
        let mut inputs: Vec<Option<Vec<S>>> = self.inputs.iter().map(|o| o.flows.then(|| blank(o))).collect();
        let mut weights: Vec<Vec<S>> = self.weights.iter().map(blank).collect();
        let pins = inputs.iter_mut().zip(&self.inputs);
        let mut grad_inputs: Vec<Option<ViewMut<S>>> =
            pins.map(|(g, o)| g.as_mut().map(|data| ViewMut { shape: &o.shape, data })).collect();
        let own = weights.iter_mut().zip(&self.weights);
        let mut grad_weights: Vec<Option<ViewMut<S>>> =
            own.map(|(data, o)| Some(ViewMut { shape: &o.shape, data })).collect();
        self.run_backward(delta, &self.views(&[]), &mut grad_inputs, &mut grad_weights);
        drop((grad_inputs, grad_weights));
        LocalGrads { inputs, weights }
    }

    /// ∂L/∂target from ∂L/∂output = `delta`, with the numbers in `swap` in place of the node's own.
    pub(super) fn gradient(&self, delta: &[S], target: Target, swap: Option<(Target, &[S])>) -> Vec<S> {
        let of = self.tensor(target);
        let mut result = vec![S::zero(); of.data.len()];
        let view = ViewMut { shape: &of.shape, data: &mut result };
        let mut grad_inputs: Vec<Option<ViewMut<S>>> = self.inputs.iter().map(|_| None).collect();
        let mut grad_weights: Vec<Option<ViewMut<S>>> = self.weights.iter().map(|_| None).collect();
        match target {
            Target::Input(k) => grad_inputs[k] = Some(view),
            Target::Weight(k) => grad_weights[k] = Some(view),
        }
        self.run_backward(delta, &self.views(swap.as_slice()), &mut grad_inputs, &mut grad_weights);
        drop((grad_inputs, grad_weights));
        result
    }

    fn run_backward<'b>(
        &self,
        delta: &[S],
        (inputs, weights): &(Vec<View<S>>, Vec<View<S>>),
        grad_inputs: &mut [Option<ViewMut<'b, S>>],
        grad_weights: &mut [Option<ViewMut<'b, S>>],
    ) {
        S::backward(
            self.kind,
            &mut Backward {
                params: &self.params,
                inputs,
                weights,
                output: View { shape: &self.shape, data: &self.output },
                saved: &self.saved,
                mode: self.mode,
                grad_output: View { shape: &self.shape, data: delta },
                grad_inputs,
                grad_weights,
            },
        );
    }

    /// Inputs and weights, with the numbers in `swaps` in place of the node's own.
    fn views<'a>(&'a self, swaps: &[(Target, &'a [S])]) -> (Vec<View<'a, S>>, Vec<View<'a, S>>) {
        let mut inputs: Vec<View<S>> = self.inputs.iter().map(Operand::view).collect();
        let mut weights: Vec<View<S>> = self.weights.iter().map(Operand::view).collect();
        for (target, data) in swaps {
            match target {
                Target::Input(k) => inputs[*k].data = data,
                Target::Weight(k) => weights[*k].data = data,
            }
        }
        (inputs, weights)
    }

    /// Calls `f` with the node as its parts see it.
    pub(super) fn inside<R>(&self, f: impl FnOnce(&Inner<S>) -> R) -> R {
        let (inputs, weights) = self.views(&[]);
        let buffers: Vec<View<S>> = self.buffers.iter().map(Operand::view).collect();
        f(&Inner {
            params: &self.params,
            inputs: &inputs,
            weights: &weights,
            buffers: &buffers,
            output: View { shape: &self.shape, data: &self.output },
            saved: &self.saved,
            mode: self.mode,
            seed: self.seed,
        })
    }

    /// Sample `n` of `batch` alone, if it can be computed alone: then the output is the same.
    pub(super) fn sample(&self, n: usize, batch: usize) -> Option<Self> {
        let has = |shape: &[usize]| batch > 1 && shape.first() == Some(&batch);
        if !has(&self.shape) || !self.inputs.iter().all(|x| has(&x.shape)) || !self.buffers.is_empty() {
            return None;
        }
        // What is saved must be saved for each sample.
        let shapes: Vec<Shape> = self.inputs.iter().map(|x| Shape::batch(&x.shape[1..])).collect();
        let ctx = InferCtx { params: &self.params, inputs: &shapes, features: None, target: None };
        let saved = (self.kind.infer)(&ctx).ok()?.saved;
        if saved.is_some_and(|s| s.0.first() != Some(&Dim::Batch) || s.len(batch) != self.saved.len()) {
            return None;
        }
        let shape = |all: &[usize]| std::iter::once(1).chain(all[1..].iter().copied()).collect::<Vec<_>>();
        let row = |data: &[S]| data[n * (data.len() / batch)..][..data.len() / batch].to_vec();
        let mut one = self.clone();
        for x in one.inputs.iter_mut() {
            (x.shape, x.data) = (shape(&x.shape), row(&x.data));
        }
        let was = row(&self.output);
        (one.shape, one.output) = (shape(&self.shape), was.clone());
        one.saved.truncate(self.saved.len() / batch);
        one.cost = (self.cost / batch as u64).max(1);
        one.forward();
        let same = |(a, b): (&S, &S)| (a.to64() - b.to64()).abs() <= 1e-5 * (1e-3 + b.to64().abs());
        one.output.iter().zip(&was).all(same).then_some(one)
    }
}

#[cfg(test)]
impl Local<f64> {
    /// A node of one input and no weights whose output has the input's shape.
    pub(super) fn unary(kind: &'static Kind, x: &[f64]) -> Self {
        let input = Operand {
            label: "input".into(),
            shape: vec![1, x.len()],
            data: x.to_vec(),
            flows: kind.spec.no_grad.is_empty(),
        };
        let shapes = [Shape::fixed(&input.shape)];
        let params = Params::default().filled(kind.spec.params);
        let ctx = InferCtx { params: &params, inputs: &shapes, features: None, target: None };
        let inferred = (kind.infer)(&ctx).expect("the shapes fit");
        Local {
            node: NodeId(1),
            kind,
            shape: inferred.output.concrete(1),
            saved: vec![0.0; inferred.saved.map_or(0, |s| s.len(1))],
            output: vec![0.0; x.len()],
            inputs: vec![input],
            weights: Vec::new(),
            params,
            buffers: Vec::new(),
            mode: Mode::Train,
            seed: 1,
            cost: x.len() as u64,
        }
    }
}
