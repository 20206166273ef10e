//! The whole graph in a corner; a click or drag moves the view there.

use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::view::View;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Mesh, Rect, Sense, Stroke, StrokeKind, Ui, vec2};

/// Height of the line that says the zoom.
const HEAD: f32 = 16.0;

/// Draws the map in the lower right corner, or only the zoom where it would cover a node of a graph that is all in view.
/// Returns its rectangle, which the canvas must leave alone.
pub fn minimap(ui: &mut Ui, layout: &Layout, view: &mut View, theme: &Theme) -> Option<Rect> {
    let all = layout.bounds?;
    if view.area.width() < 420.0 || view.area.height() < 240.0 {
        return None;
    }
    let size = vec2(148.0, 100.0 + HEAD);
    let rect = Rect::from_min_size(view.area.right_bottom() - size - vec2(14.0, 14.0), size);
    let zoom = format!("{:.0} %", view.zoom * 100.0);
    let font = theme::mono(10.0);
    let under = Rect::from_min_max(view.canvas_from_screen(rect.min), view.canvas_from_screen(rect.max));
    // A map of what is all in view anyway must not hide a part of it.
    if view.visible().contains_rect(all) && layout.nodes.iter().any(|n| n.rect.intersects(under)) {
        ui.painter().text(rect.right_bottom(), Align2::RIGHT_BOTTOM, zoom, font, theme.dim);
        return None;
    }
    let response = ui.interact(rect, ui.scope_id().with("minimap"), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, "Minimap"));
    let painter = ui.painter_at(rect);
    painter.rect(rect, 4.0, theme.panel.gamma_multiply(0.92), Stroke::new(1.0, theme.line), StrokeKind::Inside);
    let world = all.union(view.visible().intersect(all.expand(400.0))).expand(30.0);
    let map = Rect::from_min_max(rect.min + vec2(2.0, HEAD), rect.max - vec2(2.0, 2.0));
    let scale = (map.width() / world.width()).min(map.height() / world.height());
    let to_map = |r: Rect| {
        let min = map.center() + (r.min - world.center()) * scale;
        Rect::from_min_size(min, r.size() * scale)
    };
    let mut mesh = Mesh::default();
    mesh.reserve_vertices(4 * layout.nodes.len());
    mesh.reserve_triangles(2 * layout.nodes.len());
    for n in &layout.nodes {
        let colour = n.category.map_or(theme.dim, |c| theme.category(c));
        mesh.add_colored_rect(to_map(n.rect), colour.gamma_multiply(0.75));
    }
    painter.add(mesh);
    painter.rect_stroke(to_map(view.visible()), 2.0, Stroke::new(1.0, theme.dim), StrokeKind::Inside);
    painter.text(rect.right_top() + vec2(-6.0, 3.0), Align2::RIGHT_TOP, zoom, font, theme.dim);
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked()) {
        view.center = world.center() + (at - map.center()) / scale;
    }
    Some(rect)
}
