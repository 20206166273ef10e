//! Where an operation's arithmetic breaks: the inputs at which it gives no finite number, in words, and what mends it.

use crate::ops::Params;

/// Which values of an input break the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Exactly zero.
    Zero,
    /// Below zero.
    Negative,
    /// Outside of these two bounds.
    Outside(f64, f64),
}

impl When {
    /// Whether `x` breaks the rule.
    pub fn holds(self, x: f64) -> bool {
        match self {
            When::Zero => x == 0.0,
            When::Negative => x < 0.0,
            When::Outside(low, high) => !(low..=high).contains(&x),
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
