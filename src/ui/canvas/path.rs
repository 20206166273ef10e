//! The path of a gradient from the loss to a parameter or value, lit on the canvas.

use crate::graph::{NodeId, Wire};
use crate::train::{Leg, TensorRef};
use crate::ui::action::Action;
use crate::ui::canvas::layout::{Layout, WireLine};
use crate::ui::canvas::picture::short;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Galley, Painter, Rect, Shape, Stroke, StrokeKind, Ui, vec2};
use std::sync::Arc;

/// Lights wires and nodes of the path, and marks the one to blame.
pub fn paint(painter: &Painter, layout: &Layout, view: &View, state: &State, theme: &Theme) {
    let Some(route) = crate::ui::why::lit(state) else { return };
    let leg = |w: Wire| route.legs.iter().find(|l| l.node == w.to && l.pin == Some(w.input));
    let seen = view.visible().expand(16.0);
    for w in layout.wires.iter().filter(|w| seen.intersects(w.bounds)) {
        if let Some(leg) = leg(w.wire) {
            wire(painter, w, view, leg, theme);
        }
    }
    if let Some((node, TensorRef::OutputGrad)) = state.want.why
        && let Some(n) = layout.node(node).filter(|n| seen.intersects(n.rect))
    {
        // Where the path leads to.
        let rect = view.screen_rect(n.rect).expand(3.0);
        painter.rect_stroke(rect, 7.0, Stroke::new(1.5, theme.gradient), StrokeKind::Outside);
    }
    for (k, leg) in route.legs.iter().enumerate() {
        let Some(n) = layout.node(leg.node).filter(|n| seen.intersects(n.rect)) else { continue };
        let rect = view.screen_rect(n.rect).expand(3.0);
        let guilty = route.guilty == Some(k);
        let colour = if guilty { theme.error } else { theme.gradient };
        let width = if guilty { 2.5 } else { 1.5 };
        painter.rect_stroke(rect, 7.0, Stroke::new(width, colour), StrokeKind::Outside);
    }
    for Factor { rect, galley, colour } in factors(painter, layout, view, state, theme) {
        painter.rect(rect, 4.0, theme.canvas, Stroke::new(1.0, colour), StrokeKind::Inside);
        painter.galley(rect.min + vec2(4.0, 2.0), galley, colour);
    }
}

/// The factor of a node on the path, written above it.
struct Factor {
    rect: Rect,
    galley: Arc<Galley>,
    colour: Color32,
}

/// The factors of the lit path, where nodes show details.
fn factors(painter: &Painter, layout: &Layout, view: &View, state: &State, theme: &Theme) -> Vec<Factor> {
    let Some(route) = crate::ui::why::lit(state).filter(|_| view.zoom >= DETAIL_ZOOM) else { return Vec::new() };
    let one = |(k, leg): (usize, &Leg)| {
        let rect = view.screen_rect(layout.node(leg.node)?.rect).expand(3.0);
        let guilty = route.guilty == Some(k);
        let colour = if guilty { theme.error } else { theme.gradient };
        let text = match (leg.factor(), &leg.finding) {
            (Some(f), Some(found)) if guilty => format!("× {} {}", short(f), found.short),
            (None, Some(found)) if guilty => found.short.clone(),
            (Some(f), _) => format!("× {}", short(f)),
            (None, _) => return None,
        };
        let galley = painter.layout_no_wrap(text, theme::mono(view.font_size(10.0)), colour);
        let rect = Align2::RIGHT_BOTTOM.anchor_size(rect.right_top() - vec2(14.0, 2.0), galley.size() + vec2(8.0, 4.0));
        Some(Factor { rect, galley, colour })
    };
    route.legs.iter().enumerate().filter_map(one).collect()
}

/// Where factors are written, in canvas points: what floats over the canvas is put elsewhere.
pub fn written(painter: &Painter, layout: &Layout, view: &View, state: &State, theme: &Theme) -> Vec<Rect> {
    let corners = |f: Factor| [f.rect.min, f.rect.max].map(|p| view.canvas_from_screen(p));
    let all = factors(painter, layout, view, state, theme).into_iter().map(corners);
    all.map(|[min, max]| Rect::from_min_max(min, max)).collect()
}

/// A wire of the path: whole while a gradient comes along it, dashed where none does.
fn wire(painter: &Painter, wire: &WireLine, view: &View, leg: &Leg, theme: &Theme) {
    let points: Vec<_> = wire.points.iter().map(|p| view.screen_from_canvas(*p)).collect();
    let width = 3.0 * view.zoom.clamp(0.5, 1.3);
    if leg.leaves.is_some_and(|x| x > 0.0) {
        painter.add(Shape::line(points, Stroke::new(width, theme.gradient)));
    } else {
        painter.extend(Shape::dashed_line(&points, Stroke::new(width, theme.gradient.gamma_multiply(0.6)), 4.0, 6.0));
    }
}

/// The lines of the context menu that ask for the gradients of a node.
pub fn menu(ui: &mut Ui, node: NodeId, state: &State, out: &mut Vec<Action>) {
    for (which, name) in crate::ui::why::gradients(state, node) {
        let button = ui.add_enabled(state.failed.is_none(), egui::Button::new(format!("Why is {name}.grad as it is?")));
        let button = button
            .on_hover_text("The paths from the loss, the factor of every node on them, and which one is to blame.");
        if button.clicked() {
            out.push(Action::Why(Some((node, which))));
            ui.close();
        }
    }
}
