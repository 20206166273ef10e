//! What the batch normalisations share. Source: Ioffe and Szegedy 2015; `torch.nn.BatchNorm1d` and `2d`.
//!
//! With m numbers per channel, mean μ and biased variance σ², x̂ = (x − μ)/√(σ² + ε), z = γx̂ + β. In training
//! ∂L/∂x = γ/√(σ² + ε) · (δ − mean(δ) − x̂·mean(δx̂)), since μ and σ² depend on every x of the channel; in evaluation
//! they are constants and ∂L/∂x = γδ/√(σ² + ε). Saved per channel: μ, then 1/√(σ² + ε).

use super::norm_parts::Cut;
use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Inputs, Made, Mode, ParamKind,
    ParamSpec, Part, Reads, Role, Spec, Value, WeightSpec,
};
use crate::tensor::kernels::batch::Channels;
use crate::tensor::kernels::scratch;
use crate::tensor::{Dim, Init, Scalar, Shape};

/// What the kinds say of themselves; they differ in the inputs they take.
pub const fn spec(id: &'static str, label: &'static str, torch: &'static str, doc: &'static str) -> Spec {
    Spec {
        id,
        label,
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[
            ParamSpec {
                name: "eps",
                kind: ParamKind::Float { min: 1e-12, max: 1.0, log: true },
                default: || Value::Float(1e-5),
                unit: "",
                doc: "Added to the variance, so that a constant channel does not divide by zero.",
            },
            ParamSpec {
                name: "momentum",
                kind: ParamKind::Float { min: 0.0, max: 1.0, log: false },
                default: || Value::Float(0.1),
                unit: "",
                doc: "Share of the batch's statistics in the running ones, which evaluation uses.",
            },
            ParamSpec {
                name: "affine",
                kind: ParamKind::Bool,
                default: || Value::Bool(true),
                unit: "",
                doc: "Whether each channel has a factor γ and an offset β that are learnt.",
            },
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: Formula {
            forward: r"z = \gamma\,\hat x + \beta,\quad \hat x = \frac{x - \mu_B}{\sqrt{\sigma_B^2 + \varepsilon}}",
            local: r"\frac{\partial z}{\partial \hat x} = \gamma,\quad \frac{\partial z}{\partial \gamma} = \hat x",
            chain: r"\frac{\partial L}{\partial x} = \frac{\gamma}{\sqrt{\sigma_B^2 + \varepsilon}}\left(\delta - \bar\delta - \hat x\,\overline{\delta \hat x}\right),\quad \frac{\partial L}{\partial \gamma} = \sum \delta \hat x,\quad \frac{\partial L}{\partial \beta} = \sum \delta",
        },
        kinks: "",
        doc,
        torch,
        grad_fn: GradFn::Names(&["NativeBatchNormBackward0"]),
        onnx: "BatchNormalization",
    }
}

/// The shape rule for inputs of one of these ranks.
pub fn infer(ctx: &InferCtx, ranks: &[usize], wanted: &str) -> Result<Inferred, Fault> {
    let x = &ctx.inputs[0];
    let channels = match x.0.get(1) {
        Some(Dim::Fixed(c)) if ranks.contains(&x.rank()) && *c > 0 => *c,
        _ => return Err(Fault::at(0, format!("{x} arrives, but this normalisation needs {wanted}"))),
    };
    let mut weights = Vec::new();
    if ctx.params.bool("affine") {
        weights.push(WeightSpec::new("weight", vec![channels], Init::Constant(1.0)));
        weights.push(WeightSpec::new("bias", vec![channels], Init::Constant(0.0)));
    }
    weights.push(WeightSpec::buffer("running_mean", vec![channels], Init::Constant(0.0)));
    weights.push(WeightSpec::buffer("running_var", vec![channels], Init::Constant(1.0)));
    let saved = Some(Shape::fixed(&[2, channels]));
    // One value has no variance: `torch.nn.functional.batch_norm` refuses it as well.
    let single = x.0[0] == Dim::Batch && x.per_sample() == channels;
    let least = if single { 2 } else { 0 };
    Ok(Inferred { output: x.clone(), weights, saved, flops: 8 * x.per_sample() as u64, least })
}

pub fn forward<S: Scalar>(ctx: &mut Forward<S>) {
    let x = &ctx.inputs[0];
    let layout = Channels::of(x.shape);
    let count = layout.count() as f64;
    let (eps, momentum) = (ctx.params.float("eps"), ctx.params.float("momentum"));
    let (means, scales) = ctx.saved.split_at_mut(layout.channels);
    let mut keep = |c: usize, mean: f64, var: f64| {
        (means[c], scales[c]) = (S::of(mean), S::of(1.0 / (var + eps).sqrt()));
    };
    if ctx.mode == Mode::Train {
        let buffers = &mut *ctx.buffers;
        layout.moments(x.data, |c, mean, squares| {
            keep(c, mean, squares / count);
            if let [running_mean, running_var] = buffers {
                // PyTorch keeps the unbiased variance.
                let unbiased = squares / (count - 1.0).max(1.0);
                let mixed = |old: S, new: f64| S::of((1.0 - momentum) * old.to64() + momentum * new);
                running_mean.data[c] = mixed(running_mean.data[c], mean);
                running_var.data[c] = mixed(running_var.data[c], unbiased);
            }
        });
    } else {
        let kept = |k: usize, c: usize| ctx.buffers.get(k).map_or(0.0, |b| b.data[c].to64());
        (0..layout.channels).for_each(|c| keep(c, kept(0, c), kept(1, c)));
    }
    let both = [x.data; 2];
    match ctx.weights {
        [gamma, beta] => {
            let weights = [&*means, &*scales, gamma.data, beta.data];
            layout.each(weights, both, ctx.output.data, |[m, s, g, b], x, _| g * ((x - m) * s) + b);
        }
        _ => layout.each([&*means, &*scales], both, ctx.output.data, |[m, s], x, _| (x - m) * s),
    }
}

fn cut<S>(inner: &Inner<S>) -> Cut<impl Fn(usize) -> usize + use<S>> {
    let Channels { channels, run, .. } = Channels::of(inner.inputs[0].shape);
    Cut { shape: vec![channels], group: move |i| i / run % channels, shared: run }
}

/// The parts: in training with the statistics of the batch, in evaluation with those that are kept.
pub fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
    match inner.mode {
        Mode::Train => cut(inner).parts(inner),
        Mode::Eval => cut(inner).kept_parts(inner),
    }
}

