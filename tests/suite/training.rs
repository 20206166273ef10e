//! Training agrees with PyTorch, repeats itself bit for bit, and steps as it runs.

use chainrule::data::{DataConfig, Dataset, Source, Table};
use chainrule::engine::{Update as _, WeightMap};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::{Precision, Value};
use chainrule::project::parse;
use chainrule::train::{
    Command, Granularity, Limits, Listed as _, Moves, Optimizer, Schedule, Session, Timeline, TrainConfig, Want, Worker,
};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[path = "training/rates.rs"]
mod rates;
#[path = "training/stopping.rs"]
mod stopping;
#[path = "training/timeline.rs"]
mod timeline;
#[path = "training/tuning.rs"]
mod tuning;

fn golden(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("the fixture")).expect("JSON")
}

fn numbers(tensor: &Json) -> Vec<f64> {
    tensor["data"].as_array().expect("data").iter().filter_map(Json::as_f64).collect()
}

fn shape(tensor: &Json) -> Vec<usize> {
    tensor["shape"].as_array().expect("shape").iter().filter_map(|n| n.as_u64().map(|n| n as usize)).collect()
}

fn optimizer(case: &Json) -> Optimizer {
    let rule = Optimizer::named(case["optimizer"].as_str().expect("a name")).expect("a known optimiser");
    let params = case["params"].as_object().expect("settings");
    // A weight decay that is not named is none, whatever the default.
    let rule = rule.with("weight_decay", 0.0);
    params.iter().fold(rule, |rule, (name, value)| match value {
        Json::Bool(on) => rule.with(name, f64::from(u8::from(*on))),
        Json::Array(betas) => {
            rule.with("beta1", betas[0].as_f64().expect("a number")).with("beta2", betas[1].as_f64().expect("a number"))
        }
        _ => rule.with(name, value.as_f64().expect("a number")),
    })
}

#[test]
fn optimisers_move_as_in_pytorch() {
    let mut seen = 0;
    for case in golden("optimizers.json") {
        let rule = optimizer(&case);
        seen += 1;
        let mut w = numbers(&case["start"]);
        let mut moves = Moves::<f64>::new(&rule, w.len(), 1);
        let steps =
            case["gradients"].as_array().expect("gradients").iter().zip(case["weights"].as_array().expect("weights"));
        for (i, (g, want)) in steps.enumerate() {
            let mut g = numbers(g);
            moves.begin(&mut g);
            moves.update(0, 0, &mut w, &g);
            for (a, b) in w.iter().zip(numbers(want)) {
                assert!((a - b).abs() <= 1e-10, "{rule:?}, step {i}: {a} is not {b}");
            }
        }
    }
    assert_eq!(seen, 12, "every case was compared");
}

#[test]
fn schedules_go_as_in_pytorch() {
    let cases = golden("schedules.json");
    assert_eq!(cases.len(), 6);
    for case in cases {
        let schedule = Schedule::named(case["schedule"].as_str().expect("a name")).expect("a known schedule");
        let params = case["params"].as_object().expect("settings");
        let schedule = params.iter().fold(schedule, |s, (name, x)| s.with(name, x.as_f64().expect("a number")));
        let base = case["base_lr"].as_f64().expect("a rate");
        for (epoch, want) in case["lr"].as_array().expect("rates").iter().filter_map(Json::as_f64).enumerate() {
            let got = schedule.rate(base, epoch).expect("a rate");
            assert!((got - want).abs() <= 1e-12, "{schedule:?}, epoch {epoch}: {got} is not {want}");
        }
    }
}

