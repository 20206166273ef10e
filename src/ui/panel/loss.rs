//! The loss over the epochs, for train and test, on a linear or logarithmic axis.

use crate::ui::canvas::picture::short;
use crate::ui::panel::{count_marks, decade, decade_marks, nothing};
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::Ui;
use egui_plot::{HoverPosition, Legend, Line, Plot, PlotPoints};

/// Draws the panel; `log` is its own switch.
pub fn ui(ui: &mut Ui, state: &State, log: &mut bool) {
    let theme = Theme::of(ui.ctx());
    let Some(snapshot) = state.snapshot.as_ref().filter(|s| s.history.len() > 1) else {
        return nothing(ui, "The loss curve grows here. Press Space to train.");
    };
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(log, false, "linear");
        ui.selectable_value(log, true, "log");
        if let Some(p) = snapshot.history.last() {
            let test = p.test.map_or_else(String::new, |t| format!("   test {}", short(t)));
            ui.weak(format!("epoch {:.0}   train {}{test}", p.epoch, short(p.train)));
        }
    });
    let log = *log;
    let y = move |v: f64| if log { v.max(1e-12).log10() } else { v };
    let train: Vec<[f64; 2]> =
        snapshot.history.iter().filter(|p| p.train.is_finite()).map(|p| [p.epoch, y(p.train)]).collect();
    let test: Vec<[f64; 2]> =
        snapshot.history.iter().filter_map(|p| p.test.filter(|t| t.is_finite()).map(|t| [p.epoch, y(t)])).collect();
    let value = move |v: f64| if log { 10f64.powf(v) } else { v };
    let mut plot = Plot::new("loss plot")
        .legend(Legend::default())
        .grid_color(theme.line)
        .x_axis_label("epoch")
        .x_grid_spacer(count_marks)
        .y_axis_min_width(44.0)
        .allow_scroll(false)
        .y_axis_formatter(move |m, _| if log { decade(m.value) } else { short(m.value) })
        .label_formatter(move |p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name} at epoch {:.0}: {}", position.x, short(value(position.y))))
            }
            HoverPosition::Elsewhere { .. } => None,
        });
    if log {
        plot = plot.y_grid_spacer(decade_marks);
    }
    plot.show(ui, |p| {
        p.line(Line::new("train", PlotPoints::from(train)).color(theme.train).width(1.6));
        crate::ui::whatif::ghost(p, state, y, &theme);
        if !test.is_empty() {
            p.line(Line::new("test", PlotPoints::from(test)).color(theme.test).width(1.6));
        }
    });
}
