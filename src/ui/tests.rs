//! The window driven as a user drives it, without a display.

use crate::ui::action::Action;
use crate::ui::app::{App, Launch};
use crate::ui::shortcuts;
use egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn window(size: [f32; 2]) -> Harness<'static, App> {
    let mut harness = Harness::builder()
        .with_size(size)
        .with_max_steps(30)
        .build_eframe(|cc| App::new(&cc.egui_ctx, Launch::default()));
    harness.run_steps(4);
    harness.state_mut().push(Action::New);
    harness.run_steps(2);
    harness
}

fn nodes(h: &Harness<'_, App>) -> usize {
    h.state().state().graph().len()
}

#[test]
fn a_node_is_added_by_typing_its_name() {
    let mut h = window([1280.0, 720.0]);
    h.key_press_modifiers(Modifiers::SHIFT, Key::A);
    h.run_steps(3);
    h.get_by_label("Search nodes").type_text("tanh");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(nodes(&h), 1);
    assert!(h.query_by_label("Search nodes").is_none());
    assert_eq!(h.state().state().selection.len(), 1);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run_steps(2);
    assert_eq!(nodes(&h), 0);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    h.run_steps(2);
    assert_eq!(nodes(&h), 1);
}

#[test]
fn keys_do_not_act_while_text_is_typed() {
    let mut h = window([1280.0, 720.0]);
    let pos = [0.0, 0.0];
    h.state_mut().push(Action::AddNode { kind: "tanh".to_owned(), pos, connect: None });
    h.run_steps(2);
    h.get_by_label("Filter nodes").focus();
    h.run_steps(2);
    h.key_press(Key::Delete);
    h.run_steps(2);
    assert_eq!(nodes(&h), 1);
}

#[test]
fn a_command_is_run_from_the_palette() {
    let mut h = window([1280.0, 720.0]);
    let pos = [0.0, 0.0];
    h.state_mut().push(Action::AddNode { kind: "tanh".to_owned(), pos, connect: None });
    h.run_steps(2);
    h.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    h.run_steps(3);
    h.get_by_label("Command").type_text("duplic");
    h.run_steps(2);
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(nodes(&h), 2);
    assert!(h.query_by_label("Command").is_none());
}

#[test]
fn unsaved_work_is_not_lost_without_a_question() {
    let mut h = window([1280.0, 720.0]);
    let pos = [0.0, 0.0];
    h.state_mut().push(Action::AddNode { kind: "tanh".to_owned(), pos, connect: None });
    h.run_steps(2);
    h.state_mut().push(Action::New);
    h.run_steps(3);
    assert_eq!(nodes(&h), 1);
    h.get_by_label("Cancel").click();
    h.run_steps(3);
    assert_eq!(nodes(&h), 1);
    h.state_mut().push(Action::New);
    h.run_steps(3);
    h.get_by_label("Discard").click();
    h.run_steps(3);
    assert_eq!(nodes(&h), 0);
}

#[test]
fn a_project_is_saved_and_opened_without_a_desktop_dialog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.ron");
    let mut h = window([1280.0, 720.0]);
    let pos = [0.0, 0.0];
    h.state_mut().push(Action::AddNode { kind: "tanh".to_owned(), pos, connect: None });
    h.run_steps(2);
    h.key_press_modifiers(Modifiers::COMMAND, Key::S);
    h.run_steps(3);
    h.key_press_modifiers(Modifiers::COMMAND, Key::A);
    h.run_steps(1);
    h.get_by_label("Path").type_text(&path.display().to_string());
    h.run_steps(2);
    h.get_by_label("Save").click();
    // The weights come from the worker, which may be busy.
    for _ in 0..500 {
        h.run_steps(1);
        if path.exists() && !h.state().state().dirty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(path.exists(), "{:?}", h.state().messages());
    assert!(!h.state().state().dirty());
    assert_eq!(h.state().state().title(), "mine.ron");
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

#[test]
fn what_is_dropped_on_the_window_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut h = window([1280.0, 720.0]);
    let mut drop = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        h.input_mut().dropped_files.push(Arc::new(Dropped(path)));
        h.run_steps(1);
        h.input_mut().dropped_files.clear();
        h.run_steps(3);
        let state = h.state().state();
        (state.title(), state.document().data.label(), h.state().messages().join("\n"))
    };
    let text = include_str!("../../projects/xor.ron");
    assert_eq!(drop("net.ron", text).0, "net.ron");
    let (title, data, _) = drop("table.csv", "a,b\n1,2\n3,4\n");
    assert_eq!((title.as_str(), data.as_str()), ("net.ron", "table.csv"), "the project stays, with another data set");
    assert!(drop("picture.gif", "GIF").2.contains("picture.gif is neither a project"));
    h.key_press(Key::Escape);
    h.run_steps(2);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    h.run_steps(2);
    assert_eq!(h.state().state().document().data.label(), "XOR", "undo takes the table back");
}

#[test]
fn reverting_asks_and_never_saves_what_is_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.ron");
    let text = include_str!("../../projects/xor.ron");
    std::fs::write(&path, text).unwrap();
    let mut h = window([1280.0, 720.0]);
    h.state_mut().push(Action::OpenPath(path.clone()));
    h.run_steps(3);
    let pos = [0.0, 900.0];
    h.state_mut().push(Action::AddNode { kind: "tanh".to_owned(), pos, connect: None });
    h.run_steps(2);
    let edited = nodes(&h);
    h.state_mut().push(Action::Revert);
    h.run_steps(3);
    assert!(h.query_by_label("Save").is_none());
    h.key_press(Key::Enter);
    h.run_steps(3);
    assert_eq!(nodes(&h), edited, "Enter keeps the changes");
    h.state_mut().push(Action::Revert);
    h.run_steps(3);
    h.get_by_label("Revert").click();
    h.run_steps(4);
    assert_eq!(nodes(&h), edited - 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "the file is as it was");
}

#[test]
fn every_command_opens_what_it_names_without_a_panic() {
    let mut h = window([1280.0, 720.0]);
    for info in shortcuts::all().iter().filter(|i| i.label != "Quit") {
        h.state_mut().push((info.make)());
        h.run_steps(2);
        h.key_press(Key::Escape);
        h.run_steps(2);
    }
}

#[test]
fn the_bar_keeps_inside_windows_of_all_widths() {
    for size in [[1680.0, 1050.0], [1280.0, 720.0], [1024.0, 640.0], [900.0, 560.0]] {
        let h = window(size);
        let chip = h.query_by_label("CANNOT RUN").or_else(|| h.query_by_label("READY"));
        let right = chip.expect("the state is always shown").rect().right();
        assert!(right <= size[0], "the bar ends at {right} in a window of {size:?}");
    }
}

#[test]
fn the_sheet_of_shortcuts_is_found_by_its_key() {
    let mut h = window([1280.0, 720.0]);
    h.key_press(Key::F1);
    h.run_steps(3);
    assert!(h.query_by_label("Filter shortcuts").is_some());
    h.key_press(Key::Escape);
    h.run_steps(3);
    assert!(h.query_by_label("Filter shortcuts").is_none());
}
