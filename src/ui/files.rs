//! Opening, saving, asking before work is lost, and keeping a copy for the case of a crash.

use crate::data::{DataConfig, Source};
use crate::project::{self, Change, Document, History, Project, Settings, recovery, templates};
use crate::train::{Command, RunState, WeightMap};
use crate::ui::action::Action;
use crate::ui::app::{App, Launch};
use crate::ui::csv_form::table;
use crate::ui::modal::Overlay;
use crate::ui::path_dialog::PathDialog;
use crate::ui::state::{Focus, Zoom};
use crate::ui::toast::Tone;
use egui::Context;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Time between two copies of unsaved work.
const AUTOSAVE: Duration = Duration::from_secs(20);
/// A desktop dialog that answers faster than a hand can did not open.
const TOO_FAST: Duration = Duration::from_millis(200);
/// How long saving waits for the worker's weights before it saves those it knows.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked for while there was unsaved work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Close the window.
    Quit,
    /// Start an empty project.
    New,
    /// Ask for a file.
    Open,
    /// Open this file.
    OpenPath(PathBuf),
    /// Open this example.
    OpenShipped(&'static str),
    /// Load the present file again.
    Revert,
}

/// What a file is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A project to open.
    Open,
    /// Where to save, and what to do afterwards.
    Save(Option<Then>),
    /// Something for the data dialog.
    Data(Pick),
}

/// What the data dialog needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// A table.
    Table,
    /// A file in the format of MNIST.
    Idx,
    /// A folder.
    Folder,
    /// Arrays of NumPy.
    Npy,
}

impl Pick {
    /// What the file dialog is called.
    pub fn title(self) -> &'static str {
        match self {
            Pick::Table => "Choose a table",
            Pick::Idx => "Choose an IDX file",
            Pick::Folder => "Choose a folder of pictures",
            Pick::Npy => "Choose an array",
        }
    }
    /// Endings of the files that can be meant; any if there are none.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Pick::Table => &["csv", "tsv", "txt"],
            Pick::Npy => &["npy", "npz"],
            Pick::Idx | Pick::Folder => &[],
        }
    }
}

enum Purpose {
    Save(PathBuf, Option<Then>),
    Recovery,
}

/// Files the app deals with, and what it is waiting for.
pub struct Files {
    home: Option<PathBuf>,
    native: bool,
    dialog: Option<(Ask, Receiver<Option<PathBuf>>, Instant)>,
    exports: VecDeque<(Purpose, Instant)>,
    copied: Option<(u64, Instant)>,
}

impl Files {
    /// Nothing is open yet.
    pub fn new(launch: &Launch) -> Self {
        Files {
            home: launch.home.clone(),
            native: launch.native_dialogs && has_portal(),
            dialog: None,
            exports: VecDeque::new(),
            copied: None,
        }
    }

    /// The window's memory of the last start.
    pub fn load_settings(&self) -> Settings {
        self.home.as_ref().map_or_else(Settings::default, |h| Settings::load(&h.join("settings.ron")))
    }

    /// Keeps the settings. A full disk is no reason to disturb the user for them.
    pub fn store_settings(&self, settings: &Settings) {
        if let Some(home) = &self.home {
            let _ = settings.store(&home.join("settings.ron"));
        }
    }

    fn recovery(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|h| h.join("recovery"))
    }

    /// Removes the copy of this run: the work is saved or was given up.
    pub fn clear_recovery(&self) {
        if let Some(dir) = self.recovery() {
            let _ = recovery::clear_own(&dir);
        }
    }
}

/// Whether a desktop portal may be there to show file dialogs.
fn has_portal() -> bool {
    let bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|v| !v.is_empty());
    let socket = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|d| Path::new(&d).join("bus").exists());
    cfg!(not(target_os = "linux")) || bus || socket
}

impl App {
    /// Opens what the program was started with, and offers work that a crash left.
    pub(super) fn start(&mut self, path: Option<PathBuf>) {
        match path {
            Some(path) => self.open_path(&path),
            None => {
                let shipped = templates::shipped();
                let first = shipped.iter().find(|(name, _)| name.contains("spiral")).or(shipped.first());
                match first {
                    Some((name, _)) => self.open_shipped(name),
                    None => self.install(empty(), None, None),
                }
            }
        }
        if let Some(dir) = self.files.recovery() {
            let found = recovery::pending(&dir);
            if !found.is_empty() {
                self.overlays.push(Overlay::Recovery(found));
            }
        }
    }

    /// Folder against which relative paths of the document are read.
    pub(super) fn base(&self) -> Option<PathBuf> {
        self.state.path.as_ref().and_then(|p| p.parent()).map(Path::to_owned)
    }

    /// Does `then`, after asking if there is unsaved work that it would lose.
    pub(super) fn guarded(&mut self, ctx: &Context, then: Then) {
        if self.state.dirty() && then != Then::Open {
            self.overlays.retain(|o| !matches!(o, Overlay::Unsaved(_)));
            self.overlays.push(Overlay::Unsaved(then));
        } else {
            self.proceed(ctx, then);
        }
    }

