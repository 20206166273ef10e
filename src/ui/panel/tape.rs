//! The instructions of one batch in three groups, forward, backward, update: what is done, what is next, what is to come.

use crate::engine::{Instruction, Phase};
use crate::train::Snapshot;
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::{go_to, nothing};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, CornerRadius, FontId, Galley, Key, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, TextFormat, Ui,
    vec2,
};
use std::sync::Arc;

const WIDTH: f32 = 132.0;
const HEIGHT: f32 = 20.0;
const GAP: f32 = 4.0;

const GROUPS: [(&str, &[Phase]); 3] = [
    ("Forward", &[Phase::Forward, Phase::Loss]),
    ("Backward", &[Phase::Seed, Phase::Backward]),
    ("Update", &[Phase::Update]),
];

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let Some(snapshot) = state.snapshot.as_ref().filter(|s| !s.program.is_empty()) else {
        return nothing(ui, "The program of one batch. It is empty while the graph cannot run; see Problems.");
    };
    let theme = Theme::of(ui.ctx());
    ui.weak("F10 runs the marked instruction, Shift+F10 takes it back; a double click runs to an instruction.");
    let place = (snapshot.revision, snapshot.step, snapshot.cursor);
    let memory = ui.scope_id().with("tape place");
    let moved = ui.data_mut(|d| {
        let last = d.get_temp_mut_or_insert_with(memory, || place);
        std::mem::replace(last, place) != place
    });
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.spacing_mut().item_spacing = vec2(GAP, GAP);
        let columns = (((ui.available_width() + GAP) / (WIDTH + GAP)) as usize).max(1);
        // All the width is used, so that no column is cut.
        let width = ((ui.available_width() + GAP) / columns as f32 - GAP).floor().clamp(60.0, 220.0);
        let program = &snapshot.program;
        for (title, phases) in GROUPS {
            let all: Vec<usize> = (0..program.len()).filter(|i| phases.contains(&program[*i].phase)).collect();
            if all.is_empty() {
                continue;
            }
            let done = all.iter().filter(|i| is_done(snapshot, **i)).count();
            let tint = if title == "Backward" { theme.gradient } else { theme.dim };
            ui.add_space(2.0);
            let text = format!("{}  {done}/{}", title.to_uppercase(), all.len());
            ui.label(RichText::new(text).font(theme::bold(10.0)).color(tint));
            for row in all.chunks(columns) {
                ui.horizontal(|ui| {
                    for i in row {
                        cell(ui, state, snapshot, *i, width, moved, &theme, actions);
                    }
                });
            }
        }
    });
}

fn is_done(s: &Snapshot, i: usize) -> bool {
    // After a whole batch the cursor stands at the end; before the first, at the start.
    i < s.cursor
}

fn symbol(phase: Phase) -> &'static str {
    match phase {
        Phase::Forward => "→",
        Phase::Loss => "L",
        Phase::Seed => "1",
        Phase::Backward => "←",
        Phase::Update => "Δ",
    }
}

/// What an update moves, `hidden.weight`; the node's name for the rest.
fn title(state: &State, snapshot: &Snapshot, instruction: Instruction) -> String {
    let param = instruction.param.and_then(|k| snapshot.gradients.get(k)).map(|g| g.label.clone());
    let name = || state.graph().node(instruction.node).map_or_else(|| "removed".to_owned(), |n| n.name.clone());
    param.unwrap_or_else(name)
}

fn one_line(ui: &Ui, text: &str, font: FontId, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat { font_id: font, ..TextFormat::default() });
    job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
    for section in &mut job.sections {
        section.format.color = egui::Color32::PLACEHOLDER;
    }
    ui.painter().layout_job(job)
}

