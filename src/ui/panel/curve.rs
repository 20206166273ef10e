//! The fitted function of one variable, over the data.

use crate::ui::canvas::picture::short;
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::Ui;
use egui_plot::{HoverPosition, Legend, Line, Plot, PlotPoints, Points};

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State) {
    let theme = Theme::of(ui.ctx());
    let (Some(data), Some(snapshot)) = (&state.dataset, &state.snapshot) else {
        return nothing(ui, "The fitted curve, for data with one input.");
    };
    let Some(curve) = &snapshot.curve else {
        return nothing(ui, "The fitted curve, for data with one input and a number to predict.");
    };
    let tw = data.target_width();
    let points = |rows: &[usize]| -> Vec<[f64; 2]> {
        rows.iter()
            .map(|&r| [data.points.as_ref().map_or(data.feature(r, 0), |p| p[r][0]), data.targets[r * tw]])
            .collect()
    };
    let (train, test) = (points(&data.train), points(&data.test));
    Plot::new("curve plot")
        .legend(Legend::default())
        .grid_color(theme.line)
        .allow_scroll(false)
        .x_axis_label(data.feature_names.first().cloned().unwrap_or_default())
        .label_formatter(|p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}: {} → {}", short(position.x), short(position.y)))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .show(ui, |p| {
            p.points(Points::new("train", PlotPoints::from(train)).color(theme.train).radius(2.2));
            p.points(Points::new("test", PlotPoints::from(test)).color(theme.test).radius(1.8));
            p.line(
                Line::new(curve.label.clone(), PlotPoints::from(curve.points.clone())).color(theme.cursor).width(2.0),
            );
        });
}
