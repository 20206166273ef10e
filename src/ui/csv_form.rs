//! The part of the data dialog that is about a table of the user: its file, and which columns mean what.

use crate::data::{Csv, CsvReport, Source, inspect_csv};
use crate::train::Errand;
use crate::ui::theme::{self, Theme};
use egui::{Grid, RichText, ScrollArea, TextEdit, Ui};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The path being typed and what the file holds.
pub struct CsvForm {
    base: PathBuf,
    path: String,
    report: Option<Result<CsvReport, String>>,
    /// The look at the file that is under way.
    looking: Option<Errand<Result<CsvReport, String>>>,
}

/// What came of one frame.
#[derive(Default)]
pub struct Edited {
    /// The file dialog is wanted.
    pub browse: bool,
    /// Other settings.
    pub changed: Option<Csv>,
}

/// The table in the file `path`: the last column is the target, all others are features. A file beside the project is named
/// relative to its folder `base`, so that both can be moved together.
pub fn table(path: &Path, base: &Path) -> Csv {
    let near = if base.as_os_str().is_empty() { None } else { path.strip_prefix(base).ok() };
    Csv { path: near.unwrap_or(path).to_owned(), ..Csv::default() }
}

impl CsvForm {
    /// The form on `source`; relative paths begin at `base`.
    pub fn new(source: &Source, base: PathBuf) -> Self {
        let mut form = CsvForm { base, path: String::new(), report: None, looking: None };
        if let Source::Csv(csv) = source
            && !csv.path.as_os_str().is_empty()
        {
            form.path = csv.path.display().to_string();
            form.inspect();
        }
        form
    }

    fn inspect(&mut self) {
        let path = self.base.join(&self.path);
        let look = move || inspect_csv(&path).map_err(|e| e.to_string());
        (self.report, self.looking) = (None, Some(Errand::run("table", look, || ())));
    }

    /// Whether the form itself says why there are no samples: no file is chosen, or it is no table.
    pub fn answers_for(&self, csv: &Csv) -> bool {
        csv.path.as_os_str().is_empty() || matches!(self.report, Some(Err(_)))
    }

    /// Looks at the file `path`; the source with it.
    pub fn load(&mut self, path: &Path) -> Source {
        let csv = table(path, &self.base);
        self.path = csv.path.display().to_string();
        self.inspect();
        Source::Csv(csv)
    }

    /// Draws the form.
    pub fn ui(&mut self, ui: &mut Ui, csv: &Csv) -> Edited {
        let theme = Theme::of(ui.ctx());
        let mut edited = Edited::default();
        ui.horizontal(|ui| {
            ui.label("File");
            let field = TextEdit::singleline(&mut self.path).font(theme::mono(12.0)).desired_width(330.0);
            let field = ui.add(field).accessible_name("CSV path");
            if field.lost_focus()
                && Path::new(&self.path) != csv.path
                && let Source::Csv(new) = self.load(&PathBuf::from(self.path.trim()))
            {
                edited.changed = Some(new);
            }
            edited.browse = ui.button("Browse…").clicked();
        });
        if let Some(errand) = &self.looking {
            match errand.take() {
                Some(answer) => {
                    self.report = Some(answer.unwrap_or_else(|died| Err(died.to_string())));
                    self.looking = None;
                }
                None => ui.ctx().request_repaint_after(Duration::from_millis(25)),
            }
        }
        match &self.report {
            None if self.looking.is_some() => {
                ui.horizontal(|ui| {
                    ui.spinner();
                    ui.label(RichText::new("Looking at the file…").color(theme.dim));
                });
            }
            None => _ = ui.label(RichText::new("Choose a file with one sample per row.").color(theme.dim)),
            Some(Err(why)) => _ = ui.colored_label(theme.error, why),
            Some(Ok(report)) => columns(ui, report, csv, &theme, &mut edited),
        }
        edited
    }
}

fn columns(ui: &mut Ui, report: &CsvReport, csv: &Csv, theme: &Theme, edited: &mut Edited) {
    let separator = if report.delimiter == '\t' { "tab".to_owned() } else { format!("\"{}\"", report.delimiter) };
    let header = if report.header { "with a row of names" } else { "without a row of names" };
    let about = format!("{} rows, columns parted by {separator}, {header}", report.rows);
    ui.label(RichText::new(about).color(theme.dim));
    let names = || report.columns.iter().map(|c| c.name.clone());
    let target = csv.target.clone().or_else(|| names().next_back());
    let used =
        |name: &String| Some(name) != target.as_ref() && (csv.features.is_empty() || csv.features.contains(name));
    ScrollArea::vertical().max_height(210.0).auto_shrink([false, true]).id_salt("columns").show(ui, |ui| {
        Grid::new("columns").num_columns(5).striped(true).spacing([14.0, 4.0]).show(ui, |ui| {
            for title in ["Feature", "Target", "Column", "Values", "Example"] {
                ui.label(RichText::new(title).font(theme::bold(11.0)).color(theme.dim));
            }
            ui.end_row();
            for column in &report.columns {
                let is_target = target.as_ref() == Some(&column.name);
                let mut on = used(&column.name);
                let check = ui.add_enabled(!is_target, egui::Checkbox::without_text(&mut on));
                if check.accessible_name(format!("Feature {}", column.name)).changed() {
                    let features: Vec<String> =
                        names().filter(|n| if *n == column.name { on } else { used(n) }).collect();
                    if !features.is_empty() {
                        edited.changed = Some(Csv { features, ..csv.clone() });
                    }
                }
                let radio = ui.radio(is_target, "").accessible_name(format!("Target {}", column.name));
                if radio.clicked() && !is_target {
                    let features = csv.features.iter().filter(|f| **f != column.name).cloned().collect();
                    edited.changed = Some(Csv { target: Some(column.name.clone()), features, ..csv.clone() });
                }
                ui.label(RichText::new(&column.name).font(theme::mono(12.0)));
                let kind = if column.numeric { "numbers" } else { "texts" };
                let missing = if column.missing > 0 { format!(", {} missing", column.missing) } else { String::new() };
                ui.label(RichText::new(format!("{} different {kind}{missing}", column.distinct)).color(theme.dim));
                ui.label(
                    RichText::new(column.example.chars().take(18).collect::<String>())
                        .font(theme::mono(11.0))
                        .color(theme.dim),
                );
                ui.end_row();
            }
        });
    });
}
