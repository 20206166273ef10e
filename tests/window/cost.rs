//! What nodes cost, beside them on the canvas.

use super::{press, settle, until, window};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

#[test]
fn the_cost_of_nodes_is_switched_on_and_off_and_said_for_each() {
    let mut h = window(Some("projects/mlp_2_2_1.ron"));
    until(&mut h, "a first picture", |s| s.nodes.values().all(|n| n.cost.is_none()));
    assert!(h.query_all_by_label_contains("cost of").next().is_none());
    h.get_by_label("View").click();
    settle(&mut h);
    h.get_by_label("Cost of nodes").click_accesskit();
    settle(&mut h);
    press(&mut h, Modifiers::NONE, Key::K);
    let s = until(&mut h, "costs of all nodes", |s| s.step > 0 && s.nodes.values().all(|n| n.cost.is_some()));
    let share: f64 = s.nodes.values().filter_map(|n| n.cost.as_ref()).map(|c| c.share).sum();
    assert!((share - 1.0).abs() < 1e-6, "{share}");
    for n in h.state().state().graph().nodes() {
        let cost = s.nodes[&n.id].cost.as_ref().expect("a cost");
        assert!(cost.seconds > 0.0, "{}", n.name);
        let label = format!("cost of {}: {}", n.name, cost.text());
        assert!(h.query_by_label(&label).is_some(), "{label}");
    }
    h.get_by_label("View").click();
    settle(&mut h);
    h.get_by_label("Cost of nodes").click_accesskit();
    until(&mut h, "no costs", |s| s.nodes.values().all(|n| n.cost.is_none()));
    settle(&mut h);
    assert!(h.query_all_by_label_contains("cost of").next().is_none());
}
