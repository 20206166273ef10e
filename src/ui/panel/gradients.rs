//! The size of each parameter's gradient, now and over time, and how far each step moves the weights.

use crate::ui::canvas::picture::{decades, short};
use crate::ui::panel::{count_marks, decade, decade_marks, nothing};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Color32, Rect, RichText, ScrollArea, Sense, Ui, vec2};
use egui_plot::{HoverPosition, Legend, Line, LineStyle, Plot, VLine};

/// What the panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Show {
    /// The present norms as bars.
    #[default]
    Now,
    /// Norms over the steps.
    Norm,
    /// ‖Δw‖ / ‖w‖ over the steps.
    Ratio,
}

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, show: &mut Show) {
    let theme = Theme::of(ui.ctx());
    let Some(snapshot) = state.snapshot.as_ref().filter(|s| s.gradients.iter().any(|g| !g.points.is_empty())) else {
        return nothing(ui, "The gradient of every parameter, once there has been a backward pass.");
    };
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(show, Show::Now, "now").on_hover_text("Norm of each parameter's latest gradient");
        ui.selectable_value(show, Show::Norm, "over time").on_hover_text("Norm of each parameter's gradient, log axis");
        ui.selectable_value(show, Show::Ratio, "update / weight")
            .on_hover_text("‖Δw‖ / ‖w‖ of each step. About 1e-3 is healthy; much more shakes, much less sleeps.");
    });
    if *show == Show::Now {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for g in snapshot.gradients.iter().filter(|g| !g.buffer) {
                let norm = g.points.iter().rfind(|p| p[0] <= snapshot.step as f64).map_or(0.0, |p| p[1]);
                bar(ui, &g.label, norm, &theme);
            }
        });
        return;
    }
    let ratio = *show == Show::Ratio;
    Plot::new(("gradients plot", ratio))
        .legend(Legend::default())
        .grid_color(theme.line)
        .x_axis_label("step")
        .x_grid_spacer(count_marks)
        .y_axis_min_width(44.0)
        .allow_scroll(false)
        .y_grid_spacer(decade_marks)
        .y_axis_formatter(|m, _| decade(m.value))
        .label_formatter(|p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name} at step {:.0}: {}", position.x, short(10f64.powf(position.y))))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .show(ui, |p| {
            let here = VLine::new("", snapshot.step as f64).color(theme.dim).width(1.0).allow_hover(false);
            p.vline(here.style(LineStyle::Dashed { length: 4.0 }));
            for (i, g) in snapshot.gradients.iter().filter(|g| !g.buffer).enumerate() {
                let source = if ratio { &g.ratio } else { &g.points };
                let points: Vec<[f64; 2]> =
                    source.iter().filter(|q| q[1] > 0.0 && q[1].is_finite()).map(|q| [q[0], q[1].log10()]).collect();
                let colour: Color32 = theme.class(i);
                // What is recorded after the present place is dimmed.
                let split = points.partition_point(|q| q[0] <= snapshot.step as f64);
                if split < points.len() {
                    let later = points[split.saturating_sub(1)..].to_vec();
                    p.line(Line::new("", later).color(colour.gamma_multiply(0.3)).width(1.1).id((&g.label, "later")));
                }
                p.line(Line::new(g.label.clone(), points[..split].to_vec()).color(colour).width(1.3));
            }
        });
}

fn bar(ui: &mut Ui, label: &str, norm: f64, theme: &Theme) {
    ui.horizontal(|ui| {
        let width = ui.available_width();
        let (text, _) = ui.allocate_exact_size(vec2((width * 0.5).min(150.0), 20.0), Sense::hover());
        let painter = ui.painter_at(text);
        painter.text(text.left_center(), egui::Align2::LEFT_CENTER, label, theme::sans(12.0), theme.text);
        let (rect, r) = ui.allocate_exact_size(vec2((width - text.width() - 76.0).max(20.0), 10.0), Sense::hover());
        ui.painter().rect_filled(rect, 2.0, theme.card);
        let full = Rect::from_min_size(rect.min, vec2(rect.width() * decades(norm), rect.height()));
        ui.painter().rect_filled(full, 2.0, theme.gradient);
        let name = format!("gradient of {label}: {}", short(norm));
        r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &name));
        r.on_hover_text(format!("‖∂L/∂({label})‖ = {norm:.6e}; the bar runs by decades from 1e-6 to 10"));
        ui.label(RichText::new(short(norm)).font(theme::mono(11.0)).color(theme.dim));
    });
}
