//! Edits of a graph and their history, whatever the order they come in.

use chainrule::graph::{Edit, Frame, Graph, Node, NodeId, Tuning, Wire};
use chainrule::ops::{Inputs, MOST_NUMBERS, ParamKind, Params, Role, Value, catalogue};
use chainrule::project::{Change, Document, History};
use chainrule::tensor::Shape;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is drawn for one edit: which, and numbers from which its details are taken.
type Draw = (u8, [u16; 4]);

/// One thing that a user does.
#[derive(Clone, Debug)]
enum Act {
    Edit(Draw),
    Batch(Vec<Draw>),
    /// Copies the nodes at the set bits.
    Paste(u32),
    Begin,
    Commit,
    Cancel,
    Undo,
    Redo,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let draw = || (any::<u8>(), any::<[u16; 4]>());
    let act = prop_oneof![
        12 => draw().prop_map(Act::Edit),
        2 => vec(draw(), 0..5).prop_map(Act::Batch),
        2 => any::<u32>().prop_map(Act::Paste),
        1 => Just(Act::Begin),
        1 => Just(Act::Commit),
        1 => Just(Act::Cancel),
        3 => Just(Act::Undo),
        2 => Just(Act::Redo),
    ];
    vec(act, 1..60)
}

/// A node that is there, or one in eight times one that is not.
fn any_node(g: &Graph, n: u16) -> NodeId {
    let ids: Vec<NodeId> = g.nodes().map(|n| n.id).collect();
    let at = usize::from(n / 8);
    if n.is_multiple_of(8) || ids.is_empty() { NodeId(u64::from(n / 8) % 40) } else { ids[at % ids.len()] }
}

fn any_value(n: u16) -> Value {
    let small = i64::from(n / 16 % 7) - 2;
    match n % 16 {
        0 => Value::Bool(small > 0),
        1 => Value::Text("mean".into()),
        2 => Value::Text(String::new()),
        3 | 4 => Value::Ints(vec![small; usize::from(n / 16 % 4)]),
        5 => Value::Floats(vec![small as f64, 0.5]),
        6 => Value::Floats(vec![f64::NAN]),
        7 => Value::Float(f64::INFINITY),
        8 => Value::Int(i64::MAX),
        9 => Value::Nodes(vec![1, 2]),
        10..13 => Value::Float(small as f64 * 0.25),
        _ => Value::Int(small),
    }
}

fn any_name(g: &Graph, kind: &str, n: u16) -> String {
    match n % 12 {
        0 => String::new(),
        1 => "ü".repeat(65),
        2 => "ü".repeat(64),
        3 => g.nodes().next().map_or_else(|| "7".into(), |n| n.name.clone()),
        _ => g.fresh_name(kind),
    }
}

/// A place; one in sixteen is none.
fn any_place(a: u16, b: u16) -> [f32; 2] {
    [if a.is_multiple_of(16) { f32::NAN } else { f32::from(a) }, f32::from(b)]
}

/// How a weight is trained; some of it is refused.
fn any_tuning(n: u16) -> Tuning {
    let factor = [1.0, 0.5, 0.0, -1.0, f64::NAN, f64::INFINITY][usize::from(n) % 6];
    Tuning {
        frozen: n.is_multiple_of(4),
        lr_factor: factor,
        weight_decay: n.is_multiple_of(3).then_some(f64::from(n % 7) - 1.0),
    }
}

fn any_frame(a: u16, b: u16) -> Frame {
    let [x, y] = any_place(b, a);
    Frame { id: u64::from(a % 4), title: format!("frame {b}"), rect: [x, y, 10.0, 10.0] }
}

