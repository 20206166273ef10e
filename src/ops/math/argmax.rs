//! The number of the largest element along one axis; the first where several are as large, a NaN before all.

use super::shared::{line, one_axis};
use crate::ops::unary::UNARY;
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value};
use crate::tensor::{Dim, Scalar, kernels::elementwise};

/// See the module.
pub struct Argmax;

impl Op for Argmax {
    const SPEC: Spec = Spec {
        id: "argmax",
        label: "Argmax",
        no_grad: &[0],
        params: &[
            ParamSpec {
                name: "dim",
                kind: ParamKind::Int { min: -8, max: 7 },
                default: || Value::Int(-1),
                unit: "",
                doc: "The axis along which the largest element is sought; negative counts from the last axis.",
            },
            ParamSpec {
                name: "keepdim",
                kind: ParamKind::Bool,
                default: || Value::Bool(false),
                unit: "",
                doc: "Whether the axis stays with length 1.",
            },
        ],
        formula: Formula {
            forward: r"z = \operatorname{arg\,max}_i\, x_i",
            local: r"\frac{\partial z}{\partial x_i} = 0",
            chain: r"\frac{\partial L}{\partial x_i} = 0 \quad \text{no gradient flows back}",
        },
        doc: "The number of the largest element along an axis: the class a network decides for. It jumps from one whole number to the next, so no gradient passes; use it to look at results and softmax to learn.",
        torch: "torch.argmax",
        onnx: "ArgMax",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let axis = one_axis(ctx, "seeking the largest along it")?;
        let mut output = ctx.inputs[0].clone();
        let flops = output.per_sample() as u64;
        if ctx.params.bool("keepdim") {
            output.0[axis] = Dim::Fixed(1);
        } else {
            output.0.remove(axis);
        }
        Ok(Inferred { output, flops, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let x = ctx.inputs[0];
        let (n, inner) = line(x.shape, ctx.params.int("dim"));
        elementwise::blocks(ctx.output.data, inner, x.data.len(), |k, out| {
            let x = &x.data[k * n * inner..][..n * inner];
            for (i, out) in out.iter_mut().enumerate() {
                let mut best = 0;
                for j in 1..n {
                    let (new, old) = (x[j * inner + i], x[best * inner + i]);
                    if new > old || (new.is_nan() && !old.is_nan()) {
                        best = j;
                    }
                }
                *out = S::of(best as f64);
            }
        });
    }

    fn backward<S: Scalar>(_: &mut Backward<S>) {}
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn the_first_of_the_largest_and_no_gradient() {
        let x = [1.0, 7.0, 7.0, f64::NAN, 2.0, 9.0];
        let ran = run("argmax", &[], &[(&[2, 3], &x)], &[1.0, 1.0]);
        assert_eq!((ran.output, ran.grads), (vec![1.0, 0.0], vec![None]));
        let ran = run("argmax", &[("dim", Value::Int(0))], &[(&[3, 2], &[1.0, 6.0, 3.0, 5.0, 2.0, 4.0])], &[1.0, 1.0]);
        assert_eq!(ran.output, [1.0, 0.0]);
    }

    #[test]
    fn the_axis_goes_or_stays_with_length_one() {
        assert_eq!(shape("argmax", &[], &[Shape::batch(&[5])]), Shape::batch(&[]));
        assert_eq!(shape("argmax", &[("keepdim", Value::Bool(true))], &[Shape::batch(&[5])]), Shape::batch(&[1]));
        assert!(fault("argmax", &[], &[Shape::batch(&[])]).message.contains("is the batch"));
    }
}
