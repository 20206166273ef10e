//! Wires: shape while editing, gradient while going back.

use crate::train::{NodeState, Snapshot};
use crate::ui::canvas::layout::WireLine;
use crate::ui::canvas::picture;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Mesh, Painter, Pos2, Shape, Stroke, StrokeKind, vec2};

/// Colour and width of a wire; violet where a gradient has come back, wider where it is larger.
fn look(wire: &WireLine, snapshot: Option<&Snapshot>, theme: &Theme) -> (Color32, f32) {
    if wire.bad {
        return (theme.error, 2.0);
    }
    let back = snapshot.filter(|s| !s.at_rest).and_then(|s| s.nodes.get(&wire.wire.to));
    if let Some(shot) = back.filter(|s| s.state == NodeState::BackwardDone && wire.carries_gradient) {
        let norm = shot.grad_stats.map_or(0.0, |g| g.norm);
        return (theme.gradient, 1.2 + 2.6 * picture::decades(norm));
    }
    let tint = wire.category.map_or(theme.dim, |c| theme.category(c));
    (theme.dim.lerp_to_gamma(tint, 0.35), 1.5)
}

/// Below this zoom a wire is a straight line.
pub const STRAIGHT: f32 = 0.15;

/// Adds a wire of a zoomed-out view to one mesh, with few segments.
pub fn paint_far(mesh: &mut Mesh, wire: &WireLine, view: &View, snapshot: Option<&Snapshot>, theme: &Theme) {
    let (colour, width) = look(wire, snapshot, theme);
    let half = (width * view.zoom).clamp(0.4, 1.5);
    let every = if view.zoom < STRAIGHT { wire.points.len() - 1 } else { 4 };
    let mut last: Option<Pos2> = None;
    for p in wire.points.iter().step_by(every) {
        let p = view.screen_from_canvas(*p);
        if let Some(q) = last {
            let normal = (p - q).rot90().normalized() * half;
            let at = mesh.vertices.len() as u32;
            for corner in [q - normal, q + normal, p - normal, p + normal] {
                mesh.colored_vertex(corner, colour);
            }
            mesh.add_triangle(at, at + 1, at + 2);
            mesh.add_triangle(at + 1, at + 3, at + 2);
        }
        last = Some(p);
    }
}

/// Paints one wire, its shape in the middle.
pub fn paint(painter: &Painter, wire: &WireLine, view: &View, snapshot: Option<&Snapshot>, lit: bool, theme: &Theme) {
    let (mut colour, mut width) = look(wire, snapshot, theme);
    if lit {
        (colour, width) = (theme.text, width + 1.0);
    }
    let points: Vec<Pos2> = wire.points.iter().map(|p| view.screen_from_canvas(*p)).collect();
    let next = snapshot.filter(|s| !s.at_rest).and_then(|s| s.program.get(s.cursor)).map(|i| i.node);
    if next == Some(wire.wire.to) {
        painter.extend(Shape::dashed_line(&points, Stroke::new(width + 0.5, theme.cursor), 7.0, 5.0));
    } else {
        painter.add(Shape::line(points, Stroke::new(width * view.zoom.clamp(0.6, 1.5), colour)));
    }
}

/// The shape of a wire on a chip, where there is room for it.
pub fn paint_shape(painter: &Painter, wire: &WireLine, view: &View, theme: &Theme) {
    if view.zoom < DETAIL_ZOOM || wire.shape.is_empty() {
        return;
    }
    let font = theme::mono(view.font_size(9.5));
    let colour = if wire.bad { theme.error } else { theme.dim };
    let galley = painter.layout_no_wrap(wire.shape.clone(), font, colour);
    let (Some(first), Some(last)) = (wire.points.first(), wire.points.last()) else { return };
    let pad = vec2(5.0, 2.0) * view.zoom;
    if (last.x - first.x).abs() * view.zoom < galley.size().x + 2.0 * pad.x + 4.0 {
        return;
    }
    let middle = view.screen_from_canvas(wire.points[wire.points.len() / 2]);
    let rect = egui::Align2::CENTER_CENTER.anchor_size(middle, galley.size() + 2.0 * pad);
    painter.rect(rect, 4.0, theme.canvas, Stroke::new(1.0, theme.line), StrokeKind::Inside);
    painter.galley(rect.min + pad, galley, colour);
}

/// The wire that the user is pulling, with the reason why it cannot end here.
pub fn paint_pulled(painter: &Painter, from: Pos2, to: Pos2, refused: Option<&str>, theme: &Theme) {
    let colour = if refused.is_some() { theme.error } else { theme.accent };
    painter.add(Shape::line(super::view::flatten(from, to, 20), Stroke::new(2.0, colour)));
    painter.circle_filled(to, 4.0, colour);
    if let Some(why) = refused {
        let at = to + vec2(14.0, 14.0);
        let galley = painter.layout(why.to_owned(), theme::sans(12.0), theme.text, 280.0);
        let rect = Align2::LEFT_TOP.anchor_size(at, galley.size() + vec2(16.0, 10.0));
        painter.rect(rect, 4.0, theme.panel, Stroke::new(1.0, theme.error), StrokeKind::Inside);
        painter.galley(rect.min + vec2(8.0, 5.0), galley, theme.text);
    }
}

/// Distance on the screen from `at` to a wire.
pub fn distance(wire: &WireLine, view: &View, at: Pos2) -> f32 {
    let p = view.canvas_from_screen(at);
    let near = wire.points.windows(2).map(|s| segment_distance(s[0], s[1], p)).fold(f32::INFINITY, f32::min);
    near * view.zoom
}

fn segment_distance(a: Pos2, b: Pos2, p: Pos2) -> f32 {
    let ab = b - a;
    let t = if ab.length_sq() > 0.0 { ((p - a).dot(ab) / ab.length_sq()).clamp(0.0, 1.0) } else { 0.0 };
    (p - (a + ab * t)).length()
}
