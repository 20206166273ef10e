//! The data dialog: where samples come from, how they are split, scaled and labelled. A change takes effect at once.

use crate::data::{Channels, DataConfig, Input, Labels, Layout, Playground, Scale, Set, Source, parse_formula};
use crate::project::Change;
use crate::ui::action::Action;
use crate::ui::csv_form::CsvForm;
use crate::ui::file_form::FileForm;
use crate::ui::files::Pick;
use crate::ui::modal::modal;
use crate::ui::settings::push_change;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::pictures;
use egui::{ComboBox, Context, DragValue, Grid, Response, RichText, ScrollArea, Sense, TextEdit, Ui, pos2, vec2};
use std::path::{Path, PathBuf};

/// What came of one frame of the dialog.
pub enum Answer {
    /// Nothing yet.
    Open,
    /// It is done.
    Closed,
    /// This is to be chosen in a file dialog.
    Browse(Pick),
}

/// The texts under way.
pub struct DataDialog {
    formula: String,
    csv: CsvForm,
    files: FileForm,
    chosen: Option<PathBuf>,
}

/// The sources offered: a name, what it is, and a data set to begin with.
const SOURCES: [(&str, &str, &str); 9] = [
    ("No data", "Nothing to train on.", ""),
    ("Playground", "Points of the plane in two classes, or with a number each.", "spiral"),
    ("Function", "A formula in x, sampled evenly.", "sine"),
    ("Iris", "150 flowers of three kinds with four measures each (Fisher 1936).", "iris"),
    ("Digits", "1797 handwritten digits of 8×8 pixels.", "digits"),
    ("CSV file", "Your own table.", "csv"),
    ("IDX files", "Pictures in the format of MNIST, plain or gzipped.", "idx"),
    ("Folder", "Your own PNG and JPEG pictures, a sub-folder per class.", "folder"),
    ("NumPy", "Your own arrays, npy or npz.", "npy"),
];

fn source_name(source: &Source) -> &'static str {
    match source {
        Source::None => "No data",
        Source::Playground(_) => "Playground",
        Source::Function(_) => "Function",
        Source::Table(_) => "Table",
        Source::Digits => "Digits",
        Source::Iris => "Iris",
        Source::Csv(_) => "CSV file",
        Source::Idx(_) => "IDX files",
        Source::Folder(_) => "Folder",
        Source::Npy(_) => "NumPy",
    }
}

impl DataDialog {
    /// The dialog on `config`; relative paths begin at `base`.
    pub fn new(config: &DataConfig, base: Option<PathBuf>) -> Self {
        let formula = if let Source::Function(f) = &config.source { f.formula.clone() } else { String::new() };
        let base = base.unwrap_or_default();
        let (csv, files) = (CsvForm::new(&config.source, base.clone()), FileForm::new(&config.source, base));
        DataDialog { formula, csv, files, chosen: None }
    }

    /// Something was chosen in the file dialog.
    pub fn choose(&mut self, path: &Path) {
        self.chosen = Some(path.to_owned());
    }