    /// Does `then` without asking.
    pub(super) fn proceed(&mut self, ctx: &Context, then: Then) {
        match then {
            Then::Quit => {
                self.leaving = true;
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            Then::New => self.install(empty(), None, None),
            Then::Open => self.ask(Ask::Open),
            Then::OpenPath(path) => self.open_path(&path),
            Then::OpenShipped(name) => self.open_shipped(name),
            Then::Revert => {
                if let Some(path) = self.state.path.clone() {
                    self.open_path(&path);
                }
            }
        }
    }

    fn open_path(&mut self, path: &Path) {
        match project::load(path) {
            Ok(project) => {
                self.settings.remember(path);
                self.files.store_settings(&self.settings);
                self.install(project, Some(path.to_owned()), None);
            }
            Err(error) => {
                if self.state.revision == 0 {
                    self.install(empty(), None, None);
                }
                let text = format!("{}\n\n{error}", path.display());
                self.overlays.push(Overlay::Message("The file cannot be opened".to_owned(), text));
            }
        }
    }

    fn open_shipped(&mut self, name: &str) {
        let Some((name, text)) = templates::shipped().iter().find(|(n, _)| *n == name) else { return };
        match project::parse(text) {
            Ok(project) => self.install(project, None, Some((*name).to_owned())),
            Err(error) => self.toasts.push(Tone::Error, format!("{name}: {error}")),
        }
    }

    /// Opens work that a crash left; it counts as unsaved.
    pub(super) fn restore(&mut self, found: &recovery::Recovered) {
        self.install(found.project.clone(), found.original.clone(), None);
        self.state.recovered = true;
    }

    /// Makes `project` the open one.
    pub(super) fn install(&mut self, project: Project, path: Option<PathBuf>, origin: Option<String>) {
        self.state.history = History::new(project.document);
        self.shown = self.state.document().clone();
        self.state.path = path;
        self.state.origin = origin;
        self.state.selection.clear();
        self.state.hovered = None;
        self.state.snapshot = None;
        self.state.dataset = None;
        self.state.recovered = false;
        self.state.focus = Some(Focus::All);
        if self.shown.graph.is_empty() {
            self.state.zoom = Some(Zoom::Reset);
        }
        self.weights = project.weights.clone();
        for warning in &project.warnings {
            self.toasts.push(Tone::Warning, warning.as_str());
        }
        let document = self.shown.clone();
        self.load_data(&document.data);
        let fresh = project.weights.is_none();
        self.run = project.run;
        self.reload(project.weights, fresh);
        self.worker.send(Command::SetSpeed(self.state.speed));
        self.worker.send(Command::Want(self.state.want.clone()));
    }

    /// Saves to the present file, or asks for one; `then` happens once it is written.
    pub(super) fn save(&mut self, then: Option<Then>) {
        match self.state.path.clone() {
            Some(path) => self.save_to(path, then),
            None => self.ask_save(then),
        }
    }

    /// Asks for a file and saves to it.
    pub(super) fn ask_save(&mut self, then: Option<Then>) {
        self.ask(Ask::Save(then));
    }

    fn save_to(&mut self, mut path: PathBuf, then: Option<Then>) {
        if path.extension().is_none() {
            path.set_extension("ron");
        }
        self.export(Purpose::Save(path, then));
    }

    /// Asks the worker for the weights; what was to be written is written when they arrive.
    fn export(&mut self, purpose: Purpose) {
        self.files.exports.push_back((purpose, Instant::now()));
        if self.loading.brings_weights() {
            self.exported(None);
        } else {
            self.worker.send(Command::Export);
        }
    }

    /// The weights have come, or will not: writes what waits for them.
    pub(super) fn exported(&mut self, kept: Option<(WeightMap, Option<Arc<RunState>>)>) {
        if let Some((weights, run)) = kept.filter(|k| !k.0.is_empty()) {
            (self.weights, self.run) = (Some(weights), run);
        }
        let Some((purpose, _)) = self.files.exports.pop_front() else { return };
        let document: Document = (**self.state.document()).clone();
        let project = Project { document, weights: self.weights.clone(), run: self.run.clone(), ..Project::default() };
        match purpose {
            Purpose::Save(path, then) => match project::save(&path, &project) {
                Ok(()) => {
                    self.toasts.push(Tone::Info, format!("Saved {}", path.display()));
                    self.settings.remember(&path);
                    self.files.store_settings(&self.settings);
                    self.state.path = Some(path);
                    self.state.origin = None;
                    self.state.history.mark_saved();
                    self.state.recovered = false;
                    self.files.clear_recovery();
                    self.afterwards = then;
                }
                Err(error) => {
                    let text = format!("{}\n\n{error}", path.display());
                    self.overlays.push(Overlay::Message("The file cannot be saved".to_owned(), text));
                }
            },
            Purpose::Recovery => {
                if let Some(dir) = self.files.recovery() {
                    let _ = recovery::write(&dir, &project, self.state.path.as_deref());
                }
            }
        }
    }

    /// Shows the desktop's file dialog, or the built-in one where there is none.
    pub(super) fn ask(&mut self, ask: Ask) {
        if self.files.dialog.is_some() {
            return;
        }
        if !self.files.native {
            return self.ask_here(ask);
        }
        let folder = self.base().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let name = self.suggested_name();
        let (send, receive) = channel();
        let kind = ask.clone();
        std::thread::spawn(move || {
            let dialog = rfd::FileDialog::new().set_directory(folder);
            let path = match kind {
                Ask::Open => dialog.set_title("Open project").add_filter("Chainrule project", &["ron"]).pick_file(),
                Ask::Save(_) => dialog
                    .set_title("Save project")
                    .add_filter("Chainrule project", &["ron"])
                    .set_file_name(name)
                    .save_file(),
                Ask::Data(Pick::Folder) => dialog.set_title(Pick::Folder.title()).pick_folder(),
                Ask::Data(pick) if pick.endings().is_empty() => dialog.set_title(pick.title()).pick_file(),
                Ask::Data(pick) => dialog.set_title(pick.title()).add_filter("Data", pick.endings()).pick_file(),
            };
            // The window may be gone by now.
            let _ = send.send(path);
        });
        self.files.dialog = Some((ask, receive, Instant::now()));
    }

    fn suggested_name(&self) -> String {
        let title = self.state.title();
        if title.ends_with(".ron") { title } else { format!("{}.ron", title.replace(['/', '\\'], "-")) }
    }

    fn ask_here(&mut self, ask: Ask) {
        let folder = self.base().or_else(|| std::env::current_dir().ok()).unwrap_or_default();
        let name = if matches!(ask, Ask::Save(_)) { self.suggested_name() } else { String::new() };
        self.overlays.push(Overlay::Path(PathDialog::new(ask, &folder, &name)));
    }

    /// A path was chosen for `ask`.
    pub(super) fn chosen(&mut self, ctx: &Context, ask: Ask, path: PathBuf) {
        match ask {
            Ask::Open => self.guarded(ctx, Then::OpenPath(path)),
            Ask::Save(then) => self.save_to(path, then),
            Ask::Data(_) => {
                if let Some(Overlay::Data(dialog)) = self.overlays.last_mut() {
                    dialog.choose(&path);
                }
            }
        }
    }

    /// Looks after dialogs, late weights and the copy of unsaved work.
    pub(super) fn poll_files(&mut self, ctx: &Context) {
        if let Some(then) = self.afterwards.take() {
            self.proceed(ctx, then);
        }
        if let Some((ask, receive, since)) = self.files.dialog.take() {
            match receive.try_recv() {
                Ok(Some(path)) => self.chosen(ctx, ask, path),
                Ok(None) | Err(TryRecvError::Disconnected) if since.elapsed() < TOO_FAST => {
                    self.files.native = false;
                    self.ask_here(ask);
                }
                Ok(None) | Err(TryRecvError::Disconnected) => {}
                Err(TryRecvError::Empty) => {
                    self.files.dialog = Some((ask, receive, since));
                    ctx.request_repaint_after(Duration::from_millis(100));
                }
            }
        }
        if let Some((_, since)) = self.files.exports.front() {
            if since.elapsed() > PATIENCE {
                self.exported(None);
            } else {
                ctx.request_repaint_after(Duration::from_millis(200));
            }
        }
        self.autosave(ctx);
    }

    fn autosave(&mut self, ctx: &Context) {
        if self.files.home.is_none() || !self.state.dirty() {
            self.files.copied = None;
            return;
        }
        let now = Instant::now();
        let revision = self.state.history.revision();
        match self.files.copied {
            None => self.files.copied = Some((0, now)),
            Some((copied, at)) if now - at >= AUTOSAVE => {
                self.files.copied = Some((revision, now));
                if copied != revision || self.state.running() {
                    self.export(Purpose::Recovery);
                }
            }
            Some(_) => {}
        }
        ctx.request_repaint_after(AUTOSAVE);
    }

    /// Opens a project that was dropped on the window; a table becomes the data set, to be undone like any change.
    pub(super) fn take_dropped(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
        if let Some(path) = dropped.into_iter().next() {
            let is = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
            if is("ron") {
                self.guarded(ctx, Then::OpenPath(path));
            } else if is("csv") || is("tsv") {
                let source = Source::Csv(table(&path, &self.base().unwrap_or_default()));
                let data = DataConfig { source, ..self.state.document().data.clone() };
                self.actions.push(Action::Change(Change::Data(data)));
                self.actions.push(Action::ShowData);
            } else {
                let text = format!("{} is neither a project (.ron) nor a table (.csv, .tsv)", path.display());
                self.toasts.push(Tone::Warning, text);
            }
        }
    }
}

fn empty() -> Project {
    Project::default()
}
