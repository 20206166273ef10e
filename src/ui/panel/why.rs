//! Why a gradient is zero or huge: the verdict, the paths from the loss, and the factors of the chosen one.

use crate::graph::NodeId;
use crate::train::{Leg, Route, TensorRef, Verdict, Why, count_text};
use crate::ui::action::Action;
use crate::ui::canvas::picture::{decades, short};
use crate::ui::panel::{go_to, nothing};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::why::{answer, gradients};
use egui::{Align, Button, ComboBox, Frame, Label, Layout, Margin, Rect, RichText, ScrollArea, Sense, Ui, vec2};

/// Factors of a path that are shown at each of its ends, if it is a long one.
const ENDS: usize = 20;

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    chooser(ui, state, &theme, actions);
    let Some(found) = answer(state) else {
        let text = match &state.failed {
            Some(why) => format!("There is no gradient: {why}"),
            None => {
                "Why is a gradient zero, small or huge? Choose one above, select a node and press W, or press \"why?\" \
                     beside a gradient in the inspector."
                    .to_owned()
            }
        };
        return nothing(ui, &text);
    };
    let why = match found {
        Ok(why) => why,
        Err(text) => return nothing(ui, text),
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        verdict(ui, why, &theme, actions);
        for (k, route) in why.routes.iter().enumerate() {
            path(ui, why, k, route, state, &theme, actions);
        }
        if why.hidden > 0.0 {
            let text = format!("and {} more paths, each of which brings less", count_text(why.hidden));
            ui.label(RichText::new(text).color(theme.dim));
        }
        if !why.exact {
            let text = "Where paths meet, each is given its share by norms: about right. Pause before the update to have \
                        each one's own numbers.";
            ui.label(RichText::new(text).font(theme::sans(11.0)).color(theme.dim));
        }
    });
}

fn chooser(ui: &mut Ui, state: &State, theme: &Theme, actions: &mut Vec<Action>) {
    let name = |(id, which): (NodeId, TensorRef)| {
        let node = state.graph().node(id)?;
        let of = gradients(state, id).into_iter().find(|g| g.0 == which)?.1;
        Some(format!("{}.{of}", node.name))
    };
    ui.horizontal(|ui| {
        let now = state.want.why.and_then(name);
        let text = now.clone().unwrap_or_else(|| "choose a gradient".into());
        let r = ComboBox::from_id_salt("why of").selected_text(text).width(170.0).show_ui(ui, |ui| {
            for node in state.graph().nodes() {
                for (which, of) in gradients(state, node.id) {
                    let label = format!("{}.{of}", node.name);
                    if ui.selectable_label(now.as_ref() == Some(&label), label).clicked() {
                        actions.push(Action::Why(Some((node.id, which))));
                    }
                }
            }
        });
        r.response.accessible_name("gradient that is explained");
        if now.is_some() {
            let close = ui.button("✕").accessible_name("stop explaining");
            if close.on_hover_text("Puts the light on the canvas out").clicked() {
                actions.push(Action::Why(None));
            }
            if ui.available_width() > 190.0 {
                ui.label(RichText::new("∂L/∂ from the loss, path by path").color(theme.dim));
            }
        }
    });
    ui.add_space(4.0);
}

fn verdict(ui: &mut Ui, why: &Why, theme: &Theme, actions: &mut Vec<Action>) {
    let colour = match why.verdict {
        Verdict::NotFinite => theme.error,
        Verdict::Usual if why.guilty.is_none() => theme.good,
        _ => theme.warning,
    };
    Frame::new().fill(theme.card).corner_radius(4).inner_margin(Margin::same(8)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        let size = if ui.available_width() < 380.0 { 12.0 } else { 13.0 };
        ui.label(RichText::new(&why.sentence).font(theme::sans(size)).color(theme.text));
        if !why.advice.is_empty() {
            ui.label(RichText::new(&why.advice).font(theme::sans(size - 1.0)).color(theme.dim));
        }
        if let Some(f) = &why.guilty {
            let text = RichText::new(&f.short).font(theme::bold(12.0)).color(colour);
            match f.node {
                Some(node) => {
                    if ui.add(Button::new(text)).on_hover_text("Shows the node that is to blame").clicked() {
                        go_to(node, actions);
                    }
                }
                None => _ = ui.label(text),
            }
        }
    });
    ui.add_space(4.0);
}

