//! All axes from one on become one axis.

use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inputs, Op, ParamKind, ParamSpec, Reads,
    Role, Spec, Value,
};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Flatten;

impl Op for Flatten {
    const SPEC: Spec = Spec {
        id: "flatten",
        label: "Flatten",
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[ParamSpec {
            name: "start_dim",
            kind: ParamKind::Int { min: 0, max: 8 },
            default: || Value::Int(1),
            unit: "",
            doc: "The first axis that is merged; 1 keeps the batch.",
        }],
        reads: Reads { inputs: false, weights: false, output: false },
        formula: Formula {
            forward: r"z_{n,\,k} = x_{n,\,i,\,j}",
            local: r"\frac{\partial z}{\partial x} = I",
            chain: r"\frac{\partial L}{\partial x} = \delta \ \text{in the shape of } x",
        },
        kinks: "",
        doc: "Lays the axes of each sample end to end, so that a linear layer can follow an image. No number changes, only the shape.",
        torch: "torch.nn.Flatten",
        grad_fn: GradFn::Names(&["ViewBackward0"]),
        onnx: "Flatten",
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let start = ctx.params.int("start_dim").max(0) as usize;
        if start >= x.rank().max(1) {
            let message = format!("{x} has no axis {start} to start from");
            return Err(Fault::at(0, message).hint(crate::ops::Hint::Set("start_dim", Value::Int(0))));
        }
        let rest = &x.0[start.min(x.rank())..];
        if rest.len() > 1 && rest.contains(&Dim::Batch) {
            return Err(Fault::at(
                0,
                format!("{x} arrives: flattening from axis {start} would mix the samples of the batch"),
            )
            .hint(crate::ops::Hint::Set("start_dim", Value::Int(start as i64 + 1))));
        }
        let mut out = x.0[..start.min(x.rank())].to_vec();
        match rest {
            [one] => out.push(*one),
            _ => out.push(Dim::Fixed(Shape(rest.to_vec()).per_sample())),
        }
        Ok(Inferred { output: Shape(out), ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        ctx.output.data.copy_from_slice(ctx.inputs[0].data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if let Some(g) = &mut ctx.grad_inputs[0] {
            g.data.copy_from_slice(ctx.grad_output.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn an_image_becomes_a_row_and_its_gradient_an_image() {
        let x = [1.0, 2.0, 3.0, 4.0];
        let ran = run("flatten", &[], &[(&[1, 2, 2], &x)], &x);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice(), ran.grad(0)), (&[1, 4][..], &x[..], &x[..]));
    }

    #[test]
    fn the_batch_is_kept_apart() {
        let start = |n: i64| [("start_dim", Value::Int(n))];
        assert_eq!(shape("flatten", &[], &[Shape::batch(&[3, 8, 8])]), Shape::batch(&[192]));
        assert_eq!(shape("flatten", &start(2), &[Shape::batch(&[3, 8, 8])]), Shape::batch(&[3, 64]));
        let f = fault("flatten", &start(0), &[Shape::batch(&[3])]);
        assert_eq!(f.hints, [Hint::Set("start_dim", Value::Int(1))]);
        assert!(fault("flatten", &start(1), &[Shape::scalar()]).message.contains("no axis 1"));
    }
}
