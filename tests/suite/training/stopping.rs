//! Early stopping and the best weights, on runs whose loss gets worse.

use super::project;
use chainrule::engine::WeightMap;
use chainrule::train::{Command, Notice, Optimizer, Session, Stop, Worker};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A run of `name` with another optimiser and other ends.
fn run(name: &str, optimizer: &str, stop: Stop) -> Session<f32> {
    let (graph, data, mut config) = project(name);
    (config.optimizer, config.stop, config.epochs) = (Optimizer::parse(optimizer).expect("an optimiser"), stop, 0);
    Session::new(graph, data, config).expect("it can run")
}

fn bits(map: &WeightMap) -> Vec<u64> {
    map.values().flat_map(|(_, data)| data.iter().map(|x| x.to_bits())).collect()
}

fn epoch(s: &mut Session<f32>) {
    while !s.step().epoch_ended {}
}

/// Trains until patience is at its end: the test loss and the weights of each epoch.
fn until_over(s: &mut Session<f32>, most: usize) -> Vec<(f64, WeightMap)> {
    let mut seen = Vec::new();
    while !s.patience_over() {
        assert!(
            seen.len() < most,
            "patience has no end: {:?}",
            seen.iter().map(|e: &(f64, _)| e.0).collect::<Vec<_>>()
        );
        epoch(s);
        let loss = s.history().last().and_then(|p| p.test).expect("a test loss");
        seen.push((loss, s.export_weights()));
    }
    seen
}

/// The first of the smallest losses.
fn smallest(seen: &[(f64, WeightMap)]) -> usize {
    (0..seen.len()).fold(0, |best, k| if seen[k].0 < seen[best].0 { k } else { best })
}

#[test]
fn patience_ends_a_run_and_its_best_epoch_comes_back_bit_for_bit() {
    for (name, optimizer) in [("iris", "adam,lr=0.5"), ("linear_regression", "sgd,lr=0.05,momentum=0.9")] {
        let patience = 2;
        let mut s = run(name, optimizer, Stop { patience, ..Stop::default() });
        assert!(s.best().is_none() && !s.at_best() && !s.restore_best(), "no epoch has ended");
        let seen = until_over(&mut s, 30);
        let best = smallest(&seen);
        assert_eq!(seen.len(), best + 1 + patience, "{name}: so many epochs after the best one");
        assert_eq!(s.best(), Some((best + 1, seen[best].0)), "{name}");
        assert!(!s.at_best(), "{name}: the loss got worse");
        assert_eq!(s.end_with_best(), s.best(), "{name}");
        assert_eq!(bits(&s.export_weights()), bits(&seen[best].1), "{name}");
        assert_eq!(s.evaluate(chainrule::train::Part::Test).loss, seen[best].0, "{name}: their loss is theirs");
        assert!(s.at_best() && s.end_with_best().is_none(), "{name}: they are back already");
    }
}

#[test]
fn the_last_weights_stay_where_the_settings_ask_for_no_others() {
    for stop in [Stop { patience: 2, restore_best: false, ..Stop::default() }, Stop::default()] {
        let mut s = run("iris", "adam,lr=0.5", stop);
        for _ in 0..8 {
            epoch(&mut s);
        }
        let last = s.export_weights();
        assert!(s.end_with_best().is_none() && !s.at_best());
        assert_eq!(bits(&s.export_weights()), bits(&last));
        // They can be asked for all the same.
        assert!(s.restore_best() && s.at_best());
    }
}

