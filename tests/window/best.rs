//! The best weights of a run: back after patience ran out, and on demand.

use super::{press, settle, until, window};
use chainrule::project;
use chainrule::train::{Optimizer, Stop};
use chainrule::ui::action::Action;
use chainrule::ui::app::App;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::path::{Path, PathBuf};

/// A project whose loss gets worse after some epochs.
fn worse(dir: &Path, stop: Stop) -> PathBuf {
    let mut p = project::load(Path::new("projects/iris.ron")).expect("it ships");
    let train = &mut p.document.train;
    (train.optimizer, train.stop, train.epochs) = (Optimizer::parse("adam,lr=0.5").expect("it is one"), stop, 0);
    let path = dir.join("worse.ron");
    project::save(&path, &p).expect("it is saved");
    path
}

fn run(h: &mut Harness<'_, App>, label: &str) {
    h.get_by_label("Run").click();
    settle(h);
    h.get_by_label(label).click_accesskit();
    settle(h);
}

#[test]
fn a_run_out_of_patience_ends_with_its_best_weights_and_they_can_be_fetched_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = worse(dir.path(), Stop { patience: 2, ..Stop::default() });
    let mut h = window(Some(&path.display().to_string()));
    until(&mut h, "a first picture", |s| s.best.is_none());
    press(&mut h, Modifiers::NONE, Key::Space);
    let end = until(&mut h, "the end", |s| !s.running && s.epoch > 2 && s.test_loss.is_some());
    let (epoch, loss) = end.best.expect("best weights");
    assert_eq!(end.epoch, epoch + 2);
    assert_eq!(end.test_loss, Some(loss), "the loss shown is that of the weights that are back");
    let words = format!("stopped: no improvement for 2 epochs; weights of epoch {epoch} are back");
    assert!(h.state().messages().contains(&words), "{:?}", h.state().messages());
    let status = format!("0 problems · {words}");
    let said = |h: &Harness<'_, App>| h.state().state().ended.clone();
    assert_eq!(said(&h).as_ref(), Some(&words));
    assert!(h.query_all_by_label_contains(&words).next().is_some(), "{status}");

    // On for two epochs, which begin elsewhere.
    for more in 1..=2 {
        press(&mut h, Modifiers::NONE, Key::F8);
        until(&mut h, "an epoch", |s| s.epoch == end.epoch + more && s.test_loss.is_some());
    }
    assert_eq!(said(&h), None, "it goes on");
    let now = until(&mut h, "a best epoch", |s| s.best.is_some());
    let (epoch, loss) = now.best.expect("best weights");
    press(&mut h, Modifiers::NONE, Key::F10);
    run(&mut h, &format!("Best weights of epoch {epoch}"));
    let back = until(&mut h, "the best weights", |s| s.at_rest && s.test_loss == Some(loss));
    assert_eq!(back.best, Some((epoch, loss)));
    let told = h.state().messages();
    assert!(told.iter().any(|m| m.contains(&format!("weights of epoch {epoch}"))), "{told:?}");
}

#[test]
fn without_an_epoch_there_is_nothing_to_fetch_and_the_key_does_it_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = worse(dir.path(), Stop::default());
    let mut h = window(Some(&path.display().to_string()));
    until(&mut h, "a first picture", |s| s.best.is_none());
    h.get_by_label("Run").click();
    settle(&mut h);
    assert!(h.get_by_label("Best weights").accesskit_node().is_disabled());
    press(&mut h, Modifiers::NONE, Key::Escape);
    for epoch in 1..=6 {
        press(&mut h, Modifiers::NONE, Key::F8);
        until(&mut h, "an epoch", |s| s.epoch == epoch && s.test_loss.is_some());
    }
    let end = until(&mut h, "its loss", |s| s.at_rest && s.best.is_some_and(|b| s.test_loss != Some(b.1)));
    let (_, loss) = end.best.expect("best weights");
    press(&mut h, Modifiers::SHIFT, Key::Home);
    until(&mut h, "the best weights", |s| s.test_loss == Some(loss));
}

#[test]
fn the_settings_have_patience_with_what_belongs_to_it_and_a_batch_may_be_all_samples() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = worse(dir.path(), Stop::default());
    let text = std::fs::read_to_string(&path).expect("the file");
    let many = text.replacen(
        "source: Iris",
        "source: Playground((set: Plane, noise: 0.0, samples: 20000, inputs: [X1, X2]))",
        1,
    );
    assert_ne!(many, text);
    std::fs::write(&path, many).expect("a file");
    let mut h = window(Some(&path.display().to_string()));
    until_data(&mut h);
    h.state_mut().push(Action::ShowTraining);
    settle(&mut h);
    let train = |h: &Harness<'_, App>| h.state().state().document().train.clone();
    assert!(train(&h).stop.restore_best);
    h.get_by_role_and_label(Role::CheckBox, "Best weights back").click_accesskit();
    settle(&mut h);
    assert!(!train(&h).stop.restore_best);
    assert!(h.query_by_role_and_label(Role::SpinButton, "Least improvement").is_some());
    let samples = h.state().state().dataset.as_ref().map_or(0, |d| d.train.len());
    assert!(samples > 8000, "{samples}");
    for wanted in [samples, samples + 1] {
        h.get_by_role_and_label(Role::SpinButton, "Batch size").click();
        settle(&mut h);
        let field = h.get_all_by_label("Batch size").find(|n| n.is_focused());
        field.expect("the number is edited").type_text(&wanted.to_string());
        press(&mut h, Modifiers::NONE, Key::Enter);
        assert_eq!(train(&h).batch_size, samples, "at most all samples");
    }
}

fn until_data(h: &mut Harness<'_, App>) {
    for _ in 0..200 {
        if h.state().state().dataset.is_some() {
            return;
        }
        settle(h);
    }
    panic!("no data");
}
