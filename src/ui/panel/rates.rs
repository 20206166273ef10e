//! The loss against the learning rate: a range test on a copy of the run.

use crate::project::Change;
use crate::train::{Rates, RatesWant, Want, smoothed, steepest};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::{decade, decade_marks, nothing};
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::{DragValue, Ui, vec2};
use egui_plot::{GridInput, GridMark, HoverPosition, Legend, Line, LineStyle, Plot, PlotPoints, Points, VLine};
use std::time::Duration;

/// What the panel remembers: the range and how many rates are tried in it.
pub struct RatesPanel {
    from: f64,
    to: f64,
    steps: usize,
    serial: u64,
}

impl Default for RatesPanel {
    fn default() -> Self {
        RatesPanel { from: 1e-6, to: 10.0, steps: 200, serial: 0 }
    }
}

impl RatesPanel {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let rates = state.snapshot.as_ref().and_then(|s| s.rates.clone());
        let running = rates.as_ref().is_some_and(|r| !r.over());
        if running {
            ui.ctx().request_repaint_after(Duration::from_millis(60));
        }
        let points = rates.as_ref().map(|r| r.points()).unwrap_or_default();
        let found = steepest(&points);
        ui.horizontal_wrapped(|ui| {
            self.controls(ui, state, running, actions);
            if let Some(rates) = &rates {
                ui.weak(format!("{}/{}", points.len(), rates.want.steps))
                    .on_hover_text("Batches done; the test ends early where the loss runs away");
            }
            if let Some(rate) = found {
                use_rate(ui, state, rate, actions);
            } else if !running && !points.is_empty() {
                ui.weak("the loss falls nowhere");
            }
        });
        let Some(rates) = rates.filter(|_| !points.is_empty()) else {
            return nothing(
                ui,
                "The loss against the learning rate, one batch each, on a copy: the run stays as it is. Where the curve \
                 falls most steeply a step does most.",
            );
        };
        plot(ui, state, &rates, &points, found);
    }

    fn controls(&mut self, ui: &mut Ui, state: &State, running: bool, actions: &mut Vec<Action>) {
        let rate = |ui: &mut Ui, name: &str, value: &mut f64, about: &str| {
            let speed = (*value * 0.02).max(1e-12);
            let field = DragValue::new(value).speed(speed).range(1e-12..=1e6).custom_formatter(|x, _| short(x));
            ui.label(name);
            let r = ui.add(field);
            r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SpinButton, true, format!("Rates {name}")));
            r.on_hover_text(about);
        };
        rate(ui, "from", &mut self.from, "The smallest learning rate that is tried");
        rate(ui, "to", &mut self.to, "The largest; the test ends before it where the loss is four times the smallest");
        ui.label("in");
        let r = ui.add(DragValue::new(&mut self.steps).range(20..=2000).suffix(" steps"));
        r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SpinButton, true, "Rates tried"));
        r.on_hover_text("How many rates are tried, one batch each, in equal ratios");
        let ready = state.failed.is_none() && self.from < self.to;
        let (label, about) = if running {
            ("Stop test", "End the test; what it has found stays")
        } else {
            ("Start test", "Try the rates on a copy of the present weights; the run goes on as it is")
        };
        if ui.add_enabled(ready || running, egui::Button::new(label)).on_hover_text(about).clicked() {
            self.serial += u64::from(!running);
            let RatesPanel { from, to, steps, serial } = *self;
            let rates = match state.want.rates.as_deref().filter(|_| running) {
                Some(want) => RatesWant { running: false, ..*want },
                None => RatesWant { from, to, steps, serial, running: true },
            };
            actions.push(Action::Want(Want { rates: Some(Box::new(rates)), ..state.want.clone() }));
        }
    }
}

/// The button that takes the rate over, as one entry of the undo list.
fn use_rate(ui: &mut Ui, state: &State, rate: f64, actions: &mut Vec<Action>) {
    // Two digits are all that a noisy curve can say.
    let rate: f64 = format!("{rate:.1e}").parse().unwrap_or(rate);
    let train = &state.document().train;
    let same = train.optimizer.lr() == rate;
    let button = egui::Button::new(format!("Use {}", short(rate)));
    let r =
        ui.add_enabled(!same, button).on_hover_text("Make the rate of the steepest fall the optimiser's learning rate");
    r.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, !same, "Use this rate"));
    if r.clicked() {
        let mut new = train.clone();
        new.optimizer = new.optimizer.with_lr(rate);
        actions.push(Action::Change(Change::Train(new)));
    }
}

/// Whole decades, as many as their names find room: a grid line of eight points is `base_step_size` wide.
fn rate_marks(input: GridInput) -> Vec<GridMark> {
    let ((lo, hi), every) = (input.bounds, (10.0 * input.base_step_size).ceil());
    if hi - lo <= 3.0 || every <= 1.0 {
        return decade_marks(input);
    }
    let (first, last) = ((lo / every).ceil() as i64, (hi / every).floor() as i64);
    let mark = |k: i64| GridMark { value: k as f64 * every, step_size: every };
    (first..=last.min(first + 200)).map(mark).collect()
}

fn plot(ui: &mut Ui, state: &State, rates: &Rates, points: &[[f64; 2]], found: Option<f64>) {
    let theme = Theme::of(ui.ctx());
    let place = |p: &[f64; 2]| [p[0].log10(), p[1]];
    // In a narrow panel the legend would cover the curve; the lines say what they are when pointed at.
    let roomy = ui.available_width() > 360.0 && ui.available_height() > 120.0;
    let mut plot = Plot::new("rates plot")
        .height(ui.available_height().max(40.0))
        .grid_color(theme.line)
        .y_axis_min_width(44.0)
        .allow_scroll(false)
        .set_margin_fraction(vec2(0.0, 0.06))
        .include_x(rates.want.from.log10())
        .include_x(rates.want.to.log10())
        .x_grid_spacer(rate_marks)
        .x_axis_formatter(|m, _| decade(m.value))
        .y_axis_formatter(|m, _| short(m.value))
        .label_formatter(|p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { position, .. } => {
                Some(format!("loss {} at rate {}", short(position.y), short(10f64.powf(position.x))))
            }
            HoverPosition::Elsewhere { .. } => None,
        });
    if roomy {
        plot = plot.legend(Legend::default().position(egui_plot::Corner::LeftBottom));
    }
    let present = state.document().train.optimizer.lr();
    plot.show(ui, |p| {
        let raw: Vec<[f64; 2]> = points.iter().filter(|p| p[1].is_finite()).map(place).collect();
        p.points(Points::new("batch", raw).color(theme.train.gamma_multiply(0.45)).radius(1.6).id("raw"));
        let smooth: Vec<[f64; 2]> = smoothed(points).iter().map(place).collect();
        p.line(Line::new("smoothed", PlotPoints::from(smooth)).color(theme.train).width(1.8).id("smooth"));
        if present > 0.0 {
            let now = VLine::new(format!("now {}", short(present)), present.log10()).color(theme.dim);
            p.vline(now.width(1.0).style(LineStyle::Dashed { length: 4.0 }));
        }
        if let Some(rate) = found {
            p.vline(VLine::new(format!("steepest fall {}", short(rate)), rate.log10()).color(theme.good).width(1.4));
        }
    });
}
