//! Inside one instruction: its parts, the numbers of a part, and what made one of them.

pub mod hint;
mod image;

use crate::engine::{Instruction, Joined, Origin};
use crate::train::{IntoRef, IntoShot, PartShot, TensorRef};
use crate::ui::action::Action;
use crate::ui::canvas::picture::magnitude;
use crate::ui::into::{Inside, shown};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::formula::{coloured, formula};
use crate::ui::widget::heat::{index_text, quiet_map};
use crate::ui::widget::patch::patches;
use crate::ui::widget::terms::{digits, terms};
use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align, Align2, Button, Frame, Layout, Margin, RichText, ScrollArea, Sense, Sides, Stroke, StrokeKind, Ui, vec2,
};
use std::cell::Cell;

/// Tensors with at most so many elements and columns are shown as numbers.
const NUMBERS: usize = 96;
const COLUMNS: usize = 12;

/// What the pointer does to the numbers of a part.
#[derive(Default)]
struct Pointed {
    /// The element under it.
    at: Option<usize>,
    /// The element that was chosen by a click.
    chosen: Option<usize>,
}

/// Draws the view; it takes the place of the dock while an instruction is open.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let Some(place) = state.into else { return };
    // A panel is as high as what is in it, and at first there are no numbers yet.
    ui.set_min_height(ui.available_height());
    let mut go = |how| actions.push(Action::Inside(how));
    let shot = shown(state);
    bar(ui, state, place, shot, &theme, &mut go);
    let instruction = Instruction { phase: place.phase, node: place.node, param: place.param };
    ui.label(RichText::new(hint::sentence(state, &instruction)).font(theme::sans(12.5)).color(theme.text));
    ui.add_space(4.0);
    let Some(shot) = shot else {
        ui.label(RichText::new("Waiting for the numbers…").color(theme.dim));
        return;
    };
    let wide = ui.available_width();
    let height = ui.available_height();
    ui.horizontal_top(|ui| {
        column(ui, "parts", (wide * 0.2).clamp(150.0, 230.0), height, |ui| parts(ui, place, shot, &theme, &mut go));
        column(ui, "numbers", (wide * 0.34).clamp(180.0, 420.0), height, |ui| {
            if let Some(part) = shot.parts.get(shot.part()) {
                numbers(ui, state, place, part, &theme, &mut go);
            }
        });
        let rest = ui.available_width();
        column(ui, "terms", rest, height, |ui| made(ui, state, place, shot, &theme, &mut go));
    });
}

fn column(ui: &mut Ui, name: &str, width: f32, height: f32, draw: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, height), Layout::top_down(Align::Min), |ui| {
        ui.set_width(width);
        ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(width - 10.0);
            draw(ui);
        });
    });
}

/// Where one is, and the ways on.
fn bar(
    ui: &mut Ui,
    state: &State,
    place: IntoRef,
    shot: Option<&IntoShot>,
    theme: &Theme,
    go: &mut impl FnMut(Inside),
) {
    let name = |id| state.graph().node(id).map_or("removed", |n| n.name.as_str());
    let wish = Cell::new(None);
    let crumbs = |ui: &mut Ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        let crumb = |ui: &mut Ui, text: String, here: bool| {
            let colour = if here { theme.cursor } else { theme.dim };
            let text = RichText::new(text).font(theme::bold(12.0)).color(colour);
            ui.add(Button::new(text).frame(false).truncate()).clicked() && !here
        };
        let arrow = |ui: &mut Ui| _ = ui.label(RichText::new("›").color(theme.dim));
        let batch = state.snapshot.as_ref().map_or(0, |s| s.step + u64::from(!s.at_rest));
        if crumb(ui, format!("batch {batch}"), false) {
            wish.set(Some(Inside::Leave));
        }
        arrow(ui);
        if !state.trail.is_empty() {
            if ui
                .add(Button::new("↩").frame(false))
                .on_hover_text("Back to the number this one was a factor of  (Shift+F11)")
                .clicked()
            {
                wish.set(Some(Inside::Out));
            }
            ui.label(RichText::new(format!("{} back", state.trail.len())).color(theme.dim));
            arrow(ui);
        }
        let whole = IntoRef { tensor: None, index: None, ..place };
        if crumb(
            ui,
            format!("{} · {}", name(place.node), hint::phase_word(place.phase)),
            place.tensor.is_none() && place.index.is_none(),
        ) {
            wish.set(Some(Inside::To(whole)));
        }
        if let Some(part) = shot.and_then(|s| s.parts.get(s.part())) {
            arrow(ui);
            if crumb(ui, part.name.clone(), place.index.is_none()) {
                wish.set(Some(Inside::To(IntoRef { index: None, ..place })));
            }
            if let Some(i) = place.index {
                arrow(ui);
                let at = index_text(&part.tensor, i);
                crumb(ui, if part.tensor.shape.is_empty() { "the number".into() } else { at }, true);
            }
        }
    };
    let ways = |ui: &mut Ui| {
        let button = |ui: &mut Ui, text: &str, tip: &str, how| {
            if ui.button(text).on_hover_text(tip).clicked() {
                wish.set(Some(how));
            }
        };
        button(ui, "✕", "Back to the batch", Inside::Leave);
        button(ui, "Out ↑", "One level up  (Shift+F11)", Inside::Out);
        let (next, deeper) = match place.index {
            None => ("Next part →", "Opens the element: what made it"),
            Some(_) => ("Next element →", "To where its largest factor was computed"),
        };
        button(ui, next, "The next one; after the last one level up  (F10). Arrows move freely.", Inside::By(1));
        button(ui, "Into ↓", &format!("{deeper}  (F11)"), Inside::In);
    };
    // Where it is narrow the buttons keep their place, and the way is cut.
    Sides::new().shrink_left().truncate().show(ui, crumbs, ways);
    if let Some(how) = wish.get() {
        go(how);
    }
}

