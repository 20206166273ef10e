//! The list of node kinds: click to add, or drag onto the canvas.

use crate::ops::{Category, Spec, catalogue::CATALOGUE};
use crate::ui::action::Action;
use crate::ui::canvas::DragKind;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::style::ScrollStyle;
use egui::{Align2, CornerRadius, Rect, ScrollArea, Sense, TextEdit, Ui, vec2};

/// Draws the list; `filter` is the text of its search field, `center` where a clicked node goes.
pub fn node_palette(ui: &mut Ui, state: &State, filter: &mut String, center: [f32; 2], actions: &mut Vec<Action>) {
    let field = ui.add(TextEdit::singleline(filter).hint_text("Add node…   Shift+A").desired_width(f32::INFINITY));
    field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Filter nodes"));
    let needle = filter.to_lowercase();
    let fits = |s: &Spec| needle.is_empty() || s.label.to_lowercase().contains(&needle) || s.id.contains(&needle);
    // The list is longer than the window: its bar is always there to say so.
    ui.spacing_mut().scroll = ScrollStyle::thin();
    let mut found = false;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for category in Category::ALL {
            let specs: Vec<&'static Spec> =
                CATALOGUE.iter().map(|k| k.spec).filter(|s| s.category == category && fits(s)).collect();
            found |= !specs.is_empty();
            if !specs.is_empty() && (family(ui, category, specs.len()) || !needle.is_empty()) {
                specs.into_iter().for_each(|spec| entry(ui, spec, state, center, actions));
            }
        }
        if !found {
            ui.add_space(10.0);
            ui.weak(format!("No node is called \"{}\".", filter.trim()));
        }
    });
}

/// The heading of a family, which folds it. Whether it is open.
fn family(ui: &mut Ui, category: Category, count: usize) -> bool {
    let theme = Theme::of(ui.ctx());
    let id = egui::Id::unique(("palette family", category.label()));
    let mut open = ui.data(|d| d.get_temp(id).unwrap_or(true));
    ui.add_space(6.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::click());
    let label = category.label().to_uppercase();
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, open, &label));
    let colour = if response.hovered() || response.has_focus() { theme.text } else { theme.dim };
    let painter = ui.painter();
    let sign = if open { "▾" } else { "▸" };
    painter.text(rect.left_center(), Align2::LEFT_CENTER, sign, theme::mono(11.0), colour);
    painter.text(rect.left_center() + vec2(14.0, 0.0), Align2::LEFT_CENTER, label, theme::bold(10.5), colour);
    let right = rect.right_center() - vec2(4.0, 0.0);
    painter.text(right, Align2::RIGHT_CENTER, count.to_string(), theme::mono(10.0), theme.dim);
    if response.clicked() {
        open = !open;
        ui.data_mut(|d| d.insert_temp(id, open));
    }
    response.on_hover_text("Fold this family, or unfold it");
    open
}

fn entry(ui: &mut Ui, spec: &'static Spec, state: &State, center: [f32; 2], actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 21.0), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, spec.label));
    let painter = ui.painter();
    let lit = response.hovered() || response.has_focus();
    painter.rect_filled(rect, CornerRadius::same(3), if lit { theme.card_hover } else { theme.card });
    let bar = Rect::from_min_size(rect.min, vec2(3.0, rect.height()));
    painter.rect_filled(bar, CornerRadius::same(1), theme.category(spec.category));
    painter.text(rect.left_center() + vec2(12.0, 0.0), Align2::LEFT_CENTER, spec.label, theme::sans(12.5), theme.text);
    response.dnd_set_drag_payload(DragKind(spec.id));
    if response.dragged()
        && let Some(p) = ui.ctx().pointer_latest_pos()
    {
        let ghost = ui.ctx().layer_painter(egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("palette drag")));
        let at = Rect::from_min_size(p + vec2(8.0, 8.0), vec2(120.0, 24.0));
        ghost.rect_filled(at, 4.0, theme.category(spec.category).gamma_multiply(0.8));
        ghost.text(at.center(), Align2::CENTER_CENTER, spec.label, theme::sans(12.0), theme.text);
    }
    let clicked = response.clicked();
    response.on_hover_ui(|ui| {
        ui.set_max_width(300.0);
        ui.strong(spec.label);
        ui.label(spec.doc);
        crate::ui::widget::formula::formula(ui, spec.formula.forward, 15.0, theme.text);
        if !spec.torch.is_empty() {
            ui.weak(format!("PyTorch: {}", spec.torch));
        }
    });
    if clicked {
        // Step aside from what is there already, so that nodes do not hide each other.
        let mut pos = center;
        while state.graph().nodes().any(|n| (n.pos[0] - pos[0]).abs() < 20.0 && (n.pos[1] - pos[1]).abs() < 20.0) {
            pos = [pos[0] + 24.0, pos[1] + 24.0];
        }
        actions.push(Action::AddNode { kind: spec.id.to_owned(), pos, connect: None });
    }
}
