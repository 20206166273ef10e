//! Project files: whatever is saved comes back, and whatever is damaged is told without harm.

use chainrule::data::{
    Augment, Channels, Csv, DataConfig, Folder, Function, Idx, Input, Labels, Layout, Npy, Playground, Scale, Set,
    Source, Table,
};
use chainrule::engine::{WeightMap, Weights};
use chainrule::graph::{Frame, Graph, Node, NodeId, Tuning, Wire};
use chainrule::ops::{Inputs, Params, Role, Value, catalogue};
use chainrule::project::{Document, LoadError, Project, load, parse, save, templates, to_text};
use chainrule::tensor::Shape;
use chainrule::train::{Limits, Optimizer, Schedule, Session, Stop, TrainConfig};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Any number that is equal to itself.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![6 => any::<f64>(), 2 => (-99i32..99).prop_map(f64::from), 1 => Just(f64::INFINITY), 1 => Just(-0.0)]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        Just(Value::Int(i64::MIN)),
        number().prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
        vec(any::<i64>(), 0..4).prop_map(Value::Ints),
        vec(number(), 0..4).prop_map(Value::Floats),
        vec(any::<u64>(), 0..4).prop_map(Value::Nodes),
    ]
}

/// Kind, beginning of the name, parameters, distance to the id before, place, and how a weight is trained.
type NodeDraw = (String, String, Vec<(String, Value)>, u64, [f32; 2], Option<(String, Tuning)>);

fn node() -> impl Strategy<Value = NodeDraw> {
    let kinds: Vec<&str> = catalogue::CATALOGUE.iter().map(|k| k.spec.id).collect();
    let kind = prop_oneof![3 => prop::sample::select(kinds).prop_map(str::to_owned), 1 => any::<String>()];
    let param = prop_oneof![1 => any::<String>(), 2 => prop::sample::select(vec!["out_features", "shape", "over"])
        .prop_map(str::to_owned)];
    let tuning = (any::<bool>(), 0.0..1e30f64, prop::option::of(0.0..1e30f64))
        .prop_map(|(frozen, lr_factor, weight_decay)| Tuning { frozen, lr_factor, weight_decay });
    let tuning = prop::option::of((any::<String>(), tuning));
    (kind, "\\PC{0,40}", vec((param, value()), 0..4), 1u64..1000, any::<[f32; 2]>(), tuning)
}

fn graph() -> impl Strategy<Value = Graph> {
    let wires = vec((any::<u8>(), any::<u8>(), 0usize..70_000, 0usize..3), 0..12);
    let frames = vec((any::<String>(), any::<[f32; 4]>()), 0..3);
    (vec(node(), 0..7), wires, frames, 0u64..9).prop_map(|(nodes, wires, frames, ahead)| {
        let mut last = 0;
        let mut made = Vec::new();
        for (k, (kind, name, params, step, pos, tuning)) in nodes.into_iter().enumerate() {
            last += step;
            let params = Params(params.into_iter().collect());
            let tuning = tuning.into_iter().collect();
            made.push(Node { params, tuning, ..Node::new(NodeId(last), &kind, &format!("{name} {k}"), pos) });
        }
        let mut kept: Vec<Wire> = Vec::new();
        for (a, b, pin, output) in wires {
            if made.len() < 2 {
                break;
            }
            let to = usize::from(b) % (made.len() - 1) + 1;
            let (from, to) = (&made[usize::from(a) % to], &made[to]);
            let wired = kept.iter().filter(|w| w.to == to.id).count();
            let input = match to.spec() {
                Some(s) if s.role == Role::Penalty => continue,
                Some(s) => match s.inputs {
                    Inputs::Fixed([]) => continue,
                    Inputs::Fixed(names) => pin % names.len(),
                    Inputs::Variadic(_) => wired,
                },
                None => pin % 65_536,
            };
            let output = if from.spec().is_some() { 0 } else { output };
            if kept.iter().all(|w| (w.to, w.input) != (to.id, input)) {
                kept.push(Wire { from: from.id, output, to: to.id, input });
            }
        }
        let frame = |(id, (title, rect)): (u64, (String, [f32; 4]))| Frame { id, title, rect };
        let frames = (0..).zip(frames).map(frame).collect();
        Graph::restore(made, kept, frames, last + 1 + ahead).expect("all of it fits")
    })
}

