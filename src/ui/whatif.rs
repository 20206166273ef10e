//! The bar over the canvas while numbers are on trial: what was changed, what it does to the loss, keep or discard.

use crate::train::{Order, WhatIf};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align, Button, Frame, Layout, Margin, Rect, RichText, Stroke, Ui, UiBuilder, vec2};

/// What the bar says of the edits.
fn summary(what: &WhatIf) -> String {
    let one =
        |(p, name, old): &(crate::train::Poke, String, f64)| format!("{name} {} → {}", short(*old), short(p.value));
    match what.pokes.as_slice() {
        [only] => one(only),
        [rest @ .., last] => format!("{} and {} more", one(last), rest.len()),
        [] => String::new(),
    }
}

/// Draws the bar at the top of the canvas `rect`, if numbers are on trial.
pub fn bar(ui: &mut Ui, rect: Rect, state: &State, actions: &mut Vec<Action>) {
    let Some(what) = state.snapshot.as_ref().and_then(|s| s.what_if.clone()) else { return };
    let theme = Theme::of(ui.ctx());
    let width = (rect.width() - 28.0).clamp(200.0, 760.0);
    let place = Rect::from_min_size(egui::pos2(rect.center().x - width * 0.5, rect.top() + 10.0), vec2(width, 34.0));
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        Frame::new()
            .fill(theme.panel)
            .stroke(Stroke::new(1.0, theme.cursor))
            .corner_radius(6)
            .inner_margin(Margin::symmetric(10, 4))
            .show(ui, |ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let discard = ui
                        .button("Discard")
                        .on_hover_text("Drops the changed numbers; the run is as it was, bit for bit.");
                    if discard.accessible_name("Discard the what-if").clicked() {
                        actions.push(Action::WhatIf(Order::Discard));
                    }
                    let keep = Button::new(RichText::new("Keep").color(theme.on_accent)).fill(theme.accent);
                    let keep = ui.add_enabled(what.obstacle.is_none(), keep).accessible_name("Keep the what-if");
                    let keep = keep
                        .on_hover_text("Makes the changed numbers real: the batch goes on with them.")
                        .on_disabled_hover_text(what.obstacle.clone().unwrap_or_default());
                    if keep.clicked() {
                        actions.push(Action::WhatIf(Order::Keep));
                    }
                    let loss = format!("loss {} → {}", short(what.loss.0), short(what.loss.1));
                    ui.label(RichText::new(loss).font(theme::mono(12.0)).color(theme.cursor));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.label(RichText::new("What if").font(theme::bold(12.0)).color(theme.cursor));
                        let text = RichText::new(summary(&what)).font(theme::mono(12.0));
                        let all: Vec<String> =
                            what.pokes.iter().map(|(p, name, old)| format!("{name}  {old} → {}", p.value)).collect();
                        ui.add(egui::Label::new(text).truncate()).on_hover_text(all.join("\n"));
                    });
                });
            });
    });
}

/// Marks the loss that the numbers on trial lead to: hollow the batch as it is, full as it would be. `y` places a loss.
pub fn ghost(plot: &mut egui_plot::PlotUi<'_>, state: &State, y: impl Fn(f64) -> f64, theme: &Theme) {
    let Some((s, what)) = state.snapshot.as_ref().and_then(|s| Some((s, s.what_if.as_ref()?))) else { return };
    let x = s.epoch as f64 + s.batch as f64 / s.batches.max(1) as f64;
    for (name, loss, filled) in [("this batch", what.loss.0, false), ("what if", what.loss.1, true)] {
        if loss.is_finite() {
            let point = egui_plot::Points::new(name, vec![[x, y(loss)]]);
            plot.points(point.color(theme.cursor).radius(5.0).filled(filled));
        }
    }
}
