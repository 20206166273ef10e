//! The backward graph over the same nodes: grad_fn on each card, arrows against the wires, leaves as boxes.

use crate::train::bytes_text as bytes;
use crate::train::{AutogradShot, GradNode, GradState};
use crate::ui::canvas::layout::{FOOT, NodeBox, TITLE, WireLine};
use crate::ui::canvas::picture::short;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::text::{LayoutJob, TextWrapping};
use egui::{Align2, Color32, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

/// Whether a gradient comes back along a wire.
fn flows(wire: &WireLine, shot: &AutogradShot) -> bool {
    let wants = |id| shot.graph.node(id).is_some_and(|n| n.requires_grad);
    wire.carries_gradient && wants(wire.wire.from) && wants(wire.wire.to)
}

/// Paints a wire as an edge of the backward graph, from consumer to producer; dashed where no gradient is wanted.
pub fn wire(painter: &Painter, wire: &WireLine, view: &View, shot: &AutogradShot, theme: &Theme) {
    let points: Vec<Pos2> = wire.points.iter().map(|p| view.screen_from_canvas(*p)).collect();
    if !flows(wire, shot) {
        painter.extend(Shape::dashed_line(&points, Stroke::new(1.0, theme.line), 4.0, 5.0));
        return;
    }
    let width = 1.8 * view.zoom.clamp(0.6, 1.5);
    painter.add(Shape::line(points.clone(), Stroke::new(width, theme.gradient)));
    let at = points.len() / 2;
    let (from, to) = (points[(at + 1).min(points.len() - 1)], points[at - 1]);
    let along = (to - from).normalized() * 8.0 * view.zoom.clamp(0.5, 1.5);
    let (tip, side) = (points[at] + along, along.rot90() * 0.6);
    let arrow = vec![tip, points[at] - along * 0.4 + side, points[at] - along * 0.4 - side];
    painter.add(Shape::convex_polygon(arrow, theme.gradient, Stroke::NONE));
}

fn wrapped(
    painter: &Painter,
    at: Pos2,
    text: &str,
    font: egui::FontId,
    colour: Color32,
    width: f32,
    rows: usize,
) -> f32 {
    let mut job = LayoutJob::simple(text.to_owned(), font, colour, width);
    job.wrap = TextWrapping { max_width: width, max_rows: rows, break_anywhere: true, overflow_character: Some('…') };
    let galley = painter.layout_job(job);
    let height = galley.size().y;
    painter.galley(at, galley, colour);
    height
}

/// Paints what a node is in the backward graph over its card, and its leaves below it.
pub fn node(painter: &Painter, node: &NodeBox, view: &View, state: &State, shot: &AutogradShot, theme: &Theme) {
    let z = view.zoom;
    if z < DETAIL_ZOOM {
        return;
    }
    let Some(n) = shot.graph.node(node.id) else { return };
    let rect = view.screen_rect(node.rect);
    let body = Rect::from_min_max(
        pos2(rect.left() + 1.5, rect.top() + TITLE * z + 1.0),
        pos2(rect.right() - 1.5, rect.bottom() - FOOT * z),
    );
    painter.rect_filled(body, 0.0, theme.card);
    let clip = painter.with_clip_rect(body.intersect(painter.clip_rect()));
    let (left, width) = (body.left() + 12.0 * z, body.width() - 22.0 * z);
    let mut y = body.top() + 5.0 * z;
    let mut line = |text: &str, size: f32, colour: Color32, rows: usize| {
        let font = theme::mono(view.font_size(size));
        y += wrapped(&clip, pos2(left, y), text, font, colour, width, rows) + 2.0 * z;
    };
    match &n.grad_fn {
        Ok(name) => line(name, 10.0, theme.gradient, 2),
        Err(why) => line(why, 9.0, theme.dim, 3),
    }
    if n.requires_grad {
        let leaf = if n.is_leaf { "leaf" } else { "non-leaf" };
        line(leaf, 9.0, theme.dim, 1);
        if !n.saved.is_empty() {
            let what: Vec<&str> = n.saved.iter().map(|s| s.what.as_str()).collect();
            line(&format!("saves {} · {}", what.join(", "), bytes(n.saved_bytes())), 9.0, theme.text, 2);
        }
        if state.retained.contains(&node.id) {
            line("retain_grad", 9.0, theme.gradient, 1);
        }
    }
    leaves(painter, n, rect, view, shot, theme);
}

/// The `AccumulateGrad` of each weight.
fn leaves(painter: &Painter, n: &GradNode, rect: Rect, view: &View, shot: &AutogradShot, theme: &Theme) {
    let z = view.zoom;
    let mut top = rect.bottom() + 9.0 * z;
    for k in &n.weights {
        let (Some(leaf), Some((grad, norm))) = (shot.graph.leaves.get(*k), shot.leaves.get(*k)) else { continue };
        if *grad == GradState::Buffer {
            continue;
        }
        let place = Rect::from_min_size(pos2(rect.left() + 10.0 * z, top), vec2(rect.width() - 10.0 * z, 40.0 * z));
        let colour = if leaf.requires_grad { theme.gradient } else { theme.line };
        let stale = matches!(grad, GradState::Stale { .. });
        painter.line_segment(
            [pos2(place.left() - 5.0 * z, rect.bottom()), pos2(place.left() - 5.0 * z, place.center().y)],
            Stroke::new(z, colour),
        );
        painter.line_segment(
            [pos2(place.left() - 5.0 * z, place.center().y), place.left_center()],
            Stroke::new(z, colour),
        );
        painter.rect(place, 3.0, theme.card, Stroke::new(1.0, colour), StrokeKind::Inside);
        let clip = painter.with_clip_rect(place.intersect(painter.clip_rect()));
        let small = theme::mono(view.font_size(8.5));
        let head =
            if leaf.requires_grad { format!("AccumulateGrad {}", leaf.name) } else { format!("{} frozen", leaf.name) };
        clip.text(place.left_top() + vec2(6.0, 5.0) * z, Align2::LEFT_TOP, head, small.clone(), theme.text);
        let norm = norm.map_or(String::new(), |n| format!("‖g‖ {} ", short(n)));
        let tone = if stale { theme.warning } else { theme.dim };
        let text = format!("{norm}{}", grad.text());
        clip.text(place.left_bottom() + vec2(6.0, -5.0) * z, Align2::LEFT_BOTTOM, text, small, tone);
        top = place.bottom() + 4.0 * z;
    }
}
