//! A checked expression and its value.

use super::fold::{Fold, Whole};
use super::scope::Leaf;
use crate::engine::{Pass, Phase, Plan, Weights};
use crate::ops::Precision;
use crate::tensor::View;

/// A figure of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Loss,
    Previous,
    Batch,
    Epoch,
    Step,
    Hits,
    Rate,
}

/// The figures of the run at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::train) struct Figures {
    pub loss: Option<f64>,
    pub previous: Option<f64>,
    pub batch: f64,
    pub epoch: f64,
    pub step: f64,
    pub hits: f64,
    pub rate: f64,
}

/// What an expression is evaluated against.
pub(in crate::train) struct Env<'a, S> {
    pub plan: &'a Plan,
    pub pass: &'a Pass<S>,
    pub weights: &'a Weights<S>,
    pub figures: Figures,
}

impl<'a, S: Precision> Env<'a, S> {
    /// A tensor; `None` until it is computed in this batch.
    pub(super) fn tensor(&self, leaf: Leaf) -> Option<View<'a, S>> {
        match leaf {
            Leaf::Value(n) => self.pass.value(self.plan, n),
            Leaf::Grad(n) => self.pass.grad(self.plan, n),
            Leaf::Input(n, pin) => self.pass.value(self.plan, self.plan.input_of(n, pin)?),
            Leaf::InputGrad(n, pin) => self.pass.input_grad(self.plan, n, pin),
            Leaf::Weight(_, k) => Some(View { shape: &self.weights.infos.get(k)?.shape, data: self.weights.value(k) }),
            Leaf::WeightGrad(n, k) => self
                .pass
                .done(self.plan, n, Phase::Backward)
                .then(|| Some(View { shape: &self.weights.infos.get(k)?.shape, data: self.weights.grad(k) }))
                .flatten(),
        }
    }

    fn figure(&self, f: Figure) -> Option<f64> {
        match f {
            Figure::Loss => self.figures.loss,
            Figure::Previous => self.figures.previous,
            Figure::Batch => Some(self.figures.batch),
            Figure::Epoch => Some(self.figures.epoch),
            Figure::Step => Some(self.figures.step),
            Figure::Hits => Some(self.figures.hits),
            Figure::Rate => Some(self.figures.rate),
        }
    }
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
}

impl Op {
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Op::Add => a + b,
            Op::Sub => a - b,
            Op::Mul => a * b,
            Op::Div => a / b,
            // What is not a number stays so, as in PyTorch.
            Op::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Op::Min if a.is_nan() || b.is_nan() => f64::NAN,
            Op::Max => a.max(b),
            Op::Min => a.min(b),
        }
    }
}

/// What gives one number.
#[derive(Clone, Debug)]
pub(super) enum Num {
    Lit(f64),
    Figure(Figure),
    Neg(Box<Num>),
    Abs(Box<Num>),
    Bin(Op, Box<Num>, Box<Num>),
    Fold(Box<Fold>),
}

impl Num {
    pub fn eval<S: Precision>(&self, env: &Env<S>) -> Option<f64> {
        Some(match self {
            Num::Lit(x) => *x,
            Num::Figure(f) => env.figure(*f)?,
            Num::Neg(a) => -a.eval(env)?,
            Num::Abs(a) => a.eval(env)?.abs(),
            Num::Bin(op, a, b) => op.apply(a.eval(env)?, b.eval(env)?),
            Num::Fold(f) => f.eval(env)?,
        })
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cmp {
    Less,
    LessEq,
    More,
    MoreEq,
    Equal,
    Unequal,
}

impl Cmp {
    pub fn sign(self) -> &'static str {
        match self {
            Cmp::Less => "<",
            Cmp::LessEq => "<=",
            Cmp::More => ">",
            Cmp::MoreEq => ">=",
            Cmp::Equal => "==",
            Cmp::Unequal => "!=",
        }
    }
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Cmp::Less => a < b,
            Cmp::LessEq => a <= b,
            Cmp::More => a > b,
            Cmp::MoreEq => a >= b,
            Cmp::Equal => a == b,
            Cmp::Unequal => a != b,
        }
    }
}

/// One side of a comparison, with its text.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub num: Num,
    pub text: String,
}

/// What is true or false.
#[derive(Clone, Debug)]
pub(super) enum Cond {
    Const(bool),
    Cmp(Cmp, Side, Side),
    /// Whether a fold is not zero, with its text.
    Any(Box<Fold>, String),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Not(Box<Cond>),
}

impl Cond {
    /// `None` where something is not computed yet and the rest does not decide.
    pub fn eval<S: Precision>(&self, env: &Env<S>) -> Option<bool> {
        match self {
            Cond::Const(b) => Some(*b),
            Cond::Cmp(cmp, a, b) => Some(cmp.holds(a.num.eval(env)?, b.num.eval(env)?)),
            Cond::Any(fold, _) => Some(fold.eval(env)? != 0.0),
            Cond::And(a, b) => match a.eval(env) {
                Some(false) => Some(false),
                Some(true) => b.eval(env),
                None => b.eval(env).filter(|b| !b),
            },
            Cond::Or(a, b) => match a.eval(env) {
                Some(true) => Some(true),
                Some(false) => b.eval(env),
                None => b.eval(env).filter(|b| *b),
            },
            Cond::Not(a) => a.eval(env).map(|a| !a),
        }
    }
}

/// What an expression gives.
#[derive(Clone, Debug)]
pub(super) enum Gives {
    Num(Num),
    Cond(Cond),
    Tensor(Whole),
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Expr {
    pub(super) gives: Gives,
    /// The tensors it speaks of, in the order of its text.
    pub(super) leaves: Vec<Leaf>,
    /// Whether it speaks of the loss.
    pub(super) loss: bool,
}

impl Expr {
    /// The node of the first tensor that it speaks of.
    pub fn node(&self) -> Option<crate::graph::NodeId> {
        self.leaves.first().map(|l| l.node())
    }
    /// The earliest moment of a node at which all of `self` is known there.
    pub fn moment(&self) -> super::Moment {
        let rank = |l: &Leaf| match l {
            Leaf::Input(..) | Leaf::Weight(..) => super::Moment::Forward,
            Leaf::Value(_) | Leaf::Grad(_) => super::Moment::Backward,
            Leaf::InputGrad(..) | Leaf::WeightGrad(..) => super::Moment::Update,
        };
        // The loss of the batch is known when its forward pass is done.
        let start = if self.loss { super::Moment::Backward } else { super::Moment::Forward };
        self.leaves.iter().map(rank).max().unwrap_or(start).max(start)
    }
    /// Whether it is true or false.
    pub fn is_condition(&self) -> bool {
        matches!(self.gives, Gives::Cond(_))
    }
}
