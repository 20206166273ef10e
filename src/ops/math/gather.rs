//! Along one axis, the elements that a second tensor names by their numbers.
//!
//! For dim = 1: z[n, k] = x[n, index[n, k]]. ∂L/∂x[n, i] is the sum of all δ[n, k] whose index is i. An index that is
//! no whole number or lies outside the axis gives NaN.

use super::shared::{line, one_axis};
use crate::ops::unary::UNARY;
use crate::ops::{
    Backward, Break, Count, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inputs, Op, ParamKind,
    ParamSpec, Reads, Spec, Value, When,
};
use crate::tensor::kernels::elementwise;
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Gather;

impl Op for Gather {
    const SPEC: Spec = Spec {
        id: "gather",
        label: "Gather",
        inputs: Inputs::Fixed(&["input", "index"]),
        no_grad: &[1],
        params: &[ParamSpec {
            name: "dim",
            kind: ParamKind::Int { min: -8, max: 7 },
            default: || Value::Int(1),
            unit: "",
            doc: "The axis along which elements are picked; negative counts from the last axis.",
        }],
        reads: Reads { inputs: true, weights: false, output: false },
        formula: Formula {
            forward: r"z_{nk} = x_{n,\,\mathrm{index}_{nk}}",
            local: r"\frac{\partial z_{nk}}{\partial x_{ni}} = [\,i = \mathrm{index}_{nk}\,]",
            chain: r"\frac{\partial L}{\partial x_{ni}} = \sum_{k:\ \mathrm{index}_{nk} = i} \delta_{nk}",
        },
        doc: "Picks elements by number along one axis: with class numbers B×1 it takes each sample's score of its own class. The gradient goes back to the elements that were picked, added up where one was picked twice; the index gets none. A number that names no element gives NaN.",
        torch: "torch.gather",
        grad_fn: GradFn::Names(&["GatherBackward0"]),
        onnx: "GatherElements",
        ..UNARY
    };

    const BREAKS: &'static [Break] = &[Break {
        pin: 1,
        when: When::NoIndex(Count::Along("dim")),
        given: |_| true,
        backward: false,
        says: "the axis has no element of this number",
        repairs: &[],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let axis = one_axis(ctx, "picking from it")?;
        let (x, index) = (&ctx.inputs[0], &ctx.inputs[1]);
        let fits = |s: &Shape| s.rank() == x.rank() && (0..s.rank()).all(|k| k == axis || s.0[k] == x.0[k]);
        if fits(index) && matches!(index.0[axis], Dim::Fixed(_)) {
            return Ok(Inferred { output: index.clone(), ..Inferred::default() });
        }
        let message = format!("the index is {index}, but the input is {x}: all axes but axis {axis} must agree");
        let mut expected = x.clone();
        expected.0[axis] = Dim::Fixed(1);
        let mut wide = index.clone();
        wide.0.insert(axis.min(wide.rank()), Dim::Fixed(1));
        let fault = Fault::at(1, message).expected(expected);
        let widen = Hint::InsertBefore(1, "unsqueeze", vec![("dim", Value::Int(axis as i64))]);
        Err(if fits(&wide) { fault.hint(widen) } else { fault })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, index, dim) = (ctx.inputs[0], ctx.inputs[1], ctx.params.int("dim"));
        let ((n, inner), (m, _)) = (line(x.shape, dim), line(index.shape, dim));
        elementwise::blocks(ctx.output.data, m * inner, x.data.len(), |k, out| {
            let (x, index) = (&x.data[k * n * inner..][..n * inner], &index.data[k * m * inner..][..m * inner]);
            for (j, (out, i)) in out.iter_mut().zip(index).enumerate() {
                *out = i.index(n).map_or_else(S::nan, |i| x[i * inner + j % inner]);
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (index, delta, dim) = (ctx.inputs[1], ctx.grad_output.data, ctx.params.int("dim"));
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        let ((n, inner), (m, _)) = (line(grad.shape, dim), line(index.shape, dim));
        let work = grad.data.len();
        elementwise::blocks(grad.data, n * inner, work, |k, grad| {
            grad.fill(S::zero());
            let (index, delta) = (&index.data[k * m * inner..][..m * inner], &delta[k * m * inner..][..m * inner]);
            for (j, (delta, i)) in delta.iter().zip(index).enumerate() {
                if let Some(i) = i.index(n) {
                    grad[i * inner + j % inner] += *delta;
                }
            }
        });
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
    fn each_row_gives_the_elements_it_is_asked_for() {
        let (x, index) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 0.0, 1.0, 1.0]);
        let ran = run("gather", &[], &[(&[2, 3], &x), (&[2, 2], &index)], &[10.0, 20.0, 30.0, 40.0]);
        assert_eq!(ran.output, [3.0, 1.0, 5.0, 5.0]);
        assert_eq!(ran.grad(0), [20.0, 0.0, 10.0, 0.0, 70.0, 0.0]);
        assert_eq!(ran.grads[1], None);
    }

    #[test]
    fn along_the_first_axis_columns_stay_columns() {
        let dim = [("dim", Value::Int(0))];
        let ran = run("gather", &dim, &[(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), (&[1, 2], &[1.0, 0.0])], &[7.0, 8.0]);
        assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[3.0, 2.0][..], &[0.0, 8.0, 7.0, 0.0][..]));
    }

    #[test]
    fn a_number_that_names_nothing_is_nan_and_passes_nothing_back() {
        for bad in [-1.0, 2.0, 0.5, f64::NAN] {
            let ran = run("gather", &[], &[(&[1, 2], &[1.0, 2.0]), (&[1, 1], &[bad])], &[1.0]);
            assert!(ran.output[0].is_nan() && ran.grad(0) == [0.0, 0.0], "{bad}");
        }
    }

    #[test]
    fn class_numbers_without_an_axis_are_mended() {
        let f = fault("gather", &[], &[Shape::batch(&[5]), Shape::batch(&[])]);
        assert_eq!(f.hints, [Hint::InsertBefore(1, "unsqueeze", vec![("dim", Value::Int(1))])]);
        assert_eq!(shape("gather", &[], &[Shape::batch(&[5]), Shape::batch(&[1])]), Shape::batch(&[1]));
        assert!(fault("gather", &[], &[Shape::batch(&[]), Shape::batch(&[])]).message.contains("no axis 1"));
    }
}
