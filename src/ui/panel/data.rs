//! The data set as a table.

use crate::data::Dataset;
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::pictures;
use egui::{RichText, Ui};
use egui_extras::{Column, TableBuilder};
use std::sync::{Arc, Weak};

/// Columns shown at most.
const COLUMNS: usize = 24;
/// Pictures shown.
const PICTURES: usize = 12;

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let theme = Theme::of(ui.ctx());
    if let Some(why) = &state.data_error {
        ui.colored_label(theme.error, why);
        if ui.button("Choose data…").clicked() {
            actions.push(Action::ShowData);
        }
        return;
    }
    if state.loading {
        return nothing(ui, "The data set is being read…");
    }
    let Some(data) = &state.dataset else {
        ui.horizontal(|ui| {
            ui.label("This project has no data set.");
            if ui.button("Choose data…").clicked() {
                actions.push(Action::ShowData);
            }
        });
        return nothing(ui, "");
    };
    ui.horizontal_wrapped(|ui| {
        ui.strong(state.document().data.label());
        ui.weak(format!(
            "{} samples · {} train · {} test · features {} · target {}",
            data.len(),
            data.train.len(),
            data.test.len(),
            data.feature_shape,
            data.target_shape
        ));
        if ui.small_button("Change…").clicked() {
            actions.push(Action::ShowData);
        }
    });
    for w in &data.warnings {
        ui.colored_label(theme.warning, w);
    }
    pictures::strip(ui, data, PICTURES);
    let (fw, tw) = (data.feature_width(), data.target_width());
    let shown = fw.min(COLUMNS);
    let parts = parts(ui, data);
    let mono = |t: String| RichText::new(t).font(theme::mono(11.0));
    let mut table = TableBuilder::new(ui).striped(true).column(Column::exact(52.0)).column(Column::exact(44.0));
    for _ in 0..shown + tw {
        table = table.column(Column::initial(68.0).at_least(40.0).resizable(true));
    }
    table
        .header(20.0, |mut h| {
            h.col(|ui| _ = ui.weak("row"));
            h.col(|ui| _ = ui.weak("part"));
            for k in 0..shown {
                let name = data.feature_names.get(k).cloned().unwrap_or_else(|| format!("[{k}]"));
                h.col(|ui| _ = ui.strong(name));
            }
            for k in 0..tw {
                let name = data.target_names.get(k).map_or("target", String::as_str);
                h.col(|ui| _ = ui.colored_label(theme.good, name));
            }
        })
        .body(|body| {
            body.rows(18.0, data.len(), |mut row| {
                let i = row.index();
                row.col(|ui| _ = ui.weak(i.to_string()));
                row.col(|ui| {
                    let (text, colour) = match parts[i] {
                        (false, false) => ("unused", theme.dim),
                        (true, false) => ("train", theme.train),
                        (false, true) => ("test", theme.test),
                        (true, true) => ("both", theme.text),
                    };
                    ui.colored_label(colour, text);
                });
                for k in 0..shown {
                    row.col(|ui| _ = ui.label(mono(short(data.feature(i, k)))));
                }
                for k in 0..tw {
                    let value = short(data.targets[i * tw + k]);
                    let name = data.class_of(i).filter(|_| k == 0).and_then(|c| data.class_names.get(c));
                    row.col(|ui| _ = ui.label(mono(name.map_or_else(|| value.clone(), |n| format!("{value} {n}")))));
                }
            });
        });
    if fw > shown {
        ui.weak(format!("{} more feature columns", fw - shown));
    }
}

/// Whether each sample trains and whether it tests, made once per data set, as there can be a million.
fn parts(ui: &Ui, data: &Arc<Dataset>) -> Arc<Vec<(bool, bool)>> {
    type Kept = (Weak<Dataset>, Arc<Vec<(bool, bool)>>);
    let id = ui.scope_id().with("parts");
    let kept: Option<Kept> = ui.data(|d| d.get_temp(id));
    if let Some((of, parts)) = kept
        && Weak::as_ptr(&of) == Arc::as_ptr(data)
    {
        return parts;
    }
    let mut parts = vec![(false, false); data.len()];
    data.train.iter().for_each(|i| parts[*i].0 = true);
    data.test.iter().for_each(|i| parts[*i].1 = true);
    let parts = Arc::new(parts);
    ui.data_mut(|d| d.insert_temp(id, (Arc::downgrade(data), Arc::clone(&parts))));
    parts
}
