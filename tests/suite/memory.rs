//! The memory of a plan, against an independent count on the shipped projects, and the refusal of what is too large.

use chainrule::data::Dataset;
use chainrule::engine::{Instruction, Keep, Phase, Plan, Weights};
use chainrule::graph::{Edit, Graph, Inference, Node, NodeId, Wire};
use chainrule::ops::{Role, Value};
use chainrule::project::{Document, parse, templates};
use chainrule::train::{Optimizer, Session, SessionError, TrainConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

#[path = "memory/layout.rs"]
mod layout;
#[path = "memory/runs.rs"]
mod runs;

/// All shipped projects that have data.
fn shipped() -> impl Iterator<Item = (&'static str, Document, Arc<Dataset>)> {
    templates::shipped().iter().filter_map(|&(name, text)| {
        let d = parse(text).expect("it reads").document;
        let data = d.data.load(Path::new("projects")).expect("data")?;
        Some((name, d, Arc::new(data)))
    })
}

/// What must be there at once where nobody looks, counted over the graph: every tensor by name, alive from the first
/// instruction that writes it to the last that reads it.
fn least(graph: &Graph, plan: &Plan, weights: &Weights<f32>, inference: &Inference) -> usize {
    let at = |phase: &[Phase], node: NodeId| {
        plan.program().iter().position(|i: &Instruction| phase.contains(&i.phase) && i.node == node)
    };
    let forward = |n| at(&[Phase::Forward, Phase::Loss], n);
    let seed = |n| at(&[Phase::Seed], n);
    let watched = |n: &Node| -> Vec<usize> {
        let params = n.filled();
        let over = params.nodes("over");
        let chosen = |k: &usize| {
            let i = &weights.infos[*k];
            !i.buffer && i.name != "bias" && (over.is_empty() || over.contains(&i.node.0))
        };
        let penalty = n.spec().is_some_and(|s| s.role == Role::Penalty);
        (0..weights.infos.len()).filter(chosen).filter(|_| penalty).collect()
    };
    // Nodes that a trained weight has an influence on.
    let mut trained: BTreeSet<NodeId> = BTreeSet::new();
    for id in graph.order().expect("no cycle") {
        let own = weights.infos.iter().any(|i| i.node == id && i.trained());
        let seen = watched(graph.node(id).expect("it is there")).iter().any(|k| weights.infos[*k].trained());
        let flows = |w: &&Wire| !graph.node(id).and_then(Node::spec).is_some_and(|s| s.no_grad.contains(&w.input));
        if own || seen || graph.inputs(id).iter().filter(flows).any(|w| trained.contains(&w.from)) {
            trained.insert(id);
        }
    }
    let backward = |n| at(&[Phase::Backward], n).filter(|_| trained.contains(&n));
    let reads = |n: NodeId| graph.node(n).and_then(Node::spec).expect("a known kind").reads;
    // Name, first and last instruction, numbers.
    let mut spans: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for node in graph.nodes() {
        let (Some(born), Some(i)) = (forward(node.id), inference.nodes.get(&node.id)) else { continue };
        let (value, saved) = (i.output.len(plan.batch()), i.saved.as_ref().map_or(0, |s| s.len(plan.batch())));
        let readers: Vec<NodeId> = graph.wires().iter().filter(|w| w.from == node.id).map(|w| w.to).collect();
        let later = readers.into_iter().flat_map(|r| [forward(r), backward(r).filter(|_| reads(r).inputs)]);
        let own_end = backward(node.id);
        let mut last = later.chain([own_end.filter(|_| reads(node.id).output)]).flatten().max();
        if plan.loss_terms().iter().any(|t| t.0 == node.id) {
            last = Some(plan.program().len() - 1);
        }
        spans.insert(format!("{} value", node.id.0), (born, last.unwrap_or(born), value));
        spans.insert(format!("{} saved", node.id.0), (born, own_end.unwrap_or(born), saved));
        for k in watched(node) {
            if let Some(t) = own_end {
                spans.insert(format!("{} penalty {k}", node.id.0), (t, t, weights.value(k).len()));
            }
        }
        if !trained.contains(&node.id) {
            continue;
        }
        let parts = plan.consumers(node.id);
        let adds = parts.len() + usize::from(seed(node.id).is_some()) > 1 || seed(node.id).is_some();
        let written: Vec<usize> = parts.iter().filter_map(|(c, _)| backward(*c)).chain(seed(node.id)).collect();
        if let (true, Some(first), Some(end)) = (adds, written.iter().min(), written.iter().max()) {
            spans.insert(format!("{} sum", node.id.0), (*first, own_end.unwrap_or(*end), value));
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
fn a_run_that_nobody_looks_into_takes_hardly_more_than_the_least() {
    for (name, d, data) in shipped() {
        let inference = d.graph.infer(Some(&data.feature_shape), Some(&data.target_shape));
        let weights = Weights::<f32>::init(&d.graph, &inference, 1);
        for batch in [d.train.batch_size.min(data.train.len()), 1, 7, 64] {
            let lay = |keep| Plan::keeping(&d.graph, &inference, &weights, batch, keep).expect("a plan");
            let (all, needed) = (lay(Keep::All), lay(Keep::Needed));
            let (f, g) = (all.footprint(), needed.footprint());
            assert_eq!(f.live, least(&d.graph, &all, &weights, &inference), "{name}, {batch}");
            assert_eq!((g.live, g.total, g.unwatched), (f.live, f.unwatched, f.unwatched), "{name}, {batch}");
            assert_eq!((f.total * 4, g.total * 4), (all.bytes(4), needed.bytes(4)), "{name}");
            // Everything stays visible until the next batch: each number at its place.
            assert_eq!(f.total, f.values + f.saved + f.gradients, "{name}");
            assert!(f.live <= g.total && g.total as f64 <= 1.2 * f.live as f64, "{name}: {} for {}", g.total, f.live);
            let ratio = |n: usize| n as f64 / f.live as f64;
            println!("{name}, {batch}: least {}, {:.3}, all kept {:.2}", f.live, ratio(g.total), ratio(f.total));
        }
    }
}

/// What makes a session.
type New = fn(Arc<Graph>, Option<Arc<Dataset>>, TrainConfig) -> Result<Session<f32>, SessionError>;

/// The iris project with further nodes of a kind between its first layer, `width` wide, and what follows.
fn longer(width: i64, kind: &str, count: usize, optimizer: Optimizer) -> Result<Session<f32>, SessionError> {
    longer_as(Session::new, width, kind, count, optimizer)
}

fn longer_as(
    new: New,
    width: i64,
    kind: &str,
    count: usize,
    optimizer: Optimizer,
) -> Result<Session<f32>, SessionError> {
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
    new(Arc::new(d.graph), data, d.train)
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
fn a_run_that_finds_room_only_without_eyes_is_accepted_there_and_the_window_says_so() {
    // 4000 signs of 65 536 numbers for 105 samples take 200 GiB, but no backward reads one again.
    let (width, count) = (65_536, 4000);
    let refused = match longer(width, "neg", count, Optimizer::sgd(0.1)) {
        Ok(_) => panic!("it was accepted"),
        Err(e) => e.to_string(),
    };
    let session = longer_as(Session::unwatched, width, "neg", count, Optimizer::sgd(0.1)).expect("it finds room");
    let needs = session.needs();
    let gib = needs.taken as f64 / f64::from(1 << 30);
    assert!(gib < 0.2 && !needs.watched, "{needs:?}");
    assert!(
        refused.contains(&format!("`chainrule train`, which keeps nothing to be looked at and needs {gib:.1} GiB"))
    );
    // Without eyes there is a limit, too.
    let why = longer_as(Session::unwatched, width, "tanh", 20_000, Optimizer::sgd(0.1)).err().map(|e| e.to_string());
    let why = why.expect("tanh reads its output again");
    assert!(why.contains("a batch of 105 needs") && why.contains("GiB are free; choose a smaller batch"), "{why}");
}

#[test]
fn a_run_says_what_it_takes_before_its_first_step() {
    let seen = longer(16, "relu", 1, Optimizer::adam(0.01)).expect("it can run").needs();
    assert!(seen.live <= seen.unwatched && seen.unwatched < seen.taken && seen.weights > 0 && seen.watched);
    assert_eq!(seen.taken, seen.values + seen.saved + seen.gradients);
    assert_eq!(seen.total(), seen.taken + seen.evaluation + seen.weights);
    assert!(seen.text()[0].contains(&format!("batch of {}", seen.batch)), "{:?}", seen.text());
    let blind = longer_as(Session::unwatched, 16, "relu", 1, Optimizer::adam(0.01)).expect("it can run").needs();
    assert_eq!((blind.taken, blind.live, blind.rows), (seen.unwatched, seen.live, seen.rows));
    assert!(blind.evaluation < seen.evaluation && blind.total() < seen.total());
    assert!(blind.text()[0].contains(&format!("batch of {}", blind.batch)), "{:?}", blind.text());
}
