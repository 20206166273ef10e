//! What a local derivative is, and what things are called.

use super::{Explanation, Factor, Joined, Origin, Scene, Term, index_text, inside, picture, shorten};
use crate::engine::local::{Local, Target};
use crate::engine::plan::{Source, Step};
use crate::ops::{Made, Place, Precision};
use crate::tensor::stream;
use rand::RngExt as _;
use std::collections::HashMap;

/// Finds which element of which tensor a local derivative is: the tensor is filled with other numbers, no two alike, and
/// the derivative becomes one of them.
pub(super) struct Search<'a, S> {
    node: &'a Local<S>,
    target: Target,
    scrambled: Vec<Scrambled<S>>,
}

/// Other numbers for a tensor, and where each of them lies.
struct Scrambled<S> {
    of: Target,
    data: Vec<S>,
    places: HashMap<u64, usize>,
}

impl<'a, S: Precision> Search<'a, S> {
    /// For derivatives by `target`.
    pub fn new(node: &'a Local<S>, target: Target) -> Self {
        let mut random = stream(23, 0);
        let others = node.targets().into_iter().filter(|t| *t != target);
        let scrambled = others.map(|t| {
            let data: Vec<S> = node.tensor(t).data.iter().map(|_| S::of(0.25 + random.random::<f64>())).collect();
            let places = data.iter().enumerate().map(|(i, x)| (x.to64().to_bits(), i)).collect();
            Scrambled { of: t, data, places }
        });
        let scrambled = scrambled.collect();
        Search { node, target, scrambled }
    }

    /// A derivative that has no name.
    pub fn plain(slope: S) -> Vec<Factor> {
        vec![Factor { of: Origin::Local, index: 0, label: String::new(), value: slope.to64() }]
    }

    /// The factors whose product is the derivative `slope` of the outputs marked in `hot` by element `at`.
    pub fn find(&mut self, hot: &[S], at: usize, slope: S) -> Vec<Factor> {
        for Scrambled { of: t, data, places } in &self.scrambled {
            let found = self.node.gradient(hot, self.target, Some((*t, data)))[at].to64();
            for sign in [1.0, -1.0] {
                let Some(&i) = places.get(&(sign * found).to_bits()) else { continue };
                let value = self.node.tensor(*t).data[i].to64();
                if value * sign != slope.to64() {
                    continue;
                }
                let of = match t {
                    Target::Input(k) => Origin::Input(*k),
                    Target::Weight(k) => Origin::Weight(*k),
                };
                let factor = Factor { of, index: i, label: String::new(), value };
                let minus = Factor { of: Origin::Local, index: 0, label: "−1".into(), value: -1.0 };
                return if sign > 0.0 { vec![factor] } else { vec![minus, factor] };
            }
        }
        Self::plain(slope)
    }
}

/// The names of what a node reads.
pub(super) struct Names {
    node: String,
    inputs: Vec<(String, Vec<usize>)>,
    weights: Vec<(String, Vec<usize>)>,
    buffers: Vec<(String, Vec<usize>)>,
    output: Vec<usize>,
}

impl Names {
    pub fn new<S>(scene: &Scene<S>, step: &Step) -> Self {
        let plan = scene.plan;
        let called = |id| scene.graph.node(id).map_or_else(String::new, |n| n.name.clone());
        let name = |s: &Source| match *s {
            Source::Value(k) => called(plan.steps[k].id),
            Source::Weight(k) => plan.infos[k].label.clone(),
        };
        let inputs = step.inputs.iter().map(name).zip(step.input_shapes.iter().cloned()).collect();
        let weight = |k: &usize| (plan.infos[*k].label.clone(), plan.infos[*k].shape.clone());
        Names {
            node: called(step.id),
            inputs,
            weights: step.weights.iter().map(weight).collect(),
            buffers: step.buffers.iter().map(weight).collect(),
            output: step.shape.clone(),
        }
    }