/// How they are made.
pub fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
    match inner.mode {
        Mode::Train => cut(inner).made(inner, part, index),
        Mode::Eval => cut(inner).kept_made(inner, part, index),
    }
}

pub fn backward<S: Scalar>(ctx: &mut Backward<S>) {
    let (x, delta) = (ctx.inputs[0].data, ctx.grad_output.data);
    let layout = Channels::of(ctx.grad_output.shape);
    let (means, scales) = ctx.saved.split_at(layout.channels);
    scratch::with(3 * layout.channels, |terms: &mut [S]| {
        let (flat, rest) = terms.split_at_mut(layout.channels);
        let (along, factor) = rest.split_at_mut(layout.channels);
        layout.gradients([x, delta], [means, scales], |c, sum_delta, sum_hat| {
            if let [gamma, beta] = &mut *ctx.grad_weights {
                if let Some(g) = gamma {
                    g.data[c] = S::of(sum_hat);
                }
                if let Some(b) = beta {
                    b.data[c] = S::of(sum_delta);
                }
            }
            let count = layout.count() as f64;
            (flat[c], along[c]) = (S::of(sum_delta / count), S::of(sum_hat / count));
            factor[c] = scales[c] * ctx.weights.first().map_or(S::one(), |g| g.data[c]);
        });
        let Some(gx) = &mut ctx.grad_inputs[0] else { return };
        let data = [delta, x];
        if ctx.mode == Mode::Train {
            let weights = [means, scales, flat, along, factor];
            layout.each(weights, data, gx.data, |[m, s, flat, along, k], d, x| k * (d - flat - (x - m) * s * along));
        } else {
            layout.each([&*factor], data, gx.data, |[k], d, _| k * d);
        }
    });
}
