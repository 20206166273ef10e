//! The engine against numbers worked out by hand, and its promises: order, sums over consumers, the same bits.

use chainrule::engine::{Pass, Phase, Plan, Update, Weights};
use chainrule::graph::{Edit, Graph, Inference, Node, NodeId, Tuning, Wire};
use chainrule::ops::{Mode, Value};
use chainrule::project::parse;
use chainrule::tensor::Shape;
use chainrule::train::{Optimizer, Session, TrainConfig};
use std::path::Path;
use std::sync::Arc;

/// Builds a graph in few words.
struct Build(Graph);

impl Build {
    fn new() -> Self {
        Build(Graph::new())
    }
    /// Adds a node fed by `inputs`.
    fn node(&mut self, kind: &str, inputs: &[NodeId], params: &[(&str, Value)]) -> NodeId {
        let id = self.0.next_id();
        let name = self.0.fresh_name(kind);
        self.0.apply(&Edit::Add(Node::new(id, kind, &name, [0.0, 0.0]))).expect("a node");
        for (name, value) in params {
            let edit = Edit::SetParam { node: id, name: (*name).into(), value: value.clone() };
            self.0.apply(&edit).expect("a parameter");
        }
        for (input, from) in inputs.iter().enumerate() {
            self.0.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    }
    fn linear(&mut self, from: NodeId, size: i64) -> NodeId {
        self.node("linear", &[from], &[("out_features", Value::Int(size))])
    }
}

/// A graph ready to run on one batch.
struct Run {
    inference: Inference,
    plan: Plan,
    pass: Pass<f64>,
    weights: Weights<f64>,
}

impl Run {
    fn new(graph: &Graph, features: &[usize], target: &[usize], batch: usize) -> Run {
        let inference = graph.infer(Some(&Shape::batch(features)), Some(&Shape::batch(target)));
        assert!(inference.runnable(), "{:?}", inference.diagnostics);
        let weights = Weights::<f64>::init(graph, &inference, 1);
        let plan = Plan::new(graph, &inference, &weights, batch).expect("a plan");
        Run { pass: Pass::new(&plan), plan, weights, inference }
    }
    fn set(&mut self, node: NodeId, name: &str, values: &[f64]) {
        let range = self.weights.infos[self.weights.find(node, name).expect("the weight")].range.clone();
        self.weights.values[range].copy_from_slice(values);
    }
    fn gradients(&mut self, x: &[f64], y: &[f64]) {
        self.pass.run_gradients(&self.plan, &mut self.weights, x, y);
    }
    fn value(&self, node: NodeId) -> &[f64] {
        self.pass.value(&self.plan, node).expect("it has run").data
    }
    fn grad(&self, node: NodeId) -> &[f64] {
        self.pass.grad(&self.plan, node).expect("it has a gradient").data
    }
    fn weight_grad(&self, node: NodeId, name: &str) -> &[f64] {
        self.weights.grad(self.weights.find(node, name).expect("the weight"))
    }
}

fn near(got: &[f64], want: &[f64]) {
    let close = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close, "{got:?} instead of {want:?}");
}

#[test]
fn a_2_2_1_network_agrees_with_the_chain_rule_on_paper() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let hidden = b.linear(x, 2);
    let a = b.node("sigmoid", &[hidden], &[]);
    let output = b.linear(a, 1);
    let y = b.node("target", &[], &[]);
    let loss = b.node("mse_loss", &[output, y], &[]);
    let mut run = Run::new(&b.0, &[2], &[1], 1);
    run.set(hidden, "weight", &[0.5, -1.0, 2.0, 0.25]);
    run.set(hidden, "bias", &[0.1, -0.2]);
    run.set(output, "weight", &[1.5, -0.5]);
    run.set(output, "bias", &[0.3]);
    run.gradients(&[1.0, 2.0], &[1.0]);
    let s = |z: f64| 1.0 / (1.0 + (-z).exp());
    let (z1, z2) = (0.5 - 2.0 + 0.1, 2.0 + 0.5 - 0.2);
    let (a1, a2) = (s(z1), s(z2));
    let out = 1.5 * a1 - 0.5 * a2 + 0.3;
    near(run.value(hidden), &[z1, z2]);
    near(run.value(loss), &[(out - 1.0) * (out - 1.0)]);
    let d = 2.0 * (out - 1.0);
    near(run.weight_grad(output, "weight"), &[d * a1, d * a2]);
    near(run.weight_grad(output, "bias"), &[d]);
    let (d1, d2) = (d * 1.5 * a1 * (1.0 - a1), d * -0.5 * a2 * (1.0 - a2));
    near(run.grad(hidden), &[d1, d2]);
    near(run.weight_grad(hidden, "weight"), &[d1, 2.0 * d1, d2, 2.0 * d2]);
    near(run.grad(x), &[0.5 * d1 + 2.0 * d2, -d1 + 0.25 * d2]);
}

