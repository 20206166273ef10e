//! The parameters of the selected node, a control each.

use crate::graph::{Edit, Node};
use crate::ops::Spec;
use crate::project::Change;
use crate::ui::action::Action;
use crate::ui::panel::{heading, row_label};
use crate::ui::state::State;
use crate::ui::widget::value::{Edited, value_control};
use egui::Ui;

/// Draws the controls.
pub fn ui(ui: &mut Ui, node: &Node, spec: &'static Spec, state: &State, actions: &mut Vec<Action>) {
    if spec.params.is_empty() {
        return;
    }
    heading(ui, "Parameters");
    let filled = node.filled();
    let dragging = egui::Id::unique("parameter drag");
    for p in spec.params {
        let Some(value) = filled.get(p.name) else { continue };
        ui.push_id((node.id.0, p.name), |ui| {
            ui.horizontal(|ui| {
                row_label(ui, p.name).on_hover_text(format!("{}\n{}", p.doc, range(p)));
                let set = |value| Change::Graph(Edit::SetParam { node: node.id, name: p.name.to_owned(), value });
                let edited = value_control(ui, p, value, state);
                let open = ui.data(|d| d.get_temp::<bool>(dragging)).unwrap_or(false);
                match edited {
                    Edited::No => {}
                    Edited::Live(v) => {
                        if !open {
                            actions.push(Action::Begin(format!("Set {}", p.name)));
                            ui.data_mut(|d| d.insert_temp(dragging, true));
                        }
                        actions.push(Action::Live(set(v)));
                    }
                    Edited::Done(v) if open => {
                        actions.push(Action::Live(set(v)));
                        actions.push(Action::Commit);
                        ui.data_mut(|d| d.insert_temp(dragging, false));
                    }
                    Edited::Done(v) => actions.push(Action::Change(set(v))),
                }
                if *value != (p.default)() && ui.small_button("↺").on_hover_text("Back to the default").clicked() {
                    actions.push(Action::Change(set((p.default)())));
                }
            });
        });
    }
}

fn range(p: &crate::ops::ParamSpec) -> String {
    use crate::ops::ParamKind as K;
    match p.kind {
        K::Int { min, max } => format!("whole number from {min} to {max}"),
        K::Float { min, max, .. } => format!("number from {min} to {max} {}", p.unit),
        K::Choice(names) => format!("one of {}", names.join(", ")),
        K::Bool => "on or off".to_owned(),
        K::Ints => "whole numbers, separated by spaces".to_owned(),
        K::Floats => "numbers, separated by spaces".to_owned(),
        K::Nodes => "nodes whose weights it covers; none chosen means all".to_owned(),
    }
}