/// An edit that fits or almost fits.
fn edit(g: &Graph, (which, [a, b, c, d]): Draw) -> Edit {
    match which % 21 {
        0..6 => {
            let known = catalogue::CATALOGUE[usize::from(a) % catalogue::CATALOGUE.len()].spec.id;
            let kind = match a % 9 {
                0 => "of_a_later_version",
                1 | 2 => "add",
                3 => "concat",
                _ => known,
            };
            let id = match b % 10 {
                0 => any_node(g, c),
                1 => NodeId(g.next_id().0 + u64::from(c % 5)),
                _ => g.next_id(),
            };
            let mut node = Node::new(id, kind, &any_name(g, kind, d), any_place(c, d));
            if d.is_multiple_of(5) {
                node.tuning.insert("weight".into(), any_tuning(c));
            }
            Edit::Add(node)
        }
        6 => Edit::Remove((0..a % 4).map(|k| any_node(g, b.wrapping_mul(k + 1))).collect()),
        7..13 => {
            let input = match c % 32 {
                0 => usize::from(d) + 60_000,
                1 => usize::MAX,
                n => usize::from(n % 4),
            };
            Edit::Connect(Wire {
                from: any_node(g, a),
                output: usize::from(d.is_multiple_of(16)),
                to: any_node(g, b),
                input,
            })
        }
        13 => {
            let wires = g.wires();
            let wire = wires.get(usize::from(a) % wires.len().max(1)).copied();
            Edit::Disconnect(wire.unwrap_or(Wire { from: any_node(g, a), output: 0, to: any_node(g, b), input: 0 }))
        }
        14 => {
            let node = any_node(g, a);
            let params = g.node(node).and_then(Node::spec).map_or(&[][..], |s| s.params);
            let name = params.get(usize::from(b) % 5).map_or("nothing", |p| p.name);
            let value = match (g.node(node).map(|n| n.spec()), any_value(c)) {
                // NaN is not equal to itself; what an unknown kind takes nobody can check.
                (Some(None), Value::Floats(_)) => Value::Bool(true),
                (_, value) => value,
            };
            Edit::SetParam { node, name: name.into(), value }
        }
        15 => Edit::Move(vec![(any_node(g, a), any_place(b, c)), (any_node(g, d), any_place(c, d))]),
        16 => Edit::Rename { node: any_node(g, a), name: any_name(g, "relu", b) },
        17 => Edit::AddFrame(any_frame(a, b)),
        18 => Edit::Tune { node: any_node(g, a), weight: "weight".into(), tuning: any_tuning(b) },
        19 => Edit::RemoveFrame(u64::from(a % 4)),
        _ => Edit::SetFrame(any_frame(a, b)),
    }
}

/// Several edits, each of them drawn for the graph that the ones before leave.
fn batch(g: &Graph, draws: &[Draw]) -> Edit {
    let mut scratch = g.clone();
    let edits = draws
        .iter()
        .map(|draw| {
            let e = edit(&scratch, *draw);
            // Some batches fail in the middle, which is the point.
            _ = scratch.apply(&e);
            e
        })
        .collect();
    Edit::Batch { label: "Several".into(), edits }
}

/// What a history must do, said with whole documents.
struct Model {
    now: Document,
    past: Vec<Document>,
    future: Vec<Document>,
    gesture: Option<Document>,
}

impl Model {
    fn push(&mut self, before: Document) {
        self.past.push(before);
        self.future.clear();
    }
    fn commit(&mut self) {
        if let Some(before) = self.gesture.take().filter(|d| *d != self.now) {
            self.push(before);
        }
    }
    fn apply(&mut self, edit: &Edit) -> bool {
        let mut next = self.now.clone();
        if next.graph.apply(edit).is_err() {
            return false;
        }
        if next != self.now {
            let before = std::mem::replace(&mut self.now, next);
            if self.gesture.is_none() {
                self.push(before);
            }
        }
        true
    }
    fn travel(&mut self, back: bool) -> bool {
        self.commit();
        let (from, to) = if back { (&mut self.past, &mut self.future) } else { (&mut self.future, &mut self.past) };
        let Some(document) = from.pop() else { return false };
        to.push(std::mem::replace(&mut self.now, document));
        true
    }
}

/// The pins of a node that takes any number of wires have no gaps.
fn gaps(g: &Graph) -> Vec<String> {
    let variadic = |n: &&Node| n.spec().is_some_and(|s| matches!(s.inputs, Inputs::Variadic(_)));
    let gap = |n: &&Node| !g.inputs(n.id).iter().map(|w| w.input).eq(0..g.inputs(n.id).len());
    g.nodes().filter(variadic).filter(gap).map(|n| n.name.clone()).collect()
}