#[test]
fn a_value_used_twice_gets_the_sum_and_each_part_can_be_seen() {
    // L = mean((x·x + x)²) with x used three times: ∂L/∂x = 2(x² + x)(2x + 1).
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let square = b.node("mul", &[x, x], &[]);
    let sum = b.node("add", &[square, x], &[]);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[sum, y], &[]);
    let mut run = Run::new(&b.0, &[1], &[1], 1);
    run.gradients(&[3.0], &[0.0]);
    let upstream = 2.0 * 12.0;
    near(run.grad(x), &[upstream * 7.0]);
    let part = |node, pin| run.pass.input_grad(&run.plan, node, pin).expect("it has run").data.to_vec();
    near(&part(square, 0), &[upstream * 3.0]);
    near(&part(square, 1), &[upstream * 3.0]);
    near(&part(sum, 1), &[upstream]);
    assert_eq!(run.plan.consumers(x).len(), 3);
    assert!(run.inference.diagnostics.is_empty());
}

#[test]
fn a_gradient_is_shown_only_when_all_its_parts_have_arrived() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let near_end = b.node("relu", &[x], &[]);
    let sum = b.node("add", &[near_end, x], &[]);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[sum, y], &[]);
    let mut run = Run::new(&b.0, &[1], &[1], 2);
    let mut update = Optimizerless;
    let mut seen = Vec::new();
    while let Some(i) = run.pass.advance(&run.plan, &mut run.weights, &[1.0, 2.0], &[0.0, 0.0], &mut update) {
        if i.phase == Phase::Backward {
            seen.push((i.node, run.pass.grad(&run.plan, x).is_some()));
        }
    }
    assert_eq!(seen.iter().map(|s| s.1).collect::<Vec<_>>(), [false, false, true], "{seen:?}");
}

struct Optimizerless;

impl Update<f64> for Optimizerless {
    fn begin(&mut self, _: &mut [f64]) {}
    fn update(&mut self, _: usize, _: usize, _: &mut [f64], _: &[f64]) {}
}

#[test]
fn several_losses_add_up_with_their_weights_and_a_branch_without_loss_gets_none() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let y = b.node("target", &[], &[]);
    let mse = b.node("mse_loss", &[x, y], &[("loss_weight", Value::Float(2.0))]);
    let mae = b.node("l1_loss", &[x, y], &[("loss_weight", Value::Float(0.5))]);
    let loose = b.node("relu", &[x], &[]);
    let mut run = Run::new(&b.0, &[1], &[1], 2);
    run.gradients(&[3.0, -1.0], &[0.0, 0.0]);
    near(run.value(mse), &[5.0]);
    near(run.value(mae), &[2.0]);
    assert_eq!(run.pass.total_loss(&run.plan), Some(2.0 * 5.0 + 0.5 * 2.0));
    // Means over two: 2·(2x/2) + ½·sign(x)/2.
    near(run.grad(x), &[6.25, -2.25]);
    assert!(run.pass.value(&run.plan, loose).is_some() && run.pass.grad(&run.plan, loose).is_none());
}

#[test]
fn penalties_add_to_the_gradients_of_the_weights_they_name_and_spare_biases() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let (first, second) = (b.linear(x, 1), b.linear(x, 1));
    let y = b.node("target", &[], &[]);
    let sum = b.node("add", &[first, second], &[]);
    b.node("mse_loss", &[sum, y], &[]);
    let plain = b.0.clone();
    let over = ("over", Value::Nodes(vec![first.0]));
    b.node("l2_penalty", &[], &[("lambda", Value::Float(0.1)), over]);
    b.node("l1_penalty", &[], &[("lambda", Value::Float(0.01))]);
    let grads = |graph: &Graph| {
        let mut run = Run::new(graph, &[1], &[1], 1);
        run.set(first, "weight", &[3.0]);
        run.set(second, "weight", &[-2.0]);
        run.set(first, "bias", &[1.0]);
        run.set(second, "bias", &[1.0]);
        run.gradients(&[1.0], &[0.0]);
        let of = |n, name: &str| run.weight_grad(n, name)[0];
        [of(first, "weight"), of(second, "weight"), of(first, "bias"), of(second, "bias")]
    };
    let (with, without) = (grads(&b.0), grads(&plain));
    let added: Vec<f64> = with.iter().zip(without).map(|(a, b)| a - b).collect();
    // λw² has the slope 2λw.
    near(&added, &[2.0 * 0.1 * 3.0 + 0.01, -0.01, 0.0, 0.0]);
}

