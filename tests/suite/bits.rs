//! The same bits whatever the number of threads, in a second run, and when stepped through: every optimiser, on a
//! multilayer perceptron and on a convolutional network with batch normalisation and dropout.

use chainrule::data::Dataset;
use chainrule::project::{Document, parse};
use chainrule::train::{Listed as _, Optimizer, Rule, Session, TrainConfig};
use std::path::Path;
use std::sync::Arc;

/// The document with batches so large, and layers so wide, that work is split between threads.
fn documents() -> [(Document, Arc<Dataset>); 2] {
    let mlp = std::fs::read_to_string("projects/digits.ron").expect("it ships");
    let cnn = include_str!("../fixtures/cnn.ron").replace("Int(3)", "Int(12)");
    [mlp, cnn].map(|text| {
        let d = parse(&text).expect("it reads").document;
        let data = d.data.load(Path::new(".")).expect("data").expect("a set");
        (d, Arc::new(data))
    })
}

fn session(d: &Document, data: &Arc<Dataset>, rule: &'static Rule) -> Session<f32> {
    let optimizer = Optimizer::new(rule).with("line_search_fn", 1.0);
    let batch_size = if optimizer.full_batch() { data.train.len() } else { 300 };
    let train = TrainConfig { optimizer, batch_size, limits: Default::default(), ..d.train.clone() };
    Session::new(Arc::new(d.graph.clone()), Some(Arc::clone(data)), train).expect("it can run")
}

/// The bits of losses and weights after some steps; an epoch ends among them.
fn bits(mut s: Session<f32>, step: impl Fn(&mut Session<f32>)) -> Vec<u64> {
    let losses: Vec<u64> = (0..STEPS)
        .map(|_| {
            step(&mut s);
            let (plan, pass) = s.current();
            pass.total_loss(plan).expect("a loss").to_bits()
        })
        .collect();
    losses.into_iter().chain(s.weights().values.iter().map(|w| u64::from(w.to_bits()))).collect()
}

const STEPS: usize = 5;

fn whole(s: &mut Session<f32>) {
    s.step();
}

fn in_pool<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(f)
}

#[test]
fn every_optimiser_gives_the_same_bits_on_any_number_of_threads_and_again() {
    for (d, data) in &documents() {
        for rule in Rule::all() {
            let one = in_pool(1, || bits(session(d, data, rule), whole));
            for threads in [1, 2, 3, 8] {
                let again = in_pool(threads, || bits(session(d, data, rule), whole));
                assert!(again == one, "{} on {threads} threads", rule.about().id);
            }
        }
    }
}

#[test]
fn every_optimiser_gives_the_same_bits_when_stepped_through() {
    for (d, data) in &documents() {
        for rule in Rule::all() {
            let stepped = bits(session(d, data, rule), |s| {
                s.set_watched(true);
                let before = s.steps();
                while s.steps() == before || !s.at_rest() {
                    s.advance();
                }
            });
            assert!(stepped == bits(session(d, data, rule), whole), "{}", rule.about().id);
        }
    }
}

#[test]
fn another_seed_gives_other_bits() {
    let (d, data) = &documents()[1];
    let with = |seed| {
        let mut d = d.clone();
        d.train.seed = seed;
        bits(session(&d, data, Rule::all()[0]), whole)
    };
    assert!(with(1) != with(2));
}

#[test]
fn leaving_out_gradients_that_nobody_reads_changes_no_bit() {
    let spirals = std::fs::read_to_string("projects/spirals.ron").expect("it ships");
    let cnn = include_str!("../fixtures/cnn.ron").to_owned();
    for text in [spirals, cnn] {
        let d = parse(&text).expect("it reads").document;
        let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
        let train = TrainConfig { batch_size: 10, ..d.train.clone() };
        let session = || Session::<f32>::new(Arc::new(d.graph.clone()), data.clone(), train.clone()).expect("it runs");
        let input = d.graph.nodes().find(|n| n.kind == "input").expect("an input").id;
        let (mut full, mut lean, mut left_out) = (session(), session(), 0);
        for _ in 0..70 {
            full.step();
            let promised = lean.set_lean(true);
            lean.step();
            let (plan, pass) = lean.current();
            assert_eq!(pass.grad(plan, input).is_none(), promised);
            left_out += usize::from(promised);
        }
        let bits = |s: &Session<f32>| s.weights().values.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert!(left_out > 5, "{left_out}");
        assert!(bits(&full) == bits(&lean));
    }
}