    /// Draws the dialog.
    pub fn ui(&mut self, ctx: &Context, state: &State, actions: &mut Vec<Action>) -> Answer {
        let old = state.document().data.clone();
        if let Some(path) = self.chosen.take() {
            let source = match &old.source {
                Source::Csv(_) => self.csv.load(&path),
                source => self.files.choose(source, &path),
            };
            actions.push(Action::Change(Change::Data(DataConfig { source, ..old.clone() })));
        }
        let answer = modal(ctx, "data", 760.0, Answer::Closed, |ui| {
            ui.heading("Data");
            let mut answer = None;
            let height = (ctx.content_rect().height() * 0.7).min(520.0);
            let size = vec2(ui.available_width(), height);
            ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Min), |ui| {
                ui.vertical(|ui| {
                    ui.set_width(120.0);
                    self.sources(ui, &old, actions);
                });
                ui.separator();
                ui.vertical(|ui| {
                    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                        let mut form = Form { old: &old, actions };
                        match &old.source {
                            Source::None => _ = ui.label("Choose where the samples come from."),
                            Source::Playground(p) => playground(ui, p, &mut form),
                            Source::Function(_) => self.function(ui, &mut form),
                            Source::Table(t) => {
                                ui.label(format!("{} rows written down in the project file.", t.features.len()));
                            }
                            Source::Digits | Source::Iris => {
                                let about = SOURCES.iter().find(|s| s.0 == source_name(&old.source));
                                ui.label(about.map_or("", |s| s.1));
                            }
                            Source::Idx(_) | Source::Folder(_) | Source::Npy(_) => {
                                let (changed, pick) = self.files.ui(ui, &old.source);
                                answer = pick.map(Answer::Browse);
                                if let Some(source) = changed {
                                    form.actions
                                        .push(Action::Change(Change::Data(DataConfig { source, ..old.clone() })));
                                }
                                picture_settings(ui, &mut form);
                            }
                            Source::Csv(csv) => {
                                let edited = self.csv.ui(ui, csv);
                                if edited.browse {
                                    answer = Some(Answer::Browse(Pick::Table));
                                }
                                if let Some(csv) = edited.changed {
                                    let source = Source::Csv(csv);
                                    form.actions
                                        .push(Action::Change(Change::Data(DataConfig { source, ..old.clone() })));
                                }
                            }
                        }
                        if old.source != Source::None {
                            split(ui, &mut form);
                            if state.dataset.as_ref().is_some_and(|d| d.picture.is_some()) {
                                augmentation(ui, &mut form);
                            }
                        }
                        let told = matches!(&old.source, Source::Csv(csv) if self.csv.answers_for(csv));
                        summary(ui, state, told);
                    });
                });
            });
            ui.add_space(8.0);
            if ui.button("Close").clicked() {
                answer = Some(Answer::Closed);
            }
            answer
        });
        if matches!(answer, Some(Answer::Closed)) {
            // A formula that is still being typed is complete now.
            actions.push(Action::Commit);
        }
        answer.unwrap_or(Answer::Open)
    }

    fn sources(&mut self, ui: &mut Ui, old: &DataConfig, actions: &mut Vec<Action>) {
        let now = source_name(&old.source);
        if now == "Table" {
            _ = ui.selectable_label(true, "Table");
        }
        for (name, about, preset) in SOURCES {
            if ui.selectable_label(now == name, name).on_hover_text(about).clicked() && now != name {
                let file = match preset {
                    "csv" => Some(Source::Csv(Default::default())),
                    "idx" => Some(Source::Idx(Default::default())),
                    "folder" => Some(Source::Folder(Default::default())),
                    "npy" => Some(Source::Npy(Default::default())),
                    _ => None,
                };
                let new = match file {
                    Some(source) => DataConfig { source, train_share: 0.8, ..old.clone() },
                    None => DataConfig { seed: old.seed, ..DataConfig::preset(preset).unwrap_or_default() },
                };
                if let Source::Function(f) = &new.source {
                    self.formula.clone_from(&f.formula);
                }
                self.files.show(&new.source);
                actions.push(Action::Change(Change::Data(new)));
            }
        }
    }

    fn function(&mut self, ui: &mut Ui, form: &mut Form) {
        let theme = Theme::of(ui.ctx());
        let Source::Function(old) = form.old.source.clone() else { return };
        ui.horizontal(|ui| {
            ui.label("y =");
            let field = TextEdit::singleline(&mut self.formula).font(theme::mono(13.0)).desired_width(300.0);
            let field = ui.add(field).accessible_name("Formula");
            if field.gained_focus() {
                form.actions.push(Action::Begin("Change formula".to_owned()));
            }
            if field.changed() && parse_formula(&self.formula).is_ok() {
                let source = Source::Function(crate::data::Function { formula: self.formula.clone(), ..old.clone() });
                form.actions.push(Action::Live(Change::Data(DataConfig { source, ..form.old.clone() })));
            }
            if field.lost_focus() {
                form.actions.push(Action::Commit);
            }
            field.on_hover_text("A formula in x with + - * / ^, sin, cos, tan, exp, log, sqrt, abs, tanh, pi, e.");
        });
        match parse_formula(&self.formula) {
            Ok(_) => ui.label(RichText::new("The formula is complete.").font(theme::sans(11.0)).color(theme.dim)),
            Err(e) => {
                let at = RichText::new(format!("{}^", " ".repeat(e.position.saturating_sub(1))))
                    .font(theme::mono(13.0))
                    .color(theme.error);
                ui.horizontal(|ui| {
                    ui.add_space(34.0);
                    ui.label(at);
                });
                ui.colored_label(theme.error, e.message)
            }
        };
        Grid::new("function").num_columns(2).min_col_width(120.0).spacing([12.0, 6.0]).show(ui, |ui| {
            form.source(ui, "From", "Where x begins.", |ui, s| {
                function_of(s).map(|f| ui.add(DragValue::new(&mut f.from).speed(0.05).max_decimals(4)))
            });
            form.source(ui, "To", "Where x ends.", |ui, s| {
                function_of(s).map(|f| ui.add(DragValue::new(&mut f.to).speed(0.05).max_decimals(4)))
            });
            form.source(ui, "Samples", "How many points.", |ui, s| {
                function_of(s).map(|f| ui.add(DragValue::new(&mut f.samples).range(2..=100_000)))
            });
            form.source(ui, "Noise", "Standard deviation of what is added to y.", |ui, s| {
                function_of(s).map(|f| ui.add(DragValue::new(&mut f.noise).speed(0.005).range(0.0..=10.0)))
            });
        });
    }
}

