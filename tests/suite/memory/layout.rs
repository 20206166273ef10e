//! Where a plan that uses places again puts its numbers: never two at one place at a time, and never is a number read that
//! is gone.

use super::shipped;
use crate::net::{Net, net};
use chainrule::engine::{Keep, Pass, Plan, Update, Weights};
use chainrule::graph::{Edit, Graph, Inference, NodeId, Tuning};
use chainrule::ops::{Mode, Value};
use chainrule::tensor::{View, stream};
use rand::RngExt as _;

/// A step down the slope.
struct Descent;

impl Update<f32> for Descent {
    fn begin(&mut self, _: &mut [f32]) {}
    fn update(&mut self, _: usize, _: usize, weight: &mut [f32], grad: &[f32]) {
        weight.iter_mut().zip(grad).for_each(|(w, g)| *w -= 0.01 * g);
    }
}

fn bits(v: View<f32>) -> Vec<u32> {
    v.data.iter().map(|x| x.to_bits()).collect()
}

/// No two regions that are in use while one instruction runs have a number in common.
fn apart(plan: &Plan, name: &str) {
    let all = plan.regions();
    for (k, a) in all.iter().enumerate() {
        assert!(a.place.end * 4 <= plan.bytes(4), "{name}: {a:?}");
        for b in &all[k + 1..] {
            let meet = a.life.0 <= b.life.1 && b.life.0 <= a.life.1;
            let overlap = a.place.start < b.place.end && b.place.start < a.place.end;
            assert!(!(meet && overlap), "{name}: {a:?} and {b:?}");
        }
    }
}

/// Runs some batches on a plan that keeps everything and on one that does not, in which all that no later instruction
/// reads becomes NaN between any two: whatever is there has the same bits, and so have loss and weights. How many tensors
/// were compared.
fn agree(graph: &Graph, inference: &Inference, batches: &[(Vec<f32>, Vec<f32>)], rows: usize, name: &str) -> usize {
    let mut weights = Weights::<f32>::init(graph, inference, 3);
    let mut others = weights.clone();
    let lay = |keep| Plan::keeping(graph, inference, &weights, rows, keep).expect("a plan");
    let (all, needed) = (lay(Keep::All), lay(Keep::Needed));
    apart(&needed, name);
    assert_eq!(all.program(), needed.program());
    let (mut full, mut tight) = (Pass::new(&all), Pass::new(&needed));
    let mut compared = 0;
    for (n, (x, y)) in batches.iter().enumerate() {
        for pass in [&mut full, &mut tight] {
            pass.rewind();
            pass.set_draw(n as u64);
        }
        while full.advance(&all, &mut weights, x, y, &mut Descent).is_some() {
            tight.advance(&needed, &mut others, x, y, &mut Descent);
            for id in graph.nodes().map(|n| n.id) {
                let pins = 0..graph.inputs(id).len();
                let tensors = |plan: &Plan, pass: &Pass<f32>| -> Vec<Option<Vec<u32>>> {
                    let own = [pass.value(plan, id), pass.grad(plan, id)];
                    own.into_iter()
                        .chain(pins.clone().map(|p| pass.input_grad(plan, id, p)))
                        .map(|v| v.map(bits))
                        .collect()
                };
                for (a, b) in tensors(&all, &full).into_iter().zip(tensors(&needed, &tight)) {
                    assert!(b.is_none() || a == b, "{name}: node {} after {:?}", id.0, full.cursor());
                    compared += usize::from(b.is_some());
                }
            }
            tight.spoil(&needed);
        }
        assert_eq!(full.bad(), None, "{name}");
        assert_eq!(tight.bad(), None, "{name}");
        let same = weights.values.iter().zip(others.values.iter()).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{name}: the weights differ after batch {n}");
    }
    // Forward alone, as in an evaluation.
    let answer = all.loss_terms().first().and_then(|t| all.input_of(t.0, 0));
    for keep in [Keep::Outputs, Keep::Output(answer)] {
        let plan = Plan::keeping(graph, inference, &weights, rows, keep).expect("a plan");
        apart(&plan, name);
        let mut pass = Pass::new(&plan);
        let (x, y) = &batches[0];
        full.set_mode(Mode::Eval);
        pass.set_mode(Mode::Eval);
        full.run_forward(&all, &mut weights, x, y);
        pass.run_forward(&plan, &mut weights, x, y);
        assert_eq!(full.total_loss(&all).map(f64::to_bits), pass.total_loss(&plan).map(f64::to_bits), "{name}");
        for id in graph.nodes().map(|n| n.id) {
            let there = pass.value(&plan, id).map(bits);
            assert!(there.is_some() || keep != Keep::Outputs && Some(id) != answer, "{name}: node {}", id.0);
            assert!(there.is_none() || there == full.value(&all, id).map(bits), "{name}: node {}", id.0);
        }
    }
    compared
}