/// Pastes the chosen nodes, and fails unless their inner wires come along.
fn paste(h: &History, mask: u32) -> Result<Edit, TestCaseError> {
    let g = &h.document().graph;
    let chosen: Vec<NodeId> =
        g.nodes().map(|n| n.id).enumerate().filter(|(k, _)| mask >> (k % 32) & 1 == 1).map(|(_, id)| id).collect();
    let fragment = g.subgraph(&chosen);
    prop_assert_eq!(fragment.nodes.len(), chosen.len());
    let (edit, copies) = g.paste(&fragment, [40.0, 40.0]);
    let mut after = g.clone();
    prop_assert_eq!(after.apply(&edit), Ok(()));
    prop_assert_eq!(copies.len(), chosen.len());
    let copy = |id: NodeId| chosen.iter().position(|c| *c == id).map(|k| copies[k]);
    for id in &chosen {
        let variadic = g.node(*id).and_then(Node::spec).is_some_and(|s| matches!(s.inputs, Inputs::Variadic(_)));
        let to = copy(*id).expect("it was chosen");
        let inner = g.inputs(*id).into_iter().filter_map(|w| Some(Wire { from: copy(w.from)?, to, ..w }));
        let want: Vec<Wire> =
            inner.enumerate().map(|(k, w)| Wire { input: if variadic { k } else { w.input }, ..w }).collect();
        prop_assert_eq!(after.inputs(to), want);
        let (old, new) = (g.node(*id).expect("chosen"), after.node(to).expect("pasted"));
        prop_assert_eq!(&old.kind, &new.kind);
    }
    Ok(edit)
}

