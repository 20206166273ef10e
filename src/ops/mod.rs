//! The catalogue of node kinds: what an operation says of itself, and what it computes.
//!
//! One kind is one file that implements [`Op`], and one line in [`catalogue`]. Everything else (palette,
//! inspector, command line, file, tests) loops over the catalogue and matches on no kind.

pub mod activation;
mod breaks;
#[cfg(test)]
mod by_hand;
pub mod catalogue;
pub mod layer;
pub mod loss;
pub mod math;
mod params;
mod parts;
pub mod source;
mod spec;
mod symbols;
mod unary;

pub use breaks::{Break, Count, Repair, When};
pub use params::{ParamKind, ParamSpec, Params, Value, number_text};
pub use parts::{Inner, Made, Part, Place};
pub use spec::{
    Category, Fault, Formula, GradFn, Hint, Inferred, Inputs, MOST_NUMBERS, Reads, Role, Spec, WeightSpec, too_large,
};
pub use symbols::{Slot, Symbols, equations};

use crate::tensor::{Scalar, Shape, View, ViewMut};

/// What shape inference knows about a node.
#[derive(Clone, Copy, Debug)]
pub struct InferCtx<'a> {
    /// The node's parameters, defaults filled in.
    pub params: &'a Params,
    /// Shapes that arrive, one per connected input, in pin order; all present when the rule is called.
    pub inputs: &'a [Shape],
    /// Shape of the data set's features, `B×…`, if a data set is chosen.
    pub features: Option<&'a Shape>,
    /// Shape of the data set's target, if a data set is chosen.
    pub target: Option<&'a Shape>,
}

/// What a pass is for; dropout and batch normalisation differ, as `Module.train()` and `Module.eval()` in PyTorch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// To learn from the batch.
    #[default]
    Train,
    /// To use what was learnt.
    Eval,
}

/// One node's forward computation: reads `inputs` and `weights`, must fill all of `output`.
pub struct Forward<'a, 'b, S> {
    /// The node's parameters, defaults filled in.
    pub params: &'a Params,
    /// Values that arrive, in pin order.
    pub inputs: &'a [View<'a, S>],
    /// The node's weights in the order of [`Inferred::weights`].
    pub weights: &'a [View<'a, S>],
    /// Where the result goes; every element must be written.
    pub output: ViewMut<'a, S>,
    /// [`Inferred::saved`] numbers kept for the backward pass.
    pub saved: &'a mut [S],
    /// Training or evaluation.
    pub mode: Mode,
    /// Seed of what is random, another for every node and batch; the same again when a batch is run again.
    pub seed: u64,
    /// The node's buffers, such as running statistics, in the order of [`Inferred::weights`]. Only a training pass
    /// may change them.
    pub buffers: &'a mut [ViewMut<'b, S>],
}

/// One node's backward computation: from `grad_output` to the gradients of inputs and weights.
///
/// All gradients are *overwritten*, not added to; the engine adds up fan-out. A `None` needs no gradient.
/// What [`Spec::reads`] does not claim arrives as empty slices of data.
pub struct Backward<'a, 'b, S> {
    /// The node's parameters, defaults filled in.
    pub params: &'a Params,
    /// Values that arrived in the forward pass.
    pub inputs: &'a [View<'a, S>],
    /// The node's weights.
    pub weights: &'a [View<'a, S>],
    /// The result of the forward pass.
    pub output: View<'a, S>,
    /// What the forward pass saved.
    pub saved: &'a [S],
    /// That of the forward pass.
    pub mode: Mode,
    /// ∂L/∂output.
    pub grad_output: View<'a, S>,
    /// ∂L/∂input, one per pin.
    pub grad_inputs: &'a mut [Option<ViewMut<'b, S>>],
    /// ∂L/∂weight, one per weight.
    pub grad_weights: &'a mut [Option<ViewMut<'b, S>>],
}

