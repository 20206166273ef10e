//! What keeps the graph from training, and what looks wrong; a click goes there, a button mends it.

use crate::graph::{Diagnostic, Severity};
use crate::ui::action::Action;
use crate::ui::panel::go_to;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{RichText, ScrollArea, Ui};

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if let Some(why) = &state.data_error {
            ui.horizontal_wrapped(|ui| {
                ui.colored_label(theme.error, "data");
                ui.label(why);
                if ui.small_button("Choose data…").clicked() {
                    actions.push(Action::ShowData);
                }
            });
        }
        if let Some(why) = &state.failed {
            ui.horizontal_wrapped(|ui| {
                ui.colored_label(theme.error, "run");
                ui.label(why);
            });
        }
        let mut sorted: Vec<&Diagnostic> = state.inference.diagnostics.iter().collect();
        sorted.sort_by_key(|d| match d.severity {
            Severity::Error => 0,
            Severity::Incomplete => 1,
            Severity::Warning => 2,
        });
        if sorted.is_empty() && state.data_error.is_none() && state.failed.is_none() {
            ui.colored_label(theme.good, "No problems. Every shape fits.");
        }
        for d in sorted {
            row(ui, d, state, &theme, actions);
        }
        health(ui, state, &theme, actions);
    });
}

fn row(ui: &mut Ui, d: &Diagnostic, state: &State, theme: &Theme, actions: &mut Vec<Action>) {
    let (word, colour) = match d.severity {
        Severity::Error => ("error", theme.error),
        Severity::Incomplete => ("incomplete", theme.warning),
        Severity::Warning => ("warning", theme.dim),
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(word).font(theme::mono(10.5)).color(colour));
        let name = d.node.and_then(|id| state.graph().node(id)).map(|n| n.name.clone());
        let text = name.map_or_else(|| d.message.clone(), |n| format!("{n}: {}", d.message));
        if ui.link(RichText::new(text).color(theme.text)).clicked()
            && let Some(id) = d.node
        {
            go_to(id, actions);
        }
        for fix in &d.fixes {
            if ui.small_button(&fix.label).on_hover_text("Apply this change; undo takes it back").clicked() {
                actions.push(Action::Fix(fix.clone()));
            }
        }
    });
}

/// What ails the network in this run.
fn health(ui: &mut Ui, state: &State, theme: &Theme, actions: &mut Vec<Action>) {
    for mark in state.snapshot.iter().flat_map(|s| s.health.iter()) {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new("run").font(theme::mono(10.5)).color(theme.warning));
            if ui.link(RichText::new(&mark.text).color(theme.text)).clicked() {
                go_to(mark.node, actions);
            }
            ui.label(RichText::new(mark.ailment.advice()).color(theme.dim));
        });
    }
}
