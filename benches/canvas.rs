//! The CPU time of one frame of the canvas with 1000 nodes and 2000 wires: layout and tessellation, no GPU.
//! 1680×1050, with all of it in view and at 100 % with about 20 nodes in view; before a run, and paused in the backward
//! pass of one, when every node has a picture of 16×16 numbers. A bare painter that draws as many rectangles and lines
//! is measured in the same run.

use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::{Params, Value};
use chainrule::project::Document;
use chainrule::train::{Command, Granularity, Snapshot, TrainConfig, Worker};
use chainrule::ui::action::Action;
use chainrule::ui::canvas::Canvas;
use chainrule::ui::state::{Focus, State, Zoom};
use criterion::{Criterion, criterion_group, criterion_main};
use std::sync::Arc;

/// A grid of 40 columns of adds, each fed by two nodes of the column before.
fn graph() -> Graph {
    let mut g = Graph::new();
    let (columns, rows) = (40u64, 25u64);
    for c in 0..columns {
        for r in 0..rows {
            let id = NodeId(1 + c * rows + r);
            let kind = if c == 0 { "constant" } else { "add" };
            let pos = [c as f32 * 360.0, r as f32 * 260.0];
            g.apply(&Edit::Add(Node::new(id, kind, &format!("n {}", id.0), pos))).expect("a new node");
            if c > 0 {
                for (input, from) in [r, (r + 1) % rows].into_iter().enumerate() {
                    let from = NodeId(1 + (c - 1) * rows + from);
                    g.apply(&Edit::Connect(Wire { from, output: 0, to: id, input })).expect("a new wire");
                }
            }
        }
    }
    g
}

/// The same grid with numbers: weights of 16×16, added and now and then through a layer, to one loss.
fn live_graph() -> Graph {
    let mut g = graph();
    let params = Params::of([("shape", Value::Ints(vec![16, 16]))]);
    for r in 0..25 {
        let pos = [0.0, r as f32 * 260.0];
        g.apply(&Edit::Remove(vec![NodeId(1 + r)])).expect("a constant");
        let node = Node { params: params.clone(), ..Node::new(NodeId(2000 + r), "parameter", &format!("p {r}"), pos) };
        g.apply(&Edit::Add(node)).expect("a new node");
    }
    for r in 0..25 {
        for (input, from) in [r, (r + 1) % 25].into_iter().enumerate() {
            let wire = Wire { from: NodeId(2000 + from), output: 0, to: NodeId(26 + r), input };
            g.apply(&Edit::Connect(wire)).expect("a new wire");
        }
    }
    for c in (4..40).step_by(5) {
        for r in 0..25 {
            let id = NodeId(1 + c * 25 + r);
            let old = g.node(id).expect("a node").clone();
            let (from, to): (Vec<Wire>, Vec<Wire>) = (g.inputs(id), g.outputs(id));
            g.apply(&Edit::Remove(vec![id])).expect("an add");
            let id = NodeId(3000 + c * 25 + r);
            let params = Params::of([("out_features", Value::Int(16))]);
            g.apply(&Edit::Add(Node { params, ..Node::new(id, "linear", &old.name, old.pos) })).expect("a new node");
            g.apply(&Edit::Connect(Wire { to: id, input: 0, ..from[0] })).expect("a new wire");
            for w in to {
                g.apply(&Edit::Connect(Wire { from: id, ..w })).expect("a new wire");
            }
        }
    }
    let loss = NodeId(9000);
    g.apply(&Edit::Add(Node::new(loss, "mse_loss", "loss", [40.0 * 360.0, 0.0]))).expect("a new node");
    let last: Vec<NodeId> = g.nodes().map(|n| n.id).filter(|id| id.0 > 3000 && g.outputs(*id).is_empty()).collect();
    for (input, from) in last.into_iter().take(2).enumerate() {
        g.apply(&Edit::Connect(Wire { from, output: 0, to: loss, input })).expect("a new wire");
    }
    g
}

/// What the worker says of `graph` in the middle of its first backward pass.
fn snapshot(graph: &Graph) -> Arc<Snapshot> {
    let worker = Worker::spawn(Box::new(|| ()));
    let (graph, config) = (Arc::new(graph.clone()), TrainConfig::default());
    worker.send(Command::Load { revision: 1, graph, data: None, config, weights: None, fresh: true });
    worker.send(Command::Step(Granularity::Phase));
    for _ in 0..400 {
        worker.send(Command::Step(Granularity::Node));
    }
    let mut latest = None;
    for _ in 0..6000 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        latest = worker.latest().or(latest);
        if let Some(s) = latest.as_ref().filter(|s| s.nodes.values().filter(|n| n.grad_stats.is_some()).count() > 200) {
            return s.clone();
        }
    }
    panic!("the worker has not stepped: {:?}", worker.notices());
}

fn state(graph: Graph) -> State {
    let inference = Arc::new(graph.infer(None, None));
    State { inference, ..State::new(Document { graph, ..Document::default() }) }
}

/// One frame: layout of the canvas and tessellation of what it painted.
fn frame(ctx: &egui::Context, draw: &mut dyn FnMut(&mut egui::Ui)) -> usize {
    let size = egui::vec2(1680.0, 1050.0);
    let input =
        egui::RawInput { screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)), ..Default::default() };
    let mut output = ctx.run_ui(input, |ui| draw(ui));
    output.textures_delta.clear();
    ctx.tessellate(output.shapes, output.pixels_per_point).len()
}

fn bench(c: &mut Criterion) {
    let ctx = egui::Context::default();
    chainrule::ui::theme::install(&ctx, 1.0);
    let live = live_graph();
    let shot = snapshot(&live);
    for (mut state, name) in [(state(graph()), ""), (State { snapshot: Some(shot), ..state(live) }, ", in a run")] {
        let mut canvas = Canvas::new();
        let mut actions: Vec<Action> = Vec::new();
        let mut draw = |state: &State, ctx: &egui::Context| {
            frame(ctx, &mut |ui| canvas.ui(ui, state, &mut actions));
        };
        for _ in 0..3 {
            draw(&state, &ctx);
        }
        c.bench_function(&format!("canvas/1000 nodes, all in view{name}"), |b| b.iter(|| draw(&state, &ctx)));
        state.focus = Some(Focus::Node(NodeId(500)));
        state.zoom = Some(Zoom::Reset);
        draw(&state, &ctx);
        (state.focus, state.zoom) = (None, None);
        c.bench_function(&format!("canvas/100 %, about 20 nodes{name}"), |b| b.iter(|| draw(&state, &ctx)));
    }
    c.bench_function("canvas/peer: bare painter, 1000 rectangles and 2000 lines", |b| {
        b.iter(|| {
            frame(&ctx, &mut |ui| {
                let p = ui.painter();
                for i in 0..2000 {
                    let at = egui::pos2((i % 40) as f32 * 40.0, (i / 40) as f32 * 20.0);
                    p.line_segment([at, at + egui::vec2(40.0, 20.0)], egui::Stroke::new(1.0, egui::Color32::GRAY));
                    if i % 2 == 0 {
                        p.rect_filled(egui::Rect::from_min_size(at, egui::vec2(30.0, 16.0)), 2.0, egui::Color32::GRAY);
                    }
                }
            })
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
