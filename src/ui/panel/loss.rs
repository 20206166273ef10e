//! The loss over the epochs, for train and test, on a linear or logarithmic axis, and the slider over the record.

use crate::train::{Point, Snapshot};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::{count_marks, decade, decade_marks, nothing, scrub};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Rangef, Ui, vec2};
use egui_plot::{HoverPosition, Legend, Line, LineStyle, Plot, PlotPoint, PlotPoints, PlotUi, Points, VLine};

/// Draws the panel; `log` is its own switch.
pub fn ui(ui: &mut Ui, state: &State, log: &mut bool, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    let Some(snapshot) = state.snapshot.as_ref().filter(|s| s.record.to > s.record.from || !s.history.is_empty())
    else {
        return nothing(ui, "The loss curve grows here. Press Space to train.");
    };
    let now = scrub::shown(state, snapshot);
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(log, false, "linear").on_hover_text("Losses as they are");
        ui.selectable_value(log, true, "log").on_hover_text("Losses by powers of ten");
        if let Some(p) = snapshot.history.iter().rfind(|p| p.step <= now) {
            let test = p.test.map_or_else(String::new, |t| format!("   test {}", short(t)));
            ui.weak(format!("epoch {:.0}   train {}{test}", p.epoch, short(p.train)));
        }
    });
    let height = ui.available_height() - scrub::HEIGHT;
    let rail = if snapshot.history.is_empty() {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height.max(20.0)), egui::Sense::hover());
        let text = "The first point comes with the end of the first epoch.";
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::sans(12.0), theme.dim);
        rect.x_range().shrink(12.0)
    } else {
        plot(ui, state, snapshot, now, *log, height.max(40.0), &theme)
    };
    scrub::ui(ui, state, snapshot, rail, actions);
}

/// One curve in two parts: up to `now` and, dimmed, what is recorded after it.
fn curve(
    p: &mut PlotUi<'_>,
    name: &str,
    points: &[Point],
    now: u64,
    colour: Color32,
    y: impl Fn(&Point) -> Option<f64>,
) {
    let place = |q: &Point| y(q).filter(|v| v.is_finite()).map(|v| [q.epoch, v]);
    let split = points.partition_point(|q| q.step <= now);
    let seen: Vec<[f64; 2]> = points[..split].iter().filter_map(place).collect();
    let later: Vec<[f64; 2]> = points[split.saturating_sub(1)..].iter().filter_map(place).collect();
    if seen.len() + later.len() == 0 {
        return;
    }
    if split < points.len() && !later.is_empty() {
        p.line(Line::new("", later).color(colour.gamma_multiply(0.35)).width(1.4).id((name, "later")));
    }
    if let [one] = seen[..] {
        p.points(Points::new("", vec![one]).color(colour).radius(2.5).id((name, "one")));
    }
    p.line(Line::new(name, PlotPoints::from(seen)).color(colour).width(1.6).id(name));
}

/// Draws the plot; where on the screen the record begins and ends.
fn plot(ui: &mut Ui, state: &State, snapshot: &Snapshot, now: u64, log: bool, height: f32, theme: &Theme) -> Rangef {
    let record = &snapshot.record;
    let (from, to) = (scrub::epochs(snapshot, record.from), scrub::epochs(snapshot, record.to));
    let y = move |v: f64| if log { v.max(1e-12).log10() } else { v };
    let value = move |v: f64| if log { 10f64.powf(v) } else { v };
    let mut plot = Plot::new("loss plot")
        .height(height)
        // The last number of the axis is centred on the edge.
        .width(ui.available_width() - 14.0)
        .legend(Legend::default())
        .grid_color(theme.line)
        .y_axis_min_width(44.0)
        .allow_scroll(false)
        .set_margin_fraction(vec2(0.0, 0.06))
        .include_x(from)
        .include_x(to)
        .x_grid_spacer(count_marks)
        .x_axis_formatter(|m, _| format!("{:.0}", m.value))
        .y_axis_formatter(move |m, _| if log { decade(m.value) } else { short(m.value) })
        .label_formatter(move |p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name} at epoch {:.0}: {}", position.x, short(value(position.y))).trim().to_owned())
            }
            HoverPosition::Elsewhere { .. } => None,
        });
    if height > 170.0 {
        plot = plot.x_axis_label("epoch");
    }
    if log {
        plot = plot.y_grid_spacer(decade_marks);
    }
    let here = scrub::epochs(snapshot, now);
    let shown = plot.show(ui, |p| {
        for (i, ghost) in record.ghosts.iter().enumerate().rev() {
            let name = if i == 0 { "before".to_owned() } else { format!("before {}", i + 1) };
            let alpha = 0.55 / (1.0 + i as f32 * 0.6);
            for (k, colour) in [theme.train, theme.test].into_iter().enumerate() {
                let part = |q: &Point| if k == 0 { Some(q.train) } else { q.test };
                let points: Vec<[f64; 2]> = ghost
                    .points
                    .iter()
                    .filter_map(|q| Some([q.epoch, y(part(q).filter(|v| v.is_finite())?)]))
                    .collect();
                if points.len() > 1 {
                    let colour = theme::mix(theme.dim, colour, 0.35).gamma_multiply(alpha);
                    let label = if k == 0 { name.as_str() } else { "" };
                    let line = Line::new(label, points).color(colour).width(1.4).id((i, k));
                    p.line(line.style(LineStyle::Dashed { length: 5.0 }));
                }
            }
        }
        curve(p, "train", &snapshot.history, now, theme.train, |q| Some(y(q.train)));
        crate::ui::whatif::ghost(p, state, y, theme);
        curve(p, "test", &snapshot.history, now, theme.test, |q| q.test.map(y));
        let line = VLine::new("", here).color(theme.dim).width(1.0).style(LineStyle::Dashed { length: 4.0 });
        p.vline(line.allow_hover(false));
    });
    let at = |epoch: f64| shown.transform.position_from_point(&PlotPoint::new(epoch, 0.0)).x;
    let frame = shown.transform.frame();
    let x = at(here);
    if frame.x_range().contains(x) && snapshot.step < record.to {
        let (side, gap) = if x > frame.center().x { (Align2::RIGHT_TOP, -5.0) } else { (Align2::LEFT_TOP, 5.0) };
        let text = format!("epoch {:.0}", here.floor());
        let place = egui::pos2(x + gap, frame.top() + 3.0);
        ui.painter().text(place, side, text, theme::mono(10.5), theme.text);
    }
    let ends = Rangef::new(at(from), at(to));
    let inside = ends.min >= frame.left() - 1.0 && ends.max <= frame.right() + 1.0 && ends.span() > 80.0;
    if inside { ends } else { frame.x_range() }
}