fn source() -> impl Strategy<Value = Source> {
    let names = || vec(any::<String>(), 0..3);
    let rows = || vec(vec(number(), 0..3), 0..4);
    let inputs = vec(prop::sample::select(Input::ALL.to_vec()), 0..5);
    let path = || any::<String>().prop_map(PathBuf::from);
    let maybe = || prop::option::of(any::<String>().prop_map(PathBuf::from));
    prop_oneof![
        (path(), [maybe(), maybe(), maybe()], any::<Option<usize>>(), any::<bool>()).prop_map(
            |(images, p, train, flat)| {
                let [labels, test_images, test_labels] = p;
                let layout = if flat { Layout::Flat } else { Layout::Image };
                Source::Idx(Idx { images, labels, test_images, test_labels, train, test: train, layout })
            }
        ),
        (path(), any::<usize>(), any::<usize>()).prop_map(|(path, width, height)| {
            Source::Folder(Folder { path, width, height, channels: Channels::Rgb })
        }),
        (path(), maybe(), any::<Option<String>>(), any::<Option<String>>()).prop_map(
            |(features, targets, features_name, targets_name)| {
                Source::Npy(Npy { features, targets, features_name, targets_name })
            }
        ),
        Just(Source::None),
        Just(Source::Digits),
        Just(Source::Iris),
        (prop::sample::select(Set::ALL.to_vec()), number(), any::<usize>(), inputs)
            .prop_map(|(set, noise, samples, inputs)| Source::Playground(Playground { set, noise, samples, inputs })),
        (any::<String>(), number(), number(), any::<usize>(), number()).prop_map(
            |(formula, from, to, samples, noise)| { Source::Function(Function { formula, from, to, samples, noise }) }
        ),
        (rows(), rows(), names(), names()).prop_map(|(features, targets, feature_names, target_names)| {
            Source::Table(Table { features, targets, feature_names, target_names })
        }),
        (any::<String>(), any::<Option<char>>(), any::<Option<bool>>(), names(), any::<Option<String>>()).prop_map(
            |(path, delimiter, header, features, target)| {
                Source::Csv(Csv { path: PathBuf::from(path), delimiter, header, features, target })
            }
        ),
    ]
}

fn data() -> impl Strategy<Value = DataConfig> {
    let scale = prop::sample::select(vec![Scale::None, Scale::Standardise, Scale::MinMax]);
    let labels =
        prop::sample::select(vec![Labels::Auto, Labels::Index, Labels::ZeroOne, Labels::PlusMinus, Labels::OneHot]);
    let augment = prop_oneof![
        Just(Augment::default()),
        (any::<usize>(), any::<bool>(), number()).prop_map(|(shift, flip, noise)| Augment { shift, flip, noise }),
    ];
    (source(), number(), any::<u64>(), scale, labels, augment).prop_map(
        |(source, train_share, seed, scale, labels, augment)| DataConfig {
            source,
            train_share,
            seed,
            scale,
            labels,
            augment,
        },
    )
}

/// Other values of the same types.
fn changed(params: &mut Params, floats: &[f64], whole: i64) {
    for (value, x) in params.0.values_mut().zip(floats) {
        match value {
            Value::Bool(on) => *on = whole % 2 == 0,
            Value::Int(n) => *n = whole,
            other => *other = Value::Float(*x),
        }
    }
}

fn train() -> impl Strategy<Value = TrainConfig> {
    let optimizers = vec!["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta"];
    let schedules = vec!["constant", "step", "exponential", "cosine", "cosine_restarts", "linear_warmup"];
    let settings = (vec(number(), 8), any::<i64>());
    let counts = (any::<usize>(), any::<u64>(), any::<usize>(), any::<usize>(), any::<usize>());
    let amounts = [number().boxed(), number().boxed(), number().boxed(), number().boxed()];
    (prop::sample::select(optimizers), prop::sample::select(schedules), settings, counts, amounts).prop_map(
        |(optimizer, schedule, (floats, whole), (batch_size, seed, epochs, accumulate, patience), x)| {
            let mut optimizer = Optimizer::named(optimizer).expect("an optimiser");
            let mut schedule = Schedule::named(schedule).expect("a schedule");
            changed(&mut optimizer.params, &floats, whole);
            changed(&mut schedule.params, &floats, whole);
            let limits = Limits { clip_norm: x[0], clip_value: x[1], accumulate };
            let stop = Stop { patience, min_delta: x[2], seconds: x[3], restore_best: patience % 2 == 0 };
            TrainConfig { optimizer, batch_size, seed, epochs, schedule, limits, stop, zero_grad: seed % 2 == 0 }
        },
    )
}

