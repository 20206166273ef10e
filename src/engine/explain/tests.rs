//! Every kind of the catalogue, without naming any: parts make up the output, terms make up the gradient.

use super::{Explanation, Joined, PATIENT, backward, forward, inside};
use crate::engine::local::{Local, Operand, Target};
use crate::graph::NodeId;
use crate::ops::{InferCtx, Inputs, Kind, Made, Mode, ParamKind, Params, Place, Value, catalogue::CATALOGUE};
use crate::tensor::{Shape, stream};
use rand::RngExt as _;

const BATCH: usize = 3;

fn shapes(kind: &Kind) -> Vec<Vec<Shape>> {
    let (b, f) = (Shape::batch, Shape::fixed);
    let one = [b(&[4]), b(&[3, 2]), b(&[]), b(&[2, 5, 5]), b(&[2, 3, 4]), f(&[3, 4]), b(&[2, 13, 13])];
    let two = [
        (b(&[4]), b(&[4])),
        (b(&[4]), b(&[])),
        (b(&[4]), f(&[4])),
        (b(&[4]), f(&[4, 2])),
        (b(&[2, 4]), b(&[4, 3])),
        (b(&[4]), b(&[2])),
        (b(&[120]), b(&[120])),
    ];
    match kind.spec.inputs {
        Inputs::Fixed([]) => vec![vec![]],
        Inputs::Fixed([_]) => one.iter().map(|s| vec![s.clone()]).collect(),
        Inputs::Fixed([_, _]) => two.iter().map(|(x, y)| vec![x.clone(), y.clone()]).collect(),
        Inputs::Fixed(names) => one.iter().map(|s| vec![s.clone(); names.len()]).collect(),
        Inputs::Variadic(_) => one.iter().map(|s| vec![s.clone(); 2]).collect(),
    }
}

/// The defaults, and with every choice of every parameter with choices.
fn settings(kind: &Kind) -> Vec<Params> {
    let default = Params::default().filled(kind.spec.params);
    let mut all = vec![default.clone()];
    for p in kind.spec.params {
        let values: Vec<Value> = match (p.kind, (p.default)()) {
            (ParamKind::Choice(names), _) => names.iter().map(|n| Value::Text((*n).into())).collect(),
            (ParamKind::Bool, Value::Bool(x)) => vec![Value::Bool(!x)],
            (ParamKind::Int { .. }, Value::Int(x)) => vec![Value::Int(x + 1)],
            _ => vec![],
        };
        for value in values.into_iter().filter(|v| p.reject(v).is_none()) {
            let mut params = default.clone();
            params.0.insert(p.name.into(), value);
            all.push(params);
        }
    }
    all
}

/// A node with random numbers that has run forward; none where the shapes do not fit.
fn node(kind: &'static Kind, params: &Params, inputs: &[Shape], seed: u64) -> Option<Local<f64>> {
    let inferred = (kind.infer)(&InferCtx { params, inputs, features: None, target: None }).ok()?;
    let mut random = stream(seed, 1);
    let mut tensor = |shape: Vec<usize>, whole: bool, flows: bool| {
        let draw = (0..shape.iter().product()).map(|_| 0.05 + 0.9 * random.random::<f64>());
        let data = draw.map(|x| if whole { f64::from(x > 0.5) } else { x }).collect();
        Operand { label: String::new(), shape, data, flows }
    };
    let no_grad = |k: usize| kind.spec.no_grad.contains(&k);
    let given = inputs.iter().enumerate().map(|(k, s)| tensor(s.concrete(BATCH), no_grad(k), !no_grad(k)));
    let given: Vec<Operand<f64>> = given.collect();
    let (kept, weights): (Vec<_>, Vec<_>) = inferred.weights.iter().partition(|w| w.buffer);
    let mut local = Local {
        node: NodeId(1),
        kind,
        params: params.clone(),
        inputs: given,
        weights: weights.iter().map(|w| tensor(w.shape.clone(), false, true)).collect(),
        buffers: kept.iter().map(|w| tensor(w.shape.clone(), false, true)).collect(),
        shape: inferred.output.concrete(BATCH),
        output: vec![0.0; inferred.output.len(BATCH)],
        saved: vec![0.0; inferred.saved.as_ref().map_or(0, |s| s.len(BATCH))],
        mode: Mode::Train,
        seed: 5,
        cost: inferred.flops * BATCH as u64,
    };
    local.forward().iter().all(|x| x.is_finite()).then_some(local)
}

