//! Runs one kind on numbers that a test has worked out by hand.

use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Kind, Mode, Params, Precision as _, Value, catalogue};
use crate::tensor::{Shape, View, ViewMut};

/// The shape and the elements of an input.
pub type Tensor<'a> = (&'a [usize], &'a [f64]);

/// What a kind computed.
#[derive(Debug, PartialEq)]
pub struct Ran {
    /// Shape of the output.
    pub shape: Vec<usize>,
    /// The output.
    pub output: Vec<f64>,
    /// ∂L/∂input; none where no gradient flows.
    pub grads: Vec<Option<Vec<f64>>>,
    /// ∂L/∂weight.
    pub weight_grads: Vec<Vec<f64>>,
    /// The buffers after the forward pass.
    pub kept: Vec<Vec<f64>>,
}

impl Ran {
    /// The gradient of input `k`.
    pub fn grad(&self, k: usize) -> &[f64] {
        self.grads[k].as_deref().expect("this input has a gradient")
    }
}

fn kind(id: &str) -> &'static Kind {
    catalogue::find(id).expect("the kind is in the catalogue")
}

fn params(kind: &Kind, set: &[(&str, Value)]) -> Params {
    Params(set.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()).filled(kind.spec.params)
}

/// The shape rule of kind `id`, with the parameters `set`.
pub fn infer(id: &str, set: &[(&str, Value)], inputs: &[Shape]) -> Result<Inferred, Fault> {
    let kind = kind(id);
    let params = params(kind, set);
    (kind.infer)(&InferCtx { params: &params, inputs, features: None, target: None })
}

/// The output's shape.
pub fn shape(id: &str, set: &[(&str, Value)], inputs: &[Shape]) -> Shape {
    infer(id, set, inputs).expect("these shapes fit").output
}

/// Why these shapes do not fit.
pub fn fault(id: &str, set: &[(&str, Value)], inputs: &[Shape]) -> Fault {
    infer(id, set, inputs).expect_err("these shapes do not fit")
}

/// Runs kind `id` forward, and backward from ∂L/∂output = `delta`.
pub fn run(id: &str, set: &[(&str, Value)], inputs: &[Tensor], delta: &[f64]) -> Ran {
    run_weighted(id, set, inputs, &[], delta)
}

/// As [`run`], with weights.
pub fn run_weighted(id: &str, set: &[(&str, Value)], inputs: &[Tensor], weights: &[Tensor], delta: &[f64]) -> Ran {
    run_mode(Mode::Train, id, set, inputs, weights, delta)
}

/// As [`run_weighted`], with buffers after the weights, in training or evaluation.
pub fn run_mode(
    mode: Mode,
    id: &str,
    set: &[(&str, Value)],
    inputs: &[Tensor],
    weights: &[Tensor],
    delta: &[f64],
) -> Ran {
    let kind = kind(id);
    let shapes: Vec<Shape> = inputs.iter().map(|x| Shape::fixed(x.0)).collect();
    let params = params(kind, set);
    let inferred = infer(id, set, &shapes).expect("these shapes fit");
    let shape = inferred.output.concrete(1);
    let inputs: Vec<View<f64>> = inputs.iter().map(|x| View { shape: x.0, data: x.1 }).collect();
    let (weights, kept) = weights.split_at(inferred.weights.iter().filter(|w| !w.buffer).count().min(weights.len()));
    let weights: Vec<View<f64>> = weights.iter().map(|x| View { shape: x.0, data: x.1 }).collect();
    let mut kept: Vec<(&[usize], Vec<f64>)> = kept.iter().map(|x| (x.0, x.1.to_vec())).collect();
    let mut buffers: Vec<_> = kept.iter_mut().map(|(shape, data)| ViewMut { shape, data }).collect();
    let mut output = vec![f64::NAN; inferred.output.len(1)];
    let mut saved = vec![f64::NAN; inferred.saved.as_ref().map_or(0, |s| s.len(1))];
    f64::forward(
        kind,
        &mut Forward {
            params: &params,
            inputs: &inputs,
            weights: &weights,
            output: ViewMut { shape: &shape, data: &mut output },
            saved: &mut saved,
            mode,
            seed: 5,
            buffers: &mut buffers,
        },
    );
    let blank = |x: &View<f64>| vec![f64::NAN; x.data.len()];
    let flows = |k: usize| !kind.spec.no_grad.contains(&k);
    let mut grads: Vec<_> = inputs.iter().enumerate().map(|(k, x)| flows(k).then(|| blank(x))).collect();
    let mut weight_grads: Vec<_> = weights.iter().map(blank).collect();
    let grad_views = grads.iter_mut().zip(&inputs);
    let mut grad_inputs: Vec<_> =
        grad_views.map(|(g, x)| g.as_mut().map(|g| ViewMut { shape: x.shape, data: g })).collect();
    let mut grad_weights: Vec<_> =
        weight_grads.iter_mut().zip(&weights).map(|(g, w)| Some(ViewMut { shape: w.shape, data: g })).collect();
    f64::backward(
        kind,
        &mut Backward {
            params: &params,
            inputs: &inputs,
            weights: &weights,
            output: View { shape: &shape, data: &output },
            saved: &saved,
            mode,
            grad_output: View { shape: &shape, data: delta },
            grad_inputs: &mut grad_inputs,
            grad_weights: &mut grad_weights,
        },
    );
    drop((grad_inputs, grad_weights, buffers));
    let kept = kept.into_iter().map(|k| k.1).collect();
    Ran { shape, output, grads, weight_grads, kept }
}

/// Fails where two lists of numbers differ by more than rounding.
#[track_caller]
pub fn near(got: &[f64], want: &[f64]) {
    let close = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-12 * b.abs().max(1.0));
    assert!(close, "{got:?} instead of {want:?}");
}
