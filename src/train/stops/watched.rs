//! Watches of a run: what they give now, and how that went over the steps.

use super::fold::Whole;
use super::tree::{Env, Expr, Gives};
use crate::ops::Precision;
use crate::tensor::Stats;
use std::sync::Arc;

/// What a watch gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// It cannot be read, or speaks of what is not there; why.
    Fault(String),
    /// It is not computed in this batch yet.
    NotYet,
    /// One number.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A tensor.
    Tensor {
        /// Lengths of its axes.
        shape: Vec<usize>,
        /// Its first elements.
        first: Vec<f64>,
        /// Of all elements.
        stats: Stats,
    },
}

/// One watch in a snapshot.
#[derive(Clone, Debug)]
pub struct WatchShot {
    /// Its id in the document.
    pub id: u32,
    /// The node of the first tensor it speaks of.
    pub node: Option<crate::graph::NodeId>,
    /// Whether it shows a gradient.
    pub is_grad: bool,
    /// What it gives now.
    pub gives: Watched,
    /// Step and value over the run: of a tensor its largest magnitude.
    pub history: Arc<Vec<[f64; 2]>>,
}

/// Elements of a tensor that are told.
pub(super) const FIRST: usize = 16;
/// Points of a history; when there are more every other one goes, and points are taken half as often.
const POINTS: usize = 256;

/// One watch of a session.
#[derive(Clone, Debug)]
pub(super) struct Watching {
    pub id: u32,
    pub text: String,
    pub expr: Result<Expr, String>,
    points: Vec<[f64; 2]>,
    every: u64,
}

impl Watching {
    pub fn new(id: u32, text: String, expr: Result<Expr, String>) -> Self {
        // Room for all points, so that a step never allocates.
        Watching { id, text, expr, points: Vec::with_capacity(POINTS + 1), every: 1 }
    }

    /// Takes over the history of a watch of the same text.
    pub fn inherit(&mut self, old: Watching) {
        (self.points, self.every) = (old.points, old.every);
    }

    /// A new run begins.
    pub fn clear(&mut self) {
        self.points.clear();
        self.every = 1;
    }

    /// Batch number `step` is done.
    pub fn sample<S: Precision>(&mut self, env: &Env<S>, step: u64) {
        if !step.is_multiple_of(self.every) {
            return;
        }
        let value = match &self.expr {
            Ok(Expr { gives: Gives::Num(n), .. }) => n.eval(env),
            Ok(Expr { gives: Gives::Cond(c), .. }) => c.eval(env).map(|b| f64::from(u8::from(b))),
            Ok(Expr { gives: Gives::Tensor(t), .. }) => t.magnitude(env),
            Err(_) => None,
        };
        let Some(value) = value else { return };
        // After going back the run writes over what came later.
        while self.points.last().is_some_and(|p| p[0] >= step as f64) {
            self.points.pop();
        }
        self.points.push([step as f64, value]);
        if self.points.len() > POINTS {
            self.every *= 2;
            let every = self.every as f64;
            self.points.retain(|p| p[0] % every == 0.0);
        }
    }

    pub fn shot<S: Precision>(&self, env: &Env<S>) -> WatchShot {
        let gives = match &self.expr {
            Err(why) => Watched::Fault(why.clone()),
            Ok(e) => now(e, env),
        };
        let expr = self.expr.as_ref().ok();
        WatchShot {
            id: self.id,
            node: expr.and_then(Expr::node),
            is_grad: expr.is_some_and(|e| e.leaves.iter().any(|l| l.is_grad())),
            gives,
            history: Arc::new(self.points.clone()),
        }
    }
}

pub(super) fn now<S: Precision>(e: &Expr, env: &Env<S>) -> Watched {
    match &e.gives {
        Gives::Num(n) => n.eval(env).map_or(Watched::NotYet, Watched::Number),
        Gives::Cond(c) => c.eval(env).map_or(Watched::NotYet, Watched::Truth),
        Gives::Tensor(t) => tensor(t, env).unwrap_or(Watched::NotYet),
    }
}

fn tensor<S: Precision>(t: &Whole, env: &Env<S>) -> Option<Watched> {
    let (shape, mut first, stats) = t.read(env)?;
    first.truncate(FIRST);
    Some(Watched::Tensor { shape, first, stats })
}