#[allow(clippy::too_many_arguments, reason = "one cell is a picture of many things")]
fn cell(
    ui: &mut Ui,
    state: &State,
    snapshot: &Snapshot,
    i: usize,
    width: f32,
    moved: bool,
    theme: &Theme,
    actions: &mut Vec<Action>,
) {
    let instruction: Instruction = snapshot.program[i];
    let (done, next) = (is_done(snapshot, i), !snapshot.at_rest && i == snapshot.cursor);
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    if next && moved && !ui.clip_rect().contains_rect(rect) {
        ui.scroll_to_rect(rect.expand(HEIGHT), None);
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    let name = title(state, snapshot, instruction);
    let label = format!("{:?} {name}", instruction.phase).to_lowercase();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, &label));
    let shot = snapshot.nodes.get(&instruction.node).filter(|_| done);
    let number = match instruction.phase {
        Phase::Forward => shot.and_then(|s| s.stats).map(|s| s.norm),
        Phase::Loss => shot.and_then(|s| s.scalar),
        Phase::Seed | Phase::Backward => shot.and_then(|s| s.grad_stats).map(|s| s.norm),
        Phase::Update => shot.and_then(|s| s.weight_grad_norm),
    };
    paint(ui, rect, instruction.phase, &name, number, (done, next, response.hovered()), theme);
    let name = &name;
    let response = response.on_hover_ui(|ui| {
        ui.label(match instruction.phase {
            Phase::Forward => format!("Forward of {name}: computes its output. The number is ‖output‖."),
            Phase::Loss => format!("Loss {name}: one number for the whole batch."),
            Phase::Seed => format!("Seed of {name}: ∂L/∂L = 1, where the backward pass begins."),
            Phase::Backward => {
                format!("Backward of {name}: from ∂L/∂output to the gradients of its inputs and weights.")
            }
            Phase::Update => format!("Update of {name} by the optimiser. The number is ‖∂L/∂W‖ of the node."),
        });
        let stands = if next {
            "It is next."
        } else if done {
            "Done. A double click goes back to before it."
        } else {
            "To come. A double click runs up to it."
        };
        ui.weak(format!("Instruction {} of {}. {stands}", i + 1, snapshot.program.len()));
    });
    // At rest the tape is that of the batch that is over.
    let batch = if snapshot.at_rest { snapshot.step.saturating_sub(1) } else { snapshot.step };
    let there = Action::Seek { step: batch, cursor: i };
    if response.double_clicked() || response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        actions.push(there.clone());
    } else if response.clicked() {
        go_to(instruction.node, actions);
    }
    response.context_menu(|ui| {
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
        if ui.button("Run to here").clicked() {
            actions.push(there);
            ui.close();
        }
        if ui.button("Show the node").clicked() {
            go_to(instruction.node, actions);
            ui.close();
        }
    });
}

/// `stands`: done, next, under the pointer.
fn paint(
    ui: &Ui,
    rect: Rect,
    phase: Phase,
    name: &str,
    number: Option<f64>,
    stands: (bool, bool, bool),
    theme: &Theme,
) {
    let (done, next, hovered) = stands;
    let painter = ui.painter_at(rect);
    let ground = if hovered { theme.card_hover } else { theme.card };
    let fill = if next {
        theme.cursor.gamma_multiply(0.15)
    } else if done {
        ground
    } else {
        ground.gamma_multiply(0.5)
    };
    let line = if next { theme.cursor } else { theme.line };
    painter.rect(rect, CornerRadius::same(3), fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let back = matches!(phase, Phase::Seed | Phase::Backward);
    let fade = if done || next { 1.0 } else { 0.65 };
    let tint = if back { theme.gradient } else { theme.dim }.gamma_multiply(fade);
    let text = if done || next { theme.text } else { theme.dim.gamma_multiply(0.85) };
    let middle = rect.center().y;
    painter.text(egui::pos2(rect.left() + 6.0, middle), Align2::LEFT_CENTER, symbol(phase), theme::mono(10.5), tint);
    let mut right = rect.right() - 6.0;
    if let Some(n) = number {
        let at = egui::pos2(right, middle);
        right = painter.text(at, Align2::RIGHT_CENTER, short(n), theme::mono(9.5), tint).left() - 4.0;
    }
    let left = rect.left() + 20.0;
    let galley = one_line(ui, name, theme::sans(11.0), right - left);
    painter.galley(egui::pos2(left, middle - galley.size().y * 0.5), galley, text);
}
