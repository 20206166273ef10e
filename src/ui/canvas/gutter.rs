//! Breakpoints on the canvas: a dot at the corner of a node, a smaller one on a wire. Full is on, a ring is off.

use crate::graph::{NodeId, Wire};
use crate::train::stops::{Moment, Place};
use crate::ui::action::Action;
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::view::{TEXT_ZOOM, View};
use crate::ui::state::State;
use crate::ui::stops::{changed, count, next_moment};
use crate::ui::theme::Theme;
use egui::{Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2};

/// Draws the dots and takes clicks on them. `hovered` is the node under the pointer, which shows where one can be put.
pub fn ui(ui: &mut Ui, layout: &Layout, view: &View, state: &State, hovered: Option<NodeId>, out: &mut Vec<Action>) {
    if view.zoom < TEXT_ZOOM {
        return;
    }
    let theme = Theme::of(ui.ctx());
    let painter = ui.painter_at(view.area);
    let stops = &state.document().stops;
    let seen = view.visible();
    for n in layout.nodes.iter().filter(|n| seen.intersects(n.rect)) {
        let place = Place::Node(n.id);
        let has = stops.on(place).next().is_some();
        if !has && hovered != Some(n.id) && !state.selection.contains(&n.id) {
            continue;
        }
        let at = view.screen_from_canvas(n.rect.right_top());
        if view.area.contains(at) {
            let moment = next_moment(state, n.id);
            let radius = (6.0 * view.zoom).clamp(3.5, 8.0);
            dot(ui, &painter, at, radius, place, moment, &format!("breakpoint {}", n.name), state, &theme, out);
        }
    }
    for w in &layout.wires {
        let place = Place::Wire(w.wire);
        if stops.on(place).next().is_none() {
            continue;
        }
        // Beside the chip with the shape, which is in the middle.
        let at = view.screen_from_canvas(w.points[w.points.len() / 4]);
        if view.area.contains(at) {
            let radius = (4.0 * view.zoom).clamp(3.0, 6.0);
            let name = |id| layout.node(id).map_or("?", |n| n.name.as_str());
            let label = format!("breakpoint {} to {}", name(w.wire.from), name(w.wire.to));
            dot(ui, &painter, at, radius, place, Moment::Value, &label, state, &theme, out);
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "one dot has all of these")]
fn dot(
    ui: &mut Ui,
    painter: &Painter,
    at: Pos2,
    radius: f32,
    place: Place,
    moment: Moment,
    label: &str,
    state: &State,
    theme: &Theme,
    out: &mut Vec<Action>,
) {
    let stops = &state.document().stops;
    let rect = Rect::from_center_size(at, Vec2::splat(radius.max(6.0) * 2.4));
    let response = ui.interact(rect, egui::Id::unique(("gutter", place)), Sense::click());
    let on = stops.on(place).any(|b| b.enabled);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, on, label));
    let has = stops.on(place).next().is_some();
    let stopped = state.halt.as_ref().and_then(|h| h.stop).is_some_and(|id| stops.on(place).any(|b| b.id == id));
    if stopped {
        painter.circle_stroke(at, radius + 3.0, Stroke::new(1.5, theme.cursor));
    }
    if on {
        painter.circle(at, radius, theme.error, Stroke::new(1.5, theme.canvas));
    } else {
        let colour = if has || response.hovered() { theme.error } else { theme.dim };
        painter.circle(at, radius - 0.75, theme.card, Stroke::new(1.5, colour));
    }
    let response = response.on_hover_ui(|ui| {
        for b in stops.on(place) {
            let (hits, reached, fault) = count(state, b.id);
            let when = if b.condition.is_empty() { String::new() } else { format!(" where {}", b.condition) };
            let off = if b.enabled { "" } else { ", off" };
            ui.label(format!("Stops {}{when}{off}: stopped {hits} times, reached {reached} times.", b.moment.label()));
            if let Some(why) = fault {
                ui.colored_label(theme.error, why);
            }
        }
        ui.weak(if has {
            "Click to turn it off or on; F9 takes it off. Conditions are in the panel Stops.".to_owned()
        } else {
            format!("Click to stop here, {} (F9).", moment.label())
        });
    });
    if response.clicked() {
        out.push(changed(state, |s| s.switch(place, moment)));
    }
}

/// The lines of the context menu that put breakpoints on a node or a wire, or take them off.
pub fn menu(ui: &mut Ui, place: Place, state: &State, out: &mut Vec<Action>) {
    let moments: &[Moment] = if matches!(place, Place::Wire(_)) { &Moment::OF_WIRES } else { &Moment::OF_NODES };
    let stops = &state.document().stops;
    for &moment in moments {
        let mut on = stops.on(place).any(|b| b.moment == moment);
        if ui.checkbox(&mut on, format!("Stop {}", moment.label())).changed() {
            out.push(changed(state, |s| {
                if on {
                    s.add(place, moment, "");
                } else {
                    s.breakpoints.retain(|b| b.place != place || b.moment != moment);
                }
            }));
            ui.close();
        }
    }
    let watched = match place {
        Place::Node(id) => state.graph().node(id).map(|n| format!("{}.grad", n.name)),
        Place::Wire(Wire { to, input, .. }) => state.graph().node(to).map(|n| format!("{}.input[{input}]", n.name)),
        Place::Any => None,
    };
    if let Some(text) = watched
        && ui.button(format!("Watch {text}")).clicked()
    {
        out.push(changed(state, |s| _ = s.watch(&text)));
        ui.close();
    }
    if let Place::Node(_) = place
        && ui.button("Run to here").clicked()
    {
        out.push(Action::RunToNode);
        ui.close();
    }
}
