//! Whether gradients are certified, where a bad value was born, why a gradient is zero, and what ails a network.

use chainrule::project::{self, Document};
use chainrule::train::{Certified, Command, Session, Worker};
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
            assert!(c.sentence().expect("a sentence").starts_with(&format!("gradients certified {right}/{all} (max")));
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
    worker.send(Command::Step(chainrule::train::Granularity::Batch));
    assert_eq!(wait(&|c| c.complete && c.step == 1).count(), (5, 5));
    worker.send(Command::Certify);
    assert_eq!(wait(&|c| c.complete).step, 1);
}
