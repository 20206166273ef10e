//! The window as a whole: receives from the worker, lays out the panels, gathers actions and has them applied.

use crate::project::{self, Document, Settings};
use crate::train::{Command, Notice, RunState, WeightMap, Worker};
use crate::ui::action::Action;
use crate::ui::canvas::Canvas;
use crate::ui::files::Files;
use crate::ui::loading::Loading;
use crate::ui::modal::Overlay;
use crate::ui::panel::{self, Dock, Inspector, StopsPanel};
use crate::ui::search::NodeSearch;
use crate::ui::state::State;
use crate::ui::toast::{Toasts, Tone};
use crate::ui::{into, shortcuts, theme, toolbar, whatif};
use egui::{CentralPanel, Context, Frame, Margin, Panel, Ui};
use std::path::PathBuf;
use std::sync::Arc;

/// How the window starts.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// The project to open.
    pub path: Option<PathBuf>,
    /// Folder of settings and recovered work; `None` keeps nothing.
    pub home: Option<PathBuf>,
    /// Whether the desktop's own file dialogs may be used.
    pub native_dialogs: bool,
}

impl Launch {
    /// The user's own folders and dialogs.
    pub fn user(path: Option<PathBuf>) -> Self {
        let home = directories::ProjectDirs::from("", "", "chainrule").map(|d| d.data_local_dir().to_owned());
        Launch { path, home, native_dialogs: true }
    }
}

/// The program with a window.
pub struct App {
    pub(super) state: State,
    pub(super) worker: Worker,
    pub(super) canvas: Canvas,
    pub(super) dock: Dock,
    pub(super) inspector: Inspector,
    pub(super) stops_panel: StopsPanel,
    pub(super) actions: Vec<Action>,
    pub(super) overlays: Vec<Overlay>,
    pub(super) search: Option<NodeSearch>,
    pub(super) toasts: Toasts,
    pub(super) files: Files,
    pub(super) settings: Settings,
    /// The data set that is being read.
    pub(super) loading: Loading,
    /// The document that inference, data and worker are about.
    pub(super) shown: Arc<Document>,
    /// Weights as last loaded or exported.
    pub(super) weights: Option<WeightMap>,
    /// The run that they are of.
    pub(super) run: Option<Arc<RunState>>,
    /// Whether the window may close without a question.
    pub(super) leaving: bool,
    filter: String,
    /// What to do now that saving is done.
    pub(super) afterwards: Option<crate::ui::files::Then>,
    title: String,
}

impl App {
    /// The app in `ctx`; opens what `launch` names, or the first shipped example.
    pub fn new(ctx: &Context, launch: Launch) -> Self {
        let files = Files::new(&launch);
        let settings = files.load_settings();
        egui_extras::install_image_loaders(ctx);
        theme::install(ctx, settings.text_scale);
        ctx.set_theme(if settings.dark { egui::Theme::Dark } else { egui::Theme::Light });
        ctx.options_mut(|o| {
            o.zoom_with_keyboard = false;
            o.quit_shortcuts.clear();
        });
        let wake = ctx.clone();
        let state = State::new(Document::default());
        let shown = state.document().clone();
        let mut app = App {
            state,
            worker: Worker::spawn(Box::new(move || wake.request_repaint())),
            canvas: Canvas::new(),
            dock: Dock::new(),
            inspector: Inspector::new(),
            stops_panel: StopsPanel::default(),
            actions: Vec::new(),
            overlays: Vec::new(),
            search: None,
            toasts: Toasts::default(),
            files,
            settings,
            loading: Loading::default(),
            shown,
            weights: None,
            run: None,
            leaving: false,
            filter: String::new(),
            afterwards: None,
            title: String::new(),
        };
        if let Some(layout) = app.settings.dock.as_deref().and_then(project::settings::from_text) {
            app.dock.set_layout(layout);
        }
        app.worker.send(Command::Memory(app.settings.record_mib << 20));
        app.start(launch.path);
        app
    }

    /// What the panels see.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Asks for an action as a panel would; it is done before the next frame is drawn.
    pub fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Texts of the messages in sight.
    pub fn messages(&self) -> Vec<String> {
        self.toasts.texts().map(str::to_owned).collect()
    }

