//! Why a gradient is zero, small or huge: the paths by which it comes from the loss, the factor of every node on them, and
//! the first factor that is to blame.
//!
//! Nothing here knows a kind of node. A factor is ‖gradient that leaves‖ / ‖gradient that arrives‖; what is behind it is
//! found by running the node's own backward on other numbers, see [`finding`].

mod finding;
mod routes;
mod words;

pub use finding::{Cause, Finding};

use crate::engine::explain::Scene;
use crate::engine::local::{Local, Target};
use crate::engine::plan::{Keep, Source};
use crate::graph::NodeId;
use crate::ops::{Precision, Role};
use crate::tensor::norm;
use finding::Detective;
use routes::{Found, Search};

/// Paths shown at most; those that bring most.
const MOST: usize = 6;
/// A gradient below this part of the largest one of all parameters is small.
const SMALL: f64 = 0.01;
/// A gradient with a larger norm is huge.
const HUGE: f64 = 10.0;
/// A factor outside of these bounds is looked into.
const USUAL: (f64, f64) = (0.2, 5.0);
/// A factor outside of these bounds may be to blame by itself.
const STRONG: (f64, f64) = (0.1, 10.0);

/// Whose gradient is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Of the weight with this number among all.
    Weight(usize),
    /// Of what a node computes: its δ.
    Output(NodeId),
}

/// What a gradient is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds NaN or infinities.
    NotFinite,
    /// Every element is exactly zero.
    Zero,
    /// Norm above 10.
    Huge,
    /// Norm under 1 % of the largest one: of all parameters, or for a δ of all that nodes compute.
    Small,
    /// At least half of the elements are exactly zero.
    Sparse,
    /// Neither zero nor huge.
    Usual,
}

impl Verdict {
    /// `is zero`, `is huge`.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::NotFinite => "is no finite number",
            Verdict::Zero => "is zero",
            Verdict::Huge => "is huge",
            Verdict::Small => "is far smaller than others",
            Verdict::Sparse => "is zero in half of its elements or more",
            Verdict::Usual => "is neither zero nor huge",
        }
    }
}

/// One node on a path from a loss to the parameter or value.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// Which.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// The input pin by which the gradient leaves it; `None` where it leaves to the parameter that the node owns.
    pub pin: Option<usize>,
    /// ‖·‖ of what arrives of this path; `None` where nothing does.
    pub arrives: Option<f64>,
    /// ‖·‖ of what leaves.
    pub leaves: Option<f64>,
    /// Whether it is a loss.
    pub loss: bool,
    /// What is behind a factor that is not usual.
    pub finding: Option<Finding>,
}

impl Leg {
    /// ‖leaves‖ / ‖arrives‖; `None` where nothing arrives.
    pub fn factor(&self) -> Option<f64> {
        let (a, l) = (self.arrives?, self.leaves?);
        (a > 0.0).then_some(l / a)
    }
}

/// A path from a loss to the parameter or value.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The nodes on it, the loss first; none where the value is the loss itself.
    pub legs: Vec<Leg>,
    /// ∂L/∂loss term, where it begins.
    pub seed: f64,
    /// ‖·‖ of what it brings to the gradient: the seed times the product of the factors.
    pub brings: f64,
    /// Whether its loss is a penalty on weights.
    pub penalty: bool,
    /// The leg to blame, if one is.
    pub guilty: Option<usize>,
}

impl Route {
    /// The product of the factors.
    pub fn product(&self) -> f64 {
        if self.seed == 0.0 { 0.0 } else { self.brings / self.seed.abs() }
    }
}

/// The answer for one gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// Whose parameter or output.
    pub node: NodeId,
    /// Which.
    pub subject: Subject,
    /// `hidden 1.weight`, `hidden 1.output`.
    pub label: String,
    /// ‖∂L/∂it‖.
    pub norm: f64,
    /// The largest such norm of all parameters that are trained; for a δ, of all that nodes compute, losses left out.
    pub largest: f64,
    /// Elements that are exactly zero, of all.
    pub zeros: (usize, usize),
    /// What the gradient is like.
    pub verdict: Verdict,
    /// What is to blame, if something is.
    pub guilty: Option<Finding>,
    /// All of it in a sentence.
    pub sentence: String,
    /// What to try; empty where all is well.
    pub advice: String,
    /// The paths that bring most, the largest first.
    pub routes: Vec<Route>,
    /// How many more paths there are; a count too large for whole numbers is rounded.
    pub hidden: f64,
    /// Whether the numbers of every path are its own. Else, where paths meet, each gets its share by norms.
    pub exact: bool,
}

