//! Gradients add up as in PyTorch, and what is said of the backward graph is true.

use super::{golden, list};
use chainrule::data::{DataConfig, Source, Table};
use chainrule::engine::{Phase, WeightMap};
use chainrule::graph::{Edit, Graph, Node, NodeId, Tuning, Wire};
use chainrule::ops::{Precision, Value};
use chainrule::train::{Again, Granularity, Optimizer, Session, TWICE, Timeline, TrainConfig};
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

fn numbers(tensor: &Json) -> Vec<f64> {
    list(&tensor["data"], Json::as_f64)
}

fn shape(tensor: &Json) -> Vec<usize> {
    list(&tensor["shape"], |n| n.as_u64().map(|n| n as usize))
}

/// The network of the golden runs: linear 3, tanh, linear 1, mean squared error.
pub fn network() -> Graph {
    let mut g = Graph::new();
    let add = |g: &mut Graph, kind: &str, inputs: &[NodeId]| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        for (input, from) in inputs.iter().enumerate() {
            g.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    };
    let (x, y) = (add(&mut g, "input", &[]), add(&mut g, "target", &[]));
    let first = add(&mut g, "linear", &[x]);
    let tanh = add(&mut g, "tanh", &[first]);
    let second = add(&mut g, "linear", &[tanh]);
    add(&mut g, "mse_loss", &[second, y]);
    for (node, n) in [(first, 3), (second, 1)] {
        let edit = Edit::SetParam { node, name: "out_features".into(), value: Value::Int(n) };
        g.apply(&edit).expect("a parameter");
    }
    g
}

/// A session at the start of a golden run.
pub fn session<S: Precision>(case: &Json) -> Session<S> {
    let rows = |t: &Json| numbers(t).chunks(shape(t)[1]).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let table = Table { features: rows(&case["x"]), targets: rows(&case["y"]), ..Table::default() };
    let config = DataConfig { source: Source::Table(table), train_share: 1.0, ..DataConfig::default() };
    let data = config.load(Path::new(".")).expect("the table").map(Arc::new);
    let graph = network();
    let names = graph.nodes().filter(|n| n.kind == "linear").flat_map(|n| [(n.id, "weight"), (n.id, "bias")]);
    let start = case["start"].as_array().expect("weights");
    let weights: WeightMap =
        names.zip(start).map(|((id, name), t)| ((id, name.to_owned()), (shape(t), numbers(t)))).collect();
    let mut train = TrainConfig {
        optimizer: Optimizer::parse(case["optimizer"].as_str().expect("a name")).expect("an optimiser"),
        batch_size: 5,
        zero_grad: case["zero_grad"].as_bool().expect("a switch"),
        ..TrainConfig::default()
    };
    train.limits.clip_norm = case["clip_norm"].as_f64().expect("a number");
    let mut s = Session::new(Arc::new(graph), data, train).expect("it can run");
    assert_eq!(s.load_weights(&weights), Vec::<String>::new());
    s
}

/// To the end of the backward pass of the next batch, or of the present one.
pub fn to_update<S: Precision>(s: &mut Session<S>) {
    s.advance();
    while s.next().is_some_and(|i| i.phase != Phase::Update) {
        s.advance();
    }
}

fn close(got: &[f64], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (a, b) in got.iter().zip(want) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{what}: {a} is not {b}");
    }
}

