//! One output of a convolution as pictures: where its patch lies, the patch, the kernel, and their products. One of a pool:
//! where its window lies, and what is in it.

use crate::engine::{Picture, Plane};
use crate::ui::canvas::picture::short;
use crate::ui::theme::{self, Theme};
use egui::{Mesh, Rect, RichText, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Height and width of one picture, in points.
const SIDE: f32 = 64.0;
/// Of the whole image.
const IMAGE: f32 = 96.0;

/// Draws the pictures; `names` are those of what arrives and of the kernel. `chosen` is the number that was taken out of a
/// window, if one was.
pub fn patches(ui: &mut Ui, p: &Picture, names: [&str; 2], chosen: Option<f64>) {
    let theme = Theme::of(ui.ctx());
    let small = |t: String| RichText::new(t).font(theme::sans(10.5)).color(theme.dim);
    let scale = |planes: &mut dyn Iterator<Item = &Plane>| {
        let cells = planes.flat_map(|p| p.cells.iter().flatten());
        cells.map(|c| c.1.abs()).filter(|x| x.is_finite()).fold(1e-30, f64::max)
    };
    let pooled = p.kernel.is_none();
    let whole = match pooled {
        // What is pooled keeps its colours.
        true => scale(&mut std::iter::once(&p.image).chain(p.taps.iter().map(|t| &t.patch))),
        false => scale(&mut std::iter::once(&p.image)),
    };
    let scales = [
        scale(&mut p.taps.iter().map(|t| &t.patch)),
        scale(&mut p.taps.iter().map(|t| &t.kernel)),
        scale(&mut p.taps.iter().map(|t| &t.product)),
    ];
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        if !p.image.cells.is_empty() {
            ui.vertical(|ui| {
                let window = p.window;
                let r = plane(ui, &p.image, IMAGE, whole, &format!("{} whole", names[0]), &theme);
                let cell = vec2(r.width() / p.image.cols as f32, r.height() / p.image.rows as f32);
                let min = r.min + vec2(window[1] as f32 * cell.x, window[0] as f32 * cell.y);
                let place = Rect::from_min_size(min, vec2(window[3] as f32 * cell.x, window[2] as f32 * cell.y));
                ui.painter().rect_stroke(place.expand(1.0), 0.0, Stroke::new(2.0, theme.cursor), StrokeKind::Outside);
                let what = if pooled { "window" } else { "patch" };
                ui.label(small(format!("{}, and where the {what} lies", names[0])));
            });
        }
        for tap in p.taps.iter().filter(|_| pooled) {
            ui.vertical(|ui| {
                let r = plane(ui, &tap.patch, SIDE, whole, &format!("window of {}", names[0]), &theme);
                let cell = vec2(r.width() / tap.patch.cols as f32, r.height() / tap.patch.rows as f32);
                let taken = tap.patch.cells.iter().position(|c| c.is_some_and(|c| Some(c.1) == chosen));
                if let Some(i) = taken {
                    let at = vec2((i % tap.patch.cols) as f32 * cell.x, (i / tap.patch.cols) as f32 * cell.y);
                    let rect = Rect::from_min_size(r.min + at, cell);
                    ui.painter().rect_stroke(rect, 0.0, Stroke::new(2.0, theme.cursor), StrokeKind::Inside);
                }
                let text = if taken.is_some() { "the window; marked is what is passed on" } else { "the window" };
                ui.label(small(text.to_owned()));
            });
        }
        for (c, tap) in p.taps.iter().enumerate().filter(|_| !pooled) {
            ui.vertical(|ui| {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    plane(ui, &tap.patch, SIDE, scales[0], &format!("patch of {} {c}", names[0]), &theme);
                    ui.label(RichText::new("·").font(theme::bold(14.0)));
                    plane(ui, &tap.kernel, SIDE, scales[1], &format!("kernel {} {c}", names[1]), &theme);
                    ui.label(RichText::new("=").font(theme::bold(14.0)));
                    plane(ui, &tap.product, SIDE, scales[2], &format!("products {c}"), &theme);
                });
                let sum: f64 = tap.product.cells.iter().flatten().map(|c| c.1).sum();
                let of = if p.taps.len() + p.hidden > 1 { format!("channel {c}: ") } else { String::new() };
                ui.label(small(format!("{of}patch · kernel = products, together {}", short(sum))));
            });
        }
    });
    if p.hidden > 0 {
        ui.label(small(format!("and {} more channels", p.hidden)));
    }
    let what = if pooled { "window." } else { "patch; the kernel stays." };
    ui.label(small(format!("Another pixel of the output (pointer, click or arrow keys) moves the {what}")));
    ui.add_space(4.0);
}

/// Draws one picture with square cells; hover gives the number.
fn plane(ui: &mut Ui, p: &Plane, side: f32, scale: f64, name: &str, theme: &Theme) -> Rect {
    let cell = side / p.rows.max(p.cols).max(1) as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(cell * p.cols as f32, cell * p.rows as f32), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, name));
    let mut mesh = Mesh::default();
    for (i, c) in p.cells.iter().enumerate() {
        let min = pos2(rect.left() + (i % p.cols) as f32 * cell, rect.top() + (i / p.cols) as f32 * cell);
        let colour = match c {
            Some((_, v)) if v.is_finite() => theme.diverging((v / scale) as f32),
            Some(_) => theme.error,
            None => theme.panel,
        };
        mesh.add_colored_rect(Rect::from_min_size(min, vec2(cell, cell)), colour);
    }
    ui.painter().add(mesh);
    ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, theme.line), StrokeKind::Outside);
    if let Some(at) = response.hover_pos() {
        let i =
            ((at.y - rect.top()) / cell) as usize * p.cols + (((at.x - rect.left()) / cell) as usize).min(p.cols - 1);
        let text = match p.cells.get(i) {
            Some(Some((_, v))) => format!("{name} [{},{}] = {v}", i / p.cols, i % p.cols),
            _ => "outside of the image: padding, which counts as 0".to_owned(),
        };
        response.on_hover_text_at_pointer(text);
    }
    rect
}
