//! The training settings: optimiser, learning rate, batch size, seed. A change takes effect at once.

use crate::ops::{ParamKind, Value};
use crate::project::Change;
use crate::train::{Chosen, Listed, TrainConfig};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::modal::modal;
use crate::ui::shortcuts::hint;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::value::{limit, real};
use egui::{Button, ComboBox, Context, DragValue, Grid, PopupCloseBehavior, Response, RichText, Sense, Ui, vec2};

/// The button of the bar that opens the settings below it.
pub fn training_button(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let button = Button::new("Training").min_size(vec2(0.0, 28.0));
    let menu = egui::containers::menu::MenuButton::from_button(button)
        .config(egui::containers::menu::MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside));
    let (response, _) = menu.ui(ui, |ui| {
        // In a menu, fields would look like labels.
        let style = ui.ctx().global_style();
        ui.set_style(style);
        form(ui, state, actions);
    });
    response.accessible_name("Training settings").on_hover_text(hint("Training…"));
}

/// The settings as a window of their own; whether it stays open.
pub fn training(ctx: &Context, state: &State, actions: &mut Vec<Action>) -> bool {
    modal(ctx, "training", 380.0, (), |ui| {
        ui.heading("Training");
        form(ui, state, actions);
        ui.add_space(6.0);
        ui.button("Close").clicked().then_some(())
    })
    .is_none()
}

/// Pushes the change from `old` to `new` that `response` made: a drag of a number is one entry of the undo list.
pub fn push_change<T: PartialEq + Clone>(
    response: &Response,
    old: &T,
    new: T,
    wrap: impl Fn(T) -> Change,
    actions: &mut Vec<Action>,
) {
    if response.drag_started() {
        actions.push(Action::Begin(wrap(new.clone()).label()));
    }
    if *old != new {
        actions.push(if response.dragged() { Action::Live(wrap(new)) } else { Action::Change(wrap(new)) });
    }
    if response.drag_stopped() {
        actions.push(Action::Commit);
    }
}

/// A row of the form: a name, a control, and the change it makes.
struct Form<'a> {
    old: &'a TrainConfig,
    actions: &'a mut Vec<Action>,
}

impl Form<'_> {
    fn row(
        &mut self,
        ui: &mut Ui,
        name: &str,
        about: &str,
        control: impl FnOnce(&mut Ui, &mut TrainConfig) -> Response,
    ) {
        ui.label(name).on_hover_text(about);
        let mut new = self.old.clone();
        let response = control(ui, &mut new).accessible_name(name);
        push_change(&response, self.old, new, Change::Train, self.actions);
        response.on_hover_text(about);
        ui.end_row();
    }
}

/// The form; in a low window it is scrolled.
fn form(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let most = (ui.ctx().content_rect().height() - 110.0).max(120.0);
    egui::ScrollArea::vertical().max_height(most).show(ui, |ui| rows(ui, state, actions));
}

fn rows(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let old = &state.document().train;
    // A search for a minimum needs all of them in one batch.
    let samples = state.dataset.as_ref().map_or(0, |d| d.train.len());
    let mut form = Form { old, actions };
    Grid::new("training").num_columns(2).min_col_width(150.0).spacing([12.0, 6.0]).show(ui, |ui| {
        let about = "The rule that turns gradients into new weights.";
        choice(ui, &mut form, "Optimiser", about, |c| &mut c.optimizer);
        let about = "How the learning rate changes from epoch to epoch.";
        choice(ui, &mut form, "Schedule", about, |c| &mut c.schedule);
        form.row(ui, "Clip norm", "Largest norm of the gradient of all weights; 0 is off.", |ui, c| {
            ui.add(limit(&mut c.limits.clip_norm, "off", ["", ""], 1e6))
        });
        form.row(ui, "Clip value", "Largest element of a gradient; 0 is off.", |ui, c| {
            ui.add(limit(&mut c.limits.clip_value, "off", ["", ""], 1e6))
        });
        form.row(ui, "Accumulate", "Batches whose losses are averaged for one step.", |ui, c| {
            let unit = if c.limits.accumulate == 1 { " batch" } else { " batches" };
            ui.add(DragValue::new(&mut c.limits.accumulate).range(1..=4096).suffix(unit))
        });
        form.row(
            ui,
            "Batch size",
            "Samples per step. Small batches are noisy, large ones slow to react.",
            |ui, config| {
                let most = samples.max(4096).max(config.batch_size);
                ui.add(DragValue::new(&mut config.batch_size).range(1..=most))
            },
        );
        form.row(
            ui,
            "Seed",
            "The same seed gives the same start and the same order of samples, bit for bit.",
            |ui, config| ui.add(DragValue::new(&mut config.seed)),
        );
        let epochs = ["epoch", "epochs"];
        form.row(ui, "Stop after", "Number of epochs; 0 trains until paused.", |ui, c| {
            ui.add(limit(&mut c.epochs, "no limit", epochs, 1_000_000))
        });
        form.row(ui, "Patience", "Epochs without a better test loss after which training stops; 0 is off.", |ui, c| {
            ui.add(limit(&mut c.stop.patience, "off", epochs, 1_000_000))
        });
        let about = "A loss must be smaller than the best one by more than this, or the epoch uses up patience.";
        form.row(ui, "Least improvement", about, |ui, c| {
            let value = &mut c.stop.min_delta;
            let speed = (value.abs() * 0.01).max(1e-5);
            ui.add(real(value, speed, 0.0..=1e6))
        });
        let about = "A run with patience ends with the weights of its best epoch. Off: with those of its last.";
        form.row(ui, "Best weights back", about, |ui, c| ui.checkbox(&mut c.stop.restore_best, ""));
        form.row(ui, "Time limit", "Seconds of training; 0 is no limit.", |ui, c| {
            ui.add(limit(&mut c.stop.seconds, "no limit", ["s", "s"], 1e9))
        });
    });
    rate_curve(ui, old, state);
    ui.add_space(4.0);
    ui.label(RichText::new("Formulas and defaults are PyTorch's.").font(theme::sans(11.0)).color(theme.dim));
}