#[test]
fn the_first_nan_is_named_where_it_is_born() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let log = b.node("log", &[x], &[]);
    let after = b.node("relu", &[log], &[]);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[after, y], &[]);
    let mut run = Run::new(&b.0, &[1], &[1], 3);
    run.gradients(&[1.0, 2.0, -1.0], &[0.0; 3]);
    let bad = run.pass.bad().expect("log(-1) is no number");
    assert_eq!((bad.node, bad.phase, bad.element), (log, Phase::Forward, 2));
    run.gradients(&[1.0, 2.0, 3.0], &[0.0; 3]);
    assert_eq!(run.pass.bad(), None, "a new pass forgets it");
}

#[test]
fn a_gradient_that_overflows_is_named_too() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let root = b.node("sqrt", &[x], &[]);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[root, y], &[]);
    let mut run = Run::new(&b.0, &[1], &[1], 1);
    run.gradients(&[0.0], &[1.0]);
    let bad = run.pass.bad().expect("the slope of the root at 0 is infinite");
    assert_eq!((bad.node, bad.phase), (root, Phase::Backward));
}

#[test]
fn a_frozen_weight_stays_and_the_gradient_still_flows_through() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let first = b.linear(x, 2);
    let second = b.linear(first, 1);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[second, y], &[]);
    let tuning = Tuning { frozen: true, ..Tuning::default() };
    b.0.apply(&Edit::Tune { node: second, weight: "weight".into(), tuning }).expect("it can be frozen");
    let run = Run::new(&b.0, &[1], &[1], 1);
    let updated: Vec<String> =
        (run.plan.program().iter()).filter_map(|i| i.param.map(|k| run.weights.infos[k].label.clone())).collect();
    assert_eq!(updated, ["linear 1.weight", "linear 1.bias", "linear 2.bias"]);
    let mut run = run;
    run.gradients(&[1.0], &[1.0]);
    assert!(run.grad(first).iter().any(|g| *g != 0.0));
    assert!(run.weight_grad(second, "weight").iter().all(|g| *g == 0.0));
}

#[test]
fn dropout_is_the_same_for_the_same_draw_and_another_for_the_next() {
    let mut b = Build::new();
    let x = b.node("input", &[], &[]);
    let drop = b.node("dropout", &[x], &[]);
    let y = b.node("target", &[], &[]);
    b.node("mse_loss", &[drop, y], &[]);
    let mut run = Run::new(&b.0, &[64], &[64], 1);
    let ones = [1.0; 64];
    let mut masks = [0, 1, 0].map(|draw| {
        run.pass.set_draw(draw);
        run.gradients(&ones, &ones);
        run.value(drop).to_vec()
    });
    assert_eq!(masks[0], masks[2]);
    assert_ne!(masks[0], masks[1]);
    run.pass.set_mode(Mode::Eval);
    run.gradients(&ones, &ones);
    masks[0] = run.value(drop).to_vec();
    near(&masks[0], &ones);
}

/// A network of each sort, after some steps: the bits of its weights and losses.
fn trained(name: &str, optimizer: Option<Optimizer>, steps: usize) -> Vec<u64> {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let d = parse(&text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    let train = TrainConfig { optimizer: optimizer.unwrap_or(d.train.optimizer), batch_size: 128, ..d.train };
    let mut s = Session::<f32>::new(Arc::new(d.graph), data, train).expect("it can run");
    let losses: Vec<u64> = (0..steps).map(|_| s.step().loss.to_bits()).collect();
    let weights = s.weights().values.iter().map(|w| u64::from(w.to_bits()));
    losses.into_iter().chain(weights).collect()
}

#[test]
fn one_two_three_and_eight_threads_give_the_same_bits() {
    let all = || {
        let mut bits = Vec::new();
        for name in ["digits", "spirals", "skip", "regularised"] {
            bits.push(trained(name, None, 30));
        }
        bits.push(trained("digits", Some(Optimizer::adam(0.01)), 30));
        bits
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(all)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(on(threads), one, "{threads} threads");
    }
}
