//! What certifying gradients in the background costs the training: the window's worker trains at full speed, with the
//! certifier by turns on and off in the same run. Prints steps per second of both, and their ratio.
//!
//! `cargo bench --bench certify [-- [--seconds S] PROJECT …]`; a turn takes S seconds.

use chainrule::project::{parse, templates};
use chainrule::train::{Command, Worker};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Turns of each sort.
const TURNS: usize = 8;
/// The window fetches a picture so often.
const FRAME: Duration = Duration::from_micros(16_600);

/// The step that the worker is at, and when.
fn now(worker: &Worker) -> (u64, Instant) {
    loop {
        std::thread::sleep(FRAME);
        if let Some(s) = worker.latest() {
            return (s.step, Instant::now());
        }
    }
}

/// Steps per second over a turn, and how many nodes were certified in it.
fn turn(worker: &Worker, on: bool, seconds: f64) -> (f64, usize) {
    _ = worker.certificates();
    worker.send(Command::Certifying(on));
    if !on {
        // What was under way comes to its end.
        std::thread::sleep(Duration::from_millis(300));
        _ = worker.certificates();
    }
    let ((from, since), mut certified) = (now(worker), 0);
    while since.elapsed().as_secs_f64() < seconds {
        now(worker);
        certified = worker.certificates().map_or(certified, |c| c.nodes.len().max(certified));
    }
    let (to, until) = now(worker);
    ((to - from) as f64 / (until - since).as_secs_f64(), certified)
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0
}

fn measure(name: &str, seconds: f64) {
    let text = templates::shipped().iter().find(|t| t.0 == name).unwrap_or_else(|| panic!("no project {name}")).1;
    let d = parse(text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let worker = Worker::spawn(Box::new(|| {}));
    let (graph, config) = (Arc::new(d.graph), chainrule::train::TrainConfig { epochs: 0, ..d.train });
    worker.send(Command::Load { revision: 1, graph, data, config, weights: None, fresh: true });
    worker.send(Command::Run);
    turn(&worker, false, seconds.min(1.0));
    // Neighbours are compared, so that what changes slowly on the machine does not count.
    let (mut with, mut without, mut ratios, mut seen) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for k in 0..TURNS {
        let first = k % 2 == 0;
        let (a, n) = turn(&worker, first, seconds);
        let (b, m) = turn(&worker, !first, seconds);
        let (on, off) = if first { (a, b) } else { (b, a) };
        with.push(on);
        without.push(off);
        ratios.push(off / on);
        assert_eq!(if first { m } else { n }, 0, "nothing is certified while it is off");
        seen += n + m;
    }
    assert!(seen > 0, "nothing was certified while it was on");
    let (on, off, ratio) = (median(&mut with), median(&mut without), median(&mut ratios));
    println!(
        "certificates: {name:12} off {off:9.1} steps/s, on {on:9.1} steps/s, {ratio:.3} times as long; {seen} nodes certified"
    );
}

fn main() {
    let (mut seconds, mut names) = (3.0, Vec::new());
    let mut args = std::env::args().skip(1).filter(|a| a != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().and_then(|s| s.parse().ok()).expect("a number of seconds"),
            _ => names.push(arg),
        }
    }
    if names.is_empty() {
        names = ["spirals", "digits", "lenet"].map(str::to_owned).to_vec();
    }
    for name in names {
        measure(&name, seconds);
    }
}
