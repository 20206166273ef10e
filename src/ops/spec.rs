//! What a kind of node says of itself.

use crate::ops::{ParamSpec, Params, Value};
use crate::tensor::{Init, Shape};

/// The family of a kind; gives the colour and the group in the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Data, constants and free parameters.
    Source,
    /// Operations with weights, and those that shape data between them.
    Layer,
    /// Elementwise non-linearities and softmax.
    Activation,
    /// Arithmetic on tensors.
    Math,
    /// What ends in one number to minimise.
    Loss,
}

impl Category {
    /// All families in the order of the palette.
    pub const ALL: [Category; 5] =
        [Category::Source, Category::Layer, Category::Activation, Category::Math, Category::Loss];
    /// Heading of the palette.
    pub fn label(self) -> &'static str {
        match self {
            Category::Source => "Sources",
            Category::Layer => "Layers",
            Category::Activation => "Activations",
            Category::Math => "Math",
            Category::Loss => "Losses",
        }
    }
}

/// What the engine must do for a kind beyond calling its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Compute,
    /// The engine copies the batch's features into the output.
    Features,
    /// The engine copies the batch's target into the output; no gradient flows here.
    Target,
    /// The output is a term of the total loss when nothing consumes it, times the parameter `loss_weight`.
    Loss,
    /// As [`Role::Loss`], and its inputs are the weights that its parameter `over` names (all if empty), not wires.
    Penalty,
}

/// The input pins of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// Exactly these pins, by name.
    Fixed(&'static [&'static str]),
    /// As many pins as are wired, at least `.0`.
    Variadic(usize),
}

/// What the backward pass reads besides the gradient; the rest need not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reads {
    /// The inputs of the forward pass.
    pub inputs: bool,
    /// The weights.
    pub weights: bool,
    /// The output of the forward pass.
    pub output: bool,
}

/// The mathematics of a kind in LaTeX.
#[derive(Clone, Copy, Debug)]
pub struct Formula {
    /// What it computes, `z = Wx + b`.
    pub forward: &'static str,
    /// Local derivatives.
    pub local: &'static str,
    /// The chain rule with the incoming gradient δ = ∂L/∂output.
    pub chain: &'static str,
}

/// What a kind is in PyTorch's backward graph. Names are those of PyTorch 2, output first: the first is the output's
/// `.grad_fn`, the last passes the gradient to the first input.
#[derive(Clone, Copy, Debug)]
pub enum GradFn {
    /// No gradient passes: the output has no `.grad_fn`.
    None,
    /// A leaf: its gradient is collected by an `AccumulateGrad`.
    Leaf,
    /// The output is the input itself, with the input's `.grad_fn`.
    Same,
    /// Always these nodes.
    Names(&'static [&'static str]),
    /// These nodes, by the parameters and the shapes of the inputs.
    By(fn(&Params, &[Shape]) -> &'static [&'static str]),
    /// PyTorch has no such function; how one writes it there.
    Composed(&'static str),
}

impl GradFn {
    /// The names for these parameters and shapes of inputs; empty where PyTorch has no node of its own for the kind.
    pub fn names(&self, params: &Params, inputs: &[Shape]) -> &'static [&'static str] {
        match self {
            GradFn::Names(names) => names,
            GradFn::By(rule) => rule(params, inputs),
            GradFn::None | GradFn::Leaf | GradFn::Same | GradFn::Composed(_) => &[],
        }
    }
}

/// Everything the program says of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Stable id, PyTorch's name: `linear`, `bce_with_logits_loss`.
    pub id: &'static str,
    /// Name for people: `Linear`.
    pub label: &'static str,
    /// Family.
    pub category: Category,
    /// What the engine must do for it.
    pub role: Role,
    /// Input pins.
    pub inputs: Inputs,
    /// Inputs through which no gradient flows (targets, indices), by pin.
    pub no_grad: &'static [usize],
    /// Parameters in the order of the inspector.
    pub params: &'static [ParamSpec],
    /// What the backward pass reads.
    pub reads: Reads,
    /// Mathematics.
    pub formula: Formula,
    /// Points of the input where the derivative jumps, if the kind has any, in words: `x = 0`.
    pub kinks: &'static str,
    /// Two to four sentences that teach: what it does, where it is used, what to watch for.
    pub doc: &'static str,
    /// The call in PyTorch, `torch.nn.Linear`; empty where there is none.
    pub torch: &'static str,
    /// The nodes that the call leaves in autograd's backward graph.
    pub grad_fn: GradFn,
    /// The ONNX operator, `Gemm`; empty where there is none.
    pub onnx: &'static str,
}