/// All nodes to try; every computing kind is among them.
fn nodes() -> Vec<Local<f64>> {
    let mut all = Vec::new();
    for kind in CATALOGUE {
        let before = all.len();
        for (n, params) in settings(kind).iter().enumerate() {
            for (seed, inputs) in shapes(kind).iter().enumerate() {
                // Large tensors, for which not every output is tried, with the defaults only.
                let large = inputs.iter().any(|s| s.per_sample() > 100);
                if n == 0 || !large {
                    let one = node(kind, params, inputs, seed as u64).filter(Local::computes);
                    // In evaluation other statistics count, and nothing is drawn.
                    let used = one.clone().map(|mut local| {
                        local.mode = Mode::Eval;
                        local.forward();
                        local
                    });
                    all.extend(one.into_iter().chain(used));
                }
            }
        }
        let fills = matches!(kind.spec.role, crate::ops::Role::Features | crate::ops::Role::Target);
        assert!(fills || all.len() > before, "no shapes fit {kind:?}");
    }
    all
}

fn sum(e: &Explanation) -> f64 {
    e.terms.iter().map(|t| t.value).sum::<f64>() + e.rest
}

/// A few elements of a tensor, all of a small one.
fn some(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len.div_ceil(if len > 300 { 2 } else { 4 }).max(1))
}

#[test]
fn parts_make_up_the_output() {
    let mut declared = 0;
    for node in nodes() {
        let parts = inside::parts(&node);
        let last = parts.last().expect("there is at least the output");
        assert_eq!(last.data, node.output, "{:?}: the last part is not the output", node.kind);
        assert_eq!(last.shape, node.shape, "{:?}", node.kind);
        if !inside::declared(&node) {
            continue;
        }
        declared += 1;
        let value = |place: &Place| match *place {
            Place::Input(k, i) => node.inputs[k].data[i],
            Place::Weight(k, i) => node.weights[k].data[i],
            Place::Buffer(k, i) => node.buffers[k].data[i],
            Place::Part(k, i) => parts[k].data[i],
        };
        for (p, part) in parts.iter().enumerate() {
            assert_eq!(part.data.len(), part.shape.iter().product::<usize>(), "{:?}: {}", node.kind, part.name);
            assert!(!part.formula.is_empty());
            for i in some(part.data.len()) {
                match inside::made(&node, p, i) {
                    Made::Sum(terms) => {
                        let terms = terms.iter().map(|(by, places)| by * places.iter().map(value).product::<f64>());
                        let (sum, want) = (terms.sum::<f64>(), part.data[i]);
                        let close = (sum - want).abs() <= 1e-9 * want.abs().max(1.0);
                        assert!(close, "{:?}: {}[{i}] is {want}, its terms give {sum}", node.kind, part.name);
                    }
                    Made::Function(name, places) => {
                        assert!(!name.is_empty() && places.iter().all(|p| value(p).is_finite()));
                        // A part is made of earlier ones only.
                        let earlier = |q: &Place| !matches!(q, Place::Part(k, _) if *k >= p);
                        assert!(places.iter().all(earlier), "{:?}: {}", node.kind, part.name);
                    }
                }
            }
        }
    }
    assert!(declared >= 20, "{declared} nodes have parts");
}

