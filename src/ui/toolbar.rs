//! The bar on top: file, menus, run controls, live figures. It grows shorter before it would overflow.

use crate::engine::Phase;
use crate::train::{Granularity, Metrics, Snapshot, Speed};
use crate::ui::action::Action;
use crate::ui::into::Inside;
use crate::ui::panel::PanelId;
use crate::ui::shortcuts::{Menu, hint};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::{menu, settings};
use egui::{
    Align, Button, Color32, FontId, Frame, Layout, Margin, Rect, RichText, Sense, Stroke, Ui, UiBuilder, pos2, vec2,
};
use std::path::PathBuf;

const GAP: f32 = 5.0;
const PAD: f32 = 9.0;
/// Width of one live figure.
const FIGURE: f32 = 64.0;

/// What the bar shows at a width; each step of [`LEVELS`] leaves more out.
#[derive(Clone, Copy)]
struct Level {
    tail: bool,
    figures: usize,
    steps: bool,
    menus: bool,
    speed: bool,
    long_name: bool,
    /// Previous batch, next batch, play slowly.
    symbols: bool,
    /// 2: phase, instruction and node; 1: phase and instruction; 0: phase.
    chip: u8,
}

const FULL: Level =
    Level { tail: true, figures: 5, steps: true, menus: true, speed: true, long_name: true, symbols: true, chip: 2 };
const SHORT: Level = Level { tail: false, long_name: false, figures: 4, steps: false, chip: 1, ..FULL };
const LEVELS: [Level; 13] = [
    FULL,
    Level { tail: false, ..FULL },
    Level { tail: false, long_name: false, ..FULL },
    Level { steps: true, figures: 5, ..SHORT },
    Level { figures: 5, ..SHORT },
    SHORT,
    Level { menus: false, ..SHORT },
    Level { menus: false, figures: 3, ..SHORT },
    Level { menus: false, figures: 3, chip: 0, ..SHORT },
    Level { menus: false, figures: 3, chip: 0, symbols: false, ..SHORT },
    Level { menus: false, figures: 2, chip: 0, symbols: false, ..SHORT },
    Level { menus: false, figures: 2, chip: 0, symbols: false, speed: false, ..SHORT },
    Level { menus: false, figures: 0, chip: 0, symbols: false, speed: false, ..SHORT },
];

/// The choices of speed.
const SPEEDS: [Speed; 8] = [
    Speed::Full,
    Speed::Steps(100.0),
    Speed::Steps(30.0),
    Speed::Steps(10.0),
    Speed::Steps(2.0),
    Speed::Nodes(20.0),
    Speed::Nodes(4.0),
    Speed::Nodes(1.0),
];

fn speed_text(speed: Speed) -> String {
    match speed {
        Speed::Full => "full speed".to_owned(),
        Speed::Steps(n) => format!("{n} steps/s"),
        Speed::Nodes(n) => format!("{n} node{}/s", if n == 1.0 { "" } else { "s" }),
    }
}

/// Buttons with words; the batch has a symbol as well.
const STEPS: [(&str, &str, Granularity); 4] = [
    ("Phase", "Step phase", Granularity::Phase),
    ("Batch", "Step batch", Granularity::Batch),
    ("Epoch", "Step epoch", Granularity::Epoch),
    ("To end", "To end of batch", Granularity::ToEnd),
];

/// Room for the text of the chip, the same at every instruction, so that no button moves while one steps.
fn chip_room(ui: &Ui, level: Level) -> f32 {
    let text = ["PAUSED forward", "PAUSED ∂ pass 999/999", "PAUSED ∂ pass 999/999 · hidden layer 12"];
    width(ui, text[usize::from(level.chip.min(2))], theme::bold(11.0))
}

