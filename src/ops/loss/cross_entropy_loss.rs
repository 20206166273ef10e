//! Softmax and cross-entropy in one, against class numbers or probabilities.
//!
//! Prediction `B×C` logits; target `B` or `B×1` class numbers 0…C−1, or `B×C` probabilities. Label smoothing:
//! Szegedy et al. 2016.

use super::shapes;
use super::shared::{LOSS, LOSS_WEIGHT, REDUCTION, divisor, each_alone, made_alone};
use crate::ops::activation::log_softmax::log_sum_exp;
use crate::ops::{
    Backward, Break, Count, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec,
    Params, Part, Spec, Value, When,
};
use crate::tensor::{Scalar, Shape, View, kernels::elementwise};

/// See the module.
pub struct CrossEntropyLoss;

impl Op for CrossEntropyLoss {
    const SPEC: Spec = Spec {
        id: "cross_entropy_loss",
        label: "Cross-entropy",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "label_smoothing",
                kind: ParamKind::Float { min: 0.0, max: 1.0, log: false },
                default: || Value::Float(0.0),
                unit: "",
                doc: "The share of the target that is spread evenly over all classes. 0.1 keeps a network from becoming \
                      overconfident.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = -\frac{1}{B} \sum_b \sum_k q_{bk} \ln p_{bk}, \quad p_b = \operatorname{softmax}(x_b), \quad q_{bk} = (1 - \varepsilon)[k = y_b] + \tfrac{\varepsilon}{C}",
            local: r"\frac{\partial L}{\partial x_{bk}} = \frac{1}{B} (p_{bk} - q_{bk})",
            chain: r"\frac{\partial L}{\partial x_{bk}} = \frac{\delta}{B} (p_{bk} - q_{bk})",
        },
        doc: "The loss of choosing one class out of several. The prediction is one number per class, without softmax, \
              which the loss contains; the target is the number of the right class, or a probability per class. Its \
              gradient is predicted minus wanted probability. A network that guesses among C classes has the loss \
              ln C; a class number that does not exist makes it NaN.",
        torch: "torch.nn.CrossEntropyLoss",
        grad_fn: GradFn::By(|params, inputs| {
            // A target as long as the prediction holds probabilities.
            let soft = inputs[1].rank() == inputs[0].rank();
            match (soft, params.text("reduction"), params.float("label_smoothing") > 0.0) {
                (true, "sum", _) => &["NegBackward0", "SumBackward0", "MulBackward0", "LogSoftmaxBackward0"],
                (true, ..) => &["DivBackward1", "NegBackward0", "SumBackward0", "MulBackward0", "LogSoftmaxBackward0"],
                (false, _, true) => &["AddBackward0", "MulBackward1", "NllLossBackward0", "LogSoftmaxBackward0"],
                (false, _, false) => &["NllLossBackward0", "LogSoftmaxBackward0"],
            }
        }),
        onnx: "SoftmaxCrossEntropyLoss",
        ..LOSS
    };

    const BREAKS: &'static [Break] = &[Break {
        pin: 1,
        when: When::NoIndex(Count::Axis(1, true)),
        given: |_| true,
        backward: false,
        says: "there is no class of this number",
        repairs: &[],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let mut inferred = shapes::classes(ctx, true, 8)?;
        inferred.saved = Some(Shape(vec![ctx.inputs[0].0[0]]));
        Ok(inferred)
    }

    /// Saves `ln Σ exp(x)` of each row.
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, y) = (ctx.inputs[0], ctx.inputs[1]);
        let (rows, c) = x.rows_cols();
        elementwise::blocks(ctx.saved, 1, rows * c, |b, log_total| {
            log_total[0] = log_sum_exp(&x.data[b * c..][..c], 0, 1);
        });
        let (log_total, want) = (&*ctx.saved, Wanted::of(ctx.params, x, y));
        let total = elementwise::sum_rows(rows, c, |b| {
            let row = &x.data[b * c..][..c];
            let Some((keep, spread, class)) = want.row(b) else { return S::nan() };
            let mut loss = S::zero();
            match class {
                Class::Number(t) => {
                    loss += keep * (log_total[b] - row[t]);
                    if spread != S::zero() {
                        loss += spread * row.iter().fold(S::zero(), |s, &v| s + (log_total[b] - v));
                    }
                }
                Class::Probabilities(q) => {
                    for (&q, &v) in q.iter().zip(row) {
                        loss += (keep * q + spread) * (log_total[b] - v);
                    }
                }
            }
            loss
        });
        ctx.output.data[0] = total / divisor(ctx.params, rows, rows);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (x, log_total) = (ctx.inputs[0], ctx.saved);
        let (rows, c) = x.rows_cols();
        let want = Wanted::of(ctx.params, x, ctx.inputs[1]);
        let scale = ctx.grad_output.data[0] / divisor::<S>(ctx.params, rows, rows);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        elementwise::blocks(grad.data, c, rows * c, |b, dx| {
            let row = &x.data[b * c..][..c];
            let Some((keep, spread, class)) = want.row(b) else { return dx.fill(S::nan()) };
            let p = |k: usize| (row[k] - log_total[b]).fast_exp();
            match class {
                Class::Number(t) => {
                    for k in 0..c {
                        dx[k] = scale * (p(k) - spread);
                    }
                    dx[t] = scale * (p(t) - spread - keep);
                }
                Class::Probabilities(q) => {
                    // Probabilities that do not add up to 1 weigh the whole row.
                    let mass = q.iter().fold(S::zero(), |s, &q| s + (keep * q + spread));
                    for k in 0..c {
                        dx[k] = scale * (p(k) * mass - keep * q[k] - spread);
                    }
                }
            }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let rows = Some(inner.inputs[0].rows_cols().0);
        each_alone::<Self, S>(inner, rows, 1)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let rows = Some(inner.inputs[0].rows_cols().0);
        made_alone(inner, rows, part, index)
    }
}

/// The target distribution of each row.
struct Wanted<'a, S> {
    target: &'a [S],
    classes: usize,
    soft: bool,
    smoothing: S,
}

enum Class<'a, S> {
    Number(usize),
    Probabilities(&'a [S]),
}

impl<'a, S: Scalar> Wanted<'a, S> {
    fn of(params: &Params, x: View<S>, y: View<'a, S>) -> Self {
        let soft = y.shape.len() == 2 && y.shape == x.shape;
        Wanted { target: y.data, classes: x.rows_cols().1, soft, smoothing: S::of(params.float("label_smoothing")) }
    }

    /// What the target itself weighs, what is spread to each class, and the target; `None` if there is no such class.
    fn row(&self, b: usize) -> Option<(S, S, Class<'a, S>)> {
        let class = if self.soft {
            Class::Probabilities(&self.target[b * self.classes..][..self.classes])
        } else {
            Class::Number(class_of(self.target[b], self.classes)?)
        };
        Some((S::one() - self.smoothing, self.smoothing / S::of(self.classes as f64), class))
    }
}

/// The class whose number is written as `y`, if there is one.
pub(super) fn class_of<S: Scalar>(y: S, classes: usize) -> Option<usize> {
    let y = y.to64();
    (y.fract() == 0.0 && (0.0..classes as f64).contains(&y)).then_some(y as usize)
}
