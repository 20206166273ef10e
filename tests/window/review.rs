//! What is wrong between graph and data stands among the problems, with the button that mends it.

use super::{settle, until, window};
use egui_kittest::kittest::Queryable as _;

#[test]
fn classes_that_no_output_stands_for_are_mended_by_one_click() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("five.ron");
    let text = std::fs::read_to_string("projects/digits.ron").expect("it ships").replace("Int(10)", "Int(5)");
    std::fs::write(&path, text).expect("a file");
    let mut h = window(path.to_str());
    assert!(h.state().state().failed.as_ref().is_some_and(|why| why.contains("10 classes")));
    h.get_by_label("Problems (1)").click();
    settle(&mut h);
    h.get_by_label("Set out_features to 10 in logits").click();
    settle(&mut h);
    assert_eq!(h.state().state().failed, None);
    until(&mut h, "the network that can run", |s| s.step == 0);
    assert_eq!(h.state().state().inference.errors().count(), 0);
}
