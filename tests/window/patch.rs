//! One output of a convolution: its patch and its kernel side by side; another pixel moves the patch.

use super::into::{open, shot};
use super::{press, settle, until, window};
use chainrule::engine::{Phase, Picture};
use chainrule::train::IntoRef;
use chainrule::ui::app::App;
use egui::{Key, Modifiers, Pos2, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

fn picture(h: &mut Harness<'_, App>) -> Picture {
    shot(h).made.expect("terms").expect("it can be said").picture.expect("a kernel on a patch")
}

fn lenet() -> Harness<'static, App> {
    let mut h = window(Some("projects/lenet.ron"));
    until(&mut h, "the first numbers", |_| true);
    h
}

/// Rests the pointer on an element of what the label shows, of `rows` × `cols`.
fn point_at(h: &mut Harness<'_, App>, label: &str, [rows, cols]: [usize; 2], [row, col]: [usize; 2]) {
    let rect: Rect = h.get_by_label(label).rect();
    let cell = rect.size() / egui::vec2(cols as f32, rows as f32);
    let at = rect.min + cell * egui::vec2(col as f32 + 0.5, row as f32 + 0.5);
    for by in [1.0, 0.0] {
        h.hover_at(Pos2::new(at.x + by, at.y));
        h.step();
    }
}

fn peeked(h: &mut Harness<'_, App>) -> Picture {
    let at = h.state().state().peek.expect("a number under the pointer");
    let s = until(h, "what is under the pointer", |s| s.into.as_ref().map(|i| i.of) == Some(at));
    let into = s.into.clone().expect("it is open");
    into.made.expect("terms").expect("it can be said").picture.expect("a patch")
}

#[test]
fn the_patch_follows_the_pointer_and_a_click_keeps_it() {
    let mut h = lenet();
    open(&mut h, "conv 1", Phase::Forward);
    let pinned = |h: &Harness<'_, App>| h.state().state().into.expect("open").index;
    let map = "heat map of kernel · patch[0,0]";
    shot(&mut h);
    point_at(&mut h, map, [28, 28], [3, 7]);
    assert_eq!(peeked(&mut h).window, [3, 7, 5, 5], "nothing is chosen yet, and the patch is shown");
    assert_eq!(pinned(&h), None);
    point_at(&mut h, map, [28, 28], [20, 1]);
    assert_eq!(peeked(&mut h).window, [20, 1, 5, 5]);
    for name in ["32 by 32 whole", "patch of 32 by 32 0", "products 0"] {
        assert!(h.query_by_label(name).is_some(), "{name} is shown");
    }
    // A click keeps it when the pointer goes on and away.
    let rect = h.get_by_label(map).rect();
    let at = rect.min + rect.size() * egui::vec2(1.5 / 28.0, 20.5 / 28.0);
    h.drag_at(at);
    h.step();
    h.drop_at(at);
    h.step();
    settle(&mut h);
    assert_eq!(pinned(&h), Some(20 * 28 + 1));
    point_at(&mut h, map, [28, 28], [0, 0]);
    assert_eq!(peeked(&mut h).window, [0, 0, 5, 5]);
    h.hover_at(rect.right_bottom() + egui::vec2(4.0, 40.0));
    h.step();
    assert_eq!(h.state().state().peek, None);
    assert_eq!(picture(&mut h).window, [20, 1, 5, 5], "back at the one that was kept");
    // A key chooses another while the pointer rests: it does not get in the way.
    point_at(&mut h, map, [28, 28], [9, 9]);
    peeked(&mut h);
    press(&mut h, Modifiers::NONE, Key::ArrowRight);
    assert_eq!(picture(&mut h).window, [20, 2, 5, 5]);
}

#[test]
fn the_window_of_a_pool_follows_the_pointer_too() {
    let mut h = lenet();
    open(&mut h, "pool 1", Phase::Forward);
    let part = shot(&mut h).parts[0].name.clone();
    point_at(&mut h, &format!("heat map of {part}[0,0]"), [14, 14], [5, 6]);
    let p = peeked(&mut h);
    assert_eq!((p.window, p.kernel, p.taps.len()), ([10, 12, 2, 2], None, 1));
    let place: Option<IntoRef> = h.state().state().peek;
    let made = shot_at(&h, place).made.expect("terms").expect("it can be said");
    let cells: Vec<f64> = p.taps[0].patch.cells.iter().map(|c| c.expect("no padding").1).collect();
    let largest = cells.iter().copied().fold(f64::MIN, f64::max);
    assert_eq!(made.total, largest, "of {cells:?}");
    for name in ["relu 1 whole", "window of relu 1"] {
        assert!(h.query_by_label(name).is_some(), "{name} is shown");
    }
}

fn shot_at(h: &Harness<'_, App>, of: Option<IntoRef>) -> chainrule::train::IntoShot {
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    s.into.clone().filter(|i| Some(i.of) == of).expect("what is under the pointer")
}

#[test]
fn another_pixel_moves_the_patch_and_the_kernel_stays() {
    let mut h = lenet();
    open(&mut h, "conv 1", Phase::Forward);
    press(&mut h, Modifiers::NONE, Key::F11);
    let first = picture(&mut h);
    assert_eq!((first.window, first.taps.len(), first.image.rows), ([0, 0, 5, 5], 1, 32));
    for name in ["patch of 32 by 32 0", "kernel conv 1.weight 0", "products 0", "32 by 32 whole"] {
        assert!(h.query_by_label(name).is_some(), "{name} is shown");
    }
    let sum = |p: &Picture| p.taps[0].product.cells.iter().flatten().map(|c| c.1).sum::<f64>();
    let total = shot(&mut h).made.expect("terms").expect("it can be said").total;
    assert!((sum(&first) - total).abs() < 1e-5 * total.abs().max(1.0), "the products add up to the pixel");
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    press(&mut h, Modifiers::NONE, Key::ArrowRight);
    let moved = picture(&mut h);
    assert_eq!(moved.window, [1, 1, 5, 5], "one down, one to the right");
    assert_eq!(moved.taps[0].kernel, first.taps[0].kernel);
    h.get_by_label("next channel").click_accesskit();
    settle(&mut h);
    let other = picture(&mut h);
    assert_eq!(other.window, [1, 1, 5, 5], "the same pixel of another channel");
    assert_ne!(other.taps[0].kernel, first.taps[0].kernel);
}