/// What the chip says: a text, its colour, and the reason behind it.
fn chip(state: &State, theme: &Theme, level: u8) -> (String, Color32, String) {
    if state.loading {
        return ("LOADING".to_owned(), theme.cursor, "The data set is being read.".to_owned());
    }
    if let Some(why) = &state.failed {
        return ("CANNOT RUN".to_owned(), theme.error, why.clone());
    }
    if let Some((node, what)) = &state.bad {
        let name = state.graph().node(*node).map_or("", |n| n.name.as_str());
        return ("NOT A NUMBER".to_owned(), theme.error, format!("{name}: {what}"));
    }
    let ready = || ("READY".to_owned(), theme.good, "The network can be trained.".to_owned());
    let Some(s) = &state.snapshot else { return ready() };
    if s.running {
        return ("TRAINING".to_owned(), theme.good, format!("{:.0} steps per second", s.steps_per_sec));
    }
    if s.at_rest {
        let why = state.ended.clone().unwrap_or_else(|| "Between two batches.".to_owned());
        let paused = ("PAUSED".to_owned(), theme.cursor, why);
        return if s.step == 0 { ready() } else { paused };
    }
    let next = s.program.get(s.cursor);
    let (text, why) = match next.map(|i| i.phase) {
        Some(Phase::Forward | Phase::Loss) => ("PAUSED forward", "In the forward pass."),
        Some(Phase::Seed | Phase::Backward) => ("PAUSED ∂ pass", "In the backward pass."),
        Some(Phase::Update) | None => ("PAUSED update", "In the update of the weights."),
    };
    let name = next.and_then(|i| state.graph().node(i.node)).map_or("", |n| n.name.as_str());
    let place = format!("{}/{}", s.cursor + 1, s.program.len());
    let shown = match level {
        0 => text.to_owned(),
        1 => format!("{text} {place}"),
        _ => format!("{text} {place} · {name}"),
    };
    (shown, theme.cursor, format!("{why} Next is instruction {place}: {name}."))
}

/// A loss with four places, or in powers of ten.
fn loss_text(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(v) if !v.is_finite() => format!("{v}"),
        Some(v) if v != 0.0 && (v.abs() < 1e-3 || v.abs() >= 1e3) => format!("{v:.2e}"),
        Some(v) => format!("{v:.4}"),
    }
}

fn quality(metrics: &Metrics) -> Option<(&'static str, String)> {
    match metrics {
        Metrics::None => None,
        Metrics::Classes { accuracy, .. } => Some(("accuracy", format!("{:.1} %", accuracy * 100.0))),
        Metrics::Regression { r2, .. } => Some(("R²", format!("{r2:.4}"))),
    }
}

/// The figures, most important last to go: name, value, colour, tooltip.
fn figures(
    snapshot: Option<&Snapshot>,
    theme: &Theme,
    count: usize,
) -> Vec<(&'static str, String, Color32, &'static str)> {
    let s = snapshot;
    let score = s.and_then(|s| quality(&s.test_metrics).or_else(|| quality(&s.train_metrics)));
    let (score_name, score) = score.unwrap_or(("accuracy", "-".to_owned()));
    let batch = s.map_or_else(|| "-".to_owned(), |s| format!("{}/{}", s.batch, s.batches));
    let list = [
        (
            "epoch",
            s.map_or_else(|| "-".to_owned(), |s| format!("{:04}", s.epoch)),
            theme.text,
            "Completed passes through all training samples",
        ),
        ("batch", batch, theme.text, "Batch within this epoch"),
        ("train loss", loss_text(s.and_then(|s| s.train_loss)), theme.train, "Loss over the training samples"),
        ("test loss", loss_text(s.and_then(|s| s.test_loss)), theme.test, "Loss over samples that are not trained on"),
        (
            score_name,
            score,
            theme.good,
            "How good the answers are for the test samples, or the training samples if there are none",
        ),
    ];
    let order: &[usize] = match count {
        0 => &[],
        1 => &[2],
        2 => &[0, 2],
        3 => &[0, 2, 3],
        4 => &[0, 2, 3, 4],
        _ => &[0, 1, 2, 3, 4],
    };
    order.iter().map(|&i| list[i].clone()).collect()
}

