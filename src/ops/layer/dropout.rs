//! Inverted dropout: m ∈ {0, 1/(1 − p)} drawn for every element and batch, z = m·x, ∂L/∂x = m·δ; in evaluation
//! z = x. Source: Srivastava et al. 2014, scaled in training as `torch.nn.Dropout`. Saved: m.

use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Inputs, Made, Mode, Op, ParamKind,
    ParamSpec, Part, Place, Reads, Role, Spec, Value,
};
use crate::tensor::kernels::{elementwise, heed};
use crate::tensor::{Scalar, stream};
use rand::RngExt as _;

/// See the module.
pub struct Dropout;

impl Op for Dropout {
    const SPEC: Spec = Spec {
        id: "dropout",
        label: "Dropout",
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[ParamSpec {
            name: "p",
            kind: ParamKind::Float { min: 0.0, max: 1.0, log: false },
            default: || Value::Float(0.5),
            unit: "",
            doc: "Probability with which an element becomes zero.",
        }],
        reads: Reads { inputs: false, weights: false, output: false },
        formula: Formula {
            forward: r"z = m \odot x,\quad m_i = \begin{cases} 0 & \text{with probability } p \\ \frac{1}{1-p} & \text{otherwise} \end{cases}",
            local: r"\frac{\partial z_i}{\partial x_i} = m_i",
            chain: r"\frac{\partial L}{\partial x} = \delta \odot m",
        },
        kinks: "",
        doc: "Switches elements off at random while training, and scales the others up so that the mean stays. No unit can rely on a single other one, which works against overfitting. Evaluation passes everything through unchanged.",
        torch: "torch.nn.Dropout",
        grad_fn: GradFn::Names(&["MulBackward0"]),
        onnx: "Dropout",
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let output = ctx.inputs[0].clone();
        Ok(Inferred { saved: Some(output.clone()), ..Inferred::output(output) })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let p = ctx.params.float("p");
        if ctx.mode == Mode::Train {
            let kept = if p < 1.0 { S::of(1.0 / (1.0 - p)) } else { S::zero() };
            let mut rng = stream(ctx.seed, 0);
            heed::pieces(ctx.saved.len(), 4, |r| {
                ctx.saved[r].fill_with(|| if rng.random::<f64>() < p { S::zero() } else { kept });
            });
        } else {
            ctx.saved.fill(S::one());
        }
        elementwise::zip(ctx.inputs[0].data, ctx.saved, ctx.output.data, |x, m| x * m);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let Some(gx) = &mut ctx.grad_inputs[0] else { return };
        elementwise::zip(ctx.grad_output.data, ctx.saved, gx.data, |d, m| d * m);
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let formula = match inner.mode {
            Mode::Train => MASK,
            Mode::Eval => "m_i = 1",
        };
        let shape = inner.output.shape.to_vec();
        let mask = Part { name: "mask", formula, shape, data: inner.saved.to_vec() };
        vec![mask, inner.whole("what the mask lets through", r"z = m \odot x")]
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        match (part, inner.mode) {
            (0, Mode::Train) => Made::Function("0 or 1/(1 − p), drawn at random", Vec::new()),
            (0, Mode::Eval) => Made::Function("1, as nothing is drawn in evaluation", Vec::new()),
            _ => Made::Sum(vec![(1.0, vec![Place::Part(0, index), Place::Input(0, index)])]),
        }
    }
}

/// How the mask is drawn.
const MASK: &str =
    r"m_i = \begin{cases} 0 & \text{with probability } p \\ \frac{1}{1-p} & \text{otherwise} \end{cases}";

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run, run_mode};
    use crate::ops::{Mode, Value};

    #[test]
    fn what_is_kept_is_scaled_and_passes_its_gradient() {
        let x: Vec<f64> = (1..=2000).map(f64::from).collect();
        let ran = run("dropout", &[("p", Value::Float(0.2))], &[(&[2000], &x)], &vec![1.0; 2000]);
        let mut kept = 0;
        for ((z, x), g) in ran.output.iter().zip(&x).zip(ran.grad(0)) {
            kept += usize::from(*z != 0.0);
            near(&[*z], &[x * g]);
            assert!(*g == 0.0 || (g - 1.25).abs() < 1e-12);
        }
        // 1600 expected, with a standard deviation of 18.
        assert!((1500..1700).contains(&kept), "{kept} of 2000 were kept");
    }

    #[test]
    fn evaluation_changes_nothing() {
        let ran = run_mode(Mode::Eval, "dropout", &[], &[(&[3], &[1.0, 2.0, 3.0])], &[], &[4.0, 5.0, 6.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[1.0, 2.0, 3.0][..], &[4.0, 5.0, 6.0][..]));
    }
}
