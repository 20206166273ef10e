//! Why a gradient is zero, small or huge: every cause is made on purpose and must be named, and the numbers of the paths
//! add up to the gradient.

use crate::net::net;
use chainrule::engine::PATIENT;
use chainrule::graph::{Edit, NodeId, Tuning};
use chainrule::ops::{Inputs, Kind, Role, Value, catalogue::CATALOGUE};
use chainrule::project;
use chainrule::train::{Cause, Session, Subject, TrainConfig, Verdict, Why};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn fill(s: &mut Session<f32>, node: NodeId, name: &str, value: impl Fn(usize) -> f64) {
    let k = s.weights().find(node, name).expect("the weight");
    for i in 0..s.weights().infos[k].range.len() {
        assert!(s.set_weight(node, name, i, value(i)));
    }
}

fn ask(s: &Session<f32>, label: &str) -> Why {
    s.why(s.gradient(label).expect(label), PATIENT).expect("an answer")
}

/// All gradients there are: of parameters, and of what nodes compute.
fn gradients(s: &Session<f32>) -> Vec<Subject> {
    let weights = s.weights().infos.iter().enumerate().filter(|(_, i)| !i.buffer);
    weights.map(|(k, _)| Subject::Weight(k)).chain(s.graph().nodes().map(|n| Subject::Output(n.id))).collect()
}

fn named(s: &Session<f32>, label: &str, verdict: Verdict, cause: Cause, words: &str) -> Why {
    let why = ask(s, label);
    let found = why.guilty.as_ref().map(|f| f.cause);
    assert_eq!((why.verdict, found), (verdict, Some(cause)), "{label}: {why:#?}");
    assert!(why.sentence.contains(words), "{label}: \"{}\" does not say \"{words}\"", why.sentence);
    assert!(!why.advice.is_empty(), "{cause:?} says nothing to try");
    why
}

/// Four samples of three ones through two layers with `kind` between them.
fn layers(kind: &str, loss: &str) -> (Session<f32>, NodeId, NodeId) {
    let mut n = net();
    let x = n.constant(&[4, 3], 1.0);
    let first = n.linear(8, x);
    let mid = n.add(kind, &[], &[first]);
    let second = n.linear(1, mid);
    let y = n.constant(&[4, 1], 1.0);
    n.add(loss, &[], &[second, y]);
    (n.run(), first, second)
}

#[test]
fn a_dead_relu_is_named_with_its_units() {
    let (mut s, first, second) = layers("relu", "mse_loss");
    fill(&mut s, first, "weight", |_| 0.1);
    fill(&mut s, first, "bias", |_| -50.0);
    let why = named(&s, "linear 1.weight", Verdict::Zero, Cause::Dead, "relu 1 (ReLU) is dead in 8 of 8 units");
    let route = &why.routes[0];
    assert_eq!(route.guilty.map(|g| route.legs[g].name.clone()).as_deref(), Some("relu 1"));
    assert_eq!(
        route.legs.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(),
        ["mean squared error 1", "linear 2", "relu 1", "linear 1"]
    );
    // The layer behind it learns nothing either: its input is zero, and the ReLU made it so.
    named(&s, "linear 2.weight", Verdict::Zero, Cause::Dead, "relu 1");
    // Seven of eight: the gradient is not zero, but most of it is.
    s.set_weight(first, "bias", 3, 1.0);
    fill(&mut s, second, "weight", |_| 1.0);
    let why = named(&s, "linear 1.weight", Verdict::Sparse, Cause::Dead, "dead in 7 of 8 units");
    assert_eq!(why.zeros, (21, 24));
    assert_eq!(why.guilty.expect("it is named").short, "dead 7 of 8");
}

#[test]
fn a_saturated_sigmoid_is_named_with_its_slope() {
    let (mut s, first, second) = layers("sigmoid", "mse_loss");
    fill(&mut s, first, "weight", |_| 2.0);
    fill(&mut s, first, "bias", |_| 0.0);
    fill(&mut s, second, "weight", |_| 0.5);
    // The slope of the sigmoid at 6.
    let slope = 1.0 / (1.0 + 6.0f64.exp()) * (1.0 - 1.0 / (1.0 + 6.0f64.exp()));
    let why = named(&s, "linear 1.weight", Verdict::Small, Cause::Saturated, &format!("|slope| is {slope:.2e}"));
    let leg = &why.routes[0].legs[2];
    assert!((leg.factor().expect("a factor") - slope).abs() < 1e-5, "{leg:?}");
    fill(&mut s, first, "weight", |_| 200.0);
    named(&s, "linear 1.weight", Verdict::Zero, Cause::Saturated, "saturated");
}