fn width(ui: &Ui, text: &str, font: FontId) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font, Color32::WHITE).size().x
}

fn button_width(ui: &Ui, text: &str) -> f32 {
    (width(ui, text, theme::sans(13.0)) + 2.0 * PAD).ceil() + GAP
}

fn name_text(state: &State, level: Level) -> String {
    let name = state.title();
    let most = if level.long_name { 28 } else { 14 };
    if name.chars().count() <= most { name } else { name.chars().take(most - 1).chain(['…']).collect() }
}

fn menus_width(ui: &Ui, level: Level) -> f32 {
    if level.menus { Menu::ALL.iter().map(|m| button_width(ui, m.label())).sum() } else { button_width(ui, "Menu") }
}

/// Width of everything at `level`: the part on the left, and the rest.
fn measure(ui: &Ui, state: &State, level: Level) -> (f32, f32) {
    let left = 30.0 + width(ui, &name_text(state, level), theme::bold(14.0)) + 24.0 + menus_width(ui, level);
    let mut right = 2.0 * (34.0 + GAP) + 84.0 + GAP + button_width(ui, "Over →") + 3.0 * GAP;
    right += button_width(ui, "Into ↓") + if state.into.is_some() { button_width(ui, "Out ↑") } else { 0.0 };
    right += if level.steps { STEPS.iter().map(|s| button_width(ui, s.0)).sum() } else { button_width(ui, "Step ▾") };
    right += if level.speed { 100.0 + GAP } else { 0.0 };
    right += button_width(ui, "Training");
    right += level.figures as f32 * (FIGURE + GAP) + 8.0;
    right += chip_room(ui, level) + 26.0 + GAP;
    right += if level.symbols { 3.0 * (34.0 + GAP) } else { 0.0 };
    right += if level.tail { width(ui, &tail(state), theme::sans(11.0)) + 2.0 * GAP } else { 0.0 };
    (left, right)
}

fn tail(state: &State) -> String {
    let seed = state.document().train.seed;
    match state.snapshot.as_ref().map_or(1, |s| s.threads) {
        1 => format!("1 thread · seed {seed}"),
        n => format!("{n} threads · seed {seed}"),
    }
}

/// Draws the bar.
pub fn ui(ui: &mut Ui, state: &State, recent: &[PathBuf], actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    ui.spacing_mut().item_spacing.x = GAP;
    ui.spacing_mut().button_padding = vec2(PAD, 4.0);
    let available = ui.available_width();
    let fits = |level: &&Level| {
        let (left, right) = measure(ui, state, **level);
        left + right + 6.0 <= available
    };
    let level = *LEVELS.iter().find(fits).unwrap_or(&LEVELS[LEVELS.len() - 1]);
    let (left, right) = measure(ui, state, level);
    ui.allocate_ui_with_layout(ui.available_size(), Layout::left_to_right(Align::Center), |ui| {
        brand(ui, state, level, &theme);
        // A menu bar takes all the width it is given.
        let menus = menus_width(ui, level);
        let (place, _) = ui.allocate_exact_size(vec2(menus, 30.0), Sense::hover());
        let mut bar = ui.new_child(UiBuilder::new().max_rect(place).layout(Layout::left_to_right(Align::Center)));
        egui::MenuBar::new().ui(&mut bar, |ui| {
            ui.spacing_mut().button_padding = vec2(PAD, 4.0);
            ui.spacing_mut().item_spacing.x = GAP;
            if level.menus {
                menu::bar(ui, state, recent, actions);
            } else {
                menu::folded(ui, state, recent, actions);
            }
        });
        ui.add_space((available - left - right).max(0.0));
        controls(ui, state, level, &theme, actions);
        ui.add_space(GAP);
        for (name, value, color, about) in figures(state.snapshot.as_deref(), &theme, level.figures) {
            let (rect, response) = ui.allocate_exact_size(vec2(FIGURE, 32.0), Sense::hover());
            let painter = ui.painter_at(rect);
            painter.text(rect.left_top(), egui::Align2::LEFT_TOP, name, theme::sans(10.5), theme.dim);
            painter.text(rect.left_bottom(), egui::Align2::LEFT_BOTTOM, &value, theme::mono(13.0), color);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{name} {value}")));
            response.on_hover_text(about);
        }
        let (text, color, why) = chip(state, &theme, level.chip);
        let room = chip_room(ui, level) + 2.0;
        let shown = Frame::new()
            .fill(theme::fade(color, 0.13))
            .stroke(Stroke::new(1.0, color))
            .corner_radius(12)
            .inner_margin(Margin::symmetric(11, 4))
            .show(ui, |ui| {
                ui.set_max_width(room);
                let name = text.clone();
                let label = egui::Label::new(RichText::new(text).font(theme::bold(11.0)).color(color)).truncate();
                ui.add(label).accessible_name(name)
            });
        shown.inner.on_hover_text(why);
        if level.tail {
            ui.add_space(GAP);
            ui.label(RichText::new(tail(state)).font(theme::sans(11.0)).color(theme.dim));
        }
    });
}

