//! The certificate of one node: its own backward against difference quotients of its own forward, in double precision.
//!
//! The output is projected on random directions v; ∂(v·f)/∂x is what the backward gives for δ = v. Sampled elements of
//! every input and weight are moved, and only the change of the output is projected, so that nothing large cancels.

use crate::engine::check::compare;
use crate::engine::local::{Local, Operand};
use crate::graph::NodeId;
use crate::tensor::{mix, stream};
use rand::RngExt as _;

/// What a certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Gradients were compared.
    Checked,
    /// The gradient is a stand-in by design, so difference quotients cannot agree with it.
    Surrogate,
    /// No gradient leaves this node.
    Constant,
    /// Its output is not finite, so there is nothing to compare.
    NotFinite,
}

/// The result for one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Whose.
    pub node: NodeId,
    /// What it says.
    pub standing: Standing,
    /// Largest relative error |a − n| / max(|a| + |n|, 1e-6); 0 where they differ by less than the quotient's rounding.
    pub worst: f64,
    /// Where it was: `weight[3]`.
    pub place: String,
    /// Elements compared.
    pub checked: usize,
    /// Elements at a kink: there the gradient lies between the one-sided slopes.
    pub kinks: usize,
}

impl Certificate {
    /// The relative error up to which a gradient is certified.
    pub const GOOD: f64 = 1e-6;
    /// The relative error above which a gradient is called wrong.
    pub const WRONG: f64 = 1e-4;

    /// `max rel. err 3.1e-8`, or that the difference is no larger than what rounding makes of a difference quotient.
    pub fn error_text(worst: f64) -> String {
        if worst == 0.0 { "exact to rounding".to_owned() } else { format!("max rel. err {worst:.1e}") }
    }
    /// Whether the gradient was compared and is right.
    pub fn certified(&self) -> bool {
        self.standing == Standing::Checked && self.worst <= Self::GOOD
    }
    /// Whether there is a gradient to certify.
    pub fn counts(&self) -> bool {
        matches!(self.standing, Standing::Checked | Standing::NotFinite)
    }
}

/// Elements compared of each tensor.
const SAMPLES: usize = 10;

/// Compares the gradients of one node; another `round` samples other elements.
pub fn certify(local: &mut Local<f64>, round: u64) -> Certificate {
    let mut out = Certificate {
        node: local.node,
        standing: Standing::Checked,
        worst: 0.0,
        place: String::new(),
        checked: 0,
        kinks: 0,
    };
    let own = local.kind.spec;
    if !own.is_loss() && local.weights.is_empty() && local.inputs.iter().all(|o| !o.flows) {
        return Certificate { standing: Standing::Constant, ..out };
    }
    if local.kind.surrogate {
        return Certificate { standing: Standing::Surrogate, ..out };
    }
    let here = local.forward().to_vec();
    if here.iter().any(|x| !x.is_finite()) {
        return Certificate { standing: Standing::NotFinite, ..out };
    }
    let mut rng = stream(mix(local.node.0, round), 0);
    let direction: Vec<f64> = here.iter().map(|_| rng.random::<f64>() * 2.0 - 1.0).collect();
    let grads = local.backward(&direction);
    let pins = grads.inputs.into_iter().enumerate().filter_map(|(k, g)| Some((false, k, g?)));
    let weights = grads.weights.into_iter().enumerate().map(|(k, g)| (true, k, g));
    for (weight, k, grad) in pins.chain(weights) {
        let every = grad.len().div_ceil(SAMPLES).max(1);
        let first = (mix(round, k as u64) % every as u64) as usize;
        for i in (first..grad.len()).step_by(every) {
            let x = tensor(local, weight, k).data[i];
            let mut along = |by: f64| {
                tensor(local, weight, k).data[i] = x + by;
                let moved = local.forward();
                let change = moved.iter().zip(&here).zip(&direction).map(|((f, f0), v)| v * (f - f0)).sum();
                tensor(local, weight, k).data[i] = x;
                change
            };
            let (mut error, kink) = compare(grad[i], x, &mut along);
            if error > Certificate::GOOD && !kink && grad[i].is_finite() {
                error = error.min(refined(grad[i], x, &mut along));
            }
            out.checked += 1;
            out.kinks += usize::from(kink);
            if error > out.worst {
                out.worst = error;
                out.place = format!("{}[{i}]", tensor(local, weight, k).label);
            }
        }
    }
    local.forward();
    out
}