#[test]
fn batch_normalisation_in_evaluation_is_made_of_what_it_keeps() {
    let kind = CATALOGUE.iter().find(|k| k.spec.id == "batch_norm1d").expect("it is there");
    let mut bn = node(kind, &Params::default().filled(kind.spec.params), &[Shape::batch(&[2])], 1).expect("it fits");
    bn.mode = Mode::Eval;
    bn.inputs[0].data = vec![3.0, 1.0, 5.0, 1.0, 7.0, 1.0];
    bn.params.0.insert("eps".into(), Value::Float(0.5));
    (bn.buffers[0].data, bn.buffers[1].data) = (vec![1.0, 0.0], vec![3.5, 15.5]);
    (bn.weights[0].data, bn.weights[1].data) = (vec![10.0, 8.0], vec![0.25, -1.0]);
    bn.forward();
    let parts = inside::parts(&bn);
    let named: Vec<(&str, &[f64])> = parts.iter().map(|p| (p.name.as_str(), p.data.as_slice())).collect();
    let want: [(&str, &[f64]); 4] = [
        ("distance from the running mean", &[2.0, 1.0, 4.0, 1.0, 6.0, 1.0]),
        ("running deviation", &[2.0, 4.0]),
        ("normalised", &[1.0, 0.25, 2.0, 0.25, 3.0, 0.25]),
        ("scale and shift", &[10.25, 1.0, 20.25, 1.0, 30.25, 1.0]),
    ];
    assert_eq!(named, want);
    assert_eq!(inside::made(&bn, 1, 1), Made::Function("√(σ² + ε)", vec![Place::Buffer(1, 1)]));
    let distance = vec![(1.0, vec![Place::Input(0, 2)]), (-1.0, vec![Place::Buffer(0, 0)])];
    assert_eq!(inside::made(&bn, 0, 2), Made::Sum(distance));
    // Statistics that are kept are constants: each x gets back its own δ only, γ/√(σ² + ε) of it.
    let e = backward::gradient(&bn, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], Target::Input(0), 2, BATCH, PATIENT);
    assert_eq!((e.total, e.terms.len(), sum(&e)), (15.0, 1, 15.0));
}

#[test]
fn backward_terms_add_up_to_the_gradient() {
    let mut random = stream(3, 0);
    for node in nodes() {
        let delta: Vec<f64> = node.output.iter().map(|_| random.random::<f64>() - 0.3).collect();
        for target in node.targets() {
            if matches!(target, Target::Input(k) if !node.inputs[k].flows) {
                continue;
            }
            let want = node.gradient(&delta, target, None);
            for i in some(want.len()) {
                // The whole batch, and sample by sample.
                for budget in if i == 0 { vec![u64::MAX, 0] } else { vec![u64::MAX] } {
                    let e = backward::gradient(&node, &delta, target, i, BATCH, budget);
                    let scale = e.terms.iter().map(|t| t.value.abs()).fold(want[i].abs().max(1e-3), f64::max);
                    let close = (sum(&e) - want[i]).abs() <= 1e-9 * scale;
                    let (got, want) = (sum(&e), want[i]);
                    assert!(close, "{:?} {:?} {target:?}[{i}] is {want}, its terms give {got}", node.kind, node.params);
                    for t in &e.terms {
                        let product: f64 = t.factors.iter().map(|f| f.value).product();
                        assert!((product - t.value).abs() <= 1e-9 * scale, "{:?}: the factors of {t:?}", node.kind);
                    }
                }
            }
        }
    }
}

#[test]
fn forward_terms_add_up_to_the_output() {
    let mut sums = 0;
    for node in nodes() {
        for o in some(node.output.len()) {
            let e = forward::output(&node, o, PATIENT);
            assert_eq!(e.total, node.output[o], "{:?}", node.kind);
            match &e.joined {
                Joined::Sum if e.terms.is_empty() => {}
                Joined::Sum => {
                    sums += 1;
                    let close = (sum(&e) - e.total).abs() <= 1e-9 * e.total.abs().max(1.0);
                    assert!(close, "{:?}: {} from {e:?}", node.kind, e.total);
                }
                Joined::Function(_) => {
                    assert!(e.terms.iter().all(|t| t.slope.is_some()), "{:?}", node.kind);
                }
            }
        }
    }
    assert!(sums > 50, "{sums} outputs are sums");
}
