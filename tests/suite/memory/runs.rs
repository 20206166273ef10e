//! A run that nobody looks into gives the same numbers as one that is watched.

use super::shipped;
use crate::net;
use chainrule::data::Dataset;
use chainrule::engine::Phase;
use chainrule::ops::Value;
use chainrule::project::{Document, parse};
use chainrule::train::{Optimizer, Part, Session, Subject, TrainConfig};
use std::path::Path;
use std::sync::Arc;

/// Everything that a run without eyes reports, after some steps.
#[derive(Debug, PartialEq)]
struct Told {
    losses: Vec<u64>,
    weights: Vec<u32>,
    gradients: Vec<u32>,
    history: String,
    reports: String,
    health: Vec<String>,
}

fn told(mut s: Session<f32>, steps: usize, threads: usize) -> Told {
    let run = move || {
        let losses = (0..steps).map(|_| s.step().loss.to_bits()).collect();
        let reports = [Part::Train, Part::Test].map(|p| s.evaluate(p));
        let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect();
        Told {
            losses,
            weights: bits(&s.weights().values),
            gradients: bits(&s.weights().grads),
            history: format!("{:?} {:?}", s.history(), s.tracks()),
            reports: format!("{reports:?}"),
            health: s.health().into_iter().map(|m| m.text).collect(),
        }
    };
    chainrule::engine::with_threads(threads, run).expect("threads")
}

fn both(d: &Document, data: &Arc<Dataset>, train: &TrainConfig) -> [Session<f32>; 2] {
    let graph = Arc::new(d.graph.clone());
    [Session::new, Session::unwatched]
        .map(|new| new(graph.clone(), Some(data.clone()), train.clone()).expect("it runs"))
}

#[test]
fn weights_losses_metrics_and_health_of_shipped_projects_are_the_same_without_eyes() {
    for (name, d, data) in shipped() {
        let [watched, blind] = both(&d, &data, &d.train);
        // Over the end of an epoch, where that is near.
        let steps = (watched.batches() + 3).min(24);
        assert!(told(watched, steps, 2) == told(blind, steps, 2), "{name}");
    }
}

#[test]
fn the_same_on_any_number_of_threads_with_batch_normalisation_dropout_and_a_short_last_batch() {
    let mlp = std::fs::read_to_string("projects/digits.ron").expect("it ships");
    let cnn = include_str!("../../fixtures/cnn.ron").replace("Int(3)", "Int(12)");
    for text in [mlp, cnn] {
        let d = parse(&text).expect("it reads").document;
        let data = Arc::new(d.data.load(Path::new(".")).expect("data").expect("a set"));
        for zero_grad in [true, false] {
            let train = TrainConfig { batch_size: 300, zero_grad, ..d.train.clone() };
            assert!(!data.train.len().is_multiple_of(300));
            let [watched, _] = both(&d, &data, &train);
            let one = told(watched, 12, 1);
            for threads in [1, 2, 3] {
                let [_, blind] = both(&d, &data, &train);
                assert!(told(blind, 12, threads) == one, "{threads} threads");
            }
        }
    }
}

#[test]
fn dead_units_are_found_without_eyes() {
    let text = std::fs::read_to_string("projects/digits.ron").expect("it ships");
    let d = parse(&text).expect("it reads").document;
    let data = Arc::new(d.data.load(Path::new(".")).expect("data").expect("a set"));
    // Far too large a step kills units.
    let train = TrainConfig { optimizer: Optimizer::adam(1.0), ..d.train.clone() };
    let [watched, blind] = both(&d, &data, &train).map(|s| told(s, 60, 2));
    assert!(watched.health.iter().any(|m| m.contains("dead") || m.contains("saturated")), "{:?}", watched.health);
    assert_eq!(watched, blind);
}

#[test]
fn where_a_bad_number_was_born_is_told_without_eyes() {
    let graph = |factor: f64, shift: f64| {
        let mut n = net::net();
        let w = n.parameter(&[3]);
        let (factor, shift) = (n.constant(&[3], factor), n.constant(&[3], shift));
        let scaled = n.add("mul", &[], &[w, factor]);
        let moved = n.add("add", &[], &[scaled, shift]);
        let root = n.add("sqrt", &[], &[moved]);
        let more = n.add("neg", &[], &[root]);
        let mean = n.add("mean", &[], &[more]);
        n.add("l1_loss", &[("loss_weight", Value::Float(1.0))], &[mean, mean]);
        n
    };
    // The root of a negative number, and the slope of the root at zero.
    for (shift, phase) in [(-100.0, Phase::Forward), (0.0, Phase::Backward)] {
        let factor = if phase == Phase::Forward { 1.0 } else { 0.0 };
        let blind = Arc::new(graph(factor, shift).0);
        let blind = Session::unwatched(blind, None, TrainConfig::default()).expect("it runs");
        let [watched, blind] = [graph(factor, shift).run(), blind].map(|mut s| {
            s.step();
            s.birth().expect("a root of a negative number")
        });
        assert_eq!((watched.phase, watched.name.as_str()), (phase, "square root 1"));
        assert!(!watched.readings.is_empty());
        assert_eq!(format!("{watched:?}"), format!("{blind:?}"));
    }
}

#[test]
fn what_is_not_kept_is_not_shown() {
    for (name, d, data) in shipped() {
        let [mut watched, mut blind] = both(&d, &data, &d.train);
        watched.step();
        blind.step();
        let seen = |s: &Session<f32>| {
            let (plan, pass) = s.current();
            s.graph().nodes().filter(|n| pass.value(plan, n.id).is_some()).count()
        };
        assert_eq!(seen(&watched), d.graph.nodes().count(), "{name}");
        // The losses of the batch, and what lies where nothing has come since.
        assert!(seen(&blind) >= 1 && seen(&blind) < seen(&watched), "{name}");
        assert!(blind.may_go_again(true).is_err());
        assert!(blind.why(Subject::Weight(0), u64::MAX).is_err(), "{name}");
    }
}
