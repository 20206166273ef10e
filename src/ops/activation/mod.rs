//! Non-linearities: elementwise functions of one tensor, and softmax along an axis.

mod elu;
mod gelu;
mod hard_sigmoid;
mod hard_swish;
mod hard_tanh;
mod heaviside;
mod identity;
mod leaky_relu;
pub(super) mod log_softmax;
mod mish;
mod relu;
mod relu6;
mod selu;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod softsign;
mod tanh;

pub use elu::Elu;
pub use gelu::Gelu;
pub use hard_sigmoid::HardSigmoid;
pub use hard_swish::HardSwish;
pub use hard_tanh::HardTanh;
pub use heaviside::Heaviside;
pub use identity::Identity;
pub use leaky_relu::LeakyRelu;
pub use log_softmax::LogSoftmax;
pub use mish::Mish;
pub use relu::Relu;
pub use relu6::Relu6;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softmax::Softmax;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use tanh::Tanh;

use crate::ops::unary::{
    CHAIN, READS_INPUT, READS_NOTHING, READS_OUTPUT, backward_from_input, backward_from_output, same_shape, unary,
};
use crate::ops::{Category, Spec};

/// What all activations have in common; each file names the rest.
const UNARY: Spec = Spec { category: Category::Activation, reads: READS_INPUT, ..crate::ops::unary::UNARY };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{by_hand, catalogue::CATALOGUE};

    /// The output and the gradient for δ = 1 of the kind `id` at the points `x`, as one row.
    fn run(id: &str, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut ran = by_hand::run(id, &[], &[(&[1, x.len()], x)], &vec![1.0; x.len()]);
        (ran.output, ran.grads[0].take().expect("activations have a gradient"))
    }

    #[test]
    fn nan_goes_through_every_activation() {
        for kind in CATALOGUE.iter().filter(|k| k.spec.category == Category::Activation) {
            let (y, _) = run(kind.spec.id, &[f64::NAN]);
            assert!(y[0].is_nan(), "{} hides a NaN behind {}", kind.spec.id, y[0]);
        }
    }

    #[test]
    fn at_a_kink_the_derivative_is_pytorchs() {
        for (id, x, dx) in [
            ("relu", 0.0, 0.0),
            ("leaky_relu", 0.0, 0.01),
            ("relu6", 6.0, 0.0),
            ("hard_tanh", 1.0, 0.0),
            ("hard_sigmoid", 3.0, 0.0),
            ("heaviside", 0.0, 0.0),
        ] {
            assert_eq!(run(id, &[x]).1, [dx], "{id} at {x}");
        }
    }

    #[test]
    fn large_numbers_do_not_overflow() {
        for kind in CATALOGUE.iter().filter(|k| k.spec.category == Category::Activation) {
            let (y, dx) = run(kind.spec.id, &[-1e4, 1e4]);
            assert!(y.iter().chain(&dx).all(|v| v.is_finite()), "{}: {y:?}, gradient {dx:?}", kind.spec.id);
        }
    }

    #[test]
    fn numbers_worked_by_hand() {
        assert_eq!(run("heaviside", &[-2.0, 0.0, 3.0]).0, [0.0, 1.0, 1.0]);
        assert_eq!(run("softsign", &[1.0, -3.0]), (vec![0.5, -0.75], vec![0.25, 0.0625]));
        assert_eq!(run("hard_swish", &[-4.0, 0.0, 3.0]).0, [0.0, 0.0, 3.0]);
        assert_eq!(run("softmax", &[0.0, 0.0]).0, [0.5, 0.5]);
        let (y, dx) = run("sigmoid", &[3f64.ln()]);
        assert!((y[0] - 0.75).abs() < 1e-15 && (dx[0] - 0.1875).abs() < 1e-15);
    }
}
