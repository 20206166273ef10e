//! The window driven by its accessible labels, without a display.

use chainrule::graph::NodeId;
use chainrule::train::Snapshot;
use chainrule::ui::app::{App, Launch};
use egui::{Key, Modifiers, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::sync::Arc;

#[path = "window/autograd.rs"]
mod autograd;
#[path = "window/memory.rs"]
mod memory;
#[path = "window/patch.rs"]
mod patch;
#[path = "window/review.rs"]
mod review;
#[path = "window/scrub.rs"]
mod scrub;
#[path = "window/why.rs"]
mod why;

fn window(path: Option<&str>) -> Harness<'static, App> {
    let launch = Launch { path: path.map(Into::into), home: None, native_dialogs: false };
    let mut harness =
        Harness::builder().with_size(egui::vec2(1680.0, 1050.0)).build_eframe(move |cc| App::new(&cc.egui_ctx, launch));
    settle(&mut harness);
    harness
}

/// Lets the worker answer and the window show it.
fn settle(h: &mut Harness<'_, App>) {
    for _ in 0..4 {
        std::thread::sleep(std::time::Duration::from_millis(25));
        h.run_steps(2);
    }
}

/// Lets the worker answer until its snapshot is as `ok` asks, and gives it.
fn until(h: &mut Harness<'_, App>, what: &str, ok: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    for _ in 0..400 {
        settle(h);
        if let Some(s) = h.state().state().snapshot.clone().filter(|s| ok(s)) {
            return s;
        }
    }
    let s = h.state().state().snapshot.clone();
    let at = s.map(|s| (s.running, s.step, s.record.to, s.record.goal, s.cursor, s.at_rest));
    panic!("it never came: {what}; {at:?}, {:?}", h.state().messages());
}

fn press(h: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) {
    h.key_press_modifiers(modifiers, key);
    settle(h);
}

fn type_text(h: &mut Harness<'_, App>, text: &str) {
    h.event(egui::Event::Text(text.to_owned()));
    settle(h);
}

/// Adds a node through the search box.
fn add(h: &mut Harness<'_, App>, at: Pos2, label: &str) {
    h.hover_at(at);
    settle(h);
    press(h, Modifiers::SHIFT, Key::A);
    type_text(h, label);
    press(h, Modifiers::NONE, Key::Enter);
}

fn center(h: &Harness<'_, App>, label: &str) -> Pos2 {
    h.get_by_label(label).rect().center()
}

/// Drags from one pin to another.
fn connect(h: &mut Harness<'_, App>, from: &str, to: &str) {
    let (a, b) = (center(h, from), center(h, to));
    h.drag_at(a);
    h.run_steps(2);
    h.hover_at(a + (b - a) * 0.5);
    h.run_steps(2);
    h.hover_at(b);
    h.run_steps(2);
    h.drop_at(b);
    settle(h);
}

fn graph(h: &Harness<'_, App>) -> (usize, usize) {
    let g = h.state().state().graph();
    (g.len(), g.wires().len())
}

#[test]
fn a_network_is_built_from_nothing_undone_and_done_again() {
    let mut h = window(None);
    press(&mut h, Modifiers::COMMAND, Key::N);
    assert_eq!(graph(&h), (0, 0));
    add(&mut h, Pos2::new(330.0, 300.0), "Data input");
    add(&mut h, Pos2::new(560.0, 300.0), "Linear");
    add(&mut h, Pos2::new(800.0, 300.0), "Tanh");
    add(&mut h, Pos2::new(1040.0, 300.0), "Mean squared error");
    add(&mut h, Pos2::new(560.0, 520.0), "Target");
    assert_eq!(graph(&h).0, 5, "five nodes were added");
    connect(&mut h, "data input 1 output", "linear 1 input input");
    connect(&mut h, "linear 1 output", "tanh 1 input input");
    let loss =
        h.state().state().graph().nodes().find(|n| n.kind == "mse_loss").map(|n| n.name.clone()).expect("a loss");
    connect(&mut h, "tanh 1 output", &format!("{loss} input prediction"));
    connect(&mut h, "target 1 output", &format!("{loss} input target"));
    assert_eq!(graph(&h), (5, 4));
    // A wire that makes no sense is refused: the loss cannot feed what it depends on.
    connect(&mut h, "tanh 1 output", "linear 1 input input");
    assert_eq!(graph(&h), (5, 4));
    for _ in 0..9 {
        press(&mut h, Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(graph(&h), (0, 0), "undo takes all of it back");
    for _ in 0..9 {
        press(&mut h, Modifiers::COMMAND, Key::Y);
    }
    assert_eq!(graph(&h), (5, 4), "redo brings it back");
}

#[test]
fn training_runs_and_pauses_and_resets_to_the_same_weights() {
    let mut h = window(Some("projects/xor.ron"));
    let first = h.state().state().snapshot.clone().expect("a snapshot before training");
    press(&mut h, Modifiers::NONE, Key::Space);
    for _ in 0..40 {
        settle(&mut h);
        if h.state().state().snapshot.as_ref().is_some_and(|s| s.epoch >= 5) {
            break;
        }
    }
    let trained = h.state().state().snapshot.clone().expect("a snapshot");
    assert!(trained.epoch >= 5, "it trained {} epochs", trained.epoch);
    if trained.running {
        press(&mut h, Modifiers::NONE, Key::Space);
    }
    settle(&mut h);
    h.get_by_label("Reset").click();
    settle(&mut h);
    let again = h.state().state().snapshot.clone().expect("a snapshot");
    assert_eq!(again.epoch, 0);
    let weights =
        |s: &chainrule::train::Snapshot| s.nodes.values().filter_map(|n| n.weight_sample.clone()).collect::<Vec<_>>();
    assert_eq!(weights(&again), weights(&first), "reset goes back to the same initial weights");
    assert_ne!(weights(&trained), weights(&first));
}

#[test]
fn the_backward_pass_is_walked_node_by_node() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    let program = h.state().state().snapshot.as_ref().map(|s| s.program.len()).expect("a program");
    let node = |h: &Harness<'_, App>, name: &str| -> NodeId {
        h.state().state().graph().by_name(name).map(|n| n.id).expect("the node is there")
    };
    let output = node(&h, "output");
    for done in 1..=program {
        press(&mut h, Modifiers::NONE, Key::F10);
        let s = h.state().state().snapshot.clone().expect("a snapshot");
        assert_eq!(s.cursor, done);
        let back = s.program[..done].iter().any(|i| i.node == output && i.phase == chainrule::engine::Phase::Backward);
        assert_eq!(s.nodes[&output].weight_grad_norm.is_some(), back, "the gradient shows when it is computed");
        if done < program {
            let last = s.program[done - 1].node;
            assert_eq!(s.inspected.as_ref().map(|i| i.node), Some(last), "its numbers are there");
            let ran = h.state().state().graph().node(last).map(|n| n.name.clone()).expect("a node");
            assert!(
                h.query_all_by_label_contains("Done: ")
                    .map(|l| l.accesskit_node())
                    .any(|l| l.label().or(l.value()).is_some_and(|l| l.ends_with(&ran))),
                "the inspector follows: {ran}"
            );
        }
    }
    let s = h.state().state().snapshot.clone().expect("a snapshot");
    assert!(s.at_rest && s.step == 1, "one batch is done: {} {}", s.at_rest, s.step);
}

