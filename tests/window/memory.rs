//! What the window says of memory before anything runs.

use super::{until, window};
use egui_kittest::kittest::Queryable as _;

#[test]
fn the_window_says_what_it_takes_and_what_a_run_without_eyes_would() {
    let mut h = window(Some("projects/lenet.ron"));
    let needs = until(&mut h, "a snapshot", |_| true).needs;
    assert!(needs.watched && needs.unwatched < needs.taken);
    for line in needs.text() {
        assert!(h.query_by_label(&line).is_some(), "{line}");
    }
    assert!(h.query_by_label("up to 64.0 MiB for states to go back to").is_some());
}
