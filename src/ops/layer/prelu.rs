//! PReLU(x) = x for x > 0, else a x, with a slope a that is learnt: one for all, or one per channel (axis 1).
//!
//! ∂z/∂x is 1 or a, ∂z/∂a is 0 or x; at 0 the branch of the slope counts, as in PyTorch. Sources: He et al. 2015;
//! `torch.nn.PReLU`.

use super::shared::{LAYER, at_least, int};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Reads, Spec, Value,
    WeightSpec,
};
use crate::tensor::kernels::broadcast;
use crate::tensor::{Dim, Init, Scalar};
use smallvec::{SmallVec, smallvec};

/// See the module.
pub struct Prelu;

impl Op for Prelu {
    const SPEC: Spec = Spec {
        id: "prelu",
        label: "PReLU",
        params: &[
            int(
                "num_parameters",
                1,
                || Value::Int(1),
                "1 learns one slope for all; else a slope per channel (axis 1).",
            ),
            ParamSpec {
                name: "init",
                kind: ParamKind::Float { min: -10.0, max: 10.0, log: false },
                default: || Value::Float(0.25),
                unit: "",
                doc: "The slope below zero before training.",
            },
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: Formula {
            forward: r"z = \begin{cases} x & x > 0 \\ a\,x & x \le 0 \end{cases}",
            local: r"\frac{\partial z}{\partial x} = \begin{cases} 1 & x > 0 \\ a & x \le 0 \end{cases},\quad \frac{\partial z}{\partial a} = \min(x, 0)",
            chain: r"\frac{\partial L}{\partial x} = \begin{cases} \delta & x > 0 \\ a\,\delta & x \le 0 \end{cases},\quad \frac{\partial L}{\partial a} = \sum \delta\,\min(x, 0)",
        },
        kinks: "x = 0",
        doc: "A ReLU whose slope below zero is learnt, so no neuron is ever cut off from the gradient for good. With slope 1 it would be the identity. Weight decay pulls the slope to 0, towards plain ReLU, so it is usually left out of the decay.",
        torch: "torch.nn.PReLU",
        grad_fn: GradFn::Names(&["PreluKernelBackward0"]),
        onnx: "PRelu",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, count) = (&ctx.inputs[0], at_least(ctx.params, "num_parameters", 1));
        if count > 1 && x.0.get(1) != Some(&Dim::Fixed(count)) {
            let message = format!("{count} slopes need as many channels in axis 1, but {x} arrives");
            let fits = if let Some(Dim::Fixed(c @ 1..)) = x.0.get(1) { *c as i64 } else { 1 };
            let fault = Fault::at(0, message).hint(Hint::Set("num_parameters", Value::Int(fits)));
            return Err(if x.rank() > 1 { fault.axis(1) } else { fault });
        }
        let weights = vec![WeightSpec::new("weight", vec![count], Init::Constant(ctx.params.float("init")))];
        Ok(Inferred { weights, ..Inferred::output(x.clone()) })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, a) = (ctx.inputs[0], ctx.weights[0]);
        let out = (ctx.output.shape, &mut *ctx.output.data);
        broadcast::zip((x.shape, x.data), (&beside(x.shape, a.data.len()), a.data), out, |x, a| {
            if x > S::zero() { x } else { a * x }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (x, a, delta) = (ctx.inputs[0], ctx.weights[0], ctx.grad_output);
        let beside = beside(x.shape, a.data.len());
        let (x, a, delta) = ((x.shape, x.data), (beside.as_slice(), a.data), (delta.shape, delta.data));
        if let Some(g) = &mut ctx.grad_inputs[0] {
            broadcast::zip_back((x.0, &mut *g.data), delta, x, a, |d, x, a| if x > S::zero() { d } else { a * d });
        }
        if let Some(g) = &mut ctx.grad_weights[0] {
            let slope = |d, x, _| if x > S::zero() { S::zero() } else { d * x };
            broadcast::zip_back((a.0, &mut *g.data), delta, x, a, slope);
        }
    }
}

/// The shape in which `count` slopes stretch over axis 1 of `x`.
fn beside(x: &[usize], count: usize) -> SmallVec<[usize; 8]> {
    let mut shape: SmallVec<[usize; 8]> = smallvec![1; x.len().saturating_sub(1).max(1)];
    shape[0] = count;
    shape
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, infer, run_weighted},
    };
    use crate::tensor::{Init, Shape};

    #[test]
    fn below_zero_the_slope_counts_and_learns() {
        let x = [2.0, -4.0, 0.0, -1.0];
        let ran = run_weighted("prelu", &[], &[(&[2, 2], &x)], &[(&[1], &[0.25])], &[1.0, 2.0, 4.0, 8.0]);
        assert_eq!(ran.output, [2.0, -1.0, 0.0, -0.25]);
        assert_eq!((ran.grad(0), ran.weight_grads[0].as_slice()), (&[1.0, 0.5, 1.0, 2.0][..], &[-16.0][..]));
    }

    #[test]
    fn channels_have_slopes_of_their_own() {
        let set = [("num_parameters", Value::Int(2))];
        let x = [-1.0, -2.0, -3.0, 4.0];
        let ran = run_weighted("prelu", &set, &[(&[1, 2, 2], &x)], &[(&[2], &[0.5, 3.0])], &[1.0, 10.0, 2.0, 7.0]);
        assert_eq!(ran.output, [-0.5, -1.0, -9.0, 4.0]);
        assert_eq!((ran.grad(0), ran.weight_grads[0].as_slice()), (&[0.5, 5.0, 6.0, 7.0][..], &[-21.0, -6.0][..]));
    }

    #[test]
    fn the_slope_starts_at_a_quarter_and_its_number_must_fit() {
        let i = infer("prelu", &[], &[Shape::batch(&[3])]).expect("any shape fits one slope");
        assert_eq!((i.weights[0].shape.as_slice(), i.weights[0].init), (&[1][..], Init::Constant(0.25)));
        let f = fault("prelu", &[("num_parameters", Value::Int(4))], &[Shape::batch(&[3, 5])]);
        assert_eq!((f.axis, f.hints), (Some(1), vec![Hint::Set("num_parameters", Value::Int(3))]));
    }
}
