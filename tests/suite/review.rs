//! What is wrong between a graph, its data and its settings is said before training, and with the right advice.

use crate::net::{Net, net};
use chainrule::data::{DataConfig, Dataset, Source, Table};
use chainrule::engine::{Joined, PATIENT, Phase};
use chainrule::graph::{Edit, Graph, Severity, Tuning};
use chainrule::ops::{InferCtx, Inferred, Params, Value, catalogue, number_text};
use chainrule::project::{self, Document};
use chainrule::tensor::{Shape, stream};
use chainrule::train::{
    ElementRef, IntoRef, Limits, Metrics, Moves, Optimizer, Part, Remedy, Schedule, Session, SessionError, TensorRef,
    TrainConfig, review,
};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

fn document(name: &str, change: impl Fn(String) -> String) -> (Document, Option<Arc<Dataset>>) {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let d = project::parse(&change(text)).expect("it is a project").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    (d, data)
}

/// Samples of the numbers `x` and `y` as they are, all to train on and to test with.
fn table(x: &[f64], y: &[f64]) -> Arc<Dataset> {
    let rows = |list: &[f64]| list.iter().map(|v| vec![*v]).collect();
    let source = Source::Table(Table { features: rows(x), targets: rows(y), ..Table::default() });
    Arc::new(DataConfig { source, ..DataConfig::default() }.load(Path::new(".")).expect("data").expect("a table"))
}

/// The errors at nodes: name, message, labels of fixes.
fn errors(graph: &Graph, data: Option<&Dataset>, config: &TrainConfig) -> Vec<(String, String, Vec<String>)> {
    let all = review(graph, data, config);
    let of = all.errors().map(|d| {
        let name = d.node.and_then(|id| graph.node(id)).map_or_else(String::new, |n| n.name.clone());
        (name, d.message.clone(), d.fixes.iter().map(|f| f.label.clone()).collect())
    });
    of.collect()
}

/// The graph with the first fix of the first error.
fn mended(graph: &Graph, data: Option<&Dataset>, config: &TrainConfig) -> Graph {
    let all = review(graph, data, config);
    let fix = all.errors().find_map(|d| d.fixes.first()).expect("a fix").clone();
    let mut graph = graph.clone();
    graph.apply(&fix.edit).expect("it applies");
    graph
}