#[test]
fn zero_and_large_matrices_are_named() {
    let (mut s, _, second) = layers("tanh", "mse_loss");
    fill(&mut s, second, "weight", |_| 0.0);
    named(&s, "linear 1.weight", Verdict::Zero, Cause::ZeroTensor, "linear 2.weight, which is all zeros");
    fill(&mut s, second, "weight", |i| if i % 2 == 0 { 900.0 } else { -800.0 });
    let why = named(&s, "linear 1.weight", Verdict::Huge, Cause::LargeTensor, "linear 2.weight");
    assert!(why.norm > 1e3);
    let (mut s, _, second) = layers("tanh", "mse_loss");
    fill(&mut s, second, "weight", |_| 1e-5);
    named(&s, "linear 1.weight", Verdict::Small, Cause::SmallTensor, "linear 2.weight");
}

#[test]
fn walls_are_named() {
    let (s, ..) = layers("detach", "mse_loss");
    named(&s, "linear 1.weight", Verdict::Zero, Cause::Blocked, "detach 1 (Detach) passes values on and no gradients");
    let (s, ..) = layers("heaviside", "mse_loss");
    named(&s, "linear 1.weight", Verdict::Zero, Cause::Step, "its slope is 0 everywhere");
    let (mut s, first, _) = layers("hard_tanh", "mse_loss");
    fill(&mut s, first, "bias", |_| 50.0);
    named(&s, "linear 1.weight", Verdict::Zero, Cause::Clipped, "at a bound");
    // A parameter that is only a target.
    let mut n = net();
    let (p, t) = (n.parameter(&[2, 3]), n.parameter(&[2, 3]));
    n.add("mse_loss", &[], &[p, t]);
    named(&n.run(), "parameter 2.value", Verdict::Zero, Cause::Blocked, "takes its target as given");
}

#[test]
fn a_flat_loss_and_one_that_counts_nothing_are_named() {
    let (mut s, _, second) = layers("tanh", "hinge_loss");
    fill(&mut s, second, "bias", |_| 20.0);
    named(
        &s,
        "linear 1.weight",
        Verdict::Zero,
        Cause::FlatLoss,
        "the loss hinge 1 (Hinge) is 0.000e0 and does not change",
    );
    let mut n = net();
    let p = n.parameter(&[2, 3]);
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[("loss_weight", Value::Float(0.0))], &[p, y]);
    named(&n.run(), "parameter 1.value", Verdict::Zero, Cause::LossWeight, "loss_weight of mean squared error 1 is 0");
    // The logarithm of what a clamp has cut.
    let mut n = net();
    let p = n.parameter(&[4, 1]);
    let cut = n.add("clamp", &[("min", Value::Float(0.5)), ("max", Value::Float(2.0))], &[p]);
    let log = n.add("log", &[], &[cut]);
    let y = n.constant(&[4, 1], 1.0);
    n.add("mse_loss", &[], &[log, y]);
    let mut s = n.run();
    fill(&mut s, p, "value", |_| 1e-9);
    named(&s, "parameter 1.value", Verdict::Zero, Cause::Clipped, "clamp 1");
}

