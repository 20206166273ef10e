//! The training settings: optimiser, learning rate, batch size, seed. A change takes effect at once.

use crate::project::Change;
use crate::train::{Optimizer, TrainConfig};
use crate::ui::action::Action;
use crate::ui::modal::modal;
use crate::ui::shortcuts::hint;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Button, ComboBox, Context, DragValue, Grid, PopupCloseBehavior, Response, RichText, Ui, vec2};

/// The button of the bar that opens the settings below it.
pub fn training_button(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let button = Button::new("Training").min_size(vec2(0.0, 28.0));
    let menu = egui::containers::menu::MenuButton::from_button(button)
        .config(egui::containers::menu::MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside));
    let (response, _) = menu.ui(ui, |ui| form(ui, state, actions));
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

    fn number(
        &mut self,
        ui: &mut Ui,
        name: &str,
        about: &str,
        most: f64,
        get: impl FnOnce(&mut TrainConfig) -> &mut f64,
    ) {
        self.row(ui, name, about, |ui, config| {
            let value = get(config);
            let speed = (value.abs() * 0.01).max(1e-5);
            ui.add(DragValue::new(value).speed(speed).range(0.0..=most).max_decimals(8))
        });
    }
}

fn form(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let old = &state.document().train;
    let mut form = Form { old, actions };
    Grid::new("training").num_columns(2).min_col_width(150.0).spacing([12.0, 6.0]).show(ui, |ui| {
        form.row(ui, "Optimiser", "The rule that turns gradients into new weights.", |ui, config| {
            let name = |o: &Optimizer| if matches!(o, Optimizer::Sgd { .. }) { "SGD" } else { "Adam" };
            let now = name(&config.optimizer);
            let combo = ComboBox::from_id_salt("optimiser").selected_text(now).show_ui(ui, |ui| {
                for choice in [Optimizer::sgd(0.03), Optimizer::adam(0.001)] {
                    if ui.selectable_label(name(&choice) == now, name(&choice)).clicked() && name(&choice) != now {
                        config.optimizer = choice;
                    }
                }
            });
            combo.response
        });
        rates(ui, &mut form);
        form.row(
            ui,
            "Batch size",
            "Samples per step. Small batches are noisy, large ones slow to react.",
            |ui, config| ui.add(DragValue::new(&mut config.batch_size).range(1..=4096)),
        );
        form.row(
            ui,
            "Seed",
            "The same seed gives the same start and the same order of samples, bit for bit.",
            |ui, config| ui.add(DragValue::new(&mut config.seed)),
        );
        form.row(ui, "Stop after", "Number of epochs; 0 trains until paused.", |ui, config| {
            ui.add(DragValue::new(&mut config.epochs).range(0..=1_000_000).suffix(" epochs"))
        });
    });
    ui.add_space(4.0);
    ui.label(RichText::new("Formulas and defaults are PyTorch's.").font(theme::sans(11.0)).color(theme.dim));
}

fn rates(ui: &mut Ui, form: &mut Form) {
    form.number(ui, "Learning rate", "Length of a step against the gradient.", 1e3, |c| match &mut c.optimizer {
        Optimizer::Sgd { lr, .. } | Optimizer::Adam { lr, .. } => lr,
    });
    form.number(ui, "Weight decay", "Pulls every weight towards zero.", 1e3, |c| match &mut c.optimizer {
        Optimizer::Sgd { weight_decay, .. } | Optimizer::Adam { weight_decay, .. } => weight_decay,
    });
    match form.old.optimizer {
        Optimizer::Sgd { .. } => {
            form.row(ui, "Momentum", "Share of the last step that is kept in this one.", |ui, c| {
                match &mut c.optimizer {
                    Optimizer::Sgd { momentum, .. } => {
                        ui.add(DragValue::new(momentum).speed(0.005).range(0.0..=0.9999))
                    }
                    Optimizer::Adam { .. } => ui.label(""),
                }
            });
            form.row(ui, "Nesterov", "Looks ahead along the momentum; needs momentum and no dampening.", |ui, c| {
                match &mut c.optimizer {
                    Optimizer::Sgd { momentum, dampening, nesterov, .. } => {
                        let able = *momentum > 0.0 && *dampening == 0.0;
                        ui.add_enabled_ui(able, |ui| ui.checkbox(nesterov, "")).inner
                    }
                    Optimizer::Adam { .. } => ui.label(""),
                }
            });
        }
        Optimizer::Adam { .. } => {
            form.row(ui, "Beta 1", "How long the mean of the gradients remembers.", |ui, c| match &mut c.optimizer {
                Optimizer::Adam { beta1, .. } => {
                    ui.add(DragValue::new(beta1).speed(0.001).range(0.0..=0.99999).max_decimals(5))
                }
                Optimizer::Sgd { .. } => ui.label(""),
            });
            form.row(ui, "Beta 2", "How long the mean of their squares remembers.", |ui, c| match &mut c.optimizer {
                Optimizer::Adam { beta2, .. } => {
                    ui.add(DragValue::new(beta2).speed(0.0005).range(0.0..=0.999999).max_decimals(6))
                }
                Optimizer::Sgd { .. } => ui.label(""),
            });
            form.row(ui, "AMSGrad", "Divides by the largest mean of squares so far.", |ui, c| match &mut c.optimizer {
                Optimizer::Adam { amsgrad, .. } => ui.checkbox(amsgrad, ""),
                Optimizer::Sgd { .. } => ui.label(""),
            });
        }
    }
}