fn brand(ui: &mut Ui, state: &State, level: Level, theme: &Theme) {
    let (rect, logo) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::hover());
    ui.painter().circle_stroke(rect.center(), 8.5, Stroke::new(3.0, theme.accent));
    ui.painter().circle_filled(rect.center(), 3.2, theme.negative);
    logo.on_hover_text("Chainrule");
    let name = ui.label(RichText::new(name_text(state, level)).font(theme::bold(14.0)));
    name.on_hover_text(
        state.path.as_ref().map_or_else(|| "Not saved in a file yet".to_owned(), |p| p.display().to_string()),
    );
    let (rect, dot) = ui.allocate_exact_size(vec2(10.0, 24.0), Sense::hover());
    if state.dirty() {
        ui.painter().circle_filled(rect.center(), 3.5, theme.accent);
        dot.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, "unsaved changes"));
        dot.on_hover_text("There are unsaved changes.");
    }
}

fn controls(ui: &mut Ui, state: &State, level: Level, theme: &Theme, actions: &mut Vec<Action>) {
    let trainable = state.failed.is_none();
    let why = state.failed.clone().unwrap_or_default();
    let mut press = |ui: &mut Ui, button: Button<'_>, name: &str, action: Action| {
        let response = ui.add_enabled(trainable, button).accessible_name(name);
        let key = match name {
            "Pause" => "Train",
            "Previous batch" => "Back one batch",
            "Next batch" => "Step batch",
            name => name,
        };
        if response.on_hover_text(hint(key)).on_disabled_hover_text(format!("Cannot run: {why}")).clicked() {
            actions.push(action);
        }
    };
    press(ui, Button::new("↺").min_size(vec2(34.0, 28.0)), "Reset", Action::Reset);
    let (text, name) = if state.running() { ("‖ Pause", "Pause") } else { ("▶ Train", "Train") };
    press(ui, Button::new(text).min_size(vec2(84.0, 28.0)), name, Action::TogglePlay);
    if level.symbols {
        let slowly = state.running() && state.pace().is_some();
        let small = |text: &'static str| Button::new(text).min_size(vec2(34.0, 28.0));
        press(ui, small("▷").selected(slowly), "Play slowly", Action::PlaySlowly);
        press(ui, small("|◀"), "Previous batch", Action::Back(Granularity::Batch));
        press(ui, small("▶|"), "Next batch", Action::Step(Granularity::Batch));
    }
    press(ui, Button::new("←").min_size(vec2(34.0, 28.0)), "Back one node", Action::Back(Granularity::Node));
    let out = Button::new("Out ↑").min_size(vec2(0.0, 28.0));
    if state.into.is_some() {
        press(ui, out, "Step out", Action::Inside(Inside::Out));
    }
    press(ui, Button::new("Into ↓").min_size(vec2(0.0, 28.0)), "Step into", Action::Inside(Inside::In));
    let over = Button::new(RichText::new("Over →").color(theme.on_accent)).fill(theme.accent).min_size(vec2(0.0, 28.0));
    press(ui, over, "Step node", Action::Step(Granularity::Node));
    if level.steps {
        for (text, name, granularity) in STEPS {
            press(ui, Button::new(text).min_size(vec2(0.0, 28.0)), name, Action::Step(granularity));
        }
    } else {
        ui.menu_button("Step ▾", |ui| {
            for (_, name, granularity) in STEPS {
                let line = ui.add_enabled(trainable, Button::new(name)).on_hover_text(hint(name));
                if line.clicked() {
                    actions.push(Action::Step(granularity));
                    ui.close();
                }
            }
        });
    }
    if level.speed {
        let button = Button::new(speed_text(state.speed)).min_size(vec2(100.0, 28.0));
        let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            for speed in SPEEDS {
                if ui.selectable_label(state.speed == speed, speed_text(speed)).clicked() {
                    actions.push(Action::SetSpeed(speed));
                    ui.close();
                }
            }
        });
        let name = format!("Speed: {}", speed_text(state.speed));
        response
            .accessible_name(name)
            .on_hover_text("How fast training runs: at full speed, so many batches per second, or node by node.");
    }
    settings::training_button(ui, state, actions);
}

