//! The memory of a plan, against an independent count on the shipped projects, and the refusal of what is too large.

use chainrule::engine::{Instruction, Phase, Plan, Weights};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::{Role, Value};
use chainrule::project::{parse, templates};
use chainrule::train::{Optimizer, Session, SessionError, TrainConfig};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What must be there at once, counted over the graph: every tensor by name, alive from the first instruction that
/// writes it to the last that may read it.
fn least(graph: &Graph, plan: &Plan, sizes: &dyn Fn(NodeId) -> (usize, usize)) -> usize {
    let at = |phase: &[Phase], node: NodeId| {
        plan.program().iter().position(|i: &Instruction| phase.contains(&i.phase) && i.node == node)
    };
    let forward = |n| at(&[Phase::Forward, Phase::Loss], n);
    let backward = |n| at(&[Phase::Backward], n);
    // Name, first and last instruction, numbers.
    let mut spans: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for node in graph.nodes() {
        let (Some(born), (value, saved)) = (forward(node.id), sizes(node.id)) else { continue };
        let readers: Vec<NodeId> = graph.wires().iter().filter(|w| w.from == node.id).map(|w| w.to).collect();
        let mut last =
            readers.into_iter().flat_map(|r| [forward(r), backward(r)]).chain([backward(node.id)]).flatten().max();
        if plan.loss_terms().iter().any(|t| t.0 == node.id) {
            last = Some(plan.program().len() - 1);
        }
        spans.insert(format!("{} value", node.id.0), (born, last.unwrap_or(born), value));
        spans.insert(format!("{} saved", node.id.0), (born, backward(node.id).unwrap_or(born), saved));
        let parts = plan.consumers(node.id);
        let seed = at(&[Phase::Seed], node.id);
        let adds = parts.len() + usize::from(seed.is_some()) > 1 || seed.is_some();
        let own_end = backward(node.id);
        if adds {
            let first = parts.iter().filter_map(|(c, _)| backward(*c)).chain(seed).min();
            if let Some(first) = first {
                spans.insert(format!("{} sum", node.id.0), (first, own_end.unwrap_or(first), value));
            }
        }
        for (consumer, pin) in parts {
            let written = backward(consumer).expect("it adds to the gradient");
            let end = if adds { written } else { own_end.unwrap_or(written) };
            spans.insert(format!("{} pin {pin}", consumer.0), (written, end, value));
        }
    }
    (0..plan.program().len())
        .map(|t| spans.values().filter(|(a, b, _)| (*a..=*b).contains(&t)).map(|s| s.2).sum())
        .max()
        .unwrap_or(0)
}

#[test]
fn the_least_is_what_a_count_over_the_graph_gives() {
    for (name, text) in templates::shipped() {
        let d = parse(text).expect("it reads").document;
        let Some(data) = d.data.load(Path::new("projects")).expect("data") else { continue };
        let inference = d.graph.infer(Some(&data.feature_shape), Some(&data.target_shape));
        let penalties = d.graph.nodes().any(|n| n.spec().is_some_and(|s| s.role == Role::Penalty));
        let weights = Weights::<f32>::init(&d.graph, &inference, 1);
        let batch = d.train.batch_size.min(data.train.len());
        let plan = Plan::new(&d.graph, &inference, &weights, batch).expect("a plan");
        let sizes = |id: NodeId| {
            let n = &inference.nodes[&id];
            (n.output.len(batch), n.saved.as_ref().map_or(0, |s| s.len(batch)))
        };
        let f = plan.footprint();
        let counted = least(&d.graph, &plan, &sizes);
        // A penalty's gradients of weights are not in that count.
        assert!(if penalties { f.live >= counted } else { f.live == counted }, "{name}: {} and {counted}", f.live);
        assert!(f.live <= f.total() && f.total() * 4 == plan.bytes(4), "{name}");
        // Everything stays visible until the next batch: every gradient at its place, beside all values.
        assert!(f.total() as f64 <= 2.2 * f.live as f64, "{name}: {} for {}", f.total(), f.live);
        println!("{name}: {} numbers, at least {}, {:.2}", f.total(), f.live, f.total() as f64 / f.live as f64);
    }
}

/// The iris project with further nodes of a kind between its first layer, `width` wide, and what follows.
fn longer(width: i64, kind: &str, count: usize, optimizer: Optimizer) -> Result<Session<f32>, SessionError> {
    let text = std::fs::read_to_string("projects/iris.ron").expect("it ships");
    let mut d = parse(&text).expect("it reads").document;
    let mut last = d.graph.nodes().find(|n| n.kind == "linear").expect("a layer").id;
    let wide = |node| Edit::SetParam { node, name: "out_features".into(), value: Value::Int(width) };
    d.graph.apply(&wide(last)).expect("a width");
    let out = d.graph.wires().iter().find(|w| w.from == last).copied().expect("it goes on");
    d.graph.apply(&Edit::Disconnect(out)).expect("it is there");
    for _ in 0..count {
        let id = d.graph.next_id();
        d.graph.apply(&Edit::Add(Node::new(id, kind, &format!("more {}", id.0), [0.0; 2]))).expect("a node");
        if kind == "linear" {
            d.graph.apply(&wide(id)).expect("a width");
        }
        d.graph.apply(&Edit::Connect(Wire { from: last, output: 0, to: id, input: 0 })).expect("a wire");
        last = id;
    }
    d.graph.apply(&Edit::Connect(Wire { from: last, ..out })).expect("a wire");
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    d.train = TrainConfig { optimizer, batch_size: 1000, ..d.train };
    Session::new(Arc::new(d.graph), data, d.train)
}

#[test]
fn what_is_too_large_is_refused_with_the_figures_before_anything_is_allocated() {
    let adam = || Optimizer::adam(0.01);
    assert!(longer(16, "tanh", 3, adam()).is_ok());
    let refused = |tried: Result<Session<f32>, SessionError>| match tried {
        Ok(_) => panic!("it was accepted"),
        Err(e) => e.to_string(),
    };
    // 20 000 activations of 65 536 numbers for 105 samples take terabytes.
    let why = refused(longer(65_536, "tanh", 20_000, adam()));
    assert!(why.contains("a batch of 105 needs") && why.contains("GiB are free; choose a smaller batch"), "{why}");
    // As many weights as there can be, each with 2000 numbers that L-BFGS remembers.
    let search = Optimizer::named("lbfgs").expect("it is there").with("history_size", 1000.0);
    let why = refused(longer(11_000, "linear", 2, search));
    assert!(why.contains("weights need") && why.contains("GiB are free; choose smaller layers"), "{why}");
}

#[test]
fn a_run_says_what_it_takes_before_its_first_step() {
    let needs = longer(16, "relu", 1, Optimizer::adam(0.01)).expect("it can run").needs();
    assert!(needs.live <= needs.values + needs.saved + needs.gradients && needs.weights > 0);
    assert!(needs.text()[0].contains(&format!("batch of {}", needs.batch)), "{:?}", needs.text());
}
