//! The same from a shell.

use std::process::Command;

/// Exit code, standard output and standard error of `chainrule step projects/mlp_2_2_1.ron ARGUMENTS`.
fn step(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    let done = command.args(["step", "projects/mlp_2_2_1.ron"]).args(arguments).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn a_number_is_tried_and_old_and_new_are_printed() {
    let (code, out, err) = step(&["--set", "output.bias[0]=0.5", "--set", "hidden.output[0,1]=0.25"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("what if  output.bias[0]") && out.contains("→ 0.5"), "{out}");
    assert!(out.contains("what if  hidden.output[0,1]") && out.contains("→ 0.25"), "{out}");
    assert!(!out.contains("  update"), "it stops before the update: {out}");
    let loss = out.lines().find(|l| l.starts_with("loss ")).expect("a line for the loss");
    let (old, new) = loss.trim_start_matches("loss").split_once('→').expect("old and new");
    assert_ne!(old.trim(), new.trim());
    assert!(out.contains("output.weight.grad"), "gradients downstream follow: {out}");
    let (code, out, err) = step(&["--set", "hidden.output[0,7]=1"]);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("outside"), "{err}");
}

#[test]
fn the_backward_graph_is_printed_and_a_second_pass_fails_as_in_pytorch() {
    let (code, out, _) = step(&["--autograd"]);
    assert_eq!(code, Some(0), "{out}");
    for word in
        ["AddmmBackward0", "AccumulateGrad (hidden.weight)", "saved for backward: ", "requires_grad", "of step 1"]
    {
        assert!(out.contains(word), "no \"{word}\" in {out}");
    }
    let (code, _, err) = step(&["--backward-twice"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("Trying to backward through the graph a second time"), "{err}");
    assert!(err.contains("retain_graph"), "{err}");
    let (code, out, err) = step(&["--backward-twice", "--retain-graph", "--autograd", "--retain-grad", "hidden"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("of step 1 · sum of 2 passes") && out.contains("sum of 2 backward passes"), "{out}");
}
