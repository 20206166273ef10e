//! One channel of one image out of a batch of them, with square pixels, and buttons to the next.

use super::Pointed;
use crate::train::TensorShot;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::heat::quiet_map;
use egui::{RichText, Ui, vec2};

/// Below this height there is no room for a row of buttons.
const LOW: f32 = 180.0;

/// Draws the image that holds the chosen element, the first if none is chosen. `None` if these are no images.
pub fn ui(ui: &mut Ui, t: &TensorShot, chosen: Option<usize>) -> Option<Pointed> {
    let [_, channels, h, w] = t.shape[..] else { return None };
    let (plane, known) = (h * w, t.data.len() / (h * w).max(1));
    let at = chosen.map_or(0, |i| i / plane);
    if h < 2 || w < 2 || at >= known {
        return None;
    }
    let theme = Theme::of(ui.ctx());
    let mut hit = None;
    // In a low panel the buttons stand beside the image, else above it.
    let low = ui.available_height() < LOW;
    let mut buttons = |ui: &mut Ui| {
        let text = format!("sample {}, channel {} of {channels}", at / channels, at % channels);
        let within = chosen.map_or(0, |i| i % plane);
        let mut go = |ui: &mut Ui, text: &str, name: &str, to: Option<usize>| {
            let to = to.filter(|p| *p < known);
            let r = ui.add_enabled(to.is_some(), egui::Button::new(text)).accessible_name(name);
            if r.on_hover_text(format!("The same pixel in the {name}")).clicked() {
                hit = to.map(|p| p * plane + within);
            }
        };
        ui.horizontal(|ui| {
            go(ui, "◀", "channel before", at.checked_sub(1));
            go(ui, "▶", "next channel", Some(at + 1));
            if !low {
                ui.label(RichText::new(&text).font(theme::sans(11.0)).color(theme.dim));
            }
        });
        if low {
            ui.label(RichText::new(&text).font(theme::sans(11.0)).color(theme.dim));
        }
    };
    if !low {
        buttons(ui);
    }
    let shot = TensorShot {
        label: format!("{}[{},{}]", t.label, at / channels, at % channels),
        shape: vec![h, w],
        data: t.data[at * plane..(at + 1) * plane].to_vec(),
        histogram: Vec::new(),
        ..t.clone()
    };
    let below = if t.truncated { 30.0 } else { 10.0 };
    let room = match low {
        true => vec2(ui.available_width() - 84.0, ui.available_height() - below).max(vec2(80.0, 80.0)),
        false => vec2(ui.available_width(), ui.available_height() - below),
    };
    let cell = (room.x / w as f32).min(room.y / h as f32);
    let size = vec2(cell * w as f32, cell * h as f32);
    let map = |ui: &mut Ui| quiet_map(ui, &shot, size, chosen.map(|i| i % plane));
    let (r, under) = match low {
        true => {
            let both = ui.horizontal_top(|ui| {
                let map = map(ui);
                ui.vertical(&mut buttons);
                map
            });
            both.inner
        }
        false => map(ui),
    };
    if r.clicked() {
        hit = under.map(|i| at * plane + i).or(hit);
    }
    Some(Pointed { at: under.map(|i| at * plane + i), chosen: hit })
}
