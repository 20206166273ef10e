//! The part of the data dialog that is about pictures and arrays in files: where they are.

use crate::data::{Idx, Npy, Source, inspect_npy};
use crate::ui::files::Pick;
use crate::ui::theme;
use egui::{ComboBox, Grid, TextEdit, Ui};
use std::path::{Path, PathBuf};

/// The paths being typed.
pub struct FileForm {
    base: PathBuf,
    texts: Vec<String>,
    /// Which path is looked for in the file dialog.
    slot: usize,
    /// Names of the arrays in the files of features and of targets.
    arrays: [Vec<String>; 2],
}

/// A path of a source: its name, what is chosen, and what holds if nothing is.
struct Slot(&'static str, Pick, &'static str);

fn slots(source: &Source) -> &'static [Slot] {
    match source {
        Source::Idx(_) => &[
            Slot("Pictures", Pick::Idx, ""),
            Slot("Labels", Pick::Idx, "beside the pictures"),
            Slot("Test pictures", Pick::Idx, "none: a part of the pictures tests"),
            Slot("Test labels", Pick::Idx, "beside the test pictures"),
        ],
        Source::Folder(_) => &[Slot("Folder", Pick::Folder, "")],
        Source::Npy(_) => {
            &[Slot("Features", Pick::Npy, ""), Slot("Targets", Pick::Npy, "in the npz file of the features")]
        }
        _ => &[],
    }
}

fn path(source: &Source, slot: usize) -> Option<&Path> {
    match (source, slot) {
        (Source::Idx(i), 0) => Some(&i.images),
        (Source::Idx(i), 1) => i.labels.as_deref(),
        (Source::Idx(i), 2) => i.test_images.as_deref(),
        (Source::Idx(i), _) => i.test_labels.as_deref(),
        (Source::Folder(f), _) => Some(&f.path),
        (Source::Npy(n), 0) => Some(&n.features),
        (Source::Npy(n), _) => n.targets.as_deref(),
        _ => None,
    }
}

impl FileForm {
    /// The form on `source`; relative paths begin at `base`.
    pub fn new(source: &Source, base: PathBuf) -> Self {
        let mut form = FileForm { base, texts: Vec::new(), slot: 0, arrays: Default::default() };
        form.show(source);
        form
    }

    /// Takes over the paths of `source`.
    pub fn show(&mut self, source: &Source) {
        let text = |k| path(source, k).map_or_else(String::new, |p: &Path| p.display().to_string());
        self.texts = (0..slots(source).len()).map(text).collect();
        if let Source::Npy(n) = source {
            let targets = n.targets.as_ref().unwrap_or(&n.features);
            // What is wrong with a file is said where the data are loaded.
            self.arrays = [&n.features, targets].map(|p| inspect_npy(&self.base.join(p)).unwrap_or_default());
        }
    }

    /// `source` with the path that was looked for.
    pub fn choose(&mut self, source: &Source, path: &Path) -> Source {
        self.with(source, self.slot, path)
    }

    fn with(&mut self, source: &Source, slot: usize, path: &Path) -> Source {
        let base = self.base.clone();
        // A file beside the project is named relative to it, so that both can be moved together.
        let near = |path: &Path| {
            let inside = if base.as_os_str().is_empty() { None } else { path.strip_prefix(&base).ok() };
            inside.unwrap_or(path).to_owned()
        };
        let given = (!path.as_os_str().is_empty()).then(|| near(path));
        let first = given.clone().unwrap_or_default();
        let mut source = source.clone();
        match (&mut source, slot) {
            (Source::Idx(i), 0) => {
                let found = Idx::beside(&base.join(path));
                let test_images = found.test_images.as_deref().map(near);
                *i = Idx { images: first, test_images, labels: None, test_labels: None, ..i.clone() };
            }
            (Source::Idx(i), 1) => i.labels = given,
            (Source::Idx(i), 2) => i.test_images = given,
            (Source::Idx(i), _) => i.test_labels = given,
            (Source::Folder(f), _) => f.path = first,
            (Source::Npy(n), 0) => *n = Npy { features: first, features_name: None, ..n.clone() },
            (Source::Npy(n), _) => (n.targets, n.targets_name) = (given, None),
            _ => {}
        }
        self.show(&source);
        source
    }

    /// Draws the form. Gives the source with another path or array, and what is to be looked for in a file dialog.
    pub fn ui(&mut self, ui: &mut Ui, source: &Source) -> (Option<Source>, Option<Pick>) {
        let (mut changed, mut pick) = (None, None);
        if self.texts.len() != slots(source).len() {
            self.show(source);
        }
        Grid::new("paths").num_columns(3).spacing([12.0, 6.0]).show(ui, |ui| {
            for (k, Slot(name, what, hint)) in slots(source).iter().enumerate() {
                ui.label(*name);
                let edit = TextEdit::singleline(&mut self.texts[k]).font(theme::mono(12.0)).hint_text(*hint);
                let field = ui.add(edit.desired_width(300.0)).accessible_name(format!("{name} path"));
                let typed = PathBuf::from(self.texts[k].trim());
                if field.lost_focus() && path(source, k).unwrap_or(Path::new("")) != typed {
                    changed = Some(self.with(source, k, &typed));
                }
                if ui.button("Browse…").accessible_name(format!("Browse {name}")).clicked() {
                    self.slot = k;
                    pick = Some(*what);
                }
                ui.end_row();
            }
            if let Source::Npy(old) = source {
                let mut new = old.clone();
                array(ui, "Feature array", &self.arrays[0], &mut new.features_name);
                array(ui, "Target array", &self.arrays[1], &mut new.targets_name);
                if new != *old {
                    changed = Some(Source::Npy(new));
                }
            }
        });
        (changed, pick)
    }
}

/// A choice among the arrays of an npz file.
fn array(ui: &mut Ui, name: &str, arrays: &[String], chosen: &mut Option<String>) {
    if arrays.is_empty() {
        return;
    }
    ui.label(name);
    let now = chosen.clone().unwrap_or_else(|| "the usual name".to_owned());
    let combo = ComboBox::from_id_salt(name).width(190.0).selected_text(now).show_ui(ui, |ui| {
        ui.selectable_value(chosen, None, "the usual name");
        for one in arrays {
            ui.selectable_value(chosen, Some(one.clone()), one);
        }
    });
    combo.response.accessible_name(name);
    ui.end_row();
}
