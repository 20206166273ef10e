//! Why a gradient is as it is, of `step`.

use super::Shell;

#[test]
fn the_paths_are_printed_factor_by_factor() {
    let shell = Shell::new();
    let out = shell.args(&["step", "mlp_2_2_1.ron", "--steps", "0", "--why", "hidden.weight"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    let out = out.out;
    assert!(
        out.starts_with("why hidden.weight: The gradient of hidden.weight is neither zero nor huge (norm "),
        "{out}"
    );
    let factors: Vec<f64> = (out.lines().filter_map(|l| l.split('×').nth(1)))
        .map(|rest| rest.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a factor"))
        .collect();
    assert_eq!(factors.len(), 5, "loss, sigmoid, output, sigmoid, hidden: {out}");
    let said = out.split("(norm ").nth(1).and_then(|t| t.split(')').next()).and_then(|n| n.parse::<f64>().ok());
    let product: f64 = factors.iter().product();
    let norm = said.expect("the norm");
    assert!((product - norm).abs() < 0.01 * norm, "{product} is not {norm}: {out}");
    assert!(out.contains("hidden → hidden.weight"), "{out}");
}

#[test]
fn a_path_that_a_penalty_makes_is_shown_beside_that_of_the_data() {
    let shell = Shell::new();
    let out = shell.args(&["step", "spirals.ron", "--why", "hidden 1.weight", "--why", "hidden 1.bias"]).out;
    assert_eq!(out.lines().filter(|l| l.starts_with("why ")).count(), 2, "{out}");
    assert!(out.contains("    path 1 brings ") && out.contains("    path 2 brings "), "{out}");
    assert!(out.contains("penalty → hidden 1.weight"), "{out}");
    let out = shell.args(&["step", "spirals.ron", "--why", "hidden 1", "--why", "tanh 1.grad"]).out;
    for (label, last) in [("hidden 1", "tanh 1"), ("tanh 1", "hidden 2")] {
        assert!(out.contains(&format!("why {label}.output: The gradient of {label}.output is ")), "{out}");
        assert!(out.contains(&format!("{last} → {label}.output")), "{out}");
    }
    shell.fails("step spirals.ron --why nobody.weight", 2, &["no parameter", "hidden 1.weight"]);
}
