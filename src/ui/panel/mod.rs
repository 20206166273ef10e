//! The panels around the canvas. They show the state and push actions; they change nothing themselves.

mod autograd;
mod confusion;
mod curve;
mod data;
mod decision;
mod dock;
mod gradients;
mod inspector;
mod loss;
mod palette;
mod problems;
mod scatter;
mod tape;

pub use dock::{Dock, PanelId};
pub use inspector::Inspector;
pub use palette::node_palette;

use crate::ui::theme::{self, Theme};
use egui::{RichText, Ui};

/// A small heading in capitals.
pub fn heading(ui: &mut Ui, text: &str) {
    let theme = Theme::of(ui.ctx());
    ui.add_space(10.0);
    ui.label(RichText::new(text.to_uppercase()).font(theme::bold(10.5)).color(theme.dim));
    ui.add_space(2.0);
}

/// A sentence in the middle of an empty panel: what will be here, and how it gets here.
pub fn nothing(ui: &mut Ui, text: &str) {
    let theme = Theme::of(ui.ctx());
    ui.centered_and_justified(|ui| ui.label(RichText::new(text).color(theme.dim)));
}

/// A tick of a logarithmic axis whose plot holds log₁₀ values: `0.01`, `1e-6`.
pub fn decade(log10: f64) -> String {
    if log10.abs() < 3.5 && (log10 - log10.round()).abs() < 1e-6 {
        let digits = (-log10.round()).max(0.0) as usize;
        format!("{:.digits$}", 10f64.powf(log10))
    } else if (log10 - log10.round()).abs() < 1e-6 {
        format!("1e{}", log10.round())
    } else {
        crate::ui::canvas::picture::short(10f64.powf(log10))
    }
}

/// Grid marks at whole decades, for plots of log₁₀ values; in between when few decades are seen.
pub fn decade_marks(input: egui_plot::GridInput) -> Vec<egui_plot::GridMark> {
    let (lo, hi) = input.bounds;
    let steps: &[f64] = if hi - lo > 12.0 {
        &[4.0]
    } else if hi - lo > 2.5 {
        &[1.0]
    } else {
        &[1.0, 0.5, 0.25]
    };
    steps
        .iter()
        .flat_map(|&step| {
            let (a, b) = ((lo / step).ceil() as i64, (hi / step).floor() as i64);
            (a..=b.min(a + 200)).map(move |k| egui_plot::GridMark { value: k as f64 * step, step_size: step })
        })
        .collect()
}
