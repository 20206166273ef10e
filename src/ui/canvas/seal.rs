//! At the lower left of every node: the seal that says whether its gradients are certified.

use crate::engine::{Certificate, Standing};
use crate::graph::NodeId;
use crate::ui::action::Action;
use crate::ui::canvas::layout::{Layout, NodeBox};
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2, WidgetInfo, vec2};

/// Draws the seals of all nodes in view; a click certifies anew.
pub fn ui(ui: &mut Ui, layout: &Layout, view: &View, state: &State, actions: &mut Vec<Action>) {
    if view.zoom < DETAIL_ZOOM {
        return;
    }
    let theme = Theme::of(ui.ctx());
    let seen = view.visible().expand(12.0);
    let painter = ui.painter_at(view.area);
    for n in layout.nodes.iter().filter(|n| seen.intersects(n.rect)) {
        marks(ui, &painter, n, view, state, &theme);
        let Some(c) = state.certificate(n.id) else { continue };
        if c.standing == Standing::Constant {
            continue;
        }
        let at = place(n, view);
        let radius = 6.0 * view.zoom;
        let (colour, verdict) = verdict(c, &theme);
        draw(&painter, at, radius, c, colour, view, &theme);
        let touch = Rect::from_center_size(at, Vec2::splat((2.0 * radius).max(12.0))).intersect(view.area);
        let response = ui.interact(touch, egui::Id::unique(("seal", n.id.0)), Sense::click());
        response
            .widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("seal of {}: {verdict}", n.name)));
        if response.clicked() {
            actions.push(Action::Certify);
        }
        response.on_hover_ui(|ui| tooltip(ui, n.id, c, &verdict, colour, state));
    }
}

/// The marks of a node's health, right of its seal.
fn marks(ui: &mut Ui, painter: &Painter, n: &NodeBox, view: &View, state: &State, theme: &Theme) {
    let all = state.snapshot.iter().flat_map(|s| s.health.iter());
    let mut left = place(n, view) + vec2(10.0 * view.zoom, 0.0);
    for mark in all.filter(|m| m.node == n.id) {
        let font = theme::sans(view.font_size(9.0));
        let galley = painter.layout_no_wrap(mark.short.clone(), font, theme.warning);
        let size = galley.size() + vec2(8.0, 2.0) * view.zoom;
        let rect = Rect::from_min_size(left - vec2(0.0, size.y * 0.5), size);
        painter.rect(rect, 3.0 * view.zoom, theme.card, Stroke::new(1.0, theme.warning), egui::StrokeKind::Inside);
        painter.galley(rect.center() - galley.size() * 0.5, galley, theme.warning);
        left.x = rect.right() + 3.0 * view.zoom;
        let id = egui::Id::unique(("health", n.id.0, mark.ailment.word()));
        let response = ui.interact(rect.intersect(view.area), id, Sense::hover());
        response.widget_info(|| {
            WidgetInfo::labeled(egui::Role::Label, true, format!("health of {}: {}", n.name, mark.short))
        });
        response.on_hover_ui(|ui| {
            ui.set_max_width(330.0);
            ui.colored_label(theme.warning, &mark.text);
            ui.label(mark.ailment.advice());
        });
    }
}

/// The centre of a node's seal on the screen.
pub fn place(node: &NodeBox, view: &View) -> Pos2 {
    view.screen_from_canvas(node.rect.left_bottom() + vec2(13.0, 2.5))
}

fn verdict(c: &Certificate, theme: &Theme) -> (Color32, String) {
    let error = Certificate::error_text(c.worst);
    match c.standing {
        Standing::Surrogate => (theme.dim, "stand-in gradient, by design".to_owned()),
        Standing::Constant => (theme.dim, "no gradient leaves it".to_owned()),
        Standing::NotFinite => (theme.error, "not finite, so not certified".to_owned()),
        Standing::Checked if c.certified() => (theme.good, format!("certified, {error}")),
        Standing::Checked if c.worst <= Certificate::WRONG => (theme.warning, format!("doubtful, {error}")),
        Standing::Checked => (theme.error, format!("WRONG, {error}")),
    }
}

fn draw(painter: &Painter, at: Pos2, r: f32, c: &Certificate, colour: Color32, view: &View, theme: &Theme) {
    painter.circle(at, r, theme.card, Stroke::new((1.5 * view.zoom).max(1.0), colour));
    let line = Stroke::new((1.6 * view.zoom).max(1.0), colour);
    match c.standing {
        Standing::Checked if c.certified() => {
            let points = [vec2(-0.45, 0.02), vec2(-0.1, 0.4), vec2(0.5, -0.38)].map(|v| at + v * r);
            painter.line_segment([points[0], points[1]], line);
            painter.line_segment([points[1], points[2]], line);
        }
        Standing::Checked | Standing::NotFinite => {
            let font = theme::bold(view.font_size(9.5));
            painter.text(at, Align2::CENTER_CENTER, "!", font, colour);
        }
        Standing::Surrogate | Standing::Constant => {
            painter.line_segment([at - vec2(0.4 * r, 0.0), at + vec2(0.4 * r, 0.0)], line);
        }
    }
}

fn tooltip(ui: &mut Ui, id: NodeId, c: &Certificate, verdict: &str, colour: Color32, state: &State) {
    ui.set_max_width(330.0);
    ui.colored_label(colour, format!("Gradient: {verdict}"));
    match c.standing {
        Standing::Checked => {
            ui.label(format!(
                "Its backward was run in double precision and compared with central differences of its own forward at \
                 {} elements of its inputs and weights, on the present numbers.",
                c.checked
            ));
            if !c.place.is_empty() {
                ui.monospace(format!("largest error at {}", c.place));
            }
            if c.kinks > 0 {
                let where_ = state.graph().node(id).and_then(|n| n.spec()).map_or("", |s| s.kinks);
                ui.label(format!(
                    "{} of them lie at a kink{}: there the gradient is any slope between the one-sided ones.",
                    c.kinks,
                    if where_.is_empty() { String::new() } else { format!(" ({where_})") }
                ));
            }
        }
        Standing::Surrogate => {
            _ = ui.label(
                "This node deliberately passes another gradient than its derivative (straight-through), so difference \
                 quotients cannot agree with it.",
            );
        }
        Standing::NotFinite => _ = ui.label("Its output holds NaN or infinity; there is nothing to compare."),
        Standing::Constant => {}
    }
    if let Some(s) = &state.certified {
        ui.weak(format!("As of batch {}. Click to certify again, on other elements.", s.step));
    }
}
