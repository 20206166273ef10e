//! An output as a sum of products where the operation is one, else as a function of what it depends on.

use super::names::Search;
use super::{Explanation, Factor, Joined, Origin, Term, shorten};
use crate::engine::local::{Local, Target};
use crate::ops::Precision;
use crate::tensor::stream;
use rand::RngExt as _;

/// What made element `o` of the output.
pub(super) fn output<S: Precision>(node: &Local<S>, o: usize, budget: u64) -> Explanation {
    let total = node.output[o].to64();
    let title = node.kind.spec.label.to_lowercase();
    if !node.computes() || node.inputs.is_empty() && node.weights.is_empty() {
        return Explanation { title: "given, not computed".into(), total, ..Explanation::default() };
    }
    let mut hot = vec![S::zero(); node.output.len()];
    hot[o] = S::one();
    let flows = |t: &Target| match t {
        Target::Input(k) => node.inputs[*k].flows,
        Target::Weight(_) => true,
    };
    let targets: Vec<Target> = node.targets().into_iter().filter(flows).collect();
    let slopes: Vec<(Target, Vec<S>)> = targets.iter().map(|t| (*t, node.gradient(&hot, *t, None))).collect();
    let weights: Vec<Target> = targets.iter().copied().filter(|t| matches!(t, Target::Weight(_))).collect();
    let pins: Vec<Target> = targets.iter().copied().filter(|t| matches!(t, Target::Input(_))).collect();
    // All weights together, all inputs together, one input alone: the first in which the output is linear.
    let mut groups: Vec<Vec<Target>> = [weights, pins.clone()].into_iter().filter(|g| !g.is_empty()).collect();
    if pins.len() > 1 {
        groups.extend(pins.iter().map(|p| vec![*p]));
    }
    for group in groups {
        let mine: Vec<&(Target, Vec<S>)> = slopes.iter().filter(|s| group.contains(&s.0)).collect();
        if mine.iter().all(|s| s.1.iter().all(|x| *x == S::zero())) || !linear(node, o, &mine) {
            continue;
        }
        if let Some(e) = sum(node, o, &hot, &mine, budget) {
            return e;
        }
    }
    function(node, o, &slopes, title)
}

/// Whether the output at `o` is an affine function of these tensors, tried on other numbers.
fn linear<S: Precision>(node: &Local<S>, o: usize, slopes: &[&(Target, Vec<S>)]) -> bool {
    let here = node.output[o].to64();
    let mut random = stream(17, o as u64);
    [0.3, 1.0, 5.0, -2.0].into_iter().all(|scale| {
        let mut promised = here;
        let mut size = here.abs();
        let moved: Vec<(Target, Vec<S>)> = slopes
            .iter()
            .map(|(target, slope)| {
                let own = &node.tensor(*target).data;
                let data = own.iter().zip(slope).map(|(x, s)| {
                    // A negative scale turns every number round, across the kink of an activation.
                    let x = x.to64();
                    let to = S::of(if scale < 0.0 {
                        scale * x - random.random::<f64>()
                    } else {
                        x + scale * (random.random::<f64>() - 0.5)
                    });
                    let by = s.to64() * (to.to64() - x);
                    promised += by;
                    size += by.abs();
                    to
                });
                (*target, data.collect())
            })
            .collect();
        let swaps: Vec<(Target, &[S])> = moved.iter().map(|(t, d)| (*t, d.as_slice())).collect();
        let found = node.forward_on(&swaps).0[o].to64();
        (found - promised).abs() <= 300.0 * S::epsilon().to64() * size.max(1e-9)
    })
}

/// Σ local derivative · element, and a constant.
fn sum<S: Precision>(
    node: &Local<S>,
    o: usize,
    hot: &[S],
    slopes: &[&(Target, Vec<S>)],
    budget: u64,
) -> Option<Explanation> {
    let total = node.output[o].to64();
    let mut e = Explanation { joined: Joined::Sum, total, ..Explanation::default() };
    let mut named = 0u64;
    for (target, slope) in slopes {
        let mut search = Search::new(node, *target);
        for (i, s) in slope.iter().enumerate().filter(|(_, s)| **s != S::zero()) {
            let x = node.tensor(*target).data[i].to64();
            named += 2 * node.cost;
            let other = if named <= budget { search.find(hot, i, *s) } else { Search::<S>::plain(*s) };
            let of = match target {
                Target::Input(k) => Origin::Input(*k),
                Target::Weight(k) => Origin::Weight(*k),
            };
            let first = Factor { of, index: i, label: String::new(), value: x };
            // A factor 1 without a name says nothing.
            let nameless = other.iter().all(|f| f.of == Origin::Local);
            let other = if s.to64() == 1.0 && nameless { Vec::new() } else { other };
            e.terms.push(Term { factors: [vec![first], other].concat(), value: x * s.to64(), slope: None });
        }
    }
    let left = total - e.terms.iter().map(|t| t.value).sum::<f64>();
    let size: f64 = e.terms.iter().map(|t| t.value.abs()).sum::<f64>() + total.abs();
    if left.abs() > 1e3 * S::epsilon().to64() * size.max(1e-30) {
        let factor = Factor { of: Origin::Constant, index: 0, label: "constant".into(), value: left };
        e.terms.push(Term { factors: vec![factor], value: left, slope: None });
    }
    e.title = match e.terms.len() {
        1 => "one product".into(),
        n => format!("sum of {n} terms"),
    };
    shorten(&mut e);
    Some(e)
}

/// The elements that the output depends on, each with its local derivative.
fn function<S: Precision>(node: &Local<S>, o: usize, slopes: &[(Target, Vec<S>)], title: String) -> Explanation {
    let total = node.output[o].to64();
    let mut e = Explanation {
        title: format!("{title} of what arrives"),
        joined: Joined::Function(title),
        total,
        ..Explanation::default()
    };
    for (target, slope) in slopes {
        let of = match target {
            Target::Input(k) => Origin::Input(*k),
            Target::Weight(k) => Origin::Weight(*k),
        };
        let only = slope.len() == node.output.len() && slope.iter().filter(|s| **s != S::zero()).count() == 0;
        for (i, s) in slope.iter().enumerate() {
            // Where the derivative is zero everywhere, the element in the same place is what it was made of.
            if *s == S::zero() && !(only && i == o) {
                continue;
            }
            let value = node.tensor(*target).data[i].to64();
            let factor = Factor { of, index: i, label: String::new(), value };
            e.terms.push(Term { factors: vec![factor], value, slope: Some(s.to64()) });
        }
    }
    shorten(&mut e);
    e
}
