//! Tensors become one number: element by element, in blocks on the stack, without allocating.

use super::scope::Leaf;
use super::tree::{Env, Num, Op};
use crate::ops::Precision;
use crate::tensor::Stats;

/// Elements computed at once.
const BLOCK: usize = 64;
/// Tensors, and numbers, in one reduction.
pub(super) const MOST: usize = 8;

/// A tensor, or an expression of the elements of several with one shape.
#[derive(Clone, Debug)]
pub(super) enum Ten {
    Leaf(Leaf),
    /// The same number for every element.
    Num(Num),
    Neg(Box<Ten>),
    Abs(Box<Ten>),
    Bin(Op, Box<Ten>, Box<Ten>),
}

/// One element, of tensors and numbers that are looked up once.
#[derive(Clone, Debug)]
enum Elem {
    Leaf(usize),
    Num(usize),
    Neg(Box<Elem>),
    Abs(Box<Elem>),
    Bin(Op, Box<Elem>, Box<Elem>),
}

/// A tensor expression that can be evaluated anywhere.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    elem: Elem,
    leaves: Vec<Leaf>,
    nums: Vec<Num>,
}

/// The tensors and numbers of one evaluation.
struct Bound<'a, S> {
    data: [&'a [S]; MOST],
    nums: [f64; MOST],
    shape: &'a [usize],
    len: usize,
}

impl Whole {
    /// `None` if there are more than [`MOST`] tensors or numbers in it, or no tensor at all.
    pub fn new(ten: Ten) -> Option<Self> {
        let (mut leaves, mut nums) = (Vec::new(), Vec::new());
        let elem = flat(ten, &mut leaves, &mut nums);
        ((1..=MOST).contains(&leaves.len()) && nums.len() <= MOST).then_some(Whole { elem, leaves, nums })
    }

    fn bind<'a, S: Precision>(&self, env: &Env<'a, S>) -> Option<Bound<'a, S>> {
        let mut bound = Bound { data: [&[]; MOST], nums: [0.0; MOST], shape: &[], len: 0 };
        for (k, leaf) in self.leaves.iter().enumerate() {
            let view = env.tensor(*leaf)?;
            if k == 0 {
                (bound.shape, bound.len) = (view.shape, view.data.len());
            }
            // Shapes were compared when the expression was read; a plan may still disagree after an edit.
            if view.data.len() != bound.len {
                return None;
            }
            bound.data[k] = view.data;
        }
        for (k, num) in self.nums.iter().enumerate() {
            bound.nums[k] = num.eval(env)?;
        }
        Some(bound)
    }

    /// All elements, their shape and statistics: for showing, not for the run.
    pub fn read<S: Precision>(&self, env: &Env<S>) -> Option<(Vec<usize>, Vec<f64>, Stats)> {
        let bound = self.bind(env)?;
        let mut all = Vec::with_capacity(bound.len);
        each(&self.elem, &bound, 0, bound.len, |block| all.extend_from_slice(block));
        let stats = Stats::of(&all);
        Some((bound.shape.to_vec(), all, stats))
    }

    /// The largest magnitude of the finite elements.
    pub fn magnitude<S: Precision>(&self, env: &Env<S>) -> Option<f64> {
        let bound = self.bind(env)?;
        let mut most = 0.0f64;
        each(&self.elem, &bound, 0, bound.len, |block| {
            for x in block.iter().filter(|x| x.is_finite()) {
                most = most.max(x.abs());
            }
        });
        Some(most)
    }
}

fn flat(ten: Ten, leaves: &mut Vec<Leaf>, nums: &mut Vec<Num>) -> Elem {
    let mut sub = |t: Box<Ten>| Box::new(flat(*t, leaves, nums));
    match ten {
        Ten::Leaf(leaf) => Elem::Leaf(leaves.iter().position(|l| *l == leaf).unwrap_or_else(|| {
            leaves.push(leaf);
            leaves.len() - 1
        })),
        Ten::Num(num) => {
            nums.push(num);
            Elem::Num(nums.len() - 1)
        }
        Ten::Neg(a) => Elem::Neg(sub(a)),
        Ten::Abs(a) => Elem::Abs(sub(a)),
        Ten::Bin(op, a, b) => {
            let a = sub(a);
            Elem::Bin(op, a, sub(b))
        }
    }
}