fn function_of(source: &mut Source) -> Option<&mut crate::data::Function> {
    if let Source::Function(f) = source { Some(f) } else { None }
}

fn playground_of(source: &mut Source) -> Option<&mut Playground> {
    if let Source::Playground(p) = source { Some(p) } else { None }
}

struct Form<'a> {
    old: &'a DataConfig,
    actions: &'a mut Vec<Action>,
}

impl Form<'_> {
    fn row(
        &mut self,
        ui: &mut Ui,
        name: &str,
        about: &str,
        control: impl FnOnce(&mut Ui, &mut DataConfig) -> Option<Response>,
    ) {
        ui.label(name).on_hover_text(about);
        let mut new = self.old.clone();
        if let Some(response) = control(ui, &mut new) {
            let response = response.accessible_name(name);
            push_change(&response, self.old, new, Change::Data, self.actions);
            response.on_hover_text(about);
        }
        ui.end_row();
    }

    fn source(
        &mut self,
        ui: &mut Ui,
        name: &str,
        about: &str,
        control: impl FnOnce(&mut Ui, &mut Source) -> Option<Response>,
    ) {
        self.row(ui, name, about, |ui, config| control(ui, &mut config.source));
    }
}

fn playground(ui: &mut Ui, old: &Playground, form: &mut Form) {
    Grid::new("playground").num_columns(2).min_col_width(120.0).spacing([12.0, 6.0]).show(ui, |ui| {
        form.source(ui, "Pattern", "How the points lie.", |ui, s| {
            let p = playground_of(s)?;
            let combo = ComboBox::from_id_salt("pattern").width(190.0).selected_text(p.set.label()).show_ui(ui, |ui| {
                for set in Set::ALL {
                    ui.selectable_value(&mut p.set, set, set.label());
                }
            });
            Some(combo.response)
        });
        form.source(ui, "Noise", "How far points lie from their pattern.", |ui, s| {
            playground_of(s).map(|p| ui.add(egui::Slider::new(&mut p.noise, 0.0..=0.5)))
        });
        form.source(ui, "Samples", "How many points.", |ui, s| {
            playground_of(s).map(|p| ui.add(DragValue::new(&mut p.samples).range(4..=100_000)))
        });
    });
    ui.label("Inputs of the network").on_hover_text("Features made of the two coordinates.");
    ui.horizontal_wrapped(|ui| {
        for input in Input::ALL {
            let mut on = old.inputs.contains(&input);
            let last = on && old.inputs.len() == 1;
            let check = ui.add_enabled(!last, egui::Checkbox::new(&mut on, input.label()));
            if check.on_disabled_hover_text("One input must remain.").changed() {
                let inputs = Input::ALL.into_iter().filter(|i| if *i == input { on } else { old.inputs.contains(i) });
                let source = Source::Playground(Playground { inputs: inputs.collect(), ..old.clone() });
                form.actions.push(Action::Change(Change::Data(DataConfig { source, ..form.old.clone() })));
            }
        }
    });
}

