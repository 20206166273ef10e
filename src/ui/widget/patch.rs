//! One output of a convolution as pictures: where its patch lies, the patch, the kernel, and their products. One of a pool:
//! where its window lies, and what is in it.

use crate::engine::{Picture, Plane, Tap};
use crate::ui::canvas::picture::short;
use crate::ui::theme::{self, Theme};
use egui::{Align, Layout, Mesh, Rect, RichText, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Height and width of one picture, in points.
const SIDE: f32 = 64.0;
/// The least height and width that it is drawn at to find room beside the whole image.
const LEAST: f32 = 40.0;
/// Of the whole image.
const IMAGE: f32 = 96.0;
/// Width of the signs between the pictures of a channel.
const SIGNS: f32 = 36.0;
/// Between two blocks.
const GAP: f32 = 10.0;

/// Draws the pictures; `names` are those of what arrives and of the kernel. `chosen` is the number that was taken out of a
/// window, if one was.
pub fn patches(ui: &mut Ui, p: &Picture, names: [&str; 2], chosen: Option<f64>) {
    let theme = Theme::of(ui.ctx());
    let small = |t: String| small(t, &theme);
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
    // Blocks of known widths in rows: the image, then the channels.
    let wide = ui.available_width();
    let image = IMAGE.max(110.0);
    // Smaller, if a channel then finds room beside the image.
    let beside = (wide - image - GAP - SIGNS) / 3.0;
    let room = if (LEAST..SIDE).contains(&beside) { beside } else { (wide - SIGNS) / 3.0 };
    let side = SIDE.min(room).max(24.0);
    let block = if pooled { SIDE.max(110.0) } else { 3.0 * side + SIGNS };
    let beside = |from: f32| (((wide - from + GAP) / (block + GAP)).floor() as usize).max(usize::from(from == 0.0));
    let shown = !p.image.cells.is_empty();
    let first = beside(if shown { image + GAP } else { 0.0 }).min(p.taps.len());
    let column = |ui: &mut Ui, width: f32, add: &mut dyn FnMut(&mut Ui)| {
        ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
            ui.set_width(width);
            add(ui);
        });
    };
    let channel = |ui: &mut Ui, c: usize, tap: &Tap| match pooled {
        true => window(ui, tap, names[0], whole, chosen, &theme),
        false => products(ui, c, tap, p, names, scales, side, &theme),
    };
    let mut rest = p.taps.iter().enumerate();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        if shown {
            column(ui, image, &mut |ui| lies(ui, p, names[0], whole, &theme));
        }
        for (c, tap) in rest.by_ref().take(first) {
            column(ui, block, &mut |ui| channel(ui, c, tap));
        }
    });
    let mut rest = rest.peekable();
    while rest.peek().is_some() {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            for (c, tap) in rest.by_ref().take(beside(0.0)) {
                column(ui, block, &mut |ui| channel(ui, c, tap));
            }
        });
    }
    if p.hidden > 0 {
        ui.label(small(format!("and {} more channels", p.hidden)));
    }
    let what = if pooled { "window." } else { "patch; the kernel stays." };
    ui.label(small(format!("Another pixel of the output (pointer, click or arrow keys) moves the {what}")));
    ui.add_space(4.0);
}

fn small(text: String, theme: &Theme) -> RichText {
    RichText::new(text).font(theme::sans(10.5)).color(theme.dim)
}

/// The whole image, with a frame where the patch lies.
fn lies(ui: &mut Ui, p: &Picture, name: &str, scale: f64, theme: &Theme) {
    let r = plane(ui, &p.image, IMAGE, scale, &format!("{name} whole"), theme);
    let [row, col, rows, cols] = p.window.map(|n| n as f32);
    let cell = vec2(r.width() / p.image.cols as f32, r.height() / p.image.rows as f32);
    let place = Rect::from_min_size(r.min + cell * vec2(col, row), cell * vec2(cols, rows));
    ui.painter().rect_stroke(place.expand(1.0), 0.0, Stroke::new(2.0, theme.cursor), StrokeKind::Outside);
    let what = if p.kernel.is_none() { "window" } else { "patch" };
    ui.label(small(format!("{name}, and where the {what} lies"), theme));
}

/// A window of what is pooled; the number that is taken out of it is marked.
fn window(ui: &mut Ui, tap: &Tap, name: &str, scale: f64, chosen: Option<f64>, theme: &Theme) {
    let r = plane(ui, &tap.patch, SIDE, scale, &format!("window of {name}"), theme);
    let cell = vec2(r.width() / tap.patch.cols as f32, r.height() / tap.patch.rows as f32);
    let taken = tap.patch.cells.iter().position(|c| c.is_some_and(|c| Some(c.1) == chosen));
    if let Some(i) = taken {
        let at = vec2((i % tap.patch.cols) as f32, (i / tap.patch.cols) as f32);
        let rect = Rect::from_min_size(r.min + cell * at, cell);
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(2.0, theme.cursor), StrokeKind::Inside);
    }
    let text = if taken.is_some() { "the window; marked is what is passed on" } else { "the window" };
    ui.label(small(text.to_owned(), theme));
}

/// One channel: its patch, the kernel, and their products.
#[allow(clippy::too_many_arguments, reason = "one channel has all these")]
fn products(
    ui: &mut Ui,
    c: usize,
    tap: &Tap,
    p: &Picture,
    names: [&str; 2],
    scales: [f64; 3],
    side: f32,
    theme: &Theme,
) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        plane(ui, &tap.patch, side, scales[0], &format!("patch of {} {c}", names[0]), theme);
        ui.label(RichText::new("·").font(theme::bold(14.0)));
        plane(ui, &tap.kernel, side, scales[1], &format!("kernel {} {c}", names[1]), theme);
        ui.label(RichText::new("=").font(theme::bold(14.0)));
        plane(ui, &tap.product, side, scales[2], &format!("products {c}"), theme);
    });
    let sum: f64 = tap.product.cells.iter().flatten().map(|c| c.1).sum();
    let of = if p.taps.len() + p.hidden > 1 { format!("channel {c}: ") } else { String::new() };
    ui.label(small(format!("{of}patch · kernel = products, together {}", short(sum)), theme));
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