/// Writes elements `start..start + out.len()` of `elem`.
fn fill<S: Precision>(elem: &Elem, bound: &Bound<S>, start: usize, out: &mut [f64]) {
    match elem {
        Elem::Leaf(k) => {
            for (o, x) in out.iter_mut().zip(&bound.data[*k][start..]) {
                *o = x.to64();
            }
        }
        Elem::Num(k) => out.fill(bound.nums[*k]),
        Elem::Neg(a) => {
            fill(a, bound, start, out);
            out.iter_mut().for_each(|x| *x = -*x);
        }
        Elem::Abs(a) => {
            fill(a, bound, start, out);
            out.iter_mut().for_each(|x| *x = x.abs());
        }
        Elem::Bin(op, a, b) => {
            let mut other = [0.0; BLOCK];
            let other = &mut other[..out.len()];
            fill(a, bound, start, out);
            fill(b, bound, start, other);
            for (x, y) in out.iter_mut().zip(other) {
                *x = op.apply(*x, *y);
            }
        }
    }
}

/// Shows `see` the elements `start..end` in blocks.
fn each<S: Precision>(elem: &Elem, bound: &Bound<S>, start: usize, end: usize, mut see: impl FnMut(&[f64])) {
    let mut block = [0.0; BLOCK];
    let mut at = start;
    while at < end {
        let out = &mut block[..BLOCK.min(end - at)];
        fill(elem, bound, at, out);
        see(out);
        at += out.len();
    }
}

/// How a tensor becomes one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum How {
    Max,
    Min,
    Mean,
    Sum,
    Norm,
    Std,
    AnyNan,
    AnyInf,
    Dead,
    /// Share within 1 % of the bounds `.0` and `.1`.
    Saturated(f64, f64),
}

/// A tensor as one number.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    pub how: How,
    pub of: Whole,
}

impl Fold {
    pub fn eval<S: Precision>(&self, env: &Env<S>) -> Option<f64> {
        let bound = self.of.bind(env)?;
        let elem = &self.of.elem;
        let (n, all) = (bound.len as f64, bound.len);
        let largest = |sign: f64| {
            let mut most = f64::NEG_INFINITY;
            each(elem, &bound, 0, all, |block| {
                for x in block {
                    let x = sign * x;
                    most = if most >= x || most.is_nan() { most } else { x };
                }
            });
            sign * most
        };
        let sum = |f: &dyn Fn(f64) -> f64| total(elem, &bound, f);
        let any = |f: fn(f64) -> bool| {
            let mut found = false;
            each(elem, &bound, 0, all, |block| found = found || block.iter().any(|x| f(*x)));
            f64::from(u8::from(found))
        };
        Some(match self.how {
            How::Max => largest(1.0),
            How::Min => largest(-1.0),
            How::Mean => total(elem, &bound, |x| x) / n,
            How::Sum => total(elem, &bound, |x| x),
            How::Norm => total(elem, &bound, |x| x * x).sqrt(),
            How::Std => {
                let mean = sum(&|x| x) / n;
                (sum(&|x| (x - mean) * (x - mean)) / (n - 1.0)).sqrt()
            }
            How::AnyNan => any(f64::is_nan),
            How::AnyInf => any(f64::is_infinite),
            How::Dead => dead(elem, &bound),
            How::Saturated(low, high) => {
                let near = 0.01 * (high - low);
                sum(&|x| f64::from(u8::from(x <= low + near || x >= high - near))) / n
            }
        })
    }
}

/// Σ f(x), in eight sums that do not wait for each other.
fn total<S: Precision>(elem: &Elem, bound: &Bound<S>, f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    each(elem, bound, 0, bound.len, |block| {
        let (chunks, rest) = block.as_chunks::<8>();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += f(*x);
            }
        }
        for (lane, x) in lanes.iter_mut().zip(rest) {
            *lane += f(*x);
        }
    });
    lanes.into_iter().sum()
}

/// Share of the units that are zero for the whole batch. A unit is an index of axis 1: a column of a table, a channel
/// of pictures; a tensor of less than two axes is one unit.
fn dead<S: Precision>(elem: &Elem, bound: &Bound<S>) -> f64 {
    let (rows, units) = match bound.shape {
        [rows, units, ..] => (*rows, *units),
        _ => (1, 1),
    };
    if bound.len == 0 {
        return 0.0;
    }
    let inner = bound.len / (rows * units).max(1);
    let mut count = 0usize;
    let mut first = 0;
    while first < units {
        let several = BLOCK.min(units - first);
        let mut alive = [false; BLOCK];
        for row in 0..rows {
            let start = (row * units + first) * inner;
            let mut at = 0;
            each(elem, bound, start, start + several * inner, |block| {
                for x in block {
                    alive[at / inner] |= *x != 0.0;
                    at += 1;
                }
            });
        }
        count += alive[..several].iter().filter(|a| !**a).count();
        first += several;
    }
    count as f64 / units as f64
}