#[test]
fn no_number_of_a_shipped_project_is_read_after_its_place_is_used_again() {
    for (name, mut d, data) in shipped() {
        let inference = d.graph.infer(Some(&data.feature_shape), Some(&data.target_shape));
        for frozen in [false, true] {
            // As when the first layers of a trained network are kept.
            if frozen {
                let first = Weights::<f32>::init(&d.graph, &inference, 1).infos.iter().find(|i| i.trained()).cloned();
                let first = first.expect("a weight");
                let tuning = Tuning { frozen: true, ..Tuning::default() };
                d.graph
                    .apply(&Edit::Tune { node: first.node, weight: first.name.into(), tuning })
                    .expect("it is there");
            }
            for rows in [1, 7] {
                let batch = |n: usize| {
                    let rows: Vec<usize> = data.train.iter().copied().cycle().skip(n * rows).take(rows).collect();
                    let mut x = vec![0.0; rows.len() * data.feature_width()];
                    let mut y = vec![0.0; rows.len() * data.target_width()];
                    data.gather(&rows, &mut x, &mut y);
                    (x, y)
                };
                let batches: Vec<_> = (0..2).map(batch).collect();
                let compared = agree(&d.graph, &inference, &batches, rows, name);
                assert!(compared > 2 * d.graph.nodes().count(), "{name}: {compared}");
            }
        }
    }
}

/// A graph of random wires over matrices of 4×6, with weights in some places, some of them frozen, several losses and a
/// penalty.
fn random(seed: u64) -> Graph {
    let mut rng = stream(17, seed);
    let mut n: Net = net();
    let mut at: Vec<NodeId> = vec![n.constant(&[4, 6], 0.3), n.parameter(&[4, 6])];
    let one = ["relu", "tanh", "sigmoid", "softplus", "softmax", "neg", "abs", "layer_norm", "dropout", "detach"];
    let mut layers = Vec::new();
    for _ in 0..rng.random_range(3..25) {
        let (a, b) = (at[rng.random_range(0..at.len())], at[rng.random_range(0..at.len())]);
        let id = match rng.random_range(0..9) {
            0..5 => n.add(one[rng.random_range(0..one.len())], &[], &[a]),
            5 => n.linear(6, a),
            6 => {
                let both = n.add("concat", &[], &[a, b, a]);
                n.linear(6, both)
            }
            7 => {
                let product = n.add("mul", &[], &[a, b]);
                n.add("tanh", &[], &[product])
            }
            _ => n.add(["add", "sub"][rng.random_range(0..2)], &[], &[a, b]),
        };
        layers.push(id);
        at.push(id);
    }
    for _ in 0..2 {
        let (a, b) = (at[rng.random_range(1..at.len())], at[rng.random_range(1..at.len())]);
        n.add("mse_loss", &[("loss_weight", Value::Float(0.5))], &[a, b]);
    }
    let last = *at.last().expect("nodes");
    n.add("l1_loss", &[], &[last, at[0]]);
    n.add("l2_penalty", &[("loss_weight", Value::Float(0.01))], &[]);
    for id in layers.into_iter().filter(|_| rng.random_range(0..4) == 0) {
        let tuning = Tuning { frozen: true, ..Tuning::default() };
        // Only layers have a weight of that name.
        _ = n.0.apply(&Edit::Tune { node: id, weight: "weight".into(), tuning });
    }
    n.0
}

#[test]
fn no_number_of_a_random_graph_is_read_after_its_place_is_used_again() {
    let (mut compared, mut dearest) = (0, 0.0f64);
    for seed in 0..150 {
        let graph = random(seed);
        let inference = graph.infer(None, None);
        assert!(inference.runnable(), "graph {seed}: {:?}", inference.diagnostics);
        let nothing = vec![(Vec::new(), Vec::new()); 2];
        compared += agree(&graph, &inference, &nothing, 1, &format!("graph {seed}"));
        let weights = Weights::<f32>::init(&graph, &inference, 3);
        let f = Plan::keeping(&graph, &inference, &weights, 1, Keep::Needed).expect("a plan").footprint();
        dearest = dearest.max(f.total as f64 / f.live as f64);
    }
    assert!(compared > 10_000, "{compared}");
    assert!(dearest <= 1.2, "{dearest}");
    println!("at most {dearest:.3} times the least");
}
