//! Why a gradient is zero or huge: asked beside the gradient, by key, and its path lit on the canvas.

use super::{press, settle, until, window};
use chainrule::train::{Cause, Why};
use chainrule::ui::app::App;
use chainrule::ui::why::{answer, lit};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

fn said(h: &Harness<'_, App>) -> Why {
    answer(h.state().state()).expect("an answer").as_ref().expect("it can be said").clone()
}

#[test]
fn the_button_beside_a_gradient_asks_and_a_path_lights_the_canvas() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    h.get_by_label("node hidden").click();
    settle(&mut h);
    h.get_by_label("why is weight.grad as it is").click_accesskit();
    settle(&mut h);
    let why = said(&h);
    assert_eq!(why.label, "hidden.weight");
    assert!(h.query_by_label(&why.sentence).is_some(), "the panel says it");
    let names = |h: &Harness<'_, App>| -> Vec<String> {
        lit(h.state().state()).map(|r| r.legs.iter().map(|l| l.name.clone()).collect()).unwrap_or_default()
    };
    assert_eq!(names(&h), ["loss", "sigmoid 2", "output", "sigmoid 1", "hidden"], "the first path is lit");
    h.get_by_label("path 1").click_accesskit();
    settle(&mut h);
    assert!(names(&h).is_empty(), "a click puts it out");
    h.get_by_label("path 1").click_accesskit();
    settle(&mut h);
    assert_eq!(names(&h).len(), 5);
    h.get_by_label("stop explaining").click_accesskit();
    settle(&mut h);
    assert!(answer(h.state().state()).is_none() && names(&h).is_empty());
}

#[test]
fn a_dead_layer_is_named_and_selected() {
    let mut h = window(Some("projects/digits.ron"));
    let (node, units) = {
        let state = h.state().state();
        let relu = state.graph().nodes().find(|n| n.kind == "relu").expect("a ReLU");
        let layer = state.graph().inputs(relu.id)[0].from;
        (layer, state.inference.nodes[&layer].weights[1].shape[0])
    };
    for element in 0..units {
        let name = "bias".to_owned();
        h.state_mut().push(chainrule::ui::action::Action::SetWeight { node, name, element, value: -1e4 });
    }
    let name = h.state().state().graph().node(node).expect("the layer").name.clone();
    h.get_by_label(&format!("node {name}")).click();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::W);
    for _ in 0..20 {
        if answer(h.state().state()).is_some() {
            break;
        }
        settle(&mut h);
    }
    let why = said(&h);
    let guilty = why.guilty.clone().expect("it is named");
    assert_eq!((guilty.cause, guilty.short), (Cause::Dead, format!("dead {units} of {units}")), "{}", why.sentence);
    h.get_by_role_and_label(egui::accesskit::Role::Button, &format!("dead {units} of {units}")).click_accesskit();
    settle(&mut h);
    assert_eq!(h.state().state().selected_one(), guilty.node, "the node to blame is selected");
}

#[test]
fn the_gradient_of_what_any_node_computes_is_explained() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    // A node without parameters: W asks for its δ.
    h.get_by_label("node sigmoid 1").click();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::W);
    until(&mut h, "an answer", |s| s.why.is_some());
    let why = said(&h);
    assert_eq!(why.label, "sigmoid 1.output");
    let names: Vec<&str> = why.routes[0].legs.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["loss", "sigmoid 2", "output"]);
    // The button beside the gradient, at the data, which no weight is behind.
    press(&mut h, Modifiers::NONE, Key::F7);
    until(&mut h, "a batch", |s| s.step == 1);
    h.get_by_label("node x").click();
    settle(&mut h);
    h.get_by_label("why is output.grad as it is").click_accesskit();
    until(&mut h, "another answer", |s| matches!(s.why.as_deref(), Some(Ok(w)) if w.label == "x.output"));
    assert_eq!(said(&h).routes[0].legs.len(), 5);
    assert!(h.query_by_label(&said(&h).sentence).is_some(), "the panel says it");
    // At a layer W begins with the weight; again, it goes on to the node's other gradients.
    h.get_by_label("node hidden").click();
    settle(&mut h);
    for label in ["hidden.weight", "hidden.bias", "hidden.output", "hidden.weight"] {
        press(&mut h, Modifiers::NONE, Key::W);
        until(&mut h, label, |s| matches!(s.why.as_deref(), Some(Ok(w)) if w.label == label));
    }
    // The context menu offers all of them.
    h.get_by_label("node sigmoid 2").click_secondary();
    settle(&mut h);
    h.get_by_label("Why is output.grad as it is?").click_accesskit();
    until(&mut h, "the answer", |s| matches!(s.why.as_deref(), Some(Ok(w)) if w.label == "sigmoid 2.output"));
}
