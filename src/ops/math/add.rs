//! The sum of two tensors, element by element.

use super::shared::{BINARY, binary, binary_back, broadcast_shape};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Add;

impl Op for Add {
    const SPEC: Spec = Spec {
        id: "add",
        label: "Add",
        formula: Formula {
            forward: r"z = a + b",
            local: r"\frac{\partial z}{\partial a} = 1,\quad \frac{\partial z}{\partial b} = 1",
            chain: r"\frac{\partial L}{\partial a} = \delta,\quad \frac{\partial L}{\partial b} = \delta",
        },
        doc: "The sum of two tensors, element by element. The gradient passes unchanged to both sides, which is why skip connections train so well. Axes of length 1 stretch; their gradients add up.",
        torch: "torch.add",
        grad_fn: GradFn::Names(&["AddBackward0"]),
        onnx: "Add",
        ..BINARY
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        broadcast_shape(ctx)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        binary(ctx, |a, b| a + b);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        binary_back(ctx, |g, _, _| g, |g, _, _| g);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run},
    };
    use crate::tensor::Shape;

    #[test]
    fn a_row_under_each_row_and_its_gradients_added_up() {
        let ran = run("add", &[], &[(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), (&[2], &[10.0, 20.0])], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ran.output, [11.0, 22.0, 13.0, 24.0]);
        assert_eq!((ran.grad(0), ran.grad(1)), (&[1.0, 2.0, 3.0, 4.0][..], &[4.0, 6.0][..]));
    }

    #[test]
    fn a_column_and_a_row_make_a_table() {
        let ran = run("add", &[], &[(&[2, 1], &[1.0, 2.0]), (&[3], &[10.0, 20.0, 30.0])], &[1.0; 6]);
        assert_eq!(ran.output, [11.0, 21.0, 31.0, 12.0, 22.0, 32.0]);
        assert_eq!((ran.grad(0), ran.grad(1)), (&[3.0, 3.0][..], &[2.0, 2.0, 2.0][..]));
    }

    #[test]
    fn what_does_not_fit_is_mended_where_one_node_can() {
        let hint = |a: Shape, b: Shape| fault("add", &[], &[a, b]).hints;
        let swap = vec![("dim0", Value::Int(-2)), ("dim1", Value::Int(-1))];
        assert_eq!(hint(Shape::fixed(&[3, 4]), Shape::fixed(&[4, 3])), [Hint::InsertBefore(1, "transpose", swap)]);
        let wide = vec![("dim", Value::Int(1))];
        assert_eq!(hint(Shape::batch(&[4]), Shape::batch(&[])), [Hint::InsertBefore(1, "unsqueeze", wide)]);
        assert_eq!(hint(Shape::batch(&[2, 2]), Shape::batch(&[4])).len(), 1);
        assert_eq!(hint(Shape::batch(&[3]), Shape::batch(&[4])), []);
    }

    #[test]
    fn the_wrong_axis_is_named() {
        let f = fault("add", &[], &[Shape::batch(&[3]), Shape::batch(&[4])]);
        assert!(f.message.contains("B×3 and B×4") && f.message.contains("axis 1 is 3 in one and 4"), "{}", f.message);
        assert_eq!((f.input, f.axis), (Some(1), Some(1)));
    }
}