fn parts(ui: &mut Ui, place: IntoRef, shot: &IntoShot, theme: &Theme, go: &mut impl FnMut(Inside)) {
    let current = shot.part();
    for (k, part) in shot.parts.iter().enumerate() {
        let (rect, r) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::click());
        let name =
            if part.tensor.which == TensorRef::Output { format!("{} = output", part.name) } else { part.name.clone() };
        let name = if part.name == "output" { "output".to_owned() } else { name };
        r.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::ListItem, true, k == current, format!("part {}", part.name))
        });
        let painter = ui.painter_at(rect);
        let (fill, line) =
            if k == current { (theme.cursor.gamma_multiply(0.14), theme.cursor) } else { (theme.card, theme.line) };
        painter.rect(rect, 4.0, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        let tint = if part.tensor.is_grad { theme.gradient } else { theme.text };
        // What comes after the present part has, to the reader, not happened yet.
        let colour = if k > current { theme.dim } else { tint };
        let mut job = LayoutJob::simple_singleline(format!("{}. {name}", k + 1), theme::sans(12.0), colour);
        job.wrap = TextWrapping::truncate_at_width(rect.width() - 12.0);
        let title = painter.layout_job(job);
        painter.galley(rect.left_top() + vec2(8.0, 9.0 - title.size().y * 0.5), title, colour);
        let note = if part.tensor.ready { crate::tensor::shape_text(&part.tensor.shape) } else { "to come".into() };
        painter.text(rect.left_bottom() + vec2(22.0, -9.0), Align2::LEFT_CENTER, note, theme::mono(10.0), theme.dim);
        if r.on_hover_text("Arrow keys or F10 go to the next part").clicked() {
            go(Inside::To(IntoRef { tensor: Some(part.tensor.which), index: None, ..place }));
        }
    }
}

/// The formula of the part and its numbers; a click chooses an element.
fn numbers(ui: &mut Ui, state: &State, place: IntoRef, part: &PartShot, theme: &Theme, go: &mut impl FnMut(Inside)) {
    let width = ui.available_width();
    if !part.formula.is_empty() {
        formula(ui, &part.formula, 16.0, theme.text);
    } else if let Some(tex) = crate::ui::panel::chain_equation(state, place.node, part.tensor.which, theme) {
        coloured(ui, &tex, 16.0, theme.text);
    }
    ui.add_space(6.0);
    let t = &part.tensor;
    if !t.ready {
        ui.label(RichText::new("to come: not computed in this pass yet").color(theme.cursor));
        return;
    }
    let cols = t.shape.last().copied().unwrap_or(1).max(1);
    let pointed = if t.data.len() <= NUMBERS && cols <= COLUMNS {
        grid(ui, part, cols, place.index, theme)
    } else if let Some(pointed) = image::ui(ui, t, place.index) {
        pointed
    } else {
        let rows = t.data.len().div_ceil(cols) as f32;
        let height = (rows * 8.0).clamp(40.0, (ui.available_height() - 40.0).max(60.0));
        let (r, under) = quiet_map(ui, t, vec2(width, height), place.index);
        Pointed { at: under, chosen: under.filter(|_| r.clicked()) }
    };
    if let Some(i) = pointed.chosen {
        go(Inside::To(IntoRef { tensor: Some(t.which), index: Some(i), ..place }));
    } else {
        peek(ui, state, place, pointed.at, go);
    }
    if t.truncated {
        ui.label(
            RichText::new(format!("the first {} of {}", t.data.len(), crate::tensor::shape_text(&t.shape)))
                .color(theme.dim),
        );
    }
}

