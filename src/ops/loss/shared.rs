//! What all losses have in common: parameters, reductions, and the loops over pairs of numbers.

use crate::ops::{
    Backward, Category, Formula, Forward, GradFn, Inner, Inputs, Made, Op, ParamKind, ParamSpec, Params, Part, Place,
    Reads, Role, Spec, Value,
};
use crate::tensor::{Scalar, View, kernels::elementwise};

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

/// The parts of a loss: what each number, or each of `rows` samples, contributes by the loss `O` of it alone, which keeps
/// `saved` numbers; then their mean or sum.
pub(super) fn each_alone<O: Op, S: Scalar>(inner: &Inner<S>, rows: Option<usize>, saved: usize) -> Vec<Part<S>> {
    let p = inner.inputs[0];
    let count = rows.unwrap_or(p.data.len()).max(1);
    let shape_of = |x: &View<S>| match (rows, x.shape) {
        (None, _) => vec![1],
        (_, [n, rest @ ..]) if *n == count => std::iter::once(1).chain(rest.iter().copied()).collect(),
        _ => vec![1, x.data.len() / count],
    };
    let shapes: Vec<Vec<usize>> = inner.inputs.iter().map(shape_of).collect();
    let alone = |i: usize| {
        let cut = |x: &View<S>| x.data.len() / count;
        let piece = |(x, shape)| -> View<S> {
            let x: &View<S> = x;
            let shape: &Vec<usize> = shape;
            View { shape, data: &x.data[i * cut(x)..][..cut(x)] }
        };
        let views: Vec<View<S>> = inner.inputs.iter().zip(&shapes).map(piece).collect();
        inner.run::<O>(&views, &[], &[], saved)[0]
    };
    let data = (0..count).map(alone).collect();
    let (name, formula, shape) = match rows {
        None => ("loss of each number", r"\ell_i", p.shape.to_vec()),
        Some(n) => ("loss of each sample", r"\ell_b", vec![n]),
    };
    let sum = inner.params.text("reduction") == "sum";
    let total = if sum { r"L = \sum \ell" } else { r"L = \frac{1}{N} \sum \ell" };
    vec![Part { name, formula, shape, data }, inner.whole(if sum { "sum" } else { "mean" }, total)]
}

/// How the elements of [`each_alone`] are made.
pub(super) fn made_alone<S: Scalar>(inner: &Inner<S>, rows: Option<usize>, part: usize, index: usize) -> Made {
    let p = inner.inputs[0];
    let count = rows.unwrap_or(p.data.len()).max(1);
    if part == 0 {
        let cut = |k: usize| inner.inputs[k].data.len() / count;
        let places =
            (0..inner.inputs.len()).flat_map(|k| (0..cut(k)).map(move |j| Place::Input(k, index * cut(k) + j)));
        return Made::Function("the loss of", places.collect());
    }
    let batch = rows.unwrap_or(p.shape.first().copied().unwrap_or(1));
    Made::Sum(average(divisor::<f64>(inner.params, count, batch), 0, count))
}

/// The elements of an earlier part, added up and divided.
pub(super) fn average(by: f64, part: usize, count: usize) -> Vec<(f64, Vec<Place>)> {
    (0..count).map(|i| (1.0 / by, vec![Place::Part(part, i)])).collect()
}

/// The parts of the penalty `O`: the share of each weight, then their sum.
pub(super) fn shares<O: Op, S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
    let data = inner.inputs.iter().map(|w| inner.run::<O>(&[*w], &[], &[], 0)[0]).collect::<Vec<S>>();
    let share = Part { name: "penalty of each weight", formula: r"L_W", shape: vec![data.len()], data };
    vec![share, inner.whole("sum", r"L = \sum_W L_W")]
}

/// How the elements of [`shares`] are made.
pub(super) fn made_shares<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
    match part {
        0 => {
            let places = (0..inner.inputs[index].data.len()).map(|i| Place::Input(index, i));
            Made::Function("the penalty of", places.collect())
        }
        _ => Made::Sum(average(1.0, 0, inner.inputs.len())),
    }
}