#[test]
fn an_improvement_smaller_than_the_least_uses_up_patience_but_is_the_best() {
    let (patience, optimizer) = (3, "sgd,lr=0.001");
    // With no least improvement this run gets better every time.
    let mut free = run("linear_regression", optimizer, Stop { patience, ..Stop::default() });
    for k in 1..=10 {
        epoch(&mut free);
        assert!(!free.patience_over() && free.best().is_some_and(|b| b.0 == k), "epoch {k}");
    }
    let losses: Vec<f64> = free.history().iter().filter_map(|p| p.test).collect();
    // Just more than each epoch gained after the second.
    let gain = losses[1] - losses[2];
    let mut s = run("linear_regression", optimizer, Stop { patience, min_delta: gain * 3.5, ..Stop::default() });
    let seen = until_over(&mut s, 30);
    let mut reference = f64::INFINITY;
    let mut bad = 0;
    for (k, (loss, _)) in seen.iter().enumerate() {
        if *loss < reference - gain * 3.5 {
            (reference, bad) = (*loss, 0);
        } else {
            bad += 1;
        }
        assert_eq!(bad >= patience, k + 1 == seen.len(), "epoch {}", k + 1);
    }
    assert_eq!(s.best().map(|b| b.0), Some(seen.len()), "the last epoch has the smallest loss");
    assert!(s.at_best() && s.end_with_best().is_none(), "so nothing is taken back");
}

#[test]
fn the_worker_ends_a_run_as_the_session_does_and_says_so() {
    for restore_best in [true, false] {
        let stop = Stop { patience: 2, restore_best, ..Stop::default() };
        let seen = until_over(&mut run("iris", "adam,lr=0.5", stop), 30);
        let best = smallest(&seen);
        let (graph, data, mut config) = project("iris");
        (config.optimizer, config.stop) = (Optimizer::parse("adam,lr=0.5").expect("an optimiser"), stop);
        config.epochs = 0;
        let worker = Worker::spawn(Box::new(|| ()));
        worker.send(Command::Load { revision: 1, graph: Arc::clone(&graph), data, config, weights: None, fresh: true });
        worker.send(Command::Run);
        let reason = wait(&worker, |n| if let Notice::Finished { reason, .. } = n { Some(reason) } else { None });
        assert!(reason.starts_with("stopped: no improvement for 2 epochs"), "{reason}");
        let words = format!("weights of epoch {} are back", best + 1);
        assert_eq!(reason.contains(&words), restore_best, "{reason}");
        let exported = |worker: &Worker| {
            worker.send(Command::Export);
            wait(worker, |n| if let Notice::Exported(weights, ..) = n { Some(weights) } else { None })
        };
        let stands = exported(&worker);
        let at = if restore_best { best } else { seen.len() - 1 };
        assert_eq!(bits(&stands), bits(&seen[at].1));
        // In mid-batch of what follows they come when they are asked for.
        worker.send(Command::Step(chainrule::train::Granularity::Node));
        worker.send(Command::RestoreBest);
        let said = wait(&worker, |n| if let Notice::Said { text, .. } = n { Some(text) } else { None });
        assert!(said.contains(&words) && said.contains("test loss"), "{said}");
        assert_eq!(bits(&exported(&worker)), bits(&seen[best].1));
    }
}

#[test]
fn without_an_epoch_the_worker_says_that_there_are_no_best_weights() {
    let (graph, data, config) = project("iris");
    let worker = Worker::spawn(Box::new(|| ()));
    worker.send(Command::Load { revision: 1, graph, data, config, weights: None, fresh: true });
    worker.send(Command::RestoreBest);
    let said = wait(&worker, |n| if let Notice::Said { text, fault, .. } = n { Some((text, fault)) } else { None });
    assert!(said.0.contains("no epoch has ended") && said.1, "{said:?}");
}

fn wait<T>(worker: &Worker, pick: impl Fn(Notice) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = worker.notices().into_iter().find_map(&pick) {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no answer");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_evaluation_that_may_go_on_is_the_same_and_one_that_may_not_is_none() {
    use chainrule::train::Part;
    let mut s = run("digits", "adam,lr=0.01", Stop::default());
    let mut asked = 0;
    let free = s.evaluate_while(Part::Train, || {
        asked += 1;
        true
    });
    assert!(asked > 1, "it is asked between the chunks");
    assert_eq!(free, Some(s.evaluate(Part::Train)));
    let mut left = asked - 1;
    let cut = s.evaluate_while(Part::Train, || {
        left -= 1;
        left >= 0
    });
    assert_eq!(cut, None);
}
