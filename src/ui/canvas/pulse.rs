//! Pulses along the wires: what the latest instruction computed, on its way to where it is needed.
//!
//! A value runs forward, gradients run backward with a violet rim. Width and brightness follow the magnitude, the
//! colour is the sign of the mean.

use crate::engine::Phase;
use crate::tensor::Stats;
use crate::train::{Flow, Snapshot};
use crate::ui::canvas::layout::{Layout, WireLine};
use crate::ui::canvas::picture;
use crate::ui::canvas::view::View;
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::{Painter, Pos2, Shape, Stroke};

/// A pulse takes at most so many seconds.
const LONGEST: f64 = 0.4;
/// Length of its tail, as a share of the wire.
const TAIL: f32 = 0.3;

/// The pulse that is alive, and the place of the program it was last started from.
#[derive(Default)]
pub struct Pulse {
    seen: Option<(u64, u64, usize)>,
    alive: Option<Alive>,
}

struct Alive {
    flow: Flow,
    start: f64,
    span: f64,
}

/// Whether the program went on by one instruction from `was` to the place of `s`.
fn went_on(was: (u64, u64, usize), s: &Snapshot) -> bool {
    let (step, cursor) = (was.1, was.2);
    let ended = s.at_rest && s.step == step + 1 && cursor + 1 == s.cursor;
    let first = s.step == step && s.cursor == 1;
    let next = s.step == step && s.cursor == cursor + 1;
    was.0 == s.revision && (ended || first || next)
}

impl Pulse {
    /// Starts a pulse if an instruction was run since the last frame, at a pace or by a step. `now` in seconds.
    pub fn update(&mut self, state: &State, near: bool, now: f64) {
        self.alive = self.alive.take().filter(|a| now - a.start < a.span);
        let Some(s) = state.snapshot.as_deref() else { return };
        let here = (s.revision, s.step, s.cursor);
        let Some(was) = self.seen.replace(here).filter(|was| *was != here) else { return };
        let watched = !s.running || state.pace().is_some();
        if !near || !watched || !went_on(was, s) {
            self.alive = None;
            return;
        }
        let pace = state.pace().filter(|_| s.running);
        let span = pace.map_or(LONGEST, |n| LONGEST.min(1.0 / n.max(0.1)));
        self.alive = s.flow.clone().map(|flow| Alive { flow, start: now, span });
    }

    /// Whether there is something to paint.
    pub fn is_alive(&self) -> bool {
        self.alive.is_some()
    }

    /// Paints what is alive, over the wires and under the nodes.
    pub fn paint(&self, painter: &Painter, layout: &Layout, view: &View, now: f64, theme: &Theme) {
        let Some(Alive { flow, start, span }) = &self.alive else { return };
        let share = ((now - start) / span).clamp(0.0, 1.0) as f32;
        let back = flow.done.phase == Phase::Backward;
        for w in &layout.wires {
            let stats = if back {
                flow.back.iter().find(|(pin, _)| w.wire.to == flow.done.node && w.wire.input == *pin).map(|(_, s)| s)
            } else {
                flow.value.as_ref().filter(|_| w.wire.from == flow.done.node)
            };
            if let Some(stats) = stats {
                one(painter, w, view, stats, share, back, theme);
            }
        }
    }
}

fn one(painter: &Painter, w: &WireLine, view: &View, stats: &Stats, share: f32, back: bool, theme: &Theme) {
    let mut points: Vec<Pos2> = w.points.iter().map(|p| view.screen_from_canvas(*p)).collect();
    if back {
        points.reverse();
    }
    let size = picture::decades(stats.norm);
    let sign = if stats.mean < 0.0 { theme.negative } else { theme.positive };
    let colour = if stats.bad > 0 { theme.error } else { sign };
    let colour = colour.gamma_multiply(0.4 + 0.6 * size);
    let scale = view.zoom.clamp(0.6, 1.5);
    let width = (2.0 + 4.0 * size) * scale;
    // The tail follows the head into the pin.
    let head = share * (1.0 + TAIL);
    let line = part(&points, (head - TAIL).max(0.0), head.min(1.0));
    let Some(&at) = line.last() else { return };
    if back {
        painter.add(Shape::line(line.clone(), Stroke::new(width + 3.0 * scale, theme.gradient.gamma_multiply(0.55))));
    }
    painter.add(Shape::line(line, Stroke::new(width, colour)));
    if head <= 1.0 {
        let rim = if back { Stroke::new(1.6 * scale, theme.gradient) } else { Stroke::NONE };
        painter.circle(at, width * 0.5 + 2.0 * scale, colour, rim);
    }
}

/// The part of a polyline between two shares of its length.
fn part(points: &[Pos2], from: f32, to: f32) -> Vec<Pos2> {
    let lengths: Vec<f32> = points.windows(2).map(|s| s[0].distance(s[1])).collect();
    let whole: f32 = lengths.iter().sum();
    let (a, b) = (from * whole, to * whole);
    let mut line = Vec::new();
    let mut done = 0.0;
    for (s, length) in points.windows(2).zip(&lengths) {
        let (lo, hi) = (a.max(done), b.min(done + length));
        if hi >= lo && *length > 0.0 {
            let at = |x: f32| s[0] + (s[1] - s[0]) * ((x - done) / length);
            if line.is_empty() {
                line.push(at(lo));
            }
            line.push(at(hi));
        }
        done += length;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    #[test]
    fn a_part_of_a_line_begins_and_ends_at_its_shares_of_the_length() {
        let points = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 30.0)];
        assert_eq!(part(&points, 0.0, 1.0), points);
        assert_eq!(part(&points, 0.125, 0.5), [pos2(5.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0)]);
        assert_eq!(part(&points, 0.5, 0.75), [pos2(10.0, 10.0), pos2(10.0, 20.0)]);
    }
}