#[test]
fn buffers_are_not_listed_among_gradients() {
    let mut h = window(Some("projects/resnet.ron"));
    until(&mut h, "the start", |s| s.step == 0);
    press(&mut h, Modifiers::NONE, Key::F7);
    until(&mut h, "a batch", |s| s.step == 1);
    assert!(h.query_by_label_contains("gradient of stem norm.weight").is_some());
    assert!(h.query_by_label_contains("gradient of stem norm.running_mean").is_none());
}

#[test]
fn the_inspector_shows_and_changes_a_parameter() {
    let mut h = window(Some("projects/xor.ron"));
    h.get_by_label("node hidden").click();
    settle(&mut h);
    assert!(h.query_by_label("Node name").is_some(), "the inspector shows the node");
    assert!(h.query_all_by_label_contains("weight").next().is_some(), "its tensors are shown");
    h.get_by_role_and_label(egui::accesskit::Role::CheckBox, "bias").click();
    settle(&mut h);
    let g = h.state().state().graph();
    let hidden = g.by_name("hidden").expect("the node");
    assert!(!hidden.filled().bool("bias"), "the switch is off");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    let g = h.state().state().graph();
    assert!(g.by_name("hidden").is_some_and(|n| n.filled().bool("bias")), "undo turns it on again");
}

#[test]
fn a_list_leaves_room_for_the_way_back_to_its_default() {
    let mut h = window(Some("projects/resnet.ron"));
    h.get_by_label("node picture").click();
    settle(&mut h);
    let field = h.get_by_role_and_label(egui::accesskit::Role::TextInput, "shape").rect();
    let back = h.get_by_label("↺").rect();
    assert!(field.right() < back.left() && back.right() < 1670.0, "{field} {back}");
    h.get_by_label("↺").click();
    settle(&mut h);
    assert!(h.query_by_label("↺").is_none(), "the default is there");
}

#[test]
fn a_project_is_saved_and_loaded_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("copy.ron");
    std::fs::copy("projects/circle.ron", &path).expect("a copy");
    let mut h = window(Some(&path.display().to_string()));
    h.get_by_label("node hidden").click();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::Delete);
    assert!(h.state().state().dirty(), "there is a change");
    press(&mut h, Modifiers::COMMAND, Key::S);
    for _ in 0..20 {
        settle(&mut h);
        if !h.state().state().dirty() {
            break;
        }
    }
    assert!(!h.state().state().dirty(), "the change is saved");
    let loaded = chainrule::project::load(&path).expect("it loads");
    assert!(loaded.document.graph.by_name("hidden").is_none());
    assert_eq!(loaded.document.graph, *h.state().state().graph());
}

#[test]
fn every_shipped_project_opens_without_a_problem() {
    for (name, _) in chainrule::project::templates::shipped() {
        let mut h = window(Some(&format!("projects/{name}.ron")));
        // Data in files are read on a thread, and large networks take a while to be looked at for the first time.
        for _ in 0..200 {
            if h.state().state().snapshot.is_some() {
                break;
            }
            settle(&mut h);
        }
        let state = h.state().state();
        assert_eq!(state.errors(), 0, "{name}");
        assert!(state.failed.is_none(), "{name}: {:?}", state.failed);
        assert!(state.snapshot.is_some(), "{name} is ready");
        assert!(h.root().children().next().is_some());
    }
}

#[path = "window/best.rs"]
mod best;
#[path = "window/cost.rs"]
mod cost;
#[path = "window/into.rs"]
mod into;
#[path = "window/rates.rs"]
mod rates;
#[path = "window/resume.rs"]
mod resume;
#[path = "window/stops.rs"]
mod stops;
