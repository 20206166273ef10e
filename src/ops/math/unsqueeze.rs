//! A new axis of length 1; no number moves.

use crate::ops::unary::{UNARY, copy, copy_back};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Dim, Scalar};

/// See the module.
pub struct Unsqueeze;

impl Op for Unsqueeze {
    const SPEC: Spec = Spec {
        id: "unsqueeze",
        label: "Unsqueeze",
        params: &[ParamSpec {
            name: "dim",
            kind: ParamKind::Int { min: -8, max: 8 },
            default: || Value::Int(1),
            unit: "",
            doc: "Where the new axis stands in the output; negative counts from the end, −1 is the last axis.",
        }],
        formula: Formula {
            forward: r"z = x \text{ with a new axis of length } 1",
            local: r"\frac{\partial z}{\partial x} = I",
            chain: r"\frac{\partial L}{\partial x} = \delta \ \text{in the shape of } x",
        },
        doc: "Puts in an axis of length 1, such as the channel axis that a convolution expects, or one that stretches in an addition. No number changes, and the gradient goes back in the old shape.",
        torch: "torch.unsqueeze",
        grad_fn: GradFn::Names(&["UnsqueezeBackward0"]),
        onnx: "Unsqueeze",
        ..UNARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (x, dim) = (&ctx.inputs[0], ctx.params.int("dim"));
        let last = x.rank() as i64;
        let at = if dim < 0 { dim + last + 1 } else { dim };
        if !(0..=last).contains(&at) {
            let message = format!("{x} has {last} axes: a new one can stand at 0 to {last}, not at {dim}");
            return Err(Fault::at(0, message).hint(Hint::Set("dim", Value::Int(-1))));
        }
        let mut output = x.clone();
        output.0.insert(at as usize, Dim::Fixed(1));
        Ok(Inferred { output, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        copy(ctx);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        copy_back(ctx);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn the_new_axis_stands_where_dim_says() {
        let dim = |d: i64| [("dim", Value::Int(d))];
        assert_eq!(shape("unsqueeze", &[], &[Shape::batch(&[28, 28])]), Shape::batch(&[1, 28, 28]));
        assert_eq!(shape("unsqueeze", &dim(-1), &[Shape::batch(&[4])]), Shape::batch(&[4, 1]));
        assert_eq!(shape("unsqueeze", &dim(0), &[Shape::scalar()]), Shape::fixed(&[1]));
        assert!(fault("unsqueeze", &dim(3), &[Shape::batch(&[])]).message.contains("at 0 to 1, not at 3"));
    }

    #[test]
    fn numbers_and_gradients_only_change_their_shape() {
        let ran = run("unsqueeze", &[], &[(&[2], &[3.0, 4.0])], &[5.0, 6.0]);
        assert_eq!(
            (ran.shape.as_slice(), ran.output.as_slice(), ran.grad(0)),
            (&[2, 1][..], &[3.0, 4.0][..], &[5.0, 6.0][..])
        );
    }
}
