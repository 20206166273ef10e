//! The panels around the canvas. They show the state and push actions; they change nothing themselves.

mod autograd;
mod confusion;
mod contour;
mod curve;
mod data;
mod decision;
mod dock;
mod gradients;
mod inspector;
pub mod into;
mod loss;
mod palette;
mod problems;
mod rates;
mod scatter;
mod scrub;
mod stops;
mod surface;
mod tape;
mod why;

pub use dock::{Dock, PanelId};
pub use inspector::{Inspector, chain_equation};
pub use palette::node_palette;
pub use stops::StopsPanel;

use crate::graph::NodeId;
use crate::ui::action::Action;
use crate::ui::state::Focus;
use crate::ui::theme::{self, Theme};
use egui::{Align, Label, Layout, Response, RichText, Ui, vec2};
use std::collections::BTreeSet;

/// Selects a node and brings it into view.
pub fn go_to(node: NodeId, actions: &mut Vec<Action>) {
    actions.push(Action::Select(BTreeSet::from([node])));
    actions.push(Action::Focus(Focus::Node(node)));
}

/// A small heading in capitals.
pub fn heading(ui: &mut Ui, text: &str) {
    let theme = Theme::of(ui.ctx());
    ui.add_space(10.0);
    ui.label(RichText::new(text.to_uppercase()).font(theme::bold(10.5)).color(theme.dim));
    ui.add_space(2.0);
}

/// The name of a row, in a column of its own.
pub fn row_label(ui: &mut Ui, text: impl Into<RichText>) -> Response {
    let theme = Theme::of(ui.ctx());
    let place = Layout::left_to_right(Align::Center);
    let label = Label::new(text.into().font(theme::sans(12.0)).color(theme.dim)).truncate();
    let row = ui.allocate_ui_with_layout(vec2(118.0, 22.0), place, |ui| {
        ui.set_min_width(118.0);
        ui.add(label)
    });
    row.inner
}

/// A sentence in the middle of an empty panel: what will be here, and how it gets here.
pub fn nothing(ui: &mut Ui, text: &str) {
    let theme = Theme::of(ui.ctx());
    let rect = ui.available_rect_before_wrap();
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), theme::sans(13.0), theme.dim, rect.width().max(80.0));
    job.halign = Align::Center;
    let height = ui.painter().layout_job(job.clone()).size().y;
    ui.vertical_centered(|ui| {
        ui.add_space(((rect.height() - height) * 0.5).max(0.0));
        ui.label(job);
    });
}

/// A tick of a logarithmic axis whose plot holds log₁₀ values: `0.01`, `0.5`, `1e-6`.
pub fn decade(log10: f64) -> String {
    let (value, power) = (10f64.powf(log10), log10.floor());
    let lead = value / 10f64.powf(power);
    if !value.is_finite() || (lead - lead.round()).abs() > 1e-6 {
        crate::ui::canvas::picture::short(value)
    } else if (-3.5..3.5).contains(&log10) {
        // One digit is all there is to say.
        let power = if lead > 9.5 { power + 1.0 } else { power };
        format!("{value:.0$}", (-power).max(0.0) as usize)
    } else {
        format!("{value:.0e}")
    }
}

/// Grid marks for plots of log₁₀ values: whole decades, with 2 and 5 or all digits between where few are seen.
pub fn decade_marks(input: egui_plot::GridInput) -> Vec<egui_plot::GridMark> {
    let (lo, hi) = input.bounds;
    if hi - lo < 0.7 {
        return value_marks(lo, hi);
    }
    let (every, digits): (f64, &[f64]) = match hi - lo {
        span if span > 12.0 => (4.0, &[1.0]),
        span if span > 3.0 => (1.0, &[1.0]),
        span if span > 1.0 => (1.0, &[1.0, 2.0, 5.0]),
        _ => (1.0, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
    };
    let step_size = if digits.len() == 1 { every } else { 0.3 };
    let (first, last) = ((lo / every).floor() as i64, (hi / every).ceil() as i64);
    (first..=last.min(first + 200))
        .flat_map(|k| digits.iter().map(move |d| k as f64 * every + d.log10()))
        .filter(|value| (lo..=hi).contains(value))
        .map(|value| egui_plot::GridMark { value, step_size })
        .collect()
}

/// Marks at round values where less than a decade is seen.
fn value_marks(lo: f64, hi: f64) -> Vec<egui_plot::GridMark> {
    let (from, to) = (10f64.powf(lo), 10f64.powf(hi));
    let least = (to - from) / 5.0;
    if !least.is_normal() {
        return Vec::new();
    }
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= least).unwrap_or(10.0 * power);
    let count = ((to - from) / step) as usize + 1;
    (0..=count)
        .map(|k| (((from / step).ceil() + k as f64) * step).log10())
        .filter(|value| (lo..=hi).contains(value))
        .map(|value| egui_plot::GridMark { value, step_size: (hi - lo) / 5.0 })
        .collect()
}

/// Grid marks at whole numbers, at 1, 2 or 5 times a power of ten, far enough apart for their labels.
pub fn count_marks(input: egui_plot::GridInput) -> Vec<egui_plot::GridMark> {
    // The base step is about 8 points; a label wants 70.
    let least = (input.base_step_size * 9.0).max(1.0);
    let power = 10f64.powf(least.log10().floor());
    let step_size = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= least).unwrap_or(10.0 * power);
    let (lo, hi) = ((input.bounds.0 / step_size).ceil() as i64, (input.bounds.1 / step_size).floor() as i64);
    (lo..=hi.min(lo + 200)).map(|k| egui_plot::GridMark { value: k as f64 * step_size, step_size }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui_plot::GridInput;

    #[test]
    fn ticks_are_round_numbers() {
        let texts = |bounds| -> Vec<String> {
            decade_marks(GridInput { bounds, base_step_size: 0.1 }).iter().map(|m| decade(m.value)).collect()
        };
        assert_eq!(texts((-2.1, -0.2)), ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(texts((-6.0, 4.0)).join(" "), "1e-6 1e-5 1e-4 0.001 0.01 0.1 1 10 100 1000 1e4");
        assert_eq!(texts((-0.35, 0.1)), ["0.6", "0.8", "1", "1.20"]);
    }

    #[test]
    fn counts_are_marked_at_round_steps() {
        let values = |bounds, base_step_size| -> Vec<f64> {
            count_marks(GridInput { bounds, base_step_size }).iter().map(|m| m.value).collect()
        };
        assert_eq!(values((-10.0, 610.0), 14.0), [0.0, 200.0, 400.0, 600.0]);
        assert_eq!(values((0.0, 3.0), 0.05), [0.0, 1.0, 2.0, 3.0]);
    }
}