#[test]
fn gradients_add_up_over_batches_and_passes_as_in_pytorch() {
    let golden = golden("autograd.json");
    let runs = golden["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 5);
    for case in runs {
        let (mut s, twice) = (session::<f64>(case), case["twice"] == true);
        let tanh = s.graph().by_name("tanh 1").expect("the node").id;
        for (i, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let name = format!("{}, step {i}", case["name"]);
            to_update(&mut s);
            if twice {
                assert_eq!(s.backward_again(true), Ok(()), "{name}");
            }
            let (plan, pass) = s.current();
            close(&[pass.total_loss(plan).expect("a loss")], &[step["loss"].as_f64().expect("a loss")], &name);
            // What retain_grad shows is the gradient, once for each pass.
            let hidden = pass.grad(plan, tanh).expect("a gradient").data.iter();
            let hidden: Vec<f64> = hidden.map(|g| g * if twice { 2.0 } else { 1.0 }).collect();
            let mut want = numbers(&step["hidden_grad"]);
            let mut rows: Vec<f64> = hidden;
            // The batch holds the samples in another order.
            rows.sort_by(f64::total_cmp);
            want.sort_by(f64::total_cmp);
            close(&rows, &want, &format!("{name}: hidden.grad"));
            for (k, want) in step["grads"].as_array().expect("gradients").iter().enumerate() {
                close(s.weights().grad(k), &numbers(want), &format!("{name}: .grad of {}", s.weights().infos[k].label));
            }
            s.step();
            for (k, want) in step["weights"].as_array().expect("weights").iter().enumerate() {
                close(s.weights().value(k), &numbers(want), &format!("{name}: {}", s.weights().infos[k].label));
            }
        }
    }
}

#[test]
fn a_second_backward_pass_needs_a_retained_graph() {
    let golden = golden("autograd.json");
    assert_eq!(golden["error"], TWICE);
    let mut s = session::<f32>(&golden["runs"][0]);
    assert_eq!(s.backward_again(true), Err(Again::NotYet));
    to_update(&mut s);
    let before = s.weights().grads.clone();
    let error = s.backward_again(false).expect_err("the graph is not retained");
    assert_eq!(error.to_string(), format!("RuntimeError: {TWICE}"));
    assert!(error.explanation().contains("mean squared error 1"), "{}", error.explanation());
    assert_eq!(s.weights().grads, before, "nothing has happened");
    s.backward_again(true).expect("now it is");
    let doubled: Vec<f32> = before.iter().map(|g| 2.0 * g).collect();
    assert_eq!(*s.weights().grads, doubled);
    s.advance();
    // The text of PyTorch names a tensor by its address; the beginning is the same.
    let moved = s.backward_again(true).expect_err("weights have moved").to_string();
    let begin = |t: &str| t.trim_start_matches("RuntimeError: ").split(':').next().map(str::to_owned);
    assert_eq!(begin(&moved), golden["moved"].as_str().and_then(begin));
    s.step();
    assert_eq!(s.backward_again(true), Err(Again::Moved));
}

#[test]
fn a_run_without_zero_grad_goes_back_bit_for_bit() {
    let text = std::fs::read_to_string("projects/spirals.ron").expect("it ships");
    let d = chainrule::project::parse(&text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let graph = Arc::new(d.graph);
    let new = |zero_grad| {
        let train = TrainConfig { zero_grad, optimizer: Optimizer::sgd(1e-4), ..d.train.clone() };
        Session::<f32>::new(graph.clone(), data.clone(), train).expect("it can run")
    };
    let (mut s, mut timeline) = (new(false), Timeline::default());
    for _ in 0..37 {
        timeline.record(&s);
        s.step();
    }
    let (there, grads) = (s.export_weights(), s.weights().grads.clone());
    for _ in 0..20 {
        assert!(timeline.back(&mut s, Granularity::Batch));
    }
    for _ in 0..20 {
        s.step();
    }
    assert_eq!((s.export_weights(), &s.weights().grads), (there.clone(), &grads));
    let mut other = new(true);
    for _ in 0..37 {
        other.step();
    }
    assert_ne!(other.export_weights(), there, "zero_grad makes a difference");
    let mut both = d.train.clone();
    (both.zero_grad, both.limits.accumulate) = (false, 2);
    assert!(both.reject().is_some_and(|why| why.contains("zero_grad")));
}

#[test]
fn the_backward_graph_says_what_is_a_leaf_and_what_is_saved() {
    let golden = golden("autograd.json");
    let mut s = session::<f32>(&golden["runs"][3]);
    let all = s.autograd();
    let node = |name: &str| all.nodes.iter().find(|n| n.name == name).expect("the node");
    let x = node("data input 1");
    assert!(x.is_leaf && !x.requires_grad && x.grad_fn.is_err());
    let (first, tanh, second) = (node("linear 1"), node("tanh 1"), node("linear 2"));
    assert_eq!(first.grad_fn.as_deref(), Ok("AddmmBackward0"));
    assert_eq!(tanh.grad_fn.as_deref(), Ok("TanhBackward0"));
    assert!(!tanh.is_leaf && tanh.requires_grad);
    let next = |n: &chainrule::train::GradNode| {
        n.next.iter().map(|n| format!("{} {}", n.name, n.of)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(next(first), "None data input 1, AccumulateGrad linear 1.weight, AccumulateGrad linear 1.bias");
    assert_eq!(next(second), "TanhBackward0 tanh 1, AccumulateGrad linear 2.weight, AccumulateGrad linear 2.bias");
    assert_eq!(next(node("mean squared error 1")), "AddmmBackward0 linear 2, None target 1");
    // x 5×2, tanh 5×3, linear 2 5×1 and the target 5×1, once each; tanh keeps the output that linear 2 reads.
    assert_eq!((all.saved_bytes, all.saved_tensors), ((10 + 15 + 5 + 5) * 4, 4));
    assert_eq!(tanh.saved_bytes(), 15 * 4);
    assert_eq!(second.saved.iter().map(|s| s.what.as_str()).collect::<Vec<_>>(), ["input", "weight", "bias"]);

    let graph = Arc::new(all.clone());
    let state = |s: &Session<f32>, k: usize| s.autograd_shot(&graph).leaves[k].0.text();
    assert_eq!(state(&s, 0), "None");
    to_update(&mut s);
    assert_eq!(state(&s, 0), "of step 1");
    s.step();
    assert_eq!(state(&s, 0), "of step 1");
    s.advance();
    assert_eq!(state(&s, 0), "stale since step 1");
    while s.next().is_some_and(|i| i.phase != Phase::Backward) {
        s.advance();
    }
    assert_eq!(state(&s, 0), "None: cleared by zero_grad");
    to_update(&mut s);
    s.backward_again(true).expect("retained");
    assert_eq!(state(&s, 0), "of step 2 · sum of 2 passes");
}

#[test]
fn what_is_frozen_or_detached_needs_no_gradient() {
    let golden = golden("autograd.json");
    let case = &golden["runs"][0];
    let (data, train) = {
        let s = session::<f32>(case);
        (s.data().cloned(), s.config().clone())
    };
    let mut g = network();
    let id = |g: &Graph, name: &str| g.by_name(name).expect("the node").id;
    let (first, second) = (id(&g, "linear 1"), id(&g, "linear 2"));
    for weight in ["weight", "bias"] {
        let tuning = Tuning { frozen: true, ..Tuning::default() };
        g.apply(&Edit::Tune { node: first, weight: weight.into(), tuning }).expect("an edit");
    }
    let frozen = Session::<f32>::new(Arc::new(g.clone()), data.clone(), train.clone()).expect("it runs").autograd();
    let tanh = frozen.nodes.iter().find(|n| n.name == "tanh 1").expect("the node");
    assert!(tanh.is_leaf && !tanh.requires_grad && tanh.saved.is_empty());
    assert!(frozen.nodes.iter().any(|n| n.node == second && n.requires_grad));
    let wire = g.inputs(second)[0];
    g.apply(&g.splice(wire, "detach").expect("an edit")).expect("it fits");
    assert_eq!(g.inputs(second).len(), 1);
    let detach = g.inputs(second)[0].from;
    assert_eq!((g.node(detach).expect("a node").kind.as_str(), g.inputs(detach)[0].from), ("detach", wire.from));
    let all = Session::<f32>::new(Arc::new(g), data, train).expect("it runs").autograd();
    assert!(all.nodes.iter().any(|n| n.node == detach && n.is_leaf && !n.requires_grad));
}

#[test]
fn detaching_an_output_reaches_everything_that_uses_it() {
    let text = std::fs::read_to_string("projects/skip.ron").expect("it ships");
    let d = chainrule::project::parse(&text).expect("it reads").document;
    let mut g = d.graph;
    let twice = g.by_name("tanh 1").expect("it is used twice").id;
    let consumers = g.outputs(twice);
    assert_eq!(consumers.len(), 2);
    g.apply(&g.splice_after(twice, "detach").expect("an edit")).expect("it fits");
    let own = g.outputs(twice);
    assert_eq!(own.len(), 1, "the detach node is all that uses it");
    let detach = own[0].to;
    let mut reached: Vec<_> = g.outputs(detach).iter().map(|w| (w.to, w.input)).collect();
    let mut wanted: Vec<_> = consumers.iter().map(|w| (w.to, w.input)).collect();
    reached.sort();
    wanted.sort();
    assert_eq!(reached, wanted);
    let loss = g.nodes().find(|n| n.kind == "bce_with_logits_loss").expect("a loss").id;
    assert!(g.splice_after(loss, "detach").is_err_and(|e| e.to_string().contains("nothing uses the output of")));
}
