//! A network of any size obeys at once: an instruction that takes long is given up in its midst, and done anew.

use chainrule::data::{DataConfig, Dataset, Source, Table};
use chainrule::engine::{WeightMap, inside};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::Value;
use chainrule::train::{
    Command, Granularity, Notice, Optimizer, Profile, Session, Snapshot, Spent, TrainConfig, Want, Worker,
};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The tests run one after the other: they measure how long a run takes that has all threads to itself.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    let _alone = alone();
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

/// A command is obeyed within this time.
const SOON: Duration = Duration::from_millis(50);

/// A convolution one instruction of which takes far longer than a command may wait, with a running mean, a mask that is
/// drawn and a skip; the last batch of the epoch is smaller.
fn huge(batch: usize) -> (Arc<Graph>, Arc<Dataset>, TrainConfig) {
    let (side, channels) = (32, 32);
    let mut g = Graph::new();
    let mut add = |kind: &str, params: &[(&str, Value)], from: &[NodeId]| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        for (name, value) in params {
            let (name, value) = ((*name).into(), value.clone());
            g.apply(&Edit::SetParam { node: id, name, value }).expect("a parameter");
        }
        for (input, from) in from.iter().enumerate() {
            g.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    };
    let filters = [("out_channels", Value::Int(channels)), ("padding", Value::Int(1))];
    let input = add("input", &[], &[]);
    let image = add("reshape", &[("shape", Value::Ints(vec![-1, 1, side, side]))], &[input]);
    let first = add("conv2d", &filters, &[image]);
    let norm = add("batch_norm2d", &[], &[first]);
    let dropout = add("dropout", &[], &[norm]);
    let wide = [&filters[..1], &[("kernel_size", Value::Int(9)), ("padding", Value::Int(4))]].concat();
    let huge = add("conv2d", &wide, &[dropout]);
    let skip = add("add", &[], &[huge, dropout]);
    let pool = add("max_pool2d", &[], &[skip]);
    let flat = add("flatten", &[], &[pool]);
    let output = add("linear", &[("out_features", Value::Int(1))], &[flat]);
    let target = add("target", &[], &[]);
    add("mse_loss", &[], &[output, target]);
    let (width, rows) = ((side * side) as usize, batch + batch / 2);
    let row = |n: usize| (0..width).map(|k| ((n * 31 + k * 17) % 101) as f64 / 101.0).collect::<Vec<_>>();
    let target = |n: usize| vec![(n % 7) as f64 / 7.0];
    let table =
        Table { features: (0..rows).map(row).collect(), targets: (0..rows).map(target).collect(), ..Table::default() };
    let config = DataConfig { source: Source::Table(table), train_share: 1.0, ..DataConfig::default() };
    let data = config.load(Path::new(".")).expect("the table").expect("samples");
    let train = TrainConfig { optimizer: Optimizer::adam(1e-3), batch_size: batch, ..TrainConfig::default() };
    (Arc::new(g), Arc::new(data), train)
}

fn worker(of: &(Arc<Graph>, Arc<Dataset>, TrainConfig)) -> Worker {
    let worker = Worker::spawn(Box::new(|| {}));
    worker.send(Command::Certifying(false));
    let (graph, data, config) = of.clone();
    worker.send(Command::Load { revision: 1, graph, data: Some(data), config, weights: None, fresh: true });
    worker.send(Command::Want(Want { map_size: 0, previews: false, ..Want::default() }));
    wait(&worker, |s| s.revision == 1);
    worker
}

/// Numbers from 0 to 1 that look as if drawn.
fn drawn() -> impl FnMut() -> f64 {
    let mut state = 7u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    }
}

/// Steps, and tells how long the batch took, the node of the longest instruction, and its seconds.
fn timed(s: &mut Session<f32>) -> (Duration, NodeId, f64) {
    let mut profile = Profile::default();
    let timer = Instant::now();
    inside(true, || s.step_timed(&mut profile));
    let batch = timer.elapsed();
    let cost = |node: &Spent| node.forward.max(node.backward);
    let longest = profile.nodes.iter().max_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
    let (node, longest) = longest.map(|(id, spent)| (*id, cost(spent))).expect("nodes");
    (batch, node, longest)
}

/// The weights, running statistics and losses of a run.
type Bits = (WeightMap, Vec<u64>);

