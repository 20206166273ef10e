//! The shape rules of losses, and what they say when prediction and target do not fit.

use crate::ops::{Fault, Hint, InferCtx, Inferred, Value};
use crate::tensor::{Dim, Shape};

fn scalar(flops: usize) -> Inferred {
    Inferred { output: Shape::scalar(), flops: flops as u64, ..Inferred::default() }
}

/// Target shaped as the prediction; `cost` operations per number.
pub(super) fn same(ctx: &InferCtx, cost: usize) -> Result<Inferred, Fault> {
    let (p, y) = (&ctx.inputs[0], &ctx.inputs[1]);
    if p == y {
        return Ok(scalar(cost * p.per_sample()));
    }
    let both = format!("The prediction is {p} but the target is {y}");
    let (long, short, pin) = if p.rank() > y.rank() { (p, y, 1) } else { (y, p, 0) };
    if long.rank() == short.rank() + 1 && long.0.last() == Some(&Dim::Fixed(1)) && long.0.starts_with(&short.0) {
        let message = format!(
            "{both}: one has an extra axis of length 1. Stretching them to one shape would compare every prediction \
             with every target, so they must have the same axes."
        );
        let sizes = long.0.iter().map(|d| if let Dim::Fixed(n) = d { *n as i64 } else { -1 }).collect();
        let reshape = Hint::InsertBefore(pin, "reshape", vec![("shape", Value::Ints(sizes))]);
        return Err(Fault::at(pin, message).axis(short.rank()).expected(long.clone()).hint(reshape));
    }
    if p.rank() != y.rank() {
        let mut message = format!(
            "{both}: {} axes against {}. Every predicted number needs its own target, so the shapes must be equal.",
            p.rank(),
            y.rank()
        );
        if p.rank() == 2 && *y == Shape(vec![p.0[0]]) {
            message += " If the target is the number of a class, cross-entropy is the loss for it.";
        }
        let fault = Fault::at(0, message).expected(y.clone());
        let flat = p.rank() > 2 && y.rank() == 2 && p.0[1..].iter().all(|d| matches!(d, Dim::Fixed(_)));
        return Err(if flat { fault.hint(Hint::InsertBefore(0, "flatten", vec![])) } else { fault });
    }
    let axis = (0..p.rank()).find(|&k| p.0[k] != y.0[k]).expect("shapes of one rank that differ do so in some axis");
    let message = format!(
        "{both}: axis {axis} is {} in one and {} in the other. Every predicted number needs its own target.",
        p.0[axis], y.0[axis]
    );
    let fault = Fault::at(0, message).axis(axis).expected(y.clone());
    Err(match last_width(p, y) {
        Some(n) => fault.hint(linear(n)),
        None => fault,
    })
}

/// Where the shapes differ in their last axis only: the length that the target has there.
fn last_width(p: &Shape, y: &Shape) -> Option<usize> {
    let ((_, p_front), (Dim::Fixed(n), y_front)) = (p.0.split_last()?, y.0.split_last()?) else { return None };
    (p_front == y_front && !p_front.is_empty()).then_some(*n)
}

/// A linear layer with `n` outputs in front of the prediction.
fn linear(n: usize) -> Hint {
    Hint::InsertBefore(0, "linear", vec![("out_features", Value::Int(n as i64))])
}

/// Prediction `B×C`, one number per class; target `B` or `B×1`, the number of the class, or, where `soft`, `B×C`
/// probabilities.
pub(super) fn classes(ctx: &InferCtx, soft: bool, cost: usize) -> Result<Inferred, Fault> {
    let (p, y) = (&ctx.inputs[0], &ctx.inputs[1]);
    let &[rows, Dim::Fixed(c)] = p.0.as_slice() else {
        let message =
            format!("The prediction is {p}; it must be B×C: for each sample one number per class. The target is {y}.");
        let fault = Fault::at(0, message);
        return Err(if p.rank() > 2 { fault.hint(Hint::InsertBefore(0, "flatten", vec![])) } else { fault });
    };
    let index = Shape(vec![rows]);
    let column = *y == Shape(vec![rows, Dim::Fixed(1)]);
    if *y == index || (column && !(soft && c == 1)) || (soft && y == p) {
        return Ok(scalar(cost * c));
    }
    let want =
        if soft { format!("{index} (the number of the class) or {p} (probabilities)") } else { index.to_string() };
    let message = format!("The prediction is {p}, so the target must be {want}, but it is {y}.");
    if let Some(n) = last_width(p, y).filter(|_| soft) {
        let message = format!("{message} The target has {n} classes, the prediction {c}: axis 1 must be {n}.");
        return Err(Fault::at(0, message).axis(1).expected(y.clone()).hint(linear(n)));
    }
    let axis = if y.0.first() == Some(&rows) { y.rank().min(1) } else { 0 };
    Err(Fault::at(1, message).axis(axis).expected(index))
}

/// Any number of weights, none of which may have a batch.
pub(super) fn weights(ctx: &InferCtx) -> Result<Inferred, Fault> {
    if let Some((k, w)) = ctx.inputs.iter().enumerate().find(|(_, w)| w.has_batch()) {
        let message = format!("Weight {k} is {w}: it has a batch axis, but a penalty is for weights, which have none.");
        return Err(Fault::at(k, message).axis(w.0.iter().position(|d| *d == Dim::Batch).unwrap_or(0)));
    }
    Ok(scalar(ctx.inputs.iter().map(|w| 2 * w.per_sample()).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Params;

    fn fault(rule: impl Fn(&InferCtx) -> Result<Inferred, Fault>, p: Shape, y: Shape) -> Fault {
        let params = Params::default();
        let ctx = InferCtx { params: &params, inputs: &[p, y], features: None, target: None };
        rule(&ctx).expect_err("these shapes do not fit")
    }

    #[test]
    fn an_extra_axis_of_length_one_is_explained_and_mended() {
        let f = fault(|c| same(c, 1), Shape::batch(&[1]), Shape::batch(&[]));
        assert!(f.message.contains("B×1") && f.message.contains("target is B:"), "{}", f.message);
        assert_eq!((f.input, f.axis, f.expected), (Some(1), Some(1), Some(Shape::batch(&[1]))));
        assert_eq!(f.hints, [Hint::InsertBefore(1, "reshape", vec![("shape", Value::Ints(vec![-1, 1]))])]);
    }

    #[test]
    fn a_wrong_width_names_the_axis_and_offers_a_layer() {
        let f = fault(|c| same(c, 1), Shape::batch(&[3]), Shape::batch(&[1]));
        assert_eq!((f.input, f.axis), (Some(0), Some(1)));
        assert_eq!(f.hints, [linear(1)]);
        let f = fault(|c| classes(c, true, 1), Shape::batch(&[3]), Shape::batch(&[10]));
        assert!(f.message.contains("B×3") && f.message.contains("B×10"), "{}", f.message);
        assert_eq!(f.hints, [linear(10)]);
    }

    #[test]
    fn class_numbers_for_a_regression_loss_lead_to_cross_entropy() {
        let f = fault(|c| same(c, 1), Shape::batch(&[3]), Shape::batch(&[]));
        assert!(f.message.contains("cross-entropy"), "{}", f.message);
    }

    #[test]
    fn penalties_refuse_a_batch() {
        assert_eq!(fault(weights, Shape::fixed(&[2]), Shape::batch(&[2])).input, Some(1));
    }
}
