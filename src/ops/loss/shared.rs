//! What all losses have in common: parameters, reductions, and the loops over pairs of numbers.

use crate::ops::{
    Backward, Category, Formula, Forward, GradFn, Inputs, ParamKind, ParamSpec, Params, Reads, Role, Spec, Value,
};
use crate::tensor::{Scalar, kernels::elementwise};

/// `reduction`: mean or sum.
pub(super) const REDUCTION: ParamSpec = ParamSpec {
    name: "reduction",
    kind: ParamKind::Choice(&["mean", "sum"]),
    default: || Value::Text("mean".into()),
    unit: "",
    doc: "mean divides by the number of terms, so that the loss and its gradient do not grow with the batch; sum does not.",
};

/// `loss_weight`: read by the engine, not by the losses.
pub(super) const LOSS_WEIGHT: ParamSpec = ParamSpec {
    name: "loss_weight",
    kind: ParamKind::Float { min: 0.0, max: 1e6, log: true },
    default: || Value::Float(1.0),
    unit: "",
    doc: "What this loss is multiplied with in the total when a network has several. 0 shows it without training on it.",
};

/// `lambda` of the penalties.
pub(super) const LAMBDA: ParamSpec = ParamSpec {
    name: "lambda",
    kind: ParamKind::Float { min: 0.0, max: 1e3, log: true },
    default: || Value::Float(0.01),
    unit: "",
    doc: "The strength of the penalty, λ in the formula. Larger values pull the weights harder to zero.",
};

/// `over` of the penalties: the nodes whose weights they add up.
pub(super) const OVER: ParamSpec = ParamSpec {
    name: "over",
    kind: ParamKind::Nodes,
    default: || Value::Nodes(Vec::new()),
    unit: "",
    doc: "The nodes whose weights are penalised. None chosen means all.",
};

/// What all losses have in common; each file names the rest.
pub(super) const LOSS: Spec = Spec {
    id: "",
    label: "",
    category: Category::Loss,
    role: Role::Loss,
    inputs: Inputs::Fixed(&["prediction", "target"]),
    no_grad: &[1],
    params: &[REDUCTION, LOSS_WEIGHT],
    reads: Reads { inputs: true, weights: false, output: false },
    formula: Formula { forward: "", local: "", chain: "" },
    kinks: "",
    doc: "",
    torch: "",
    grad_fn: GradFn::None,
    onnx: "",
};

/// What both penalties have in common.
pub(super) const PENALTY: Spec = Spec {
    role: Role::Penalty,
    inputs: Inputs::Variadic(0),
    no_grad: &[],
    params: &[LAMBDA, OVER, LOSS_WEIGHT],
    ..LOSS
};

/// The chain rule of losses that treat each number by itself.
pub(super) const CHAIN: &str =
    r"\frac{\partial L}{\partial \hat y_i} = \delta \, \frac{\partial \ell}{\partial \hat y_i}";

/// What the sum is divided by, for a tensor of this shape in which `terms` numbers are added up.
pub(super) fn divisor<S: Scalar>(params: &Params, terms: usize, batch: usize) -> S {
    match params.text("reduction") {
        "sum" => S::one(),
        "batchmean" => S::of(batch as f64),
        _ => S::of(terms as f64),
    }
}

/// `Σ f(prediction, target)`, reduced.
pub(super) fn pairs<S: Scalar>(ctx: &mut Forward<S>, f: impl Fn(S, S) -> S + Sync) {
    let (p, y) = (ctx.inputs[0], ctx.inputs[1]);
    let total = elementwise::sum_zip(p.data, y.data, f);
    ctx.output.data[0] = total / divisor(ctx.params, p.data.len(), p.shape.first().copied().unwrap_or(1));
}

/// The adjoint of [`pairs`]: `f` is the derivative of one term by the prediction.
pub(super) fn pairs_backward<S: Scalar>(ctx: &mut Backward<S>, f: impl Fn(S, S) -> S + Sync) {
    let (p, y) = (ctx.inputs[0], ctx.inputs[1]);
    let scale = ctx.grad_output.data[0] / divisor::<S>(ctx.params, p.data.len(), p.shape.first().copied().unwrap_or(1));
    if let Some(grad) = &mut ctx.grad_inputs[0] {
        elementwise::zip(p.data, y.data, grad.data, |p, y| scale * f(p, y));
    }
}

/// −1, 0 or 1; NaN stays NaN.
pub(super) fn sign<S: Scalar>(x: S) -> S {
    if x == S::zero() { S::zero() } else { x.signum() }
}

/// `λ Σ f(w)` over all inputs.
pub(super) fn penalty<S: Scalar>(ctx: &mut Forward<S>, f: impl Fn(S) -> S + Sync) {
    let total = ctx.inputs.iter().fold(S::zero(), |s, w| s + elementwise::sum(w.data, &f));
    ctx.output.data[0] = S::of(ctx.params.float("lambda")) * total;
}

/// The adjoint of [`penalty`]: `f` is the derivative of one term by the weight.
pub(super) fn penalty_backward<S: Scalar>(ctx: &mut Backward<S>, f: impl Fn(S) -> S + Sync) {
    let scale = ctx.grad_output.data[0] * S::of(ctx.params.float("lambda"));
    for (w, grad) in ctx.inputs.iter().zip(ctx.grad_inputs.iter_mut()) {
        if let Some(grad) = grad {
            elementwise::map(w.data, grad.data, |w| scale * f(w));
        }
    }
}
