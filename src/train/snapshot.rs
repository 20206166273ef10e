//! What the worker tells the window: figures and small pictures, never the whole memory.

use crate::engine::{Explanation, Instruction};
use crate::graph::{NodeId, Wire};
use crate::tensor::Stats;
use crate::train::stops::{Probe, StopShot, WatchShot};
use crate::train::{
    AutogradShot, Cost, Flow, GradTrack, IntoRef, IntoShot, Metrics, Needs, Point, Rates, RatesWant, Record, Scatter,
    ScatterOf, Surface, SurfaceWant, WhatIf, Why,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the window wants to see beyond the figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// The node whose tensors are shown.
    pub inspect: Option<NodeId>,
    /// The element that is taken apart.
    pub element: Option<ElementRef>,
    /// The instruction that is opened.
    pub into: Option<IntoRef>,
    /// The node of the decision map; the prediction if none.
    pub map_node: Option<NodeId>,
    /// Which of its columns.
    pub map_channel: usize,
    /// Points along each side of the map; 0 for no map.
    pub map_size: usize,
    /// Whether nodes get small pictures.
    pub previews: bool,
    /// Which output the samples are shown in; `None` for no such picture.
    pub scatter: Option<ScatterOf>,
    /// Whether nodes say what they cost.
    pub costs: bool,
    /// Whether the backward graph is described.
    pub autograd: bool,
    /// The loss over two coordinates of the weights.
    pub surface: Option<SurfaceWant>,
    /// The loss against the learning rate.
    pub rates: Option<Box<RatesWant>>,
    /// The wire whose numbers are shown.
    pub wire: Option<Wire>,
    /// The condition that is being typed.
    pub probe: Option<Probe>,
    /// The gradient that is explained: of a weight, or of what a node computes.
    pub why: Option<(NodeId, TensorRef)>,
}

impl Default for Want {
    fn default() -> Self {
        Want {
            inspect: None,
            element: None,
            into: None,
            map_node: None,
            map_channel: 0,
            map_size: 64,
            previews: true,
            scatter: None,
            costs: false,
            autograd: false,
            surface: None,
            rates: None,
            wire: None,
            probe: None,
            why: None,
        }
    }
}

/// One element of one tensor of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementRef {
    /// Whose.
    pub node: NodeId,
    /// Which tensor.
    pub tensor: TensorRef,
    /// Flat index.
    pub index: usize,
}

/// A tensor of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorRef {
    /// Its output.
    Output,
    /// ∂L/∂output.
    OutputGrad,
    /// The value at an input pin.
    Input(usize),
    /// What it contributes to the gradient of that value.
    InputGrad(usize),
    /// A weight.
    Weight(usize),
    /// The gradient of a weight.
    WeightGrad(usize),
    /// A part of the forward pass before the last, which is the output.
    Part(usize),
}

/// Where a node stands in the present pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// Not computed in this pass.
    Waiting,
    /// Its output is computed.
    ForwardDone,
    /// Its gradients are computed.
    BackwardDone,
}

/// A small picture of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumb {
    /// Rows shown.
    pub rows: usize,
    /// Columns shown.
    pub cols: usize,
    /// The elements.
    pub data: Vec<f32>,
}

/// One of several gradients that add up at a node's output.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The consumer that sends it.
    pub from: NodeId,
    /// Through which of its pins.
    pub pin: usize,
    /// What it sends, once its backward has run.
    pub stats: Option<Stats>,
}

/// One node in a snapshot.
#[derive(Clone, Debug)]
pub struct NodeShot {
    /// Where it stands.
    pub state: NodeState,
    /// Shape of its output in the present batch.
    pub shape: Vec<usize>,
    /// Statistics of its output, once computed.
    pub stats: Option<Stats>,
    /// Statistics of ∂L/∂output, once complete.
    pub grad_stats: Option<Stats>,
    /// Norm of the gradients of all its weights, once computed.
    pub weight_grad_norm: Option<f64>,
    /// Its output.
    pub sample: Option<Thumb>,
    /// Its first weight.
    pub weight_sample: Option<Thumb>,
    /// The gradient of its first weight, once computed.
    pub weight_grad_sample: Option<Thumb>,
    /// Its output over the plane of the data, one picture per column, at most eight.
    pub maps: Vec<Thumb>,
    /// Its output if that is one number.
    pub scalar: Option<f64>,
    /// What it costs in a step, if that was asked for and measured.
    pub cost: Option<Cost>,
    /// The gradients that add up to ∂L/∂output, one per consumer, in the order in which they arrive; none for fewer than two.
    pub arrivals: Vec<Arrival>,
}

/// One tensor of the inspected node.
#[derive(Clone, Debug)]
pub struct TensorShot {
    /// Which one.
    pub which: TensorRef,
    /// `weight`, `weight.grad`, `input`, `output.grad δ`.
    pub label: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its first elements.
    pub data: Vec<f32>,
    /// Whether there are more.
    pub truncated: bool,
    /// Statistics of all elements.
    pub stats: Stats,
    /// Counts of all finite elements in 32 bins from the smallest to the largest.
    pub histogram: Vec<u32>,
    /// Whether the window may set its elements.
    pub editable: bool,
    /// Whether it is a gradient.
    pub is_grad: bool,
    /// Whether it is computed in this pass.
    pub ready: bool,
}

