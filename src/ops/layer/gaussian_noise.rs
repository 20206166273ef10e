//! Gaussian noise: z = x + σε with ε ~ N(0, 1) drawn for every element and batch, ∂L/∂x = δ; in evaluation z = x.
//! Source: Bishop 1995, "Training with noise is equivalent to Tikhonov regularization".

use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inputs, Mode, Op, ParamKind, ParamSpec,
    Reads, Role, Spec, Value,
};
use crate::tensor::kernels::heed;
use crate::tensor::{Scalar, normal, stream};

/// See the module.
pub struct GaussianNoise;

impl Op for GaussianNoise {
    const SPEC: Spec = Spec {
        id: "gaussian_noise",
        label: "Gaussian noise",
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[ParamSpec {
            name: "std",
            kind: ParamKind::Float { min: 0.0, max: 1e6, log: false },
            default: || Value::Float(0.1),
            unit: "",
            doc: "Standard deviation σ of the noise, in units of the input.",
        }],
        reads: Reads { inputs: false, weights: false, output: false },
        formula: Formula {
            forward: r"z = x + \sigma\,\epsilon,\quad \epsilon \sim \mathcal{N}(0, 1)",
            local: r"\frac{\partial z}{\partial x} = 1",
            chain: r"\frac{\partial L}{\partial x} = \delta",
        },
        kinks: "",
        doc: "Adds fresh noise to every element while training, so that the network never sees the same input twice. For small noise it acts like a penalty on steep functions. Evaluation passes everything through unchanged.",
        torch: "",
        grad_fn: GradFn::Composed("x + σ · randn_like(x): AddBackward0"),
        onnx: "",
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        Ok(Inferred::output(ctx.inputs[0].clone()))
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0].data;
        let std = ctx.params.float("std");
        if ctx.mode == Mode::Eval || std == 0.0 {
            ctx.output.data.copy_from_slice(x);
            return;
        }
        let mut rng = stream(ctx.seed, 0);
        heed::pieces(x.len(), 16, |r| {
            for (z, x) in ctx.output.data[r.clone()].iter_mut().zip(&x[r]) {
                *z = *x + S::of(std * normal(&mut rng));
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if let Some(gx) = &mut ctx.grad_inputs[0] {
            gx.data.copy_from_slice(ctx.grad_output.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{run, run_mode};
    use crate::ops::{Mode, Value};

    #[test]
    fn noise_has_the_standard_deviation_and_gradients_pass() {
        let n = 4000;
        let delta: Vec<f64> = (0..n).map(|i| f64::from(i) / 7.0).collect();
        let ran = run("gaussian_noise", &[("std", Value::Float(2.0))], &[(&[4000], &vec![1.0; 4000])], &delta);
        let spread = (ran.output.iter().map(|z| (z - 1.0) * (z - 1.0)).sum::<f64>() / f64::from(n)).sqrt();
        assert!((spread - 2.0).abs() < 0.1, "{spread}");
        assert_eq!(ran.grad(0), delta);
        let still = run_mode(Mode::Eval, "gaussian_noise", &[], &[(&[2], &[1.0, 2.0])], &[], &[0.0, 0.0]);
        assert_eq!(still.output, [1.0, 2.0]);
    }
}
