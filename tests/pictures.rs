//! The window and its panels as pictures, drawn by wgpu on software Vulkan, dark and light, large and small.
//!
//! `cargo test --features pictures --test pictures` compares them with those in `tests/pictures`;
//! `UPDATE_SNAPSHOTS=1` before it draws those anew that differ, `UPDATE_SNAPSHOTS=force` all of them.

use chainrule::graph::{Edit, NodeId};
use chainrule::project::Change;
use chainrule::train::{Granularity, Snapshot};
use chainrule::ui::action::Action;
use chainrule::ui::app::{App, Launch};
use chainrule::ui::panel::PanelId;
use chainrule::ui::state::State;
use egui::Rect;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults, try_image_snapshot_options};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder as _, RgbaImage};
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

const FOLDER: &str = "tests/pictures";
const LARGE: [f32; 2] = [1680.0, 1050.0];
const SMALL: [f32; 2] = [1280.0, 720.0];

/// A window and the pictures taken of it.
struct Studio {
    window: Harness<'static, App>,
    /// What the names of all pictures begin with.
    name: String,
    results: SnapshotResults,
}

impl Studio {
    /// The window on a shipped project.
    fn open(project: &str, size: [f32; 2], dark: bool) -> Self {
        // The bar says how many threads there are.
        static THREADS: Once = Once::new();
        THREADS.call_once(|| rayon::ThreadPoolBuilder::new().num_threads(2).build_global().expect("the first pool"));
        let launch = Launch { path: Some(format!("projects/{project}.ron").into()), home: None, native_dialogs: false };
        let window = Harness::builder()
            .with_size(size)
            .with_step_dt(1.0)
            .with_render_cursor(false)
            .wgpu()
            .build_eframe(move |cc| App::new(&cc.egui_ctx, launch));
        let name = format!("{}_{}", if dark { "dark" } else { "light" }, size[0]);
        let mut studio = Studio { window, name, results: SnapshotResults::new() };
        studio.until("a first report", |s| s.snapshot.is_some());
        if !dark {
            studio.act(Action::ToggleTheme);
        }
        studio
    }

    fn state(&self) -> &State {
        self.window.state().state()
    }

    fn report(&self) -> &Snapshot {
        self.state().snapshot.as_deref().expect("the worker has reported")
    }

    fn act(&mut self, action: Action) {
        self.window.state_mut().push(action);
        self.window.run_steps(2);
    }

    /// Draws until the worker has answered.
    fn until(&mut self, what: &str, done: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        while !done(self.state()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not come");
            std::thread::sleep(Duration::from_millis(2));
            self.window.run_steps(1);
        }
    }

    /// Trains `epochs` epochs and pauses.
    fn train(&mut self, epochs: usize) {
        for epoch in self.report().epoch + 1..=self.report().epoch + epochs {
            self.window.state_mut().push(Action::Step(Granularity::Epoch));
            self.until("the end of an epoch", |s| s.snapshot.as_ref().is_some_and(|s| s.epoch == epoch));
        }
    }

    /// Goes on to the instruction behind this one.
    fn step(&mut self, granularity: Granularity) {
        let before = self.report().cursor;
        self.window.state_mut().push(Action::Step(granularity));
        self.until("a step", |s| s.snapshot.as_ref().is_some_and(|s| s.cursor != before));
    }

    /// Selects a node and waits for its tensors.
    fn select(&mut self, name: &str) {
        let id: NodeId = self.state().graph().by_name(name).expect("the node").id;
        self.act(Action::Select([id].into()));
        self.until("the node's tensors", |s| {
            s.snapshot.as_ref().is_some_and(|s| s.inspected.as_ref().is_some_and(|i| i.node == id))
        });
    }

    fn draw(&mut self) -> RgbaImage {
        // What a panel asks the worker for when it is first seen.
        for _ in 0..8 {
            std::thread::sleep(Duration::from_millis(15));
            self.window.run_steps(1);
        }
        // Gradients are certified in the background.
        if self.state().failed.is_none() {
            self.until("the certificates", |s| {
                let step = s.snapshot.as_ref().map(|s| s.step);
                s.certified.as_ref().is_some_and(|c| c.complete && c.revision == s.revision && Some(c.step) == step)
            });
        }
        // Long enough for messages to go away.
        self.window.run_steps(12);
        self.window.render().expect("a picture")
    }

    /// Compares the part of the window inside `rect`.
    fn part(&mut self, name: &str, rect: Rect) {
        let all = self.draw();
        let (x, y) = (rect.left().max(0.0) as u32, rect.top().max(0.0) as u32);
        let (w, h) = (rect.width() as u32, rect.height() as u32);
        let (w, h) = (w.min(all.width() - x), h.min(all.height() - y));
        self.compare(name, &image::imageops::crop_imm(&all, x, y, w, h).to_image());
    }

    /// Compares all of the window.
    fn whole(&mut self, name: &str) {
        let all = self.draw();
        self.compare(name, &all);
    }

