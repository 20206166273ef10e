//! Binary cross-entropy in which easy samples count less. Source: Lin et al. 2017; `torchvision.ops.sigmoid_focal_loss`.
//!
//! With p = σ(x), the wrongness m = p(1−y) + (1−p)y and the cross-entropy c = softplus(x) − xy, a term is
//! α_y mᵞ c. As dm/dx = (1−2y) p(1−p) and dc/dx = p − y, its derivative is α_y (γ mᵞ⁻¹ c dm/dx + mᵞ (p − y)).

use super::shared::{CHAIN, LOSS, LOSS_WEIGHT, REDUCTION, each_alone, made_alone, pairs, pairs_backward};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inner, Made, Op, ParamKind, ParamSpec, Params, Part,
    Spec, Value,
};
use crate::tensor::Scalar;
use crate::tensor::kernels::elementwise::{sigmoid, softplus};

/// See the module.
pub struct FocalLoss;

impl Op for FocalLoss {
    const SPEC: Spec = Spec {
        id: "focal_loss",
        label: "Focal",
        params: &[
            REDUCTION,
            ParamSpec {
                name: "alpha",
                kind: ParamKind::Float { min: -1.0, max: 1.0, log: false },
                default: || Value::Float(0.25),
                unit: "",
                doc: "The weight of the yes samples; the no samples get 1 − α. Below 0, all count alike.",
            },
            ParamSpec {
                name: "gamma",
                kind: ParamKind::Float { min: 0.0, max: 10.0, log: false },
                default: || Value::Float(2.0),
                unit: "",
                doc: "How strongly samples that are already right are faded out; 0 is the plain cross-entropy.",
            },
            LOSS_WEIGHT,
        ],
        formula: Formula {
            forward: r"L = \frac{1}{N} \sum_i \alpha_i\, m_i^{\gamma}\, c_i, \quad m = p(1-y) + (1-p)y, \quad c = -\ln(1 - m), \quad p = \sigma(x)",
            local: r"\frac{\partial \ell}{\partial x} = \alpha \left( \gamma\, m^{\gamma-1} c\,(1-2y)\,p(1-p) + m^{\gamma} (p - y) \right)",
            chain: CHAIN,
        },
        doc: "Binary cross-entropy for data in which one class is rare, such as object against background: samples that are already right count almost nothing, so the many easy ones cannot drown the few hard ones. The prediction is a logit, so put no sigmoid before it.",
        torch: "torchvision.ops.sigmoid_focal_loss",
        grad_fn: GradFn::Composed("torchvision composes it of elementwise functions"),
        ..LOSS
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        super::shapes::same(ctx, 16)
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (alpha, gamma) = weights(ctx.params);
        pairs(ctx, |x, y| {
            let (_, m, c) = term(x, y);
            alpha(y) * m.powf(gamma) * c
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (alpha, gamma) = weights(ctx.params);
        pairs_backward(ctx, |x, y| {
            let (p, m, c) = term(x, y);
            if m == S::zero() {
                // Right beyond rounding: mᵞ⁻¹ c vanishes with m for every γ ≥ 0.
                return S::zero();
            }
            let dm = (S::one() - y - y) * p * sigmoid(-x);
            let fade = if gamma == S::zero() { S::zero() } else { gamma * m.powf(gamma - S::one()) * c * dm };
            alpha(y) * (fade + m.powf(gamma) * (p - y))
        });
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        each_alone::<Self, S>(inner, None, 0)
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        made_alone(inner, None, part, index)
    }
}

/// The probability, how wrong it is, and the cross-entropy.
fn term<S: Scalar>(x: S, y: S) -> (S, S, S) {
    let p = sigmoid(x);
    (p, p * (S::one() - y) + sigmoid(-x) * y, softplus(x) - x * y)
}

/// The weight of a sample by its target, and γ.
fn weights<S: Scalar>(params: &Params) -> (impl Fn(S) -> S + Sync + use<S>, S) {
    let alpha = params.float("alpha");
    let (a, one) = (S::of(alpha), S::one());
    let weigh = move |y: S| if alpha < 0.0 { one } else { a * y + (one - a) * (one - y) };
    (weigh, S::of(params.float("gamma")))
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{near, run},
    };

    const LN2: f64 = std::f64::consts::LN_2;

    #[test]
    fn an_undecided_logit() {
        // p = m = 1/2, c = ln 2: a yes weighs 1/4, a no 3/4, each times m² = 1/4.
        let ran = run("focal_loss", &[], &[(&[2], &[0.0, 0.0]), (&[2], &[1.0, 0.0])], &[2.0]);
        near(&ran.output, &[0.5 * (0.0625 + 0.1875) * LN2]);
        // γ m c dm = ∓ 2 · 1/2 · ln 2 · 1/4 and m² (p − y) = ∓ 1/8.
        near(ran.grad(0), &[-0.25 * (0.25 * LN2 + 0.125), 0.75 * (0.25 * LN2 + 0.125)]);
    }

    #[test]
    fn without_fading_it_is_the_cross_entropy() {
        let set = [("alpha", Value::Float(-1.0)), ("gamma", Value::Float(0.0))];
        let (x, y) = ([0.3, -2.0, 40.0], [1.0, 0.0, 1.0]);
        let (a, b) = (
            run("focal_loss", &set, &[(&[3], &x), (&[3], &y)], &[1.0]),
            run("bce_with_logits_loss", &[], &[(&[3], &x), (&[3], &y)], &[1.0]),
        );
        near(&a.output, &b.output);
        near(a.grad(0), b.grad(0));
    }

    #[test]
    fn a_logit_right_beyond_rounding_is_no_nan() {
        for gamma in [0.0, 0.5, 2.0] {
            let set = [("gamma", Value::Float(gamma))];
            let ran = run("focal_loss", &set, &[(&[2], &[2000.0, -2000.0]), (&[2], &[1.0, 0.0])], &[1.0]);
            assert_eq!((ran.output.as_slice(), ran.grad(0)), (&[0.0][..], &[0.0, 0.0][..]), "{gamma}");
        }
    }
}