#[test]
fn frozen_unconnected_and_penalised_parameters_are_told() {
    let (s, first, _) = layers("tanh", "mse_loss");
    let mut g = (**s.graph()).clone();
    let tuning = Tuning { frozen: true, ..Tuning::default() };
    g.apply(&Edit::Tune { node: first, weight: "weight".into(), tuning }).expect("it fits");
    let s = Session::<f32>::new(Arc::new(g), None, TrainConfig::default()).expect("it can run");
    let why = named(&s, "linear 1.weight", Verdict::Zero, Cause::Frozen, "is frozen");
    assert!(why.routes[0].brings > 0.0, "the path shows what it would be: {:?}", why.routes[0]);
    let mut n = net();
    let (p, lost) = (n.parameter(&[2, 3]), n.parameter(&[2, 3]));
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[], &[p, y]);
    n.add("tanh", &[], &[lost]);
    let s = Session::<f32>::new(Arc::new(n.0.clone()), None, TrainConfig::default()).expect("it can run");
    named(&s, "parameter 2.value", Verdict::Zero, Cause::Unconnected, "no path leads from a loss");
    n.add("l2_penalty", &[], &[]);
    let mut s = n.run();
    fill(&mut s, lost, "value", |_| 1.0);
    let why = ask(&s, "parameter 2.value");
    assert_eq!(why.guilty.as_ref().map(|f| f.cause), Some(Cause::PenaltyOnly), "{why:#?}");
    assert!(
        why.sentence.contains("only the penalty \"l2 penalty 1\" reaches")
            && why.sentence.contains("no data loss depends on it"),
        "{}",
        why.sentence
    );
    assert!(why.norm > 0.0);
}

#[test]
fn gradients_that_cancel_on_two_paths_are_told() {
    let mut n = net();
    let p = n.parameter(&[2, 3]);
    let minus = n.add("neg", &[], &[p]);
    let sum = n.add("add", &[], &[p, minus]);
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[], &[sum, y]);
    let why = named(&n.run(), "parameter 1.value", Verdict::Zero, Cause::Cancels, "what 2 paths bring");
    assert_eq!(why.routes.len(), 2);
    assert!(why.exact && why.routes.iter().all(|r| r.brings > 0.0), "{why:#?}");
}

/// δ of any node has its paths too: those of a layer's weights, but for the last step.
#[test]
fn the_gradient_of_what_a_node_computes_is_explained_like_a_weight_s() {
    let (mut s, first, _) = layers("relu", "mse_loss");
    fill(&mut s, first, "weight", |_| 0.1);
    fill(&mut s, first, "bias", |_| -50.0);
    let why = named(&s, "linear 1", Verdict::Zero, Cause::Dead, "relu 1 (ReLU) is dead in 8 of 8 units");
    assert_eq!((why.label.as_str(), why.zeros), ("linear 1.output", (32, 32)));
    let names = |w: &Why| w.routes[0].legs.iter().map(|l| l.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&why), ["mean squared error 1", "linear 2", "relu 1"]);
    // The input of the network, which no weight is behind.
    let why = named(&s, "constant 1.output.grad", Verdict::Zero, Cause::Dead, "relu 1");
    assert_eq!(names(&why), ["mean squared error 1", "linear 2", "relu 1", "linear 1"]);
    // Behind the units that are dead the gradient is as it should be.
    s.step();
    let (why, node) = (ask(&s, "relu 1"), s.graph().by_name("relu 1").expect("it is there").id);
    let (plan, pass) = s.current();
    let norm =
        pass.grad(plan, node).expect("a gradient").data.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    assert!(norm > 0.0 && (why.norm - norm).abs() < 1e-9 && (why.routes[0].brings - norm).abs() < 1e-5 * norm);
}

#[test]
fn where_no_gradient_arrives_and_where_it_begins_is_told() {
    let (mut s, ..) = layers("tanh", "mse_loss");
    named(&s, "constant 2", Verdict::Zero, Cause::Blocked, "takes its target as given");
    let why = ask(&s, "mean squared error 1");
    assert_eq!((why.norm, why.routes.len(), why.routes[0].legs.len()), (1.0, 1, 0));
    assert!(why.sentence.contains("here the backward pass begins"), "{}", why.sentence);
    s.step();
    assert_eq!(ask(&s, "mean squared error 1"), why, "after the batch, too");
    let (s, ..) = layers("detach", "mse_loss");
    let why =
        named(&s, "linear 1", Verdict::Zero, Cause::Blocked, "detach 1 (Detach) passes values on and no gradients");
    assert_eq!(why.zeros, (32, 32));
    let mut n = net();
    let p = n.parameter(&[2, 3]);
    n.add("tanh", &[], &[p]);
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[("loss_weight", Value::Float(0.0))], &[p, y]);
    n.add("l2_penalty", &[], &[]);
    let s = n.run();
    named(&s, "tanh 1", Verdict::Zero, Cause::Unconnected, "no path leads from a loss");
    named(&s, "mean squared error 1", Verdict::Zero, Cause::LossWeight, "its loss_weight is 0");
    named(&s, "parameter 1", Verdict::Zero, Cause::LossWeight, "loss_weight of mean squared error 1 is 0");
    assert_eq!(ask(&s, "l2 penalty 1").norm, 1.0);
}