/// A kind of node. Implementors are empty types; all state lives in the engine.
pub trait Op: 'static {
    /// Everything the program says of this kind.
    const SPEC: Spec;
    /// Whether the backward pass deliberately is not the derivative of the forward pass, so that difference quotients
    /// do not agree with it.
    const SURROGATE: bool = false;
    /// Inputs at which its arithmetic gives no finite number.
    const BREAKS: &'static [Break] = &[];
    /// The shape rule: output shape, weights, cost; or the one fault that prevents it.
    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault>;
    /// See [`Forward`].
    fn forward<S: Scalar>(ctx: &mut Forward<S>);
    /// See [`Backward`].
    fn backward<S: Scalar>(ctx: &mut Backward<S>);
    /// The parts of the forward pass, for a look inside: the last one is the output. None is one part.
    fn parts<S: Scalar>(_: &Inner<S>) -> Vec<Part<S>> {
        Vec::new()
    }
    /// How element `.2` of part `.1` is made.
    fn made<S: Scalar>(_: &Inner<S>, _: usize, _: usize) -> Made {
        Made::Sum(Vec::new())
    }
}

/// An [`Op`] as a value: an entry of the catalogue.
#[derive(Clone, Copy)]
pub struct Kind {
    /// What the kind says of itself.
    pub spec: &'static Spec,
    /// See [`Op::SURROGATE`].
    pub surrogate: bool,
    /// See [`Op::BREAKS`].
    pub breaks: &'static [Break],
    /// See [`Op::infer`].
    pub infer: fn(&InferCtx) -> Result<Inferred, Fault>,
    forward32: fn(&mut Forward<f32>),
    forward64: fn(&mut Forward<f64>),
    backward32: fn(&mut Backward<f32>),
    backward64: fn(&mut Backward<f64>),
    parts32: fn(&Inner<f32>) -> Vec<Part<f32>>,
    parts64: fn(&Inner<f64>) -> Vec<Part<f64>>,
    made32: fn(&Inner<f32>, usize, usize) -> Made,
    made64: fn(&Inner<f64>, usize, usize) -> Made,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kind({})", self.spec.id)
    }
}

impl Kind {
    /// The catalogue entry of `T`.
    pub const fn of<T: Op>() -> Kind {
        Kind {
            spec: &T::SPEC,
            surrogate: T::SURROGATE,
            breaks: T::BREAKS,
            infer: T::infer,
            forward32: T::forward::<f32>,
            forward64: T::forward::<f64>,
            backward32: T::backward::<f32>,
            backward64: T::backward::<f64>,
            parts32: T::parts::<f32>,
            parts64: T::parts::<f64>,
            made32: T::made::<f32>,
            made64: T::made::<f64>,
        }
    }
}

/// A scalar in which the catalogue can run; picks the compiled instance of a kind.
pub trait Precision: Scalar {
    /// Runs a kind's forward pass in this precision.
    fn forward(kind: &Kind, ctx: &mut Forward<Self>);
    /// Runs a kind's backward pass in this precision.
    fn backward(kind: &Kind, ctx: &mut Backward<Self>);
    /// See [`Op::parts`].
    fn parts(kind: &Kind, inner: &Inner<Self>) -> Vec<Part<Self>>;
    /// See [`Op::made`].
    fn made(kind: &Kind, inner: &Inner<Self>, part: usize, index: usize) -> Made;
}

impl Precision for f32 {
    fn forward(kind: &Kind, ctx: &mut Forward<f32>) {
        (kind.forward32)(ctx);
    }
    fn backward(kind: &Kind, ctx: &mut Backward<f32>) {
        (kind.backward32)(ctx);
    }
    fn parts(kind: &Kind, inner: &Inner<f32>) -> Vec<Part<f32>> {
        (kind.parts32)(inner)
    }
    fn made(kind: &Kind, inner: &Inner<f32>, part: usize, index: usize) -> Made {
        (kind.made32)(inner, part, index)
    }
}

impl Precision for f64 {
    fn forward(kind: &Kind, ctx: &mut Forward<f64>) {
        (kind.forward64)(ctx);
    }
    fn backward(kind: &Kind, ctx: &mut Backward<f64>) {
        (kind.backward64)(ctx);
    }
    fn parts(kind: &Kind, inner: &Inner<f64>) -> Vec<Part<f64>> {
        (kind.parts64)(inner)
    }
    fn made(kind: &Kind, inner: &Inner<f64>, part: usize, index: usize) -> Made {
        (kind.made64)(inner, part, index)
    }
}
