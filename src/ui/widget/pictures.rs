//! The first pictures of a data set.

use crate::data::Dataset;
use crate::ui::theme::{self, Theme};
use egui::{Color32, Mesh, Rect, RichText, Sense, Ui, pos2, vec2};

/// Side of a picture, in points.
const SIDE: f32 = 48.0;
/// Cells along a side that are drawn at most.
const CELLS: usize = 32;

/// Draws the first `count` training pictures as they train in the first epoch, with their classes; nothing for samples
/// that are no pictures.
pub fn strip(ui: &mut Ui, data: &Dataset, count: usize) {
    let Some(dims) = data.picture else { return };
    let theme = Theme::of(ui.ctx());
    ui.horizontal_wrapped(|ui| {
        for &row in data.train.iter().take(count) {
            ui.vertical(|ui| {
                ui.set_width(SIDE);
                let class = data.class_of(row).and_then(|c| data.class_names.get(c)).map_or("", String::as_str);
                let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE), Sense::hover());
                let about = format!("picture {row} {class}");
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, about.clone()));
                ui.painter().add(mesh(rect, dims, &data.augmented(row, 0)));
                response.on_hover_text(about);
                let text = RichText::new(class).font(theme::sans(10.0)).color(theme.dim);
                ui.add(egui::Label::new(text).truncate());
            });
        }
    });
}

/// Every n-th pixel, so that there are at most [`CELLS`] along a side. The range of values becomes that of the colours,
/// but at least 0 to 1.
fn mesh(rect: Rect, [channels, height, width]: [usize; 3], pixels: &[f64]) -> Mesh {
    let every = height.max(width).div_ceil(CELLS).max(1);
    let (rows, cols) = (height.div_ceil(every), width.div_ceil(every));
    let cell = (rect.width() / cols as f32).min(rect.height() / rows as f32);
    let corner = rect.center() - vec2(cols as f32, rows as f32) * cell / 2.0;
    let (low, high) =
        pixels.iter().filter(|p| p.is_finite()).fold((0.0f64, 1.0f64), |(l, h), p| (l.min(*p), h.max(*p)));
    let mut mesh = Mesh::default();
    for (r, c) in (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c))) {
        let shade = |channel: usize| {
            let p = pixels[(channel * height + r * every) * width + c * every];
            ((p - low) / (high - low) * 255.0) as u8
        };
        let colour =
            if channels >= 3 { Color32::from_rgb(shade(0), shade(1), shade(2)) } else { Color32::from_gray(shade(0)) };
        let at = pos2(corner.x + c as f32 * cell, corner.y + r as f32 * cell);
        mesh.add_colored_rect(Rect::from_min_size(at, vec2(cell, cell)), colour);
    }
    mesh
}
