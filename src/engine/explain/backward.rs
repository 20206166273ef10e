//! A gradient as Σ ∂L/∂output · local derivative, by one probe of the backward pass per element of ∂L/∂output.

use super::names::Search;
use super::{Explanation, Factor, Joined, MOST, Origin, Term, shorten};
use crate::engine::local::{Local, Target};
use crate::ops::Precision;

/// The terms of ∂L/∂target at element `i`.
pub(super) fn gradient<S: Precision>(
    node: &Local<S>,
    delta: &[S],
    target: Target,
    i: usize,
    batch: usize,
    budget: u64,
) -> Explanation {
    let mut e =
        Explanation { title: "Σ δ · local derivative".into(), joined: Joined::Sum, ..Explanation::default() };
    let candidates = touched(node, target, i);
    // A backward pass costs about twice a forward one.
    let probe = 2 * node.cost + node.output.len() as u64;
    let single = |node: &Local<S>, delta: &[S], candidates: &[usize], at: usize, e: &mut Explanation| {
        let mut search = Search::new(node, target);
        let mut hot = vec![S::zero(); node.output.len()];
        for o in candidates.iter().copied().filter(|o| delta[*o] != S::zero()) {
            hot[o] = S::one();
            let slope = node.gradient(&hot, target, None)[at];
            if slope != S::zero() {
                let value = delta[o].to64() * slope.to64();
                let first = Factor { of: Origin::Delta, index: o, label: String::new(), value: delta[o].to64() };
                // What is not listed needs no name.
                let named =
                    if e.terms.len() < 4 * MOST { search.find(&hot, at, slope) } else { Search::<S>::plain(slope) };
                e.terms.push(Term { factors: [vec![first], named].concat(), value, slope: None });
            }
            hot[o] = S::zero();
        }
    };
    if probe.saturating_mul(candidates.len() as u64) <= budget {
        single(node, delta, &candidates, i, &mut e);
    } else {
        by_sample(node, delta, target, i, batch, &candidates, &mut e);
    }
    // Rows that a broken-off probe would have missed stay visible as a difference to the total.
    e.total = e.terms.iter().map(|t| t.value).sum();
    shorten(&mut e);
    e
}

/// One term per sample of the batch, where there are too many elements to try them one by one.
fn by_sample<S: Precision>(
    node: &Local<S>,
    delta: &[S],
    target: Target,
    i: usize,
    batch: usize,
    candidates: &[usize],
    e: &mut Explanation,
) {
    let rows = if node.shape.first() == Some(&batch) { batch } else { 1 };
    let len = (delta.len() / rows).max(1);
    e.title = "Σ over the samples of (δ · local derivative)".into();
    for n in 0..rows {
        let count = candidates.iter().filter(|o| **o / len == n).count();
        if count == 0 {
            continue;
        }
        // Layers with weights take one sample as well as many; other kinds may be about the whole batch.
        let alone = if matches!(target, Target::Weight(_)) { node.sample(n, rows) } else { None };
        let value = match alone {
            Some(one) => one.gradient(&delta[n * len..][..len], target, None)[i],
            None => {
                let mut part = vec![S::zero(); delta.len()];
                part[n * len..][..len].copy_from_slice(&delta[n * len..][..len]);
                node.gradient(&part, target, None)[i]
            }
        };
        let value = value.to64();
        let label = format!("sample {n}: {count} products");
        let factor = Factor { of: Origin::Constant, index: n, label, value };
        e.terms.push(Term { factors: vec![factor], value, slope: None });
    }
}

/// The outputs that depend on element `i` of `target`: those that change when it does. More may be named than have a
/// derivative, which does no harm.
fn touched<S: Precision>(node: &Local<S>, target: Target, i: usize) -> Vec<usize> {
    let all = node.output.len();
    // A deliberate stand-in for a derivative does not follow the forward pass.
    if all <= 256 || node.kind.surrogate {
        return (0..all).collect();
    }
    let own = &node.tensor(target).data;
    let size = own.iter().fold(1.0f64, |m, x| if x.to64().is_finite() { m.max(x.to64().abs()) } else { m });
    let mut changed = vec![false; all];
    let mut data = own.clone();
    for by in [1e-2, -1e-2, 0.7, -0.7, 3.0, -3.0] {
        data[i] = S::of(own[i].to64() + by * size);
        let (output, _) = node.forward_on(&[(target, &data)]);
        for ((c, a), b) in changed.iter_mut().zip(&output).zip(&node.output) {
            *c |= a != b;
        }
    }
    (0..all).filter(|o| changed[*o]).collect()
}
