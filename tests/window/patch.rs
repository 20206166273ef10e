//! One output of a convolution: its patch and its kernel side by side; another pixel moves the patch.

use super::into::{open, shot};
use super::{press, settle, window};
use chainrule::engine::{Phase, Picture};
use chainrule::ui::app::App;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

fn picture(h: &mut Harness<'_, App>) -> Picture {
    shot(h).made.expect("terms").expect("it can be said").picture.expect("a kernel on a patch")
}

#[test]
fn another_pixel_moves_the_patch_and_the_kernel_stays() {
    let mut h = window(Some("projects/lenet.ron"));
    for _ in 0..200 {
        if h.state().state().snapshot.is_some() {
            break;
        }
        settle(&mut h);
    }
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