    /// Writes the names of all factors.
    pub fn label(&self, mut e: Explanation) -> Explanation {
        for factor in e.terms.iter_mut().flat_map(|t| &mut t.factors) {
            let of = |(name, shape): &(String, Vec<usize>)| format!("{name}{}", index_text(shape, factor.index));
            let text = match factor.of {
                Origin::Delta => format!("δ{}", index_text(&self.output, factor.index)),
                Origin::Output => format!("{}{}", self.node, index_text(&self.output, factor.index)),
                Origin::Input(k) => self.inputs.get(k).map(of).unwrap_or_default(),
                Origin::Weight(k) => self.weights.get(k).map(of).unwrap_or_default(),
                Origin::Buffer(k) => self.buffers.get(k).map(of).unwrap_or_default(),
                Origin::Local if factor.label.is_empty() => "slope".to_owned(),
                Origin::Part(_) | Origin::Consumer(..) | Origin::Local | Origin::Constant => continue,
            };
            factor.label = text;
        }
        e
    }

    /// What made element `i` of part `part`.
    pub fn inside<S: Precision>(&self, node: &Local<S>, part: usize, i: usize) -> Result<Explanation, String> {
        let parts = inside::parts(node);
        let opened = parts.get(part).ok_or("there is no such part")?;
        let total = *opened.data.get(i).ok_or("there is no such element")?;
        let factor = |place: &Place| match *place {
            Place::Input(k, i) => {
                Factor { of: Origin::Input(k), index: i, label: String::new(), value: node.inputs[k].data[i].to64() }
            }
            Place::Weight(k, i) => {
                Factor { of: Origin::Weight(k), index: i, label: String::new(), value: node.weights[k].data[i].to64() }
            }
            Place::Buffer(k, i) => {
                let (of, value) = (Origin::Buffer(k), node.buffers[k].data[i].to64());
                Factor { of, index: i, label: String::new(), value }
            }
            Place::Part(k, i) => {
                let label = format!("{}{}", parts[k].name, index_text(&parts[k].shape, i));
                Factor { of: Origin::Part(k), index: i, label, value: parts[k].data[i] }
            }
        };
        let mut e = Explanation { total, title: opened.name.clone(), ..Explanation::default() };
        let made = inside::made(node, part, i);
        e.picture = picture::of(node, &made);
        match made {
            Made::Sum(terms) => {
                for (by, places) in terms {
                    let mut factors: Vec<Factor> = places.iter().map(factor).collect();
                    let value = by * factors.iter().map(|f| f.value).product::<f64>();
                    if by != 1.0 {
                        let label = if by == -1.0 { "−1".into() } else { constant(by) };
                        factors.insert(0, Factor { of: Origin::Constant, index: 0, label, value: by });
                    }
                    e.terms.push(Term { factors, value, slope: None });
                }
            }
            Made::Function(name, places) => {
                e.joined = Joined::Function(name.to_owned());
                let term = |f: Factor| Term { value: f.value, factors: vec![f], slope: None };
                e.terms = places.iter().map(factor).map(term).collect();
            }
        }
        shorten(&mut e);
        Ok(self.label(e))
    }
}

/// A constant as a fraction where it is one: `1/8`.
fn constant(x: f64) -> String {
    let inverse = 1.0 / x;
    let sign = if x < 0.0 { "−" } else { "" };
    let whole = |y: f64| (x != 0.0 && y >= 2.0 && (y - y.round()).abs() < 1e-9 * y).then(|| y.round());
    match (whole(inverse.abs()), whole(inverse * inverse)) {
        (Some(n), _) => format!("{sign}1/{n}"),
        (None, Some(n)) => format!("{sign}1/√{n}"),
        _ => format!("{x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::constant;

    #[test]
    fn a_constant_is_written_as_what_it_is_one_part_of() {
        assert_eq!(
            ["1/8", "−1/3", "1/√8", "0.3", "1", "2"],
            [0.125, -1.0 / 3.0, 8f64.sqrt().recip(), 0.3, 1.0, 2.0].map(constant).each_ref().map(String::as_str)
        );
    }
}
