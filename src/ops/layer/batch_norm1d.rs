//! Batch normalisation of features, B×C or B×C×L. Formulas in [`super::batch_norm`].

use super::batch_norm;
use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Inner, Made, Op, Part, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct BatchNorm1d;

impl Op for BatchNorm1d {
    const SPEC: Spec = batch_norm::spec(
        "batch_norm1d",
        "BatchNorm1d",
        "torch.nn.BatchNorm1d",
        "Gives every feature mean 0 and variance 1 over the batch, then a learnt scale and offset. Deep networks train faster and with larger learning rates. Training uses the batch's own statistics, evaluation the running ones; a batch of one sample has none.",
    );
    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        batch_norm::infer(ctx, &[2, 3], "batch × features or batch × channels × length")
    }
    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        batch_norm::forward(ctx);
    }
    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        batch_norm::backward(ctx);
    }
    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        batch_norm::parts(inner)
    }
    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        batch_norm::made(inner, part, index)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Mode;
    use crate::ops::by_hand::{near, run_mode};

    const X: (&[usize], &[f64]) = (&[2, 2], &[1.0, 0.0, 3.0, 4.0]);

    #[test]
    fn training_normalises_over_the_batch_and_keeps_statistics() {
        // Means 2 and 2, variances 1 and 4; ε is 1 here, so 1/√2 and 1/√5.
        let set = [("eps", crate::ops::Value::Float(1.0))];
        let weights: &[(&[usize], &[f64])] =
            &[(&[2], &[2.0, 1.0]), (&[2], &[0.5, 0.0]), (&[2], &[0.0, 1.0]), (&[2], &[1.0, 1.0])];
        let ran = run_mode(Mode::Train, "batch_norm1d", &set, &[X], weights, &[1.0, 0.0, 0.0, 0.0]);
        let (a, b) = (0.5f64.sqrt(), 0.2f64.sqrt());
        near(&ran.output, &[-2.0 * a + 0.5, -2.0 * b, 2.0 * a + 0.5, 2.0 * b]);
        near(&ran.kept[0], &[0.2, 1.1]);
        near(&ran.kept[1], &[0.9 + 0.1 * 2.0, 0.9 + 0.1 * 8.0]);
        near(&ran.weight_grads[0], &[-a, 0.0]);
        near(&ran.weight_grads[1], &[1.0, 0.0]);
        // γ·a·(δ − ½ − x̂·(−a/2)), x̂ = ∓a.
        near(ran.grad(0), &[2.0 * a * (0.5 - a * a / 2.0), 0.0, 2.0 * a * (-0.5 + a * a / 2.0), 0.0]);
    }

    #[test]
    fn evaluation_uses_what_was_kept() {
        let set = [("eps", crate::ops::Value::Float(1.0))];
        let weights: &[(&[usize], &[f64])] =
            &[(&[2], &[2.0, 1.0]), (&[2], &[0.5, 0.0]), (&[2], &[1.0, 2.0]), (&[2], &[3.0, 0.0])];
        let ran = run_mode(Mode::Eval, "batch_norm1d", &set, &[X], weights, &[1.0, 1.0, 0.0, 1.0]);
        near(&ran.output, &[0.5, -2.0, 2.5, 2.0]);
        near(ran.grad(0), &[1.0, 1.0, 0.0, 1.0]);
        near(&ran.kept[1], &[3.0, 0.0]);
    }
}