fn tensor(local: &mut Local<f64>, weight: bool, k: usize) -> &mut Operand<f64> {
    if weight { &mut local.weights[k] } else { &mut local.inputs[k] }
}

/// The error against quotients of fourth order, whose own error is far smaller where the function is curved strongly; a
/// wrong gradient agrees with none of them.
fn refined(a: f64, x: f64, along: &mut dyn FnMut(f64) -> f64) -> f64 {
    let mut best = f64::INFINITY;
    for step in [1e-3, 1e-4, 1e-5, 1e-6].map(|s| s * x.abs().clamp(1e-2, 1e6)) {
        let near = along(step) - along(-step);
        let far = along(2.0 * step) - along(-2.0 * step);
        let slope = (8.0 * near - far) / (12.0 * step);
        let error = (a - slope).abs() / (a.abs() + slope.abs()).max(1e-6);
        if error < best {
            best = error;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Backward, Fault, Forward, InferCtx, Inferred, Kind, Op, Spec, catalogue};
    use crate::tensor::Scalar;

    /// A square whose slope is called 2.001 x.
    struct Wrong;

    impl Op for Wrong {
        const SPEC: Spec = Spec { id: "wrong", label: "Wrong", ..crate::ops::activation::Relu::SPEC };
        fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
            Ok(Inferred::output(ctx.inputs[0].clone()))
        }
        fn forward<S: Scalar>(ctx: &mut Forward<S>) {
            for (y, x) in ctx.output.data.iter_mut().zip(ctx.inputs[0].data) {
                *y = *x * *x;
            }
        }
        fn backward<S: Scalar>(ctx: &mut Backward<S>) {
            let (x, d) = (ctx.inputs[0].data, ctx.grad_output.data);
            let Some(g) = &mut ctx.grad_inputs[0] else { return };
            for ((g, x), d) in g.data.iter_mut().zip(x).zip(d) {
                *g = *d * *x * S::of(2.001);
            }
        }
    }

    static WRONG: Kind = Kind::of::<Wrong>();

    fn of(kind: &'static Kind, x: &[f64]) -> Certificate {
        certify(&mut Local::unary(kind, x), 0)
    }

    #[test]
    fn a_wrong_gradient_gets_no_seal_and_right_ones_do() {
        let x = [0.3, -1.7, 2.5, 1e-3, -4.0];
        let c = of(&WRONG, &x);
        assert!(!c.certified() && c.worst > Certificate::WRONG, "{c:?}");
        for id in ["tanh", "sigmoid", "gelu", "softmax", "exp", "sin"] {
            let c = of(catalogue::find(id).expect("it is listed"), &x);
            assert!(c.certified() && c.checked == 5, "{id}: {c:?}");
        }
        // Strongly curved near zero: no second-order quotient is good enough there.
        let c = of(catalogue::find("log").expect("it is listed"), &[1e-3, 2e-3, 0.5]);
        assert!(c.certified(), "{c:?}");
    }

    #[test]
    fn kinks_are_counted_and_stand_ins_say_so() {
        let c = of(catalogue::find("relu").expect("it is listed"), &[0.0, 1.0, -1.0]);
        assert!(c.certified() && c.kinks == 1, "{c:?}");
        let c = of(catalogue::find("straight_through_step").expect("it is listed"), &[0.5]);
        assert_eq!((c.standing, c.certified(), c.counts()), (Standing::Surrogate, false, false));
        let c = of(catalogue::find("log").expect("it is listed"), &[-1.0]);
        assert_eq!((c.standing, c.certified(), c.counts()), (Standing::NotFinite, false, true));
        let c = of(catalogue::find("detach").expect("it is listed"), &[1.0]);
        assert_eq!(c.standing, Standing::Constant);
    }
}
