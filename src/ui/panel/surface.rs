//! The loss over two weights, or along two random directions, with the path of the run.

use crate::train::{Axes, Surface, SurfaceWant, Want, WeightElement};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::contour::contours;
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme, mix};
use egui::{
    Align2, Color32, ColorImage, ComboBox, DragValue, Label, Pos2, Rect, RichText, ScrollArea, Sense, Shape, Stroke,
    StrokeKind, TextureHandle, TextureOptions, Ui, pos2, vec2,
};
use std::time::Duration;

/// Points along each side of the grid.
const SIZE: usize = 41;
/// The picture is at least so high and wide, where there is room.
const LEAST: f32 = 110.0;
/// In a panel lower than this the axes are chosen below the picture.
const LOW: f32 = 300.0;
/// Lines of equal loss.
const LEVELS: usize = 12;

/// The choices of the panel, and the picture of the surface as far as it is computed.
#[derive(Default)]
pub struct SurfacePanel {
    random: bool,
    axes: [Option<WeightElement>; 2],
    seed: u64,
    reach: Option<f64>,
    serial: u64,
    picture: Option<Picture>,
}

struct Picture {
    /// Of which surface, how much of it, and in which theme.
    key: (u64, usize, bool),
    texture: TextureHandle,
    lines: Vec<[[f32; 2]; 2]>,
    low: f64,
    high: f64,
    values: Vec<f32>,
}

/// All weights that can be an axis: what each is called, its first element, and how many elements there are.
fn choices(state: &State) -> Vec<(String, WeightElement, usize)> {
    let nodes = state.graph().nodes().filter_map(|n| Some((n, state.inference.nodes.get(&n.id)?)));
    let each = nodes.flat_map(|(n, inferred)| {
        inferred.weights.iter().filter(|w| !w.buffer).map(move |w| {
            let element = WeightElement { node: n.id, name: w.name.to_owned(), index: 0 };
            (format!("{}.{}", n.name, w.name), element, w.shape.iter().product::<usize>())
        })
    });
    each.filter(|c| c.2 > 0).collect()
}

