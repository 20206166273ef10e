//! Each sample's last axes are brought to mean 0 and variance 1, then scaled and shifted element by element.
//!
//! Over the n elements of the normalised axes, x̂ = (x − μ)/√(σ² + ε) and z = γx̂ + β. With g = γδ, and since
//! ∂μ/∂x = 1/n and ∂σ²/∂x = 2(x − μ)/n: ∂L/∂x = (g − mean(g) − x̂ · mean(g x̂))/√(σ² + ε). Sources: Ba, Kiros and
//! Hinton 2016; `torch.nn.LayerNorm`.

use super::norm_parts::Cut;
use super::shared::{EPS, LAYER, switch};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Part,
    Reads, Spec, Value, WeightSpec,
};
use crate::tensor::kernels::norm::{self, Norm};
use crate::tensor::{Dim, Init, Scalar, Shape};

/// See the module.
pub struct LayerNorm;

/// The mathematics of every normalisation within one sample.
pub(super) const NORM: Formula = Formula {
    forward: r"z = \gamma\,\hat x + \beta,\quad \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}",
    local: r"\frac{\partial \hat x_i}{\partial x_j} = \frac{[\,i = j\,] - \frac{1}{n} - \frac{1}{n}\,\hat x_i \hat x_j}{\sqrt{\sigma^2 + \varepsilon}},\quad \frac{\partial z}{\partial \gamma} = \hat x",
    chain: r"\frac{\partial L}{\partial x} = \frac{\gamma\delta - \overline{\gamma\delta} - \hat x\,\overline{\gamma\delta\,\hat x}}{\sqrt{\sigma^2 + \varepsilon}},\quad \frac{\partial L}{\partial \gamma} = \sum \delta\,\hat x,\quad \frac{\partial L}{\partial \beta} = \sum \delta",
};

impl Op for LayerNorm {
    const SPEC: Spec = Spec {
        id: "layer_norm",
        label: "LayerNorm",
        params: &[
            ParamSpec {
                name: "normalized_shape",
                kind: ParamKind::Ints,
                default: || Value::Ints(vec![]),
                unit: "",
                doc: "Lengths of the last axes, over which mean and variance are taken; none means the last axis.",
            },
            EPS,
            switch(
                "elementwise_affine",
                || Value::Bool(true),
                "Whether each element has a factor γ and an offset β that are learnt.",
            ),
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: NORM,
        doc: "Brings the features of each sample to mean 0 and variance 1, and lets the network scale and shift them again. Unlike batch normalisation it needs no other samples, so it is the same in training and in use; transformers have it around every block.",
        torch: "torch.nn.LayerNorm",
        grad_fn: GradFn::Names(&["NativeLayerNormBackward0"]),
        onnx: "LayerNormalization",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, wanted) = (&ctx.inputs[0], ctx.params.ints("normalized_shape"));
        let count = wanted.len().max(1);
        let lengths = |last: &[Dim]| -> Option<Vec<i64>> {
            last.iter().map(|d| if let Dim::Fixed(n @ 1..) = d { Some(*n as i64) } else { None }).collect()
        };
        let found = x.rank().checked_sub(count).and_then(|k| lengths(&x.0[k..]));
        match found {
            Some(found) if wanted.is_empty() || wanted == found => {
                let shape: Vec<usize> = found.iter().map(|n| *n as usize).collect();
                let mut weights = vec![];
                if ctx.params.bool("elementwise_affine") {
                    weights.push(WeightSpec::new("weight", shape.clone(), Init::Constant(1.0)));
                    weights.push(WeightSpec::new("bias", shape, Init::Constant(0.0)));
                }
                let mut saved = x.0[..x.rank() - count].to_vec();
                saved.push(Dim::Fixed(2));
                let flops = 8 * x.per_sample() as u64;
                Ok(Inferred { output: x.clone(), weights, saved: Some(Shape(saved)), flops, ..Inferred::default() })
            }
            Some(found) => {
                let expected = Shape::fixed(&wanted.iter().map(|n| (*n).max(0) as usize).collect::<Vec<_>>());
                let message = format!("{x} arrives, but its last axes should be {expected}, as normalized_shape says");
                let at = x.rank() - count;
                let wrong = (0..count).find(|k| wanted[*k] != found[*k]).unwrap_or(0);
                let fits = Hint::Set("normalized_shape", Value::Ints(found));
                Err(Fault::at(0, message).axis(at + wrong).hint(fits))
            }
            None => {
                let message = format!("{x} has no {count} axes of features at its end: the batch is not normalised");
                let fault = Fault::at(0, message);
                let default = Hint::Set("normalized_shape", Value::Ints(vec![]));
                Err(if count > 1 && matches!(x.0.last(), Some(Dim::Fixed(_))) { fault.hint(default) } else { fault })
            }
        }
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0];
        let weights = ctx.weights.first_chunk().map(|[g, b]| [g.data, b.data]);
        let norm = of(ctx.params.ints("normalized_shape"), x.shape);
        norm::forward(&norm, ctx.params.float("eps"), x.data, weights, ctx.output.data, ctx.saved);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let norm = of(ctx.params.ints("normalized_shape"), ctx.inputs[0].shape);
        backward(ctx, &norm);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        cut(inner).parts(inner)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        cut(inner).made(inner, part, index)
    }
}

