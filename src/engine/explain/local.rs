//! One node taken out of the pass with its numbers, so that it can be run again on changed ones.

use crate::engine::pass::{Pass, inputs};
use crate::engine::plan::Step;
use crate::engine::{Plan, Weights};
use crate::ops::{Backward, Forward, InferCtx, Inner, Kind, Mode, Params, Precision, Role};
use crate::tensor::{Dim, Shape, View, ViewMut};

/// Which tensor a node reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The value at an input pin.
    Input(usize),
    /// One of its own weights.
    Weight(usize),
}

/// A tensor of its own.
#[derive(Clone, Debug)]
pub(super) struct Tensor<S> {
    pub shape: Vec<usize>,
    pub data: Vec<S>,
}

impl<S> Tensor<S> {
    fn view(&self) -> View<'_, S> {
        View { shape: &self.shape, data: &self.data }
    }
}

/// A node with its numbers.
#[derive(Clone, Debug)]
pub(super) struct Local<S> {
    pub kind: &'static Kind,
    pub params: Params,
    pub inputs: Vec<Tensor<S>>,
    pub weights: Vec<Tensor<S>>,
    pub kept: Vec<Tensor<S>>,
    pub output: Tensor<S>,
    pub saved: Vec<S>,
    /// Pins through which a gradient flows.
    pub flows: Vec<bool>,
    pub mode: Mode,
    pub seed: u64,
    /// Floating-point operations of one run.
    pub cost: u64,
}

impl<S: Precision> Local<S> {
    /// Node `step` of a pass; `values` are the weights that it used.
    pub fn of(plan: &Plan, pass: &Pass<S>, step: &Step, weights: &Weights<S>, values: &[S]) -> Self {
        let (all, _, saved) = pass.buffers();
        let own = |v: View<S>| Tensor { shape: v.shape.to_vec(), data: v.data.to_vec() };
        let weight = |k: &usize| Tensor {
            shape: plan.infos[*k].shape.clone(),
            data: values[plan.infos[*k].range.clone()].to_vec(),
        };
        Local {
            kind: step.kind,
            params: step.params.clone(),
            inputs: inputs(plan, step, all, values).into_iter().map(own).collect(),
            weights: step.weights.iter().map(weight).collect(),
            kept: step.buffers.iter().map(|k| Tensor { data: weights.value(*k).to_vec(), ..weight(k) }).collect(),
            output: Tensor { shape: step.shape.clone(), data: all[step.value.clone()].to_vec() },
            saved: saved[step.saved.clone()].to_vec(),
            flows: step.pins.iter().map(Option::is_some).collect(),
            mode: pass.mode(),
            seed: pass.seed(step),
            cost: step.flops.max(step.value.len() as u64),
        }
    }

    /// Whether the kind computes; the others are filled by the engine.
    pub fn computes(&self) -> bool {
        !matches!(self.kind.spec.role, Role::Features | Role::Target)
    }

    pub fn tensor(&self, of: Target) -> &Tensor<S> {
        match of {
            Target::Input(k) => &self.inputs[k],
            Target::Weight(k) => &self.weights[k],
        }
    }

    /// All tensors that the node reads.
    pub fn targets(&self) -> Vec<Target> {
        (0..self.weights.len()).map(Target::Weight).chain((0..self.inputs.len()).map(Target::Input)).collect()
    }