fn split(ui: &mut Ui, form: &mut Form) {
    const SCALES: [(Scale, &str); 3] =
        [(Scale::None, "as they are"), (Scale::Standardise, "mean 0, deviation 1"), (Scale::MinMax, "from 0 to 1")];
    const LABELS: [(Labels, &str); 5] = [
        (Labels::Auto, "automatic"),
        (Labels::Index, "index, B"),
        (Labels::ZeroOne, "0 and 1, B×1"),
        (Labels::PlusMinus, "-1 and 1, B×1"),
        (Labels::OneHot, "one-hot, B×C"),
    ];
    ui.add_space(8.0);
    Grid::new("split").num_columns(2).min_col_width(120.0).spacing([12.0, 6.0]).show(ui, |ui| {
        form.row(ui, "Train share", "Part of the samples that is trained on; the rest tests.", |ui, c| {
            let percent = |v: f64, _: std::ops::RangeInclusive<usize>| format!("{:.0} %", v * 100.0);
            let parse = |s: &str| s.trim().trim_end_matches('%').trim().parse::<f64>().ok().map(|v| v / 100.0);
            let slider =
                egui::Slider::new(&mut c.train_share, 0.05..=1.0).custom_formatter(percent).custom_parser(parse);
            Some(ui.add(slider))
        });
        form.row(ui, "Data seed", "Another seed makes other points, and another split.", |ui, c| {
            Some(ui.add(DragValue::new(&mut c.seed)))
        });
        form.row(ui, "Scaling", "What is done to the features, measured on the training samples only.", |ui, c| {
            Some(choice(ui, "scaling", &mut c.scale, &SCALES))
        });
        form.row(ui, "Labels", "How classes are coded, as the loss wants them.", |ui, c| {
            Some(choice(ui, "labels", &mut c.labels, &LABELS))
        });
    });
}

fn picture_settings(ui: &mut Ui, form: &mut Form) {
    const LAYOUTS: [(Layout, &str); 2] = [(Layout::Flat, "a row, B×HW"), (Layout::Image, "a picture, B×1×H×W")];
    const CHANNELS: [(Channels, &str); 2] = [(Channels::Grey, "grey"), (Channels::Rgb, "red, green, blue")];
    Grid::new("pictures").num_columns(2).min_col_width(120.0).spacing([12.0, 6.0]).show(ui, |ui| {
        match form.old.source {
            Source::Idx(_) => {
                let count = |ui: &mut Ui, n: &mut Option<usize>, none: &'static str| {
                    let mut k = n.unwrap_or(0);
                    let text = move |k: f64, _: std::ops::RangeInclusive<usize>| {
                        if k == 0.0 { none.to_owned() } else { k.to_string() }
                    };
                    let response = ui.add(DragValue::new(&mut k).speed(20).custom_formatter(text));
                    *n = (k > 0).then_some(k);
                    response
                };
                form.source(ui, "Train on the first", "How many pictures train.", |ui, s| match s {
                    Source::Idx(i) => Some(count(ui, &mut i.train, "all that do not test")),
                    _ => None,
                });
                form.source(ui, "Test with the last", "How many pictures test.", |ui, s| match s {
                    Source::Idx(i) => Some(count(ui, &mut i.test, "all that do not train")),
                    _ => None,
                });
                form.source(ui, "Shape", "Convolutions take pictures, linear layers a row.", |ui, s| match s {
                    Source::Idx(i) => Some(choice(ui, "layout", &mut i.layout, &LAYOUTS)),
                    _ => None,
                });
            }
            Source::Folder(_) => {
                form.source(ui, "Width", "Pixels across, to which every picture is stretched.", |ui, s| match s {
                    Source::Folder(f) => Some(ui.add(DragValue::new(&mut f.width).range(1..=512))),
                    _ => None,
                });
                form.source(ui, "Height", "Pixels down, to which every picture is stretched.", |ui, s| match s {
                    Source::Folder(f) => Some(ui.add(DragValue::new(&mut f.height).range(1..=512))),
                    _ => None,
                });
                form.source(ui, "Channels", "What of a pixel is used.", |ui, s| match s {
                    Source::Folder(f) => Some(choice(ui, "channels", &mut f.channels, &CHANNELS)),
                    _ => None,
                });
            }
            _ => {}
        }
    });
}