#[test]
fn classes_that_no_output_stands_for_are_found_before_training_and_mended() {
    let (d, data) = document("digits", |t| t.replace("Int(10)", "Int(5)"));
    let found = errors(&d.graph, data.as_deref(), &d.train);
    let [(name, message, fixes)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(name, "loss");
    assert!(message.contains("10 classes, 0 to 9") && message.contains("only 5 numbers"), "{message}");
    assert_eq!(fixes[..], ["Set out_features to 10 in logits"]);
    let refused = Session::<f32>::new(Arc::new(d.graph.clone()), data.clone(), d.train.clone());
    assert!(matches!(refused, Err(SessionError::Problems(_))));
    let right = mended(&d.graph, data.as_deref(), &d.train);
    assert_eq!(errors(&right, data.as_deref(), &d.train), []);
    assert_eq!(right, document("digits", |t| t).0.graph);
}

#[test]
fn the_width_is_found_behind_nodes_that_keep_it() {
    let change = |t: String| {
        let t = t.replace("Int(10)", "Int(1)").replace("\"cross_entropy_loss\"", "\"nll_loss\"");
        // The hidden layer's activation moves behind the logits.
        t.replace("(from: 2, to: 3, input: 0)", "(from: 2, to: 4, input: 0)")
            .replace("(from: 3, to: 4, input: 0)", "(from: 4, to: 3, input: 0)")
            .replace("(from: 4, to: 6, input: 0)", "(from: 3, to: 6, input: 0)")
    };
    let (d, data) = document("digits", change);
    let found = errors(&d.graph, data.as_deref(), &d.train);
    assert!(found.len() == 1 && found[0].1.contains("only 1 number arrives"), "{found:?}");
    assert_eq!(found[0].2, ["Set out_features to 10 in logits"]);
    assert_eq!(errors(&mended(&d.graph, data.as_deref(), &d.train), data.as_deref(), &d.train), []);
}

/// Features through a table of vectors to one number, compared with the target.
fn looked_up(rows: i64) -> Graph {
    let mut n = net();
    let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
    let sizes = [("num_embeddings", Value::Int(rows)), ("embedding_dim", Value::Int(2))];
    let e = n.add("embedding", &sizes, &[x]);
    let flat = n.add("flatten", &[], &[e]);
    let out = n.linear(1, flat);
    n.add("mse_loss", &[], &[out, y]);
    n.0
}

#[test]
fn numbers_that_name_no_row_of_a_table_are_found() {
    let config = TrainConfig::default();
    let data = table(&[0.0, 6.0, 2.0], &[1.0, 2.0, 3.0]);
    let found = errors(&looked_up(5), Some(&data), &config);
    assert!(found.len() == 1 && found[0].1.contains("up to 6"), "{found:?}");
    assert_eq!(found[0].2, ["Set num_embeddings to 7"]);
    assert_eq!(errors(&looked_up(7), Some(&data), &config), []);
    let real = table(&[0.0, 1.5, 2.0], &[1.0, 2.0, 3.0]);
    let found = errors(&looked_up(7), Some(&real), &config);
    assert!(found.len() == 1 && found[0].1.contains("the input of sample 1 is 1.5"), "{found:?}");
    let below = table(&[0.0, -1.0, 2.0], &[1.0, 2.0, 3.0]);
    assert!(errors(&looked_up(7), Some(&below), &config)[0].1.contains("the inputs go down to -1"), "a row −1");
}

#[test]
fn targets_that_are_no_class_numbers_are_told_what_to_do() {
    // Two classes coded as −1 and 1.
    let (d, data) = document("circle", |t| t.replace("labels: Auto", "labels: PlusMinus"));
    let mut n = net();
    let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
    let out = n.linear(2, x);
    n.add("cross_entropy_loss", &[], &[out, y]);
    let found = errors(&n.0, data.as_deref(), &d.train);
    let [(_, message, fixes)] = &found[..] else { panic!("{found:?}") };
    assert!(message.contains("the targets go down to -1") && message.contains("choose class numbers"), "{message}");
    assert!(fixes.is_empty(), "no width helps");
}

fn born(s: &mut Session<f32>) -> (String, Vec<String>) {
    assert!(s.step().bad.is_some());
    let b = s.birth().expect("a birth");
    let advice = b.remedies.iter().map(|r| r.label().to_owned()).collect();
    (b.sentence(), advice)
}

#[test]
fn an_index_that_names_nothing_is_named_at_its_node_and_no_rate_is_blamed() {
    let index = |n: &mut Net, shape: &[i64]| n.constant(shape, 7.0);
    let losses = ["cross_entropy_loss", "nll_loss"];
    let mut runs: Vec<(Net, &str)> = Vec::new();
    for loss in losses {
        let mut n = net();
        let (p, y) = (n.parameter(&[2, 3]), index(&mut n, &[2]));
        n.add(loss, &[], &[p, y]);
        runs.push((n, "0 to 2 are allowed"));
    }
    let mut n = net();
    let i = index(&mut n, &[4]);
    let e = n.add("embedding", &[("num_embeddings", Value::Int(5))], &[i]);
    n.add("l1_loss", &[], &[e, e]);
    runs.push((n, "0 to 4 are allowed"));
    let mut n = net();
    let (p, i) = (n.parameter(&[2, 1]), index(&mut n, &[2, 2]));
    let g = n.add("gather", &[("dim", Value::Int(-1))], &[p, i]);
    n.add("l1_loss", &[], &[g, g]);
    runs.push((n, "only 0 is allowed"));
    for (n, allowed) in runs {
        let (text, advice) = born(&mut n.run());
        assert!(text.contains("from constant 1 is 7, in sample 0 of the batch") && text.contains(allowed), "{text}");
        assert!(!text.contains("0/0") && !text.contains("To mend it"), "{text}");
        assert_eq!(advice, Vec::<String>::new());
    }
}

#[test]
fn a_calmer_rate_is_advised_only_where_something_overflowed_and_as_people_write_it() {
    let tower = |kind: &str, start: f64| {
        let mut n = net();
        let w = n.parameter(&[1]);
        let z = n.add(kind, &[], &[w]);
        n.add("mse_loss", &[], &[z, w]);
        let config = TrainConfig { optimizer: Optimizer::adam(0.003), ..TrainConfig::default() };
        let mut s = Session::<f32>::new(Arc::new(n.0), None, config).expect("it can run");
        assert!(s.set_weight(w, "value", 0, start));
        s
    };
    let (text, advice) = born(&mut tower("exp", 100.0));
    assert!(advice.iter().any(|a| a == "Learning rate 0.0003 instead of 0.003"), "{advice:?}");
    assert!(advice.iter().any(|a| a == "Clip gradients to norm 1") && text.contains("= 100)"), "{text}");
    let mut s = tower("exp", 100.0);
    s.step();
    let rates: Vec<f64> = s.birth().expect("a birth").remedies.iter().filter_map(rate).collect();
    assert_eq!(rates[0], 0.0003, "the rate itself is tidy, not only its text");
    let (_, advice) = born(&mut tower("log", -4.0));
    assert!(advice.iter().any(|a| a.ends_with("(min = 1e-7, max = 1e30)")), "{advice:?}");
    let (_, advice) = born(&mut tower("sqrt", -4.0));
    assert!(!advice.iter().any(|a| a.contains("rate") || a.contains("Clip")), "{advice:?}");
}

fn rate(r: &Remedy) -> Option<f64> {
    if let Remedy::Train(_, config) = r { Some(config.optimizer.lr()) } else { None }
}

/// Features through a batch normalisation to the target.
fn normalised() -> Graph {
    let mut n = net();
    let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
    let h = n.linear(3, x);
    let b = n.add("batch_norm1d", &[], &[h]);
    let out = n.linear(1, b);
    n.add("mse_loss", &[], &[out, y]);
    n.0
}

#[test]
fn a_batch_of_one_before_a_batch_normalisation_is_refused_with_sizes_that_do() {
    let data = table(&[1.0, 2.0, 3.0, 4.0, 5.0], &[2.0, 4.0, 6.0, 8.0, 10.0]);
    let with = |batch_size| TrainConfig { batch_size, ..TrainConfig::default() };
    let found = errors(&normalised(), Some(&data), &with(2));
    let [(name, message, _)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(name, "batchnorm1d 1");
    assert!(message.contains("5 samples in batches of 2 leave a last batch of one"), "{message}");
    assert!(message.contains("a batch size of 3 leaves none"), "{message}");
    assert!(errors(&normalised(), Some(&data), &with(1))[0].1.contains("each batch has one sample"));
    assert!(errors(&normalised(), Some(&data), &with(4))[0].1.contains("3 or 5"));
    for right in [3, 5, 100] {
        assert_eq!(errors(&normalised(), Some(&data), &with(right)), [], "batches of {right}");
    }
    let one = table(&[1.0], &[2.0]);
    assert!(errors(&normalised(), Some(&one), &with(8))[0].1.contains("more samples"));
    let refused = Session::<f32>::new(Arc::new(normalised()), Some(data.clone()), with(2));
    assert!(matches!(refused, Err(SessionError::Problems(_))));
    // Pictures have many values per channel, also in a batch of one.
    let batch = |id: &str, shape: &[usize]| inferred(id, &[], &[Shape::batch(shape)]).least;
    assert_eq!(batch("batch_norm1d", &[3]), 2);
    assert_eq!(batch("batch_norm1d", &[3, 1]), 2);
    assert_eq!([batch("batch_norm1d", &[3, 2]), batch("batch_norm2d", &[3, 2, 2])], [0, 0]);
}

#[test]
fn a_batch_normalisation_still_evaluates_one_sample() {
    let source = Source::Table(Table {
        features: (0..5).map(|i| vec![f64::from(i)]).collect(),
        targets: (0..5).map(|i| vec![f64::from(2 * i)]).collect(),
        ..Table::default()
    });
    let mut d = DataConfig { source, ..DataConfig::default() }.load(Path::new(".")).expect("data").expect("a table");
    d.test = vec![2];
    let data = Arc::new(d);
    let config = TrainConfig { batch_size: 5, ..TrainConfig::default() };
    let mut s = Session::<f32>::new(Arc::new(normalised()), Some(data), config).expect("it can run");
    s.step();
    assert!(s.evaluate(Part::Test).loss.is_finite());
}

const SLOW: Tuning = Tuning { frozen: false, lr_factor: 0.5, weight_decay: Some(0.2) };

#[test]
fn a_weight_with_its_own_rate_is_refused_by_searches_and_mended() {
    let data = table(&[1.0, 2.0], &[2.0, 4.0]);
    let mut n = net();
    let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
    let out = n.linear(1, x);
    n.add("mse_loss", &[], &[out, y]);
    let mut graph = n.0;
    graph.apply(&Edit::Tune { node: out, weight: "weight".into(), tuning: SLOW }).expect("it fits");
    for id in ["lbfgs", "cg"] {
        let optimizer = Optimizer::named(id).expect("it is listed");
        let config = TrainConfig { optimizer, batch_size: 2, ..TrainConfig::default() };
        let found = errors(&graph, Some(&data), &config);
        assert!(
            found.len() == 1 && found[0].1.contains("its weight has a rate or weight decay of its own"),
            "{found:?}"
        );
        let right = mended(&graph, Some(&data), &config);
        assert!(Session::<f64>::new(Arc::new(right), Some(data.clone()), config.clone()).is_ok());
        // Frozen weights are no clash.
        let mut frozen = graph.clone();
        let tuning = Tuning { frozen: true, ..SLOW };
        frozen.apply(&Edit::Tune { node: out, weight: "weight".into(), tuning }).expect("it fits");
        assert_eq!(errors(&frozen, Some(&data), &config), []);
    }
    assert_eq!(errors(&graph, Some(&data), &TrainConfig::default()), []);
}

/// Two weights of 2 after two steps with the gradients 1 and ½; the second is trained as [`SLOW`].
fn two_steps(rule: &Optimizer) -> [f64; 2] {
    use chainrule::engine::Update as _;
    let mut moves = Moves::<f64>::new(rule, 2, 2);
    moves.set_tunings([Tuning::default(), SLOW].into_iter());
    let mut w = [2.0, 2.0];
    for g in [1.0, 0.5] {
        let mut grads = [g, g];
        moves.begin(&mut grads);
        for k in 0..2 {
            moves.update(k, k, &mut w[k..=k], &grads[k..=k]);
        }
    }
    w
}

#[test]
fn rates_and_decays_by_weight_move_as_parameter_groups_of_pytorch() {
    let near = |got: [f64; 2], want: [f64; 2], what: &str| {
        assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{what}: {got:?}, not {want:?}");
    };
    // d = g + λw, w ← w − η d: 2 − 0.1·1.02 = 1.898, then d = 0.5 + 0.01898; 2 − 0.05·1.4 = 1.93, then d = 0.5 + 0.386.
    let sgd = Optimizer::sgd(0.1).with("weight_decay", 0.01);
    near(two_steps(&sgd), [1.898 - 0.1 * 0.51898, 1.93 - 0.05 * 0.886], "SGD");
    // The gradients that Adam sees are 1 and 0.5, and 1.4 and 0.5 + 0.2·w₁.
    let adam = |g1: f64, g2: &dyn Fn(f64) -> f64, rate: f64| {
        let w1 = 2.0 - rate * g1 / (g1 + 1e-8);
        let g2 = g2(w1);
        let (m, v) = (0.09 * g1 + 0.1 * g2, 0.000999 * g1 * g1 + 0.001 * g2 * g2);
        w1 - rate * (m / 0.19) / ((v / 0.001999).sqrt() + 1e-8)
    };
    let want = [adam(1.0, &|_| 0.5, 0.1), adam(1.4, &|w| 0.5 + 0.2 * w, 0.05)];
    near(two_steps(&Optimizer::adam(0.1)), want, "Adam");
}

#[test]
fn a_network_without_anything_to_train_is_told_so() {
    let warned = |g: &Graph| {
        let all = review(g, None, &TrainConfig::default());
        let of = all
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Warning && d.message.contains("nothing to train"));
        assert!(all.runnable());
        of.map(|d| d.message.clone()).next()
    };
    let mut n = net();
    let (a, b) = (n.constant(&[2], 1.0), n.constant(&[2], 3.0));
    n.add("mse_loss", &[], &[a, b]);
    assert!(warned(&n.0).expect("it is said").contains("no node has weights"));
    let mut n = net();
    let (a, b) = (n.parameter(&[2]), n.constant(&[2], 3.0));
    n.add("mse_loss", &[], &[a, b]);
    assert_eq!(warned(&n.0), None);
    let tuning = Tuning { frozen: true, ..Tuning::default() };
    n.0.apply(&Edit::Tune { node: a, weight: "value".into(), tuning }).expect("it fits");
    assert!(warned(&n.0).expect("it is said").contains("frozen"));
}

#[test]
fn settings_that_would_be_cut_or_mean_nothing_are_refused() {
    let why = Schedule::parse("step,step_size=2.7").expect_err("no whole number");
    assert!(why.contains("step_size is 2.7") && why.contains("whole"), "{why}");
    assert!(Schedule::parse("step,step_size=3").is_ok());
    let none = TrainConfig { limits: Limits { accumulate: 0, ..Limits::default() }, ..TrainConfig::default() };
    assert!(none.reject().expect("refused").contains("at least 1"));
}

fn inferred(id: &str, set: &[(&str, Value)], inputs: &[Shape]) -> Inferred {
    let kind = catalogue::find(id).expect("it is listed");
    let params = Params(set.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()).filled(kind.spec.params);
    (kind.infer)(&InferCtx { params: &params, inputs, features: None, target: None }).expect("the shapes fit")
}

#[test]
fn initial_weights_fill_the_bounds_of_pytorch() {
    let int = |name: &'static str, x: i64| (name, Value::Int(x));
    let conv = |out: i64, groups: i64| vec![int("out_channels", out), int("kernel_size", 3), int("groups", groups)];
    let picture = Shape::batch(&[8, 9, 9]);
    // fan_in is the second axis of the weight times the window, also where the convolution is transposed.
    let cases = [
        ("linear", vec![int("out_features", 200)], Shape::batch(&[300]), vec![200, 300], 300),
        ("conv1d", vec![int("out_channels", 64), int("kernel_size", 5)], Shape::batch(&[8, 20]), vec![64, 8, 5], 8 * 5),
        ("conv2d", conv(64, 1), picture.clone(), vec![64, 8, 3, 3], 8 * 9),
        ("conv2d", conv(64, 2), picture.clone(), vec![64, 4, 3, 3], 4 * 9),
        ("conv_transpose2d", conv(64, 1), picture.clone(), vec![8, 64, 3, 3], 64 * 9),
        ("conv_transpose2d", conv(64, 2), picture, vec![8, 32, 3, 3], 32 * 9),
    ];
    for (id, set, input, shape, fan_in) in cases {
        let weights = inferred(id, &set, &[input]).weights;
        assert_eq!(weights[0].shape, shape, "{id}");
        let bound = 1.0 / f64::from(fan_in).sqrt();
        for (w, fills) in weights.iter().zip([0.98, 0.8]) {
            let drawn = w.init.draw(w.shape.iter().product(), &mut stream(7, 1));
            let (low, high) = drawn.iter().fold((0.0f64, 0.0f64), |(a, b), x| (a.min(*x), b.max(*x)));
            assert!(low >= -bound && high <= bound, "{id}.{}: {low} to {high}, bound {bound}", w.name);
            assert!(-low > fills * bound && high > fills * bound, "{id}.{}: {low} to {high}, bound {bound}", w.name);
        }
    }
    let set = [int("num_embeddings", 100), int("embedding_dim", 100)];
    let w = &inferred("embedding", &set, &[Shape::batch(&[])]).weights[0];
    let drawn = w.init.draw(10_000, &mut stream(7, 1));
    let mean = drawn.iter().sum::<f64>() / 1e4;
    let spread = (drawn.iter().map(|x| x * x).sum::<f64>() / 1e4).sqrt();
    assert!(mean.abs() < 0.04 && (spread - 1.0).abs() < 0.03, "mean {mean}, deviation {spread}");
}

#[test]
fn operations_are_counted_as_by_hand() {
    let int = |name: &'static str, x: i64| (name, Value::Int(x));
    let flops = |id: &str, set: &[(&str, Value)], inputs: &[Shape]| inferred(id, set, inputs).flops;
    // 7 outputs of 5 products and 5 sums, the bias among them.
    assert_eq!(flops("linear", &[int("out_features", 7)], &[Shape::batch(&[5])]), 7 * (5 + 5 + 1));
    assert_eq!(flops("linear", &[int("out_features", 7), ("bias", Value::Bool(false))], &[Shape::batch(&[5])]), 70);
    // ⌊(9 + 2 − 3)/2⌋ + 1 = 5 places each way, 6 filters, each over 2 of 4 channels and 9 taps.
    let set = [int("out_channels", 6), int("kernel_size", 3), int("stride", 2), int("padding", 1), int("groups", 2)];
    assert_eq!(flops("conv2d", &set, &[Shape::batch(&[4, 9, 9])]), 6 * 25 * (2 * 2 * 9 + 1));
    assert_eq!(flops("matmul", &[], &[Shape::fixed(&[5, 3]), Shape::fixed(&[3, 7])]), 5 * 7 * 3 * 2);
    // 3 channels of 4×3 windows of 4.
    let set = [int("kernel_size", 2), int("stride", 2)];
    assert_eq!(flops("max_pool2d", &set, &[Shape::batch(&[3, 8, 6])]), 3 * 4 * 3 * 4);
}

#[test]
fn figures_of_a_regression_are_those_worked_out_by_hand() {
    let mut n = net();
    let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
    let out = n.linear(1, x);
    n.add("mse_loss", &[], &[out, y]);
    let data = table(&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 2.0, 8.0]);
    let mut s = Session::<f64>::new(Arc::new(n.0), Some(data), TrainConfig::default()).expect("it can run");
    assert!(s.set_weight(out, "weight", 0, 2.0) && s.set_weight(out, "bias", 0, 0.0));
    // Predicted 2, 4, 6, 8: off by 1, 0, 4, 0. The targets' mean is 3.75, their squared distances from it 28.75.
    let Metrics::Regression { mae, rmse, mape, r2 } = s.evaluate(Part::Train).metrics else { panic!("a regression") };
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got}, not {want}");
    near(mae, 5.0 / 4.0);
    near(rmse, (17.0f64 / 4.0).sqrt());
    near(mape, (1.0 / 1.0 + 4.0 / 2.0) / 4.0);
    near(r2, 1.0 - 17.0 / 28.75);
}

