//! The slider over the record, the keys for batches, and going on from an earlier place.

use super::{press, settle, until, window};
use chainrule::train::Snapshot;
use chainrule::ui::app::App;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use std::sync::Arc;

fn now(h: &Harness<'_, App>) -> Arc<Snapshot> {
    h.state().state().snapshot.clone().expect("a snapshot")
}

/// Some epochs of XOR, then a pause.
fn trained() -> Harness<'static, App> {
    let mut h = window(Some("projects/xor.ron"));
    press(&mut h, Modifiers::NONE, Key::Space);
    until(&mut h, "five epochs", |s| s.epoch >= 5);
    if now(&h).running {
        press(&mut h, Modifiers::NONE, Key::Space);
    }
    until(&mut h, "a pause", |s| !s.running && s.record.to == s.step);
    h
}

#[test]
fn k_and_j_run_the_next_batch_and_take_it_back() {
    let mut h = window(Some("projects/xor.ron"));
    press(&mut h, Modifiers::NONE, Key::K);
    press(&mut h, Modifiers::NONE, Key::K);
    let second = until(&mut h, "two batches", |s| s.step == 2);
    press(&mut h, Modifiers::NONE, Key::J);
    assert_eq!(until(&mut h, "one batch back", |s| s.step == 1).record.to, 2, "the record stays");
    press(&mut h, Modifiers::NONE, Key::K);
    let again = until(&mut h, "forward again", |s| s.step == 2);
    let weights = |s: &Snapshot| s.nodes.values().filter_map(|n| n.weight_sample.clone()).collect::<Vec<_>>();
    assert_eq!(weights(&again), weights(&second));
}

#[test]
fn the_slider_scrubs_by_mouse_and_by_arrow_keys() {
    let mut h = trained();
    let end = now(&h);
    let rail = h.get_by_label("Place in the recorded run").rect();
    h.drag_at(rail.right_center() - egui::vec2(9.0, 0.0));
    h.run_steps(2);
    h.hover_at(rail.center());
    h.run_steps(2);
    h.drop_at(rail.center());
    let middle = until(&mut h, "the middle", |s| s.record.goal.is_none() && s.step < end.step);
    let share = middle.step as f64 / end.step as f64;
    assert!((share - 0.5).abs() < 0.1, "the place is {share} of the record");
    assert_eq!((middle.record.to, &middle.history), (end.record.to, &end.history), "nothing of the record is lost");
    h.get_by_label("Place in the recorded run").focus();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::ArrowRight);
    until(&mut h, "one batch on", |s| s.record.goal.is_none() && s.step == middle.step + 1);
    press(&mut h, Modifiers::NONE, Key::ArrowLeft);
    until(&mut h, "and back", |s| s.record.goal.is_none() && s.step == middle.step);
}

#[test]
fn a_run_goes_on_from_an_earlier_place_and_the_old_curve_is_a_ghost_until_cleared() {
    let mut h = trained();
    assert!(h.query_by_label("Continue from here").is_none(), "at the end there is nothing to continue from");
    let end = now(&h);
    h.state_mut().push(chainrule::ui::action::Action::Seek { step: end.step / 2, cursor: 0 });
    until(&mut h, "the place", |s| s.record.goal.is_none() && s.step == end.step / 2);
    h.get_by_label("Continue from here").click_accesskit();
    let on = until(&mut h, "training", |s| s.step > end.step / 2);
    assert_eq!(on.record.ghosts.len(), 1);
    if now(&h).running {
        press(&mut h, Modifiers::NONE, Key::Space);
    }
    h.get_by_label("Clear ghosts").click_accesskit();
    until(&mut h, "no ghosts", |s| s.record.ghosts.is_empty());
}

#[test]
fn enter_on_the_tape_runs_to_the_instruction_and_back_before_it() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    press(&mut h, Modifiers::COMMAND, Key::Num7);
    let go = |h: &mut Harness<'_, App>, label: &str| {
        h.get_by_label(label).focus();
        settle(h);
        press(h, Modifiers::NONE, Key::Enter);
    };
    go(&mut h, "loss loss");
    let there = until(&mut h, "the loss", |s| s.cursor > 0 && !s.at_rest);
    assert_eq!(there.program[there.cursor].phase, chainrule::engine::Phase::Loss);
    go(&mut h, "forward hidden");
    let back = until(&mut h, "the hidden layer", |s| s.cursor < there.cursor);
    assert_eq!(back.program[..=back.cursor].len(), back.cursor + 1);
    assert_eq!(h.state().state().graph().node(back.program[back.cursor].node).map(|n| n.name.as_str()), Some("hidden"));
}

#[test]
fn freezing_a_weight_is_an_event_of_the_record_and_not_its_end() {
    let mut h = window(Some("projects/xor.ron"));
    for step in 1..=3 {
        press(&mut h, Modifiers::NONE, Key::K);
        until(&mut h, "a batch", |s| s.step == step);
    }
    let layer = h.state().state().graph().nodes().find(|n| n.kind == "linear").expect("a layer").name.clone();
    h.get_by_label(&format!("node {layer}")).click();
    settle(&mut h);
    h.get_by_role_and_label(Role::CheckBox, "weight requires grad").click();
    let words = format!("{layer}.weight frozen");
    let frozen = until(&mut h, "the frozen weight", |s| s.record.marks.iter().any(|m| m.1 == words));
    assert_eq!((frozen.record.from, frozen.step), (0, 3), "the record stays");
    press(&mut h, Modifiers::NONE, Key::J);
    press(&mut h, Modifiers::NONE, Key::J);
    let earlier = until(&mut h, "two batches back", |s| s.step == 1 && s.record.goal.is_none());
    assert!(earlier.program.len() > frozen.program.len(), "there it is trained");
}