    /// Inputs and weights, with the numbers in `swaps` in place of the node's own.
    fn views<'a>(&'a self, swaps: &[(Target, &'a [S])]) -> (Vec<View<'a, S>>, Vec<View<'a, S>>) {
        let mut inputs: Vec<View<S>> = self.inputs.iter().map(Tensor::view).collect();
        let mut weights: Vec<View<S>> = self.weights.iter().map(Tensor::view).collect();
        for (target, data) in swaps {
            match target {
                Target::Input(k) => inputs[*k].data = data,
                Target::Weight(k) => weights[*k].data = data,
            }
        }
        (inputs, weights)
    }

    /// The output with the numbers in `swaps` in place of the node's own, and what is saved.
    pub fn forward(&self, swaps: &[(Target, &[S])]) -> (Vec<S>, Vec<S>) {
        let (inputs, weights) = self.views(swaps);
        let mut output = vec![S::zero(); self.output.data.len()];
        let mut saved = vec![S::zero(); self.saved.len()];
        // Buffers as they are now: a pass in training overwrites what it changes of them.
        let mut kept = self.kept.clone();
        let mut buffers: Vec<_> = kept.iter_mut().map(|t| ViewMut { shape: &t.shape, data: &mut t.data[..] }).collect();
        S::forward(
            self.kind,
            &mut Forward {
                params: &self.params,
                inputs: &inputs,
                weights: &weights,
                output: ViewMut { shape: &self.output.shape, data: &mut output },
                saved: &mut saved,
                mode: self.mode,
                seed: self.seed,
                buffers: &mut buffers,
            },
        );
        drop(buffers);
        (output, saved)
    }

    /// ∂L/∂target from ∂L/∂output = `delta`, with the numbers in `swap` in place of the node's own.
    pub fn backward(&self, delta: &[S], target: Target, swap: Option<(Target, &[S])>) -> Vec<S> {
        let (inputs, weights) = self.views(swap.as_slice());
        let of = self.tensor(target);
        let mut result = vec![S::zero(); of.data.len()];
        let view = ViewMut { shape: &of.shape, data: &mut result };
        let mut grad_inputs: Vec<Option<ViewMut<S>>> = inputs.iter().map(|_| None).collect();
        let mut grad_weights: Vec<Option<ViewMut<S>>> = weights.iter().map(|_| None).collect();
        match target {
            Target::Input(k) => grad_inputs[k] = Some(view),
            Target::Weight(k) => grad_weights[k] = Some(view),
        }
        S::backward(
            self.kind,
            &mut Backward {
                params: &self.params,
                inputs: &inputs,
                weights: &weights,
                output: self.output.view(),
                saved: &self.saved,
                mode: self.mode,
                grad_output: View { shape: &self.output.shape, data: delta },
                grad_inputs: &mut grad_inputs,
                grad_weights: &mut grad_weights,
            },
        );
        drop((grad_inputs, grad_weights));
        result
    }

    /// Calls `f` with the node as its parts see it.
    pub fn inside<R>(&self, f: impl FnOnce(&Inner<S>) -> R) -> R {
        let (inputs, weights) = self.views(&[]);
        f(&Inner {
            params: &self.params,
            inputs: &inputs,
            weights: &weights,
            output: self.output.view(),
            mode: self.mode,
            seed: self.seed,
        })
    }

    /// Sample `n` of `batch` alone, if it can be computed alone: then the output is the same.
    pub fn sample(&self, n: usize, batch: usize) -> Option<Self> {
        let has = |shape: &[usize]| batch > 1 && shape.first() == Some(&batch);
        if !has(&self.output.shape) || !self.inputs.iter().all(|x| has(&x.shape)) || !self.kept.is_empty() {
            return None;
        }
        // What is saved must be saved for each sample.
        let shapes: Vec<Shape> = self.inputs.iter().map(|x| Shape::batch(&x.shape[1..])).collect();
        let ctx = InferCtx { params: &self.params, inputs: &shapes, features: None, target: None };
        let saved = (self.kind.infer)(&ctx).ok()?.saved;
        if saved.is_some_and(|s| s.0.first() != Some(&Dim::Batch) || s.len(batch) != self.saved.len()) {
            return None;
        }
        let cut = |t: &Tensor<S>| {
            let len = t.data.len() / batch;
            let shape = std::iter::once(1).chain(t.shape[1..].iter().copied()).collect();
            Tensor { shape, data: t.data[n * len..][..len].to_vec() }
        };
        let mut one = self.clone();
        for x in one.inputs.iter_mut() {
            *x = cut(x);
        }
        let row = cut(&self.output);
        one.output = row.clone();
        one.saved.truncate(self.saved.len() / batch);
        one.cost = (self.cost / batch as u64).max(1);
        (one.output.data, one.saved) = one.forward(&[]);
        let same = |(a, b): (&S, &S)| (a.to64() - b.to64()).abs() <= 1e-5 * (1e-3 + b.to64().abs());
        one.output.data.iter().zip(&row.data).all(same).then_some(one)
    }
}
