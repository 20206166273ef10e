//! What-if: a copy is changed, the run is not; what is kept is as if it had been so all along.

use super::golden;
use super::sums::{session as golden_session, to_update};
use chainrule::engine::Phase;
use chainrule::ops::Precision;
use chainrule::train::{Session, TensorRef};
use std::path::Path;
use std::sync::Arc;

fn project<S: Precision>(name: &str) -> Session<S> {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let d = chainrule::project::parse(&text).expect("it reads").document;
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    Session::new(Arc::new(d.graph), data, d.train).expect("it can run")
}

/// A weight, a value and a gradient of the first layer that has weights and a gradient.
fn places(s: &Session<f32>) -> [String; 3] {
    let done = |node| s.current().1.done(s.current().0, node, Phase::Backward);
    let info = s.weights().infos.iter().find(|i| i.trained() && i.shape.len() > 1 && done(i.node)).expect("a layer");
    let name = &s.graph().node(info.node).expect("a node").name;
    let zeros = |n: usize| vec!["0"; n].join(",");
    let (plan, pass) = s.current();
    let rank = pass.value(plan, info.node).expect("a value").shape.len();
    [
        format!("{name}.{}[{}]=0.75", info.name, zeros(info.shape.len())),
        format!("{name}.output[{}]=0.9", zeros(rank)),
        format!("{name}.output.grad[{}]=-0.5", zeros(rank)),
    ]
}

#[test]
fn what_is_discarded_leaves_the_same_bits() {
    for name in ["spirals", "regularised", "skip"] {
        let (mut asked, mut plain) = (project::<f32>(name), project::<f32>(name));
        for s in [&mut asked, &mut plain] {
            for _ in 0..5 {
                s.step();
            }
        }
        for _ in 0..3 {
            to_update(&mut asked);
            let pokes: Vec<_> = places(&asked).iter().map(|p| asked.poke(p).expect("it is there")).collect();
            let what = asked.what_if(&pokes, None).expect("it can be tried");
            assert!(what.loss.0.is_finite() && what.loss.0 != what.loss.1, "{name}: {:?}", what.loss);
            let (plan, pass) = asked.current();
            assert_eq!(Some(what.loss.0), pass.total_loss(plan), "the old loss is the batch's");
            asked.step();
            plain.step();
            asked.what_if(&pokes[..1], None).expect("a weight after the update");
            assert_eq!(asked.export_weights(), plain.export_weights(), "{name}");
            assert_eq!(asked.weights().grads, plain.weights().grads, "{name}");
        }
    }
}

#[test]
fn a_kept_weight_is_as_if_it_had_been_set_before_the_batch() {
    for name in ["spirals", "regularised", "skip"] {
        for stop in [1, 7, 1000] {
            let (mut kept, mut set) = (project::<f32>(name), project::<f32>(name));
            for s in [&mut kept, &mut set] {
                for _ in 0..4 {
                    s.step();
                }
            }
            to_update(&mut set);
            let place = places(&set)[0].clone();
            let mut by_hand = project::<f32>(name);
            for _ in 0..4 {
                by_hand.step();
            }
            let poke = by_hand.poke(&place).expect("it is there");
            let TensorRef::Weight(k) = poke.of.tensor else { panic!("a weight") };
            let weight = by_hand.weights().infos.iter().filter(|i| i.node == poke.of.node).nth(k).map(|i| i.name);
            assert!(by_hand.set_weight(poke.of.node, weight.expect("a name"), poke.of.index, poke.value));
            for _ in 0..stop {
                if kept.next().is_some_and(|i| i.phase == Phase::Update) {
                    break;
                }
                kept.advance();
            }
            assert_eq!(kept.keep(&[poke]), Ok(None));
            for s in [&mut kept, &mut by_hand] {
                for _ in 0..10 {
                    s.step();
                }
            }
            assert_eq!(kept.export_weights(), by_hand.export_weights(), "{name}, stopped after {stop}");
        }
    }
}

