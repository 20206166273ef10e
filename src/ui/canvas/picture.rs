//! Small pictures of tensors: heat maps, curves, scatter plots, painted as meshes.

use crate::train::Thumb;
use crate::ui::theme::Theme;
use egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

/// Largest magnitude of a picture, so that its colours use the whole scale; 1 for all zeros.
pub fn magnitude(data: &[f32]) -> f32 {
    let m = data.iter().filter(|x| x.is_finite()).fold(0.0f32, |a, x| a.max(x.abs()));
    if m > 0.0 { m } else { 1.0 }
}

/// Adds a heat map of `thumb` to `mesh`: orange below zero, blue above, dark at zero; `scale` is full colour.
pub fn heat(mesh: &mut Mesh, rect: Rect, thumb: &Thumb, scale: f32, theme: &Theme) {
    cells(mesh, rect, thumb, |v| theme.diverging(v / scale));
}

/// Adds the elements of `thumb` to `mesh`, each with its colour.
pub fn cells(mesh: &mut Mesh, rect: Rect, thumb: &Thumb, colour: impl Fn(f32) -> Color32) {
    if thumb.rows == 0 || thumb.cols == 0 {
        return;
    }
    let cell = vec2(rect.width() / thumb.cols as f32, rect.height() / thumb.rows as f32);
    let shown = &thumb.data[..thumb.data.len().min(thumb.rows * thumb.cols)];
    mesh.reserve_vertices(4 * shown.len());
    mesh.reserve_triangles(2 * shown.len());
    for (r, row) in shown.chunks(thumb.cols).enumerate() {
        for (c, v) in row.iter().enumerate() {
            let min = rect.min + vec2(c as f32 * cell.x, r as f32 * cell.y);
            mesh.add_colored_rect(Rect::from_min_size(min, cell), colour(*v));
        }
    }
}

/// A grid of maps, at most two rows, each scaled on its own.
pub fn maps(mesh: &mut Mesh, rect: Rect, maps: &[Thumb], theme: &Theme) {
    let rows = if maps.len() > 3 { 2 } else { 1 };
    let cols = maps.len().div_ceil(rows).max(1);
    let gap = 2.0;
    let side = ((rect.width() - gap * (cols as f32 - 1.0)) / cols as f32)
        .min((rect.height() - gap * (rows as f32 - 1.0)) / rows as f32);
    let width = cols as f32 * side + (cols as f32 - 1.0) * gap;
    let left = rect.left() + (rect.width() - width) * 0.5;
    for (i, map) in maps.iter().enumerate() {
        let at = pos2(left + (i % cols) as f32 * (side + gap), rect.top() + (i / cols) as f32 * (side + gap));
        heat(mesh, Rect::from_min_size(at, egui::Vec2::splat(side)), map, magnitude(&map.data), theme);
    }
}

/// A line through `values`, spread over `rect`; `None` where there are fewer than two finite values.
pub fn spark(painter: &Painter, rect: Rect, values: &[f64], stroke: Stroke) -> Option<()> {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (lo, hi) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let n = finite().count();
    if n < 2 {
        return None;
    }
    let span = if hi > lo { hi - lo } else { 1.0 };
    let points: Vec<Pos2> = finite()
        .enumerate()
        .map(|(i, v)| {
            let x = i as f32 / (n - 1) as f32;
            pos2(rect.left() + x * rect.width(), rect.bottom() - ((v - lo) / span) as f32 * rect.height())
        })
        .collect();
    painter.add(Shape::line(points, stroke));
    Some(())
}

/// Dots at `points` (in data units over `domain`), coloured by `colour(i)`.
pub fn scatter(
    painter: &Painter,
    rect: Rect,
    points: &[[f64; 2]],
    domain: [[f64; 2]; 2],
    radius: f32,
    colour: impl Fn(usize) -> Color32,
) {
    let [[x0, x1], [y0, y1]] = domain;
    for (i, [x, y]) in points.iter().enumerate() {
        let at = pos2(
            rect.left() + ((x - x0) / (x1 - x0)) as f32 * rect.width(),
            rect.bottom() - ((y - y0) / (y1 - y0)) as f32 * rect.height(),
        );
        if rect.contains(at) {
            painter.circle_filled(at, radius, colour(i));
        }
    }
}

/// A magnitude as a share of a bar: 1e-6 is empty, 10 is full, by decades.
pub fn decades(norm: f64) -> f32 {
    if norm > 0.0 { ((norm.log10() + 6.0) / 7.0).clamp(0.02, 1.0) as f32 } else { 0.0 }
}

/// Three significant digits, as short as they go: `0.0731`, `2.1e-3`, `—` for not a number.
pub fn short(v: f64) -> String {
    if !v.is_finite() {
        return if v.is_nan() { "NaN".into() } else { "∞".into() };
    }
    let a = v.abs();
    if v == 0.0 {
        "0".into()
    } else if (1e-2..1e4).contains(&a) {
        let digits = (3 - 1 - a.log10().floor() as i32).clamp(0, 4) as usize;
        format!("{v:.digits$}")
    } else {
        format!("{v:.1e}")
    }
}
