//! A run that is saved and loaded goes on with the same bits.

use chainrule::project::{Project, parse, to_text};
use chainrule::train::{
    Command, Granularity, Listed as _, Notice, Optimizer, Rule, RunState, Session, TrainConfig, WeightMap, Worker,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A convolutional network with batch normalisation and dropout on the digits.
const CNN: &str = include_str!("../fixtures/cnn.ron");

/// The project `name` with optimiser `rule`; batches are the whole train part for an optimiser that needs it.
fn project(name: &str, rule: &'static Rule) -> Project {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).unwrap_or_else(|_| CNN.to_owned());
    let mut p = parse(&text).expect("it reads");
    let train = &mut p.document.train;
    train.optimizer = Optimizer::new(rule);
    if train.optimizer.full_batch() {
        train.optimizer = train.optimizer.clone().with("line_search_fn", 1.0);
        train.batch_size = 100_000;
    } else {
        train.schedule = chainrule::train::Schedule::named("plateau").expect("a schedule").with("patience", 1.0);
        train.limits.accumulate = 3;
        train.limits.clip_norm = 0.5;
    }
    p
}

fn session(p: &Project) -> Session<f32> {
    let data = p.document.data.load(Path::new(".")).expect("data").map(Arc::new);
    let mut s = Session::new(Arc::new(p.document.graph.clone()), data, p.document.train.clone()).expect("it can run");
    if let Some(weights) = &p.weights {
        assert_eq!(s.load_weights(weights), Vec::<String>::new());
    }
    if let Some(run) = &p.run {
        assert_eq!(s.resume(run), Vec::<String>::new());
    }
    s
}

fn kept(s: &Session<f32>, p: &Project) -> Project {
    let run = s.run_state().map(Arc::new);
    Project { document: p.document.clone(), weights: Some(s.export_weights()), run, warnings: Vec::new() }
}

#[test]
fn every_optimiser_goes_on_with_the_same_bits_after_the_file() {
    for name in ["iris", "cnn"] {
        for rule in Rule::all() {
            let id = rule.about().id;
            let p = project(name, rule);
            let mut straight = session(&p);
            (0..17).for_each(|_| _ = straight.step());
            let text = to_text(&kept(&straight, &p));
            let read = parse(&text).expect("it reads");
            assert_eq!(read.warnings, Vec::<String>::new(), "{name}, {id}");
            assert_eq!(read.run, kept(&straight, &p).run, "{name}, {id}: the file keeps everything");
            let mut again = session(&read);
            assert_eq!(
                (again.epoch(), again.batch_index(), again.steps()),
                (straight.epoch(), straight.batch_index(), 17)
            );
            for _ in 0..20 {
                let (a, b) = (straight.step(), again.step());
                assert_eq!(a.loss.to_bits(), b.loss.to_bits(), "{name}, {id}, step {}", straight.steps());
            }
            assert_eq!(straight.export_weights(), again.export_weights(), "{name}, {id}");
            assert_eq!(straight.run_state(), again.run_state(), "{name}, {id}: optimiser, schedule, watch and curves");
            assert_eq!(straight.rate(), again.rate(), "{name}, {id}");
        }
    }
}

#[test]
fn what_does_not_fit_any_more_begins_anew_and_says_so() {
    let p = project("iris", Rule::all()[1]);
    let mut s = session(&p);
    (0..20).for_each(|_| _ = s.step());
    let read = kept(&s, &p);
    let run = read.run.clone().expect("a run");
    let other = |change: fn(&mut TrainConfig)| {
        let mut config = p.document.train.clone();
        change(&mut config);
        let data = p.document.data.load(Path::new(".")).expect("data").map(Arc::new);
        let mut s = Session::<f32>::new(Arc::new(p.document.graph.clone()), data, config).expect("it can run");
        let warnings = s.resume(&run);
        (s.steps(), warnings.join(" "))
    };
    let (steps, said) = other(|c| c.seed = 7);
    assert!(steps == 0 && said.contains("the seed is 7, the saved one"), "{said}");
    let (steps, said) = other(|c| c.batch_size = 5);
    assert!(steps == 0 && said.contains("batch size"), "{said}");
    let (steps, said) = other(|c| c.optimizer = Optimizer::sgd(0.1));
    assert!(steps == 20 && said.contains("it is sgd now, the saved one was adam"), "{said}");
    let broken: [fn(&mut RunState); 6] = [
        |r| r.step = u64::MAX,
        |r| r.epoch = usize::MAX,
        |r| r.cursor = 1 << 40,
        |r| r.best.weights.truncate(1),
        |r| r.pace.rate = f64::NAN,
        |r| r.steps.clear(),
    ];
    for spoil in broken {
        let mut spoiled = (*run).clone();
        spoil(&mut spoiled);
        let mut s = session(&p);
        assert!(s.resume(&spoiled).join(" ").contains("contradict"), "{spoiled:?}");
        s.step();
    }
    let mut spoiled = (*run).clone();
    spoiled.layout[0].2 += 1;
    assert!(session(&p).resume(&spoiled)[0].contains("has"));
}

/// A worker with `p`, and with its run if it has one.
fn worker(p: &Project) -> Worker {
    let worker = Worker::spawn(Box::new(|| ()));
    let d = &p.document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let (graph, config) = (Arc::new(d.graph.clone()), d.train.clone());
    worker.send(Command::Load { revision: 1, graph, data, config, weights: p.weights.clone(), fresh: false });
    if let Some(run) = &p.run {
        worker.send(Command::Resume(Arc::clone(run)));
    }
    worker
}

/// What is saved of the worker's run.
fn export(worker: &Worker) -> (WeightMap, Option<Arc<RunState>>) {
    worker.send(Command::Export);
    for _ in 0..2000 {
        for notice in worker.notices() {
            match notice {
                Notice::Exported(weights, run, _) => return (weights, run),
                Notice::Warned { what, .. } | Notice::Failed { message: what, .. } => panic!("{what}"),
                _ => (),
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no answer")
}

#[test]
fn a_run_saved_between_two_instructions_goes_on_between_them() {
    for rule in [Rule::all()[1], Rule::all()[7]] {
        let p = project("cnn", rule);
        let straight = worker(&p);
        (0..3).for_each(|_| straight.send(Command::Step(Granularity::Batch)));
        // Into the updates of the fourth batch: some weights have moved, others have not.
        let program = session(&p).program().len();
        (0..program - 2).for_each(|_| straight.send(Command::Step(Granularity::Node)));
        let (weights, run) = export(&straight);
        let state = run.clone().expect("a run");
        assert_eq!((state.step, state.cursor), (3, program - 2), "it is kept with its place in the batch");
        let text = to_text(&Project { weights: Some(weights), run, ..p.clone() });
        let again = worker(&parse(&text).expect("it reads"));
        let (_, kept) = export(&again);
        assert!(kept == Some(state), "saved again, it is the same");
        for w in [&straight, &again] {
            w.send(Command::Step(Granularity::Node));
            (0..4).for_each(|_| w.send(Command::Step(Granularity::Batch)));
        }
        let (a, b) = (export(&straight), export(&again));
        assert_eq!(a.1.as_ref().map(|r| r.step), Some(7));
        assert!(a == b, "{}: the same bits", rule.about().id);
    }
}

#[test]
fn a_weight_changed_by_hand_in_mid_batch_is_saved() {
    let p = project("iris", Rule::all()[0]);
    let w = worker(&p);
    w.send(Command::Step(Granularity::Batch));
    (0..3).for_each(|_| w.send(Command::Step(Granularity::Node)));
    let node = session(&p).weights().infos[0].node;
    let name = session(&p).weights().infos[0].name.to_owned();
    w.send(Command::SetWeight { node, name: name.clone(), element: 0, value: 0.625 });
    let (weights, run) = export(&w);
    assert_eq!(weights[&(node, name)].1[0], 0.625);
    assert_eq!(run.map(|r| (r.step, r.cursor)), Some((1, 0)), "the batch begins again with the changed weight");
}