#[test]
fn gradients_are_gathered_and_clipped_before_the_step() {
    let mut moves = Moves::<f64>::new(&Optimizer::sgd(1.0), 2, 1);
    moves.set_limits(Limits { clip_norm: 1.0, clip_value: 0.7, accumulate: 2 });
    let mut w = [0.0, 0.0];
    for mut g in [[2.0, 8.0], [4.0, 0.0]] {
        assert_eq!(w, [0.0, 0.0], "the first of two batches only gathers");
        moves.begin(&mut g);
        moves.update(0, 0, &mut w, &g);
    }
    // The mean is (3, 4), its norm 5, clipped (0.6, 0.8), then 0.8 to 0.7.
    assert_eq!(moves.norm(), Some(5.0));
    assert!((w[0] + 0.6).abs() < 1e-6 && w[1] == -0.7, "{w:?}");
}

/// The network of a golden run: `linear N` and activations in a chain, then a loss.
fn network(layers: &[&str], image: Option<&[usize]>, indices: bool) -> Graph {
    let mut g = Graph::new();
    let add = |g: &mut Graph, kind: &str| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        id
    };
    let wire = |g: &mut Graph, from: NodeId, to: NodeId, input| {
        g.apply(&Edit::Connect(Wire { from, output: 0, to, input })).expect("a wire");
    };
    let set = |g: &mut Graph, node: NodeId, name: &str, value: Value| {
        g.apply(&Edit::SetParam { node, name: name.to_owned(), value }).expect("a parameter");
    };
    let reshape = |g: &mut Graph, from: NodeId, shape: Vec<i64>| {
        let id = add(g, "reshape");
        set(g, id, "shape", Value::Ints(shape));
        wire(g, from, id, 0);
        id
    };
    let mut last = add(&mut g, "input");
    if let Some(axes) = image {
        last = reshape(&mut g, last, std::iter::once(-1).chain(axes.iter().map(|n| *n as i64)).collect());
    }
    for layer in layers {
        let mut words = layer.split(' ');
        let kind = words.next().expect("a kind");
        let id = add(&mut g, kind);
        for word in words {
            let (name, number) = match (word.chars().next(), kind) {
                (Some('k'), _) => ("kernel_size", &word[1..]),
                (Some('p'), _) => ("padding", &word[1..]),
                (_, "conv2d") => ("out_channels", word),
                (_, "max_pool2d") => ("kernel_size", word),
                _ => ("out_features", word),
            };
            set(&mut g, id, name, Value::Int(number.parse().expect("a whole number")));
        }
        wire(&mut g, last, id, 0);
        last = id;
    }
    let mut y = add(&mut g, "target");
    if indices {
        y = reshape(&mut g, y, vec![-1]);
    }
    wire(&mut g, y, last, 1);
    g
}

fn reproduces<S: Precision>(case: &Json, tolerance: f64) {
    let layers: Vec<&str> = case["layers"].as_array().expect("layers").iter().filter_map(Json::as_str).collect();
    let (rule, layers) = layers.split_last().expect("an optimiser at the end");
    let optimizer = Optimizer::parse(&rule.replace(' ', ",")).expect("an optimiser");
    let rows = |t: &Json| {
        let width = shape(t)[1..].iter().product::<usize>();
        numbers(t).chunks(width).map(<[f64]>::to_vec).collect::<Vec<_>>()
    };
    let table = Table { features: rows(&case["x"]), targets: rows(&case["y"]), ..Table::default() };
    let n = table.features.len();
    let config = DataConfig { source: Source::Table(table), train_share: 1.0, ..DataConfig::default() };
    let data = config.load(Path::new(".")).expect("the table").map(Arc::new);
    let axes = shape(&case["x"]);
    let image = (axes.len() > 2).then_some(&axes[1..]);
    let graph = network(layers, image, shape(&case["y"]).len() == 1);
    let names: Vec<_> = graph
        .nodes()
        .filter(|n| ["linear", "conv2d", "batch_norm2d"].contains(&n.kind.as_str()))
        .flat_map(|n| [(n.id, "weight"), (n.id, "bias")])
        .collect();
    let start = case["start"].as_array().expect("weights");
    assert_eq!(start.len(), names.len(), "a place for each weight");
    let weights: WeightMap =
        (names.iter().zip(start)).map(|((id, name), t)| ((*id, (*name).to_owned()), (shape(t), numbers(t)))).collect();
    let train = TrainConfig { optimizer, batch_size: n, seed: 1, ..TrainConfig::default() };
    let mut session = Session::<S>::new(Arc::new(graph), data, train).expect("it can run");
    assert_eq!(session.load_weights(&weights), Vec::<String>::new());
    let losses: Vec<f64> = case["losses"].as_array().expect("losses").iter().filter_map(Json::as_f64).collect();
    for (i, want) in losses.iter().enumerate() {
        if let Some(seen) = case["seen"].as_array().filter(|_| i + 1 == losses.len()) {
            let held = session.export_weights();
            for ((id, name), want) in names.iter().zip(seen) {
                let got = &held[&(*id, (*name).to_owned())].1;
                let near = |(a, b): (&f64, f64)| (a - b).abs() <= tolerance * b.abs().max(1.0);
                assert!(got.iter().zip(numbers(want)).all(near), "{}: {got:?} is not {want}", case["name"]);
            }
        }
        let got = session.step().loss;
        assert!(
            (got - want).abs() <= tolerance * want.abs().max(1.0),
            "{}, step {i}: {got} is not {want}",
            case["name"]
        );
    }
}

