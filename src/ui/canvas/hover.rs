//! What the canvas says under the pointer.

use crate::graph::{NodeId, Severity, Wire};
use crate::tensor::Stats;
use crate::ui::canvas::gesture::Hit;
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::picture::short;
use crate::ui::state::State;
use egui::{Response, Ui};

/// Shows what is known of the thing under the pointer.
pub fn tooltip(response: &Response, hit: Hit, layout: &Layout, state: &State) {
    if hit == Hit::Empty {
        return;
    }
    response.clone().on_hover_ui_at_pointer(|ui| {
        ui.set_max_width(if matches!(hit, Hit::Node(_)) { 320.0 } else { 460.0 });
        match hit {
            Hit::Wire(w) => {
                let name = |id| layout.node(id).map_or("?", |n| n.name.as_str());
                ui.strong(format!("{} → {}", name(w.from), name(w.to)));
                wire(ui, state, w);
            }
            Hit::Output(id) => {
                ui.strong("output");
                values(ui, state, id);
                ui.weak("Drag to an input to connect; drop on empty canvas for nodes that fit.");
            }
            Hit::Input(id, k) => input(ui, state, id, k),
            Hit::Node(id) => problems(ui, state, id),
            Hit::Empty => {}
        }
    });
}

fn line(ui: &mut Ui, label: &str, s: &Stats) {
    ui.monospace(format!(
        "{label:8} mean {}  min {}  max {}  ‖·‖ {}",
        short(s.mean),
        short(s.min),
        short(s.max),
        short(s.norm)
    ));
}

/// The last value and gradient of a wire; of its node until the worker has told of the wire.
fn wire(ui: &mut Ui, state: &State, w: Wire) {
    let shot = state.snapshot.as_ref().and_then(|s| s.wire.as_ref()).filter(|s| s.wire == w);
    let Some(shot) = shot else { return values(ui, state, w.from) };
    ui.monospace(format!("shape    {}", crate::tensor::shape_text(&shot.shape)));
    let count: usize = shot.shape.iter().product();
    let numbers = |ui: &mut Ui, first: &[f64]| {
        let few: Vec<String> = first.iter().map(|x| short(*x)).collect();
        let more = if count > few.len() { " …" } else { "" };
        ui.monospace(format!("         [{}{more}]", few.join(" ")));
    };
    match &shot.value {
        Some((first, stats)) => {
            line(ui, "value", stats);
            numbers(ui, first);
        }
        None => _ = ui.weak("no value in this batch yet"),
    }
    let graph = state.graph();
    let ends = graph.node(w.to).and_then(|n| n.spec()).is_some_and(|s| s.no_grad.contains(&w.input));
    match &shot.grad {
        Some((first, stats)) => {
            line(ui, "gradient", stats);
            numbers(ui, first);
        }
        None if ends => _ = ui.weak("no gradient comes back along this wire"),
        None => _ = ui.weak("no gradient in this batch yet"),
    }
}

fn values(ui: &mut Ui, state: &State, id: NodeId) {
    if let Some(shape) = state.inference.shape(id) {
        ui.monospace(format!("shape    {shape}"));
    }
    match state.shot(id) {
        Some(shot) => {
            match &shot.stats {
                Some(s) => line(ui, "value", s),
                None => _ = ui.weak("no value in this pass yet"),
            }
            match &shot.grad_stats {
                Some(s) => line(ui, "gradient", s),
                None => _ = ui.weak("no gradient in this pass yet"),
            }
        }
        None => _ = ui.weak("no data yet: train or step once"),
    }
}

fn input(ui: &mut Ui, state: &State, id: NodeId, k: usize) {
    let Some(spec) = state.graph().node(id).and_then(|n| n.spec()) else { return };
    ui.strong(format!("input {}", spec.input_name(k)));
    match state.graph().inputs(id).into_iter().find(|w| w.input == k) {
        Some(w) => values(ui, state, w.from),
        None => _ = ui.weak("Not connected. Drag from an output to here."),
    }
    problems(ui, state, id);
}

fn problems(ui: &mut Ui, state: &State, id: NodeId) {
    if let Some(n) = state.graph().node(id) {
        match n.spec() {
            Some(spec) => _ = ui.label(spec.doc.split_inclusive(". ").next().unwrap_or(spec.doc)),
            None => _ = ui.label(format!("This program does not know the kind \"{}\". It is kept as it is.", n.kind)),
        }
    }
    for d in state.inference.diagnostics.iter().filter(|d| d.node == Some(id)) {
        let theme = crate::ui::theme::Theme::of(ui.ctx());
        let colour = if d.severity == Severity::Error { theme.error } else { theme.warning };
        ui.colored_label(colour, &d.message);
    }
}
