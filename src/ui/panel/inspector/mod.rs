//! The inspector: everything about the selected node, with numbers.

mod mathematics;
mod parameters;
mod tensors;
mod tuning;
mod whatif;
mod wiring;

use crate::engine::Instruction;
use crate::graph::{Edit, Node, Severity};
use crate::project::Change;
use crate::train::bytes_text;
use crate::ui::action::Action;
use crate::ui::panel::heading;
use crate::ui::panel::into::hint;
use crate::ui::panel::stops;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Frame, Margin, RichText, ScrollArea, TextEdit, Ui, UiBuilder};

pub use mathematics::chain_equation;
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
        // However wide something is that it shows, the panel stays as wide as the user has made it.
        let room = ui.available_rect_before_wrap();
        let mut inside = ui.new_child(UiBuilder::new().max_rect(room));
        inside.shrink_clip_rect(room);
        ui.advance_cursor_after_rect(room);
        let ui = &mut inside;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - 6.0);
            what_next(ui, state);
            let ran = state.selection.is_empty().then(|| just_ran(state)).flatten();
            if let Some(done) = &ran {
                let colour = Theme::of(ui.ctx()).dim;
                let title = format!("Done: {}", hint::title(state, done));
                ui.label(RichText::new(title).font(theme::bold(12.0)).color(colour));
            }
            let shown = state.selected_one().or(ran.map(|i| i.node));
            match shown.and_then(|id| state.graph().node(id)) {
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
        mathematics::ui(ui, node, spec, state, &theme);
        mathematics::fan_out(ui, node, state, &theme);
        parameters::ui(ui, node, spec, state, actions);
        tuning::ui(ui, node, state, actions);
        wiring::ui(ui, node, spec, state, actions);
        whatif::ui(ui, node, state, actions);
        self.tensors.ui(ui, node, state, actions);
        stops::list(ui, state, actions);
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

/// While a batch is under way: the instruction that ran last, so that its numbers are seen without a click.
fn just_ran(state: &State) -> Option<Instruction> {
    let s = state.snapshot.as_ref().filter(|s| !s.at_rest && !s.running)?;
    s.cursor.checked_sub(1).and_then(|last| s.program.get(last)).cloned()
}

/// While a batch is under way: what the next key press does, and why.
fn what_next(ui: &mut Ui, state: &State) {
    let under_way = state.snapshot.as_ref().is_some_and(|s| !s.at_rest && !s.running);
    let Some(next) = crate::ui::into::next(state).filter(|_| under_way && state.into.is_none()) else { return };
    let theme = Theme::of(ui.ctx());
    Frame::new().fill(theme.cursor.gamma_multiply(0.1)).corner_radius(4).inner_margin(Margin::same(8)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        let title = format!("Next: {}", hint::title(state, &next));
        ui.label(RichText::new(title).font(theme::bold(12.0)).color(theme.cursor));
        ui.label(RichText::new(hint::sentence(state, &next)).font(theme::sans(12.0)));
        ui.label(
            RichText::new("F10 runs it · F11 opens it, number by number").font(theme::sans(11.0)).color(theme.dim),
        );
    });
    ui.add_space(6.0);
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
    stops::list(ui, state, actions);
    if let Some(s) = &state.snapshot {
        heading(ui, "Memory");
        let [batch, evaluation, weights] = s.needs.text();
        ui.label(batch).on_hover_text(
            "Known before anything runs. In the window every value and gradient of a batch is kept until the next one, so \
             that you can look at all of them whenever you stop. `chainrule train` uses a place again as soon as nothing \
             reads its numbers any more, and gets the same bits; the last figure is what must be there at once at its \
             worst moment, however it is laid out",
        );
        ui.label(evaluation).on_hover_text(
            "The losses and metrics of the train and test part, and the pictures of nodes, are computed beside the batch \
             that you look at. No gradients are needed for that",
        );
        ui.label(weights);
        ui.label(format!("up to {} for states to go back to", bytes_text(s.record.limit)))
            .on_hover_text("Weights and optimiser as they were at places of the run, from which any other place is run again. How much they \
             may take is set under the loss curve, at the length of the record");
    }
    heading(ui, "How to");
    for line in [
        "Space trains and pauses.",
        "F10 runs one node, forward or backward; F11 runs it and opens it, down to each product.",
        "Click a node to see its formula, weights and gradients here.",
        "Shift+A adds a node; drag from pin to pin to connect.",
        "F1 shows all keys.",
    ] {
        ui.label(RichText::new(line).color(theme.dim));
    }
}
