//! Weights trained another way in mid-run stay in the record of the run: going back leads through the change, bit for bit.
//! And what a pause at full speed leaves to look at.

use super::timeline::{MLP, Whole, mlp, place, whole};
use chainrule::engine::Phase;
use chainrule::graph::{Edit, Graph, Tuning};
use chainrule::project::{parse, templates};
use chainrule::train::{Command, Granularity, Session, Snapshot, Timeline, TrainConfig, Worker};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn tuned(graph: &Graph, name: &str, weight: &str, tuning: Tuning) -> Arc<Graph> {
    let mut g = graph.clone();
    let node = g.by_name(name).expect("the node").id;
    g.apply(&Edit::Tune { node, weight: weight.into(), tuning }).expect("it fits");
    Arc::new(g)
}

const FROZEN: Tuning = Tuning { frozen: true, lr_factor: 1.0, weight_decay: None };
const SLOW: Tuning = Tuning { frozen: false, lr_factor: 0.1, weight_decay: Some(0.05) };

/// Where the weights of [`mlp`] are trained otherwise: between two batches, before and in the midst of a backward pass.
fn changes(s: &Session<f32>) -> Vec<((u64, usize), Arc<Graph>)> {
    let frozen = tuned(s.graph(), "output", "weight", FROZEN);
    let both = tuned(&frozen, "hidden", "weight", SLOW);
    let back = tuned(&both, "output", "weight", Tuning::default());
    let last = tuned(&back, "hidden", "bias", FROZEN);
    let seeds = s.program().iter().position(|i| i.phase == Phase::Seed).expect("a seed");
    vec![((3, 0), frozen), ((5, 4), both), ((7, seeds + 4), back), ((9, 0), last)]
}

/// A run to batch 12 with these changes, and the session at every place of it.
fn changed(timeline: &mut Timeline<f32>) -> (Session<f32>, BTreeMap<(u64, usize), Whole>) {
    let mut s = mlp();
    let changes = changes(&s);
    let mut seen = BTreeMap::new();
    timeline.record(&s);
    while s.steps() < 12 {
        let here = place(&s);
        for (_, graph) in changes.iter().filter(|(at, _)| *at == here) {
            timeline.tune(&mut s, graph);
            assert_eq!(place(&s), here, "the run stays where it is");
        }
        seen.insert(place(&s), whole(&s));
        s.advance();
    }
    timeline.record(&s);
    (s, seen)
}

#[test]
fn going_back_leads_through_other_rates_and_frozen_weights_bit_for_bit() {
    let mut timeline = Timeline::default();
    let (mut s, seen) = changed(&mut timeline);
    let words: Vec<(u64, String)> = timeline.report(&s).marks;
    let words: Vec<(u64, &str)> = words.iter().map(|(at, text)| (*at, text.as_str())).collect();
    let want = [
        (3, "output.weight frozen"),
        (5, "hidden.weight rate × 0.1, decay 0.05"),
        (7, "output.weight no longer frozen"),
        (9, "hidden.bias frozen"),
    ];
    assert_eq!(words, want);
    let end = whole(&s);
    // Instruction by instruction to the start: each is one of those that ran, in the order in which they ran.
    let mut left: Vec<(u64, usize)> = seen.keys().copied().collect();
    while timeline.back(&mut s, Granularity::Node) {
        let here = place(&s);
        assert_eq!(Some(here), left.pop(), "no instruction is left out, and none is there twice");
        assert!(whole(&s).0 == seen[&here].0, "the weights at {here:?}");
        // Between two batches the numbers of the one before stay; a replay may have others of it.
        assert!(here.1 == 0 || whole(&s) == seen[&here], "all numbers at {here:?}");
    }
    assert!(left.is_empty());
    // And forward again.
    while s.steps() < 12 {
        assert!(whole(&s).0 == seen[&place(&s)].0, "forward again at {:?}", place(&s));
        timeline.advance(&mut s);
    }
    assert!(whole(&s) == end);
    for at in [(8, 3), (3, 0), (6, 11), (9, 0)] {
        assert!(timeline.seek(&mut s, at.0, at.1));
        assert!(whole(&s).0 == seen[&at].0, "the weights at {at:?}");
    }
}

