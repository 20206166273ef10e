//! The record of a run: every place of it can be reached again, bit for bit, with the changes made by hand; a run that
//! is continued from an earlier place is the run that would have been.

use super::bits;
use chainrule::project::parse;
use chainrule::tensor::View;
use chainrule::train::{
    Command, ElementRef, Optimizer, Poke, Session, Snapshot, TensorRef, Timeline, Touch, TrainConfig, Worker,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A network with dropout and batch normalisation, trained by Adam with momentum and a schedule that follows the loss.
pub(super) const MLP: &str = r#"(
  format_version: 1,
  nodes: [
    (id: 1, kind: "input", name: "x", at: (0.0, 0.0)),
    (id: 2, kind: "linear", name: "hidden", at: (0.0, 0.0), params: {"out_features": Int(6)}),
    (id: 3, kind: "batch_norm1d", name: "norm", at: (0.0, 0.0)),
    (id: 4, kind: "tanh", name: "tanh", at: (0.0, 0.0)),
    (id: 5, kind: "dropout", name: "dropout", at: (0.0, 0.0)),
    (id: 6, kind: "linear", name: "output", at: (0.0, 0.0), params: {"out_features": Int(1)}),
    (id: 7, kind: "target", name: "y", at: (0.0, 0.0)),
    (id: 8, kind: "bce_with_logits_loss", name: "loss", at: (0.0, 0.0)),
  ],
  wires: [
    (from: 1, to: 2, input: 0), (from: 2, to: 3, input: 0), (from: 3, to: 4, input: 0), (from: 4, to: 5, input: 0),
    (from: 5, to: 6, input: 0), (from: 6, to: 8, input: 0), (from: 7, to: 8, input: 1),
  ],
  data: (
    source: Playground((set: Xor, noise: 0.0, samples: 90, inputs: [X1, X2])),
    train_share: 0.5, seed: 42, scale: None, labels: Auto,
  ),
  train: (optimizer: Adam(lr: 0.02), batch_size: 10, seed: 3, epochs: 0, schedule: Plateau(patience: 1)),
)"#;

pub(super) fn mlp() -> Session<f32> {
    let d = parse(MLP).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    Session::new(Arc::new(d.graph), data, d.train).expect("it can run")
}

/// Everything of a session: weights, place, rate, curves' ends, and the tensors of the present or the latest batch.
pub(super) type Whole = (Vec<u32>, u64, usize, u64, usize, Vec<Option<Vec<u32>>>);

pub(super) fn whole(s: &Session<f32>) -> Whole {
    let (plan, pass) = s.current();
    let seen = |v: Option<View<f32>>| v.map(|v| v.data.iter().map(|x| x.to_bits()).collect());
    let tensors = s.graph().nodes().flat_map(|n| [seen(pass.value(plan, n.id)), seen(pass.grad(plan, n.id))]);
    let (weights, step, cursor, _) = bits(s);
    (weights, step, cursor, s.rate().to_bits(), s.epoch(), tensors.collect())
}

pub(super) fn place(s: &Session<f32>) -> (u64, usize) {
    (s.steps(), if s.at_rest() { 0 } else { s.cursor() })
}

/// Another learning rate, a weight in the middle of a batch, a kept what-if, a second backward pass, and more.
fn touches(s: &Session<f32>) -> Vec<((u64, usize), Touch)> {
    let config = s.config().clone();
    let slower = TrainConfig { optimizer: config.optimizer.clone().with_lr(0.005), ..config.clone() };
    let other = TrainConfig { optimizer: Optimizer::sgd(0.05), ..config };
    let node = s.graph().by_name("hidden").expect("the node").id;
    vec![
        ((12, 0), Touch::Settings(Box::new(slower))),
        ((17, 9), Touch::Weight { node, name: "weight".into(), element: 3, value: 0.75 }),
        ((20, 6), Touch::Keep(vec![Poke { of: ElementRef { node, tensor: TensorRef::Output, index: 2 }, value: 1.5 }])),
        ((25, s.current().0.first_update()), Touch::Again),
        ((30, 0), Touch::Settings(Box::new(other))),
        ((34, 2), Touch::Best),
    ]
}

const END: u64 = 43;