/// The tensors of the inspected node.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Which node.
    pub node: NodeId,
    /// Its tensors.
    pub tensors: Vec<TensorShot>,
    /// The gradients that add up to ∂L/∂output, by consumer.
    pub contributions: Vec<(String, Stats)>,
}

/// A node's output over the plane of the data.
#[derive(Clone, Debug)]
pub struct DecisionMap {
    /// Points along each side.
    pub size: usize,
    /// Range of the first coordinate.
    pub x: [f64; 2],
    /// Range of the second coordinate.
    pub y: [f64; 2],
    /// Values, row by row from the largest second coordinate down; the decision threshold is 0.
    pub values: Vec<f32>,
    /// What it is of.
    pub label: String,
    /// Columns to choose from.
    pub channels: usize,
    /// The value that gets the full first colour.
    pub low: f64,
    /// The value that gets the full second colour.
    pub high: f64,
}

/// The fitted function of one variable.
#[derive(Clone, Debug)]
pub struct FittedCurve {
    /// Its points.
    pub points: Vec<[f64; 2]>,
    /// What it is of.
    pub label: String,
}

/// The numbers on a wire.
#[derive(Clone, Debug)]
pub struct WireShot {
    /// Which wire.
    pub wire: Wire,
    /// Lengths of the axes of what it carries.
    pub shape: Vec<usize>,
    /// First elements and statistics of its value, once computed in this batch.
    pub value: Option<(Vec<f64>, Stats)>,
    /// The same of the gradient that comes back along it.
    pub grad: Option<(Vec<f64>, Stats)>,
}

/// What a chosen element came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The element.
    pub of: ElementRef,
    /// What made it, or why it cannot be said.
    pub made: Result<Explanation, String>,
}

/// The state of a run at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The revision of the document that it belongs to.
    pub revision: u64,
    /// Whether training runs.
    pub running: bool,
    /// Epochs completed.
    pub epoch: usize,
    /// Batches completed in this epoch.
    pub batch: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Batches completed since the start.
    pub step: u64,
    /// Loss of the train part.
    pub train_loss: Option<f64>,
    /// Loss of the test part.
    pub test_loss: Option<f64>,
    /// Metrics of the train part.
    pub train_metrics: Metrics,
    /// Metrics of the test part.
    pub test_metrics: Metrics,
    /// Batches per second, measured over the last half second; 0 while paused.
    pub steps_per_sec: f64,
    /// The instructions of the present batch.
    pub program: Arc<[Instruction]>,
    /// How many of them have run.
    pub cursor: usize,
    /// How much of the run is recorded.
    pub record: Record,
    /// What the latest instruction of this batch sent along the wires.
    pub flow: Option<Flow>,
    /// Whether no batch is under way.
    pub at_rest: bool,
    /// Memory that the run takes.
    pub needs: Needs,
    /// Threads that kernels may use.
    pub threads: usize,
    /// The learning rate of the next step.
    pub rate: f64,
    /// ‖∂L/∂w‖ over all weights before the latest clipping, if clipping by norm is on.
    pub clipped_norm: Option<f64>,
    /// Epoch and loss of the best weights so far.
    pub best: Option<(usize, f64)>,
    /// Seed of the run.
    pub seed: u64,
    /// The loss curve.
    pub history: Arc<Vec<Point>>,
    /// Gradient norms over time.
    pub gradients: Arc<Vec<GradTrack>>,
    /// What ails the network.
    pub health: Vec<crate::train::Mark>,
    /// All nodes.
    pub nodes: BTreeMap<NodeId, NodeShot>,
    /// The node that was asked for.
    pub inspected: Option<Inspected>,
    /// The map that was asked for, for data of the plane.
    pub map: Option<Arc<DecisionMap>>,
    /// What other numbers would change, while some are tried.
    pub what_if: Option<Arc<WhatIf>>,
    /// The backward graph, if it was asked for.
    pub autograd: Option<Arc<AutogradShot>>,
    /// The fitted curve, for data of one variable.
    pub curve: Option<Arc<FittedCurve>>,
    /// The samples in the output that was asked for.
    pub scatter: Option<Arc<Scatter>>,
    /// The element that was asked for.
    pub terms: Option<Terms>,
    /// The surface that was asked for, if its axes are there.
    pub surface: Option<Arc<Surface>>,
    /// The learning rates that were tried, if they were asked for.
    pub rates: Option<Arc<Rates>>,
    /// The instruction that is opened.
    pub into: Option<IntoShot>,
    /// The wire that was asked for.
    pub wire: Option<WireShot>,
    /// Breakpoints with their counts.
    pub stops: Vec<StopShot>,
    /// Watches with their values.
    pub watches: Vec<WatchShot>,
    /// What the condition that is being typed gives now, or what is wrong in it.
    pub probe: Option<(Result<String, String>, Probe)>,
    /// Why the gradient that was asked for is as it is.
    pub why: Option<Arc<Result<Why, String>>>,
}
