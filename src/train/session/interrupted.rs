//! A run that is interrupted in the midst of its instructions, again and again, has the bits of one that is not.

use crate::data::{DataConfig, Dataset, Source};
use crate::engine::{Phase, inside, with_threads};
use crate::graph::{Edit, Graph, Node, NodeId, Wire};
use crate::ops::Value;
use crate::train::halt::Halt;
use crate::train::{Listed as _, Optimizer, Part, Rule, Session, TrainConfig};
use std::path::Path;
use std::sync::Arc;

/// A residual network with batch normalisation, dropout, noise and a penalty, on shifted and noisy digits.
fn network() -> (Arc<Graph>, Arc<Dataset>) {
    let mut g = Graph::new();
    let mut add = |kind: &str, params: &[(&str, Value)], from: &[NodeId]| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        for (name, value) in params {
            let (name, value) = ((*name).into(), value.clone());
            g.apply(&Edit::SetParam { node: id, name, value }).expect("a parameter");
        }
        for (input, from) in from.iter().enumerate() {
            g.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    };
    let filters = [("out_channels", Value::Int(24)), ("padding", Value::Int(1))];
    let input = add("input", &[], &[]);
    let image = add("reshape", &[("shape", Value::Ints(vec![-1, 1, 8, 8]))], &[input]);
    let mut last = add("conv2d", &filters, &[image]);
    last = add("batch_norm2d", &[], &[last]);
    let relu = add("relu", &[], &[last]);
    last = add("conv2d", &filters, &[relu]);
    last = add("dropout", &[], &[last]);
    last = add("gaussian_noise", &[], &[last]);
    last = add("add", &[], &[last, relu]);
    last = add("max_pool2d", &[], &[last]);
    last = add("flatten", &[], &[last]);
    last = add("linear", &[("out_features", Value::Int(160))], &[last]);
    last = add("batch_norm1d", &[], &[last]);
    last = add("tanh", &[], &[last]);
    last = add("linear", &[("out_features", Value::Int(10))], &[last]);
    let target = add("target", &[], &[]);
    add("cross_entropy_loss", &[], &[last, target]);
    add("l2_penalty", &[("lambda", Value::Float(0.001))], &[]);
    let config = DataConfig { source: Source::Digits, train_share: 0.4, seed: 42, ..DataConfig::default() };
    let data = config.load(Path::new(".")).expect("data").expect("a set");
    (Arc::new(g), Arc::new(data))
}

fn session(of: &(Arc<Graph>, Arc<Dataset>), keep: bool, change: impl FnOnce(&mut TrainConfig)) -> Session<f32> {
    let mut train = TrainConfig { optimizer: Optimizer::adam(0.01), batch_size: 150, ..TrainConfig::default() };
    change(&mut train);
    let new = if keep { Session::new } else { Session::unwatched };
    new(Arc::clone(&of.0), Some(Arc::clone(&of.1)), train).expect("it can run")
}

/// Weights, running statistics, gradients, what the optimiser keeps, losses of the epochs, and those of both parts.
fn bits(mut s: Session<f32>) -> Vec<u64> {
    let memory = s.moves.memory();
    let losses: Vec<f64> = s.history().iter().flat_map(|p| [p.train, p.test.unwrap_or(0.0)]).collect();
    let parts = [Part::Train, Part::Test].map(|p| s.evaluate(p).loss);
    let weights = s.weights().values.iter().chain(s.weights().grads.iter()).map(|w| f64::from(*w));
    let state = memory.buffers.into_iter().flatten().chain(memory.gathered);
    weights.chain(state).chain(losses).chain(parts).map(f64::to_bits).collect()
}

const STEPS: u64 = 8;
/// Interruptions of one instruction after which it is let through: how often it looks depends on the machine.
const OFTEN: usize = 5;

/// Trains some steps, and stops whenever the kernels have looked so often as `looks` says. Which instructions were given
/// up, and how often it stopped.
fn interrupted(s: &mut Session<f32>, mut looks: impl FnMut() -> usize) -> (Vec<(String, Phase)>, usize) {
    let (halt, mut torn, mut stops) = (Halt::new(), Vec::new(), 0);
    s.set_halt(halt.clone());
    let flag = halt.flag().expect("a flag");
    let mut missed = 0;
    while s.steps() < STEPS || !s.at_rest() {
        let (at, stuck) = (s.next().map(|i| (i.node, i.phase)), missed >= OFTEN);
        if stuck && s.closing.is_none() {
            inside(true, || s.advance());
            missed = 0;
            continue;
        }
        // A piece of an evaluation begins anew with all its instructions.
        let looks = looks() * if s.closing.is_some() { 50 } else { 1 };
        flag.raise_after(if stuck { usize::MAX / 2 } else { looks });
        let whole = inside(true, || s.try_step());
        missed = if !whole && s.next().map(|i| (i.node, i.phase)) == at { missed + 1 } else { 0 };
        if !whole {
            stops += 1;
            if let Some(i) = s.next().filter(|_| s.begun) {
                let kind = &s.graph().node(i.node).expect("a node").kind;
                torn.push((kind.clone(), i.phase));
                let (plan, pass) = s.current();
                assert!(!pass.done(plan, i.node, i.phase), "what is torn is not done");
            }
        }
        halt.clear();
    }
    s.set_halt(Halt::default());
    (torn, stops)
}

/// Numbers from 0 up to `most` that look as if drawn; every third may be larger, so that any instruction comes to its end.
fn drawn(most: usize) -> impl FnMut() -> usize {
    let (mut state, mut count) = (12345u64, 0);
    move || {
        count += 1;
        let most = if count % 3 == 0 { 13 * most } else { most };
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    }
}

#[test]
fn interrupted_at_any_look_it_has_the_bits_of_a_run_that_is_not() {
    let of = network();
    let mut all = Vec::new();
    for (keep, zero_grad) in [(true, true), (true, false), (false, true)] {
        let begin = || session(&of, keep, |t| t.zero_grad = zero_grad);
        let mut whole = begin();
        while whole.steps() < STEPS {
            whole.step();
        }
        let whole = bits(whole);
        for threads in [1, 2, 3] {
            let run = || {
                let mut s = begin();
                let (torn, stops) = interrupted(&mut s, drawn(120));
                assert!(stops > 50, "{stops} stops");
                assert!(bits(s) == whole, "{threads} threads, kept {keep}, cleared {zero_grad}");
                torn
            };
            all.extend(with_threads(threads, run).expect("threads"));
        }
    }
    for (kind, phase) in [
        ("conv2d", Phase::Forward),
        ("conv2d", Phase::Backward),
        ("batch_norm2d", Phase::Forward),
        ("batch_norm2d", Phase::Backward),
        ("dropout", Phase::Forward),
        ("linear", Phase::Backward),
        ("add", Phase::Backward),
    ] {
        assert!(all.iter().any(|(k, p)| k == kind && *p == phase), "{kind} {phase:?} was never given up");
    }
}

#[test]
fn every_optimiser_goes_on_exactly() {
    let of = network();
    for rule in Rule::all() {
        let begin = || {
            session(&of, true, |t| {
                t.optimizer = Optimizer::new(rule);
                if t.optimizer.full_batch() {
                    t.batch_size = of.1.train.len();
                }
            })
        };
        let mut whole = begin();
        while whole.steps() < STEPS {
            whole.step();
        }
        let mut s = begin();
        let most = if s.config().optimizer.full_batch() { 600 } else { 120 };
        assert!(interrupted(&mut s, drawn(most)).1 > 10);
        assert!(bits(s) == bits(whole), "{}", rule.about().id);
    }
}
