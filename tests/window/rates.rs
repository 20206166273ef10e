//! The learning-rate range test: started, stopped, its rate taken over; and weights that are trained in their own way.

use super::{press, settle, until, window};
use chainrule::graph::Tuning;
use chainrule::train::steepest;
use chainrule::ui::action::Action;
use chainrule::ui::app::App;
use chainrule::ui::panel::PanelId;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

#[test]
fn a_rate_is_found_on_a_copy_and_used_and_undone() {
    let mut h = window(Some("projects/iris.ron"));
    press(&mut h, Modifiers::NONE, Key::K);
    until(&mut h, "a batch", |s| s.step == 1);
    h.state_mut().push(Action::ShowPanel(PanelId::Rates));
    settle(&mut h);
    let weights = |h: &Harness<'_, App>| {
        let s = h.state().state().snapshot.clone().expect("a snapshot");
        (s.step, s.rate, s.nodes.values().filter_map(|n| n.weight_sample.clone()).collect::<Vec<_>>())
    };
    let before = weights(&h);
    h.get_by_label("Start test").click();
    until(&mut h, "the end of the test", |s| s.rates.as_ref().is_some_and(|r| r.over()));
    settle(&mut h);
    assert_eq!(weights(&h), before, "nothing of the run has changed");
    let rates = h.state().state().snapshot.as_ref().and_then(|s| s.rates.clone()).expect("the test");
    let found = steepest(&rates.points()).expect("the loss falls somewhere");
    let lr = |h: &Harness<'_, App>| h.state().state().document().train.optimizer.lr();
    let old = lr(&h);
    h.get_by_label("Use this rate").click();
    settle(&mut h);
    assert!((lr(&h) / found - 1.0).abs() < 0.06 && lr(&h) != old, "{} for {found}", lr(&h));
    until(&mut h, "the new rate", |s| s.rate != old && s.rates.is_some());
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(lr(&h), old, "undo takes it back");
}

#[test]
fn a_test_can_be_stopped_and_keeps_its_curve() {
    let mut h = window(Some("projects/digits.ron"));
    h.state_mut().push(Action::ShowPanel(PanelId::Rates));
    settle(&mut h);
    h.get_by_label("Start test").click();
    for _ in 0..200 {
        h.run_steps(1);
        if h.query_by_label("Stop test").is_some() {
            h.get_by_label("Stop test").click();
            break;
        }
    }
    until(&mut h, "an end", |s| s.rates.as_ref().is_some_and(|r| r.over()));
    settle(&mut h);
    assert!(h.query_by_label("Start test").is_some());
    assert_eq!(h.state().state().snapshot.as_ref().map(|s| s.step), Some(0));
}

#[test]
fn a_weight_is_frozen_and_trained_in_its_own_way_from_the_inspector() {
    let mut h = window(Some("projects/xor.ron"));
    h.get_by_label("node hidden").click();
    settle(&mut h);
    let tuning = |h: &Harness<'_, App>, weight: &str| {
        h.state().state().graph().by_name("hidden").and_then(|n| n.tuning.get(weight).copied()).unwrap_or_default()
    };
    let sample = |h: &Harness<'_, App>| {
        let s = h.state().state().snapshot.clone().expect("a snapshot");
        let id = h.state().state().graph().by_name("hidden").expect("the node").id;
        (s.step, s.nodes[&id].weight_sample.clone().expect("weights"))
    };
    for _ in 0..2 {
        press(&mut h, Modifiers::NONE, Key::K);
    }
    until(&mut h, "two batches", |s| s.step == 2);
    h.get_by_role_and_label(Role::CheckBox, "weight requires grad").click();
    settle(&mut h);
    assert!(tuning(&h, "weight").frozen && !tuning(&h, "bias").frozen);
    until(&mut h, "the run as it was", |s| s.step == 2);
    let (_, before) = sample(&h);
    press(&mut h, Modifiers::NONE, Key::K);
    until(&mut h, "a batch more", |s| s.step == 3);
    assert_eq!(sample(&h).1, before, "the frozen weight stays");
    press(&mut h, Modifiers::COMMAND, Key::Z);
    assert_eq!(tuning(&h, "weight"), Tuning::default());
    until(&mut h, "the run goes on", |s| s.step == 3);
    press(&mut h, Modifiers::NONE, Key::K);
    until(&mut h, "and one more", |s| s.step == 4);
    assert_ne!(sample(&h).1, before, "it is trained again");
    h.get_by_role_and_label(Role::CheckBox, "bias own weight decay").click();
    settle(&mut h);
    assert_eq!(tuning(&h, "bias").weight_decay, Some(0.0), "a decay of its own, none");
    assert!(h.query_by_label("bias learning rate factor").is_some() && h.query_by_label("bias weight decay").is_some());
}

#[test]
fn the_loss_surface_is_seen_in_a_small_window() {
    let mut h = window(Some("projects/spirals.ron"));
    h.set_size(egui::vec2(1280.0, 720.0));
    h.state_mut().push(chainrule::ui::action::Action::ShowPanel(chainrule::ui::panel::PanelId::Surface));
    settle(&mut h);
    h.get_by_label("Compute").click_accesskit();
    until(&mut h, "the surface", |s| s.surface.as_ref().is_some_and(|s| s.done() == s.size * s.size));
    settle(&mut h);
    let picture = h.get_by_label("loss surface").rect();
    let seen = picture.intersect(h.ctx.content_rect());
    assert!(seen.height() >= 110.0, "only {seen} of {picture} is seen");
}

#[test]
fn the_inspector_stays_as_wide_as_it_is_whatever_it_shows() {
    let mut h = window(Some("projects/resnet.ron"));
    h.set_size(egui::vec2(1280.0, 720.0));
    settle(&mut h);
    let left = |h: &Harness<'_, App>| h.get_by_label("Graph canvas").rect().right();
    let before = left(&h);
    let names: Vec<String> = h.state().state().graph().nodes().map(|n| n.name.clone()).collect();
    for name in names.iter().take(8) {
        let id = h.state().state().graph().by_name(name).expect("a node").id;
        h.state_mut().push(chainrule::ui::action::Action::Select([id].into()));
        settle(&mut h);
        assert_eq!(left(&h), before, "{name} made it wider");
    }
}

#[test]
fn the_tab_of_a_panel_that_is_shown_is_scrolled_to() {
    use chainrule::ui::panel::PanelId;
    let mut h = window(Some("projects/spirals.ron"));
    h.set_size(egui::vec2(1280.0, 720.0));
    settle(&mut h);
    for (panel, title) in [(PanelId::Why, "Why"), (PanelId::Surface, "Loss surface"), (PanelId::Loss, "Loss")] {
        h.state_mut().push(chainrule::ui::action::Action::ShowPanel(panel));
        settle(&mut h);
        let pane = h.get_by_label(&format!("{title} panel")).rect().expand(1.0);
        let tab = h.get_all_by_label(title).map(|n| n.rect()).find(|r| r.bottom() <= pane.top() + 3.0);
        let tab = tab.expect("its tab");
        assert!(
            pane.x_range().contains(tab.left()) && pane.x_range().contains(tab.right()),
            "the tab {title} is at {tab}, its panel at {pane}"
        );
    }
}