fn config() -> Config {
    Config { cases: 256, rng_seed: RngSeed::Fixed(17), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_order_of_edits_breaks_a_graph_or_its_history(acts in acts()) {
        let first = Document::default();
        let mut h = History::new(first.clone());
        let mut m = Model { now: first.clone(), past: Vec::new(), future: Vec::new(), gesture: None };
        let mut given: BTreeSet<NodeId> = BTreeSet::new();
        for act in acts {
            let graph = &h.document().graph;
            let edit = match &act {
                Act::Edit(draw) => Some(edit(graph, *draw)),
                Act::Batch(draws) => Some(batch(graph, draws)),
                Act::Paste(mask) => Some(paste(&h, *mask)?),
                _ => None,
            };
            let before = (Arc::clone(h.document()), h.revision(), h.can_undo().map(str::to_owned));
            match act {
                Act::Begin => {
                    h.begin("Gesture");
                    m.commit();
                    m.gesture = Some(m.now.clone());
                }
                Act::Commit => {
                    h.commit();
                    m.commit();
                }
                Act::Cancel => {
                    h.cancel();
                    m.now = m.gesture.take().unwrap_or(m.now);
                }
                Act::Undo => prop_assert_eq!(h.undo().is_some(), m.travel(true)),
                Act::Redo => prop_assert_eq!(h.redo().is_some(), m.travel(false)),
                Act::Edit(_) | Act::Batch(_) | Act::Paste(_) => {}
            }
            if let Some(edit) = edit {
                // Both give ids from the same number on.
                m.now = (**h.document()).clone();
                let done = h.apply(Change::Graph(edit.clone()));
                prop_assert_eq!(done.is_ok(), m.apply(&edit), "{:?}", edit);
                if done.is_err() {
                    let after = (Arc::clone(h.document()), h.revision(), h.can_undo().map(str::to_owned));
                    prop_assert!(Arc::ptr_eq(&before.0, &after.0), "a refused edit changes nothing");
                    prop_assert_eq!((before.1, before.2), (after.1, after.2));
                }
            }
            prop_assert_eq!(&**h.document(), &m.now);
            let graph = &h.document().graph;
            prop_assert_eq!(graph.check_invariants(), Vec::<String>::new());
            prop_assert_eq!(gaps(graph), Vec::<String>::new());
            given.extend(graph.nodes().map(|n| n.id));
            prop_assert!(given.last() < Some(&graph.next_id()), "{:?} is given again", graph.next_id());
        }
        h.commit();
        m.commit();
        let last = m.future.first().unwrap_or(&m.now).clone();
        while h.undo().is_some() {}
        prop_assert_eq!(&**h.document(), &first);
        while h.redo().is_some() {}
        prop_assert_eq!(&**h.document(), &last);
    }
}

/// A graph of `kinds`, called by their position.
fn graph(kinds: &[&str]) -> Graph {
    let mut g = Graph::new();
    for (k, kind) in kinds.iter().enumerate() {
        g.apply(&Edit::Add(Node::new(g.next_id(), kind, &k.to_string(), [0.0, 0.0]))).expect("a node");
    }
    g
}

fn wire(from: u64, to: u64, input: usize) -> Wire {
    Wire { from: NodeId(from), output: 0, to: NodeId(to), input }
}

#[test]
fn a_wire_that_closes_a_cycle_is_refused_however_long_the_cycle_is() {
    let mut g = graph(&["add"; 30]);
    for k in 1..30 {
        g.apply(&Edit::Connect(wire(k, k + 1, 0))).expect("a chain");
    }
    for to in 1..30 {
        let before = g.clone();
        let why = g.apply(&Edit::Connect(wire(30, to, 1))).expect_err("a cycle").to_string();
        assert!(why.contains("cycle"), "{why}");
        assert_eq!(g, before);
    }
    assert!(g.apply(&Edit::Connect(wire(5, 5, 1))).is_err(), "a node feeds itself");
    assert!(g.apply(&Edit::Connect(wire(1, 30, 1))).is_ok(), "a short cut is no cycle");
}

#[test]
fn an_input_that_takes_one_wire_replaces_the_old_one_and_undo_brings_it_back() {
    let mut h = History::new(Document { graph: graph(&["input", "relu", "tanh"]), ..Document::default() });
    h.apply(Change::Graph(Edit::Connect(wire(1, 3, 0)))).expect("a wire");
    h.apply(Change::Graph(Edit::Connect(wire(2, 3, 0)))).expect("another");
    assert_eq!(h.document().graph.wires(), [wire(2, 3, 0)]);
    h.undo();
    assert_eq!(h.document().graph.wires(), [wire(1, 3, 0)]);
}

#[test]
fn a_pin_or_an_id_that_no_file_could_hold_is_refused() {
    let mut g = graph(&["relu", "of_a_later_version"]);
    assert!(g.apply(&Edit::Connect(wire(1, 2, 3))).is_ok(), "an unknown kind may have many pins");
    assert!(g.apply(&Edit::Connect(wire(1, 2, usize::MAX))).is_err());
    for (id, fits) in [(u64::MAX, false), (1 << 53, false), ((1 << 53) - 1, true)] {
        let done = g.apply(&Edit::Add(Node::new(NodeId(id), "relu", "far", [0.0, 0.0])));
        assert_eq!(done.is_ok(), fits, "id {id}");
        let again = Graph::restore(g.nodes().cloned().collect(), g.wires(), Vec::new(), g.next_id().0);
        assert_eq!(again.as_ref(), Ok(&g), "id {id}");
    }
    let over = g.apply(&Edit::Add(Node::new(g.next_id(), "relu", "beyond", [0.0, 0.0])));
    assert!(over.is_err(), "no id is left");
}

#[test]
fn the_second_output_of_an_unknown_kind_is_copied_with_it() {
    let second = Wire { output: 1, ..wire(1, 2, 0) };
    let nodes = graph(&["of_a_later_version", "relu"]).nodes().cloned().collect();
    let mut g = Graph::restore(nodes, vec![second], Vec::new(), 3).expect("a graph");
    let (edit, copies) = g.paste(&g.subgraph(&[NodeId(1), NodeId(2)]), [0.0, 0.0]);
    g.apply(&edit).expect("a copy");
    assert_eq!(g.inputs(copies[1]), [Wire { from: copies[0], to: copies[1], ..second }]);
    let none = Wire { output: 1, ..wire(2, 1, 0) };
    assert!(graph(&["of_a_later_version", "relu"]).apply(&Edit::Connect(none)).is_err(), "relu has one output");
}

#[test]
fn a_thousand_nodes_and_two_thousand_wires_are_built_inferred_and_undone() {
    let mut edits = vec![Edit::Add(Node::new(NodeId(1), "input", "x", [0.0, 0.0]))];
    for id in 2..=1000u64 {
        edits.push(Edit::Add(Node::new(NodeId(id), "add", &format!("add {id}"), [id as f32, 0.0])));
        edits.push(Edit::Connect(wire(id - 1, id, 0)));
        edits.push(Edit::Connect(wire((id / 2).max(1), id, 1)));
    }
    let loss = Node { params: Params::default(), ..Node::new(NodeId(1001), "mse_loss", "loss", [0.0, 0.0]) };
    edits.extend([Edit::Add(loss), Edit::Connect(wire(1000, 1001, 0)), Edit::Connect(wire(500, 1001, 1))]);
    let mut h = History::new(Document::default());
    h.apply(Change::Graph(Edit::Batch { label: "Many".into(), edits })).expect("all of them");
    let graph = &h.document().graph;
    assert_eq!((graph.len(), graph.wires().len()), (1001, 2000));
    assert_eq!(graph.check_invariants(), Vec::<String>::new());
    let inference = graph.infer(Some(&Shape::batch(&[3])), None);
    assert_eq!(inference.diagnostics, []);
    assert_eq!(inference.shape(NodeId(1000)), Some(&Shape::batch(&[3])));
    assert!(inference.runnable());
    h.undo();
    assert!(h.document().graph.is_empty());
}

/// A value at the edge of what a parameter takes, and beyond.
fn edges(kind: ParamKind) -> Vec<Value> {
    match kind {
        ParamKind::Int { min, max } => [min, max, i64::MIN, i64::MAX].map(Value::Int).into(),
        ParamKind::Float { min, max, .. } => [min, max, f64::MAX, f64::NAN].map(Value::Float).into(),
        ParamKind::Ints => {
            let lists: [&[i64]; 5] = [&[], &[-1, 1 << 28], &[1 << 15, 1 << 15], &[i64::MAX; 3], &[i64::MIN, -1]];
            lists.map(|l| Value::Ints(l.to_vec())).into()
        }
        ParamKind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        ParamKind::Choice(names) => names.iter().map(|n| Value::Text((*n).into())).collect(),
        ParamKind::Floats => vec![Value::Floats(vec![f64::MAX; 3])],
        ParamKind::Nodes => vec![Value::Nodes(vec![u64::MAX])],
    }
}

#[test]
fn the_largest_sizes_are_an_answer_or_an_error_but_no_overflow() {
    const FAR: i64 = MOST_NUMBERS as i64;
    let sizes: [&[i64]; 8] = [
        &[],
        &[FAR],
        &[FAR, 1],
        &[1, FAR],
        &[1 << 14, 1 << 14],
        &[1, FAR, 1, 1],
        &[1, 1, 1, FAR],
        &[1 << 10, 1 << 20, 1],
    ];
    let source = |id: u64, shape: &[i64]| {
        let params = Params::of([("shape", Value::Ints(shape.to_vec()))]);
        Node { params, ..Node::new(NodeId(id), "constant", &id.to_string(), [0.0, 0.0]) }
    };
    let mut answers = 0;
    for kind in catalogue::CATALOGUE {
        let spec = kind.spec;
        let settings = spec.params.iter().flat_map(|p| edges(p.kind).into_iter().map(|v| Params::of([(p.name, v)])));
        let pins = match spec.inputs {
            Inputs::Fixed(names) => names.len() as u64,
            Inputs::Variadic(_) => 2,
        };
        for params in settings.chain([Params::default()]) {
            for (a, b) in
                sizes.iter().flat_map(|a| sizes.iter().map(move |b| (a, b))).filter(|(a, b)| pins > 1 || a == b)
            {
                let node = Node { params: params.clone(), ..Node::new(NodeId(9), spec.id, "node", [0.0, 0.0]) };
                let sources = [source(1, a), source(2, b)];
                let wires = (0..pins).filter(|_| spec.role != Role::Penalty).map(|k| wire(1 + k % 2, 9, k as usize));
                let graph =
                    Graph::restore([&sources[..], &[node]].concat(), wires.collect(), vec![], 10).expect("a graph");
                let inference = graph.infer(Some(&Shape::batch(&[3])), Some(&Shape::batch(&[1])));
                let Some(i) = inference.nodes.get(&NodeId(9)) else { continue };
                answers += 1;
                let weights: u128 =
                    i.weights.iter().map(|w| w.shape.iter().map(|n| *n as u128).product::<u128>()).sum();
                assert!(
                    i.output.per_sample() <= MOST_NUMBERS && weights <= MOST_NUMBERS as u128,
                    "{} {params:?}: {i:?}",
                    spec.id
                );
            }
        }
    }
    assert!(answers > 1000, "{answers}");
}
