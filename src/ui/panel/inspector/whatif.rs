//! The chosen element of a tensor: another number for it on trial, and what follows from that at this node.

use crate::graph::Node;
use crate::train::{ElementRef, Order, Poke, index_text};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::heading;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{DragValue, RichText, Ui};

/// Draws the section, if an element is chosen or numbers are on trial.
pub fn ui(ui: &mut Ui, node: &Node, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let Some(snapshot) = state.snapshot.as_ref() else { return };
    let mono = |t: String, c| RichText::new(t).font(theme::mono(11.0)).color(c);
    let what = snapshot.what_if.as_ref();
    let tensors = snapshot.inspected.as_ref().filter(|i| i.node == node.id).map_or(&[][..], |i| i.tensors.as_slice());
    let chosen = state.want.element.filter(|e| e.node == node.id);
    let shot = chosen.and_then(|e| tensors.iter().find(|t| t.which == e.tensor && t.ready).map(|t| (e, t)));
    let changed = what.and_then(|w| w.nodes.get(&node.id));
    if shot.is_none() && changed.is_none() {
        return;
    }
    heading(ui, "What if");
    if let Some((e, t)) = shot
        && let Some(real) = t.data.get(e.index)
    {
        let tried = what.and_then(|w| w.pokes.iter().find(|p| p.0.of == e).map(|p| p.0.value));
        ui.horizontal(|ui| {
            ui.label(mono(format!("{}{}", t.label, index_text(&t.shape, e.index)), theme.text));
            let mut value = tried.unwrap_or(f64::from(*real));
            let speed = (value.abs() * 0.02).max(0.005);
            let field = DragValue::new(&mut value).speed(speed).max_decimals(6);
            let r = ui.add_enabled(!snapshot.running, field).accessible_name("what if value");
            let r = r
                .on_hover_text(
                    "Drag or type another number. It is tried on a copy of this batch: everything behind it shows old → \
                     new, and nothing is changed until you keep it.",
                )
                .on_disabled_hover_text("Pause first: numbers are tried on the batch where the run stands.");
            if r.changed() {
                actions.push(Action::WhatIf(Order::Try(Poke { of: e, value })));
            }
            if tried.is_some() {
                ui.label(mono(format!("was {}", short(f64::from(*real))), theme.dim));
                let back = ui.small_button("↺").accessible_name("take this number back");
                if back.on_hover_text("Takes this number back.").clicked() {
                    actions.push(Action::WhatIf(Order::Drop(ElementRef { ..e })));
                }
            }
        });
    }
    for d in changed.into_iter().flatten() {
        let (at, a, b) = d.most;
        let all: usize = d.shape.iter().product();
        let colour = if d.label.ends_with("grad") { theme.gradient } else { theme.text };
        ui.label(mono(format!("{}  ‖·‖ {} → {}", d.label, short(d.norm.0), short(d.norm.1)), colour));
        let most = format!("{} {} → {}", index_text(&d.shape, at), short(a), short(b));
        ui.label(mono(format!("  {} of {all} changed, most {most}", d.changed), theme.dim));
    }
}
