//! How each weight of the selected node is trained: frozen, at a rate of its own, with a decay of its own.

use crate::graph::{Edit, Node, Tuning};
use crate::project::Change;
use crate::ui::action::Action;
use crate::ui::panel::heading;
use crate::ui::settings::push_change;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{DragValue, Grid, RichText, Ui};

/// Draws a row for each weight that a gradient can move.
pub fn ui(ui: &mut Ui, node: &Node, state: &State, actions: &mut Vec<Action>) {
    let weights =
        state.inference.nodes.get(&node.id).map(|i| i.weights.iter().filter(|w| !w.buffer).collect::<Vec<_>>());
    let Some(weights) = weights.filter(|w| !w.is_empty()) else { return };
    let theme = Theme::of(ui.ctx());
    heading(ui, "Training of its weights");
    let columns = [
        ("", "The weight"),
        ("trains", "requires_grad: off, the weight stays as it is; gradients still flow through the node"),
        ("rate ×", "Factor of the learning rate for this weight alone"),
        ("decay", "Weight decay of this weight in place of the optimiser's"),
    ];
    Grid::new(("tuning", node.id.0)).num_columns(4).spacing([10.0, 4.0]).show(ui, |ui| {
        for (name, about) in columns {
            ui.label(RichText::new(name).font(theme::sans(11.0)).color(theme.dim)).on_hover_text(about);
        }
        ui.end_row();
        for w in weights {
            let old = node.tuning.get(w.name).copied().unwrap_or_default();
            row(ui, node, w.name, old, &theme, actions);
            ui.end_row();
        }
    });
}

fn row(ui: &mut Ui, node: &Node, weight: &str, old: Tuning, theme: &Theme, actions: &mut Vec<Action>) {
    let wrap = |tuning| Change::Graph(Edit::Tune { node: node.id, weight: weight.to_owned(), tuning });
    let colour = if old.frozen { theme.dim } else { theme.text };
    ui.label(RichText::new(weight).font(theme::mono(11.5)).color(colour));
    let mut trains = !old.frozen;
    let r = ui.checkbox(&mut trains, "").on_hover_text(if old.frozen {
        "Frozen: the optimiser leaves it alone. Click to train it again"
    } else {
        "Trained. Click to freeze it (requires_grad = False)"
    });
    r.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, trains, format!("{weight} requires grad")));
    push_change(&r, &old, Tuning { frozen: !trains, ..old }, wrap, actions);

    let mut factor = old.lr_factor;
    let field = DragValue::new(&mut factor).speed(0.01).range(0.0..=1000.0).max_decimals(4);
    let r = ui.add_enabled(!old.frozen, field);
    r.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::SpinButton, !old.frozen, format!("{weight} learning rate factor"))
    });
    push_change(&r, &old, Tuning { lr_factor: factor, ..old }, wrap, actions);
    r.on_hover_text("1 is the optimiser's own rate, 0.1 a tenth of it, 0 none");

    ui.horizontal(|ui| {
        let mut own = old.weight_decay.is_some();
        let r = ui.add_enabled(!old.frozen, egui::Checkbox::without_text(&mut own));
        r.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::CheckBox, !old.frozen, own, format!("{weight} own weight decay"))
        });
        let decay = own.then(|| old.weight_decay.unwrap_or(0.0));
        push_change(&r, &old, Tuning { weight_decay: decay, ..old }, wrap, actions);
        r.on_hover_text("On: a decay of its own, even 0. Off: the optimiser's");
        if let Some(mut decay) = old.weight_decay {
            let field = DragValue::new(&mut decay).speed(1e-4).range(0.0..=1000.0).max_decimals(6);
            let r = ui.add_enabled(!old.frozen, field);
            let name = format!("{weight} weight decay");
            r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SpinButton, !old.frozen, name.clone()));
            push_change(&r, &old, Tuning { weight_decay: Some(decay), ..old }, wrap, actions);
        } else {
            ui.label(RichText::new("optimiser's").font(theme::sans(11.0)).color(theme.dim));
        }
    });
}
