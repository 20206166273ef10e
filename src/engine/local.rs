//! One node by itself: its numbers copied out of a pass, so that its forward and backward can be run on changed ones.

use crate::engine::pass::{Pass, inputs};
use crate::engine::plan::{Plan, Source};
use crate::engine::weights::Weights;
use crate::graph::NodeId;
use crate::ops::{Backward, Forward, Kind, Mode, Params, Precision, Role};
use crate::tensor::{View, ViewMut};

/// A tensor that a node reads.
#[derive(Clone, Debug)]
pub struct Operand<S> {
    /// The name of the pin or of the weight.
    pub label: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Row-major elements.
    pub data: Vec<S>,
    /// Whether a gradient comes out of it.
    pub flows: bool,
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
    params: Params,
    buffers: Vec<Operand<S>>,
    saved: Vec<S>,
    output: Vec<S>,
    mode: Mode,
    seed: u64,
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
    /// nothing.
    pub fn take(plan: &Plan, pass: &Pass<S>, weights: &Weights<S>, node: NodeId) -> Option<Self> {
        let step = &plan.steps[*plan.index.get(&node)?];
        let spec = step.kind.spec;
        if matches!(spec.role, Role::Features | Role::Target) {
            return None;
        }
        let views = inputs(plan, step, pass.buffers().0, &weights.values);
        let pins = views.iter().zip(&step.inputs).enumerate().map(|(pin, (view, source))| Operand {
            label: match source {
                Source::Value(_) => spec.input_name(pin),
                Source::Weight(k) => plan.infos[*k].label.clone(),
            },
            shape: view.shape.to_vec(),
            data: view.data.to_vec(),
            flows: !spec.no_grad.contains(&pin),
        });
        let own = |numbers: &[usize], flows: bool| -> Vec<Operand<S>> {
            let tensor = |k: &usize| Operand {
                label: plan.infos[*k].name.to_owned(),
                shape: plan.infos[*k].shape.clone(),
                data: weights.value(*k).to_vec(),
                flows,
            };
            numbers.iter().map(tensor).collect()
        };
        Some(Local {
            node,
            kind: step.kind,
            inputs: pins.collect(),
            weights: own(&step.weights, true),
            shape: step.shape.clone(),
            params: step.params.clone(),
            buffers: own(&step.buffers, false),
            saved: vec![S::zero(); step.saved.len()],
            output: vec![S::zero(); step.value.len()],
            mode: pass.mode(),
            seed: pass.seed(step),
        })
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
        }
    }

    /// Runs the node forward on its numbers. What is random is drawn as in the pass; buffers stay as they were.
    pub fn forward(&mut self) -> &[S] {
        let mut kept: Vec<Vec<S>> = self.buffers.iter().map(|b| b.data.clone()).collect();
        let shapes = kept.iter_mut().zip(&self.buffers);
        let mut buffers: Vec<ViewMut<S>> = shapes.map(|(data, b)| ViewMut { shape: &b.shape, data }).collect();
        S::forward(
            self.kind,
            &mut Forward {
                params: &self.params,
                inputs: &views(&self.inputs),
                weights: &views(&self.weights),
                output: ViewMut { shape: &self.shape, data: &mut self.output },
                saved: &mut self.saved,
                mode: self.mode,
                seed: self.seed,
                buffers: &mut buffers,
            },
        );
        &self.output
    }

    /// The output of the latest [`Local::forward`].
    pub fn output(&self) -> &[S] {
        &self.output
    }

    /// The gradients for ∂L/∂output = `delta`, after a [`Local::forward`].
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
        S::backward(
            self.kind,
            &mut Backward {
                params: &self.params,
                inputs: &views(&self.inputs),
                weights: &views(&self.weights),
                output: View { shape: &self.shape, data: &self.output },
                saved: &self.saved,
                mode: self.mode,
                grad_output: View { shape: &self.shape, data: delta },
                grad_inputs: &mut grad_inputs,
                grad_weights: &mut grad_weights,
            },
        );
        drop((grad_inputs, grad_weights));
        LocalGrads { inputs, weights }
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
        let shapes = [crate::tensor::Shape::fixed(&input.shape)];
        let params = Params::default().filled(kind.spec.params);
        let ctx = crate::ops::InferCtx { params: &params, inputs: &shapes, features: None, target: None };
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
        }
    }
}

fn views<S>(operands: &[Operand<S>]) -> Vec<View<'_, S>> {
    operands.iter().map(|o| View { shape: &o.shape, data: &o.data }).collect()
}
