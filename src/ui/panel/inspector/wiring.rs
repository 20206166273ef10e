//! What feeds each input, and a way to change it without a mouse.

use crate::graph::{Edit, Node, Wire};
use crate::ops::{Role, Spec};
use crate::project::Change;
use crate::ui::action::Action;
use crate::ui::panel::{heading, row_label};
use crate::ui::state::State;
use egui::{ComboBox, Ui};

/// Draws one chooser per input pin.
pub fn ui(ui: &mut Ui, node: &Node, spec: &Spec, state: &State, actions: &mut Vec<Action>) {
    let pins = state.graph().pins(node.id);
    if pins == 0 || spec.role == Role::Penalty {
        return;
    }
    heading(ui, "Inputs");
    let wires = state.graph().inputs(node.id);
    for k in 0..pins {
        let now = wires.iter().find(|w| w.input == k);
        ui.horizontal(|ui| {
            row_label(ui, spec.input_name(k));
            let name = now.and_then(|w| state.graph().node(w.from)).map_or("not connected", |n| n.name.as_str());
            let shape = now.and_then(|w| state.inference.shape(w.from)).map_or_else(String::new, |s| format!("  {s}"));
            let r = ComboBox::from_id_salt((node.id.0, "input", k)).selected_text(format!("{name}{shape}")).show_ui(
                ui,
                |ui| {
                    if let Some(w) = now
                        && ui.selectable_label(false, "disconnect").clicked()
                    {
                        actions.push(Action::Change(Change::Graph(Edit::Disconnect(*w))));
                    }
                    for source in state.graph().nodes() {
                        let current = now.is_some_and(|w| w.from == source.id);
                        if !current && state.graph().refuse(source.id, node.id, k).is_some() {
                            continue;
                        }
                        if ui.selectable_label(current, &source.name).clicked() && !current {
                            let wire = Wire { from: source.id, output: 0, to: node.id, input: k };
                            actions.push(Action::Change(Change::Graph(Edit::Connect(wire))));
                        }
                    }
                },
            );
            let (ctx, id) = (r.response.ctx.clone(), r.response.id);
            ctx.accesskit_node_builder(id, |b| b.set_label(format!("source of {}", spec.input_name(k))));
        });
    }
}