fn exported(worker: &Worker) -> Bits {
    worker.send(Command::Export);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(120) {
        for notice in worker.notices() {
            if let Notice::Exported(weights, run, _) = notice {
                return (weights, run.expect("a run").history.iter().map(|p| p.train.to_bits()).collect());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("nothing is exported");
}

#[test]
fn a_command_is_obeyed_in_the_midst_of_an_instruction_and_the_run_goes_on_with_the_same_bits() {
    let _alone = alone();
    let new = |of: &(Arc<Graph>, Arc<Dataset>, TrainConfig)| {
        Session::<f32>::new(of.0.clone(), Some(of.1.clone()), of.2.clone()).expect("it can run")
    };
    // So many pictures that an instruction takes most of a second on any machine.
    let (_, _, some) = timed(&mut new(&huge(8)));
    let of = huge((8.0 * 0.7 / some).clamp(8.0, 1024.0) as usize);
    let mut whole = new(&of);
    let (batch, node, longest) = timed(&mut whole);
    assert!(longest > 0.25, "an instruction takes {longest} s, which is too short to tell anything");

    let worker = worker(&of);
    let (mut draw, mut late, mut last, mut tries) = (drawn(), Vec::new(), None, 0);
    while late.len() < 9 && tries < 40 {
        tries += 1;
        worker.send(Command::Run);
        wait(&worker, |s| s.running);
        std::thread::sleep(Duration::from_millis(15) + batch.mul_f64(0.5 * draw()));
        let sent = Instant::now();
        worker.send(Command::Pause);
        let paused = wait(&worker, |s| !s.running);
        // Those that find the run in the midst of the longest instruction: it then stands before it.
        if !paused.at_rest && paused.program.get(paused.cursor).is_some_and(|i| i.node == node) {
            late.push(sent.elapsed());
        }
        last = Some(paused);
    }
    assert!(late.len() == 9, "of {tries} pauses only {} came in the midst of an instruction", late.len());
    late.sort();
    // Builds for tests compute some forty times slower, and look as much later.
    let soon = SOON.max(Duration::from_secs_f64(longest / 80.0));
    assert!(late[4] < soon, "paused after {late:?}, where an instruction takes {longest} s");
    println!("paused after {late:?}, where an instruction takes {longest} s");
    // Steps are done whole, though others are asked for meanwhile.
    let step = last.expect("it was paused").step + 2;
    worker.send(Command::Step(Granularity::Batch));
    std::thread::sleep(batch / 4);
    worker.send(Command::Step(Granularity::Batch));
    wait(&worker, |s| s.step == step && s.at_rest);
    while whole.steps() < step {
        whole.step();
    }
    assert!(exported(&worker) == bits(&whole), "it goes on with other bits");
    worker.send(Command::Step(Granularity::Epoch));
    std::thread::sleep(batch / 4);
    let mut ends = Vec::new();
    for revision in 2..7 {
        let sent = Instant::now();
        worker.send(Command::Load {
            revision,
            graph: Arc::new(Graph::new()),
            data: None,
            config: of.2.clone(),
            weights: None,
            fresh: true,
        });
        while !worker.notices().iter().any(|n| matches!(n, Notice::Failed { revision: r, .. } if *r == revision)) {
            std::thread::sleep(Duration::from_millis(1));
        }
        ends.push(sent.elapsed());
        let (graph, data, config) = of.clone();
        worker.send(Command::Load {
            revision: 100 + revision,
            graph,
            data: Some(data),
            config,
            weights: None,
            fresh: true,
        });
        worker.send(Command::Step(Granularity::Batch));
        std::thread::sleep(batch.mul_f64(0.1 + 0.5 * draw()));
    }
    ends.sort();
    assert!(ends[1] < soon, "another document came after {ends:?}");
}

fn bits(s: &Session<f32>) -> Bits {
    (s.export_weights(), s.history().iter().map(|p| p.train.to_bits()).collect())
}

#[test]
fn a_run_that_is_paused_again_and_again_ends_with_the_same_bits() {
    let _alone = alone();
    // Instructions so short that most come to their end.
    let of = huge(8);
    let mut whole = Session::<f32>::new(of.0.clone(), Some(of.1.clone()), of.2.clone()).expect("it can run");
    let timer = Instant::now();
    whole.step();
    let batch = timer.elapsed();
    while whole.epoch() < 2 {
        whole.step();
    }
    let worker = worker(&(of.0.clone(), of.1.clone(), TrainConfig { epochs: 2, ..of.2.clone() }));
    let (mut draw, mut pauses) = (drawn(), 0);
    loop {
        worker.send(Command::Run);
        if wait(&worker, |s| s.running || s.epoch == 2).epoch == 2 {
            break;
        }
        std::thread::sleep(batch.mul_f64(draw()));
        worker.send(Command::Pause);
        let paused = wait(&worker, |s| !s.running);
        if paused.epoch == 2 {
            break;
        }
        pauses += usize::from(!paused.at_rest);
    }
    assert!(pauses > 3, "it was paused {pauses} times in mid-batch");
    assert!(exported(&worker) == bits(&whole), "after {pauses} pauses it has other bits");
}