/// A row for the choice from a list, and one for each setting of the entry chosen.
fn choice<T: Listed>(
    ui: &mut Ui,
    form: &mut Form,
    name: &str,
    about: &str,
    get: impl Fn(&mut TrainConfig) -> &mut Chosen<T>,
) {
    form.row(ui, name, about, |ui, config| {
        let chosen = get(config);
        let now = chosen.about();
        let combo = ComboBox::from_id_salt(name).selected_text(now.label).width(150.0).show_ui(ui, |ui| {
            for kind in T::all() {
                let a = kind.about();
                let line = ui.selectable_label(a.id == now.id, a.label).on_hover_text(a.doc);
                if line.clicked() && a.id != now.id {
                    *chosen = Chosen::new(kind);
                }
            }
        });
        combo.response.on_hover_text(now.doc)
    });
    let params = get(&mut form.old.clone()).about().params;
    for p in params {
        form.row(ui, &title(p.name), p.doc, |ui, config| match (p.kind, get(config).params.0.get_mut(p.name)) {
            (_, Some(Value::Bool(on))) => ui.checkbox(on, ""),
            (ParamKind::Int { min, max }, Some(Value::Int(n))) => ui.add(DragValue::new(n).range(min..=max)),
            (ParamKind::Float { min, max, .. }, Some(Value::Float(x))) => {
                let speed = (x.abs().min((1.0 - *x).abs()) * 0.01).max(1e-5);
                ui.add(real(x, speed, min..=max))
            }
            _ => ui.label(""),
        });
    }
}

/// `weight_decay` as `Weight decay`.
fn title(name: &str) -> String {
    match name {
        "lr" => "Learning rate".to_owned(),
        "nesterov" => "Nesterov".to_owned(),
        "amsgrad" => "AMSGrad".to_owned(),
        "beta1" => "Beta 1".to_owned(),
        "beta2" => "Beta 2".to_owned(),
        _ => {
            let text = name.replace('_', " ");
            text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
        }
    }
}

/// A small picture of the rate over the epochs, with the present epoch marked.
fn rate_curve(ui: &mut Ui, config: &TrainConfig, state: &State) {
    const POINTS: usize = 60;
    let theme = Theme::of(ui.ctx());
    let snapshot = state.snapshot.as_ref();
    let now = snapshot.map_or(0, |s| s.epoch);
    let span = if config.epochs > 0 { config.epochs } else { 100 }.max(now + 1);
    let base = config.optimizer.lr();
    let rates: Vec<f64> = (0..POINTS).filter_map(|k| config.schedule.rate(base, k * span / POINTS)).collect();
    let text = snapshot.map_or_else(String::new, |s| format!("rate {} in epoch {}", short(s.rate), s.epoch));
    let top = rates.iter().copied().fold(1e-300, f64::max);
    if rates.len() == POINTS {
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width().clamp(150.0, 330.0), 40.0), Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "learning rate over the epochs"));
        let at = |share: f32, rate: f64| {
            egui::pos2(
                rect.left() + share * rect.width(),
                rect.bottom() - 2.0 - (rate / top) as f32 * (rect.height() - 4.0),
            )
        };
        let points = rates.iter().enumerate().map(|(k, r)| at(k as f32 / (POINTS - 1) as f32, *r)).collect();
        ui.painter().rect_filled(rect, 2.0, theme.card);
        ui.painter().add(egui::Shape::line(points, egui::Stroke::new(1.5, theme.train)));
        if let Some(s) = snapshot {
            ui.painter().circle_filled(at(now as f32 / span as f32, s.rate.min(top)), 3.0, theme.cursor);
        }
        response.on_hover_text(format!("Learning rate over {span} epochs, from 0 to {}", short(top)));
    }
    ui.label(RichText::new(text).font(theme::sans(11.0)).color(theme.dim));
}
