//! The instructions of one batch, in order: forward, loss, seed, backward, update.

use crate::engine::{Instruction, Phase};
use crate::train::Snapshot;
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::nothing;
use crate::ui::state::{Focus, State};
use crate::ui::theme::{self, Theme};
use egui::{Align2, CornerRadius, ScrollArea, Sense, Stroke, StrokeKind, Ui, vec2};
use std::collections::BTreeSet;

const CELL: egui::Vec2 = egui::Vec2::new(150.0, 24.0);

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let Some(snapshot) = state.snapshot.as_ref().filter(|s| !s.program.is_empty()) else {
        return nothing(ui, "The program of one batch. It is empty while the graph cannot run; see Problems.");
    };
    let theme = Theme::of(ui.ctx());
    ui.weak("One batch, instruction by instruction. F10 runs the marked one.");
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        let columns = ((ui.available_width() / (CELL.x + 6.0)) as usize).max(1);
        let rows = snapshot.program.len().div_ceil(columns);
        for row in 0..rows {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                for i in (row * columns)..((row + 1) * columns).min(snapshot.program.len()) {
                    cell(ui, state, snapshot, i, &theme, actions);
                }
            });
        }
    });
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

fn cell(ui: &mut Ui, state: &State, snapshot: &Snapshot, i: usize, theme: &Theme, actions: &mut Vec<Action>) {
    let instruction: Instruction = snapshot.program[i];
    let name = state.graph().node(instruction.node).map_or("removed", |n| n.name.as_str());
    let (done, next) = (snapshot.at_rest || i < snapshot.cursor, !snapshot.at_rest && i == snapshot.cursor);
    let (rect, response) = ui.allocate_exact_size(CELL, Sense::click());
    let label = format!("{:?} {name}", instruction.phase).to_lowercase();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, &label));
    let painter = ui.painter_at(rect);
    let fill = if next { theme.cursor.gamma_multiply(0.15) } else { theme.card };
    let line = if next { theme.cursor } else { theme.line };
    painter.rect(rect, CornerRadius::same(3), fill, Stroke::new(1.0, line), StrokeKind::Inside);
    let back = matches!(instruction.phase, Phase::Seed | Phase::Backward);
    let tint = if back { theme.gradient } else { theme.dim };
    let text = if done || next { theme.text } else { theme.dim.gamma_multiply(0.7) };
    painter.text(
        rect.left_center() + vec2(8.0, 0.0),
        Align2::LEFT_CENTER,
        symbol(instruction.phase),
        theme::mono(11.0),
        tint,
    );
    painter.text(rect.left_center() + vec2(24.0, 0.0), Align2::LEFT_CENTER, name, theme::sans(11.5), text);
    let shot = snapshot.nodes.get(&instruction.node).filter(|_| done);
    let number = match instruction.phase {
        Phase::Forward => shot.and_then(|s| s.stats).map(|s| s.norm),
        Phase::Loss => shot.and_then(|s| s.scalar),
        Phase::Seed | Phase::Backward => shot.and_then(|s| s.grad_stats).map(|s| s.norm),
        Phase::Update => shot.and_then(|s| s.weight_grad_norm),
    };
    if let Some(n) = number {
        painter.text(rect.right_center() - vec2(6.0, 0.0), Align2::RIGHT_CENTER, short(n), theme::mono(10.0), tint);
    }
    let response = response.on_hover_text(match instruction.phase {
        Phase::Forward => format!("Forward of {name}: computes its output. The number is ‖output‖."),
        Phase::Loss => format!("Loss {name}: one number for the whole batch."),
        Phase::Seed => format!("Seed of {name}: ∂L/∂L = 1, where the backward pass begins."),
        Phase::Backward => format!("Backward of {name}: from ∂L/∂output to the gradients of its inputs and weights."),
        Phase::Update => format!("Update of a parameter of {name} by the optimiser. The number is ‖∂L/∂W‖."),
    });
    if response.clicked() {
        actions.push(Action::Select(BTreeSet::from([instruction.node])));
        actions.push(Action::Focus(Focus::Node(instruction.node)));
    }
}
