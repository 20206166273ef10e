//! What a node costs, under its card: its share of the time of a step, and its memory.

use crate::train::Cost;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::theme::{self, Theme};
use egui::{Align2, Id, Painter, Rect, Sense, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// Where the cost of the node whose card is at `rect` is drawn.
fn place(rect: Rect, view: &View) -> Rect {
    let z = view.zoom;
    let text = if z >= DETAIL_ZOOM { 14.0 * z } else { 0.0 };
    let top = rect.bottom() + 5.0 * z;
    Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + (5.0 * z).max(2.0) + text))
}

/// Gives the cost of the node `name` an accessible name and a tooltip.
pub fn register(ui: &Ui, rect: Rect, name: &str, id: Id, cost: &Cost, view: &View) {
    let response = ui.interact(place(rect, view), id.with("cost"), Sense::hover());
    let text = format!("cost of {name}: {}", cost.text());
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, &text));
    response
        .on_hover_text("Share of the time of a training step · time of this node in a step · memory of its numbers");
}

/// Paints the cost of the node whose card is at `rect`: the wider the bar, the larger the share; text where it can be
/// read.
pub fn paint(painter: &Painter, rect: Rect, cost: &Cost, view: &View, theme: &Theme) {
    let z = view.zoom;
    let top = rect.bottom() + 5.0 * z;
    let bar = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + (5.0 * z).max(2.0)));
    painter.rect_filled(bar, 1.0, theme.line);
    let width = bar.width() * cost.share.clamp(0.0, 1.0) as f32;
    painter.rect_filled(Rect::from_min_size(bar.min, vec2(width, bar.height())), 1.0, theme.cost);
    let frame = theme::fade(theme.cost, cost.share.clamp(0.0, 1.0).sqrt() as f32);
    painter.rect_stroke(rect, (6.0 * z).clamp(2.0, 12.0), egui::Stroke::new(2.0, frame), StrokeKind::Outside);
    if z >= DETAIL_ZOOM {
        let at = pos2(rect.left(), bar.bottom() + 2.0 * z);
        painter.text(at, Align2::LEFT_TOP, cost.text(), theme::mono(view.font_size(9.5)), theme.dim);
    }
}
