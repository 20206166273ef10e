//! Breakpoints and watches of `step`.

use super::Shell;
use chainrule::project::{load, save};
use chainrule::train::stops::{Moment, Place};

/// What a command that succeeds writes to standard output.
fn ok(shell: &Shell, args: &[&str]) -> String {
    let ran = shell.args(args);
    assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
    ran.out
}

#[test]
fn a_condition_stops_before_the_instruction_and_says_why_with_numbers() {
    let shell = Shell::new();
    let out = ok(
        &shell,
        &[
            "step",
            "spirals.ron",
            "--break",
            "hidden 1: norm(weight.grad) > 0.0001",
            "--watch",
            "output.grad",
            "--watch",
            "norm(hidden 1.weight.grad)",
        ],
    );
    assert!(out.starts_with("stop 1: before the update of hidden 1, batch 1 of epoch 1, instruction "), "{out}");
    let because = out.lines().nth(1).expect("why");
    assert!(because.contains("because norm(weight.grad) > 0.0001: norm(weight.grad) is "), "{out}");
    assert!(out.contains("watch output.grad  10×1  norm"), "{out}");
    // The watch and the reason are the same number.
    let said: f64 = because.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    let line = out.lines().find(|l| l.contains("watch norm(")).expect("the watch");
    let shown: f64 = line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!((said - shown).abs() < 1e-3 * said, "{out}");
}

#[test]
fn batches_hits_wires_and_any_node() {
    let shell = Shell::new();
    let out = ok(&shell, &["step", "xor.ron", "--break", "any: batch == 3", "--count", "2"]);
    let places: Vec<&str> = out.lines().filter(|l| l.starts_with("stop")).collect();
    assert!(places[0].contains("batch 3 of epoch 1, instruction 1 of "), "{out}");
    assert!(places[1].contains("batch 3 of epoch 2, instruction 1 of "), "{out}");
    let out = ok(&shell, &["step", "xor.ron", "--break", "hidden:backward: hits == 4"]);
    assert!(out.contains("before the backward of hidden, batch 4 of epoch 1"), "{out}");
    let out = ok(
        &shell,
        &["step", "xor.ron", "--break", "hidden -> tanh 1", "--watch", "tanh 1.input", "--watch", "tanh 1.value"],
    );
    assert!(out.contains("after the value came along hidden → tanh 1"), "{out}");
    assert!(out.contains("watch tanh 1.input  10×4") && out.contains("watch tanh 1.value  not computed"), "{out}");
    let out = ok(&shell, &["step", "xor.ron", "--break", "hidden -> tanh 1: norm(grad) > 0"]);
    assert!(out.contains("after the gradient came back along hidden → tanh 1"), "{out}");
    let out = ok(&shell, &["step", "xor.ron", "--break", "any: any_nan(grad)", "--within", "30"]);
    assert!(out.starts_with("no stop in 30 batches\n"), "{out}");
}

#[test]
fn from_a_stop_it_goes_back() {
    let shell = Shell::new();
    let out = ok(
        &shell,
        &["step", "xor.ron", "--break", "output:update: batch == 2", "--watch", "output.weight", "--back", "1"],
    );
    assert!(out.contains("batch 2 of epoch 1") && out.contains("back 1: batch 2, before instruction "), "{out}");
    assert_eq!(out.matches("watch output.weight").count(), 2, "{out}");
}

#[test]
fn saved_breakpoints_are_asked_for() {
    let shell = Shell::new();
    let path = shell.path("xor.ron");
    let mut project = load(&path).expect("a project");
    let id = project.document.graph.by_name("output").expect("a node").id;
    project.document.stops.add(Place::Node(id), Moment::Backward, "batch > 2");
    project.document.stops.watch("output.grad");
    save(&path, &project).expect("it is saved");
    let plain = ok(&shell, &["step", "xor.ron"]);
    assert!(!plain.contains("stop 1") && !plain.contains("watch"), "{plain}");
    let out = ok(&shell, &["step", "xor.ron", "--stops"]);
    assert!(out.contains("stop 1: before the backward of output, batch 3 of epoch 1"), "{out}");
    assert!(out.contains("because batch > 2: batch is 3") && out.contains("watch output.grad"), "{out}");
    ok(&shell, &["train", "xor.ron", "--epochs", "1"]);
}

#[test]
fn what_cannot_stop_is_wrong_usage_that_says_where() {
    let shell = Shell::new();
    for (args, words) in [
        (&["--break", "hiden: batch == 1"][..], &["no node \"hiden\"", "hidden", "any"][..]),
        (&["--break", "hidden: norm(grda) > 1"], &["column 6", "did you mean grad?"]),
        (&["--break", "hidden: grad > 1"], &["column 1", "grad is a tensor", "max(grad)"]),
        (&["--break", "x:update"], &["x has no weight that is updated"]),
        (&["--break", "x:backward"], &["x has no backward"]),
        (&["--break", "hidden -> output"], &["no wire"]),
        (&["--break", "any: norm(nothing) > 1"], &["\"nothing\" is not known"]),
        (&["--watch", "grad"], &["needs the name of its node"]),
        (&["--watch", "hiden.grad"], &["did you mean hidden.grad?"]),
        (&["--stops"], &["no breakpoint that is on"]),
        (&["--break", "hidden", "--steps", "3"], &["--steps"]),
    ] {
        let ran = shell.args(&[&["step", "xor.ron"], args].concat());
        assert_eq!((ran.code, &ran.out[..], ran.err.lines().count()), (Some(2), "", 1), "{args:?}: {ran:?}");
        assert!(words.iter().all(|w| ran.err.contains(w)), "{args:?}: {}", ran.err);
    }
}