/// Short and long tensors, of numbers in single and in double precision.
fn weights() -> impl Strategy<Value = WeightMap> {
    let tensor = vec(0usize..12, 0..3).prop_flat_map(|shape| {
        let n = shape.iter().product::<usize>();
        (Just(shape), prop_oneof![vec(any::<f64>(), n), vec(any::<f32>().prop_map(f64::from), n)])
    });
    btree_map((any::<u64>().prop_map(NodeId), any::<String>()), tensor, 0..4)
}

proptest! {
    #![proptest_config(Config {
        cases: 256, rng_seed: RngSeed::Fixed(23), failure_persistence: None, ..Config::default()
    })]

    #[test]
    fn every_project_comes_back_from_its_text(
        graph in graph(), data in data(), train in train(), notes in any::<String>(), weights in weights()
    ) {
        let document = Document { graph, data, train, notes, ..Document::default() };
        let weights = (!weights.is_empty()).then_some(weights);
        let project = Project { document, weights, ..Project::default() };
        let text = to_text(&project);
        let back = parse(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(&back.document, &project.document);
        prop_assert_eq!(back.document.graph.next_id(), project.document.graph.next_id());
        prop_assert_eq!(&back.weights, &project.weights);
        prop_assert_eq!(&back.warnings, &Vec::<String>::new());
        prop_assert_eq!(to_text(&back), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[(){}\\[\\]:,\"a-z0-9_.\\-\\\\/*#!\n ]{0,200}") {
        _ = parse(&text);
        _ = parse(&format!("(format_version: 1, nodes: [{text}"));
        _ = parse(&format!("(format_version: 1, nodes: [], {text})"));
    }
}

#[test]
fn every_shipped_project_is_saved_as_it_was_loaded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("projects");
    let out = tempfile::tempdir().expect("a folder");
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the projects").flatten() {
        let project = load(&entry.path()).expect("it loads");
        assert!(project.warnings.is_empty(), "{:?}", project.warnings);
        let copy = out.path().join("copy.ron");
        save(&copy, &project).expect("it is saved");
        let text = |p: &Path| std::fs::read_to_string(p).expect("text");
        assert_eq!(text(&copy), text(&entry.path()));
        names.push(entry.path().file_stem().expect("a name").to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let mut shipped: Vec<&str> = templates::shipped().iter().map(|s| s.0).collect();
    shipped.sort_unstable();
    assert_eq!(names, shipped, "what lies in the folder ships");
}

/// The line and column of a syntax error; anything else fails.
fn place(text: &str) -> (usize, usize) {
    match parse(text) {
        Err(e @ LoadError::Syntax { line, column, .. }) => {
            assert!(e.to_string().starts_with(&format!("line {line}, column {column}: ")), "{e}");
            (line, column)
        }
        other => panic!("{other:?} of {text:.200}"),
    }
}

#[test]
fn a_truncated_project_is_told_by_line_and_column() {
    for (name, text) in templates::shipped() {
        for cut in (0..text.trim_end().len()).step_by(50).filter(|k| text.is_char_boundary(*k)) {
            let (line, column) = place(&text[..cut]);
            let lines = text[..cut].split('\n').count();
            assert!((1..=lines).contains(&line) && column >= 1, "{name} at {cut}: line {line}, column {column}");
        }
    }
    let missing = place(&templates::shipped()[0].1.replacen("nodes: [", "nodes: [,", 1));
    assert_eq!(missing, (5, 11), "where the comma is");
}

#[test]
fn garbled_bytes_never_panic_and_what_still_loads_can_be_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("garbled.ron");
    for (name, text) in templates::shipped() {
        for (k, at) in (0..text.len()).step_by(23).enumerate() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = b"(\"\0z9}\\-,\xff:"[k % 11];
            std::fs::write(&path, &bytes).expect("a file");
            if let Ok(project) = load(&path) {
                let again = parse(&to_text(&project)).expect("what was loaded is saved");
                assert_eq!(again.document, project.document, "{name}, byte {at}");
            }
        }
    }
    std::fs::write(&path, b"(format_version: 1, notes: \"\xff\")").expect("a file");
    let why = load(&path).expect_err("not text").to_string();
    assert!(why.contains("garbled.ron") && why.contains("byte 28"), "{why}");
}

