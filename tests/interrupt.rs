//! A network of any size obeys at once: the worker looks for commands between instructions, not between batches.

use chainrule::data::{DataConfig, Dataset, Source, Table};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::Value;
use chainrule::train::{Command, Granularity, Notice, Optimizer, Session, Snapshot, TrainConfig, Want, Worker};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WIDTH: usize = 512;
const DEPTH: usize = 30;
const ROWS: usize = 512;

/// A chain of wide layers, one batch of which takes far longer than a command may wait.
fn large() -> (Arc<Graph>, Arc<Dataset>, TrainConfig) {
    let mut g = Graph::new();
    let mut add = |kind: &str, wires: &[NodeId]| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        if kind == "linear" {
            let value = Value::Int(WIDTH as i64);
            g.apply(&Edit::SetParam { node: id, name: "out_features".into(), value }).expect("a width");
        }
        for (input, from) in wires.iter().enumerate() {
            g.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    };
    let mut last = add("input", &[]);
    for _ in 0..DEPTH {
        let linear = add("linear", &[last]);
        last = add("tanh", &[linear]);
    }
    let target = add("target", &[]);
    add("mse_loss", &[last, target]);
    let row = |n: usize| (0..WIDTH).map(|k| ((n * 31 + k * 17) % 101) as f64 / 101.0).collect::<Vec<_>>();
    let table =
        Table { features: (0..ROWS).map(row).collect(), targets: (0..ROWS).map(row).collect(), ..Table::default() };
    let config = DataConfig { source: Source::Table(table), train_share: 1.0, ..DataConfig::default() };
    let data = config.load(Path::new(".")).expect("the table").expect("samples");
    let train = TrainConfig { optimizer: Optimizer::adam(1e-4), batch_size: ROWS, ..TrainConfig::default() };
    (Arc::new(g), Arc::new(data), train)
}

fn wait(worker: &Worker, ok: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        if let Some(s) = worker.latest().filter(|s| ok(s)) {
            return s;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the worker did not answer");
}

#[test]
fn a_large_network_obeys_in_mid_batch() {
    let (graph, data, config) = large();
    let mut s = Session::<f32>::new(graph.clone(), Some(data.clone()), config.clone()).expect("it can run");
    let timer = Instant::now();
    s.step();
    let (batch, instructions) = (timer.elapsed(), s.program().len());
    drop(s);
    // The bound is a few instructions, whatever else the machine does; a batch has far more.
    let soon = batch / 5;
    assert!(instructions > 100, "{instructions}");

    let worker = Worker::spawn(Box::new(|| {}));
    let load = |revision, graph: Arc<Graph>, data: Option<Arc<Dataset>>| Command::Load {
        revision,
        graph,
        data,
        config: config.clone(),
        weights: None,
        fresh: true,
    };
    worker.send(load(1, graph.clone(), Some(data.clone())));
    worker.send(Command::Want(Want { map_size: 0, previews: false, ..Want::default() }));
    wait(&worker, |s| s.revision == 1);
    worker.send(Command::Run);
    wait(&worker, |s| s.running);
    std::thread::sleep(batch / 3);
    let sent = Instant::now();
    worker.send(Command::Pause);
    let paused = wait(&worker, |s| !s.running && s.revision == 1 && s.cursor > 0);
    let late = sent.elapsed();
    assert!(!paused.at_rest && paused.cursor < instructions && paused.step == 0, "paused in mid-batch");
    assert!(late < soon, "paused after {late:?}; a batch takes {batch:?}");

    // A step is obeyed to its end unless it is interrupted, and two steps are two batches.
    worker.send(Command::Step(Granularity::ToEnd));
    worker.send(Command::Step(Granularity::Batch));
    wait(&worker, |s| s.step == 2 && s.at_rest);
    worker.send(Command::Step(Granularity::Epoch));
    std::thread::sleep(batch / 4);
    let sent = Instant::now();
    worker.send(Command::Pause);
    wait(&worker, |s| !s.at_rest && s.step == 2);
    assert!(sent.elapsed() < soon, "a step was paused after {:?}; a batch takes {batch:?}", sent.elapsed());

    // What is shown while nothing runs is given up for the next command, too.
    let sent = Instant::now();
    worker.send(load(2, Arc::new(Graph::new()), None));
    while !worker.notices().iter().any(|n| matches!(n, Notice::Failed { revision: 2, .. })) {
        assert!(sent.elapsed() < Duration::from_secs(60), "the new document is not seen");
        std::thread::sleep(Duration::from_millis(1));
    }
    let loaded = sent.elapsed();
    assert!(loaded < soon, "another document came after {loaded:?}; a batch takes {batch:?}");
    worker.send(load(3, graph, Some(data)));
    worker.send(Command::Run);
    wait(&worker, |s| s.revision == 3 && s.running);
    std::thread::sleep(batch / 3);
    let sent = Instant::now();
    drop(worker);
    let ended = sent.elapsed();
    assert!(ended < soon, "ended after {ended:?}; a batch takes {batch:?}");
}
