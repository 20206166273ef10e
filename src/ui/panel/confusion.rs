//! Which class is taken for which, on the train and the test part.

use crate::train::{Metrics, class_scores, macro_auc, macro_score};
use crate::ui::canvas::picture::short;
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, Rect, ScrollArea, Sense, Ui, vec2};

/// Draws the panel; `train` chooses the part.
pub fn ui(ui: &mut Ui, state: &State, train: &mut bool) {
    let Some(snapshot) = &state.snapshot else {
        return nothing(ui, "The confusion matrix, once the network has classified something.");
    };
    ui.horizontal(|ui| {
        ui.selectable_value(train, false, "test");
        ui.selectable_value(train, true, "train");
    });
    match if *train { &snapshot.train_metrics } else { &snapshot.test_metrics } {
        Metrics::Classes { accuracy, top, auc, confusion, names } => {
            let top: String = top.iter().map(|(k, share)| format!("   top-{k} {:.1} %", share * 100.0)).collect();
            ui.label(format!("accuracy {:.1} %{top}   rows: true class, columns: predicted", accuracy * 100.0))
                .on_hover_text("top-k: the true class is among the k best answers");
            ScrollArea::both().auto_shrink(false).show(ui, |ui| {
                matrix(ui, confusion, names);
                scores(ui, confusion, auc, names);
            });
        }
        Metrics::Regression { mae, rmse, mape, r2 } => {
            ui.label(format!(
                "This is a regression: mean absolute error {}, root of mean square {}, mean share {}, R² {}",
                short(*mae),
                short(*rmse),
                short(*mape),
                short(*r2)
            ));
        }
        Metrics::None => nothing(ui, "No classes to compare: the data set has no such part, or nothing has run yet."),
    }
}

/// Precision, recall, F₁ and area under the ROC curve of every class, and their means.
fn scores(ui: &mut Ui, confusion: &[Vec<u32>], auc: &[f64], names: &[String]) {
    let scores = class_scores(confusion);
    egui::Grid::new("class scores").striped(true).spacing([16.0, 3.0]).show(ui, |ui| {
        for (heading, what) in [
            ("class", "One row for each class; the mean counts each class once"),
            ("precision", "Of the samples said to be of the class, the share that are"),
            ("recall", "Of the samples of the class, the share that were said to be"),
            ("F1", "The harmonic mean of precision and recall"),
            (
                "AUC",
                "Area under the ROC curve, this class against the rest: the chance that a sample of the class scores \
                     higher than one that is not. 0.5 is guessing, 1 is perfect; it depends on no threshold",
            ),
        ] {
            ui.weak(heading).on_hover_text(what);
        }
        ui.end_row();
        let mean = (macro_score(&scores), macro_auc(auc));
        let rows = names.iter().map(String::as_str).zip(scores.into_iter().zip(auc.iter().copied()));
        for (name, (s, auc)) in rows.chain([("mean", mean)]) {
            ui.label(name);
            for x in [s.precision, s.recall, s.f1, auc] {
                ui.monospace(if x.is_nan() { "-".to_owned() } else { format!("{x:.3}") });
            }
            ui.end_row();
        }
    });
}

fn matrix(ui: &mut Ui, confusion: &[Vec<u32>], names: &[String]) {
    let theme = Theme::of(ui.ctx());
    let n = confusion.len().max(1);
    let label = 74.0;
    let free = ui.available_size();
    let cell = ((free.x - label).min(free.y * 2.0) / n as f32).clamp(26.0, 84.0);
    let high = ((free.y - 26.0) / n as f32).clamp(18.0, 48.0);
    let (rect, response) =
        ui.allocate_exact_size(vec2(label + cell * n as f32, high * n as f32 + 24.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Table, true, "confusion matrix"));
    let painter = ui.painter();
    for (i, row) in confusion.iter().enumerate() {
        let sum: u32 = row.iter().sum();
        let y = rect.top() + 22.0 + i as f32 * high;
        let name = names.get(i).map_or("?", String::as_str);
        painter.text(
            egui::pos2(rect.left() + label - 8.0, y + high * 0.5),
            Align2::RIGHT_CENTER,
            name,
            theme::sans(11.0),
            theme.dim,
        );
        painter.text(
            egui::pos2(rect.left() + label + (i as f32 + 0.5) * cell, rect.top() + 12.0),
            Align2::CENTER_CENTER,
            name.chars().take(10).collect::<String>(),
            theme::sans(11.0),
            theme.dim,
        );
        for (j, count) in row.iter().enumerate() {
            let at =
                Rect::from_min_size(egui::pos2(rect.left() + label + j as f32 * cell, y), vec2(cell, high)).shrink(1.0);
            let share = if sum > 0 { *count as f32 / sum as f32 } else { 0.0 };
            let full: Color32 = if i == j { theme.positive } else { theme.negative };
            painter.rect_filled(at, 2.0, theme.card.lerp_to_gamma(full, share.sqrt() * 0.85));
            let colour = if *count > 0 { theme.text } else { theme.dim };
            painter.text(at.center(), Align2::CENTER_CENTER, count.to_string(), theme::mono(11.5), colour);
        }
    }
}
