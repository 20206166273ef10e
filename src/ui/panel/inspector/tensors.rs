//! Every tensor of the selected node: heat map, histogram, figures, one element and where it came from.

use crate::graph::{Node, NodeId};
use crate::train::{ElementRef, TensorRef, TensorShot};
use crate::ui::action::Action;
use crate::ui::into::Inside;
use crate::ui::panel::heading;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::heat::{heat_map, histogram, index_text, stats_line};
use crate::ui::widget::terms::terms;
use egui::{Frame, Margin, RichText, Ui, vec2};

/// The chosen element.
#[derive(Default)]
pub struct Tensors {
    chosen: Option<(NodeId, TensorRef, usize)>,
}

impl Tensors {
    /// Draws the tensors.
    pub fn ui(&mut self, ui: &mut Ui, node: &Node, state: &State, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        heading(ui, "Tensors");
        let inspected = state.snapshot.as_ref().and_then(|s| s.inspected.as_ref()).filter(|i| i.node == node.id);
        let Some(inspected) = inspected.filter(|i| !i.tensors.is_empty()) else {
            ui.label(RichText::new("No data yet: train (Space) or step (F10).").color(theme.dim));
            return;
        };
        for t in &inspected.tensors {
            self.tensor(ui, node, t, &theme, actions);
        }
        if let Some((id, which, index)) = self.chosen.filter(|c| c.0 == node.id)
            && let Some(t) = inspected.tensors.iter().find(|t| t.which == which)
        {
            element(ui, node, id, t, index, state, &theme, actions);
        }
    }

    fn tensor(&mut self, ui: &mut Ui, node: &Node, t: &TensorShot, theme: &Theme, actions: &mut Vec<Action>) {
        let colour = if t.is_grad { theme.gradient } else { theme.text };
        ui.horizontal(|ui| {
            ui.label(RichText::new(&t.label).font(theme::mono(11.5)).color(colour));
            if matches!(t.which, TensorRef::WeightGrad(_) | TensorRef::OutputGrad) {
                let name = t.label.trim_end_matches(" δ");
                let button = ui.small_button("why?").accessible_name(format!("why is {name} as it is"));
                let tip = "Why it is zero, small or huge: the paths from the loss, and the factor to blame  (W)";
                if button.on_hover_text(tip).clicked() {
                    actions.push(Action::Why(Some((node.id, t.which))));
                }
            }
            let shape = crate::tensor::shape_text(&t.shape);
            let note = match (t.ready, t.truncated) {
                (false, _) => format!("{shape} · to come"),
                (true, true) => format!("{shape} · first {}", t.data.len()),
                (true, false) => shape,
            };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(note).font(theme::mono(10.5)).color(theme.dim));
            });
        });
        if !t.ready || t.data.is_empty() {
            ui.add_space(4.0);
            return;
        }
        let marked = self.chosen.filter(|c| c.0 == node.id && c.1 == t.which).map(|c| c.2);
        let width = ui.available_width();
        let (rows, _) = crate::ui::widget::heat::grid(t);
        let height = (rows as f32 * 7.0).clamp(22.0, 64.0);
        ui.horizontal(|ui| {
            let (r, under) = heat_map(ui, t, vec2(width * 0.56, height), marked);
            if r.clicked()
                && let Some(i) = under
            {
                self.chosen = Some((node.id, t.which, i));
                actions.push(Action::Explain(self.chosen));
            }
            histogram(ui, t, vec2(ui.available_width(), height));
        });
        stats_line(ui, t);
        ui.add_space(4.0);
    }
}

#[allow(clippy::too_many_arguments, reason = "one element has all these coordinates")]
fn element(
    ui: &mut Ui,
    node: &Node,
    id: NodeId,
    t: &TensorShot,
    index: usize,
    state: &State,
    theme: &Theme,
    actions: &mut Vec<Action>,
) {
    let Some(value) = t.data.get(index) else { return };
    heading(ui, &format!("Element {}{}", t.label, index_text(t, index)));
    Frame::new().fill(theme.card).corner_radius(4).inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        let mono = |s: String, c| RichText::new(s).font(theme::mono(11.0)).color(c);
        if t.editable
            && let TensorRef::Weight(k) = t.which
            && let Some(w) = state.inference.nodes.get(&node.id).and_then(|i| i.weights.get(k))
        {
            ui.horizontal(|ui| {
                ui.label(mono("value".into(), theme.dim));
                let mut v = f64::from(*value);
                let r = ui.add(egui::DragValue::new(&mut v).speed(0.01).max_decimals(6));
                if r.on_hover_text("Drag or type: the weight is overwritten at once").changed() {
                    actions.push(Action::SetWeight { node: id, name: w.name.to_owned(), element: index, value: v });
                }
            });
        } else {
            ui.label(mono(format!("value {value}"), theme.text));
        }
        let asked = ElementRef { node: id, tensor: t.which, index };
        let Some(found) = state.snapshot.as_ref().and_then(|s| s.terms.as_ref()).filter(|f| f.of == asked) else {
            return;
        };
        match &found.made {
            Ok(e) => {
                if let Some(place) = terms(ui, id, e, state) {
                    actions.push(Action::Inside(Inside::To(place)));
                }
            }
            Err(why) => _ = ui.label(RichText::new(why).color(theme.cursor)),
        }
    });
}
