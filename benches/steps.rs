//! One training step (forward, loss, backward, update; the batch in memory) of five reference workloads.
//!
//! Prints one line each: workload, threads, median and best time in µs. `benches/compare` runs it beside PyTorch.
//! `cargo bench --bench steps [-- [--profile] [--seconds S] WORKLOAD …]`; the profile tells where the time goes.

use chainrule::engine::{Keep, Pass, Phase, Plan, Weights, inside};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::Value;
use chainrule::tensor::{Dim, Shape, stream};
use chainrule::train::{Moves, Optimizer};
use rand::RngExt as _;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A graph under construction: the end of the chain, and what can be put behind it.
struct Net(Graph);

impl Net {
    fn new() -> Self {
        Net(Graph::new())
    }
    /// A node of `kind` fed by `from`, with whole-number parameters.
    fn add(&mut self, kind: &str, from: &[NodeId], params: &[(&str, Value)]) -> NodeId {
        let id = self.0.next_id();
        self.0.apply(&Edit::Add(Node::new(id, kind, &self.0.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        for (name, value) in params {
            let edit = Edit::SetParam { node: id, name: (*name).into(), value: value.clone() };
            self.0.apply(&edit).expect("a parameter");
        }
        for (input, from) in from.iter().enumerate() {
            self.0.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("a wire");
        }
        id
    }
    fn linear(&mut self, from: NodeId, n: i64) -> NodeId {
        self.add("linear", &[from], &[("out_features", Value::Int(n))])
    }
    fn mlp(&mut self, mut at: NodeId, act: &str, widths: &[i64]) -> NodeId {
        for (k, n) in widths.iter().enumerate() {
            at = self.linear(at, *n);
            if k + 1 < widths.len() {
                at = self.add(act, &[at], &[]);
            }
        }
        at
    }
    fn conv(&mut self, from: NodeId, n: i64, [kernel, stride, padding]: [i64; 3], bias: bool) -> NodeId {
        let int = |name, n| (name, Value::Int(n));
        let window = [int("kernel_size", kernel), int("stride", stride), int("padding", padding)];
        let params = [&window[..], &[int("out_channels", n), ("bias", Value::Bool(bias))]].concat();
        self.add("conv2d", &[from], &params)
    }
    /// A convolution without bias, normalised.
    fn normed(&mut self, from: NodeId, n: i64, window: [i64; 3]) -> NodeId {
        let z = self.conv(from, n, window, false);
        self.add("batch_norm2d", &[z], &[])
    }
    /// Two convolutions and a way around them.
    fn block(&mut self, from: NodeId, n: i64, stride: i64) -> NodeId {
        let z = self.normed(from, n, [3, stride, 1]);
        let z = self.add("relu", &[z], &[]);
        let z = self.normed(z, n, [3, 1, 1]);
        let around = if stride == 1 { from } else { self.normed(from, n, [1, stride, 0]) };
        let z = self.add("add", &[z, around], &[]);
        self.add("relu", &[z], &[])
    }
    fn loss(mut self, kind: &str, at: NodeId) -> Graph {
        let y = self.add("target", &[], &[]);
        self.add(kind, &[at, y], &[]);
        self.0
    }
}

/// What is trained, on what.
struct Workload {
    name: &'static str,
    graph: Graph,
    features: Vec<usize>,
    classes: usize,
    batch: usize,
    rule: Optimizer,
}

fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    let mut n = Net::new();
    let x = n.add("input", &[], &[]);
    let z = n.mlp(x, "tanh", &[8, 8, 1]);
    let graph = n.loss("bce_with_logits_loss", z);
    all.push(Workload {
        name: "playground",
        graph,
        features: vec![2],
        classes: 0,
        batch: 10,
        rule: Optimizer::sgd(0.03),
    });
    let mut n = Net::new();
    let x = n.add("input", &[], &[]);
    let z = n.mlp(x, "relu", &[128, 64, 10]);
    let graph = n.loss("cross_entropy_loss", z);
    all.push(Workload {
        name: "mnist_mlp",
        graph,
        features: vec![784],
        classes: 10,
        batch: 64,
        rule: Optimizer::adam(1e-3),
    });
    let mut n = Net::new();
    let x = n.add("input", &[], &[]);
    let z = n.mlp(x, "relu", &[1024, 1024, 10]);
    let graph = n.loss("cross_entropy_loss", z);
    let rule = Optimizer::sgd(1e-2).with("momentum", 0.9);
    all.push(Workload { name: "wide_mlp", graph, features: vec![784], classes: 10, batch: 256, rule });
    let mut n = Net::new();
    let mut z = n.add("input", &[], &[]);
    for (filters, padding) in [(6, 2), (16, 0)] {
        z = n.conv(z, filters, [5, 1, padding], true);
        z = n.add("relu", &[z], &[]);
        z = n.add("max_pool2d", &[z], &[]);
    }
    z = n.add("flatten", &[z], &[]);
    let z = n.mlp(z, "relu", &[120, 84, 10]);
    let graph = n.loss("cross_entropy_loss", z);
    let rule = Optimizer::adam(1e-3);
    all.push(Workload { name: "lenet", graph, features: vec![1, 28, 28], classes: 10, batch: 64, rule });
    let mut n = Net::new();
    let x = n.add("input", &[], &[]);
    let z = n.normed(x, 16, [3, 1, 1]);
    let mut z = n.add("relu", &[z], &[]);
    for (filters, stride) in [(16, 1), (32, 2), (64, 2)] {
        z = n.block(z, filters, stride);
    }
    let z = n.add("adaptive_avg_pool2d", &[z], &[("output_size", Value::Int(1))]);
    let z = n.add("flatten", &[z], &[]);
    let z = n.linear(z, 10);
    let graph = n.loss("cross_entropy_loss", z);
    let rule = Optimizer::sgd(1e-2).with("momentum", 0.9);
    all.push(Workload { name: "resnet8", graph, features: vec![3, 32, 32], classes: 10, batch: 32, rule });
    all
}

/// A workload on a batch in memory.
struct Run {
    plan: Plan,
    pass: Pass<f32>,
    weights: Weights<f32>,
    moves: Moves<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    flops: BTreeMap<NodeId, u64>,
}

fn prepare(w: &Workload) -> Run {
    let mut axes = vec![Dim::Batch];
    axes.extend(w.features.iter().map(|n| Dim::Fixed(*n)));
    let target = if w.classes > 0 { Shape(vec![Dim::Batch]) } else { Shape(vec![Dim::Batch, Dim::Fixed(1)]) };
    let inference = w.graph.infer(Some(&Shape(axes)), Some(&target));
    assert!(inference.runnable(), "{}: {:?}", w.name, inference.diagnostics);
    let weights = Weights::<f32>::init(&w.graph, &inference, 0);
    // As training without a window does; PyTorch computes no gradient of the data either, and frees what it has used.
    let plan = Plan::keeping(&w.graph, &inference, &weights, w.batch, Keep::Needed).expect("a plan");
    let pass = Pass::new(&plan);
    let moves = Moves::new(&w.rule, weights.values.len(), weights.infos.len());
    let mut rng = stream(1, 0);
    let len = w.batch * w.features.iter().product::<usize>();
    let x: Vec<f32> = (0..len).map(|_| rng.random_range(-1.7f32..1.7)).collect();
    let y: Vec<f32> = (0..w.batch).map(|_| rng.random_range(0..w.classes.max(2)) as f32).collect();
    let flops = inference.nodes.iter().map(|(id, n)| (*id, n.flops * w.batch as u64)).collect();
    Run { plan, pass, weights, moves, x, y, flops }
}

/// Multiplications and additions that wait for nothing but each other; gives how many they were.
struct Fused;

impl pulp::WithSimd for Fused {
    type Output = f64;
    #[inline(always)]
    fn with_simd<A: pulp::Simd>(self, a: A) -> f64 {
        const SUMS: usize = 12;
        const TIMES: usize = 200_000;
        let (x, y) = (a.splat_f32s(0.999), a.splat_f32s(0.001));
        let mut sums = [a.splat_f32s(0.5); SUMS];
        for _ in 0..TIMES {
            for sum in &mut sums {
                *sum = a.mul_add_e_f32s(*sum, x, y);
            }
        }
        assert!(sums.into_iter().all(|s| a.reduce_sum_f32s(s).is_finite()));
        (2 * A::F32_LANES * SUMS * TIMES) as f64
    }
}

/// The most that all threads together can multiply and add, in GFLOP/s.
fn peak() -> f64 {
    let arch = pulp::Arch::new();
    let rate = |_| {
        let begin = Instant::now();
        let flops: f64 = rayon::broadcast(|_| arch.dispatch(Fused)).iter().sum();
        flops / begin.elapsed().as_secs_f64() * 1e-9
    };
    (0..20).map(rate).fold(0.0, f64::max)
}

/// Floating-point operations of the products of one step: as many again backward for the weights of every node, and for
/// its input unless that is the data.
fn work(w: &Workload, flops: &BTreeMap<NodeId, u64>) -> f64 {
    let weighs = |n: &&Node| ["linear", "conv2d"].contains(&n.kind.as_str());
    let reads_data =
        |n: &Node| w.graph.inputs(n.id).iter().any(|i| w.graph.node(i.from).is_some_and(|f| f.kind == "input"));
    w.graph.nodes().filter(weighs).map(|n| flops[&n.id] as f64 * if reads_data(n) { 2.0 } else { 3.0 }).sum()
}

/// The time of every kind of instruction at every node, the longest first, with the rate of its multiplications.
fn profile(w: &Workload, seconds: f64, peak: f64) {
    let Run { plan, mut pass, mut weights, mut moves, x, y, flops } = prepare(w);
    let mut best = vec![f64::INFINITY; plan.program().len()];
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs_f64(seconds) {
        pass.rewind();
        for best in &mut best {
            let at = Instant::now();
            pass.advance(&plan, &mut weights, &x, &y, &mut moves);
            *best = best.min(at.elapsed().as_secs_f64());
        }
    }
    let total: f64 = best.iter().sum();
    let work = work(w, &flops);
    println!(
        "{} {:.1} us; its products take {:.1} MFLOP, {:.1} us at the {peak:.0} GFLOP/s of this machine",
        w.name,
        total * 1e6,
        work * 1e-6,
        work / peak * 1e-3
    );
    let mut order: Vec<_> = plan.program().iter().zip(best).collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (i, time) in order {
        let name = w.graph.node(i.node).map_or("", |n| &n.name);
        let rate = match i.phase {
            Phase::Forward => flops[&i.node] as f64 / time * 1e-9,
            _ => 0.0,
        };
        let phase = format!("{:?}", i.phase);
        println!("  {:5.1} % {:9.2} us {phase:8} {name:24} {rate:6.1} GFLOP/s", 100.0 * time / total, time * 1e6);
    }
}

/// Times of single steps in seconds, sorted.
fn measure(w: &Workload, seconds: f64) -> Vec<f64> {
    let Run { plan, mut pass, mut weights, mut moves, x, y, .. } = prepare(w);
    let mut step = || {
        pass.rewind();
        pass.run(&plan, &mut weights, &x, &y, &mut moves);
    };
    let begin = Instant::now();
    let mut warm = 0;
    while begin.elapsed() < Duration::from_millis(300) {
        step();
        warm += 1;
    }
    let several = (warm / 300).max(1);
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs_f64(seconds) {
        let at = Instant::now();
        for _ in 0..several {
            step();
        }
        times.push(at.elapsed().as_secs_f64() / several as f64);
    }
    times.sort_by(f64::total_cmp);
    times
}

fn main() {
    let mut chosen: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut seconds = 2.0;
    if let Some(at) = chosen.iter().position(|a| a == "--seconds") {
        let given = chosen.drain(at..chosen.len().min(at + 2)).next_back();
        seconds = given.and_then(|s| s.parse().ok()).expect("--seconds is followed by a number");
    }
    let profiled = chosen.iter().position(|a| a == "--profile").map(|at| chosen.remove(at)).is_some();
    for threads in [1, chainrule::engine::threads()] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        for w in workloads().iter().filter(|w| chosen.is_empty() || chosen.iter().any(|c| c == w.name)) {
            if profiled {
                println!("threads {threads}");
                let peak = pool.install(peak);
                pool.install(|| inside(true, || profile(w, seconds, peak)));
                continue;
            }
            let times = pool.install(|| inside(w.name != "playground", || measure(w, seconds)));
            let (median, best) = (times[times.len() / 2], times[0]);
            println!("{:12} threads {threads} median {:10.2} us best {:10.2} us", w.name, median * 1e6, best * 1e6);
        }
    }
}