fn augmentation(ui: &mut Ui, form: &mut Form) {
    ui.add_space(8.0);
    ui.label("Changes at random while training").on_hover_text("Drawn anew every epoch; what tests is not changed.");
    Grid::new("augment").num_columns(2).min_col_width(120.0).spacing([12.0, 6.0]).show(ui, |ui| {
        form.row(ui, "Shift", "Most pixels by which a picture is moved to any side.", |ui, c| {
            Some(ui.add(DragValue::new(&mut c.augment.shift).speed(0.05).range(0..=64)))
        });
        form.row(ui, "Mirror", "Half of the pictures are mirrored left to right.", |ui, c| {
            Some(ui.checkbox(&mut c.augment.flip, ""))
        });
        form.row(ui, "Pixel noise", "Standard deviation of the noise on a pixel, which is from 0 to 1.", |ui, c| {
            Some(ui.add(DragValue::new(&mut c.augment.noise).speed(0.002).range(0.0..=1.0)))
        });
    });
}

fn choice<T: Copy + PartialEq>(ui: &mut Ui, salt: &str, value: &mut T, choices: &[(T, &'static str)]) -> Response {
    let now = choices.iter().find(|c| c.0 == *value).map_or("", |c| c.1);
    let combo = ComboBox::from_id_salt(salt).width(190.0).selected_text(now).show_ui(ui, |ui| {
        for (one, name) in choices {
            ui.selectable_value(value, *one, *name);
        }
    });
    combo.response
}

/// What was read; the reason why nothing was, unless the form has `told` it.
fn summary(ui: &mut Ui, state: &State, told: bool) {
    let theme = Theme::of(ui.ctx());
    ui.add_space(8.0);
    if state.loading {
        ui.horizontal(|ui| {
            ui.spinner();
            ui.label(RichText::new("Reading the samples…").color(theme.dim));
        });
        return;
    }
    if let Some(why) = state.data_error.as_ref().filter(|_| !told) {
        ui.colored_label(theme.error, why);
    }
    let Some(data) = &state.dataset else { return };
    ui.horizontal(|ui| {
        preview(ui, state, &theme);
        ui.vertical(|ui| {
            ui.label(format!("{} samples: {} train, {} test", data.len(), data.train.len(), data.test.len()));
            let shapes = format!("features {}, target {}", data.feature_shape, data.target_shape);
            ui.label(RichText::new(shapes).font(theme::mono(11.5)).color(theme.dim));
            if !data.class_names.is_empty() {
                ui.label(RichText::new(format!("classes: {}", data.class_names.join(", "))).color(theme.dim));
            }
            for warning in data.warnings.iter().take(6) {
                ui.colored_label(theme.warning, warning);
            }
        });
    });
    pictures::strip(ui, data, 10);
}

/// The samples as points, if they lie in a plane or on a curve.
fn preview(ui: &mut Ui, state: &State, theme: &Theme) {
    let Some(data) = state.dataset.as_ref() else { return };
    let (Some(points), Some([x, y])) = (&data.points, data.domain) else { return };
    let (rect, response) = ui.allocate_exact_size(vec2(150.0, 150.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Preview of the samples"));
    ui.painter().rect_filled(rect, 4.0, theme.canvas);
    let inner = rect.shrink(6.0);
    // A curve has its value as the second coordinate, for which there is no fixed range.
    let value = |row: usize, p: [f64; 2]| if data.is_curve() { data.targets[row * data.target_width()] } else { p[1] };
    let rows = || points.iter().enumerate().step_by(1 + points.len() / 600);
    let (low, high) = if data.is_curve() {
        rows().fold((f64::MAX, f64::MIN), |(l, h), (i, p)| (l.min(value(i, *p)), h.max(value(i, *p))))
    } else {
        (y[0], y[1])
    };
    let place = |v: f64, low: f64, high: f64| ((v - low) / (high - low).max(1e-12)) as f32;
    for (row, p) in rows() {
        let at = pos2(
            inner.left() + inner.width() * place(p[0], x[0], x[1]),
            inner.bottom() - inner.height() * place(value(row, *p), low, high),
        );
        let color = match data.class_of(row) {
            Some(class) => theme.class(class),
            None if data.is_curve() => theme.accent,
            None => theme.diverging(data.targets[row * data.target_width()] as f32),
        };
        ui.painter().with_clip_rect(rect).circle_filled(at, 2.0, color);
    }
}