#[test]
fn large_weights_are_for_the_memory_to_refuse_and_absurd_ones_are_named() {
    let wide = |features: usize, out: i64| {
        let mut n = net();
        let (x, y) = (n.add("input", &[], &[]), n.add("target", &[], &[]));
        let h = n.linear(out, x);
        let p = n.linear(1, h);
        n.add("mse_loss", &[], &[p, y]);
        let all = n.0.infer(Some(&Shape::batch(&[features])), Some(&Shape::batch(&[1])));
        let messages: Vec<String> = all.errors().map(|d| d.message.clone()).collect();
        messages
    };
    assert_eq!(wide(20_000, 20_000), Vec::<String>::new());
    let found = wide(1 << 20, 1 << 16);
    assert_eq!(found.len(), 1, "{found:?}");
    for words in ["its weight of 65536×1048576", "256.0 GiB in f32", "4.0 GiB", "make the layer smaller"] {
        assert!(found[0].contains(words), "{found:?}");
    }
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(folder: &Path, line: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chainrule"));
    let done = command.args(line.split(' ')).current_dir(folder).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
}

#[test]
fn check_train_and_bench_say_the_same_as_the_window() {
    let folder = tempfile::tempdir().expect("a folder");
    let shipped = |name: &str| std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("five.ron", &shipped("digits").replace("Int(10)", "Int(5)"));
    let check = run(folder.path(), "check five.ron");
    assert_eq!(check.code, Some(1));
    assert!(check.out.contains("10 classes") && check.out.contains("fix: Set out_features to 10"), "{}", check.out);
    assert!(!check.out.contains("WRONG"), "{}", check.out);
    let train = run(folder.path(), "train five.ron --epochs 1");
    assert!(train.code == Some(1) && train.err.contains("loss: the data has 10 classes"), "{}", train.err);
    assert!(!train.err.contains("Learning rate"), "{}", train.err);
    // The logarithm of what is negative: no loss, so no verdict on gradients.
    write("log.ron", &shipped("digits").replace("\"relu\"", "\"log\""));
    let check = run(folder.path(), "check log.ron");
    assert_eq!(check.code, Some(1));
    assert!(check.out.contains("not judged: the loss is NaN") && check.out.contains("\"relu 1\""), "{}", check.out);
    assert!(!check.out.contains("WRONG"), "{}", check.out);
    let [train, bench] =
        ["train log.ron --epochs 1", "bench log.ron --seconds 0.1 --threads 1"].map(|l| run(folder.path(), l));
    let words = "a number stopped being finite at \"relu 1\" (Forward) in epoch 1: ";
    for ran in [&train, &bench] {
        assert!(ran.code == Some(1) && ran.err.contains(words) && ran.err.contains("no logarithm"), "{}", ran.err);
    }
    // What is below rounding is no bare 0, and how many elements were tried stands beside how many there are.
    write("xor.ron", &shipped("xor"));
    let check = run(folder.path(), "check xor.ron");
    assert!(check.code == Some(0) && check.out.contains("< ") && check.out.contains("of  kinks"), "{}", check.out);
    assert!(run(folder.path(), "check --help").out.contains("Up to 24 elements"));
    assert_eq!([0.0, 1.0, -0.5, 1e-12, 1e9].map(number_text), ["0", "1", "-0.5", "1e-12", "1e9"]);
    let ops = run(folder.path(), "ops dropout").out;
    assert!(ops.contains("0 to 1") && !ops.contains("e0"), "{ops}");
    assert_eq!(run(folder.path(), "train xor.ron --accumulate 0").code, Some(2));
    assert_eq!(run(folder.path(), "train xor.ron --schedule step,step_size=2.7").code, Some(2));
}

#[test]
fn the_mask_of_a_dropout_is_a_part_of_it() {
    let mut n = net();
    let w = n.parameter(&[40]);
    let d = n.add("dropout", &[("p", Value::Float(0.25))], &[w]);
    n.add("l1_loss", &[], &[d, w]);
    let mut s = n.run();
    while s.cursor() < s.current().0.forward_len() {
        s.advance();
    }
    let of = IntoRef { node: d, phase: Phase::Forward, param: None, tensor: None, index: None };
    let parts = s.look_into(of, PATIENT).expect("it can be opened").parts;
    let [mask, out] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!((mask.name.as_str(), mask.tensor.shape.as_slice()), ("mask", &[40][..]));
    let (plan, pass) = s.current();
    let x = pass.value(plan, w).expect("the input").data;
    let kept = mask.tensor.data.iter().filter(|m| **m != 0.0).count();
    assert!((20..40).contains(&kept), "{kept} of 40 are kept, 30 expected");
    for (i, m) in mask.tensor.data.iter().enumerate() {
        assert!(*m == 0.0 || (m - 4.0 / 3.0).abs() < 1e-6, "{m}");
        assert_eq!(out.tensor.data[i], m * x[i]);
    }
    // On the command line `step --explain` shows the same terms.
    let at = ElementRef { node: d, tensor: TensorRef::Output, index: 3 };
    let e = s.take_apart(at, PATIENT).expect("it can be taken apart");
    let names: Vec<&str> = e.terms[0].factors.iter().map(|f| f.label.as_str()).collect();
    assert!(e.terms.len() == 1 && names.iter().any(|n| n.contains("mask[3]")), "{names:?}");
    let at = ElementRef { node: d, tensor: TensorRef::Part(0), index: 3 };
    let e = s.take_apart(at, PATIENT).expect("a part as well");
    assert_eq!(e.total as f32, mask.tensor.data[3]);
    assert!(matches!(&e.joined, Joined::Function(how) if how.contains("drawn at random")), "{e:?}");
}