/// The number under the pointer is taken apart as long as the pointer is there. A key may choose another meanwhile: then a
/// pointer that rests does not get in its way.
fn peek(ui: &Ui, state: &State, place: IntoRef, at: Option<usize>, go: &mut impl FnMut(Inside)) {
    let at = at.map(|i| IntoRef { index: Some(i), ..place }).filter(|at| *at != place);
    let moved = ui.input(|i| i.pointer.delta() != egui::Vec2::ZERO);
    if at != state.peek && (moved || at.is_none()) {
        go(Inside::Peek(at));
    }
}

/// A small tensor as numbers on the colours of their values.
fn grid(ui: &mut Ui, part: &PartShot, cols: usize, chosen: Option<usize>, theme: &Theme) -> Pointed {
    let t = &part.tensor;
    let rows = t.data.len().div_ceil(cols);
    let cell = vec2(((ui.available_width() - 4.0) / cols as f32).clamp(30.0, 92.0), 24.0);
    let (area, _) = ui.allocate_exact_size(vec2(cell.x * cols as f32, cell.y * rows as f32), Sense::hover());
    let scale = magnitude(&t.data);
    let mut pointed = Pointed::default();
    for (i, v) in t.data.iter().enumerate() {
        let min = area.min + vec2((i % cols) as f32 * cell.x, (i / cols) as f32 * cell.y);
        let rect = egui::Rect::from_min_size(min, cell).shrink(1.0);
        let r = ui.interact(rect, ui.scope_id().with((part.name.as_str(), i)), Sense::click());
        let name = format!("{}{}", part.name, index_text(t, i));
        r.widget_info(|| egui::WidgetInfo::selected(egui::Role::Cell, true, chosen == Some(i), &name));
        let shade = if v.is_finite() { theme.diverging(v / scale) } else { theme.error };
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 2.0, theme::mix(theme.card, shade, 0.45));
        let text =
            if cell.x >= 62.0 { digits(f64::from(*v)) } else { crate::ui::canvas::picture::short(f64::from(*v)) };
        painter.text(rect.center(), Align2::CENTER_CENTER, text, theme::mono(10.5), theme.text);
        if chosen == Some(i) {
            painter.rect_stroke(rect, 2.0, Stroke::new(2.0, theme.cursor), StrokeKind::Inside);
        }
        if r.hovered() {
            pointed.at = Some(i);
        }
        if r.on_hover_text(format!("{name} = {v}")).clicked() {
            pointed.chosen = Some(i);
        }
    }
    pointed
}

fn made(ui: &mut Ui, state: &State, place: IntoRef, shot: &IntoShot, theme: &Theme, go: &mut impl FnMut(Inside)) {
    let Some(part) = shot.parts.get(shot.part()) else { return };
    let Some(index) = shot.of.index else {
        let text = "Point at a number to see what made it; a click keeps it there. F11 opens the first one. F10 goes to the next part.";
        ui.label(RichText::new(text).color(theme.dim));
        return;
    };
    let value = part.tensor.data.get(index).map_or_else(String::new, |v| format!(" = {}", digits(f64::from(*v))));
    let name = format!("{}{}{value}", part.name, index_text(&part.tensor, index));
    Frame::new().fill(theme.card).corner_radius(4).inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new(name).font(theme::bold(12.0)).color(theme.text));
            if state.peek == Some(shot.of) {
                let text = RichText::new("a click keeps it").font(theme::sans(10.5));
                ui.add(egui::Label::new(text.color(theme.dim)).truncate());
            }
        });
        match &shot.made {
            Some(Ok(e)) => {
                if let Some(p) = &e.picture {
                    let called = |of: Origin| e.terms.iter().flat_map(|t| &t.factors).find(|f| f.of == of);
                    let name = |of| called(of).map_or("", |f| f.label.split('[').next().unwrap_or_default());
                    let chosen = matches!(e.joined, Joined::Function(_)).then_some(e.total);
                    patches(ui, p, [name(p.patch), p.kernel.map_or("", name)], chosen);
                }
                if let Some(to) = terms(ui, place.node, e, state) {
                    go(Inside::Follow(to));
                }
            }
            Some(Err(why)) => _ = ui.label(RichText::new(why).color(theme.cursor)),
            None => {}
        }
    });
}
