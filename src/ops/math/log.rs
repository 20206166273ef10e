//! The natural logarithm of each element: (ln x)′ = 1/x.

use crate::ops::unary::{CHAIN, READS_INPUT, UNARY, backward_from_input, same_shape, unary};
use crate::ops::{Backward, Break, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, Repair, Spec, When};
use crate::tensor::Scalar;

/// See the module.
pub struct Log;

impl Op for Log {
    const SPEC: Spec = Spec {
        id: "log",
        label: "Log",
        reads: READS_INPUT,
        formula: Formula { forward: r"y_i = \ln x_i", local: r"f'(x_i) = \frac{1}{x_i}", chain: CHAIN },
        doc: "The natural logarithm of each element. Its slope is 1/x, so small inputs get huge gradients; zero gives −∞ and a negative number gives NaN. Keep its input positive, for instance with a softplus or a clamp before it.",
        torch: "torch.log",
        grad_fn: GradFn::Names(&["LogBackward0"]),
        onnx: "Log",
        ..UNARY
    };
    const BREAKS: &'static [Break] = &[
        Break {
            pin: 0,
            when: When::Zero,
            given: |_| true,
            backward: false,
            says: "the logarithm of 0 is −∞",
            repairs: &[
                Repair::Fuse(0, "softmax", "log_softmax"),
                Repair::Before(0, "clamp", &[("min", 1e-7), ("max", 1e30)]),
            ],
        },
        Break {
            pin: 0,
            when: When::Negative,
            given: |_| true,
            backward: false,
            says: "a negative number has no logarithm",
            repairs: &[Repair::Before(0, "clamp", &[("min", 1e-7), ("max", 1e30)]), Repair::Before(0, "softplus", &[])],
        },
    ];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        same_shape(ctx, 4)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        unary(ctx, |x| x.ln());
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        backward_from_input(ctx, |x, g| g / x);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::{near, run};

    #[test]
    fn inverts_the_exponential() {
        let ran = run("log", &[], &[(&[2], &[1.0, std::f64::consts::E])], &[2.0, 1.0]);
        near(&ran.output, &[0.0, 1.0]);
        near(ran.grad(0), &[2.0, 1.0 / std::f64::consts::E]);
    }

    #[test]
    fn outside_its_domain_it_says_so_as_pytorch_does() {
        let ran = run("log", &[], &[(&[2], &[0.0, -1.0])], &[1.0, 1.0]);
        assert!(ran.output[0] == f64::NEG_INFINITY && ran.output[1].is_nan());
        assert!(ran.grad(0)[0] == f64::INFINITY);
    }
}