/// The line at the lower left of the canvas `rect`: how many problems there are.
pub fn status(ui: &mut Ui, rect: Rect, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let count = state.inference.diagnostics.len();
    let (color, text) = match (state.errors(), count) {
        _ if state.loading => (theme.cursor, "reading the data…".to_owned()),
        (_, 0) if state.data_error.is_none() => (theme.good, "0 problems".to_owned()),
        (_, 0) => (theme.error, "the data cannot be loaded".to_owned()),
        (0, n) => (theme.warning, format!("{n} problem{}", if n == 1 { "" } else { "s" })),
        (_, n) => (theme.error, format!("{n} problem{}", if n == 1 { "" } else { "s" })),
    };
    let text = match state.certified.as_ref().filter(|_| state.errors() == 0).and_then(|c| c.sentence()) {
        Some(sentence) => format!("{text} · {sentence}"),
        None => text,
    };
    let text = match state.ended.as_ref().filter(|_| !state.running()) {
        Some(why) => format!("{text} · {why}"),
        None => text,
    };
    let size = vec2(width(ui, &text, theme::sans(12.0)) + 42.0, 24.0);
    let place = Rect::from_min_size(pos2(rect.left() + 14.0, rect.bottom() - 14.0 - size.y), size);
    ui.scope_builder(UiBuilder::new().max_rect(place), |ui| {
        let label =
            (RichText::new("●").color(color), RichText::new(text.as_str()).font(theme::sans(12.0)).color(theme.dim));
        let button = ui.add_sized(size, Button::new(label).fill(theme.panel)).accessible_name(text.as_str());
        let first = state.data_error.clone().or_else(|| state.inference.diagnostics.first().map(|d| d.message.clone()));
        if button.on_hover_text(first.unwrap_or_else(|| "All shapes fit.".to_owned())).clicked() {
            actions.push(Action::ShowPanel(PanelId::Problems));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_keep_four_places_or_become_powers_of_ten() {
        assert_eq!(loss_text(None), "-");
        assert_eq!(loss_text(Some(0.07311)), "0.0731");
        assert_eq!(loss_text(Some(0.0)), "0.0000");
        assert_eq!(loss_text(Some(2.5e-5)), "2.50e-5");
        assert_eq!(loss_text(Some(f64::NAN)), "NaN");
    }

    #[test]
    fn every_level_of_the_bar_shows_no_more_than_the_one_before() {
        for pair in LEVELS.windows(2) {
            assert!(
                pair[1].figures <= pair[0].figures && pair[1].menus <= pair[0].menus && pair[1].steps <= pair[0].steps
            );
        }
    }
}