#[test]
fn a_kept_value_goes_on_into_the_loss_and_the_update() {
    let golden = golden("autograd.json");
    let mut s = golden_session::<f64>(&golden["runs"][3]);
    to_update(&mut s);
    let poke = s.poke("tanh 1.output[2,1]=0.25").expect("it is there");
    let what = s.what_if(&[poke], Some(poke.of.node)).expect("it can be tried");
    assert_eq!(what.pokes[0].1, "tanh 1.output[2,1]");
    assert_eq!(what.obstacle, None);
    let old = s.current().1.value(s.current().0, poke.of.node).expect("a value").data[poke.of.index];
    assert_eq!(what.pokes[0].2, old);
    let output = what.delta(poke.of.node, TensorRef::Output).expect("it changes");
    assert_eq!((output.changed, output.most), (1, (poke.of.index, old, 0.25)));
    assert_eq!(output.data[poke.of.index].1, 0.25);
    let first = s.graph().by_name("linear 1").expect("the node").id;
    assert!(what.delta(first, TensorRef::Output).is_none(), "nothing before it changes");
    assert!(what.delta(first, TensorRef::WeightGrad(0)).is_some(), "gradients do");
    assert_eq!(s.keep(&[poke]), Ok(None));
    let (plan, pass) = s.current();
    assert_eq!(pass.total_loss(plan), Some(what.loss.1));
    assert_eq!(s.next().map(|i| i.phase), Some(Phase::Update), "it stands where it stood");
    let second = s.graph().by_name("linear 2").expect("the node").id;
    let k = s.weights().find(second, "weight").expect("the weight");
    let (grad, weight) = (s.weights().grad(k).to_vec(), s.weights().value(k).to_vec());
    s.step();
    for ((w, g), now) in weight.iter().zip(grad).zip(s.weights().value(k)) {
        assert!((w - 0.1 * g - now).abs() < 1e-15, "the update uses the changed gradient");
    }
}

#[test]
fn gradients_are_the_slopes_that_what_if_shows() {
    let golden = golden("autograd.json");
    let mut s = golden_session::<f64>(&golden["runs"][3]);
    to_update(&mut s);
    let h = 1e-6;
    let mut seen = 0;
    for tensor in ["linear 1.output", "tanh 1.output", "linear 2.output", "linear 1.weight", "linear 2.bias"] {
        let name = &tensor[..8.min(tensor.find('.').unwrap_or(8))];
        let node = s.graph().by_name(tensor.rsplit_once('.').expect("a tensor").0).expect(name).id;
        let (which, grads) = if tensor.ends_with("output") {
            (TensorRef::Output, s.current().1.grad(s.current().0, node).expect("a gradient").data.to_vec())
        } else {
            let weight = tensor.rsplit_once('.').expect("a tensor").1;
            let k = s.weights().find(node, weight).expect("the weight");
            let first = s.weights().infos.iter().position(|i| i.node == node).expect("a weight");
            (TensorRef::Weight(k - first), s.weights().grad(k).to_vec())
        };
        for (index, want) in grads.iter().enumerate() {
            let of = chainrule::train::ElementRef { node, tensor: which, index };
            let at = s.what_if(&[chainrule::train::Poke { of, value: 0.0 }], None).expect("it can be tried").pokes[0].2;
            let loss = |d: f64| {
                let poke = chainrule::train::Poke { of, value: at + d };
                s.what_if(&[poke], None).expect("it can be tried").loss.1
            };
            let slope = (loss(h) - loss(-h)) / (2.0 * h);
            assert!((slope - want).abs() < 1e-7, "{tensor}[{index}]: the slope is {slope}, the gradient {want}");
            seen += 1;
        }
    }
    assert_eq!(seen, 15 + 15 + 5 + 6 + 1);
}

#[test]
fn an_element_that_is_not_there_is_named_with_what_is() {
    let mut s = project::<f32>("mlp_2_2_1");
    s.advance();
    for (text, words) in [
        ("nobody.output[0,0]=1", "does not begin with the name of a node"),
        ("hidden.nothing[0]=1", "it has output"),
        ("hidden.output[0]=1", "indices"),
        ("hidden.output[0,9]=1", "outside"),
        ("hidden.output[0,x]=1", "not an index"),
        ("hidden.output[0,0]=many", "not a number"),
        ("hidden.output[0,0]", "ELEMENT=NUMBER"),
    ] {
        let hidden = s.weights().infos.first().and_then(|i| s.graph().node(i.node)).expect("a layer").name.clone();
        let why = s.poke(&text.replace("hidden", &hidden)).expect_err(text);
        assert!(why.contains(words), "{text}: {why}");
    }
    let name = s.graph().node(s.weights().infos[0].node).expect("a node").name.clone();
    let poke = s.poke(&format!("{name}.output.grad[0,0]=1")).expect("it is there");
    assert!(s.settle(poke).is_err_and(|why| why.contains("not computed yet")));
    let poke = s.poke(&format!("{name}.weight[0,0]=nan")).expect("it is there");
    assert!(s.settle(poke).is_err(), "NaN is no number to try");
}
