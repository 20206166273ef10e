//! Into an instruction, a part, a number, and out again, by the keys.

use super::{press, settle, until, window};
use chainrule::engine::{Joined, Phase};
use chainrule::train::{IntoRef, IntoShot, TensorRef};
use chainrule::ui::app::App;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

fn place(h: &Harness<'_, App>) -> Option<IntoRef> {
    h.state().state().into
}

pub fn shot(h: &mut Harness<'_, App>) -> IntoShot {
    let of = place(h);
    let snapshot = until(h, "what is opened", |s| s.into.as_ref().map(|i| i.of) == of);
    snapshot.into.clone().expect("an instruction is open")
}

/// Opens the first instruction of this phase of a node.
pub fn open(h: &mut Harness<'_, App>, name: &str, phase: Phase) {
    for _ in 0..40 {
        let s = h.state().state().snapshot.clone().expect("a snapshot");
        let next = s.program[if s.at_rest { 0 } else { s.cursor }];
        let node = h.state().state().graph().node(next.node).expect("a node").name.clone();
        if node == name && next.phase == phase {
            press(h, Modifiers::NONE, Key::F11);
            return;
        }
        press(h, Modifiers::NONE, Key::F10);
        until(h, "the next instruction", |now| (now.step, now.cursor) != (s.step, s.cursor));
    }
    panic!("the program has no {phase:?} of {name}");
}

#[test]
fn a_linear_layer_opens_to_product_bias_and_one_number() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    open(&mut h, "hidden", Phase::Forward);
    let names: Vec<String> = shot(&mut h).parts.iter().map(|p| p.name.clone()).collect();
    assert_eq!(names, ["matrix product", "plus bias"]);
    let screen = h.ctx.content_rect();
    for part in ["part matrix product", "part plus bias"] {
        let shown = h.get_by_label(part).rect();
        assert!(screen.contains_rect(shown) && shown.height() > 20.0, "{part} is cut: {shown} of {screen}");
    }
    let first = h.get_by_label("part matrix product").rect().top();
    assert!(screen.bottom() - first > 200.0, "there is no room for numbers: {first} of {screen}");
    press(&mut h, Modifiers::NONE, Key::F10);
    assert_eq!(place(&h).and_then(|p| p.tensor), Some(TensorRef::Output), "F10 goes to the next part");
    press(&mut h, Modifiers::NONE, Key::F11);
    assert_eq!(place(&h).and_then(|p| p.index), Some(0));
    press(&mut h, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(place(&h).and_then(|p| p.index), Some(2), "an arrow goes down a row");
    let made = shot(&mut h).made.expect("terms").expect("it can be said");
    let labels: Vec<&str> = made.terms.iter().flat_map(|t| &t.factors).map(|f| f.label.as_str()).collect();
    assert_eq!(labels, ["matrix product[1,0]", "hidden.bias[0]"]);
    let sum: f64 = made.terms.iter().map(|t| t.value).sum();
    assert!((sum - made.total).abs() < 1e-6 && made.joined == Joined::Sum);
    // F11 follows the largest factor that was computed: the product.
    press(&mut h, Modifiers::NONE, Key::F11);
    assert_eq!(place(&h).and_then(|p| p.tensor), Some(TensorRef::Part(0)));
    press(&mut h, Modifiers::SHIFT, Key::F11);
    assert_eq!(place(&h).and_then(|p| p.tensor), Some(TensorRef::Output), "out leads back");
    press(&mut h, Modifiers::SHIFT, Key::F11);
    press(&mut h, Modifiers::SHIFT, Key::F11);
    assert_eq!(place(&h), None, "and out of the node");
}

#[test]
fn a_gradient_opens_to_delta_times_input() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    open(&mut h, "output", Phase::Backward);
    let names: Vec<String> = shot(&mut h).parts.iter().map(|p| p.name.clone()).collect();
    assert_eq!(names, ["δ arrives", "weight.grad", "bias.grad", "input.grad"]);
    press(&mut h, Modifiers::NONE, Key::F10);
    press(&mut h, Modifiers::NONE, Key::F11);
    let made = shot(&mut h).made.expect("terms").expect("it can be said");
    assert_eq!(made.terms.len(), 4, "one term per sample");
    for (n, t) in made.terms.iter().enumerate() {
        let labels: Vec<String> = t.factors.iter().map(|f| f.label.clone()).collect();
        assert_eq!(labels, [format!("δ[{n},0]"), format!("sigmoid 1[{n},0]")]);
    }
    // The last element of a part leads one level up, the last part out.
    for _ in 0..2 {
        press(&mut h, Modifiers::NONE, Key::F10);
    }
    assert_eq!(place(&h).map(|p| p.index), Some(None));
    for _ in 0..3 {
        press(&mut h, Modifiers::NONE, Key::F10);
    }
    assert_eq!(place(&h), None);
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    let cursor = s.cursor;
    press(&mut h, Modifiers::NONE, Key::F10);
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    assert_eq!(s.cursor, cursor + 1, "then F10 runs the next node again");
}

#[test]
fn the_bar_goes_in_and_out_and_training_closes_what_is_open() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    h.get_by_label("Step into").click();
    settle(&mut h);
    assert!(place(&h).is_some());
    h.get_by_label("Step out").click();
    settle(&mut h);
    assert!(place(&h).is_none());
    h.get_by_label("Step into").click();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::F7);
    assert!(place(&h).is_none(), "a batch leads out");
}

#[test]
fn an_update_is_old_weight_less_rate_times_gradient() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    open(&mut h, "hidden", Phase::Update);
    press(&mut h, Modifiers::NONE, Key::F11);
    let made = shot(&mut h).made.expect("terms").expect("it can be said");
    assert_eq!(made.terms.len(), 2);
    assert_eq!(made.terms[1].factors[1].label, "hidden.weight.grad[0,0]", "{made:?}");
    let sum: f64 = made.terms.iter().map(|t| t.value).sum();
    assert!((sum - made.total).abs() < 1e-6);
}

#[test]
fn a_value_used_twice_counts_the_gradients_that_arrive() {
    let mut h = window(Some("projects/skip.ron"));
    let mut seen = Vec::new();
    for _ in 0..40 {
        press(&mut h, Modifiers::NONE, Key::F10);
        let s = h.state().state().snapshot.clone().expect("a snapshot");
        let used = s.nodes.values().find(|n| n.arrivals.len() > 1).expect("a value that is used twice");
        let here = used.arrivals.iter().filter(|a| a.stats.is_some()).count();
        assert_eq!(used.grad_stats.is_some(), here == used.arrivals.len(), "δ is there when all are");
        seen.push(here);
        if s.at_rest {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen, [0, 1, 2], "one after the other");
}
