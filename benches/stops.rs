//! What breakpoints cost: one training step of the spirals without any, with one that is off, with one and with ten whose
//! conditions are never true. Prints the times and, at the end, their ratios to the run without.
//!
//! `cargo bench --bench stops`

use chainrule::project::{parse, templates};
use chainrule::train::Session;
use chainrule::train::stops::{Moment, Place, Stops};
use criterion::Criterion;
use std::cell::RefCell;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TEN: [&str; 10] = [
    "max(abs(grad)) > 1e9",
    "norm(grad) > 1e9",
    "any_nan(value)",
    "any_inf(grad)",
    "dead(value) > 2",
    "mean(value) > 1e9",
    "std(grad) > 1e9",
    "loss > 1e9 * loss.previous",
    "batch == 0",
    "hits == 0",
];

fn session(stops: &Stops) -> Session<f32> {
    let text = templates::shipped().iter().find(|t| t.0 == "spirals").expect("it ships").1;
    let d = parse(text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let mut s = Session::new(Arc::new(d.graph), data, d.train).expect("it can run");
    s.set_stops(stops);
    assert!(s.stop_shots().iter().all(|s| s.fault.is_none()));
    s
}

fn main() {
    let graph = parse(templates::shipped().iter().find(|t| t.0 == "spirals").expect("it ships").1).expect("it reads");
    let hidden = graph.document.graph.by_name("hidden 1").expect("a node").id;
    let none = Stops::default();
    let mut off = Stops::default();
    off.add(Place::Node(hidden), Moment::Backward, "");
    off.breakpoints[0].enabled = false;
    let mut one = Stops::default();
    one.add(Place::Node(hidden), Moment::Backward, "norm(grad) > 1e9");
    let mut ten = Stops::default();
    for condition in TEN {
        ten.add(Place::Node(hidden), Moment::Backward, condition);
    }
    let mut watched = Stops::default();
    watched.watch("norm(hidden 1.weight.grad)");
    let cases = [("none", none), ("one that is off", off), ("one", one), ("ten", ten), ("one watch", watched)];
    let mut criterion =
        Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    criterion = criterion.configure_from_args();
    let mut best = Vec::new();
    for (name, stops) in &cases {
        let s = RefCell::new(session(stops));
        let least = RefCell::new(f64::INFINITY);
        criterion.bench_function(&format!("stops/{name}"), |b| {
            b.iter_custom(|n| {
                let at = Instant::now();
                for _ in 0..n {
                    _ = black_box(s.borrow_mut().go_batch());
                }
                let time = at.elapsed();
                let each = time.as_secs_f64() / n as f64;
                if n > 20 {
                    least.replace_with(|old| old.min(each));
                }
                time
            });
        });
        best.push((name, least.into_inner()));
    }
    criterion.final_summary();
    let base = best[0].1;
    for (name, time) in best {
        println!("breakpoints: {name:16} {:8.3} us a step, {:.3} times as long", time * 1e6, time / base);
    }
}