impl Spec {
    /// Name of input pin `k`.
    pub fn input_name(&self, k: usize) -> String {
        match self.inputs {
            Inputs::Fixed(names) => names.get(k).map_or_else(|| format!("input {k}"), |s| (*s).to_owned()),
            Inputs::Variadic(_) => format!("input {k}"),
        }
    }
    /// The parameter called `name`.
    pub fn param(&self, name: &str) -> Option<&'static ParamSpec> {
        self.params.iter().find(|p| p.name == name)
    }
    /// Whether nodes of this kind are terms of the total loss.
    pub fn is_loss(&self) -> bool {
        matches!(self.role, Role::Loss | Role::Penalty)
    }
}

/// One weight tensor of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    /// PyTorch's name: `weight`, `bias`.
    pub name: &'static str,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
    /// Whether the forward pass keeps it, like running statistics, and no gradient moves it. Buffers come last.
    pub buffer: bool,
}

impl WeightSpec {
    /// A weight that training moves.
    pub fn new(name: &'static str, shape: Vec<usize>, init: Init) -> Self {
        WeightSpec { name, shape, init, buffer: false }
    }
    /// A tensor that the forward pass keeps.
    pub fn buffer(name: &'static str, shape: Vec<usize>, init: Init) -> Self {
        WeightSpec { buffer: true, ..WeightSpec::new(name, shape, init) }
    }
}

/// Numbers per sample of one output, or of one node's weights, that a graph may ask for: 4 GiB in f32. Whether so much is
/// free is asked before a run; the limit keeps every product of two sizes in range.
pub const MOST_NUMBERS: usize = 1 << 30;

/// That `what` is larger than [`MOST_NUMBERS`]: how large, and what to do.
pub fn too_large(what: &str, numbers: usize, mend: &str) -> String {
    let gib = |n: usize| n as f64 * 4.0 / (1u64 << 30) as f64;
    let (size, most) = (gib(numbers), gib(MOST_NUMBERS));
    let size = if size < 1e6 { format!("{size:.1} GiB") } else { format!("{size:.1e} GiB") };
    format!("{what} takes {size} in f32; the most that one may take is {most:.1} GiB: {mend}")
}

/// The result of a shape rule.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Inferred {
    /// Shape of the output.
    pub output: Shape,
    /// Weight tensors.
    pub weights: Vec<WeightSpec>,
    /// Shape of what the forward pass saves; `None` for nothing.
    pub saved: Option<Shape>,
    /// Floating-point operations of the forward pass per sample.
    pub flops: u64,
    /// Samples that a batch must have at least to train; 0 where any number will do.
    pub least: usize,
}

impl Inferred {
    /// An output without weights.
    pub fn output(output: Shape) -> Self {
        let flops = output.per_sample() as u64;
        Inferred { output, flops, ..Inferred::default() }
    }
}

/// Why a shape rule does not apply, and what would mend it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Fault {
    /// What is wrong, in words that name both shapes.
    pub message: String,
    /// The input pin it is about.
    pub input: Option<usize>,
    /// The one wrong axis of that input.
    pub axis: Option<usize>,
    /// The shape that would have been right at that pin.
    pub expected: Option<Shape>,
    /// What would mend it.
    pub hints: Vec<Hint>,
}

/// A change that mends a [`Fault`].
#[derive(Clone, Debug, PartialEq)]
pub enum Hint {
    /// Set a parameter of this node.
    Set(&'static str, Value),
    /// Put a new node of this kind, with these parameters, on the wire into input `.0`.
    InsertBefore(usize, &'static str, Vec<(&'static str, Value)>),
}

impl Fault {
    /// A fault of the node as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Fault { message: message.into(), ..Fault::default() }
    }
    /// A fault at input pin `input`.
    pub fn at(input: usize, message: impl Into<String>) -> Self {
        Fault { message: message.into(), input: Some(input), ..Fault::default() }
    }
    /// Names the wrong axis.
    pub fn axis(mut self, axis: usize) -> Self {
        self.axis = Some(axis);
        self
    }
    /// Names the shape that would be right.
    pub fn expected(mut self, shape: Shape) -> Self {
        self.expected = Some(shape);
        self
    }
    /// Adds what would mend it.
    pub fn hint(mut self, hint: Hint) -> Self {
        self.hints.push(hint);
        self
    }
}