#[test]
fn a_version_that_this_program_cannot_read_is_named() {
    let of = |version: &str| parse(&format!("(format_version: {version}, knots: {{1: Some(([]))}})"));
    assert_eq!(of("2").err(), Some(LoadError::Future { found: 2 }));
    assert!(of("4294967295").expect_err("later").to_string().contains("4294967295"));
    assert!(matches!(of("0"), Err(LoadError::Content(_))));
    for version in ["-1", "1.5", "\"1\"", "4294967296", ""] {
        assert!(matches!(of(version), Err(LoadError::Syntax { line: 1, .. })), "{version}");
    }
    assert!(matches!(of("1"), Err(LoadError::Syntax { .. })), "version 1 has no knots");
    assert!(matches!(parse("(nodes: [])"), Err(LoadError::Syntax { .. })), "no version at all");
}

/// A project of these nodes and wires, and whatever follows them.
fn with(nodes: &str, wires: &str, rest: &str) -> Result<Project, LoadError> {
    parse(&format!("(format_version: 1, nodes: [{nodes}], wires: [{wires}], {rest})"))
}

const X: &str = r#"(id: 1, kind: "input", name: "x", at: (0, 0)),"#;
const H: &str = r#"(id: 2, kind: "linear", name: "h", at: (0, 0), params: {"out_features": Int(3)}),"#;
const Y: &str = r#"(id: 3, kind: "target", name: "y", at: (0, 0)),"#;
const L: &str = r#"(id: 4, kind: "mse_loss", name: "loss", at: (0, 0)),"#;
const WIRES: &str = "(from: 1, to: 2, input: 0), (from: 2, to: 4, input: 0), (from: 3, to: 4, input: 1)";
const TABLE: &str = "data: (source: Table((features: [[1, 2], [3, 4]], targets: [[5, 6, 7], [8, 9, 10]])))";

/// The errors of a graph, by node.
fn errors(p: &Project) -> Vec<(u64, String)> {
    let found = p.document.graph.infer(Some(&Shape::batch(&[2])), Some(&Shape::batch(&[3])));
    found.errors().map(|d| (d.node.map_or(0, |n| n.0), d.message.clone())).collect()
}

#[test]
fn a_node_of_an_unknown_kind_is_kept_and_says_so() {
    let odd = r#"(id: 2, kind: "quantum", name: "h", at: (0, 0), params: {"spin": Floats([0.5])}),"#;
    let wires = format!("{WIRES}, (from: 1, to: 2, input: 7)");
    let p = with(&[X, odd, Y, L].concat(), &wires, TABLE).expect("it loads");
    assert!(p.warnings.is_empty(), "{:?}", p.warnings);
    let [(2, message)] = &errors(&p)[..] else { panic!("{:?}", errors(&p)) };
    assert!(message.contains("\"quantum\"") && message.contains("not known"), "{message}");
    let again = parse(&to_text(&p)).expect("it is kept");
    assert_eq!(again.document, p.document);
    assert_eq!(again.document.graph.inputs(NodeId(2)).len(), 2);
}

