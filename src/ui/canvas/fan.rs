//! A slot for each gradient that will come back to a value used more than once.

use crate::train::NodeShot;
use crate::ui::canvas::layout::NodeBox;
use crate::ui::canvas::view::View;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Id, Painter, Rect, Stroke, StrokeKind, pos2, vec2};

/// Paints the slots at the output of `node`: empty while awaited, in the colour of the sign of its mean once a gradient
/// is there. When all are there, they are framed: their sum is δ, and the node can run backward.
pub fn paint(painter: &Painter, node: &NodeBox, view: &View, shot: &NodeShot, theme: &Theme) {
    let k = shot.arrivals.len();
    if k < 2 {
        return;
    }
    let z = view.zoom;
    let out = view.screen_from_canvas(node.output());
    let step = (11.0 * z).min(node.rect.height() * z * 0.6 / k as f32);
    let radius = (step * 0.36).clamp(1.5, 5.0);
    let top = out.y - step * (k as f32 - 1.0) / 2.0;
    let x = out.x - 11.0 * z;
    let here = shot.arrivals.iter().filter(|a| a.stats.is_some()).count();
    let frame = Rect::from_min_max(
        pos2(x - radius - 3.0, top - radius - 4.0),
        pos2(x + radius + 3.0, top + step * (k as f32 - 1.0) + radius + 4.0),
    );
    let all = here == k;
    let line = if all { Stroke::new(1.5, theme.gradient) } else { Stroke::new(1.0, theme.line) };
    painter.rect(frame, 5.0, theme.canvas, line, StrokeKind::Inside);
    for (i, a) in shot.arrivals.iter().enumerate() {
        let slot = pos2(x, top + step * i as f32);
        let there =
            painter.ctx().animate_bool_with_time(Id::unique(("gradient slot", node.id.0, i)), a.stats.is_some(), 0.25);
        painter.circle_stroke(
            slot,
            radius,
            Stroke::new(1.0, theme.gradient.gamma_multiply(if there > 0.0 { 1.0 } else { 0.5 })),
        );
        if let Some(s) = &a.stats {
            // It drops in from the wire.
            let at = slot + vec2((1.0 - there) * 26.0 * z, 0.0);
            let sign = if s.mean < 0.0 { theme.negative } else { theme.positive };
            painter.circle_filled(at, radius * 0.78, sign);
        }
    }
    if z >= super::view::TEXT_ZOOM {
        let text = format!("{here}/{k}");
        let colour = if all { theme.gradient } else { theme.dim };
        let font = theme::mono(view.font_size(8.5));
        painter.text(frame.center_bottom() + vec2(0.0, 1.0), Align2::CENTER_TOP, text, font, colour);
    }
}
