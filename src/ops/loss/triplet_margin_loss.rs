//! An anchor should be nearer to a sample of its kind than to one of another kind, by a margin.
//! Source: Balntas et al. 2016; `torch.nn.TripletMarginLoss`.
//!
//! Per row, ℓ = max(d(a, p) − d(a, n) + m, 0) with d(u, v) = ‖u − v + ε‖ₚ along the last axis, whose derivative by uᵢ is
//! sign(eᵢ) (|eᵢ| / d)ᵖ⁻¹ for e = u − v + ε, and by vᵢ its negative. With `swap`, d(p, n) replaces d(a, n) where it is
//! smaller.

use super::shared::{LOSS, LOSS_WEIGHT, REDUCTION, divisor, each_alone, made_alone, sign};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Inputs, Made, Op, ParamKind, ParamSpec,
    Params, Part, Spec, Value,
};
use crate::tensor::kernels::elementwise::{blocks, sum_rows, sum_zip};
use crate::tensor::{Scalar, Shape, View};

const TRIPLET_MEAN: [&str; 7] = [
    "MeanBackward0",
    "ClampMinBackward0",
    "SubBackward0",
    "AddBackward1",
    "NormBackward1",
    "AddBackward1",
    "SubBackward0",
];
const TRIPLET_SUM: [&str; 7] = [
    "SumBackward0",
    "ClampMinBackward0",
    "SubBackward0",
    "AddBackward1",
    "NormBackward1",
    "AddBackward1",
    "SubBackward0",
];

/// See the module.
pub struct TripletMarginLoss;

