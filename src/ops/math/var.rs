//! The variance over some or all axes: s² = Σ (x − x̄)² / (n − c), in two passes as for numbers far from zero.
//!
//! ∂s²/∂xᵢ = 2 (xᵢ − x̄) / (n − c): what x̄ adds is Σ (x − x̄) = 0. Source: `torch.var`.

use super::shared::{REDUCE, chosen, gone, reduced};
use crate::ops::unary::{READS_INPUT, UNARY};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Dim, Scalar, kernels::reduce};

/// See the module.
pub struct Var;

impl Op for Var {
    const SPEC: Spec = Spec {
        id: "var",
        label: "Variance",
        params: &[
            REDUCE[0],
            ParamSpec {
                name: "correction",
                kind: ParamKind::Int { min: 0, max: 1000 },
                default: || Value::Int(1),
                unit: "",
                doc: "What is taken off the number of elements, c in the formula. 1 makes the estimate from a sample unbiased; 0 is the variance of the numbers themselves, as in batch norm.",
            },
            REDUCE[1],
        ],
        reads: READS_INPUT,
        formula: Formula {
            forward: r"z = \frac{1}{n - c} \sum_i (x_i - \bar x)^2",
            local: r"\frac{\partial z}{\partial x_i} = \frac{2\,(x_i - \bar x)}{n - c}",
            chain: r"\frac{\partial L}{\partial x_i} = \delta\,\frac{2\,(x_i - \bar x)}{n - c}",
        },
        doc: "The mean squared distance from the mean, over some or all axes: the first step of every normalisation. Its gradient pulls each element towards the mean. With as few elements as the correction takes off, such as a batch of one, it is NaN.",
        torch: "torch.var",
        grad_fn: GradFn::Names(&["VarBackward0"]),
        onnx: "",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, correction) = (&ctx.inputs[0], ctx.params.int("correction"));
        let mut inferred = reduced(ctx)?;
        let axes = chosen(ctx)?;
        let over = || x.0.iter().enumerate().filter(|(k, _)| axes.is_empty() || axes.contains(k)).map(|(_, d)| *d);
        let n = over().map(|d| if let Dim::Fixed(n) = d { n } else { 1 }).fold(1usize, usize::saturating_mul);
        if !over().any(|d| d == Dim::Batch) && n as i64 <= correction {
            let message =
                format!("{n} elements of {x} go into one variance, and the correction takes {correction} off");
            let fault = Fault::at(0, message);
            return Err(if correction > 0 { fault.hint(Hint::Set("correction", Value::Int(0))) } else { fault });
        }
        inferred.flops = 4 * x.per_sample() as u64;
        inferred.saved = Some(inferred.output.clone());
        Ok(inferred)
    }

    /// Saves the mean.
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, mean, out) = (ctx.inputs[0], &mut *ctx.saved, &mut *ctx.output.data);
        let gone = gone(ctx.params, x.shape.len());
        let n = x.data.len() / out.len().max(1);
        reduce::sum(x.shape, x.data, &gone, S::of(1.0 / n as f64), mean);
        reduce::deviations(x.shape, x.data, mean, &gone, out);
        let scale = scale::<S>(n, ctx.params.int("correction"));
        for o in out {
            *o *= scale;
        }
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (x, mean, delta) = (ctx.inputs[0], ctx.saved, ctx.grad_output.data);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        let scale = S::of(2.0) * scale::<S>(x.data.len() / delta.len().max(1), ctx.params.int("correction"));
        reduce::spread(x.shape, &gone(ctx.params, x.shape.len()), grad.data, |i, r| {
            delta[r] * scale * (x.data[i] - mean[r])
        });
    }
}

/// 1 / (n − c), with nothing below 0 left of n.
fn scale<S: Scalar>(n: usize, correction: i64) -> S {
    S::one() / S::of((n as f64 - correction as f64).max(0.0))
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, near, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn of_one_to_four() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let ran = run("var", &[], &[(&[4], &x)], &[3.0]);
        near(&ran.output, &[5.0 / 3.0]);
        near(ran.grad(0), &[-3.0, -1.0, 1.0, 3.0]);
        let ran = run("var", &[("correction", Value::Int(0))], &[(&[4], &x)], &[2.0]);
        near(&ran.output, &[1.25]);
        near(ran.grad(0), &[-1.5, -0.5, 0.5, 1.5]);
    }

    #[test]
    fn column_by_column() {
        let set = [("dim", Value::Ints(vec![0])), ("keepdim", Value::Bool(true))];
        let ran = run("var", &set, &[(&[2, 2], &[1.0, 5.0, 3.0, 5.0])], &[1.0, 1.0]);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice()), (&[1, 2][..], &[2.0, 0.0][..]));
        near(ran.grad(0), &[-2.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn one_element_has_no_unbiased_variance() {
        let f = fault("var", &[("dim", Value::Ints(vec![1]))], &[Shape::batch(&[1])]);
        assert_eq!(f.hints, [Hint::Set("correction", Value::Int(0))]);
        let ran =
            run("var", &[("dim", Value::Ints(vec![0])), ("correction", Value::Int(0))], &[(&[1], &[3.0])], &[1.0]);
        assert_eq!(ran.output, [0.0]);
    }
}