fn cut<S>(inner: &Inner<S>) -> Cut<impl Fn(usize) -> usize + use<S>> {
    let (axes, x) = (inner.params.ints("normalized_shape"), inner.inputs[0].shape);
    let block = of(axes, x).block;
    Cut { shape: x[..x.len() - axes.len().max(1)].to_vec(), group: move |i| i / block, shared: 1 }
}

fn of(axes: &[i64], x: &[usize]) -> Norm {
    let block = x[x.len() - axes.len().max(1)..].iter().product();
    Norm { block, groups: 1, shared: 1 }
}

pub(super) fn backward<S: Scalar>(ctx: &mut Backward<S>, norm: &Norm) {
    let (x, delta) = (ctx.inputs[0].data, ctx.grad_output.data);
    if let Some(gx) = &mut ctx.grad_inputs[0] {
        norm::grad_input(norm, x, ctx.weights.first().map(|g| g.data), ctx.saved, delta, gx.data);
    }
    for (k, grad) in ctx.grad_weights.iter_mut().enumerate() {
        let Some(grad) = grad else { continue };
        norm::grad_weight(norm, x, (k == 0).then_some(ctx.saved), delta, grad.data);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, infer, near, run_weighted},
    };
    use crate::tensor::{Init, Shape};

    #[test]
    fn each_row_gets_mean_0_and_variance_1_then_its_factors() {
        // Mean 2, variance 4: x̂ is −1, 1, −1, 1. Without ε the numbers are round.
        let (x, no_eps) = ([0.0, 4.0, 0.0, 4.0], [("eps", Value::Float(0.0))]);
        let weights: [(&[usize], &[f64]); 2] = [(&[4], &[1.0, 2.0, 3.0, 4.0]), (&[4], &[0.5; 4])];
        let ran = run_weighted("layer_norm", &no_eps, &[(&[1, 4], &x)], &weights, &[8.0, 0.0, 0.0, 0.0]);
        near(&ran.output, &[-0.5, 2.5, -2.5, 4.5]);
        // g = (8, 0, 0, 0): mean 2, mean of g x̂ −2; (g − 2 + 2x̂)/2.
        near(ran.grad(0), &[2.0, 0.0, -2.0, 0.0]);
        near(&ran.weight_grads[0], &[-8.0, 0.0, 0.0, 0.0]);
        near(&ran.weight_grads[1], &[8.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn weights_are_shaped_as_what_is_normalised_and_start_as_one_and_zero() {
        let set = [("normalized_shape", Value::Ints(vec![3, 4]))];
        let i = infer("layer_norm", &set, &[Shape::batch(&[2, 3, 4])]).expect("the shapes fit");
        assert_eq!((i.output, i.saved), (Shape::batch(&[2, 3, 4]), Some(Shape::batch(&[2, 2]))));
        let of = |k: usize| (i.weights[k].shape.as_slice(), i.weights[k].init);
        assert_eq!(of(0), (&[3, 4][..], Init::Constant(1.0)));
        assert_eq!(of(1), (&[3, 4][..], Init::Constant(0.0)));
    }

    #[test]
    fn lengths_that_disagree_are_mended() {
        let set = [("normalized_shape", Value::Ints(vec![3, 5]))];
        let f = fault("layer_norm", &set, &[Shape::batch(&[2, 3, 4])]);
        assert_eq!((f.axis, f.hints), (Some(3), vec![Hint::Set("normalized_shape", Value::Ints(vec![3, 4]))]));
        let f = fault("layer_norm", &set, &[Shape::batch(&[4])]);
        assert_eq!(f.hints, [Hint::Set("normalized_shape", Value::Ints(vec![]))]);
        assert!(fault("layer_norm", &[], &[Shape::batch(&[])]).hints.is_empty());
        assert!(fault("layer_norm", &[], &[Shape::scalar()]).message.contains("scalar"));
    }
}