#[test]
fn what_was_not_chosen_gets_no_gradient_and_the_node_that_chooses_is_named() {
    let mut n = net();
    let p = n.parameter(&[1, 1, 4, 4]);
    let pool = n.add("max_pool2d", &[], &[p]);
    let y = n.constant(&[1, 1, 2, 2], 9.0);
    n.add("mse_loss", &[], &[pool, y]);
    let mut s = n.run();
    fill(&mut s, p, "value", |i| i as f64);
    for label in ["parameter 1", "parameter 1.value"] {
        let why = named(&s, label, Verdict::Sparse, Cause::Picks, "(MaxPool2d) hands on only 4 of the 16");
        assert_eq!((why.zeros, why.guilty.expect("it is named").short), ((12, 16), "picks 4 of 16".to_owned()));
    }
}

#[test]
fn no_single_factor_of_a_deep_tower_is_to_blame() {
    let mut n = net();
    let x = n.constant(&[4, 3], 1.0);
    let mut last = n.linear(4, x);
    for _ in 0..12 {
        let act = n.add("sigmoid", &[], &[last]);
        last = n.linear(4, act);
    }
    let y = n.constant(&[4, 4], 1.0);
    n.add("mse_loss", &[], &[last, y]);
    let s = n.run();
    let why = named(&s, "linear 1.weight", Verdict::Small, Cause::Many, "factors of");
    assert!(why.routes[0].guilty.is_none() && why.norm > 0.0);
}

/// The product of the factors is what a path brings, and one path alone brings the whole gradient.
#[test]
fn factors_multiply_to_the_gradient_in_every_shipped_project() {
    for (name, _) in project::templates::shipped() {
        let d = project::load(Path::new(&format!("projects/{name}.ron"))).expect("it ships").document;
        let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
        let mut s = Session::<f32>::new(Arc::new(d.graph), data, d.train).expect("it can run");
        for round in 0..2 {
            while s.next().is_some_and(|i| i.phase != chainrule::engine::Phase::Update) {
                s.advance();
            }
            for of in gradients(&s) {
                let why = s.why(of, PATIENT).expect("an answer");
                assert!(!why.sentence.is_empty());
                for r in why.routes.iter().filter(|r| r.brings > 0.0) {
                    let product: f64 = r.legs.iter().map(|l| l.factor().expect("a factor")).product();
                    assert!((product - r.product()).abs() <= 1e-4 * product, "{name} {}: {r:?}", why.label);
                }
                if why.routes.len() == 1 && why.hidden == 0.0 {
                    let off = (why.routes[0].brings - why.norm).abs();
                    assert!(off <= 1e-4 * why.norm.max(1e-12), "{name} {}: {why:#?}", why.label);
                }
            }
            if round == 0 {
                s.step();
            }
        }
    }
}

#[test]
fn asking_before_the_backward_pass_runs_it_on_a_copy() {
    let (mut s, ..) = layers("tanh", "mse_loss");
    let weights = s.export_weights();
    let asked = ask(&s, "linear 1.weight");
    assert_eq!((s.cursor(), s.export_weights() == weights), (0, true));
    s.step();
    let after = ask(&s, "linear 1.weight");
    assert_eq!((asked.norm, asked.verdict), (after.norm, after.verdict), "the same batch");
    assert!(s.gradient("nobody.weight").is_err_and(|w| w.contains("there are linear 1.weight, linear 1.bias")));
    let delta = s.gradient("linear 1");
    assert!(matches!(delta, Ok(Subject::Output(_))), "{delta:?}");
    for text in ["linear 1.grad", "linear 1.output", "linear 1.output.grad", " linear 1 "] {
        assert_eq!(s.gradient(text), delta, "{text}");
    }
    assert_eq!(s.gradient("linear 1.bias.grad"), Ok(Subject::Weight(1)));
}