    fn receive(&mut self) {
        if let Some(snapshot) = self.worker.latest()
            && snapshot.revision == self.state.revision
        {
            self.state.asked = self.state.asked.filter(|_| snapshot.record.goal.is_some());
            self.state.snapshot = Some(snapshot);
        }
        if let Some(certified) = self.worker.certificates().filter(|c| c.revision == self.state.revision) {
            self.state.certified = Some(certified);
        }
        for notice in self.worker.notices() {
            match notice {
                Notice::Failed { revision, message, .. } if revision == self.state.revision => {
                    self.state.failed.get_or_insert(message);
                }
                Notice::Finished { revision, reason } if revision == self.state.revision => {
                    self.state.ended = Some(reason.clone());
                    self.toasts.push(Tone::Info, reason);
                }
                Notice::AtStart { revision } if revision == self.state.revision => {
                    self.toasts.push(Tone::Info, "This is as far back as the record goes.");
                }
                Notice::BadValue { revision, node, what, birth } if revision == self.state.revision => {
                    let name = self.state.graph().node(node).map_or_else(String::new, |n| n.name.clone());
                    self.toasts.push(Tone::Error, format!("{name}: {what}"));
                    self.state.bad.get_or_insert((node, what));
                    self.state.birth = birth.map(|b| *b);
                }
                said @ Notice::Said { .. } => self.said(said),
                Notice::Stopped { revision, halt } if revision == self.state.revision => self.stopped(*halt),
                Notice::Exported(weights, run, _) => self.exported(Some((weights, run))),
                Notice::Warned { revision, what } if revision == self.state.revision => {
                    self.toasts.push(Tone::Warning, what);
                }
                _ => {}
            }
        }
    }

    fn apply_all(&mut self, ctx: &Context) {
        for action in std::mem::take(&mut self.actions) {
            self.apply(ctx, action);
        }
        self.follow_selection();
        self.follow_wishes();
    }

    fn layout(&mut self, ui: &mut Ui) {
        let theme = theme::Theme::of(ui.ctx());
        let bar = Frame::new().fill(theme.background).inner_margin(Margin::symmetric(12, 7));
        Panel::top("bar").exact_size(46.0).frame(bar).show(ui, |ui| {
            toolbar::ui(ui, &self.state, &self.settings.recent, &mut self.actions);
        });
        let side = Frame::new().fill(theme.panel).inner_margin(Margin::same(10));
        let mut open = self.settings.show_palette;
        Panel::left("palette").default_size(208.0).size_range(150.0..=360.0).frame(side).show_collapsible(
            ui,
            &mut open,
            |ui| {
                let center = self.canvas.center();
                panel::node_palette(ui, &self.state, &mut self.filter, center, &mut self.actions);
            },
        );
        self.settings.show_palette = open;
        let mut open = self.settings.show_inspector;
        let width = if ui.ctx().content_rect().width() < 1400.0 { 300.0 } else { 350.0 };
        Panel::right("inspector").default_size(width).size_range(240.0..=620.0).frame(side).show_collapsible(
            ui,
            &mut open,
            |ui| self.inspector.ui(ui, &self.state, &mut self.actions),
        );
        self.settings.show_inspector = open;
        let height = ui.available_height();
        // While an instruction is open, its inside takes the place of the dock.
        let inside = self.state.into.is_some();
        let mut open = self.settings.show_dock || inside;
        let below = Frame::new().fill(theme.panel).inner_margin(Margin::same(8));
        Panel::bottom("dock")
            .default_size((height * 0.36).max(160.0))
            .size_range(100.0..=(height * 0.8).max(120.0))
            .frame(below)
            .show_collapsible(ui, &mut open, |ui| {
                if inside {
                    panel::into::ui(ui, &self.state, &mut self.actions);
                } else {
                    self.dock.ui(ui, &self.state, &mut self.stops_panel, &mut self.actions);
                }
            });
        if !inside {
            self.settings.show_dock = open;
        }
        CentralPanel::default().frame(Frame::new().fill(theme.canvas)).show(ui, |ui| {
            let rect = ui.max_rect();
            self.canvas.ui(ui, &self.state, &mut self.actions);
            toolbar::status(ui, rect, &self.state, &mut self.actions);
            whatif::bar(ui, rect, &self.state, &mut self.actions);
        });
        self.state.focus = None;
        self.state.zoom = None;
    }

    fn show_title(&mut self, ctx: &Context) {
        let mark = if self.state.dirty() { "● " } else { "" };
        let title = format!("{mark}{} - Chainrule", self.state.title());
        if title != self.title {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.receive();
        self.poll_files(ctx);
        self.poll_data(ctx);
        if ctx.input(|i| i.viewport().close_requested()) && !self.leaving {
            if self.state.dirty() {
                ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
                self.actions.push(Action::Quit);
            } else {
                self.leaving = true;
            }
        }
        self.apply_all(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let before = self.settings.clone();
        if self.overlays.is_empty() && self.search.is_none() {
            into::read_arrows(&ctx, &self.state, &mut self.actions);
            shortcuts::read_keys(&ctx, &self.state, &mut self.canvas.space_panned, &mut self.actions);
        }
        self.take_dropped(&ctx);
        self.apply_all(&ctx);
        self.layout(ui);
        self.show_search(&ctx);
        self.show_birth(&ctx);
        self.show_overlay(&ctx);
        self.toasts.ui(&ctx);
        if !self.actions.is_empty() {
            self.apply_all(&ctx);
            ctx.request_repaint();
        }
        self.show_title(&ctx);
        if ctx.input(|i| i.pointer.any_released()) {
            self.settings.dock = project::settings::to_text(self.dock.layout());
        }
        if self.settings != before {
            self.files.store_settings(&self.settings);
        }
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.files.clear_recovery();
    }
}