impl Op for TripletMarginLoss {
    const SPEC: Spec = Spec {
        id: "triplet_margin_loss",
        label: "Triplet margin",
        inputs: Inputs::Fixed(&["anchor", "positive", "negative"]),
        no_grad: &[],
        params: &[
            ParamSpec {
                name: "margin",
                kind: ParamKind::Float { min: 0.0, max: 1e3, log: false },
                default: || Value::Float(1.0),
                unit: "",
                doc: "By how much the negative must be farther away than the positive, m in the formula.",
            },
            ParamSpec {
                name: "p",
                kind: ParamKind::Float { min: 1.0, max: 10.0, log: false },
                default: || Value::Float(2.0),
                unit: "",
                doc: "The norm that measures distance: 2 is the straight line, 1 the sum of the differences.",
            },
            ParamSpec {
                name: "eps",
                kind: ParamKind::Float { min: 0.0, max: 1.0, log: true },
                default: || Value::Float(1e-6),
                unit: "",
                doc: "What is added to each difference, ε in the formula, so that equal vectors have a derivative.",
            },
            ParamSpec {
                name: "swap",
                kind: ParamKind::Bool,
                default: || Value::Bool(false),
                unit: "",
                doc: "Whether the negative is measured from the positive where that is the shorter way.",
            },
            REDUCTION,
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{B} \sum_b \max\left( d(a_b, p_b) - d(a_b, n_b) + m,\ 0 \right), \quad d(u, v) = \lVert u - v + \varepsilon \rVert_p",
            local: r"\frac{\partial d}{\partial u_i} = \operatorname{sign}(e_i) \left( \frac{|e_i|}{d} \right)^{p-1} = -\frac{\partial d}{\partial v_i}, \quad e = u - v + \varepsilon",
            chain: r"\frac{\partial L}{\partial a} = \frac{\delta}{B} \left( \frac{\partial d(a, p)}{\partial a} - \frac{\partial d(a, n)}{\partial a} \right) \quad \text{where } \ell > 0",
        },
        kinks: "where a row's loss reaches 0, where both ways to the negative are equal, and for p = 1 where two elements are equal",
        doc: "Teaches embeddings: an anchor, a positive of the same kind and a negative of another one go through one network, and the negative must end up farther away by a margin. A triplet that has reached the margin gives no gradient, so hard negatives must be sought. Collapse to one point costs exactly the margin.",
        torch: "torch.nn.TripletMarginLoss",
        grad_fn: GradFn::By(|params, _| match params.text("reduction") {
            "sum" => &TRIPLET_SUM,
            _ => &TRIPLET_MEAN,
        }),
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (a, p, n) = (&ctx.inputs[0], &ctx.inputs[1], &ctx.inputs[2]);
        if let Some(pin) = (1..3).find(|k| ctx.inputs[*k] != *a) {
            let message = format!("The anchor is {a}, the positive {p} and the negative {n}: all three must be equal.");
            return Err(Fault::at(pin, message).expected(a.clone()));
        }
        if a.0.last().is_none_or(|d| *d == crate::tensor::Dim::Batch) {
            let message = format!("{a} has no axis of features; a triplet needs vectors, B×D.");
            return Err(Fault::at(0, message));
        }
        Ok(Inferred { output: Shape::scalar(), flops: 12 * a.per_sample() as u64, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let triple = Triple::of(ctx.params, ctx.inputs);
        let (rows, width) = ctx.inputs[0].rows_cols();
        let total = sum_rows(rows, 3 * width, |b| {
            let row = triple.row(b);
            // A NaN fails the comparison and is passed on.
            if row.loss <= S::zero() { S::zero() } else { row.loss }
        });
        ctx.output.data[0] = total / divisor(ctx.params, rows, rows);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let triple = Triple::of(ctx.params, ctx.inputs);
        let (rows, width) = ctx.inputs[0].rows_cols();
        let scale = ctx.grad_output.data[0] / divisor::<S>(ctx.params, rows, rows);
        for (pin, grad) in ctx.grad_inputs.iter_mut().enumerate() {
            let Some(grad) = grad else { continue };
            blocks(grad.data, width, 3 * rows * width, |b, grad| {
                grad.fill(S::zero());
                let row = triple.row(b);
                if row.loss <= S::zero() {
                    return;
                }
                // Distances are from one pin to another: nearer is better for the first, farther for the second.
                let from = usize::from(row.swapped);
                for (u, v, d, sense) in [(0, 1, row.near, scale), (from, 2, row.far, -scale)] {
                    let sense = if pin == u {
                        sense
                    } else if pin == v {
                        -sense
                    } else {
                        continue;
                    };
                    for (i, g) in grad.iter_mut().enumerate() {
                        *g += sense * triple.slope(b, (u, v), d, i);
                    }
                }
            });
        }
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let rows = Some(inner.inputs[0].rows_cols().0);
        each_alone::<Self, S>(inner, rows, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let rows = Some(inner.inputs[0].rows_cols().0);
        made_alone(inner, rows, part, index)
    }
}

/// The three inputs and how distance is measured.
struct Triple<'a, S> {
    data: [&'a [S]; 3],
    width: usize,
    margin: S,
    p: S,
    eps: S,
    swap: bool,
}

/// The distances of one row.
struct Row<S> {
    near: S,
    far: S,
    swapped: bool,
    loss: S,
}

impl<'a, S: Scalar> Triple<'a, S> {
    fn of(params: &Params, inputs: &'a [View<S>]) -> Self {
        let number = |name| S::of(params.float(name));
        Triple {
            data: [inputs[0].data, inputs[1].data, inputs[2].data],
            width: inputs[0].rows_cols().1,
            margin: number("margin"),
            p: number("p"),
            eps: number("eps"),
            swap: params.bool("swap"),
        }
    }

    fn distance(&self, b: usize, (u, v): (usize, usize)) -> S {
        let at = |k: usize| &self.data[k][b * self.width..][..self.width];
        let (eps, p, two) = (self.eps, self.p, S::of(2.0));
        if p == two {
            sum_zip(at(u), at(v), |u, v| (u - v + eps) * (u - v + eps)).sqrt()
        } else {
            sum_zip(at(u), at(v), |u, v| (u - v + eps).abs().powf(p)).powf(S::one() / p)
        }
    }

    fn row(&self, b: usize) -> Row<S> {
        let (near, straight) = (self.distance(b, (0, 1)), self.distance(b, (0, 2)));
        let across = if self.swap { self.distance(b, (1, 2)) } else { straight };
        let swapped = across < straight;
        let far = if swapped { across } else { straight };
        Row { near, far, swapped, loss: near - far + self.margin }
    }

    /// ∂d/∂uᵢ for the distance `d` of `u` and `v` in row `b`; 0 where they are equal.
    fn slope(&self, b: usize, (u, v): (usize, usize), d: S, i: usize) -> S {
        let e = self.data[u][b * self.width + i] - self.data[v][b * self.width + i] + self.eps;
        if d == S::zero() {
            S::zero()
        } else if self.p == S::of(2.0) {
            e / d
        } else {
            sign(e) * (e.abs() / d).powf(self.p - S::one())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{fault, near, run},
    };
    use crate::tensor::Shape;

    const ID: &str = "triplet_margin_loss";
    const EXACT: (&str, Value) = ("eps", Value::Float(0.0));

    #[test]
    fn a_negative_that_is_too_near_and_one_that_is_far() {
        // Row 0: d(a, p) = 5, d(a, n) = 5, loss 1. Row 1: d(a, p) = 1, d(a, n) = 9, loss 0.
        let (a, p, n) = ([0.0; 4], [3.0, 4.0, 1.0, 0.0], [0.0, 5.0, 0.0, 9.0]);
        let ran = run(ID, &[EXACT], &[(&[2, 2], &a), (&[2, 2], &p), (&[2, 2], &n)], &[2.0]);
        near(&ran.output, &[0.5]);
        near(ran.grad(0), &[-0.6, 0.2, 0.0, 0.0]);
        near(ran.grad(1), &[0.6, 0.8, 0.0, 0.0]);
        near(ran.grad(2), &[0.0, -1.0, 0.0, 0.0]);
    }

    #[test]
    fn swapped_the_negative_is_measured_from_the_positive() {
        let set = [EXACT, ("swap", Value::Bool(true)), ("p", Value::Float(1.0))];
        let ran = run(ID, &set, &[(&[1, 1], &[0.0]), (&[1, 1], &[2.0]), (&[1, 1], &[3.0])], &[1.0]);
        near(&ran.output, &[2.0]);
        near(ran.grad(0), &[-1.0]);
        near(ran.grad(1), &[2.0]);
        near(ran.grad(2), &[-1.0]);
    }

    #[test]
    fn collapse_costs_the_margin() {
        let x: (&[usize], &[f64]) = (&[2, 3], &[0.7; 6]);
        near(&run(ID, &[], &[x, x, x], &[1.0]).output, &[1.0]);
        let ran = run(ID, &[EXACT], &[x, x, x], &[1.0]);
        assert_eq!(ran.grad(0), [0.0; 6]);
    }

    #[test]
    fn shapes_must_be_equal_vectors() {
        let b = Shape::batch;
        assert_eq!(fault(ID, &[], &[b(&[4]), b(&[4]), b(&[3])]).input, Some(2));
        assert!(fault(ID, &[], &[b(&[]), b(&[]), b(&[])]).message.contains("no axis of features"));
    }
}
