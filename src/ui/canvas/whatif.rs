//! Old and new numbers on cards and wires while numbers are on trial.

use crate::train::{Delta, TensorRef, WhatIf};
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::picture::short;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Painter, Pos2, Stroke, StrokeKind, vec2};

/// One number if it is one, else the norm.
fn change(d: &Delta) -> String {
    match d.shape.iter().product::<usize>() {
        1 => format!("{} → {}", short(d.most.1), short(d.most.2)),
        _ => format!("‖·‖ {} → {}", short(d.norm.0), short(d.norm.1)),
    }
}

fn chip(painter: &Painter, at: Pos2, anchor: Align2, text: String, colour: Color32, view: &View, theme: &Theme) {
    let galley = painter.layout_no_wrap(text, theme::mono(view.font_size(9.5)), colour);
    let pad = vec2(5.0, 2.0) * view.zoom;
    let rect = anchor.anchor_size(at, galley.size() + 2.0 * pad);
    painter.rect(rect, 3.0, theme.panel, Stroke::new(1.0, theme.cursor), StrokeKind::Inside);
    painter.galley(rect.min + pad, galley, colour);
}

/// Paints what changes over the cards and wires that change.
pub fn paint(painter: &Painter, layout: &Layout, view: &View, what: &WhatIf, theme: &Theme) {
    let seen = view.visible().expand(60.0);
    for n in layout.nodes.iter().filter(|n| seen.intersects(n.rect) && what.nodes.contains_key(&n.id)) {
        let rect = view.screen_rect(n.rect);
        painter.rect_stroke(rect.expand(2.0), 6.0, Stroke::new(1.5, theme.cursor), StrokeKind::Outside);
        if view.zoom < DETAIL_ZOOM {
            continue;
        }
        let mut y = rect.bottom() + 5.0 * view.zoom;
        for d in what.nodes.get(&n.id).into_iter().flatten() {
            let grad = matches!(d.which, TensorRef::OutputGrad | TensorRef::WeightGrad(_));
            let colour = if grad { theme.gradient } else { theme.text };
            let text = format!("{} {}", d.label, change(d));
            chip(painter, egui::pos2(rect.left(), y), Align2::LEFT_TOP, text, colour, view, theme);
            y += 17.0 * view.zoom;
        }
    }
    if view.zoom < DETAIL_ZOOM {
        return;
    }
    for w in layout.wires.iter().filter(|w| seen.intersects(w.bounds)) {
        let Some(d) = what.delta(w.wire.from, TensorRef::Output) else { continue };
        let middle = view.screen_from_canvas(w.points[w.points.len() / 2]) - vec2(0.0, 16.0 * view.zoom);
        let text = format!("{} → {}", short(d.most.1), short(d.most.2));
        chip(painter, middle, Align2::CENTER_BOTTOM, text, theme.text, view, theme);
    }
}
