//! What elementwise functions of one tensor share, activations and arithmetic alike.

use crate::ops::{Backward, Category, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inputs, Reads, Role, Spec};
use crate::tensor::{Scalar, kernels::elementwise};

pub(super) const READS_NOTHING: Reads = Reads { inputs: false, weights: false, output: false };
pub(super) const READS_INPUT: Reads = Reads { inputs: true, weights: false, output: false };
pub(super) const READS_OUTPUT: Reads = Reads { inputs: false, weights: false, output: true };

/// A kind of one input; the family and each file name the rest.
pub(super) const UNARY: Spec = Spec {
    id: "",
    label: "",
    category: Category::Math,
    role: Role::Compute,
    inputs: Inputs::Fixed(&["input"]),
    no_grad: &[],
    params: &[],
    reads: READS_NOTHING,
    formula: Formula { forward: "", local: "", chain: "" },
    kinks: "",
    doc: "",
    torch: "",
    grad_fn: GradFn::None,
    onnx: "",
};

/// The chain rule of every elementwise function.
pub(super) const CHAIN: &str = r"\frac{\partial L}{\partial x_i} = \delta_i \, f'(x_i)";

/// The shape rule of elementwise functions: the output is shaped as the input. `cost` operations per element.
pub(super) fn same_shape(ctx: &InferCtx, cost: u64) -> Result<Inferred, Fault> {
    let output = ctx.inputs[0].clone();
    let flops = cost * output.per_sample() as u64;
    Ok(Inferred { output, flops, ..Inferred::default() })
}

/// `y = f(x)` for each element.
pub(super) fn unary<S: Scalar>(ctx: &mut Forward<S>, f: impl Fn(S) -> S + Sync) {
    elementwise::map(ctx.inputs[0].data, ctx.output.data, f);
}

/// `∂L/∂x = f(x, δ)` for each element.
pub(super) fn backward_from_input<S: Scalar>(ctx: &mut Backward<S>, f: impl Fn(S, S) -> S + Sync) {
    if let Some(grad) = &mut ctx.grad_inputs[0] {
        elementwise::zip(ctx.inputs[0].data, ctx.grad_output.data, grad.data, f);
    }
}

/// `∂L/∂x = f(y, δ)` for each element.
pub(super) fn backward_from_output<S: Scalar>(ctx: &mut Backward<S>, f: impl Fn(S, S) -> S + Sync) {
    if let Some(grad) = &mut ctx.grad_inputs[0] {
        elementwise::zip(ctx.output.data, ctx.grad_output.data, grad.data, f);
    }
}

/// `∂L/∂x = f(δ)` for each element.
pub(super) fn backward_plain<S: Scalar>(ctx: &mut Backward<S>, f: impl Fn(S) -> S + Sync) {
    if let Some(grad) = &mut ctx.grad_inputs[0] {
        elementwise::map(ctx.grad_output.data, grad.data, f);
    }
}

/// A copy of the elements, in whatever shape.
pub(super) fn copy<S: Scalar>(ctx: &mut Forward<S>) {
    ctx.output.data.copy_from_slice(ctx.inputs[0].data);
}

/// The adjoint of [`copy`].
pub(super) fn copy_back<S: Scalar>(ctx: &mut Backward<S>) {
    if let Some(grad) = &mut ctx.grad_inputs[0] {
        grad.data.copy_from_slice(ctx.grad_output.data);
    }
}