impl<S: Precision> Scene<'_, S> {
    /// Explains a gradient after the backward pass. `moved` says that the optimiser has moved weights since and their old
    /// values are not known.
    ///
    /// # Errors
    /// If there is no such weight or node, the backward pass has not run to its end, or it left this gradient out.
    pub fn why(&self, subject: Subject, moved: bool) -> Result<Why, String> {
        let (node, label, frozen) = match subject {
            Subject::Weight(k) => {
                let info = self.plan.infos.get(k).ok_or("there is no such parameter")?;
                if info.buffer {
                    return Err(format!(
                        "{} is a buffer: the forward pass keeps it, and no gradient moves it",
                        info.label
                    ));
                }
                (info.node, info.label.clone(), info.tuning.frozen)
            }
            Subject::Output(node) => (node, format!("{}.output", self.name(node)), false),
        };
        if self.plan.keep() != Keep::All {
            return Err("this run keeps no numbers to be looked into".into());
        }
        if self.pass.cursor() < self.plan.first_update() {
            return Err("the backward pass is not over yet".into());
        }
        let (data, elements) = self.gradient_of(subject)?;
        let largest = self.norms(subject).into_iter().filter(|n| n.is_finite()).fold(0.0, f64::max);
        let search = Search::new(self, subject);
        let mut detective = Detective::new(self);
        let cost: u64 = search.found.iter().flat_map(|f| &f.steps).map(|s| 2 * self.plan.steps[s.0].flops).sum();
        let one = search.count <= 1.0;
        let exact = one || !moved && cost <= self.budget;
        let mut routes: Vec<Route> =
            search.found.iter().map(|f| self.route(f, subject, exact && !one, &mut detective)).collect();
        routes.sort_by(|a, b| b.brings.total_cmp(&a.brings));
        let zeros = data.iter().filter(|x| **x == S::zero()).count() + elements - data.len();
        let mut why = Why {
            node,
            subject,
            label,
            norm: norm(data),
            largest,
            zeros: (zeros, elements),
            verdict: Verdict::Usual,
            guilty: None,
            sentence: String::new(),
            advice: String::new(),
            hidden: (search.count - routes.len() as f64).max(0.0),
            routes,
            exact,
        };
        why.verdict = match &why {
            _ if data.iter().any(|x| !x.is_finite()) => Verdict::NotFinite,
            w if w.norm == 0.0 => Verdict::Zero,
            w if w.norm > HUGE => Verdict::Huge,
            w if w.norm < SMALL * w.largest => Verdict::Small,
            w if 2 * w.zeros.0 >= w.zeros.1 => Verdict::Sparse,
            _ => Verdict::Usual,
        };
        words::judge(&mut why, frozen);
        Ok(why)
    }

    /// The elements of a gradient that are there, and how many there are: none of them where none arrives.
    fn gradient_of(&self, subject: Subject) -> Result<(&[S], usize), String> {
        let node = match subject {
            Subject::Weight(k) => return Ok((self.weights.grad(k), self.weights.grad(k).len())),
            Subject::Output(node) => node,
        };
        let step = self.plan.index.get(&node).map(|at| &self.plan.steps[*at]).ok_or("there is no such node")?;
        match self.pass.grad(self.plan, node) {
            Some(view) => Ok((view.data, view.data.len())),
            None if step.grad.is_none() => Ok((&[], step.value.len())),
            None => Err("at full speed gradients that reach no weight are left out: step once to have it".into()),
        }
    }

    /// The norms of the gradients that this one is compared with.
    fn norms(&self, subject: Subject) -> Vec<f64> {
        match subject {
            Subject::Weight(_) => {
                let trained = self.plan.infos.iter().enumerate().filter(|(_, i)| i.trained());
                trained.map(|(k, _)| norm(self.weights.grad(k))).collect()
            }
            Subject::Output(_) => {
                let steps = self.plan.steps.iter().filter(|s| !s.kind.spec.is_loss());
                steps.filter_map(|s| Some(norm(self.pass.grad(self.plan, s.id)?.data))).collect()
            }
        }
    }

    /// A path with its numbers. With `own` they are those of this path alone, by a backward pass along it; else those of
    /// the whole pass.
    fn route(&self, found: &Found, subject: Subject, own: bool, detective: &mut Detective<S>) -> Route {
        let steps = &self.plan.steps;
        let first = &steps[found.loss];
        let mut alone: Option<Vec<S>> = own.then(|| vec![S::of(first.loss_weight); first.value.len()]);
        let mut arrives = Some(first.loss_weight.abs());
        let mut legs: Vec<Leg> = Vec::with_capacity(found.steps.len());
        // Without numbers of its own a path gets its share of what arrives.
        let mut share = 1.0;
        for &(at, pin) in &found.steps {
            let step = &steps[at];
            let target = pin.map_or_else(
                || Target::Weight(step.weights.iter().position(|k| subject == Subject::Weight(*k)).unwrap_or(0)),
                Target::Input,
            );
            let open = pin.is_none_or(|p| step.pins[p].is_some());
            let whole = self.pass.grad(self.plan, step.id).map(|v| v.data);
            let alive = arrives.is_some_and(|a| a > 0.0 || a.is_nan());
            let mut leaves = None;
            let mut finding = None;
            if open && alive {
                let delta: &[S] = match (&alone, whole) {
                    (Some(own), _) => own,
                    (None, Some(whole)) => whole,
                    (None, None) => &[],
                };
                let out: Option<Vec<S>> = match (own, pin) {
                    _ if delta.is_empty() => None,
                    (false, Some(p)) => self.pass.input_grad(self.plan, step.id, p).map(|v| v.data.to_vec()),
                    _ => Some(detective.local(at).gradient(delta, target, None)),
                };
                if let Some(out) = out {
                    let (came, goes) = (norm(delta), norm(&out));
                    if !own {
                        share = arrives.unwrap_or(0.0) / if came > 0.0 { came } else { 1.0 };
                    }
                    leaves = Some(goes * share);
                    finding = detective.look(at, target, delta, &out);
                    alone = own.then_some(out);
                }
            } else if !open {
                finding = detective.blocked(at, target);
                alone = None;
            }
            legs.push(Leg {
                node: step.id,
                name: self.name(step.id),
                pin,
                arrives: arrives.filter(|_| alive),
                leaves,
                loss: step.kind.spec.is_loss(),
                finding,
            });
            arrives = leaves;
        }
        if first.loss_weight == 0.0
            && let Some(leg) = legs.first_mut()
        {
            leg.arrives = Some(0.0);
            leg.finding = Some(detective.no_weight(found.loss));
        }
        let guilty = legs.iter().position(|l| l.finding.is_some() && l.leaves.is_none_or(|x| x == 0.0));
        let penalty = first.kind.spec.role == Role::Penalty;
        Route { legs, seed: first.loss_weight, brings: arrives.unwrap_or(0.0), penalty, guilty }
    }

    fn name(&self, node: NodeId) -> String {
        self.graph.node(node).map_or_else(String::new, |n| n.name.clone())
    }

    /// The node that feeds a pin.
    fn source(&self, at: usize, pin: usize) -> Option<usize> {
        match self.plan.steps[at].inputs.get(pin)? {
            Source::Value(k) => Some(*k),
            Source::Weight(_) => None,
        }
    }

    fn take(&self, at: usize) -> Local<S> {
        Local::of(self.plan, self.pass, &self.plan.steps[at], self.weights, self.used)
    }
}

/// How many paths, in digits as far as these mean something: `12`, `3.4e21`.
pub fn count_text(count: f64) -> String {
    if count < 1e7 { format!("{count:.0}") } else { format!("{count:.1e}") }
}