impl SurfacePanel {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let choices = choices(state);
        if choices.iter().map(|c| c.2).sum::<usize>() < 2 {
            return nothing(ui, "The loss over two weights, once the network has two.");
        }
        // What does not fit is scrolled to rather than cut.
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| self.all(ui, state, &choices, actions));
    }

    fn all(
        &mut self,
        ui: &mut Ui,
        state: &State,
        choices: &[(String, WeightElement, usize)],
        actions: &mut Vec<Action>,
    ) {
        let surface = state.snapshot.as_ref().and_then(|s| s.surface.clone());
        let low = ui.available_height() < LOW && surface.is_some();
        self.controls(ui, state, choices, actions);
        if !low {
            self.elements(ui, choices);
        }
        let Some(surface) = surface else {
            let text = "Compute draws the loss over two weights, all others as they are now, or along two random directions \
                        through all of them. The run may go on meanwhile.";
            let theme = Theme::of(ui.ctx());
            let text = RichText::new(text).font(theme::sans(12.0)).color(theme.dim);
            ui.label(text);
            return;
        };
        self.draw(ui, &surface);
        if low {
            self.elements(ui, choices);
        }
    }

    fn controls(
        &mut self,
        ui: &mut Ui,
        state: &State,
        choices: &[(String, WeightElement, usize)],
        actions: &mut Vec<Action>,
    ) {
        // The first two weights, until others are chosen or these are gone.
        let first = choices[0].1.clone();
        let second = if choices[0].2 > 1 {
            WeightElement { index: 1, ..first.clone() }
        } else {
            choices.get(1).map_or_else(|| first.clone(), |c| c.1.clone())
        };
        for (axis, otherwise) in self.axes.iter_mut().zip([first, second]) {
            let there =
                |e: &WeightElement| choices.iter().any(|c| c.1.node == e.node && c.1.name == e.name && e.index < c.2);
            if !axis.as_ref().is_some_and(there) {
                *axis = Some(otherwise);
            }
        }
        ui.horizontal_wrapped(|ui| {
            let of = if self.random { "random directions" } else { "two weights" };
            let combo = ComboBox::from_id_salt("surface of").selected_text(of).width(120.0).show_ui(ui, |ui| {
                ui.selectable_value(&mut self.random, false, "two weights");
                ui.selectable_value(&mut self.random, true, "random directions").on_hover_text(
                    "w₀ + α d₁ + β d₂ with Gaussian directions that have the norm of the weights, row by row \
                     (Li et al. 2018)",
                );
            });
            combo.response.accessible_name("Surface over");
            if self.random {
                ui.label("seed");
                ui.add(DragValue::new(&mut self.seed)).on_hover_text("Another seed draws other directions");
            }
            let mut reach = self.reach.unwrap_or(if self.random { 1.0 } else { 3.0 });
            let field = DragValue::new(&mut reach).speed(0.02).range(0.01..=1000.0).prefix("± ");
            if ui.add(field).on_hover_text("How far the axes go to each side of the present weights").changed() {
                self.reach = Some(reach);
            }
            if ui.button("Compute").on_hover_text("Compute the loss around the present weights").clicked() {
                self.serial += 1;
                let axes = match (&self.axes, self.random) {
                    ([Some(x), Some(y)], false) => Axes::Elements([x.clone(), y.clone()]),
                    _ => Axes::Directions(self.seed),
                };
                let surface = Some(SurfaceWant { axes, reach, size: SIZE, serial: self.serial });
                actions.push(Action::Want(Want { surface, ..state.want.clone() }));
            }
        });
    }

    /// The weights that the axes stand for.
    fn elements(&mut self, ui: &mut Ui, choices: &[(String, WeightElement, usize)]) {
        if !self.random {
            for (name, axis) in ["x", "y"].into_iter().zip(&mut self.axes) {
                if let Some(axis) = axis {
                    ui.horizontal(|ui| element(ui, name, axis, choices));
                }
            }
        }
        if !self.random && self.axes[0] == self.axes[1] {
            ui.colored_label(Theme::of(ui.ctx()).warning, "Choose two different weights.");
        }
    }

    fn draw(&mut self, ui: &mut Ui, surface: &Surface) {
        let theme = Theme::of(ui.ctx());
        let (done, all) = (surface.done(), surface.size * surface.size);
        if done < all {
            ui.ctx().request_repaint_after(Duration::from_millis(60));
        }
        let key = (self.serial, done, theme.dark);
        if self.picture.as_ref().is_none_or(|p| p.key != key) {
            self.picture = Some(paint(ui, surface, key, &theme));
        }
        let Some(picture) = &self.picture else { return };
        let progress = if done < all { format!("   {} %", done * 100 / all) } else { String::new() };
        let text = format!("mean loss of {} training samples{progress}", surface.samples);
        ui.add(Label::new(RichText::new(text).font(theme::sans(12.0)).color(theme.dim)).truncate());
        let free = ui.available_rect_before_wrap();
        let side = (free.width() - 130.0).min((free.height() - 36.0).max(LEAST)).max(60.0);
        let free = Rect::from_min_size(free.min, vec2(free.width(), free.height().max(side + 36.0)));
        let rect = Rect::from_min_size(free.min + vec2(52.0, 2.0), vec2(side.max(free.width().min(side)), side));
        let response = ui.allocate_rect(free, Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "loss surface"));
        let painter = ui.painter_at(free);
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(picture.texture.id(), rect, uv, Color32::WHITE);
        let inside = ui.painter_at(rect);
        for [a, b] in &picture.lines {
            let at = |p: &[f32; 2]| pos2(rect.left() + p[0] * rect.width(), rect.top() + p[1] * rect.height());
            inside.line_segment([at(a), at(b)], Stroke::new(0.8, theme.text.gamma_multiply(0.35)));
        }
        let at = |p: &[f64; 2]| -> Pos2 {
            let share = |v: f64, r: [f64; 2]| ((v - r[0]) / (r[1] - r[0])) as f32;
            let (u, v) = (share(p[0], surface.x), share(p[1], surface.y));
            pos2(rect.left() + u * rect.width(), rect.bottom() - v * rect.height())
        };
        let path: Vec<Pos2> = surface.path.iter().chain([&surface.here]).map(at).filter(|p| p.is_finite()).collect();
        if let Some(start) = path.first() {
            inside.circle_stroke(*start, 3.0, Stroke::new(1.5, theme.text));
        }
        inside.add(Shape::line(path, Stroke::new(1.6, theme.text)));
        inside.circle_filled(at(&surface.here), 4.5, theme.cursor);
        painter.rect_stroke(rect, 0.0, Stroke::new(1.0, theme.line), StrokeKind::Outside);
        axes(&painter, rect, surface, &theme);
        scale(&painter, rect, picture, &theme);
        if let Some(p) = response.hover_pos().filter(|p| rect.contains(*p)) {
            let (u, v) = ((p.x - rect.left()) / rect.width(), (p.y - rect.top()) / rect.height());
            let n = surface.size as f32;
            let i = ((v * n) as usize).min(surface.size - 1) * surface.size + ((u * n) as usize).min(surface.size - 1);
            let place = |r: [f64; 2], share: f32| short(r[0] + f64::from(share) * (r[1] - r[0]));
            let loss = picture.values.get(i).copied().filter(|l| !l.is_nan());
            response.on_hover_text_at_pointer(format!(
                "{} {}\n{} {}\nloss {}",
                surface.labels[0],
                place(surface.x, u),
                surface.labels[1],
                place(surface.y, 1.0 - v),
                loss.map_or_else(|| "not computed yet".to_owned(), |l| short(l.into()))
            ));
        }
    }
}

