//! `train`: what is kept of a run however it ends, best weights, and what a resumed run says.

use super::Shell;
use chainrule::engine::WeightMap;
use chainrule::project::{Project, load};
use chainrule::train::Stop;
use std::process::{Command, Stdio};

/// A run whose loss gets worse after some epochs.
const WORSE: &str = "train iris.ron --optimizer adam,lr=0.5";
/// One whose weights run away.
const AWAY: &str = "train linear_regression.ron --optimizer sgd,lr=0.05,momentum=0.9";

impl Shell {
    fn project(&self, name: &str) -> Project {
        load(&self.path(name)).expect("a project")
    }
    fn weights(&self, name: &str) -> WeightMap {
        self.project(name).weights.expect("weights")
    }
    fn start(&self, line: &str) -> std::process::Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        command.args(line.split_whitespace()).current_dir(self.0.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }
}

/// The number behind `words`.
fn after(text: &str, words: &str) -> usize {
    let at = text.find(words).unwrap_or_else(|| panic!("{words}: {text}")) + words.len();
    let digits: String = text[at..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[test]
fn a_reader_that_has_seen_enough_does_not_lose_the_trained_project() {
    let shell = Shell::new();
    let mut run = shell.start("train iris.ron --epochs 2 --out y.ron");
    drop(run.stdout.take());
    let done = run.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(shell.project("y.ron").run.map(|r| r.epoch), Some(2));
}

#[test]
fn a_file_that_cannot_be_written_is_noticed_before_training() {
    let shell = Shell::new();
    let long = "train xor.ron --epochs 100000000";
    shell.fails(&format!("{long} --out nowhere/y.ron"), 1, &["nowhere/y.ron cannot be written", "no folder nowhere"]);
    shell.fails(&format!("{long} --out ."), 1, &["it is a folder"]);
    shell.fails(&format!("{long} --log nowhere/l.csv"), 1, &["nowhere/l.csv cannot be written"]);
    assert!(!shell.path("nowhere").exists());
}

#[test]
fn the_log_of_a_run_that_goes_on_is_continued() {
    let shell = Shell::new();
    let epochs = || -> Vec<usize> {
        let text = shell.text("l.csv");
        text.lines().skip(1).map(|l| l.split(',').next().and_then(|e| e.parse().ok()).expect("an epoch")).collect()
    };
    shell.ok("train iris.ron --epochs 5 --out whole.ron --log l.csv");
    let whole = shell.text("l.csv");
    shell.ok("train iris.ron --epochs 3 --out a.ron --log l.csv");
    assert_eq!(epochs(), [1, 2, 3], "a new run has a new log");
    shell.ok("train a.ron --epochs 2 --out b.ron --log l.csv");
    assert_eq!(shell.text("l.csv"), whole);
    // Once more from epoch 3: what came after it is another run's.
    shell.write("l.csv", &format!("{whole}6,0.1"));
    shell.ok("train a.ron --epochs 1 --log l.csv");
    assert_eq!(epochs(), [1, 2, 3, 4]);
    shell.write("l.csv", "epoch,loss\n1,0.5\n9,0.1\n");
    let ran = shell.run("train a.ron --epochs 1 --log l.csv");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let why = "error: l.csv has other columns than this run; choose another file for --log\n";
    assert!(ran.err.ends_with(why) && !ran.err.contains("epoch 4"), "before it trains: {ran:?}");
    assert_eq!(shell.text("l.csv"), "epoch,loss\n1,0.5\n9,0.1\n", "nothing is lost");
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_the_run_and_it_goes_on_with_the_same_bits() {
    let shell = Shell::new();
    let run = shell.start("train xor.ron --epochs 1000000000 --threads 1 --out y.ron --log l.csv");
    // Rows of the log come in blocks, so that it trains for sure.
    let begun = std::time::Instant::now();
    while std::fs::metadata(shell.path("l.csv")).map_or(0, |m| m.len()) == 0 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(120), "it never trained");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("it runs");
    assert!(sent.success());
    let done = run.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted in epoch") && said.contains("`chainrule train y.ron` goes on"), "{said}");
    let state = shell.project("y.ron").run.expect("a run");
    assert!(state.step > 0, "{said}");
    assert!(shell.text("l.csv").lines().count() > state.epoch, "the log is written to its end");
    // With what is left of the epoch, and without a stop.
    shell.ok("train y.ron --epochs 1 --out z.ron");
    shell.ok(&format!("train xor.ron --epochs {} --out whole.ron", state.epoch + 1));
    assert_eq!(shell.weights("z.ron"), shell.weights("whole.ron"));
}

#[test]
fn a_run_that_breaks_keeps_its_best_weights_beside_the_file() {
    let shell = Shell::new();
    let bad = "a number stopped being finite";
    let ran = shell.run(&format!("{AWAY} --epochs 5000 --out y.ron"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let last = ran.err.lines().last().expect("an error");
    assert!(last.contains(bad) && last.contains("are in y.best.ron"), "{last}");
    let best = after(last, "those of epoch ");
    assert!(!shell.path("y.ron").exists());
    shell.ok(&format!("{AWAY} --epochs {best} --out short.ron"));
    assert_eq!(shell.weights("y.best.ron"), shell.weights("short.ron"));
    assert!(shell.project("y.best.ron").run.is_none());
    let again = shell.run(&format!("{AWAY} --epochs 5000 --out y.ron"));
    assert!(again.err.contains("are in y.best-2.ron"), "nothing is replaced: {}", again.err);
    let at_once = "train linear_regression.ron --optimizer sgd,lr=100";
    let ran = shell.run(&format!("{at_once} --out x.ron"));
    assert!(ran.err.contains(bad) && ran.err.contains("x.ron is as it was, as no epoch had ended"), "{ran:?}");
    let ran = shell.run(at_once);
    assert!(ran.err.contains(bad) && ran.err.contains("there is no --out"), "{ran:?}");
}

#[test]
fn the_best_weights_are_taken_with_patience_and_without_and_can_be_declined() {
    let shell = Shell::new();
    let ran = shell.run(&format!("{WORSE} --epochs 12 --best --out best.ron"));
    let epoch = after(&ran.err, "best weights: those of epoch ");
    assert!(epoch < 12, "{ran:?}");
    shell.ok(&format!("{WORSE} --epochs {epoch} --out short.ron"));
    let best = shell.weights("short.ron");
    assert_eq!(shell.weights("best.ron"), best);
    assert!(shell.project("best.ron").run.is_none() && shell.project("short.ron").run.is_some());

    let ran = shell.run(&format!("{WORSE} --epochs 50 --patience 2 --out patient.ron"));
    assert!(ran.err.contains("stopped: no improvement for 2 epochs"), "{ran:?}");
    let epoch = after(&ran.err, "best weights: those of epoch ");
    assert!(ran.out.starts_with(&format!("{} epochs, ", epoch + 2)), "{ran:?}");
    shell.ok(&format!("{WORSE} --epochs {epoch} --out short.ron"));
    assert_eq!(shell.weights("patient.ron"), shell.weights("short.ron"));
    let ran = shell.run(&format!("{WORSE} --epochs 50 --patience 2 --last --out last.ron"));
    assert!(!ran.err.contains("best weights"), "{ran:?}");
    assert_eq!(shell.project("last.ron").run.map(|r| r.epoch), Some(epoch + 2));
    // From a run that is saved they can be taken later.
    shell.ok("train last.ron --epochs 0 --best --out later.ron");
    assert_eq!(shell.weights("later.ron"), shell.weights("patient.ron"));

    let ran = shell.run(&format!("{WORSE} --epochs 50 --patience 3 --min-delta 1000"));
    assert!(ran.out.starts_with("4 epochs, "), "no epoch after the first is so much better: {ran:?}");
    shell.fails(&format!("{WORSE} --best --last"), 2, &["--last"]);
}

#[test]
fn a_resumed_run_tells_its_own_figures_and_does_not_stop_where_the_first_did() {
    let shell = Shell::new();
    let first = "train xor.ron --batch-size 25 --epochs 3 --lr 0.02 --patience 500 --max-seconds 500 --min-delta 0.5";
    let out = shell.ok(&format!("{first} --last --out a.ron"));
    assert!(out.starts_with("3 epochs, 30 steps in ") && !out.contains("in all"), "{out}");
    let train = shell.project("a.ron").document.train;
    assert_eq!(train.stop, Stop::default(), "limits of one run are none of the project");
    assert_eq!((train.optimizer.lr(), train.batch_size), (0.02, 25), "what shapes the run is");
    let out = shell.ok("train a.ron --epochs 2");
    let line = out.lines().next().expect("a line");
    assert!(line.starts_with("2 epochs, 20 steps in ") && line.ends_with("; 5 epochs, 50 steps in all"), "{line}");
}

#[test]
fn a_project_s_own_limits_stay_in_it() {
    let shell = Shell::new();
    let text = shell.text("xor.ron");
    let own = text.replacen("batch_size:", "stop: (patience: 40, restore_best: false), batch_size:", 1);
    shell.write("own.ron", &own);
    shell.ok("train own.ron --epochs 2 --patience 3 --out a.ron");
    let stop = shell.project("a.ron").document.train.stop;
    assert_eq!(stop, Stop { patience: 40, restore_best: false, ..Stop::default() });
}

#[test]
fn numbers_below_zero_are_refused_in_words_and_no_option_is_passed_over() {
    let shell = Shell::new();
    for (options, word) in [
        ("--lr -1", "the learning rate is -1"),
        ("--clip-norm -1", "the clipping norm is -1"),
        ("--clip-value -0.5", "the clipping value is -0.5"),
        ("--min-delta -2", "the smallest improvement is -2"),
        ("--max-seconds -1", "the limit of seconds is -1"),
        ("--patience -1", "invalid value '-1'"),
        ("--lr-range --out y.ron", "--lr-range"),
        ("--lr-range --log l.csv", "--lr-range"),
        ("--lr-range --epochs 3", "--lr-range"),
    ] {
        shell.fails(&format!("train xor.ron {options}"), 2, &[word]);
        assert!(!shell.run(&format!("train xor.ron {options}")).err.contains("-- -"), "{options}");
    }
    shell.write("empty.ron", "(format_version: 1, nodes: [], data: (source: Iris))");
    for command in ["train", "bench", "step"] {
        shell.fails(&format!("{command} empty.ron"), 1, &["there is no loss: add one and connect"]);
    }
}

#[test]
fn the_confusion_matrix_is_written_and_agrees_with_the_accuracy() {
    let out = Shell::new().ok("train iris.ron --epochs 3");
    let lines: Vec<&str> = out.lines().collect();
    let at = lines.iter().position(|l| l.starts_with("true (test), taken for")).expect("a matrix");
    let rows: Vec<Vec<usize>> = lines[at + 1..at + 4]
        .iter()
        .map(|l| l.split_whitespace().skip(1).map(|n| n.parse().expect("a count")).collect())
        .collect();
    let total: usize = rows.iter().flatten().sum();
    let right: usize = rows.iter().enumerate().map(|(k, r)| r[k]).sum();
    assert!(rows.iter().all(|r| r.len() == 3) && total == 45, "{out}");
    let test: Vec<&str> = lines.iter().find(|l| l.starts_with("test")).expect("a row").split_whitespace().collect();
    let accuracy: f64 = test[2].parse().expect("the accuracy");
    assert!((accuracy - right as f64 / total as f64).abs() < 1e-3, "{out}");
}

#[test]
fn a_folder_that_is_not_there_is_told_with_where_paths_begin() {
    let shell = Shell::new();
    let text = shell.text("iris.ron").replacen("source: Iris", "source: Folder((path: \"nopics\"))", 1);
    shell.write("pics.ron", &text);
    let folder = std::fs::canonicalize(shell.0.path()).expect("the folder").display().to_string();
    let words = ["nopics cannot be read", "Paths begin at the folder of the project: there is no nopics in", &folder];
    shell.fails("train pics.ron", 1, &words);
}
