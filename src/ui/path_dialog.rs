//! A file dialog inside the window, for desktops that offer none.

use crate::ui::files::{Ask, Pick};
use crate::ui::theme::{self, Theme};
use egui::{Button, Context, Id, Key, Modal, RichText, ScrollArea, TextEdit};
use std::path::{Path, PathBuf};

/// The dialog's text field and listing.
pub struct PathDialog {
    ask: Ask,
    folder: PathBuf,
    text: String,
    entries: Vec<(String, bool)>,
    trouble: Option<String>,
    overwrite: bool,
    started: bool,
}

/// What came of one frame of the dialog.
pub enum Answer {
    /// Nothing yet.
    Open,
    /// Given up.
    Cancelled,
    /// This path.
    Chosen(PathBuf),
}

impl PathDialog {
    /// A dialog in `folder`, with `name` as the suggestion.
    pub fn new(ask: Ask, folder: &Path, name: &str) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let text = folder.join(name).display().to_string();
        let mut dialog =
            PathDialog { ask, folder, text, entries: Vec::new(), trouble: None, overwrite: false, started: false };
        dialog.list();
        dialog
    }

    /// What the file is for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    fn title(&self) -> &'static str {
        match self.ask {
            Ask::Open => "Open project",
            Ask::Save(_) => "Save project",
            Ask::Data(pick) => pick.title(),
        }
    }

    fn wanted(&self, name: &str) -> bool {
        let ending = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
        match self.ask {
            Ask::Data(Pick::Folder) => false,
            Ask::Data(pick) => pick.endings().is_empty() || pick.endings().contains(&ending.as_str()),
            _ => ending == "ron",
        }
    }

    fn list(&mut self) {
        self.entries.clear();
        self.trouble = None;
        match std::fs::read_dir(&self.folder) {
            Ok(read) => {
                for entry in read.flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let folder = entry.path().is_dir();
                    if !name.starts_with('.') && (folder || self.wanted(&name)) {
                        self.entries.push((name, folder));
                    }
                }
            }
            Err(error) => self.trouble = Some(error.to_string()),
        }
        self.entries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.to_lowercase().cmp(&b.0.to_lowercase())));
    }

    fn enter(&mut self, folder: PathBuf) {
        self.text = folder.join("").display().to_string();
        self.folder = folder;
        self.list();
    }

    /// Takes the path in the text field: a folder is entered, a file is the answer.
    fn accept(&mut self) -> Answer {
        let mut path = PathBuf::from(self.text.trim());
        if self.ask == Ask::Data(Pick::Folder) && path.is_dir() {
            return Answer::Chosen(path);
        }
        if path.is_dir() {
            self.enter(path);
            return Answer::Open;
        }
        if path.file_name().is_none() {
            return Answer::Open;
        }
        match self.ask {
            Ask::Save(_) => {
                if path.extension().is_none() {
                    path.set_extension("ron");
                    self.text = path.display().to_string();
                }
                if path.exists() && !self.overwrite {
                    self.overwrite = true;
                    self.trouble = Some("This file exists. Press Save again to overwrite it.".to_owned());
                    return Answer::Open;
                }
                Answer::Chosen(path)
            }
            _ if path.exists() && self.ask != Ask::Data(Pick::Folder) => Answer::Chosen(path),
            _ => {
                self.trouble = Some("There is nothing of this name.".to_owned());
                Answer::Open
            }
        }
    }

    /// Draws the dialog.
    pub fn ui(&mut self, ctx: &Context) -> Answer {
        let theme = Theme::of(ctx);
        let mut answer = Answer::Open;
        let modal = Modal::new(Id::unique("path dialog")).show(ctx, |ui| {
            ui.set_width(560.0_f32.min(ctx.content_rect().width() - 60.0));
            ui.heading(self.title());
            let field =
                ui.add(TextEdit::singleline(&mut self.text).font(theme::mono(12.0)).desired_width(f32::INFINITY));
            let field = field.accessible_name("Path");
            if !self.started {
                field.request_focus();
                self.started = true;
            }
            if field.changed() {
                self.overwrite = false;
                let typed = Path::new(&self.text);
                let folder = if self.text.ends_with('/') { Some(typed) } else { typed.parent() };
                if let Some(folder) = folder.filter(|f| f.is_dir() && **f != self.folder) {
                    self.folder = folder.to_owned();
                    self.list();
                }
            }
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.add_space(4.0);
            ScrollArea::vertical().max_height(300.0).auto_shrink([false, false]).show(ui, |ui| {
                let mut go = None;
                if let Some(parent) = self.folder.parent()
                    && ui.add(Button::new("..").frame(false)).accessible_name("Parent folder").clicked()
                {
                    go = Some(parent.to_owned());
                }
                for (name, folder) in &self.entries {
                    let label = if *folder { format!("{name}/") } else { name.clone() };
                    let text = RichText::new(label).color(if *folder { theme.dim } else { theme.text });
                    let entry = ui.add(Button::new(text).frame(false));
                    if entry.clicked() && *folder {
                        go = Some(self.folder.join(name));
                    } else if entry.clicked() {
                        self.text = self.folder.join(name).display().to_string();
                        self.overwrite = false;
                    }
                    if entry.double_clicked() && !folder && !matches!(self.ask, Ask::Save(_)) {
                        answer = Answer::Chosen(self.folder.join(name));
                    }
                }
                if let Some(folder) = go {
                    self.enter(folder);
                }
            });
            if let Some(trouble) = &self.trouble {
                ui.colored_label(theme.warning, trouble);
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                let verb = match self.ask {
                    Ask::Save(_) => "Save",
                    Ask::Data(Pick::Folder) => "Choose this folder",
                    _ => "Open",
                };
                if ui.button(verb).clicked() || entered {
                    let taken = self.accept();
                    if matches!(taken, Answer::Open) {
                        self.started = false;
                    }
                    answer = taken;
                }
                if ui.button("Cancel").clicked() {
                    answer = Answer::Cancelled;
                }
            });
        });
        if modal.should_close() && matches!(answer, Answer::Open) {
            answer = Answer::Cancelled;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_entered_and_existing_files_are_not_overwritten_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("nets")).unwrap();
        std::fs::write(folder.path().join("nets/a.ron"), "").unwrap();
        std::fs::write(folder.path().join("nets/notes.md"), "").unwrap();
        let mut dialog = PathDialog::new(Ask::Save(None), folder.path(), "");
        dialog.text = folder.path().join("nets").display().to_string();
        assert!(matches!(dialog.accept(), Answer::Open));
        assert_eq!(dialog.entries, [("a.ron".to_owned(), false)]);
        dialog.text = folder.path().join("nets/a").display().to_string();
        assert!(matches!(dialog.accept(), Answer::Open));
        assert!(dialog.trouble.is_some());
        assert!(matches!(dialog.accept(), Answer::Chosen(p) if p.ends_with("nets/a.ron")));
    }

    #[test]
    fn a_folder_of_pictures_is_chosen_not_entered() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.png"), "").unwrap();
        let mut dialog = PathDialog::new(Ask::Data(Pick::Folder), folder.path(), "");
        assert!(dialog.entries.is_empty());
        assert!(matches!(dialog.accept(), Answer::Chosen(p) if p == folder.path().join("")));
        dialog.text = folder.path().join("a.png").display().to_string();
        assert!(matches!(dialog.accept(), Answer::Open));
        assert!(dialog.trouble.is_some());
    }

    #[test]
    fn a_file_that_is_not_there_cannot_be_opened() {
        let mut dialog = PathDialog::new(Ask::Open, Path::new("."), "nowhere.ron");
        assert!(matches!(dialog.accept(), Answer::Open));
        assert!(dialog.trouble.is_some());
    }
}