/// The choice of one element of one weight.
fn element(ui: &mut Ui, axis: &str, chosen: &mut WeightElement, choices: &[(String, WeightElement, usize)]) {
    let same = |c: &WeightElement| c.node == chosen.node && c.name == chosen.name;
    let Some((label, _, count)) = choices.iter().find(|c| same(&c.1)).cloned() else { return };
    ui.label(axis);
    let mut pick = None;
    let combo = ComboBox::from_id_salt(("surface axis", axis)).selected_text(label).width(110.0).show_ui(ui, |ui| {
        for (name, element, _) in choices {
            if ui.selectable_label(same(element), name).clicked() {
                pick = Some(element.clone());
            }
        }
    });
    combo.response.accessible_name(format!("Weight of the {axis} axis"));
    let index = DragValue::new(&mut chosen.index).range(0..=count - 1).speed(0.05);
    ui.add(index).on_hover_text(format!("Which of its {count} elements, row by row"));
    if let Some(pick) = pick {
        *chosen = pick;
    }
}

/// Losses as colours on a logarithmic scale, and lines of equal loss.
fn paint(ui: &Ui, surface: &Surface, key: (u64, usize, bool), theme: &Theme) -> Picture {
    let values = surface.values();
    // A loss of zero has no logarithm: nothing is told apart below a millionth of the largest.
    let known = || values.iter().copied().filter(|v| v.is_finite());
    let high = known().fold(f32::MIN, f32::max);
    let low = known().fold(f32::MAX, f32::min).max(high * 1e-6);
    let level = |v: f32| (v.max(low) / low).ln() / (high / low).ln().max(1e-6);
    let colour = |v: &f32| {
        if v.is_nan() {
            theme.panel
        } else if v.is_finite() {
            mix(theme.zero, theme.error, level(*v).sqrt())
        } else {
            theme.error
        }
    };
    let image = ColorImage::new([surface.size; 2], values.iter().map(colour).collect());
    let texture = ui.ctx().load_texture("loss surface", image, TextureOptions::LINEAR);
    let heights: Vec<f32> = values.iter().map(|v| level(*v)).collect();
    let lines = (1..LEVELS).flat_map(|k| contours(&heights, surface.size, k as f32 / LEVELS as f32)).collect();
    Picture { key, texture, lines, low: low.into(), high: high.into(), values }
}

fn axes(painter: &egui::Painter, rect: Rect, surface: &Surface, theme: &Theme) {
    let font = theme::mono(9.5);
    let text = |at: Pos2, align, text: String| painter.text(at, align, text, font.clone(), theme.dim);
    text(rect.left_bottom() + vec2(0.0, 4.0), Align2::LEFT_TOP, short(surface.x[0]));
    text(rect.right_bottom() + vec2(0.0, 4.0), Align2::RIGHT_TOP, short(surface.x[1]));
    text(rect.left_top() + vec2(-5.0, 0.0), Align2::RIGHT_TOP, short(surface.y[1]));
    text(rect.left_bottom() + vec2(-5.0, 0.0), Align2::RIGHT_BOTTOM, short(surface.y[0]));
    let name = |label: &str| painter.layout_no_wrap(label.to_owned(), theme::sans(11.0), theme.text);
    let x = name(&surface.labels[0]);
    painter.galley(rect.center_bottom() + vec2(-x.size().x * 0.5, 14.0), x, theme.text);
    let y = name(&surface.labels[1]);
    let at = rect.left_center() + vec2(-16.0 - y.size().y, y.size().x * 0.5);
    painter.add(egui::epaint::TextShape::new(at, y, theme.text).with_angle(-std::f32::consts::FRAC_PI_2));
}

/// What the colours mean.
fn scale(painter: &egui::Painter, rect: Rect, picture: &Picture, theme: &Theme) {
    if picture.low > picture.high {
        return;
    }
    let bar = Rect::from_min_size(rect.right_top() + vec2(14.0, 0.0), vec2(10.0, rect.height().min(110.0)));
    let mut mesh = egui::Mesh::default();
    for i in 0..40 {
        let h = bar.height() / 40.0;
        let at = Rect::from_min_size(bar.min + vec2(0.0, i as f32 * h), vec2(bar.width(), h));
        mesh.add_colored_rect(at, mix(theme.zero, theme.error, (1.0 - i as f32 / 39.0).sqrt()));
    }
    painter.add(mesh);
    let font = theme::mono(9.5);
    let right = bar.right() + 5.0;
    painter.text(pos2(right, bar.top()), Align2::LEFT_TOP, short(picture.high), font.clone(), theme.dim);
    painter.text(pos2(right, bar.bottom()), Align2::LEFT_BOTTOM, short(picture.low), font.clone(), theme.dim);
    painter.text(bar.left_bottom() + vec2(0.0, 6.0), Align2::LEFT_TOP, "loss, log", font, theme.dim);
}