/// A straight run to [`END`] with the touches, recorded at every seventh batch; the session at each of `places`.
fn straight(timeline: &mut Timeline<f32>, places: &[(u64, usize)]) -> (Session<f32>, BTreeMap<(u64, usize), Whole>) {
    let mut s = mlp();
    let touches = touches(&s);
    let mut seen = BTreeMap::new();
    timeline.record(&s);
    while s.steps() < END {
        let here = place(&s);
        for (_, touch) in touches.iter().filter(|(at, _)| *at == here) {
            timeline.change(&mut s, touch.clone());
        }
        if places.contains(&place(&s)) {
            seen.insert(place(&s), whole(&s));
        }
        if s.steps().is_multiple_of(7) {
            timeline.record(&s);
        }
        s.advance();
    }
    timeline.record(&s);
    seen.insert(place(&s), whole(&s));
    (s, seen)
}

proptest! {
    #![proptest_config(Config { cases: 24, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_place_of_the_record_is_reached_bit_for_bit(
        places in prop::collection::vec((0u64..END, 0usize..20), 1..9),
        memory in 0usize..60_000,
    ) {
        let program = mlp().program().len();
        let places: Vec<(u64, usize)> = places.into_iter().map(|(step, at)| (step, at % program)).collect();
        let mut timeline = Timeline::default();
        timeline.set_limit(memory);
        let (mut s, seen) = straight(&mut timeline, &places);
        let (history, tracks) = (s.history().to_vec(), s.tracks().to_vec());
        for at in &places {
            prop_assert!(timeline.seek(&mut s, at.0, at.1));
            prop_assert_eq!(place(&s), *at);
            prop_assert!(whole(&s) == seen[at], "the session at {:?} is another", at);
        }
        prop_assert!(timeline.seek(&mut s, END, 0));
        prop_assert!(whole(&s) == seen[&(END, 0)]);
        prop_assert_eq!(s.history(), &history[..]);
        prop_assert_eq!(s.tracks(), &tracks[..]);
        prop_assert!(timeline.at_end(&s));
    }
}

#[test]
fn a_place_is_reached_forward_from_where_the_session_stands_and_backward_across_changes() {
    let mut timeline = Timeline::default();
    let all: Vec<(u64, usize)> = (10..36).flat_map(|step| [(step, 0), (step, 5), (step, 10)]).collect();
    let (mut s, seen) = straight(&mut timeline, &all);
    for at in all.iter().rev().chain(&all) {
        assert!(timeline.seek(&mut s, at.0, at.1));
        assert!(whole(&s) == seen[at], "the session at {at:?} is another");
    }
    // Stepping forward inside the record makes the changes again.
    assert!(timeline.seek(&mut s, 11, 0));
    for step in 12..=35 {
        timeline.step(&mut s);
        assert!(whole(&s) == seen[&(step, 0)], "after {step} batches");
    }
    let words: Vec<String> = timeline.report(&s).marks.into_iter().map(|m| m.1).collect();
    assert_eq!(
        words,
        [
            "learning rate 0.02 → 0.005",
            "hidden.weight[3] = 0.75",
            "hidden.output[0,2] = 1.5",
            "backward again",
            "Adam → SGD",
            "weights of epoch 6"
        ]
    );
}

#[test]
fn a_run_continued_with_another_rate_is_the_run_that_would_have_been() {
    let rate = |s: &Session<f32>| {
        let config = s.config().clone();
        Touch::Settings(Box::new(TrainConfig { optimizer: config.optimizer.clone().with_lr(0.3), ..config }))
    };
    let (mut s, mut timeline) = (mlp(), Timeline::default());
    timeline.record(&s);
    while s.steps() < 60 {
        s.step();
        timeline.record(&s);
    }
    let before = s.history().to_vec();
    assert!(timeline.seek(&mut s, 22, 4));
    assert_eq!(s.history(), before, "looking back changes no curve");
    let touch = rate(&s);
    timeline.change(&mut s, touch);
    assert_eq!(timeline.end(), 22, "what came after is no longer recorded");
    assert_eq!(s.history(), &before[..before.iter().filter(|p| p.step <= 22).count()]);
    while s.steps() < 60 {
        s.step();
    }
    let mut fresh = mlp();
    while fresh.steps() < 22 {
        fresh.step();
    }
    (0..4).for_each(|_| _ = fresh.advance());
    let touch = rate(&fresh);
    _ = touch.apply(&mut fresh);
    while fresh.steps() < 60 {
        fresh.step();
    }
    assert!(whole(&s) == whole(&fresh));
    assert_eq!(s.history(), fresh.history());
    assert_eq!(s.tracks(), fresh.tracks());
    assert_ne!(s.history(), before);
    let ghosts = timeline.report(&s).ghosts;
    let after: Vec<_> = before.iter().filter(|p| p.step > 22).collect();
    assert_eq!(ghosts.len(), 1);
    assert_eq!(ghosts[0].points[1..].iter().collect::<Vec<_>>(), after, "the old curve is a ghost from that place on");
}

