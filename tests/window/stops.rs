//! Breakpoints and watches in the window.

use super::{press, settle, type_text, window};
use chainrule::engine::Phase;
use chainrule::train::stops::{Moment, Place};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

#[test]
fn a_breakpoint_stops_the_run_selects_the_node_and_f5_goes_on() {
    let mut h = window(Some("projects/xor.ron"));
    h.get_by_label("node output").click();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::F9);
    let state = h.state().state();
    let output = state.graph().by_name("output").expect("a node").id;
    let b = &state.document().stops.breakpoints[0];
    assert_eq!((b.place, b.moment, b.enabled), (Place::Node(output), Moment::Forward, true));
    press(&mut h, Modifiers::NONE, Key::Escape);
    for batch in 0..2 {
        press(&mut h, Modifiers::NONE, Key::F5);
        let state = h.state().state();
        let s = state.snapshot.clone().expect("a snapshot");
        assert!(!s.running && !s.at_rest, "it stands in mid-batch");
        assert_eq!((s.step, s.program[s.cursor].phase, s.program[s.cursor].node), (batch, Phase::Forward, output));
        assert_eq!(s.stops[0].hits, batch + 1);
        assert_eq!(state.selected_one(), Some(output));
        assert!(h.state().messages().iter().any(|m| m.contains("before the forward of output")));
    }
    h.get_by_label("breakpoint output").click();
    settle(&mut h);
    assert!(!h.state().state().document().stops.breakpoints[0].enabled, "a click on the dot turns it off");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert!(h.state().state().document().stops.breakpoints[0].enabled, "undo turns it on again");
    press(&mut h, Modifiers::NONE, Key::F9);
    assert!(h.state().state().document().stops.breakpoints.is_empty(), "F9 takes it off");
    h.get_by_label("node hidden").click();
    settle(&mut h);
    press(&mut h, Modifiers::COMMAND, Key::F10);
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    let hidden = h.state().state().graph().by_name("hidden").expect("a node").id;
    assert_eq!(s.program[s.cursor].node, hidden, "it ran to the node");
}

#[test]
fn a_condition_is_typed_with_proposals_tried_live_and_taken() {
    let mut h = window(Some("projects/xor.ron"));
    press(&mut h, Modifiers::NONE, Key::F7);
    h.get_by_label("Stops").click();
    settle(&mut h);
    h.get_by_label("New condition").click();
    settle(&mut h);
    type_text(&mut h, "no");
    assert!(h.query_by_label("Write norm(").is_some(), "there are proposals");
    press(&mut h, Modifiers::NONE, Key::Tab);
    type_text(&mut h, "gra) > 1");
    assert!(
        h.query_by_label_contains("\"gra\" is not known here; did you mean grad?").is_some(),
        "errors are in words"
    );
    for _ in 0..5 {
        press(&mut h, Modifiers::NONE, Key::Backspace);
    }
    type_text(&mut h, "d) > 1e9");
    assert!(h.query_by_label_contains("> 1e9 is false").is_some(), "it is tried on the present values");
    press(&mut h, Modifiers::NONE, Key::Enter);
    let b = &h.state().state().document().stops.breakpoints[0];
    assert_eq!((b.place, b.condition.as_str()), (Place::Any, "norm(grad) > 1e9"));
}

#[test]
fn a_watch_shows_a_bubble_with_the_numbers_of_the_session() {
    let mut h = window(Some("projects/xor.ron"));
    h.get_by_label("node output").click();
    settle(&mut h);
    press(&mut h, Modifiers::SHIFT, Key::F9);
    press(&mut h, Modifiers::NONE, Key::F7);
    assert!(h.query_by_label_contains("watch output.grad [").is_some(), "the bubble shows numbers");
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    assert_eq!(s.watches[0].history.len(), 1, "one batch is in its history");
}
