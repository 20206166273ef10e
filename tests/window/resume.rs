//! A project saved in mid-training and opened again goes on with the same bits.

use super::{press, settle, until, window};
use chainrule::project::{self, Project};
use chainrule::ui::app::App;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use std::path::Path;

/// Waits for a place of the run.
fn stands(h: &mut Harness<'_, App>, step: u64, cursor: usize) {
    until(h, &format!("batch {step}, instruction {cursor}"), |s| {
        (s.step, s.cursor % s.program.len()) == (step, cursor)
    });
}

fn saved(h: &mut Harness<'_, App>, path: &Path) -> Project {
    let before = std::fs::read(path).expect("the file");
    press(h, Modifiers::COMMAND, Key::S);
    for _ in 0..80 {
        if std::fs::read(path).expect("the file") != before {
            return project::load(path).expect("it loads");
        }
        settle(h);
    }
    panic!("it was not saved: {:?}", h.state().messages())
}

#[test]
fn a_window_opened_on_it_goes_on_where_the_other_one_stands() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, copy) = (dir.path().join("run.ron"), dir.path().join("copy.ron"));
    std::fs::copy("projects/regularised.ron", &path).expect("a copy");
    let mut first = window(Some(&path.display().to_string()));
    for step in 1..=3 {
        press(&mut first, Modifiers::NONE, Key::K);
        stands(&mut first, step, 0);
    }
    for cursor in 1..=5 {
        press(&mut first, Modifiers::NONE, Key::F10);
        stands(&mut first, 3, cursor);
    }
    let run = saved(&mut first, &path).run.expect("a run");
    assert_eq!((run.step, run.cursor), (3, 5));
    std::fs::copy(&path, &copy).expect("a copy");
    let mut second = window(Some(&copy.display().to_string()));
    stands(&mut second, 3, 5);
    let ends = [(&mut first, &path), (&mut second, &copy)].map(|(h, path)| {
        for step in 4..=6 {
            press(h, Modifiers::NONE, Key::K);
            stands(h, step, 0);
        }
        saved(h, path)
    });
    assert_eq!(ends[0].run.as_ref().map(|r| r.step), Some(6));
    assert_eq!(ends[0].weights, ends[1].weights);
    assert_eq!(ends[0].run, ends[1].run);
}