#[test]
fn a_frozen_weight_stays_and_one_that_is_free_again_gets_its_own_gradient() {
    let (mut s, mut timeline) = (mlp(), Timeline::default());
    timeline.record(&s);
    let free = Arc::clone(s.graph());
    let k = s.weights().infos.iter().position(|i| i.label == "output.weight").expect("the weight");
    timeline.tune(&mut s, &tuned(&free, "output", "weight", FROZEN));
    let start = s.weights().value(k).to_vec();
    assert!(!s.program().iter().any(|i| i.param == Some(k)), "it has no update");
    for _ in 0..3 {
        timeline.step(&mut s);
    }
    assert_eq!(s.weights().value(k), start);
    // In the midst of a backward pass that has passed it by: what has run is run again.
    while s.next().is_none_or(|i| i.phase != Phase::Update) {
        timeline.advance(&mut s);
    }
    assert!(s.weights().grad(k).iter().all(|g| *g == 0.0), "none was computed for it");
    timeline.tune(&mut s, &free);
    assert!(s.weights().grad(k).iter().any(|g| *g != 0.0));
    timeline.step(&mut s);
    assert_ne!(s.weights().value(k), start);
    // In the midst of the updates the batch is finished first.
    timeline.advance(&mut s);
    while s.next().is_none_or(|i| i.phase != Phase::Update) {
        timeline.advance(&mut s);
    }
    timeline.advance(&mut s);
    let step = s.steps();
    timeline.tune(&mut s, &tuned(&free, "output", "weight", FROZEN));
    assert_eq!(place(&s), (step + 1, 0));
    // A value that is dragged is one change.
    for by in 1..9 {
        let tuning = Tuning { lr_factor: f64::from(by) / 8.0, ..FROZEN };
        timeline.tune(&mut s, &tuned(&free, "output", "weight", tuning));
    }
    assert_eq!(timeline.report(&s).marks.len(), 4, "{:?}", timeline.report(&s).marks);
}

fn wait(worker: &Worker, what: &str, ok: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    for _ in 0..1000 {
        if let Some(s) = worker.latest().filter(|s| ok(s)) {
            return s;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the worker did not answer: {what}");
}

#[test]
fn the_worker_keeps_the_record_when_a_weight_is_frozen() {
    let d = parse(MLP).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let worker = Worker::spawn(Box::new(|| {}));
    let load = |revision, graph: &Arc<Graph>, fresh| Command::Load {
        revision,
        graph: Arc::clone(graph),
        data: data.clone(),
        config: d.train.clone(),
        weights: None,
        fresh,
    };
    let free = Arc::new(d.graph.clone());
    worker.send(load(1, &free, true));
    for _ in 0..20 {
        worker.send(Command::Step(Granularity::Batch));
    }
    let before = wait(&worker, "20 batches", |s| s.step == 20);
    let frozen = tuned(&free, "output", "weight", FROZEN);
    worker.send(load(2, &frozen, false));
    let now = wait(&worker, "the frozen weight", |s| s.revision == 2);
    assert_eq!((now.step, now.record.from, now.record.to), (20, 0, 20), "the record stays");
    assert_eq!(now.record.marks, [(20, "output.weight frozen".to_owned())]);
    assert_eq!(now.history, before.history);
    worker.send(Command::Step(Granularity::Batch));
    wait(&worker, "a batch more", |s| s.step == 21);
    let updates = |s: &Snapshot| s.program.iter().filter(|i| i.phase == Phase::Update).count();
    assert_eq!(updates(&now) + 1, updates(&before));
    // Before the change all weights are trained, and from there on as the document says now.
    worker.send(Command::Seek { step: 10, cursor: 0 });
    let there = wait(&worker, "the earlier place", |s| s.step == 10 && s.record.goal.is_none());
    assert_eq!((updates(&there), there.record.to), (updates(&before), 21));
    worker.send(Command::Run);
    wait(&worker, "the run from there", |s| s.running && s.step > 12);
    worker.send(Command::Pause);
    let on = wait(&worker, "a pause", |s| !s.running);
    assert_eq!(updates(&on), updates(&now));
    assert_eq!((on.record.ghosts.len(), on.record.marks.last()), (1, Some(&(10, "output.weight frozen".to_owned()))));
}

#[test]
fn after_a_pause_at_full_speed_all_numbers_of_the_batch_are_there() {
    let text = templates::shipped().iter().find(|t| t.0 == "spirals").expect("it ships").1;
    let d = parse(text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let (graph, train) = (Arc::new(d.graph), TrainConfig { epochs: 0, ..d.train });
    let mut s = Session::<f32>::new(Arc::clone(&graph), data.clone(), train.clone()).expect("it can run");
    let x = graph.by_name("x").expect("the data").id;
    let worker = Worker::spawn(Box::new(|| {}));
    worker.send(Command::Load { revision: 1, graph, data, config: train, weights: None, fresh: true });
    let mut last = 0;
    for round in 0..40u64 {
        worker.send(Command::Run);
        let on = last + 60 + round;
        wait(&worker, "training", |s| s.step > on);
        worker.send(Command::Pause);
        let mut here = wait(&worker, "a pause", |s| !s.running);
        if !here.at_rest {
            // The system took the thread's time away: it stopped in mid-batch.
            worker.send(Command::Step(Granularity::ToEnd));
            here = wait(&worker, "the end of the batch", |s| s.at_rest);
        }
        last = here.step;
        assert!(here.nodes[&x].grad_stats.is_some(), "batch {last} lacks the gradient of the data, round {round}");
        while s.steps() < last {
            s.step();
        }
        let node = s.graph().by_name("output").expect("a layer").id;
        let (sample, at) = (&here.nodes[&node].weight_sample, s.weights().find(node, "weight").expect("its weight"));
        let bits = |data: &[f32]| data.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        let own = sample.as_ref().expect("a sample").data.clone();
        assert_eq!(bits(&own), bits(&s.weights().value(at)[..own.len()]), "batch {last}");
    }
}
