//! The window and its panels as pictures, drawn by wgpu on software Vulkan.
//!
//! `cargo test --features pictures --test pictures` compares; `UPDATE_SNAPSHOTS=1` before it draws them anew.

use chainrule::train::Granularity;
use chainrule::ui::action::Action;
use chainrule::ui::app::{App, Launch};
use chainrule::ui::panel::PanelId;
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use std::time::Duration;

/// Drivers round edges differently; a moved widget or another font is far above both limits.
fn options() -> SnapshotOptions {
    SnapshotOptions::new().threshold(2.0).max_failed_pixels(400)
}

fn window(project: &str, size: [f32; 2]) -> Harness<'static, App> {
    let launch = Launch { path: Some(format!("projects/{project}.ron").into()), home: None, native_dialogs: false };
    let mut h = Harness::builder()
        .with_size(size)
        .with_max_steps(60)
        .with_step_dt(0.25)
        .wgpu()
        .build_eframe(move |cc| App::new(&cc.egui_ctx, launch));
    settle(&mut h);
    h
}

/// Lets the worker answer and the window come to rest.
fn settle(h: &mut Harness<'_, App>) {
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(40));
        h.run_steps(3);
    }
}

fn act(h: &mut Harness<'_, App>, action: Action) {
    h.state_mut().push(action);
    settle(h);
}

/// Runs `steps` and waits until the worker has done them.
fn step(h: &mut Harness<'_, App>, steps: &[Granularity]) {
    for g in steps {
        act(h, Action::Step(*g));
    }
}

fn select(h: &mut Harness<'_, App>, name: &str) {
    let id = h.state().state().graph().by_name(name).expect("the node").id;
    act(h, Action::Select([id].into()));
}

const EPOCHS: [Granularity; 3] = [Granularity::Epoch; 3];

#[test]
fn the_window_and_every_panel_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let mut h = window("spirals", [1680.0, 1050.0]);
    step(&mut h, &EPOCHS);
    results.add(h.try_snapshot_options("main", &options()));
    step(&mut h, &[Granularity::Phase, Granularity::Phase, Granularity::Node, Granularity::Node]);
    select(&mut h, "hidden 2");
    for panel in [PanelId::Tape, PanelId::Problems] {
        act(&mut h, Action::ShowPanel(panel));
    }
    results.add(h.try_snapshot_options("backward", &options()));
    act(&mut h, Action::ShowPanel(PanelId::Data));
    act(&mut h, Action::ToggleTheme);
    results.add(h.try_snapshot_options("light", &options()));
    act(&mut h, Action::ToggleTheme);
    for (name, action) in [
        ("shortcuts", Action::ShowShortcuts),
        ("palette", Action::ShowPalette),
        ("data_dialog", Action::ShowData),
        ("about", Action::ShowAbout),
    ] {
        act(&mut h, action);
        results.add(h.try_snapshot_options(name, &options()));
        h.key_press(egui::Key::Escape);
        settle(&mut h);
    }
    results.unwrap();
}

#[test]
fn other_kinds_of_task_look_as_they_did() {
    let mut results = SnapshotResults::new();
    let mut h = window("sine", [1280.0, 720.0]);
    step(&mut h, &EPOCHS);
    act(&mut h, Action::ShowPanel(PanelId::Curve));
    results.add(h.try_snapshot_options("curve", &options()));
    let mut h = window("digits", [1280.0, 720.0]);
    step(&mut h, &EPOCHS[..1]);
    act(&mut h, Action::ShowPanel(PanelId::Confusion));
    results.add(h.try_snapshot_options("confusion", &options()));
    results.unwrap();
}
