//! The unit step forward, the identity backward. Source: Hinton 2012 (lectures); Bengio, Léonard, Courville 2013.
//!
//! The step has the derivative 0 wherever it has one, so the backward pass uses that of y = x in its place: a surrogate,
//! with which difference quotients do not agree, by design.

use crate::ops::unary::{READS_NOTHING, UNARY, backward_plain, same_shape, unary};
use crate::ops::{Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct StraightThroughStep;

impl Op for StraightThroughStep {
    const SPEC: Spec = Spec {
        id: "straight_through_step",
        label: "Straight-through step",
        reads: READS_NOTHING,
        formula: Formula {
            forward: r"y_i = \begin{cases} 0 & x_i < 0 \\ 1 & x_i \ge 0 \end{cases}",
            local: r"f'(x_i) := 1 \quad \text{in place of } 0",
            chain: r"\frac{\partial L}{\partial x_i} = \delta_i",
        },
        kinks: "x = 0",
        doc: "Fires or does not, as the perceptron's step, but lets the gradient through as if it were the identity, so that networks with hard decisions can be trained. The gradient is a stand-in and not the derivative: finite differences do not agree with it, by design.",
        grad_fn: GradFn::Composed("x + (step(x) − x).detach(), written out"),
        ..UNARY
    };
    const SURROGATE: bool = true;

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 1)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        // A NaN fails both comparisons and is passed on.
        unary(ctx, |x| {
            if x >= S::zero() {
                S::one()
            } else if x < S::zero() {
                S::zero()
            } else {
                x
            }
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_plain(ctx, |g| g);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::run;

    #[test]
    fn a_step_forward_and_a_straight_line_backward() {
        let ran = run("straight_through_step", &[], &[(&[3], &[-0.1, 0.0, 7.0])], &[2.0, 3.0, 4.0]);
        assert_eq!(ran.output, [0.0, 1.0, 1.0]);
        assert_eq!(ran.grad(0), [2.0, 3.0, 4.0]);
    }
}