fn path(ui: &mut Ui, why: &Why, k: usize, route: &Route, state: &State, theme: &Theme, actions: &mut Vec<Action>) {
    let chosen = state.lit == Some(k);
    let names = |legs: &[Leg]| legs.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(" → ");
    let n = route.legs.len();
    let way = if n <= 7 {
        names(&route.legs)
    } else {
        format!("{} → … → {}", names(&route.legs[..3]), names(&route.legs[n - 3..]))
    };
    let about = if why.exact { "" } else { "≈ " };
    let way = if n == 0 { format!("{} is a term of the loss: it begins here", why.label) } else { way };
    let text = format!("{about}{}   {way}", short(route.brings));
    let line = Button::selectable(chosen, RichText::new(text).font(theme::mono(11.0)).color(theme.text)).truncate();
    let r = ui.with_layout(Layout::top_down_justified(Align::LEFT), |ui| ui.add(line)).inner;
    let r = r.accessible_name(format!("path {}", k + 1));
    let tip = format!(
        "brings {:.4e} = seed {} · product of {n} factors {:.4e}\nClick: lights this path on the canvas and selects the node to blame, or the last one.",
        route.brings,
        route.seed,
        route.product()
    );
    if r.on_hover_text(tip).clicked() {
        actions.push(Action::LightPath(if chosen { None } else { Some(k) }));
        let at = route.guilty.unwrap_or(n.saturating_sub(1));
        if let Some(leg) = route.legs.get(at).filter(|_| !chosen) {
            go_to(leg.node, actions);
        }
    }
    if !chosen {
        return;
    }
    if n > 0 {
        head(ui, theme);
    }
    for (i, leg) in route.legs.iter().enumerate() {
        let seen = n <= 3 * ENDS || i < ENDS || i >= n - ENDS || route.guilty == Some(i);
        if seen {
            row(ui, why, route, i, leg, theme, actions);
        } else if i == ENDS {
            let text = format!("… {} factors between are not shown …", n - 2 * ENDS);
            ui.label(RichText::new(text).font(theme::mono(10.5)).color(theme.dim));
        }
    }
    ui.add_space(6.0);
}

/// Widths of the columns: name, factor, bar, norm; the rest is for the note.
fn widths(all: f32) -> [f32; 4] {
    let name = (all * 0.3).clamp(84.0, 210.0);
    let bar = if all > 380.0 { (all * 0.16).clamp(40.0, 120.0) } else { 0.0 };
    [name, 74.0, bar, 68.0]
}

fn head(ui: &mut Ui, theme: &Theme) {
    let [name, factor, bar, norm] = widths(ui.available_width());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        for (text, width) in
            [("node", name), ("factor", factor), ("", bar), ("leaves", norm), ("what is behind it", 0.0)]
        {
            let text = RichText::new(text).font(theme::sans(10.5)).color(theme.dim);
            if width > 0.0 {
                ui.allocate_ui_with_layout(vec2(width, 14.0), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_width(width);
                    ui.add(Label::new(text).truncate());
                });
            } else if bar > 0.0 {
                ui.add(Label::new(text).truncate());
            }
        }
    });
}

fn row(ui: &mut Ui, why: &Why, route: &Route, i: usize, leg: &Leg, theme: &Theme, actions: &mut Vec<Action>) {
    let guilty = route.guilty == Some(i);
    let [name, factor, bar, norm] = widths(ui.available_width());
    let mono = |t: String, c| RichText::new(t).font(theme::mono(11.0)).color(c);
    let colour = if guilty { theme.error } else { theme.text };
    let line = |ui: &mut Ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let last = leg.pin.is_none() || i + 1 == route.legs.len();
        let title = if last { format!("{} → {}", leg.name, why.label) } else { leg.name.clone() };
        let text = RichText::new(title.as_str()).font(theme::sans(12.0)).color(colour);
        let cell = |ui: &mut Ui, width: f32, add: &mut dyn FnMut(&mut Ui)| {
            ui.allocate_ui_with_layout(vec2(width, 18.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(width);
                ui.set_max_width(width);
                add(ui);
            });
        };
        cell(ui, name, &mut |ui| {
            let r = ui
                .add(Label::new(text.clone()).truncate().sense(Sense::click()))
                .on_hover_text("Click: shows this node");
            if r.clicked() {
                go_to(leg.node, actions);
            }
        });
        cell(ui, factor, &mut |ui| {
            let text = leg.factor().map_or("—".to_owned(), |f| format!("× {}", short(f)));
            ui.add(Label::new(mono(text, colour)).truncate())
                .on_hover_text("‖gradient that leaves‖ / ‖gradient that arrives‖");
        });
        if bar > 0.0 {
            let (rect, r) = ui.allocate_exact_size(vec2(bar, 8.0), Sense::hover());
            ui.painter().rect_filled(rect, 1.0, theme.card);
            let full = decades(leg.leaves.unwrap_or(0.0));
            ui.painter().rect_filled(Rect::from_min_size(rect.min, vec2(bar * full, 8.0)), 1.0, theme.gradient);
            r.on_hover_text("What leaves the node, by decades from 1e-6 to 10");
        }
        cell(ui, norm, &mut |ui| {
            ui.label(mono(leg.leaves.map_or("—".to_owned(), short), theme.dim));
        });
        if let Some(f) = leg.finding.as_ref().filter(|_| bar > 0.0) {
            let note =
                RichText::new(&f.short).font(theme::sans(12.0)).color(if guilty { theme.error } else { theme.dim });
            ui.add(Label::new(note).truncate()).on_hover_text(&f.text);
        }
    };
    ui.horizontal(line);
    if let Some(f) = leg.finding.as_ref().filter(|_| bar == 0.0) {
        let note = RichText::new(format!("   {}", f.short)).font(theme::sans(11.0));
        ui.label(note.color(if guilty { theme.error } else { theme.dim })).on_hover_text(&f.text);
    }
}
