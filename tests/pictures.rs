//! Pictures of the window and of its panels, on software Vulkan. `UPDATE_SNAPSHOTS=1` makes them anew.

use chainrule::ui::app::{App, Launch};
use egui_kittest::kittest::Queryable as _;
use egui_kittest::{Harness, SnapshotOptions};

fn window(size: [f32; 2], path: &str) -> Harness<'static, App> {
    let launch = Launch { path: Some(path.into()), home: None, native_dialogs: false };
    let mut harness = Harness::builder()
        .with_size(egui::Vec2::from(size))
        .wgpu()
        .build_eframe(move |cc| App::new(&cc.egui_ctx, launch));
    settle(&mut harness);
    harness
}

/// Lets the worker answer and the window draw it.
fn settle(harness: &mut Harness<'_, App>) {
    for _ in 0..12 {
        std::thread::sleep(std::time::Duration::from_millis(60));
        harness.run_steps(2);
    }
}

fn compare(harness: &mut Harness<'_, App>, name: &str) {
    // Text is rasterised a little differently by each version of the driver.
    let options = SnapshotOptions::new().threshold(2.0).failed_pixel_count_threshold(400);
    harness.snapshot_options(name, &options);
}

#[test]
fn main_window() {
    let mut h = window([1680.0, 1050.0], "projects/mlp_2_2_1.ron");
    compare(&mut h, "main");
}

#[test]
fn small_window() {
    let mut h = window([1280.0, 720.0], "projects/mlp_2_2_1.ron");
    compare(&mut h, "small");
}

#[test]
fn paused_in_the_backward_pass() {
    let mut h = window([1680.0, 1050.0], "projects/mlp_2_2_1.ron");
    for _ in 0..11 {
        h.key_press(egui::Key::F10);
        settle(&mut h);
    }
    h.get_by_label("node output").click();
    settle(&mut h);
    compare(&mut h, "backward");
}

#[test]
fn every_panel() {
    let mut h = window([1680.0, 1050.0], "projects/mlp_2_2_1.ron");
    for (tab, name) in [
        ("Data", "data"),
        ("Confusion", "confusion"),
        ("Problems", "problems"),
        ("Tape", "tape"),
        ("Fitted curve", "curve"),
    ] {
        h.get_by_label(tab).click();
        settle(&mut h);
        compare(&mut h, name);
    }
}
