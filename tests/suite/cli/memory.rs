//! What the command line says of memory before anything runs.

use super::Shell;

/// The words between `from` and `to`.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no \"{from}\" in {text}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no \"{to}\" after \"{from}\" in {text}")).0
}

#[test]
fn check_says_what_a_run_takes_with_eyes_and_without_and_bench_takes_the_latter() {
    let shell = Shell::new();
    let check = shell.ok("check resnet.ron");
    let watched = between(&check, "memory: ", " for a batch of 32: values");
    let blind = between(&check, "A run that nobody looks into takes ", ",");
    let bench = shell.ok("bench resnet.ron --seconds 0.01 --threads 1");
    assert_eq!(between(&bench, "memory: ", " for a batch of 32,"), blind);
    assert_eq!(between(&bench, "as in the window, it is ", ": values"), watched);
    let kib = |text: &str| {
        let (number, unit) = text.split_once(' ').expect("a unit");
        number.parse::<f64>().expect("a number") * if unit == "MiB" { 1024.0 } else { 1.0 }
    };
    assert!(kib(watched) > 2.5 * kib(blind), "{watched} and {blind}");
    for line in ["for samples, and for the evaluation of 256 at once", "the best weights and the optimiser"] {
        assert!(check.contains(line) && bench.contains(line), "{line}");
    }
    assert!(check.contains("up to 64.0 MiB in the window for states to go back to"), "{check}");
}