#[test]
fn parts_that_contradict_each_other_are_named() {
    let says = |nodes: &str, wires: &str, rest: &str, words: &[&str]| {
        let Err(LoadError::Content(why)) = with(nodes, wires, rest) else { panic!("{nodes} {wires} {rest} loads") };
        assert!(words.iter().all(|w| why.contains(w)), "{why}");
    };
    let nodes = [X, H, Y, L].concat();
    says(&nodes, "(from: 1, to: 77, input: 0)", "", &["77", "does not exist"]);
    says(&nodes, "(from: 77, to: 2, input: 0)", "", &["77", "\"h\""]);
    says(&[X, &H.replace("id: 2", "id: 1")].concat(), "", "", &["id 1", "\"h\""]);
    says(&[X, &H.replace("\"h\"", "\"x\"")].concat(), "", "", &["name \"x\" is taken"]);
    says(&X.replace("id: 1", "id: 0"), "", "", &["id 0"]);
    says(&X.replace("\"x\"", "\"\""), "", "", &["empty"]);
    says(&X.replace("id: 1", "id: 18446744073709551615"), "", "", &["impossibly large"]);
    says(X, "", "next_id: 18446744073709551615", &["impossibly large"]);
    says(&nodes, &format!("{WIRES}, (from: 3, to: 2, input: 0)"), "", &["two wires", "\"h\""]);
    let add = |id: u64| format!(r#"(id: {id}, kind: "add", name: "add {id}", at: (0, 0)),"#);
    says(&[add(1), add(2)].concat(), "(from: 1, to: 2, input: 0), (from: 2, to: 1, input: 1)", "", &["cycle", "add 1"]);
    says(&add(1), "(from: 1, to: 1, input: 0)", "", &["cycle"]);
    let frames = "frames: [(id: 1, title: \"a\", rect: (0, 0, 1, 1)), (id: 1, title: \"b\", rect: (0, 0, 1, 1))]";
    says(X, "", frames, &["two frames", "1"]);
}

#[test]
fn a_wire_into_a_pin_that_is_not_there_is_left_out_with_a_warning() {
    let p = with(&[X, H, Y, L].concat(), &format!("{WIRES}, (from: 1, to: 2, input: 4)"), TABLE).expect("it loads");
    assert_eq!(p.document.graph.wires().len(), 3);
    assert!(p.warnings.len() == 1 && p.warnings[0].contains("\"h\""), "{:?}", p.warnings);
}

#[test]
fn shapes_and_numbers_that_cannot_be_are_errors_of_their_node() {
    let p = |h: &str| with(&[X, h, Y, L].concat(), WIRES, TABLE).expect("it loads");
    assert_eq!(errors(&p(H)), []);
    let wrong = errors(&p(&H.replace("Int(3)", "Int(4)")));
    assert!(wrong.len() == 1 && wrong[0].0 == 4 && wrong[0].1.contains("B×4"), "{wrong:?}");
    for value in ["Int(0)", "Int(-9223372036854775808)", "Int(9223372036854775807)", "Float(NaN)", "Text(\"3\")"] {
        let wrong = errors(&p(&H.replace("Int(3)", value)));
        assert!(wrong.len() == 1 && wrong[0].0 == 2 && wrong[0].1.contains("out_features"), "{value}: {wrong:?}");
    }
    let far = p(&H.replace("at: (0, 0)", "at: (1e300, NaN)"));
    assert_eq!(far.document.graph.node(NodeId(2)).map(|n| n.pos), Some([0.0, 0.0]));
    for beyond in ["Int(9223372036854775808)", "Ints([1, 99999999999999999999])", "Bool(2)", "Int(3", "Int()"] {
        place(&format!("(format_version: 1, nodes: [{X}\n{}])", H.replace("Int(3)", beyond)));
    }
}

#[test]
fn settings_beyond_all_measure_load_and_are_refused_when_they_are_used() {
    for train in [
        "batch_size: 0",
        "optimizer: Sgd(lr: inf)",
        "optimizer: Sgd(lr: NaN)",
        "optimizer: Adam(lr: 1e-3, beta1: 1e300)",
        "limits: (clip_norm: NaN)",
        "stop: (seconds: -1)",
    ] {
        let p = with(&[X, H, Y, L].concat(), WIRES, &format!("{TABLE}, train: ({train})")).expect("it loads");
        assert!(p.document.train.reject().is_some(), "{train}");
    }
    let most = "batch_size: 18446744073709551615, epochs: 18446744073709551615, seed: 18446744073709551615";
    let p = with(&[X, H, Y, L].concat(), WIRES, &format!("{TABLE}, train: ({most})")).expect("it loads");
    let data = p.document.data.load(Path::new(".")).expect("a table").map(Arc::new);
    let mut session =
        Session::<f32>::new(Arc::new(p.document.graph), data, p.document.train).expect("a batch is at most all rows");
    assert!(session.step().epoch_ended);
}

#[test]
fn weights_that_do_not_fit_start_afresh_with_a_warning() {
    let of = |weights: &str| {
        let rest = format!("{TABLE}, weights: [{weights}]");
        with(&[X, H, Y, L].concat(), WIRES, &rest).unwrap_or_else(|e| panic!("{weights}: {e}"))
    };
    let bias = |data: &str| of(&format!(r#"(node: 2, name: "bias", shape: [3], data: {data})"#));
    let good = bias("Plain([1, 2, 3])");
    assert_eq!(good.weights.expect("kept")[&(NodeId(2), "bias".into())], (vec![3], vec![1.0, 2.0, 3.0]));
    for data in ["Plain([1, 2])", "Plain([1, NaN, 3])", "Plain([1, -inf, 3])", "Base64(\"AAAA\")", "Base64(\"?\")"] {
        let p = bias(data);
        assert!(p.weights.is_none(), "{data}");
        assert!(p.warnings.len() == 1 && p.warnings[0].contains("\"bias\" of node 2"), "{data}: {:?}", p.warnings);
    }
    let huge = of(r#"(node: 2, name: "bias", shape: [18446744073709551615, 2], data: Plain([1]))"#);
    assert!(huge.weights.is_none() && huge.warnings.len() == 1);
    let twice = r#"(node: 2, name: "bias", shape: [3], data: Plain([1, 2, 3])),"#.repeat(2);
    assert!(of(&twice).warnings.iter().any(|w| w.contains("twice")));

    let odd = of(r#"(node: 2, name: "bias", shape: [4], data: Plain([1, 2, 3, 4])),
        (node: 9, name: "weight", shape: [], data: Plain([1]))"#);
    let graph = &odd.document.graph;
    let inference = graph.infer(Some(&Shape::batch(&[2])), Some(&Shape::batch(&[3])));
    let mut weights = Weights::<f32>::init(graph, &inference, 1);
    let fresh = weights.values.clone();
    let faults = weights.import(odd.weights.as_ref().expect("they are kept"));
    assert_eq!(weights.values, fresh);
    assert!(faults.len() == 2 && faults[0].contains("h.bias") && faults[1].contains("node 9"), "{faults:?}");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    for open in ["(", "[", "{", "Some(", "(nodes: [", "/*", "(a: ", "{\"a\": ", "#![enable("] {
        let deep = open.repeat(100_000);
        place(&deep);
        place(&format!("(format_version: 1, nodes: [], odd: {deep}"));
        assert!(parse(&format!("(format_version: 1, notes: {deep}")).is_err());
    }
}

/// Fails unless saving to `path` is refused with a message, and `folder` holds what it held.
fn refused(path: &Path, folder: &Path) {
    let held = || {
        let list = std::fs::read_dir(folder).expect("a folder").flatten();
        let mut all: Vec<_> = list.map(|e| (e.path(), std::fs::read(e.path()).ok())).collect();
        all.sort();
        all
    };
    let before = held();
    let why = save(path, &Project::default()).expect_err("it cannot be saved").to_string();
    assert!(why.contains(&path.display().to_string()) && why.contains("unchanged"), "{why}");
    assert_eq!(held(), before);
}

#[test]
fn what_cannot_be_saved_leaves_the_old_file_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    refused(&folder.join("missing/a.ron"), folder);
    std::fs::create_dir(folder.join("b.ron")).expect("a folder");
    refused(&folder.join("b.ron"), folder);

    let file = folder.join("c.ron");
    std::fs::write(&file, "old").expect("a file");
    let protect = |path: &Path, on: bool| {
        let mut p = std::fs::metadata(path).expect("it is there").permissions();
        p.set_readonly(on);
        std::fs::set_permissions(path, p).expect("it is ours");
    };
    protect(&file, true);
    refused(&file, folder);
    protect(&file, false);
    save(&file, &Project::default()).expect("it can be saved again");
    assert!(load(&file).is_ok());

    let closed = folder.join("closed");
    std::fs::create_dir(&closed).expect("a folder");
    std::fs::write(closed.join("d.ron"), "old").expect("a file");
    protect(&closed, true);
    if std::fs::write(closed.join("probe"), "").is_err() {
        refused(&closed.join("d.ron"), &closed);
        refused(&closed.join("new.ron"), &closed);
    } else {
        eprintln!("this user may write anywhere, so the unwritable folder was not tried");
    }
    protect(&closed, false);
}

#[cfg(unix)]
#[test]
fn a_table_whose_path_is_no_text_does_not_cost_the_project() {
    use std::os::unix::ffi::OsStrExt as _;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"caf\xe9.csv"));
    let mut project = parse(templates::shipped()[0].1).expect("it ships");
    project.document.data.source = Source::Csv(Csv { path, ..Csv::default() });
    let back = parse(&to_text(&project)).expect("it is saved");
    assert_eq!(back.document.graph, project.document.graph);
    let Source::Csv(csv) = back.document.data.source else { panic!("another source") };
    assert_eq!(csv.path, Path::new("caf\u{fffd}.csv"));
}

#[test]
fn a_file_that_is_not_there_or_is_a_folder_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("none.ron"), folder.path().to_owned()] {
        let why = load(&path).expect_err("no project").to_string();
        assert!(why.contains(&path.display().to_string()) && why.contains("cannot be read"), "{why}");
    }
}
