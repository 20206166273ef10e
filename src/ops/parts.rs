//! What is inside an operation: named parts, each made of the ones before it, the last one being the output.
//!
//! A kind declares its parts in its own file, with its own numbers; the debugger opens them one by one and knows no
//! kind. A kind without parts is one part: its output.

use crate::ops::{Forward, Mode, Op, Params};
use crate::tensor::{Scalar, View, ViewMut};

/// One part of a forward computation.
#[derive(Clone, Debug, PartialEq)]
pub struct Part<S> {
    /// What it is, in a word or two: `matrix product`.
    pub name: &'static str,
    /// Its formula in LaTeX, with the symbols of the kind's own formula.
    pub formula: &'static str,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub data: Vec<S>,
}

/// A number that a part is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Element `.1` of input `.0`.
    Input(usize, usize),
    /// Element `.1` of weight `.0`.
    Weight(usize, usize),
    /// Element `.1` of buffer `.0`.
    Buffer(usize, usize),
    /// Element `.1` of the earlier part `.0`.
    Part(usize, usize),
}

/// How one element of a part is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Made {
    /// Σ of the terms: each a constant times the product of some numbers.
    Sum(Vec<(f64, Vec<Place>)>),
    /// A function of these numbers, in LaTeX-free words: `e^x`.
    Function(&'static str, Vec<Place>),
}

/// A node with its numbers, as its parts see it.
#[derive(Clone, Copy, Debug)]
pub struct Inner<'a, S> {
    /// The node's parameters, defaults filled in.
    pub params: &'a Params,
    /// Values that arrive.
    pub inputs: &'a [View<'a, S>],
    /// The node's weights.
    pub weights: &'a [View<'a, S>],
    /// What it keeps between passes, as it is now: running statistics.
    pub buffers: &'a [View<'a, S>],
    /// What the forward pass made of them.
    pub output: View<'a, S>,
    /// What it saved for the backward pass.
    pub saved: &'a [S],
    /// Training or evaluation.
    pub mode: Mode,
    /// Seed of what is random.
    pub seed: u64,
}

impl<S: Scalar> Inner<'_, S> {
    /// The forward pass of kind `O`, which keeps no buffers, on other inputs and weights.
    pub(super) fn run<O: Op>(&self, inputs: &[View<S>], weights: &[View<S>], shape: &[usize], saved: usize) -> Vec<S> {
        let mut output = vec![S::zero(); shape.iter().product()];
        let mut saved = vec![S::zero(); saved];
        O::forward(&mut Forward {
            params: self.params,
            inputs,
            weights,
            output: ViewMut { shape, data: &mut output },
            saved: &mut saved,
            mode: self.mode,
            seed: self.seed,
            buffers: &mut [],
        });
        output
    }

    /// The output as the last part.
    pub(super) fn whole(&self, name: &'static str, formula: &'static str) -> Part<S> {
        Part { name, formula, shape: self.output.shape.to_vec(), data: self.output.data.to_vec() }
    }
}

/// The two parts of a layer: what its weight makes of the input, then the bias. None without a bias.
pub(super) fn product_and_bias<O: Op, S: Scalar>(
    inner: &Inner<S>,
    product: Part<S>,
    bias: &'static str,
) -> Vec<Part<S>> {
    if inner.weights.len() < 2 {
        return vec![Part { data: inner.output.data.to_vec(), ..product }];
    }
    let data = inner.run::<O>(inner.inputs, &inner.weights[..1], inner.output.shape, 0);
    vec![Part { data, ..product }, inner.whole("plus bias", bias)]
}
