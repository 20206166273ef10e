//! The program without a window, as it is run from a shell.

use chainrule::graph::Graph;
use chainrule::ops::catalogue::CATALOGUE;
use chainrule::project::{Project, load, parse, save, templates};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/memory.rs"]
mod memory;
#[path = "cli/stops.rs"]
mod stops;
#[path = "cli/train.rs"]
mod train;
#[path = "cli/why.rs"]
mod why;

/// A folder with the shipped projects, in which commands are run.
struct Shell(tempfile::TempDir);

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in templates::shipped() {
            std::fs::write(folder.path().join(format!("{name}.ron")), text).expect("a file");
        }
        Shell(folder)
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a text file")
    }
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }
    fn run(&self, line: &str) -> Ran {
        self.args(&line.split_whitespace().collect::<Vec<_>>())
    }
    /// As [`Shell::run`], for arguments that hold blanks.
    fn args(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
        let done = command.args(args).current_dir(self.0.path()).output().expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ran { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }
    /// What a command that succeeds writes to standard output.
    fn ok(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        ran.out
    }
    /// Fails unless a command ends with `code`, nothing on standard output, and one line that holds `words`.
    fn fails(&self, line: &str, code: i32, words: &[&str]) {
        let ran = self.run(line);
        assert_eq!((ran.code, &ran.out[..]), (Some(code), ""), "{line}: {ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.err.ends_with('\n'), "{line}: {ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{line}: {}", ran.err);
        assert!(words.iter().all(|w| ran.err.contains(w)), "{line}: {}", ran.err);
    }
}

#[test]
fn train_writes_the_trained_project_and_a_row_per_epoch() {
    let shell = Shell::new();
    let out = shell.ok("train xor.ron --epochs 3 --batch-size 25 --seed 7 --threads 1 --out a.ron --log log.csv");
    assert!(out.starts_with("3 epochs, 30 steps") && out.contains("accuracy") && out.contains("wrote a.ron"), "{out}");
    let log = shell.text("log.csv");
    let rows: Vec<Vec<&str>> = log.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(rows.len(), 4, "a heading and three epochs: {log}");
    assert_eq!(rows[0][..3], ["epoch", "train_loss", "train_accuracy"]);
    assert!(rows[0].contains(&"test_loss"), "{log}");
    assert!(rows.iter().all(|r| r.len() == rows[0].len()));
    assert!(rows[1..].iter().flatten().all(|cell| cell.parse::<f64>().is_ok_and(f64::is_finite)), "{log}");
    let trained = load(&shell.path("a.ron")).expect("a project");
    assert_eq!(trained.weights.as_ref().map(|w| w.values().map(|w| w.1.len()).sum()), Some(17));
    assert_eq!(trained.document.train.batch_size, 25);
    assert_eq!(shell.text("xor.ron"), templates::shipped()[3].1, "the project itself is not changed");

    shell.ok("train xor.ron --epochs 3 --batch-size 25 --seed 7 --threads 2 --out b.ron");
    assert_eq!(shell.text("a.ron"), shell.text("b.ron"), "the same bits on any number of threads");
    shell.ok("train a.ron --epochs 1 --out c.ron");
    shell.ok("train a.ron --epochs 1 --fresh --out d.ron");
    assert_ne!(shell.text("c.ron"), shell.text("d.ron"), "training goes on from saved weights unless told otherwise");
}

#[test]
fn train_stops_after_its_seconds_however_many_epochs_it_is_given() {
    let out = Shell::new().ok("train perceptron_and.ron --epochs 18446744073709551615 --max-seconds 0.05");
    assert!(out.contains(" epochs, "), "{out}");
}

#[test]
fn the_table_and_the_log_have_top_k_and_the_area_under_the_curve() {
    let shell = Shell::new();
    let out = shell.ok("train iris.ron --epochs 30 --log log.csv");
    let heading = out.lines().find(|l| l.starts_with("part")).expect("a table");
    let names: Vec<&str> = heading.split_whitespace().collect();
    assert_eq!(names, ["part", "loss", "accuracy", "top-2", "precision", "recall", "F1", "AUC"]);
    let test: Vec<&str> = out.lines().find(|l| l.starts_with("test")).expect("a row").split_whitespace().collect();
    let value = |name: &str| -> f64 {
        let at = names.iter().position(|n| *n == name).expect("a column");
        test[at].parse().expect("a number")
    };
    assert!(value("top-2") >= value("accuracy") && value("AUC") > 0.9 && value("AUC") <= 1.0, "{out}");
    let class = out.lines().find(|l| l.starts_with("class")).expect("a table of classes");
    assert!(class.ends_with("AUC"), "{class}");
    let log = shell.text("log.csv");
    let heading = log.lines().next().expect("a heading");
    assert!(heading.contains(",test_top_2,") && heading.ends_with(",test_auc"), "{heading}");
    let two = shell.ok("train xor.ron --epochs 5");
    let names = two.lines().find(|l| l.starts_with("part")).expect("a table").to_owned();
    assert!(names.ends_with("AUC") && !names.contains("top-"), "{names}");
}

#[test]
fn the_range_test_prints_rate_and_loss() {
    let out = Shell::new().ok("train iris.ron --lr-range");
    let rows: Vec<(f64, f64)> = out
        .lines()
        .skip(1)
        .map(|l| l.split_once(',').expect("two columns"))
        .map(|(a, b)| (a.parse().expect("a rate"), b.parse().expect("a loss")))
        .collect();
    assert_eq!(out.lines().next(), Some("lr,loss"));
    assert!(rows.len() > 20 && rows.windows(2).all(|w| w[0].0 < w[1].0), "{out}");
    assert!((rows[0].0 - 1e-6).abs() < 1e-9, "{out}");
}

#[test]
fn settings_that_cannot_be_trained_with_are_wrong_usage() {
    let shell = Shell::new();
    for (options, word) in [
        ("--lr nan", "learning rate"),
        ("--lr=-1", "learning rate"),
        ("--batch-size 0", "batch size"),
        ("--threads 0", "--threads"),
        ("--threads 9999", "more than can be of use"),
        ("--optimizer magic", "magic"),
        ("--optimizer sgd,speed=1", "speed"),
        ("--optimizer sgd,lr", "name=value"),
        ("--schedule never", "never"),
        ("--clip-norm inf", "clipping norm"),
        ("--max-seconds nan", "seconds"),
        ("--epochs many", "many"),
        ("--epochs -3", "-3"),
        ("--loudly", "--loudly"),
    ] {
        shell.fails(&format!("train xor.ron {options}"), 2, &[word]);
    }
}

/// Names, shapes, types and elements of a safetensors file.
fn tensors(path: &Path) -> Vec<(String, Vec<usize>, Dtype, Vec<f64>)> {
    let bytes = std::fs::read(path).expect("a file");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let numbers = |view: &TensorView| match view.dtype() {
        Dtype::F32 => view.data().as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Dtype::F64 => view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        other => panic!("{other:?}"),
    };
    file.iter().map(|(n, v)| (n.to_owned(), v.shape().to_vec(), v.dtype(), numbers(&v))).collect()
}

/// The names that the help of `eval` promises, for a graph in which all but the target has a gradient.
fn promised(graph: &Graph, target: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for n in graph.nodes() {
        let name = &n.name;
        names.insert(format!("{name}.output"));
        if name != target {
            names.insert(format!("{name}.output.grad"));
        }
        for (pin, w) in graph.inputs(n.id).iter().enumerate() {
            if graph.node(w.from).is_some_and(|n| n.name != target) {
                names.insert(format!("{name}.input.{pin}.grad"));
            }
        }
        if n.kind == "linear" {
            let weights = ["weight", "weight.grad", "bias", "bias.grad"];
            names.extend(weights.map(|w| format!("{name}.{w}")));
        }
    }
    names
}

#[test]
fn eval_writes_every_value_and_gradient_under_the_names_it_documents() {
    let shell = Shell::new();
    let help = shell.ok("eval --help");
    for name in ["NODE.output", "NODE.output.grad", "NODE.input.K.grad", "NODE.PARAM", "NODE.PARAM.grad"] {
        assert!(help.contains(name), "{help}");
    }
    let document = parse(templates::shipped()[3].1).expect("xor").document;
    for (options, dtype) in [("", Dtype::F32), ("--f64", Dtype::F64)] {
        let out = shell.ok(&format!("eval xor.ron --out pass.safetensors {options}"));
        let found = tensors(&shell.path("pass.safetensors"));
        let names: BTreeSet<String> = found.iter().map(|t| t.0.clone()).collect();
        assert_eq!(names, promised(&document.graph, "y"));
        assert!(out.contains(&format!("wrote {} tensors of 10 samples", names.len())), "{out}");
        assert!(found.iter().all(|t| t.2 == dtype && t.3.iter().all(|x| x.is_finite())));
        let of = |name: &str| found.iter().find(|t| t.0 == name).expect("it is there");
        assert_eq!(of("x.output").1, [10, 2]);
        assert_eq!(of("hidden.weight.grad").1, of("hidden.weight").1);
        assert_eq!(of("loss.output.grad").3, [1.0]);
        let loss: f64 = out.lines().find_map(|l| l.strip_prefix("total loss: ")?.parse().ok()).expect("a loss");
        assert!((of("loss.output").3[0] - loss).abs() < 1e-6, "{out}");
    }
}

/// Writes one tensor of `f64`.
fn store(path: &Path, name: &str, shape: &[usize], data: &[f64]) {
    let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F64, shape.to_vec(), &bytes).expect("a tensor");
    std::fs::write(path, safetensors::serialize([(name, view)], None).expect("bytes")).expect("a file");
}

#[test]
fn eval_computes_a_batch_from_files() {
    let shell = Shell::new();
    let x = [0.5, -1.0, 2.0, 0.25, -0.125, 3.0];
    store(&shell.path("x.safetensors"), "inputs", &[3, 2], &x);
    store(&shell.path("y.safetensors"), "anything", &[3, 1], &[1.0, 0.0, 1.0]);
    shell.ok("eval xor.ron --inputs x.safetensors --targets y.safetensors --f64 --out pass.safetensors");
    let found = tensors(&shell.path("pass.safetensors"));
    let of = |name: &str| &found.iter().find(|t| t.0 == name).expect("it is there").3;
    assert_eq!(of("x.output")[..], x);
    assert_eq!(of("y.output")[..], [1.0, 0.0, 1.0]);
    let (w, b, z, a) = (of("hidden.weight"), of("hidden.bias"), of("hidden.output"), of("tanh 1.output"));
    for (n, k) in (0..3).flat_map(|n| (0..4).map(move |k| (n, k))) {
        let want = w[2 * k] * x[2 * n] + w[2 * k + 1] * x[2 * n + 1] + b[k];
        assert!((z[4 * n + k] - want).abs() < 1e-12 && (a[4 * n + k] - want.tanh()).abs() < 1e-12);
    }
    for k in 0..4 {
        let want: f64 = (0..3).map(|n| of("hidden.output.grad")[4 * n + k]).sum();
        assert!((of("hidden.bias.grad")[k] - want).abs() < 1e-12);
    }
}

#[test]
fn eval_refuses_batches_that_do_not_fit() {
    let shell = Shell::new();
    store(&shell.path("x.safetensors"), "inputs", &[3, 2], &[0.5; 6]);
    store(&shell.path("y.safetensors"), "targets", &[2, 1], &[1.0; 2]);
    store(&shell.path("wide.safetensors"), "inputs", &[2, 9], &[1.0; 18]);
    store(&shell.path("none.safetensors"), "inputs", &[0, 2], &[]);
    store(&shell.path("one.safetensors"), "inputs", &[], &[1.0]);
    store(&shell.path("nan.safetensors"), "inputs", &[2, 2], &[1.0, f64::NAN, 1.0, 1.0]);
    shell.write("bad.safetensors", "no tensors");
    let fails = |x: &str, y: &str, code: i32, words: &[&str]| {
        let files = format!("--inputs {x}.safetensors --targets {y}.safetensors");
        shell.fails(&format!("eval xor.ron {files} --out pass.safetensors"), code, words);
        assert!(!shell.path("pass.safetensors").exists());
    };
    fails("x", "y", 2, &["3 samples", "2"]);
    fails("none", "none", 2, &["0 samples"]);
    fails("one", "y", 2, &["first axis"]);
    fails("wide", "wide", 1, &["B×9"]);
    fails("bad", "y", 1, &["bad.safetensors"]);
    fails("missing", "y", 1, &["missing.safetensors"]);
    shell.fails("eval xor.ron --inputs x.safetensors --out pass.safetensors", 2, &["--targets"]);
    shell.fails("eval xor.ron", 2, &["--out"]);
    shell.fails("eval xor.ron --out missing/pass.safetensors", 1, &["missing/pass.safetensors"]);
    let ran = shell.run("eval xor.ron --inputs nan.safetensors --targets y.safetensors --out pass.safetensors");
    assert_eq!((ran.code, &ran.err[..]), (Some(1), ""), "{ran:?}");
    assert!(ran.out.contains("not finite: first at \"x\""), "{}", ran.out);
}

/// Phase and node of the instructions that `step` printed.
fn tape(out: &str) -> Vec<(String, String)> {
    let instruction = |l: &str| {
        let mut words = l.split_whitespace();
        words.next()?.parse::<usize>().ok().filter(|_| !l.starts_with("     "))?;
        Some((words.next()?.to_owned(), words.collect::<Vec<_>>().join(" ")))
    };
    out.lines().filter_map(instruction).collect()
}

#[test]
fn step_prints_as_many_instructions_as_it_is_asked_for() {
    let shell = Shell::new();
    let all = tape(&shell.ok("step xor.ron"));
    assert_eq!(all.last(), Some(&("update".into(), "output.bias".into())), "{all:?}");
    assert_eq!(all.iter().filter(|i| i.0 == "update").count(), 4);
    for steps in [0, 1, 5] {
        assert_eq!(tape(&shell.ok(&format!("step xor.ron --steps {steps}"))), all[..steps]);
    }
    let twice = tape(&shell.ok(&format!("step xor.ron --steps {}", 2 * all.len())));
    assert_eq!(twice, [&all[..], &all[..]].concat(), "the next batch follows");
}

#[test]
fn step_walks_from_the_state_after_the_batches_it_is_given() {
    let shell = Shell::new();
    let two = shell.ok("step xor.ron --steps 1 --from-step 30");
    assert!(two.starts_with("after 30 batches: epoch 1, batch 5 of 25\n"), "{two}");
    assert_eq!(tape(&two), tape(&shell.ok("step xor.ron --steps 1")));
    assert_ne!(two, shell.ok("step xor.ron --steps 1 --from-step 31"));
    let back = shell.ok("step xor.ron --steps 1 --from-step 30 --back 2");
    assert!(back.contains("back 2: batch 30, before instruction"), "{back}");
}

#[test]
fn step_stops_after_the_instruction_it_is_given() {
    let shell = Shell::new();
    for (until, phase, node) in [
        ("hidden", "forward", "hidden"),
        ("hidden:backward", "backward", "hidden"),
        ("loss:SEED", "seed", "loss"),
        ("output:update", "update", "output.weight"),
    ] {
        let out = shell.ok(&format!("step xor.ron --until {until}"));
        assert_eq!(tape(&out).last(), Some(&(phase.into(), node.into())), "{until}: {out}");
    }
    assert!(shell.ok("step xor.ron --until loss").contains("total loss 0."));
    shell.fails("step xor.ron --until nobody", 2, &["\"nobody\"", "hidden, tanh 1"]);
    shell.fails("step xor.ron --until x:update", 2, &["x:update"]);
    shell.fails("step xor.ron --until hidden:sideways", 2, &["hidden:sideways"]);
    shell.fails("step xor.ron --until hidden --steps 3", 2, &["--steps"]);
}

#[test]
fn check_ends_with_one_if_a_graph_cannot_run_or_its_weights_do_not_fit() {
    let shell = Shell::new();
    let out = shell.ok("check xor.ron");
    assert!(out.contains("hidden.weight") && out.contains("right") && !out.contains("WRONG"), "{out}");
    assert!(out.contains("17") && out.contains("B×4"), "{out}");
    let says = |edit: &dyn Fn(&str) -> String, words: &[&str]| {
        shell.write("odd.ron", &edit(templates::shipped()[3].1));
        let ran = shell.run("check odd.ron");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(words.iter().all(|w| ran.out.contains(w)), "{}", ran.out);
    };
    says(&|t| t.replace("\"tanh\"", "\"tank\""), &["error: tanh 1: ", "\"tank\"", "not known"]);
    says(&|t| t.replace("{\"out_features\": Int(1)}", "{\"out_features\": Int(3)}"), &["error: loss: "]);
    says(&|t| t.replace("(from: 1, to: 2, input: 0),", ""), &["incomplete: hidden: "]);
    says(&|t| t.replace("Int(4)", "Int(0)"), &["error: hidden: ", "out_features"]);
    let weight = "weights: [(node: 2, name: \"bias\", shape: [3], data: Plain([1, 2, 3]))],\n)";
    says(&|t| t.trim_end().strip_suffix(')').expect("an end").to_owned() + weight, &["error: the saved hidden.bias"]);
}

#[test]
fn a_project_whose_every_sample_is_kept_back_cannot_train_step_check_or_be_evaluated() {
    let shell = Shell::new();
    shell.write("kept.ron", &templates::shipped()[3].1.replace("train_share: 0.5", "train_share: 0.0"));
    for command in ["train", "step", "check", "eval --out pass.safetensors"] {
        shell.fails(&format!("{command} kept.ron"), 1, &["train share"]);
    }
}

#[test]
fn ops_lists_every_kind_and_explains_each() {
    let shell = Shell::new();
    let list = shell.ok("ops");
    for kind in CATALOGUE {
        assert!(list.contains(&format!("\n  {} ", kind.spec.id)), "{}", kind.spec.id);
    }
    let linear = shell.ok("ops linear");
    assert!(linear.starts_with("Linear (linear, layers)") && linear.contains("torch.nn.Linear"), "{linear}");
    assert!(linear.contains("out_features") && linear.contains("1 to 65536"), "{linear}");
    shell.fails("ops linaer", 2, &["\"linaer\"", "did you mean linear?"]);
    shell.fails("ops ±", 2, &["\"±\""]);
    shell.fails("ops linear relu", 2, &["relu"]);
}

#[test]
fn new_writes_a_shipped_project_and_replaces_nothing_unasked() {
    let shell = Shell::new();
    for (name, text) in templates::shipped() {
        assert_eq!(shell.ok(&format!("new n.ron --force --template {name}")), "wrote n.ron\n");
        assert_eq!(shell.text("n.ron"), *text);
    }
    shell.fails("new n.ron", 1, &["n.ron exists", "--force"]);
    shell.fails("new other.ron --template nothing", 2, &["\"nothing\"", "spirals"]);
    shell.fails("new missing/n.ron", 1, &["missing/n.ron cannot be saved"]);
    shell.fails("new", 2, &["<PATH>"]);
    assert!(!shell.path("other.ron").exists());
}

#[test]
fn info_says_what_is_in_a_project() {
    let shell = Shell::new();
    let out = shell.ok("info xor.ron");
    for words in ["Four hidden neurons", "none saved", "SGD, learning rate 0.1", "XOR", "tanh 1", "output, y"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    shell.ok("train xor.ron --epochs 1 --out trained.ron");
    assert!(shell.ok("info trained.ron").contains("17 numbers in 4 tensors"));
    save(&shell.path("empty.ron"), &Project::default()).expect("it is saved");
    assert!(shell.ok("info empty.ron").contains("no data"));
}

#[test]
fn every_command_has_help_and_lines_fit_a_terminal() {
    let shell = Shell::new();
    let all = shell.ok("--help");
    assert!(shell.ok("step --help").contains("any_nan(value)"), "the help of a command tells all of it");
    for command in ["train", "eval", "step", "check", "ops", "new", "info"] {
        assert!(all.contains(&format!("\n  {command} ")), "{all}");
        let help = shell.ok(&format!("{command} --help"));
        assert!(help.contains(&format!("Usage: chainrule {command}")), "{help}");
        assert_eq!(shell.ok(&format!("help {command}")), help);
        assert!(help.lines().all(|l| l.chars().count() <= 100), "{help}");
    }
    assert_eq!(shell.ok("--version"), format!("chainrule {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_two_and_a_file_that_is_not_there_one() {
    let shell = Shell::new();
    for command in ["train", "eval --out o.safetensors", "step", "check", "info"] {
        shell.fails(command, 2, &["<PATH>", "--help"]);
        shell.fails(&format!("{command} nowhere.ron"), 1, &["error: nowhere.ron cannot be read"]);
        shell.write("broken.ron", "(\n  format_version: 1,\n  nodes: [)");
        shell.fails(&format!("{command} broken.ron"), 1, &["broken.ron", "line 3, column"]);
    }
    shell.fails("nowhere.ron", 2, &["no file and no command", "train, eval"]);
    shell.fails("tarin xor.ron", 2, &["\"tarin\"", "train, eval"]);
    shell.fails("xor.ron train", 2, &["train"]);
    shell.fails("--fast", 2, &["--fast"]);
}

#[test]
fn step_explains_where_a_number_came_from() {
    let shell = Shell::new();
    let line =
        "step mlp_2_2_1.ron --explain output.weight.grad[0,1] --explain hidden.output[1,0] --explain loss.output";
    let out = shell.ok(line);
    for part in [
        "output.weight.grad[0,1]: Σ δ · local derivative",
        "δ[3,0] · sigmoid 1[3,1]",
        "hidden.weight[0,1] · x[1,1]",
        "hidden.bias[0]",
        "loss.output: mean",
        "1/4 · square[2,0]",
    ] {
        assert!(out.contains(part), "no {part} in {out}");
    }
    // What is printed adds up to the gradient that the tape shows.
    let sums: Vec<f64> =
        out.lines().filter_map(|l| l.trim().strip_prefix("Σ = ")).map(|n| n.parse().expect("a number")).collect();
    let loss =
        out.lines().find_map(|l| l.strip_prefix("total loss ")).expect("the loss").parse::<f64>().expect("a number");
    assert_eq!(sums.len(), 3);
    assert!((sums[2] - loss).abs() < 1e-6);
    shell.fails("step mlp_2_2_1.ron --explain nobody.weight", 2, &["nobody.weight", "hidden"]);
    shell.fails("step mlp_2_2_1.ron --explain output.wait", 2, &["\"wait\"", "weight.grad"]);
    shell.fails("step mlp_2_2_1.ron --explain output.weight[0,9]", 2, &["1×2", "[0,9]"]);
    // The steps are shown before it turns out that the gradient is still to come.
    let early = shell.run("step mlp_2_2_1.ron --steps 3 --explain output.weight.grad[0,0]");
    assert!(early.code == Some(1) && early.err.contains("not computed in this pass yet"), "{early:?}");
}