#[test]
fn whole_runs_agree_with_pytorch() {
    let runs = golden("training.json");
    assert_eq!(runs.len(), 3);
    for case in &runs {
        reproduces::<f64>(case, 1e-9);
        reproduces::<f32>(case, 1e-4);
    }
}

#[test]
fn lbfgs_evaluates_the_loss_where_pytorch_does() {
    let text = include_str!("../fixtures/golden/lbfgs.json");
    let golden: Json = serde_json::from_str(text).expect("JSON");
    let runs = golden["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 8, "with and without line search, short and long histories");
    for case in runs {
        assert!(case["seen"].is_array() && case["losses"].as_array().is_some_and(|l| l.len() == 40));
        reproduces::<f64>(case, 1e-8);
    }
}

/// What a session of a shipped project is made of.
fn project(name: &str) -> (Arc<Graph>, Option<Arc<Dataset>>, TrainConfig) {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let d = parse(&text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    (Arc::new(d.graph), data, d.train)
}

fn session(name: &str) -> Session<f32> {
    let (graph, data, config) = project(name);
    Session::new(graph, data, config).expect("it can run")
}

#[test]
fn stepping_and_running_and_resetting_give_the_same_bits() {
    for name in ["spirals", "skip", "iris", "regularised"] {
        let (mut run, mut stepped) = (session(name), session(name));
        let start = run.export_weights();
        for _ in 0..60 {
            run.step();
        }
        while stepped.steps() < 60 {
            stepped.advance();
        }
        assert_eq!(run.export_weights(), stepped.export_weights(), "{name}");
        let trained = run.export_weights();
        assert_ne!(trained, start);
        run.reset();
        assert_eq!(run.export_weights(), start, "{name}: reset goes back to the same weights");
        for _ in 0..60 {
            run.step();
        }
        assert_eq!(run.export_weights(), trained, "{name}: and from there the same way");
    }
}

#[test]
fn clipping_gathering_and_schedules_step_as_they_run() {
    for rule in chainrule::train::Rule::all() {
        let (mut run, mut stepped) = (session("iris"), session("iris"));
        let id = rule.about().id;
        let config = TrainConfig {
            optimizer: Optimizer::new(rule),
            schedule: Schedule::named("exponential").expect("a schedule"),
            limits: Limits { clip_norm: 0.5, clip_value: 0.2, accumulate: 3 },
            ..run.config().clone()
        };
        run.set_config(config.clone());
        stepped.set_config(config);
        let start = run.export_weights();
        for _ in 0..40 {
            run.step();
        }
        while stepped.steps() < 40 {
            stepped.advance();
        }
        assert_ne!(run.export_weights(), start, "{id}");
        assert_eq!(run.export_weights(), stepped.export_weights(), "{id}");
        assert!((run.rate() / run.config().optimizer.lr() - 0.95f64.powi(run.epoch() as i32)).abs() < 1e-12, "{id}");
        let (epoch, _) = run.best().expect("an epoch has ended");
        assert!(epoch >= 1 && run.restore_best());
    }
}

#[test]
fn the_choice_of_an_optimiser_survives_the_file_and_the_command_line() {
    let text = "rmsprop,lr=0.05,centered=on";
    let optimizer = Optimizer::parse(text).expect("it reads");
    assert!(optimizer.params.bool("centered") && optimizer.lr() == 0.05);
    assert!(Optimizer::parse("rmsprop,rate=1").is_err_and(|e| e.contains("alpha")));
    assert!(Optimizer::parse("adams").is_err_and(|e| e.contains("adamw")));
    let mut project = parse(&std::fs::read_to_string("projects/xor.ron").expect("it ships")).expect("it reads");
    project.document.train.optimizer = optimizer;
    project.document.train.schedule = Schedule::parse("cosine,t_max=50").expect("it reads");
    project.document.train.limits.clip_norm = 2.0;
    let again = parse(&chainrule::project::to_text(&project)).expect("it reads");
    assert_eq!(again.document.train, project.document.train);
}

#[test]
fn the_last_batch_of_an_epoch_may_be_short() {
    let mut s = session("iris");
    assert_eq!(s.batches(), 105usize.div_ceil(16));
    for _ in 0..s.batches() {
        s.step();
    }
    assert_eq!((s.epoch(), s.current().0.batch()), (1, 105 % 16));
}

#[test]
fn the_worker_steps_runs_pauses_and_resets() {
    let text = std::fs::read_to_string("projects/xor.ron").expect("it ships");
    let d = parse(&text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let worker = Worker::spawn(Box::new(|| {}));
    let graph = Arc::new(d.graph);
    worker.send(Command::Load { revision: 7, graph, data, config: d.train, weights: None, fresh: true });
    worker.send(Command::Want(Want { map_size: 8, ..Want::default() }));
    let wait = |ok: &dyn Fn(&chainrule::train::Snapshot) -> bool| {
        for _ in 0..400 {
            if let Some(s) = worker.latest()
                && ok(&s)
            {
                return s;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the worker did not answer");
    };
    let first = wait(&|s| s.revision == 7);
    assert!(!first.running && first.at_rest && first.step == 0);
    worker.send(Command::Step(Granularity::Node));
    assert_eq!(wait(&|s| s.cursor == 1).step, 0);
    worker.send(Command::Step(Granularity::Epoch));
    assert_eq!(wait(&|s| s.epoch == 1).batch, 0);
    worker.send(Command::Run);
    wait(&|s| s.epoch > 3);
    worker.send(Command::Pause);
    wait(&|s| !s.running);
    worker.send(Command::Reset);
    let again = wait(&|s| s.epoch == 0);
    assert!(again.history.is_empty());
}

/// A convolutional network with batch normalisation and dropout on the digits.
const CNN: &str = r#"(
  format_version: 1,
  nodes: [
    (id: 1, kind: "input", name: "x", at: (0.0, 0.0)),
    (id: 2, kind: "reshape", name: "image", at: (0.0, 0.0), params: {"shape": Ints([-1, 1, 8, 8])}),
    (id: 3, kind: "conv2d", name: "conv", at: (0.0, 0.0), params: {"out_channels": Int(4), "padding": Int(1)}),
    (id: 4, kind: "batch_norm2d", name: "norm", at: (0.0, 0.0)),
    (id: 5, kind: "relu", name: "relu", at: (0.0, 0.0)),
    (id: 6, kind: "max_pool2d", name: "pool", at: (0.0, 0.0)),
    (id: 7, kind: "flatten", name: "flat", at: (0.0, 0.0)),
    (id: 8, kind: "dropout", name: "dropout", at: (0.0, 0.0)),
    (id: 9, kind: "linear", name: "output", at: (0.0, 0.0), params: {"out_features": Int(10)}),
    (id: 10, kind: "target", name: "y", at: (0.0, 0.0)),
    (id: 11, kind: "cross_entropy_loss", name: "loss", at: (0.0, 0.0)),
  ],
  wires: [
    (from: 1, to: 2, input: 0), (from: 2, to: 3, input: 0), (from: 3, to: 4, input: 0), (from: 4, to: 5, input: 0),
    (from: 5, to: 6, input: 0), (from: 6, to: 7, input: 0), (from: 7, to: 8, input: 0), (from: 8, to: 9, input: 0),
    (from: 9, to: 11, input: 0), (from: 10, to: 11, input: 1),
  ],
  data: (source: Digits, train_share: 0.8, seed: 42, scale: None, labels: Auto),
  train: (optimizer: Adam(lr: 0.01), batch_size: 200, seed: 42, epochs: 5),
)"#;

fn cnn() -> Session<f32> {
    let d = parse(CNN).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    Session::new(Arc::new(d.graph), data, d.train).expect("it can run")
}

/// All that can be seen of a session: weights, position, and every value and gradient of the present batch.
fn bits(s: &Session<f32>) -> (Vec<u32>, u64, usize, Vec<Vec<u32>>) {
    let (plan, pass) = s.current();
    let seen = |v: Option<chainrule::tensor::View<f32>>| v.map(|v| v.data.iter().map(|x| x.to_bits()).collect());
    let cursor = if s.at_rest() { 0 } else { s.cursor() };
    let nodes = s.graph().nodes().filter(|_| cursor > 0);
    let tensors = nodes.flat_map(|n| [seen(pass.value(plan, n.id)), seen(pass.grad(plan, n.id))]);
    (s.weights().values.iter().map(|w| w.to_bits()).collect(), s.steps(), cursor, tensors.flatten().collect())
}

#[test]
fn five_hundred_instructions_back_and_forward_again_give_the_same_bits() {
    for mut s in [session("spirals"), session("mlp_2_2_1"), cnn()] {
        let mut timeline = Timeline::default();
        // States are kept only now and then, so that most steps back are replayed.
        while s.steps() < 40 {
            if s.steps().is_multiple_of(16) {
                timeline.record(&s);
            }
            s.step();
        }
        for _ in 0..5 {
            s.advance();
        }
        let mut seen = vec![bits(&s)];
        for _ in 0..500 {
            assert!(timeline.back(&mut s, Granularity::Node));
            seen.push(bits(&s));
        }
        for was in seen.iter().rev().skip(1) {
            s.advance();
            assert_eq!(bits(&s), *was);
        }
    }
}

#[test]
fn phases_batches_and_epochs_can_be_taken_back_to_the_start_and_no_further() {
    let mut s = session("iris");
    let mut timeline = Timeline::default();
    timeline.record(&s);
    let start = s.export_weights();
    while s.epoch() < 2 {
        s.step();
    }
    let history = s.history().to_vec();
    s.advance();
    assert!(timeline.back(&mut s, Granularity::Epoch));
    assert_eq!((s.epoch(), s.batch_index(), s.at_rest()), (2, 0, true));
    assert!(timeline.back(&mut s, Granularity::Epoch));
    assert_eq!((s.epoch(), s.batch_index()), (1, 0));
    assert!(timeline.back(&mut s, Granularity::Batch));
    assert_eq!((s.epoch(), s.batch_index()), (0, s.batches() - 1));
    s.finish_phase();
    s.finish_phase();
    assert!(timeline.back(&mut s, Granularity::Phase));
    assert_eq!(s.cursor(), s.current().0.forward_len());
    assert!(timeline.back(&mut s, Granularity::Batch) && timeline.back(&mut s, Granularity::Epoch));
    assert_eq!((s.steps(), s.export_weights()), (0, start));
    assert!(!timeline.back(&mut s, Granularity::Node));
    while s.epoch() < 2 {
        s.step();
    }
    assert_eq!(s.history(), history, "a part that is run again is not drawn twice");
}
