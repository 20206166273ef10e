//! Every kind with parameters and shapes drawn at random: nothing panics, and all that is promised is written.

use super::*;
use chainrule::ops::ParamSpec;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::cell::Cell;

/// Draws per kind.
const CASES: u32 = 400;

/// What is drawn for one node; small numbers, so that a failure shrinks to a small case.
#[derive(Clone, Debug)]
struct Draw {
    batch: usize,
    symbolic: bool,
    axes: Vec<usize>,
    /// How each further input differs from the first.
    others: Vec<u8>,
    /// One number and one list per parameter.
    settings: Vec<(u8, Vec<i64>)>,
}

fn draws() -> impl Strategy<Value = Draw> {
    let settings = vec((any::<u8>(), vec(-2i64..4, 0..3)), 12);
    (1usize..5, prop::bool::weighted(0.8), vec(1usize..7, 0..4), vec(any::<u8>(), 3), settings)
        .prop_map(|(batch, symbolic, axes, others, settings)| Draw { batch, symbolic, axes, others, settings })
}

/// An allowed value of a parameter: often the default, else one near it.
fn value(spec: &ParamSpec, pick: u8, list: &[i64]) -> Option<Value> {
    let by = i64::from(pick / 3 % 7) - 3;
    let default = (spec.default)();
    let value = match (spec.kind, default.clone()) {
        _ if pick.is_multiple_of(3) => default,
        (ParamKind::Bool, _) => Value::Bool(pick & 8 == 0),
        (ParamKind::Choice(names), _) => Value::Text(names[usize::from(pick) % names.len()].into()),
        (ParamKind::Int { min, max }, Value::Int(x)) => Value::Int(x.saturating_add(by).clamp(min, max)),
        (ParamKind::Float { min, max, .. }, Value::Float(x)) => Value::Float((x + 0.5 * by as f64).clamp(min, max)),
        (ParamKind::Ints, _) => Value::Ints(list.to_vec()),
        (ParamKind::Floats, _) => Value::Floats(list.iter().map(|n| *n as f64).collect()),
        _ => default,
    };
    spec.reject(&value).is_none().then_some(value)
}

/// The first shape, or one that is related to it.
fn related(first: &Shape, how: u8) -> Shape {
    let mut shape = first.clone();
    let at = usize::from(how / 8) % first.rank().max(1);
    match how % 8 {
        3 if first.rank() > 0 => shape.0[at] = Dim::Fixed(1),
        4 if first.rank() > 1 => shape.0.swap(first.rank() - 1, first.rank() - 2),
        5 if first.rank() > 0 => _ = shape.0.remove(at),
        6 => shape.0.truncate(1),
        7 if first.rank() > 0 => shape.0[at] = Dim::Fixed(2),
        _ => {}
    }
    shape
}

/// A node of random numbers; `None` where the shape rule or a parameter refuses.
fn node<'a>(kind: &'a Kind, draw: &Draw) -> Option<Node<'a, f32>> {
    let mut params = Params::default().filled(kind.spec.params);
    for (spec, (pick, list)) in kind.spec.params.iter().zip(draw.settings.iter().cycle()) {
        params.0.insert(spec.name.into(), value(spec, *pick, list)?);
    }
    let first = if draw.symbolic { Shape::batch(&draw.axes) } else { Shape::fixed(&draw.axes) };
    let count = match kind.spec.inputs {
        Inputs::Fixed(names) => names.len(),
        Inputs::Variadic(least) => least + usize::from(draw.others[0]) % 3,
    };
    let others = draw.others.iter().map(|how| related(&first, *how));
    let shapes: Vec<Shape> = std::iter::once(first.clone()).chain(others).take(count).collect();
    let inferred = infer(kind, &params, &shapes)?;
    let mut rng = stream(11, u64::from(draw.others[0]));
    let mut tensor = |shape: Vec<usize>, whole: bool| {
        let number = |_| 0.05 + 0.9 * rng.random::<f64>();
        let data = (0..shape.iter().product()).map(number).map(|x| if whole { f64::from(x > 0.5) } else { x });
        Tensor::new(shape, data.collect())
    };
    let inputs = shapes.iter().enumerate().map(|(k, s)| tensor(s.concrete(draw.batch), kind.spec.no_grad.contains(&k)));
    let inputs = inputs.collect();
    let weights = inferred.weights.iter().map(|w| tensor(w.shape.clone(), false)).collect();
    Some(Node { kind, params, inputs, weights, inferred, batch: draw.batch, mode: Mode::Train })
}

/// The node's output, saved numbers and gradients, written over buffers full of `ink`.
fn written_over(node: &Node<f32>, ink: f32) -> Vec<Vec<u32>> {
    let mut outcome = Vec::new();
    let (out, saved) = node.forward_over(ink);
    let grad = Tensor::new(out.shape.clone(), vec![0.5; out.data.len()]);
    let (dx, dw) = node.backward_over(&out, &saved, &grad, ink);
    outcome.push(out.data);
    outcome.push(saved);
    outcome.extend(dx.into_iter().flatten().chain(dw).map(|t| t.data));
    outcome.into_iter().map(|data| data.into_iter().map(f32::to_bits).collect()).collect()
}

#[test]
fn the_inferred_shape_is_filled_and_so_are_all_gradients_whatever_the_parameters() {
    for kind in computing() {
        let ran = Cell::new(0);
        let config =
            Config { cases: CASES, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..Config::default() };
        let outcome = TestRunner::new(config).run(&draws(), |draw| {
            let Some(node) = node(kind, &draw) else { return Ok(()) };
            ran.set(ran.get() + 1);
            // An element that is not written shows the ink; two inks never agree.
            let (one, two) = (written_over(&node, 7.25), written_over(&node, -3.5));
            prop_assert!(one == two, "{:?} {:?} {:?}", kind, node.params, node.inferred);
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("{kind:?}: {e}"));
        assert!(ran.get() > 0, "{kind:?}: no drawn shapes fit");
    }
}
