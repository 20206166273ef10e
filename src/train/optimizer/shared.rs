//! Settings that several optimisers have.

use crate::ops::{ParamSpec, Value};
use crate::train::described::float;

/// Largest share that is still below one.
pub const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

pub const fn lr(default: fn() -> Value) -> ParamSpec {
    float("lr", (0.0, 1e6), default, "Learning rate: length of a step against the gradient.")
}
pub const fn tolerance(name: &'static str, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    float(name, (0.0, 1.0), default, doc)
}
pub const DECAY: ParamSpec = float(
    "weight_decay",
    (0.0, 1e6),
    || Value::Float(0.0),
    "λ of an L2 term λ/2·‖w‖²: pulls every weight towards zero.",
);
pub const BETA1: ParamSpec =
    float("beta1", (0.0, BELOW_ONE), || Value::Float(0.9), "How long the mean of the gradients remembers.");
pub const BETA2: ParamSpec =
    float("beta2", (0.0, BELOW_ONE), || Value::Float(0.999), "How long the mean of their squares remembers.");
pub const fn eps(default: fn() -> Value) -> ParamSpec {
    float("eps", (0.0, 1.0), default, "Added below the fraction line, so that it is never zero.")
}