    fn compare(&mut self, name: &str, picture: &RgbaImage) {
        let name = format!("{}_{name}", self.name);
        // Drivers round edges differently, which the comparison of edges forgives; a control that has moved by a
        // pixel is far above both limits.
        let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(12).output_path(FOLDER);
        let result = try_image_snapshot_options(picture, &name, &options);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            pack(&Path::new(FOLDER).join(format!("{name}.png")));
        }
        self.results.add(result);
    }

    fn rect(&self, label: &str) -> Rect {
        self.window.get_by_label(label).rect()
    }

    /// The pane of a panel, brought to the front.
    fn panel(&mut self, panel: PanelId) {
        self.act(Action::ShowPanel(panel));
        let rect = self.rect(&format!("{} panel", panel.title()));
        self.part(&format!("panel_{panel:?}").to_lowercase(), rect);
    }
}

/// Writes a picture again as small as it goes.
fn pack(path: &Path) {
    let Ok(picture) = image::open(path) else { return };
    let picture = DynamicImage::ImageRgb8(picture.to_rgb8());
    let mut best: Option<Vec<u8>> = None;
    for filter in [FilterType::NoFilter, FilterType::Sub, FilterType::Up, FilterType::Adaptive] {
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, filter)
            .write_image(picture.as_bytes(), picture.width(), picture.height(), picture.color().into())
            .expect("a picture in memory");
        if best.as_ref().is_none_or(|b| bytes.len() < b.len()) {
            best = Some(bytes);
        }
    }
    std::fs::write(path, best.expect("a picture")).expect("the folder of pictures can be written");
}

/// The window in mid-training, paused in the backward pass, and every panel.
fn spirals(size: [f32; 2], dark: bool) {
    let mut s = Studio::open("spirals", size, dark);
    s.train(40);
    s.whole("training");
    for panel in PanelId::ALL {
        // Those that have nothing to say of this project are shown with another.
        if !matches!(panel, PanelId::Curve | PanelId::Problems) {
            s.panel(panel);
        }
    }
    for _ in 0..2 {
        s.step(Granularity::Phase);
    }
    for _ in 0..4 {
        s.step(Granularity::Node);
    }
    s.select("hidden 2");
    for panel in [PanelId::Loss, PanelId::Tape, PanelId::DecisionMap] {
        s.act(Action::ShowPanel(panel));
    }
    s.whole("backward");
    let canvas = s.rect("Graph canvas");
    s.part("nodes", canvas);
    let bottom = size[1];
    s.part("palette", Rect::from_min_max(egui::pos2(0.0, canvas.top()), egui::pos2(canvas.left(), bottom)));
    s.part("inspector", Rect::from_min_max(canvas.right_top(), egui::pos2(size[0], bottom)));
    s.results.unwrap();
}

/// Panels for functions of one variable, and for problems.
fn sine(size: [f32; 2], dark: bool) {
    let mut s = Studio::open("sine", size, dark);
    s.train(30);
    s.panel(PanelId::Curve);
    let wire = s.state().graph().wires()[0];
    s.act(Action::Change(Change::Graph(Edit::Disconnect(wire))));
    s.panel(PanelId::Problems);
    let canvas = s.rect("Graph canvas");
    s.part("problem_nodes", canvas);
    s.results.unwrap();
}

/// Panels for many classes and for pictures.
fn digits(size: [f32; 2], dark: bool) {
    let mut s = Studio::open("digits", size, dark);
    s.train(1);
    let canvas = s.rect("Graph canvas");
    s.part("digits_nodes", canvas);
    s.name.push_str("_digits");
    s.panel(PanelId::Confusion);
    s.panel(PanelId::Data);
    s.results.unwrap();
}

/// What stands before the window.
fn dialogs(size: [f32; 2], dark: bool) {
    let mut s = Studio::open("xor", size, dark);
    let canvas = s.rect("Graph canvas");
    let middle =
        Rect::from_center_size(egui::pos2(size[0] / 2.0, size[1] / 2.0), egui::vec2(960.0, size[1].min(860.0)));
    for (name, action) in [
        ("shortcuts", Action::ShowShortcuts),
        ("commands", Action::ShowPalette),
        ("data", Action::ShowData),
        ("settings", Action::ShowTraining),
        ("about", Action::ShowAbout),
        ("unsaved", Action::Arrange),
    ] {
        s.act(action);
        if name == "unsaved" {
            s.act(Action::New);
        }
        s.part(&format!("dialog_{name}"), middle);
        s.window.key_press(egui::Key::Escape);
        s.window.run_steps(2);
    }
    s.act(Action::OpenSearch { at: [0.0, 0.0], screen: canvas.center(), connect: None });
    s.part("search", canvas);
    s.results.unwrap();
}

macro_rules! pictures {
    ($($name:ident: $of:ident, $size:expr, $dark:expr;)*) => { $(#[test] fn $name() { $of($size, $dark); })* };
}

pictures! {
    spirals_dark_large: spirals, LARGE, true;
    spirals_dark_small: spirals, SMALL, true;
    spirals_light_large: spirals, LARGE, false;
    spirals_light_small: spirals, SMALL, false;
    sine_dark_large: sine, LARGE, true;
    sine_dark_small: sine, SMALL, true;
    sine_light_large: sine, LARGE, false;
    sine_light_small: sine, SMALL, false;
    digits_dark_large: digits, LARGE, true;
    digits_dark_small: digits, SMALL, true;
    digits_light_large: digits, LARGE, false;
    digits_light_small: digits, SMALL, false;
    dialogs_dark_large: dialogs, LARGE, true;
    dialogs_light_small: dialogs, SMALL, false;
}
