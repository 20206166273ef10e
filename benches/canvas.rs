//! The CPU time of one frame of the canvas with 1000 nodes and 2000 wires: layout and tessellation, no GPU.
//! 1680×1050, with all of it in view and at 100 % with about 20 nodes in view. The ratio to a bare painter that draws
//! as many rectangles and lines, measured in the same run, is printed beside it.

use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::project::Document;
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

fn state(graph: Graph) -> State {
    let inference = Arc::new(graph.infer(None, None));
    State { inference, ..State::new(Document { graph, ..Document::default() }) }
}

/// One frame: layout of the canvas and tessellation of what it painted.
fn frame(ctx: &egui::Context, draw: &mut dyn FnMut(&mut egui::Ui)) -> usize {
    let size = egui::vec2(1680.0, 1050.0);
    let input =
        egui::RawInput { screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)), ..Default::default() };
    let output = ctx.run_ui(input, |ui| draw(ui));
    ctx.tessellate(output.shapes, output.pixels_per_point).len()
}

fn bench(c: &mut Criterion) {
    let ctx = egui::Context::default();
    chainrule::ui::theme::install(&ctx, 1.0);
    let mut state = state(graph());
    let mut canvas = Canvas::new();
    let mut actions: Vec<Action> = Vec::new();
    let mut draw = |state: &State, ctx: &egui::Context| {
        frame(ctx, &mut |ui| canvas.ui(ui, state, &mut actions));
    };
    for _ in 0..3 {
        draw(&state, &ctx);
    }
    c.bench_function("canvas/1000 nodes, all in view", |b| b.iter(|| draw(&state, &ctx)));
    state.focus = Some(Focus::Node(NodeId(500)));
    state.zoom = Some(Zoom::Reset);
    draw(&state, &ctx);
    (state.focus, state.zoom) = (None, None);
    c.bench_function("canvas/100 %, about 20 nodes", |b| b.iter(|| draw(&state, &ctx)));
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
