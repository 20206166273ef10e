//! The same elements in another shape.

use super::shared::MATH;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Reshape;

impl Op for Reshape {
    const SPEC: Spec = Spec {
        id: "reshape",
        label: "Reshape",
        params: &[ParamSpec {
            name: "shape",
            kind: ParamKind::Ints,
            default: || Value::Ints(vec![-1, 1]),
            unit: "",
            doc: "Lengths of the new axes. A leading -1 stands for the batch; without a batch, one -1 is worked out.",
        }],
        formula: Formula {
            forward: r"z = \text{the elements of } x \text{ in a new shape}",
            local: r"\frac{\partial z}{\partial x} = I",
            chain: r"\frac{\partial L}{\partial x} = \delta \ \text{in the shape of } x",
        },
        doc: "Reads the same numbers, in the same order, with other axes. Nothing is computed; the gradient goes back in the old shape. The number of elements per sample must stay.",
        torch: "torch.reshape",
        grad_fn: GradFn::Names(&["ViewBackward0"]),
        onnx: "Reshape",
        ..MATH
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let sizes = ctx.params.ints("shape");
        if sizes.iter().any(|n| *n == 0 || *n < -1) || sizes.iter().filter(|n| **n == -1).count() > 1 {
            return Err(Fault::new("shape takes lengths of at least 1, and at most one -1"));
        }
        let batch = x.0.first() == Some(&Dim::Batch);
        if x.0.iter().skip(1).any(|d| *d == Dim::Batch) {
            return Err(Fault::at(0, format!("{x} arrives: the batch must be the first axis to be reshaped")));
        }
        let elements = x.per_sample();
        let (lead, rest): (&[i64], &[i64]) = match (batch, sizes.split_first()) {
            (true, Some((-1, rest))) => (&[-1], rest),
            (true, _) => {
                let mut wanted = vec![-1];
                wanted.extend_from_slice(sizes);
                return Err(Fault::at(
                    0,
                    format!("{x} has a batch axis: shape must begin with -1, which stands for it"),
                )
                .hint(crate::ops::Hint::Set("shape", Value::Ints(wanted))));
            }
            (false, _) => (&[], sizes),
        };
        let sizes_known = rest.iter().filter(|n| **n > 0).map(|n| *n as usize);
        let known = sizes_known.fold(1usize, usize::saturating_mul);
        let open = rest.contains(&-1);
        if (open && (known == 0 || !elements.is_multiple_of(known))) || (!open && known != elements) {
            let per = if batch { " per sample" } else { "" };
            let message =
                format!("{x} has {elements} elements{per}, which does not fit the shape {sizes:?} with {known}");
            let flat = if batch { vec![-1, elements as i64] } else { vec![elements as i64] };
            return Err(Fault::at(0, message).hint(crate::ops::Hint::Set("shape", Value::Ints(flat))));
        }
        let axes = rest.iter().map(|n| Dim::Fixed(if *n == -1 { elements / known } else { *n as usize }));
        let out = lead.iter().map(|_| Dim::Batch).chain(axes).collect();
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

    fn to(sizes: &[i64]) -> [(&'static str, Value); 1] {
        [("shape", Value::Ints(sizes.to_vec()))]
    }

    #[test]
    fn numbers_keep_their_order() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let ran = run("reshape", &to(&[3, -1]), &[(&[2, 3], &x)], &x);
        assert_eq!((ran.shape.as_slice(), ran.output.as_slice(), ran.grad(0)), (&[3, 2][..], &x[..], &x[..]));
    }

    #[test]
    fn the_batch_stays_the_first_axis() {
        assert_eq!(shape("reshape", &to(&[-1, 2, 3]), &[Shape::batch(&[6])]), Shape::batch(&[2, 3]));
        let f = fault("reshape", &to(&[2, 3]), &[Shape::batch(&[6])]);
        assert_eq!(f.hints, [Hint::Set("shape", Value::Ints(vec![-1, 2, 3]))]);
    }

    #[test]
    fn the_number_of_elements_stays() {
        let f = fault("reshape", &to(&[-1, 4]), &[Shape::batch(&[6])]);
        assert!(f.message.contains("6 elements per sample"), "{}", f.message);
        assert_eq!(f.hints, [Hint::Set("shape", Value::Ints(vec![-1, 6]))]);
        assert!(fault("reshape", &to(&[-1, -1]), &[Shape::fixed(&[6])]).message.contains("at most one -1"));
    }
}
