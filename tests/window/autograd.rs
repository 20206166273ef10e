//! The backward graph and what-if in the window, driven by accessible labels.

use super::{press, settle, window};
use chainrule::train::{ElementRef, Order, Poke, Snapshot, TensorRef, Want};
use chainrule::ui::action::Action;
use chainrule::ui::app::App;
use chainrule::ui::panel::PanelId;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use std::sync::Arc;

fn snapshot(h: &Harness<'_, App>) -> Arc<Snapshot> {
    h.state().state().snapshot.clone().expect("a snapshot")
}

/// To the end of the backward pass: forward, seed, backward.
fn to_update(h: &mut Harness<'_, App>) {
    for _ in 0..3 {
        press(h, Modifiers::NONE, Key::F6);
    }
    let s = snapshot(h);
    assert_eq!(s.program[s.cursor].phase, chainrule::engine::Phase::Update);
}

#[test]
fn numbers_are_tried_kept_and_discarded_in_the_window() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    to_update(&mut h);
    h.get_by_label("node hidden").click();
    settle(&mut h);
    let node = h.state().state().graph().by_name("hidden").expect("the node").id;
    let of = ElementRef { node, tensor: TensorRef::Output, index: 1 };
    let want = Want { element: Some(of), ..h.state().state().want.clone() };
    h.state_mut().push(Action::Want(want));
    settle(&mut h);
    assert!(h.query_by_label("what if value").is_some(), "the chosen element can be changed");
    assert!(h.query_by_label("Keep the what-if").is_none());
    let real = snapshot(&h).nodes[&node].sample.clone();
    h.state_mut().push(Action::WhatIf(Order::Try(Poke { of, value: 3.0 })));
    settle(&mut h);
    let what = snapshot(&h).what_if.clone().expect("it is tried");
    assert_ne!(what.loss.0, what.loss.1);
    assert!(h.query_by_label_contains("hidden.output[0,1]").is_some(), "the bar names the element");
    assert_eq!(snapshot(&h).nodes[&node].sample, real, "nothing is changed yet");
    h.get_by_label("Discard the what-if").click();
    settle(&mut h);
    assert!(snapshot(&h).what_if.is_none());
    h.state_mut().push(Action::WhatIf(Order::Try(Poke { of, value: 3.0 })));
    settle(&mut h);
    h.get_by_label("Keep the what-if").click();
    settle(&mut h);
    let kept = snapshot(&h);
    assert!(kept.what_if.is_none());
    assert_eq!(kept.nodes[&node].sample.as_ref().map(|s| s.data[1]), Some(3.0));
    let loss = h.state().state().graph().by_name("loss").expect("the loss").id;
    assert_eq!(kept.nodes[&loss].scalar, Some(what.loss.1));
    assert_eq!(
        kept.record.marks,
        [(0, "hidden.output[0,1] = 3".to_owned())],
        "the record goes on, with the change in it"
    );
}

#[test]
fn keeping_a_number_and_going_again_leave_the_record_of_the_run() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    for _ in 0..5 {
        press(&mut h, Modifiers::NONE, Key::F7);
    }
    to_update(&mut h);
    let node = h.state().state().graph().by_name("hidden").expect("the node").id;
    let of = ElementRef { node, tensor: TensorRef::Weight(0), index: 0 };
    h.state_mut().push(Action::WhatIf(Order::Try(Poke { of, value: 2.0 })));
    settle(&mut h);
    h.state_mut().push(Action::WhatIf(Order::Keep));
    settle(&mut h);
    h.state_mut().push(Action::RetainGraph(true));
    h.state_mut().push(Action::BackwardAgain);
    settle(&mut h);
    let record = snapshot(&h).record.clone();
    assert_eq!((record.from, record.to), (0, 5), "the five batches before are still there");
    let words: Vec<_> = record.marks.iter().map(|m| m.1.as_str()).collect();
    assert_eq!(words, ["hidden.weight[0,0] = 2", "backward again"]);
    press(&mut h, Modifiers::SHIFT, Key::F7);
    press(&mut h, Modifiers::SHIFT, Key::F7);
    let s = snapshot(&h);
    assert_eq!((s.step, s.record.to), (4, 5), "one can go back before the change");
}

#[test]
fn going_on_drops_what_is_tried_and_says_so() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    to_update(&mut h);
    let node = h.state().state().graph().by_name("hidden").expect("the node").id;
    let of = ElementRef { node, tensor: TensorRef::Weight(0), index: 0 };
    h.state_mut().push(Action::WhatIf(Order::Try(Poke { of, value: 2.0 })));
    settle(&mut h);
    assert!(snapshot(&h).what_if.is_some());
    press(&mut h, Modifiers::NONE, Key::F7);
    assert!(snapshot(&h).what_if.is_none());
    assert!(h.state().messages().iter().any(|m| m.contains("what-if is dropped")), "{:?}", h.state().messages());
}

#[test]
fn the_backward_graph_is_shown_and_its_switches_work() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    press(&mut h, Modifiers::NONE, Key::B);
    assert!(h.state().state().backward);
    let graph = snapshot(&h).autograd.clone().expect("it is described").graph.clone();
    assert!(graph.nodes.iter().any(|n| n.grad_fn.as_deref() == Ok("AddmmBackward0")));
    assert!(h.query_all_by_label("AddmmBackward0").next().is_some(), "the table shows it");
    to_update(&mut h);
    h.state_mut().push(Action::BackwardAgain);
    settle(&mut h);
    let said = |h: &Harness<'_, App>, words: &str| h.state().messages().iter().any(|m| m.contains(words));
    assert!(said(&h, "Trying to backward through the graph a second time"), "{:?}", h.state().messages());
    h.get_by_label("retain_graph").click_accesskit();
    settle(&mut h);
    let norm = |h: &Harness<'_, App>| snapshot(h).autograd.as_ref().and_then(|a| a.leaves[0].1).expect("a norm");
    let once = norm(&h);
    h.get_by_label("Backward again").click_accesskit();
    settle(&mut h);
    assert_eq!(norm(&h), 2.0 * once, "the second pass doubles .grad");
    h.get_by_label("zero_grad before backward").click_accesskit();
    settle(&mut h);
    assert!(!h.state().state().document().train.zero_grad);
    h.get_by_label("node hidden").click();
    settle(&mut h);
    h.get_by_label("freeze weight").click_accesskit();
    settle(&mut h);
    let leaf = |h: &Harness<'_, App>| snapshot(h).autograd.as_ref().map(|a| a.graph.leaves[0].requires_grad);
    assert_eq!(leaf(&h), Some(false), "it is frozen in the run as well");
    h.get_by_label("Detach its output").click_accesskit();
    settle(&mut h);
    assert!(h.state().state().graph().nodes().any(|n| n.kind == "detach"));
    for _ in 0..3 {
        h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        settle(&mut h);
    }
    assert!(h.state().state().document().train.zero_grad, "every switch of the project is undone");
    assert!(h.state().state().graph().nodes().all(|n| n.kind != "detach" && n.tuning.is_empty()));
    h.state_mut().push(Action::ShowPanel(PanelId::Loss));
    press(&mut h, Modifiers::NONE, Key::B);
    assert!(!h.state().state().backward);
}
