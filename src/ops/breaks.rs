//! Where an operation's arithmetic breaks: the inputs at which it gives no finite number, in words, and what mends it.

use crate::ops::Params;
use crate::tensor::Scalar as _;

/// Which values of an input break the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Exactly zero.
    Zero,
    /// Below zero.
    Negative,
    /// Outside of these two bounds.
    Outside(f64, f64),
    /// None of the whole numbers from 0 to one less than so many.
    NoIndex(Count),
}

impl When {
    /// Whether `x` breaks the rule, where so many things are counted.
    pub fn holds(self, x: f64, count: Option<usize>) -> bool {
        match self {
            When::Zero => x == 0.0,
            When::Negative => x < 0.0,
            When::Outside(low, high) => !(low..=high).contains(&x),
            When::NoIndex(_) => count.is_some_and(|n| x.index(n).is_none()),
        }
    }
}

/// How many things the whole numbers of a pin choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// As many as this axis of pin 0 is long; with `true` only where the two pins have not the same shape.
    Axis(usize, bool),
    /// As many as the axis of pin 0 is long whose number is this parameter.
    Along(&'static str),
    /// As this parameter says.
    Param(&'static str),
}

impl Count {
    /// How many, for a node with these parameters and shapes of inputs; `None` if its numbers choose nothing.
    pub fn of(self, params: &Params, shapes: &[&[usize]]) -> Option<usize> {
        match self {
            Count::Axis(_, true) if shapes.first() == shapes.get(1) => None,
            Count::Axis(axis, _) => shapes.first()?.get(axis).copied(),
            Count::Along(name) => {
                let (axis, shape) = (params.int(name), shapes.first()?);
                let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
                shape.get(usize::try_from(axis).ok()?).copied()
            }
            Count::Param(name) => usize::try_from(params.int(name)).ok(),
        }
    }
}

/// A change of the graph that keeps the rule from being broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Repair {
    /// Put a node of this kind, with these numbers, before the input pin.
    Before(usize, &'static str, &'static [(&'static str, f64)]),
    /// If the input pin is fed by a node of kind `.1`, put one node of kind `.2` in the place of both.
    Fuse(usize, &'static str, &'static str),
}

/// One rule of arithmetic that inputs can break.
#[derive(Clone, Copy, Debug)]
pub struct Break {
    /// The input pin.
    pub pin: usize,
    /// Which values of it.
    pub when: When,
    /// For which parameters of the node; the others do not break it.
    pub given: fn(&Params) -> bool,
    /// Whether it is the backward that breaks, while the forward is finite.
    pub backward: bool,
    /// What happens: `the logarithm of 0 is −∞`.
    pub says: &'static str,
    /// What mends it.
    pub repairs: &'static [Repair],
}
