//! A tensor as a heat map with a histogram; hover gives index and value.

use crate::train::TensorShot;
use crate::ui::canvas::picture::{magnitude, short};
use crate::ui::theme::{self, Theme};
use egui::{Mesh, Rect, Response, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Rows (all axes but the last) and columns of what is shown of a tensor.
pub fn grid(shot: &TensorShot) -> (usize, usize) {
    let cols = shot.shape.last().copied().unwrap_or(1).max(1);
    let rows = shot.data.len().div_ceil(cols).max(1);
    // A tall vector reads better lying down.
    if cols == 1 && shot.shape.len() <= 2 { (1, rows) } else { (rows, cols) }
}

/// Draws the map into `size`. Returns the element under the pointer, beside which its value is told.
pub fn heat_map(ui: &mut Ui, shot: &TensorShot, size: egui::Vec2, marked: Option<usize>) -> (Response, Option<usize>) {
    let (response, under) = quiet_map(ui, shot, size, marked);
    let response = match under {
        Some(i) => {
            response.on_hover_text_at_pointer(format!("{}{} = {}", shot.label, index_text(shot, i), shot.data[i]))
        }
        None => response,
    };
    (response, under)
}

/// As [`heat_map`], where the value is told elsewhere.
pub fn quiet_map(ui: &mut Ui, shot: &TensorShot, size: egui::Vec2, marked: Option<usize>) -> (Response, Option<usize>) {
    let theme = Theme::of(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("heat map of {}", shot.label)));
    let (rows, cols) = grid(shot);
    let cell = vec2(rect.width() / cols as f32, rect.height() / rows as f32);
    let at =
        |i: usize| Rect::from_min_size(rect.min + vec2((i % cols) as f32 * cell.x, (i / cols) as f32 * cell.y), cell);
    let scale = magnitude(&shot.data);
    let mut mesh = Mesh::default();
    for (i, v) in shot.data.iter().enumerate() {
        mesh.add_colored_rect(at(i), if v.is_finite() { theme.diverging(v / scale) } else { theme.error });
    }
    let painter = ui.painter_at(rect);
    painter.add(mesh);
    if let Some(i) = marked.filter(|i| *i < shot.data.len()) {
        painter.rect_stroke(at(i), 0.0, Stroke::new(1.5, theme.cursor), StrokeKind::Inside);
    }
    let under = response.hover_pos().map(|p| {
        let (c, r) = (((p.x - rect.left()) / cell.x) as usize, ((p.y - rect.top()) / cell.y) as usize);
        r.min(rows - 1) * cols + c.min(cols - 1)
    });
    let under = under.filter(|i| *i < shot.data.len());
    if let Some(i) = under {
        painter.rect_stroke(at(i), 0.0, Stroke::new(1.0, theme.text), StrokeKind::Inside);
    }
    (response, under)
}

/// `[2,0]`: the position of flat element `i`.
pub fn index_text(shot: &TensorShot, i: usize) -> String {
    let mut rest = i;
    let mut at: Vec<String> = Vec::new();
    for n in shot.shape.iter().rev() {
        at.push((rest % n.max(&1)).to_string());
        rest /= n.max(&1);
    }
    at.reverse();
    format!("[{}]", at.join(","))
}

/// The distribution of a tensor's elements; hover gives the counts.
pub fn histogram(ui: &mut Ui, shot: &TensorShot, size: egui::Vec2) {
    let theme = Theme::of(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("histogram of {}", shot.label)));
    let most = shot.histogram.iter().copied().max().unwrap_or(0).max(1) as f32;
    let width = rect.width() / shot.histogram.len().max(1) as f32;
    let colour = if shot.is_grad { theme.gradient } else { theme.dim };
    let mut mesh = Mesh::default();
    for (i, n) in shot.histogram.iter().enumerate() {
        let x = rect.left() + i as f32 * width;
        let height = if *n == 0 { 0.0 } else { (*n as f32 / most * rect.height()).max(1.0) };
        let bar = Rect::from_min_max(pos2(x, rect.bottom() - height), pos2(x + width - 0.5, rect.bottom()));
        mesh.add_colored_rect(bar, colour);
    }
    ui.painter().add(mesh);
    if let Some(p) = response.hover_pos() {
        let i = (((p.x - rect.left()) / width) as usize).min(shot.histogram.len().saturating_sub(1));
        let step = (shot.stats.max - shot.stats.min) / shot.histogram.len().max(1) as f64;
        let from = shot.stats.min + step * i as f64;
        let count = shot.histogram.get(i).copied().unwrap_or(0);
        response.on_hover_text_at_pointer(format!("{} to {}: {count} elements", short(from), short(from + step)));
    }
}

/// Min, max, mean and norm in one line.
pub fn stats_line(ui: &mut Ui, shot: &TensorShot) {
    let theme = Theme::of(ui.ctx());
    let s = &shot.stats;
    let mut text = format!("min {}  max {}  mean {}  ‖·‖ {}", short(s.min), short(s.max), short(s.mean), short(s.norm));
    if s.zeros > 0 {
        text.push_str(&format!("  zeros {}", s.zeros));
    }
    ui.label(egui::RichText::new(text).font(theme::mono(10.0)).color(theme.dim));
    if s.bad > 0 {
        ui.colored_label(theme.error, format!("{} elements are NaN or infinite", s.bad));
    }
}
