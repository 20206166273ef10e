//! The inspector: everything about the selected node, with numbers.

mod parameters;
mod tensors;
mod whatif;
mod wiring;

use crate::graph::{Edit, Node, Severity};
use crate::project::Change;
use crate::train::NodeState;
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::heading;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::formula::formula;
use egui::{Frame, Margin, RichText, ScrollArea, TextEdit, Ui};
use tensors::Tensors;

/// The panel on the right and what it remembers.
#[derive(Default)]
pub struct Inspector {
    name: Option<(crate::graph::NodeId, String)>,
    tensors: Tensors,
}

impl Inspector {
    /// An inspector of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - 6.0);
            match state.selected_one().and_then(|id| state.graph().node(id)) {
                Some(node) => self.node(ui, node, state, actions),
                None => overview(ui, state, actions),
            }
        });
    }

    fn node(&mut self, ui: &mut Ui, node: &Node, state: &State, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        self.rename(ui, node, actions);
        let Some(spec) = node.spec() else {
            ui.colored_label(theme.error, format!("This program does not know the kind \"{}\".", node.kind));
            ui.label("The node and its parameters are kept as they are in the file.");
            return;
        };
        let inferred = state.inference.nodes.get(&node.id);
        let parameters: usize =
            inferred.map_or(0, |i| i.weights.iter().map(|w| w.shape.iter().product::<usize>()).sum());
        let flops = inferred.map_or(0, |i| i.flops);
        ui.label(
            RichText::new(format!("{} · {parameters} parameters · {flops} FLOP/sample", spec.label)).color(theme.dim),
        );
        for d in state.inference.diagnostics.iter().filter(|d| d.node == Some(node.id)) {
            let colour = if d.severity == Severity::Error { theme.error } else { theme.warning };
            ui.colored_label(colour, &d.message);
            for fix in &d.fixes {
                if ui.small_button(&fix.label).clicked() {
                    actions.push(Action::Fix(fix.clone()));
                }
            }
        }
        mathematics(ui, spec, &theme);
        chain(ui, node, state, &theme);
        parameters::ui(ui, node, spec, state, actions);
        wiring::ui(ui, node, spec, state, actions);
        whatif::ui(ui, node, state, actions);
        self.tensors.ui(ui, node, state, actions);
        heading(ui, "About");
        ui.label(RichText::new(spec.doc).color(theme.dim));
        if !spec.torch.is_empty() {
            ui.label(RichText::new(format!("PyTorch {}", spec.torch)).font(theme::mono(10.5)).color(theme.dim));
        }
        ui.add_space(16.0);
    }

    fn rename(&mut self, ui: &mut Ui, node: &Node, actions: &mut Vec<Action>) {
        let text = match &mut self.name {
            Some((id, text)) if *id == node.id => text,
            other => &mut other.insert((node.id, node.name.clone())).1,
        };
        let field = TextEdit::singleline(text).font(theme::bold(16.0)).frame(Frame::NONE).desired_width(f32::INFINITY);
        let r = ui.add(field).on_hover_text("The node's name; click to change it");
        r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Node name"));
        if r.lost_focus() {
            if *text != node.name && !text.trim().is_empty() {
                let name = text.trim().to_owned();
                actions.push(Action::Change(Change::Graph(Edit::Rename { node: node.id, name })));
            }
            self.name = None;
        } else if !r.has_focus() {
            self.name = None;
        }
    }
}

fn mathematics(ui: &mut Ui, spec: &crate::ops::Spec, theme: &Theme) {
    Frame::new().fill(theme.card).corner_radius(4).inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        for (label, tex, colour) in [
            ("forward", spec.formula.forward, theme.text),
            ("local", spec.formula.local, theme.text),
            ("chain", spec.formula.chain, theme.cursor),
        ] {
            if tex.is_empty() {
                continue;
            }
            ui.horizontal(|ui| {
                ui.add_sized([48.0, 22.0], egui::Label::new(RichText::new(label).size(11.0).color(theme.dim)));
                formula(ui, tex, 15.0, colour);
            });
        }
    });
}

/// The chain rule with this node's own shapes and numbers.
fn chain(ui: &mut Ui, node: &Node, state: &State, theme: &Theme) {
    let Some(shot) = state.shot(node.id) else { return };
    let text = |t: String, c| RichText::new(t).font(theme::mono(11.0)).color(c);
    let shape = crate::tensor::shape_text(&shot.shape);
    match (shot.state, &shot.grad_stats) {
        (NodeState::Waiting, _) => _ = ui.label(text("to come: not computed in this pass yet".into(), theme.cursor)),
        (_, Some(g)) => {
            ui.label(text(format!("∂L/∂output  {shape}  ‖·‖ {}", short(g.norm)), theme.gradient));
            if let Some(w) = shot.weight_grad_norm {
                ui.label(text(format!("∂L/∂parameters      ‖·‖ {}", short(w)), theme.gradient));
            }
        }
        (_, None) => _ = ui.label(text("∂L/∂output  waiting for δ from its consumers".into(), theme.cursor)),
    }
    if let Some(inspected) = state.snapshot.as_ref().and_then(|s| s.inspected.as_ref()).filter(|i| i.node == node.id)
        && inspected.contributions.len() > 1
    {
        heading(ui, "Used more than once: gradients add up");
        for (consumer, s) in &inspected.contributions {
            ui.label(text(format!("from {consumer}: mean {}  ‖·‖ {}", short(s.mean), short(s.norm)), theme.gradient));
        }
    }
}

/// What is shown while no single node is selected.
fn overview(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let document = state.document();
    ui.label(RichText::new(state.title()).font(theme::bold(16.0)));
    if state.selection.len() > 1 {
        ui.label(format!("{} nodes selected", state.selection.len()));
    }
    let total: usize =
        state.inference.nodes.values().flat_map(|i| i.weights.iter().map(|w| w.shape.iter().product::<usize>())).sum();
    ui.label(RichText::new(format!("{} nodes · {total} parameters", document.graph.len())).color(theme.dim));
    if !document.notes.is_empty() {
        heading(ui, "Notes");
        ui.label(&document.notes);
    }
    heading(ui, "Data");
    ui.label(document.data.label());
    if ui.button("Choose data…").clicked() {
        actions.push(Action::ShowData);
    }
    heading(ui, "Training");
    ui.label(format!("{} · batch size {}", document.train.optimizer.label(), document.train.batch_size));
    if ui.button("Training settings…").clicked() {
        actions.push(Action::ShowTraining);
    }
    heading(ui, "How to");
    for line in [
        "Space trains and pauses.",
        "F10 runs one node, forward or backward.",
        "Click a node to see its formula, weights and gradients here.",
        "Shift+A adds a node; drag from pin to pin to connect.",
        "F1 shows all keys.",
    ] {
        ui.label(RichText::new(line).color(theme.dim));
    }
}
