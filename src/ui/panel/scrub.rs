//! The slider over the record of a run: every place of it can be looked at, and the run goes on from there.

use crate::train::{Snapshot, bytes_text};
use crate::ui::action::Action;
use crate::ui::shortcuts::hint;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{
    Align, Button, DragValue, Layout, PopupCloseBehavior, Rangef, Rect, RectAlign, RichText, Slider, Tooltip, Ui, pos2,
    vec2,
};

/// Height of the slider and the line below it.
pub const HEIGHT: f32 = 62.0;
const RAIL: f32 = 18.0;

/// The place to show, in batches: the one asked for, while the worker is on its way to it.
pub fn shown(state: &State, snapshot: &Snapshot) -> u64 {
    state.asked.unwrap_or(snapshot.record.goal.unwrap_or(snapshot.step))
}

/// Batches as epochs.
pub fn epochs(snapshot: &Snapshot, step: u64) -> f64 {
    step as f64 / snapshot.batches.max(1) as f64
}

/// Draws the slider with its ends at `rail` (screen points), and what is recorded below it.
pub fn ui(ui: &mut Ui, state: &State, snapshot: &Snapshot, rail: Rangef, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let record = &snapshot.record;
    let now = shown(state, snapshot).clamp(record.from, record.to);
    let (row, _) = ui.allocate_exact_size(vec2(ui.available_width(), RAIL), egui::Sense::hover());
    // The knob's middle runs over the rail, so the widget is wider by its radius.
    let radius = RAIL / 2.5;
    let place = Rect::from_min_max(pos2(rail.min - radius, row.top()), pos2(rail.max + radius, row.bottom()));
    let mut step = now;
    let response = ui
        .scope(|ui| {
            ui.spacing_mut().slider_width = place.width();
            ui.spacing_mut().interact_size.y = RAIL;
            ui.visuals_mut().widgets.inactive.bg_fill = theme.line;
            ui.visuals_mut().selection.bg_fill = theme.accent.gamma_multiply(0.7);
            let slider = Slider::new(&mut step, record.from..=record.to.max(record.from + 1));
            ui.put(place, slider.step_by(1.0).show_value(false).trailing_fill(true))
        })
        .inner
        .accessible_name("Place in the recorded run");
    let x_of = |step: u64| {
        let share = step.saturating_sub(record.from) as f32 / (record.to - record.from).max(1) as f32;
        egui::lerp(rail.min..=rail.max, share)
    };
    // The slider paints its knob in the colour of its rail.
    ui.painter().circle_filled(pos2(x_of(step.min(record.to)), row.center().y), radius, theme.text);
    for (at, _) in &record.marks {
        let x = x_of(*at);
        ui.painter().vline(x, Rangef::new(row.top() - 1.0, row.top() + 4.0), egui::Stroke::new(1.5, theme.cursor));
    }
    let mut tooltip = Tooltip::for_enabled(&response);
    // Below is "Continue from here", which must not be covered.
    tooltip.popup = tooltip.popup.align(RectAlign::TOP);
    tooltip.show(|ui| {
        ui.label("Drag to look at any place of the recorded run; with the arrow keys batch by batch.");
        for (at, words) in record.marks.iter().rev().take(12) {
            ui.label(RichText::new(format!("after batch {at}: {words}")).color(theme.dim));
        }
    });
    let step = step.min(record.to);
    if response.changed() && step != now {
        actions.push(Action::Seek { step, cursor: 0 });
    }
    ui.horizontal(|ui| below(ui, state, snapshot, now, &theme, actions));
}

/// What is recorded, and what can be done from an earlier place.
fn below(ui: &mut Ui, state: &State, snapshot: &Snapshot, now: u64, theme: &Theme, actions: &mut Vec<Action>) {
    let small = |text: String| RichText::new(text).font(theme::mono(11.0)).color(theme.dim);
    let record = &snapshot.record;
    let batches = snapshot.batches.max(1) as u64;
    let narrow = ui.available_width() < 380.0;
    let batch = if narrow { String::new() } else { format!(", batch {} of {batches}", now % batches) };
    ui.label(small(format!("epoch {}{batch}", now / batches)));
    if state.behind() || state.asked.is_some() {
        let button = ui.add(Button::new(RichText::new("Continue from here").font(theme::sans(12.0))).small());
        if button.on_hover_text(hint("Continue from here")).clicked() {
            actions.push(Action::Continue);
        }
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let text = recorded(record.from, record.to, batches);
        let memory = bytes_text(record.bytes);
        let shown = if narrow { text.replace(" recorded", "") } else { text.clone() };
        let button = Button::new(small(format!("{shown} · {memory}"))).frame_when_inactive(false).small();
        let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (response, _) = MenuButton::from_button(button).config(config).ui(ui, |ui| {
            ui.set_max_width(280.0);
            ui.horizontal(|ui| {
                let mut mib = record.limit >> 20;
                let value = DragValue::new(&mut mib).range(1..=65_536).suffix(" MiB").speed(1.0);
                ui.label("Memory for the record");
                if ui.add(value).accessible_name("Memory for the record").changed() {
                    actions.push(Action::RecordMemory(mib));
                }
            });
            let states = record.states;
            ui.label(small(format!("{states} states kept, {memory}; the rest is run again, bit for bit.")));
        });
        response.accessible_name(format!("Recorded: {text}, {memory}")).on_hover_text(
            "How far back the record reaches, and the memory it takes. Click to set how much it may take: with less, \
             the way to an earlier place is longer.",
        );
        if !record.ghosts.is_empty() {
            let button = ui.add(Button::new(RichText::new("Clear ghosts").font(theme::sans(12.0))).small());
            if button.on_hover_text(hint("Clear ghosts")).clicked() {
                actions.push(Action::ClearGhosts);
            }
        }
    });
}

/// `0 … 235 epochs recorded`, or batches where there are few.
fn recorded(from: u64, to: u64, batches: u64) -> String {
    if to < 2 * batches {
        return format!("{from} … {to} batches recorded");
    }
    format!("{} … {} epochs recorded", from / batches, to / batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_is_told_in_batches_first_and_then_in_epochs() {
        assert_eq!(recorded(0, 7, 25), "0 … 7 batches recorded");
        assert_eq!(recorded(0, 235 * 25 + 3, 25), "0 … 235 epochs recorded");
    }
}
