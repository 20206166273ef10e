//! Whether gradients are certified, where a bad value was born, why a gradient is zero, and what ails a network.

use crate::net::net;
use chainrule::engine::Phase;
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::{Params, Value};
use chainrule::project::{self, Document};
use chainrule::train::{
    Ailment, Birth, Certified, Command, Granularity, Remedy, Session, Timeline, TrainConfig, Worker,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn document(name: &str) -> Document {
    project::load(Path::new(&format!("projects/{name}.ron"))).expect("it ships").document
}

fn session(d: Document) -> Session<f32> {
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    Session::new(Arc::new(d.graph), data, d.train).expect("it can run")
}

#[test]
fn every_node_of_every_shipped_project_is_certified() {
    for (name, _) in project::templates::shipped() {
        let mut s = session(document(name));
        for round in 0..3 {
            let c = s.certify(round);
            let (right, all) = c.count();
            assert!(all > 0 && right == all, "{name}, round {round}: {c:?}");
            assert!(c.sentence().expect("a sentence").starts_with(&format!("gradients certified {right}/{all} (")));
            for _ in 0..20 {
                s.step();
            }
        }
    }
}

#[test]
fn the_second_thread_certifies_what_the_worker_has_loaded_and_again_when_asked() {
    let worker = Worker::spawn(Box::new(|| {}));
    let d = document("mlp_2_2_1");
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let (graph, config) = (Arc::new(d.graph), d.train);
    worker.send(Command::Load { revision: 7, graph, data, config, weights: None, fresh: true });
    let wait = |done: &dyn Fn(&Certified) -> bool| {
        let since = Instant::now();
        loop {
            if let Some(c) = worker.certificates().filter(|c| done(c)) {
                return c;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "no certificates came");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let first = wait(&|c| c.complete);
    assert_eq!((first.revision, first.step, first.count()), (7, 0, (5, 5)));
    worker.send(Command::Step(Granularity::Batch));
    assert_eq!(wait(&|c| c.complete && c.step == 1).count(), (5, 5));
    worker.send(Command::Certify);
    assert_eq!(wait(&|c| c.complete).step, 1);
}

/// Three weights through `kinds` into the mean squared error against 0, the weights set to `start`.
fn tower(start: [f64; 3], kinds: &[&str]) -> Session<f32> {
    let mut g = Graph::new();
    let three = || Params::of([("shape", Value::Ints(vec![3]))]);
    let mut add = |kind: &str, params: Params, inputs: &[NodeId]| -> NodeId {
        let id = g.next_id();
        let name = g.fresh_name(kind);
        g.apply(&Edit::Add(Node { params, ..Node::new(id, kind, &name, [0.0, 0.0]) })).expect("it fits");
        for (input, from) in inputs.iter().enumerate() {
            g.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("it fits");
        }
        id
    };
    let weights = add("parameter", three(), &[]);
    let last = kinds.iter().fold(weights, |from, kind| add(kind, Params::default(), &[from]));
    let mut zeros = three();
    zeros.0.insert("value".into(), Value::Float(0.0));
    let target = add("constant", zeros, &[]);
    add("mse_loss", Params::default(), &[last, target]);
    let mut s = Session::new(Arc::new(g), None, TrainConfig::default()).expect("it can run");
    for (i, x) in start.into_iter().enumerate() {
        assert!(s.set_weight(weights, "value", i, x));
    }
    s
}

fn born(s: &mut Session<f32>) -> Birth {
    let report = s.step();
    assert!(report.bad.is_some() && !s.at_rest() && s.steps() == 0, "the run stops at the birth: {report:?}");
    s.birth().expect("a birth")
}

#[test]
fn the_logarithm_of_zero_is_named_with_its_input_and_mended_by_a_clamp() {
    let mut s = tower([1.0, 0.0, 2.0], &["log"]);
    let b = born(&mut s);
    assert_eq!((b.name.as_str(), b.phase, b.element.as_str()), ("log 1", Phase::Forward, "output[1]"));
    assert_eq!((b.rule.as_str(), b.readings.len()), ("the logarithm of 0 is −∞", 1));
    assert_eq!(b.readings[0], ("input[1] from parameter 1".to_owned(), 0.0));
    let fix = b.remedies.iter().find_map(|r| if let Remedy::Graph(f) = r { Some(f.clone()) } else { None });
    let mut graph = (**s.graph()).clone();
    graph.apply(&fix.expect("a fix").edit).expect("it applies");
    let mut mended = Session::<f32>::new(Arc::new(graph), None, TrainConfig::default()).expect("it can run");
    let weights = s.export_weights();
    assert_eq!(mended.load_weights(&weights), Vec::<String>::new());
    assert_eq!(mended.step().bad, None, "the clamp keeps the logarithm finite");
    // The run goes on from there if one insists.
    s.step();
    assert!(s.at_rest() && s.steps() == 1);
}

#[test]
fn overflow_roots_and_runaway_updates_are_told_apart() {
    let b = born(&mut tower([1.0, 2.0, 100.0], &["exp"]));
    assert!(b.rule.starts_with("overflow: above 88.7") && b.rule.contains("it would be 2.688e43"), "{b:?}");
    assert_eq!(b.readings, [("input[2] from parameter 1".to_owned(), 100.0)]);
    let b = born(&mut tower([1.0, -4.0, 1.0], &["sqrt"]));
    assert_eq!((b.rule.as_str(), b.readings[0].1), ("a negative number has no square root", -4.0));
    let b = born(&mut tower([1.0, 4.0, 0.0], &["sqrt"]));
    assert_eq!((b.phase, b.element.as_str()), (Phase::Backward, "input.grad[2]"));
    assert!(b.rule.contains("slope of the square root"), "{b:?}");
    let b = born(&mut tower([1.0, 3e15, 1.0], &["exp", "log"]));
    assert_eq!(b.name, "exp 1", "the first, not the one after it: {b:?}");
    let mut s = session(document("linear_regression"));
    let mut wild = s.config().clone();
    wild.optimizer = wild.optimizer.with_lr(1e4);
    s.set_config(wild);
    while s.step().bad.is_none() {}
    let b = s.birth().expect("a birth");
    assert!(b.rule.contains("learning rate is too large") && !b.signs.is_empty(), "{b:?}");
    assert!(b.remedies.iter().any(|r| r.label().starts_with("Learning rate 1000 instead of 10000")), "{b:?}");
    assert!(b.remedies.iter().any(|r| r.label() == "Clip gradients to norm 1"), "{b:?}");
}

#[test]
fn a_birth_can_be_taken_back_bit_for_bit() {
    let mut s = tower([1.0, 0.0, 2.0], &["log"]);
    let mut timeline = Timeline::default();
    timeline.record(&s);
    let cursor = {
        born(&mut s);
        s.cursor()
    };
    assert!(timeline.back(&mut s, Granularity::Node));
    assert_eq!((s.cursor(), s.current().1.bad()), (cursor - 1, None));
    assert!(s.birth().is_none());
}

#[test]
fn healthy_projects_show_no_marks() {
    for (name, _) in project::templates::shipped() {
        let mut s = session(document(name));
        let since = Instant::now();
        let epochs = s.config().epochs.min(60);
        while s.epoch() < epochs && since.elapsed() < Duration::from_secs(6) {
            s.step();
        }
        let marks: Vec<String> = s.health().into_iter().map(|m| m.text).collect();
        assert!(marks.is_empty(), "{name} after {} epochs: {marks:#?}", s.epoch());
    }
}

#[test]
fn dead_saturated_and_shaken_layers_are_marked() {
    let found = |s: &mut Session<f32>, a: Ailment| {
        for _ in 0..60 {
            s.step();
        }
        s.health().into_iter().find(|m| m.ailment == a).map(|m| m.short)
    };
    let mut s = session(document("digits"));
    let hidden = s.weights().infos.iter().find(|i| i.name == "bias").cloned().expect("a bias");
    for i in 0..hidden.range.len() {
        s.set_weight(hidden.node, "bias", i, -1e4);
    }
    let n = hidden.range.len();
    assert_eq!(found(&mut s, Ailment::Dead), Some(format!("dead {n}/{n}")));
    let mut s = session(document("xor"));
    let wide = s.weights().infos.iter().find(|i| i.name == "weight").cloned().expect("a weight");
    for i in 0..wide.range.len() {
        s.set_weight(wide.node, "weight", i, 200.0);
    }
    assert_eq!(found(&mut s, Ailment::Saturated).as_deref(), Some("saturated"));
    let mut s = session(document("sine"));
    let mut wild = s.config().clone();
    wild.optimizer = wild.optimizer.with_lr(3.0);
    s.set_config(wild);
    assert_eq!(found(&mut s, Ailment::Restless).as_deref(), Some("restless"));
}

#[test]
fn the_first_layers_of_a_deep_tower_are_marked_as_vanishing() {
    let mut n = net();
    let x = n.constant(&[4, 3], 1.0);
    let first = n.linear(4, x);
    let mut last = first;
    for _ in 0..6 {
        let act = n.add("sigmoid", &[], &[last]);
        last = n.linear(4, act);
    }
    let y = n.constant(&[4, 4], 1.0);
    n.add("mse_loss", &[], &[last, y]);
    let mut s = n.run();
    for _ in 0..14 {
        s.step();
    }
    assert!(s.health().is_empty(), "no mark before there is patience: {:?}", s.health());
    for _ in 0..6 {
        s.step();
    }
    let marks: Vec<_> = s.health().into_iter().filter(|m| m.ailment == Ailment::Vanishing).collect();
    let own = marks.iter().find(|m| m.node == first).expect("the first layer is marked");
    assert!(marks.iter().all(|m| m.node != last), "the last layer is not: {marks:?}");
    assert!(own.text.starts_with("the gradient vanishes on the way to linear 1: its norm is "), "{}", own.text);
    assert!(!own.text.contains(" 0.0 %"), "a figure that says nothing: {}", own.text);
    let norm = |layer: NodeId| {
        let own = s.weights().infos.iter().enumerate().filter(|(_, i)| i.node == layer);
        own.flat_map(|(k, _)| s.weights().grad(k)).map(|g| f64::from(g * g)).sum::<f64>().sqrt()
    };
    assert!(norm(first) < 0.01 * norm(last), "it is under 1 % indeed");
    assert!(Ailment::Vanishing.advice().contains("skip connection"));
}

#[test]
fn a_gradient_that_grows_and_grows_is_marked_as_exploding() {
    // L = mean(w²): with this rate each step makes w three times as large, with the sign turned.
    let mut n = net();
    let w = n.parameter(&[3]);
    let y = n.constant(&[3], 0.0);
    n.add("mse_loss", &[], &[w, y]);
    let calm = TrainConfig::default();
    let wild = TrainConfig { optimizer: calm.optimizer.clone().with_lr(6.0), ..calm };
    let mut s = Session::<f32>::new(Arc::new(n.0), None, wild).expect("it can run");
    for i in 0..3 {
        s.set_weight(w, "value", i, 1.0);
    }
    for _ in 0..20 {
        s.step();
    }
    let mark = s.health().into_iter().find(|m| m.ailment == Ailment::Exploding).expect("it is marked");
    assert!(
        mark.text.contains("parameter 1 explodes: its norm is") && mark.text.contains("long mean"),
        "{}",
        mark.text
    );
    assert!(Ailment::Exploding.advice().contains("clip gradients"));
    let mut tame = s.config().clone();
    tame.optimizer = tame.optimizer.with_lr(0.5);
    s.set_config(tame);
    for _ in 0..150 {
        s.step();
    }
    assert!(s.health().iter().all(|m| m.ailment != Ailment::Exploding), "the mark goes: {:?}", s.health());
}

#[test]
fn every_ailment_explains_itself_and_says_what_to_try() {
    for a in Ailment::ALL {
        let advice = a.advice();
        assert!(!a.word().is_empty() && advice.contains("Try ") && advice.ends_with('.'), "{a:?}: {advice}");
    }
}

#[test]
fn powers_break_by_their_exponent_and_are_mended() {
    let power = |exponent: f64, start: f64| {
        let mut n = net();
        let w = n.parameter(&[3]);
        let p = n.add("pow", &[("exponent", Value::Float(exponent))], &[w]);
        let y = n.constant(&[3], 0.0);
        n.add("mse_loss", &[], &[p, y]);
        let mut s = n.run();
        for (i, x) in [1.0, start, 0.5].into_iter().enumerate() {
            s.set_weight(w, "value", i, x);
        }
        s
    };
    for (exponent, start, phase, words) in [
        (0.5, -4.0, Phase::Forward, "a negative number has no power"),
        (-1.0, 0.0, Phase::Forward, "division by zero"),
        (0.5, 0.0, Phase::Backward, "infinite at 0"),
        (10.0, -1e4, Phase::Forward, "overflow: this power"),
    ] {
        let mut s = power(exponent, start);
        let b = born(&mut s);
        assert_eq!((b.phase, b.rule.contains(words)), (phase, true), "{exponent} of {start}: {b:?}");
        let fix = b.remedies.iter().find_map(|r| if let Remedy::Graph(f) = r { Some(f.clone()) } else { None });
        let mut graph = (**s.graph()).clone();
        graph.apply(&fix.expect("a fix").edit).expect("it applies");
        let mut mended = Session::<f32>::new(Arc::new(graph), None, TrainConfig::default()).expect("it can run");
        assert_eq!(mended.load_weights(&s.export_weights()), Vec::<String>::new());
        assert_eq!(mended.step().bad, None, "{exponent} of {start} is mended");
    }
    assert_eq!(power(3.0, -4.0).step().bad, None, "a whole power of a negative number is one");
}
