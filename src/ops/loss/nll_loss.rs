//! Negative log-likelihood of class numbers under log-probabilities.

use super::cross_entropy_loss::class_of;
use super::shared::{LOSS, divisor, each_alone, made_alone};
use crate::ops::{
    Backward, Break, Count, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, Part, Spec, When,
};
use crate::tensor::{Scalar, kernels::elementwise};

/// See the module.
pub struct NllLoss;

impl Op for NllLoss {
    const SPEC: Spec = Spec {
        id: "nll_loss",
        label: "Negative log-likelihood",
        formula: Formula {
            forward: r"L = -\frac{1}{B} \sum_b x_{b,\,y_b}",
            local: r"\frac{\partial L}{\partial x_{bk}} = -\frac{1}{B} [k = y_b]",
            chain: r"\frac{\partial L}{\partial x_{bk}} = -\frac{\delta}{B} [k = y_b]",
        },
        doc: "Takes logarithms of probabilities, as log-softmax gives them, and the number of the right class; the \
              loss is minus the logarithm that stands at the right class. Log-softmax and this loss together are \
              cross-entropy. A class number that does not exist makes the loss NaN.",
        torch: "torch.nn.NLLLoss",
        grad_fn: GradFn::Names(&["NllLossBackward0"]),
        onnx: "NegativeLogLikelihoodLoss",
        ..LOSS
    };

    const BREAKS: &'static [Break] = &[Break {
        pin: 1,
        when: When::NoIndex(Count::Axis(1, false)),
        given: |_| true,
        backward: false,
        says: "there is no class of this number",
        repairs: &[],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::classes(ctx, false, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, y) = (ctx.inputs[0], ctx.inputs[1].data);
        let (rows, c) = x.rows_cols();
        let total = elementwise::sum_rows(rows, 1, |b| class_of(y[b], c).map_or(S::nan(), |t| -x.data[b * c + t]));
        ctx.output.data[0] = total / divisor(ctx.params, rows, rows);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (x, y) = (ctx.inputs[0], ctx.inputs[1].data);
        let (rows, c) = x.rows_cols();
        let scale = ctx.grad_output.data[0] / divisor::<S>(ctx.params, rows, rows);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        elementwise::blocks(grad.data, c, rows * c, |b, dx| match class_of(y[b], c) {
            Some(t) => {
                dx.fill(S::zero());
                dx[t] = -scale;
            }
            None => dx.fill(S::nan()),
        });
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