#[test]
fn a_few_ghosts_are_kept_until_they_are_cleared() {
    let (mut s, mut timeline) = (mlp(), Timeline::default());
    timeline.record(&s);
    for _ in 0..7 {
        (0..20).for_each(|_| _ = s.step());
        timeline.record(&s);
        assert!(!timeline.branch(&mut s), "at the end there is nothing to leave behind");
        let step = s.steps() - 15;
        assert!(timeline.seek(&mut s, step, 0) && timeline.branch(&mut s));
    }
    assert_eq!(timeline.report(&s).ghosts.len(), 4);
    assert!(timeline.report(&s).ghosts[0].points[1].step > timeline.report(&s).ghosts[1].points[1].step);
    timeline.clear_ghosts();
    assert!(timeline.report(&s).ghosts.is_empty());
}

#[test]
fn the_record_keeps_to_its_memory_and_reaches_back_to_the_start() {
    let (mut s, mut timeline) = (mlp(), Timeline::default());
    timeline.record(&s);
    let one = timeline.report(&s).bytes;
    timeline.set_limit(20 * one);
    for _ in 0..600 {
        s.step();
        timeline.record(&s);
        let now = timeline.report(&s);
        assert!(now.bytes <= now.limit && now.states <= 20, "{} bytes in {} states", now.bytes, now.states);
    }
    let now = timeline.report(&s);
    assert_eq!((now.from, now.to), (0, 600));
    assert!(now.states >= 15, "the memory is used: {} states", now.states);
    let end = whole(&s);
    timeline.set_limit(0);
    assert_eq!(timeline.report(&s).states, 2, "the first and the latest state stay");
    assert!(timeline.seek(&mut s, 333, 0) && timeline.seek(&mut s, 600, 0));
    assert!(whole(&s) == end);
}

#[test]
fn the_worker_scrubs_and_continues_from_an_earlier_place() {
    let d = parse(MLP).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let worker = Worker::spawn(Box::new(|| {}));
    let (graph, config) = (Arc::new(d.graph), d.train);
    let load = Command::Load { revision: 1, graph, data, config: config.clone(), weights: None, fresh: true };
    worker.send(load);
    let wait = |what: &str, ok: &dyn Fn(&Snapshot) -> bool| {
        for _ in 0..600 {
            if let Some(s) = worker.latest()
                && ok(&s)
            {
                return s;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the worker did not answer: {what}");
    };
    worker.send(Command::Run);
    wait("training", &|s| s.step > 400);
    worker.send(Command::Pause);
    let end = wait("a pause", &|s| !s.running);
    assert_eq!(end.record.to, end.step);
    // A drag is many wishes; the newest counts.
    for step in (100..300).rev().step_by(3) {
        worker.send(Command::Seek { step, cursor: 0 });
    }
    let there = wait("the place", &|s| s.record.goal.is_none() && !s.running && s.step == 101);
    assert_eq!((there.record.to, &there.history), (end.record.to, &end.history), "the record stays");
    assert!(there.nodes.values().all(|n| n.stats.is_some()), "the pictures of that batch are there");
    let mut s = mlp();
    (0..101).for_each(|_| _ = s.step());
    let want: Vec<u32> = s.weights().value(0).iter().map(|w| w.to_bits()).collect();
    let hidden = there.nodes.values().find_map(|n| n.weight_sample.clone()).expect("a weight");
    assert_eq!(hidden.data.iter().map(|w| w.to_bits()).collect::<Vec<_>>(), want);
    worker.send(Command::SetConfig(TrainConfig { epochs: 7, ..config.clone() }));
    assert_eq!(wait("the settings", &|_| true).record.to, end.record.to, "when to stop is not another run");
    worker.send(Command::SetConfig(config));
    worker.send(Command::Run);
    let on = wait("the new run", &|s| s.running && s.step > 150);
    assert_eq!(on.record.ghosts.len(), 1, "the old curve is a ghost");
    worker.send(Command::ClearGhosts);
    worker.send(Command::Pause);
    let last = wait("the end", &|s| !s.running);
    assert!(last.record.ghosts.is_empty() && last.record.from == 0);
}
