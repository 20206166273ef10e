//! What to put on a wire so that shapes fit.

use crate::ops::{Fault, Hint, Value};
use crate::tensor::{Dim, Shape};

/// Adds to `fault` the first change of one input that makes `fits` true: two axes swapped, an axis of length 1 added,
/// axes laid end to end, or the elements in the shape of another input. The last input is tried first.
pub(super) fn offer(fault: Fault, inputs: &[Shape], fits: impl Fn(&[Shape]) -> bool) -> Fault {
    let pins = || (0..inputs.len()).rev();
    let tries = pins().filter_map(|k| transposed(&inputs[k]).map(|c| (k, c)));
    let tries = tries.chain(pins().flat_map(|k| widened(&inputs[k]).map(move |c| (k, c))));
    let tries = tries.chain(pins().filter_map(|k| flattened(&inputs[k]).map(|c| (k, c))));
    let tries = tries.chain(pins().filter_map(|k| reshaped(inputs, k).map(|c| (k, c))));
    let mut changed = inputs.to_vec();
    for (pin, (shape, kind, params)) in tries {
        let before = std::mem::replace(&mut changed[pin], shape);
        if fits(&changed) {
            return fault.hint(Hint::InsertBefore(pin, kind, params));
        }
        changed[pin] = before;
    }
    fault
}

/// A shape, and the node that makes it.
type Change = (Shape, &'static str, Vec<(&'static str, Value)>);

/// The last two axes swapped; the batch stays where it is.
fn transposed(x: &Shape) -> Option<Change> {
    let n = x.rank();
    if n < 2 || x.0[n - 2..].contains(&Dim::Batch) {
        return None;
    }
    let mut out = x.clone();
    out.0.swap(n - 2, n - 1);
    Some((out, "transpose", vec![("dim0", Value::Int(-2)), ("dim1", Value::Int(-1))]))
}

/// One more axis of length 1, first at the end; never before the batch.
fn widened(x: &Shape) -> impl Iterator<Item = Change> {
    let first = usize::from(x.0.first() == Some(&Dim::Batch));
    let x = x.clone();
    (first..=x.rank()).rev().map(move |at| {
        let mut out = x.clone();
        out.0.insert(at, Dim::Fixed(1));
        (out, "unsqueeze", vec![("dim", Value::Int(at as i64))])
    })
}

/// All axes of a sample laid end to end.
fn flattened(x: &Shape) -> Option<Change> {
    let (first, rest) = x.0.split_first()?;
    if rest.len() < 2 || rest.contains(&Dim::Batch) {
        return None;
    }
    Some((Shape(vec![*first, Dim::Fixed(Shape(rest.to_vec()).per_sample())]), "flatten", vec![]))
}

/// The shape of the first other input with as many elements per sample.
fn reshaped(inputs: &[Shape], k: usize) -> Option<Change> {
    let leads = |x: &Shape| x.0.first() == Some(&Dim::Batch);
    let x = &inputs[k];
    let like = inputs.iter().enumerate().find(|(i, y)| {
        let batches = y.0.iter().chain(&x.0).filter(|d| **d == Dim::Batch).count();
        *i != k && y.per_sample() == x.per_sample() && leads(y) == leads(x) && batches == 2 * usize::from(leads(x))
    });
    let (_, y) = like?;
    let sizes = y.0.iter().map(|d| if let Dim::Fixed(n) = d { *n as i64 } else { -1 }).collect();
    Some((y.clone(), "reshape", vec![("shape", Value::Ints(sizes))]))
}