#[test]
fn a_thousand_nodes_and_countless_paths_stay_fast() {
    let mut n = net();
    let p = n.parameter(&[2, 3]);
    let mut last = p;
    for k in 0..1000 {
        last = n.add(if k % 2 == 0 { "sin" } else { "tanh" }, &[], &[last]);
    }
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[], &[last, y]);
    let s = n.run();
    let since = Instant::now();
    let why = ask(&s, "parameter 1.value");
    assert_eq!((why.routes.len(), why.routes[0].legs.len(), why.hidden), (1, 1002, 0.0));
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    // Every skip connection doubles the number of paths.
    let mut n = net();
    let mut last = n.parameter(&[2, 3]);
    for _ in 0..100 {
        let branch = n.add("tanh", &[], &[last]);
        last = n.add("add", &[], &[last, branch]);
    }
    let y = n.constant(&[2, 3], 1.0);
    n.add("mse_loss", &[], &[last, y]);
    let s = n.run();
    let since = Instant::now();
    let why = ask(&s, "parameter 1.value");
    assert_eq!(why.routes.len(), 6);
    assert_eq!(why.hidden, 2f64.powi(100) - 6.0);
    assert!(why.routes.windows(2).all(|w| w[0].brings >= w[1].brings) && why.exact);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}

/// One node of `kind` on parameters of these shapes, into the squared error against zeros; none if they do not fit.
fn alone(kind: &'static Kind, shapes: &[&[i64]]) -> Option<Session<f32>> {
    let mut n = net();
    let inputs: Vec<NodeId> = shapes.iter().map(|s| n.parameter(s)).collect();
    // A penalty reads weights, not wires.
    let wired = if kind.spec.role == Role::Penalty { &[][..] } else { &inputs };
    let node = n.add(kind.spec.id, &[], wired);
    if !kind.spec.is_loss() {
        let shape = n.0.infer(None, None).shape(node)?.concrete(1);
        let shape: Vec<i64> = shape.iter().map(|d| *d as i64).collect();
        let y = n.constant(&shape, 0.0);
        n.add("mse_loss", &[], &[node, y]);
    }
    let mut s = Session::new(Arc::new(n.0), None, TrainConfig::default()).ok()?;
    for (pin, id) in inputs.into_iter().enumerate() {
        let whole = kind.spec.no_grad.contains(&pin);
        fill(&mut s, id, "value", |i| if whole { (i % 2) as f64 } else { 0.1 + 0.07 * (i % 11) as f64 });
    }
    Some(s)
}

#[test]
fn every_kind_of_the_catalogue_can_stand_on_a_path() {
    let shapes: [&[i64]; 7] = [&[4, 3], &[2, 2, 6, 6], &[2, 3, 4], &[4], &[], &[4, 4], &[4, 1]];
    let mut seen = 0;
    for kind in CATALOGUE {
        let pins = match kind.spec.inputs {
            Inputs::Fixed(names) => names.len(),
            Inputs::Variadic(_) => 2,
        };
        if pins == 0 {
            continue;
        }
        let tried =
            shapes.iter().map(|s| vec![*s; pins]).chain([vec![&[4, 3][..], &[4][..]], vec![&[4, 3][..], &[3, 2][..]]]);
        // Numbers that are no classes give no loss.
        let finite = |s: &Session<f32>| s.why(Subject::Weight(0), PATIENT).is_ok_and(|w| w.norm.is_finite());
        let fits = tried.filter(|t| t.len() == pins).find_map(|t| alone(kind, &t).filter(finite));
        let s = fits.unwrap_or_else(|| panic!("no shapes fit {}", kind.spec.id));
        seen += 1;
        for of in gradients(&s) {
            let why = s.why(of, PATIENT).expect("an answer");
            let about = format!("{}: {why:#?}", kind.spec.id);
            for r in why.routes.iter().filter(|r| r.brings > 0.0) {
                let product: f64 = r.legs.iter().map(|l| l.factor().expect("a factor")).product();
                assert!((product - r.product()).abs() <= 1e-4 * product, "{about}");
            }
            let sum: f64 = why.routes.iter().map(|r| r.brings).sum();
            assert!(why.norm <= sum * 1.0001 + 1e-12, "paths bring less than there is: {about}");
            if why.verdict == Verdict::Zero {
                let found = why.guilty.expect(&about);
                assert!(!found.text.is_empty() && !why.advice.is_empty(), "{about}");
            }
        }
    }
    assert!(seen > 70, "{seen} kinds were tried");
}
