//! The window "First bad value": where the first NaN or infinity was born, by which rule, and buttons that mend it.

use crate::train::{Birth, Granularity, Remedy};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::panel::go_to;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Context, Grid, RichText, Ui, vec2};

impl App {
    /// Draws the window while there is a bad value to explain.
    pub(super) fn show_birth(&mut self, ctx: &Context) {
        let Some(birth) = self.state.birth.clone() else { return };
        let mut open = true;
        let shown = egui::Window::new("First bad value")
            .id(egui::Id::unique("first bad value"))
            .open(&mut open)
            .collapsible(true)
            .resizable(false)
            .default_width(430.0)
            .pivot(Align2::LEFT_TOP)
            .default_pos(self.canvas.area().left_top() + vec2(20.0, 20.0));
        shown.show(ctx, |ui| content(ui, &birth, &mut self.actions));
        if !open {
            self.state.birth = None;
        }
    }
}

fn content(ui: &mut Ui, birth: &Birth, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    ui.set_max_width(430.0);
    ui.horizontal_wrapped(|ui| {
        let name = RichText::new(&birth.name).font(theme::bold(14.0));
        if ui.link(name).on_hover_text("Show this node").clicked() {
            go_to(birth.node, actions);
        }
        let phase = format!("{:?}", birth.phase).to_lowercase();
        ui.label(RichText::new(format!("{phase} · {}", birth.element)).font(theme::mono(12.0)));
        ui.label(RichText::new(format!("= {}", birth.value)).font(theme::mono(12.0)).color(theme.error));
    });
    ui.add_space(4.0);
    ui.label(RichText::new(format!("Why: {}.", birth.rule)).color(theme.text));
    for sign in &birth.signs {
        ui.colored_label(theme.warning, sign);
    }
    if !birth.readings.is_empty() {
        ui.add_space(4.0);
        Grid::new("readings").num_columns(2).spacing([14.0, 3.0]).show(ui, |ui| {
            for (label, value) in &birth.readings {
                ui.label(RichText::new(label).font(theme::mono(11.0)).color(theme.dim));
                let colour = if value.is_finite() { theme.text } else { theme.error };
                ui.label(RichText::new(value.to_string()).font(theme::mono(11.0)).color(colour));
                ui.end_row();
            }
        });
        if birth.hidden > 0 {
            ui.weak(format!("and {} more", birth.hidden));
        }
    }
    ui.add_space(6.0);
    ui.label(RichText::new("The run stands right after this instruction. What to do:").color(theme.dim));
    for remedy in &birth.remedies {
        let button = ui.button(remedy.label());
        let tip = "Goes back to the start of this batch and makes this change; undo takes the change back.";
        if button.on_hover_text(tip).clicked() {
            actions.push(Action::Back(Granularity::Batch));
            actions.push(match remedy {
                Remedy::Graph(fix) => Action::Fix(fix.clone()),
                Remedy::Train(_, config) => Action::Change(crate::project::Change::Train(config.clone())),
            });
        }
    }
    ui.horizontal(|ui| {
        let back = ui.button("One instruction back");
        if back.on_hover_text("To the moment before the bad value was born (Shift+F10).").clicked() {
            actions.push(Action::Back(Granularity::Node));
        }
        if ui.button("Reset").on_hover_text("Start again from the same initial weights (Home).").clicked() {
            actions.push(Action::Reset);
        }
    });
}
