//! One minus the overlap of two masks. Source: Milletari et al. 2016 (V-Net), with sums in place of squares.
//!
//! For one sample N = 2 Σ py + s and D = Σ p + Σ y + s; its loss is 1 − N/D, so ∂ℓ/∂pᵢ = (N − 2 yᵢ D) / D².

use super::shared::{CHAIN, LOSS, LOSS_WEIGHT, REDUCTION, divisor, each_alone, made_alone};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Params, Part,
    Spec, Value,
};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise::{blocks, sum, sum_rows, sum_zip};

/// See the module.
pub struct DiceLoss;

impl Op for DiceLoss {
    const SPEC: Spec = Spec {
        id: "dice_loss",
        label: "Dice",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "smooth",
                kind: ParamKind::Float { min: 0.0, max: 1e3, log: false },
                default: || Value::Float(1.0),
                unit: "",
                doc: "What is added above and below the line, s in the formula, so that two empty masks agree.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{B} \sum_b \left( 1 - \frac{N_b}{D_b} \right), \quad N_b = 2 \sum_i p_{bi}\,y_{bi} + s, \quad D_b = \sum_i p_{bi} + \sum_i y_{bi} + s",
            local: r"\frac{\partial \ell_b}{\partial p_{bi}} = \frac{N_b - 2\,y_{bi}\,D_b}{D_b^2}",
            chain: CHAIN,
        },
        doc: "For masks: 1 minus the overlap of the predicted and the wanted area, sample by sample. Only the overlap counts, so a small object in a large background is learnt too. The prediction is a probability per pixel: put a sigmoid before it. The first axis counts the samples; a tensor of one axis is one mask.",
        grad_fn: GradFn::Composed("sums and a quotient, written out"),
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 5)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (p, y) = (ctx.inputs[0], ctx.inputs[1]);
        let (rows, n) = masks(p.shape);
        let total = sum_rows(rows, n, |b| {
            let (above, below) = overlap(ctx.params, &p.data[b * n..][..n], &y.data[b * n..][..n]);
            S::one() - above / below
        });
        ctx.output.data[0] = total / divisor(ctx.params, rows, rows);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (p, y) = (ctx.inputs[0], ctx.inputs[1]);
        let (rows, n) = masks(p.shape);
        let scale = ctx.grad_output.data[0] / divisor::<S>(ctx.params, rows, rows);
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        blocks(grad.data, n, 3 * p.data.len(), |b, grad| {
            let y = &y.data[b * n..][..n];
            let (above, below) = overlap(ctx.params, &p.data[b * n..][..n], y);
            for (g, y) in grad.iter_mut().zip(y) {
                *g = scale * (above - (*y + *y) * below) / (below * below);
            }
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let rows = Some(masks(inner.inputs[0].shape).0);
        each_alone::<Self, S>(inner, rows, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let rows = Some(masks(inner.inputs[0].shape).0);
        made_alone(inner, rows, part, index)
    }
}

/// How many masks there are, and the elements of one.
fn masks(shape: &[usize]) -> (usize, usize) {
    match shape {
        [rows, rest @ ..] if !rest.is_empty() => (*rows, rest.iter().product()),
        _ => (1, shape.iter().product()),
    }
}

/// What stands above and below the line for one mask.
fn overlap<S: Scalar>(params: &Params, p: &[S], y: &[S]) -> (S, S) {
    let smooth = S::of(params.float("smooth"));
    (S::of(2.0) * sum_zip(p, y, |p, y| p * y) + smooth, sum(p, |p| p) + sum(y, |y| y) + smooth)
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{near, run},
    };

    #[test]
    fn half_an_overlap_and_none() {
        // First mask: N = 2 · 1 + 1 = 3, D = 2 + 1 + 1 = 4. Second: N = 1, D = 0 + 1 + 1 = 2.
        let (p, y) = ([1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]);
        let ran = run("dice_loss", &[], &[(&[2, 2], &p), (&[2, 2], &y)], &[2.0]);
        near(&ran.output, &[0.5 * (0.25 + 0.5)]);
        near(ran.grad(0), &[-5.0 / 16.0, 3.0 / 16.0, 0.25, -0.75]);
    }

    #[test]
    fn empty_masks_agree() {
        let ran = run("dice_loss", &[], &[(&[1, 2], &[0.0; 2]), (&[1, 2], &[0.0; 2])], &[1.0]);
        assert_eq!(ran.output, [0.0]);
    }

    #[test]
    fn a_sum_is_not_divided_by_the_samples() {
        let sum = [("reduction", Value::Text("sum".into()))];
        let (p, y) = ([1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]);
        near(&run("dice_loss", &sum, &[(&[2, 2], &p), (&[2, 2], &y)], &[1.0]).output, &[0.75]);
    }
}
