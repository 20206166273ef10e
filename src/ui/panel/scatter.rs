//! The samples as points, at two numbers of a node's output.

use crate::train::{Scatter, ScatterOf, Want};
use crate::ui::action::Action;
use crate::ui::canvas::node::point_colour;
use crate::ui::canvas::picture::short;
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::{Color32, ComboBox, DragValue, Ui};
use egui_plot::{HoverPosition, Legend, Plot, PlotPoints, Points};
use std::collections::BTreeMap;

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    if state.want.scatter.is_none() {
        actions.push(Action::Want(Want { scatter: Some(ScatterOf::default()), ..state.want.clone() }));
    }
    let Some(shown) = state.snapshot.as_ref().and_then(|s| s.scatter.clone()) else {
        choose(ui, state, None, actions);
        return nothing(ui, "The samples in two columns of a node's output, such as the code of an autoencoder.");
    };
    choose(ui, state, Some(&shown), actions);
    let theme = Theme::of(ui.ctx());
    let Some(data) = state.dataset.as_ref() else { return };
    let mut groups: BTreeMap<usize, Vec<[f64; 2]>> = BTreeMap::new();
    for (at, row) in shown.points.iter().zip(&shown.rows).filter(|(at, _)| at.iter().all(|x| x.is_finite())) {
        groups.entry(data.class_of(*row).unwrap_or(usize::MAX)).or_default().push(*at);
    }
    let name = |class: usize| data.class_names.get(class).cloned().unwrap_or_else(|| "samples".to_owned());
    let colour = |class: usize| -> Color32 {
        match class {
            usize::MAX => shown.rows.first().map_or(theme.accent, |r| point_colour(data, *r, &theme)),
            c => theme.class(c),
        }
    };
    let node = state.graph().node(shown.node).map_or("", |n| n.name.as_str());
    Plot::new("scatter plot")
        .legend(Legend::default())
        .grid_color(theme.line)
        .allow_scroll(false)
        .x_axis_label(format!("{node}[{}]", shown.columns[0]))
        .y_axis_label(format!("{node}[{}]", shown.columns[1]))
        .label_formatter(|p: &HoverPosition<'_>| match p {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}: {}, {}", short(position.x), short(position.y)))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
        .show(ui, |p| {
            for (class, points) in groups {
                p.points(Points::new(name(class), PlotPoints::from(points)).color(colour(class)).radius(2.4));
            }
        });
}

/// Which node, and which of its columns.
fn choose(ui: &mut Ui, state: &State, shown: Option<&Scatter>, actions: &mut Vec<Action>) {
    let Some(of) = state.want.scatter else { return };
    ui.horizontal(|ui| {
        let node = of.node.or(shown.map(|s| s.node));
        let name = node.and_then(|id| state.graph().node(id)).map_or("choose a node", |n| n.name.as_str());
        let mut next = of;
        let combo = ComboBox::from_id_salt("scatter of").selected_text(name).width(92.0).show_ui(ui, |ui| {
            for n in state.graph().nodes() {
                let fits = state.inference.shape(n.id).is_some_and(|s| s.per_sample() >= 2);
                if fits && ui.selectable_label(node == Some(n.id), &n.name).clicked() {
                    next = ScatterOf { node: Some(n.id), columns: [0, 1] };
                }
            }
        });
        combo.response.accessible_name("Scatter of").on_hover_text("Whose output places the samples.");
        if let Some(s) = shown.filter(|s| s.width > 2) {
            for (axis, title) in [(0, "across "), (1, "up ")] {
                let mut column = s.columns[axis];
                let field = DragValue::new(&mut column).range(0..=s.width - 1).prefix(title);
                if ui.add(field).on_hover_text("Which of its numbers.").changed() {
                    next = ScatterOf { node, columns: s.columns };
                    next.columns[axis] = column;
                }
            }
        }
        if let Some(s) = shown {
            ui.weak(format!("{} {} samples", s.points.len(), if s.test { "test" } else { "train" }));
        }
        if next != of {
            actions.push(Action::Want(Want { scatter: Some(next), ..state.want.clone() }));
        }
    });
}
