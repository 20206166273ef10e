//! What the user can ask for. Panels push actions; `apply` carries them out, and nothing else changes the document.

use crate::graph::{Fix, NodeId};
use crate::project::Change;
use crate::train::{Granularity, Order, Speed, TensorRef, Want};
use crate::ui::into::Inside;
use crate::ui::panel::PanelId;
use crate::ui::state::Focus;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where a new node is to be wired: the wire that was dropped on empty canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// From this node's output `.1` into the first fitting input of the new node.
    From(NodeId, usize),
    /// From the new node's output into input `.1` of this node.
    To(NodeId, usize),
}

/// One wish of the user.
#[expect(clippy::large_enum_variant, reason = "a few of them a frame, each moved once")]
#[derive(Clone, Debug)]
pub enum Action {
    /// A change of the document: one entry of the undo list.
    Change(Change),
    /// Starts a gesture; all `Live` changes until `Commit` are one entry with this label.
    Begin(String),
    /// A change inside a gesture.
    Live(Change),
    /// Ends the gesture and keeps it.
    Commit,
    /// Ends the gesture and takes it back.
    Cancel,

    /// Adds a node of a kind with its top-left corner at `pos` (canvas points), wired if asked.
    AddNode {
        /// Stable id of the kind.
        kind: String,
        /// Top-left corner in canvas points.
        pos: [f32; 2],
        /// The dropped wire, if one led here.
        connect: Option<Connect>,
    },
    /// Removes the selected nodes and their wires.
    DeleteSelection,
    /// Puts a copy of the selected nodes beside them.
    Duplicate,
    /// Copies the selected nodes.
    Copy,
    /// Copies and removes the selected nodes.
    Cut,
    /// Adds the nodes in this text if it is a project, otherwise what was copied last.
    PasteText(String),
    /// Adds what was copied; its top-left corner at `at`, or beside the original.
    Paste {
        /// Canvas points.
        at: Option<[f32; 2]>,
    },
    /// Takes the latest entry back.
    Undo,
    /// Does again what was taken back.
    Redo,
    /// Applies what mends a problem.
    Fix(Fix),
    /// Places all nodes in columns from the data to the loss.
    Arrange,
    /// Draws a titled frame around the selected nodes.
    FrameSelection,

    /// Selects exactly these.
    Select(BTreeSet<NodeId>),
    /// Adds a node to the selection, or takes it out.
    ToggleSelect(NodeId),
    /// Selects all nodes.
    SelectAll,
    /// Selects nothing.
    SelectNone,
    /// The node under the pointer.
    Hover(Option<NodeId>),
    /// Moves the view.
    Focus(Focus),
    /// Makes the canvas larger.
    ZoomIn,
    /// Makes the canvas smaller.
    ZoomOut,
    /// Shows the canvas in its natural size.
    ZoomReset,
    /// Opens the node search.
    OpenSearch {
        /// Where the node will be, in canvas points.
        at: [f32; 2],
        /// Where the search opens, in window points.
        screen: egui::Pos2,
        /// The dropped wire, if one led here.
        connect: Option<Connect>,
    },
    /// Opens the node search under the pointer, or in the middle of the canvas.
    SearchNode,
    /// What the worker should report from now on.
    Want(Want),
    /// Shows or hides what each node costs.
    ToggleCosts,
    /// Brings a panel of the dock to the front.
    ShowPanel(PanelId),

    /// Trains, or pauses.
    TogglePlay,
    /// Trains until paused, or until a breakpoint.
    Continue,
    /// Trains up to the next instruction of the selected node.
    RunToNode,
    /// Puts a breakpoint on the selected node, or takes it off.
    ToggleBreakpoint,
    /// Takes all breakpoints off.
    ClearStops,
    /// Watches the gradient of the selected node.
    AddWatch,
    /// Runs up to the next border of this kind and stops.
    Step(Granularity),
    /// Takes back what a step of this kind did.
    Back(Granularity),
    /// Goes about inside an instruction.
    Inside(Inside),
    /// Goes to a place of the record: so many batches, and so many instructions of the next.
    Seek {
        /// Batches completed.
        step: u64,
        /// Instructions done of the next batch.
        cursor: usize,
    },
    /// Trains node by node, or pauses.
    PlaySlowly,
    /// Takes the curves of runs left behind off the plot.
    ClearGhosts,
    /// Memory for the record, in MiB.
    RecordMemory(usize),
    /// Starts again from the same initial weights.
    Reset,
    /// Takes back the weights of the epoch with the smallest loss.
    BestWeights,
    /// Compares all gradients with difference quotients again.
    Certify,
    /// How fast training runs.
    SetSpeed(Speed),
    /// Overwrites one element of a weight.
    SetWeight {
        /// The node that owns the weight.
        node: NodeId,
        /// The weight's name, `weight` or `bias`.
        name: String,
        /// Index in row-major order.
        element: usize,
        /// The new value.
        value: f64,
    },

    /// Tries other numbers on a copy of the batch, keeps them or drops them.
    WhatIf(Order),
    /// Shows or hides the backward graph on the canvas.
    ToggleBackward,
    /// Asks the worker to describe the backward graph from now on.
    WantAutograd,
    /// Whether saved tensors outlive the first backward pass.
    RetainGraph(bool),
    /// Keeps the gradient of a node's output as `.grad`, or no longer.
    RetainGrad(NodeId),
    /// Runs the backward pass of this batch once more.
    BackwardAgain,
    /// Puts a node of a kind between the output of a node and all that uses it.
    Splice(NodeId, &'static str),

    /// Shows where one element of a tensor came from; `None` shows nothing.
    Explain(Option<(NodeId, TensorRef, usize)>),

    /// Explains a gradient of a node: of a weight, or of what it computes. `None` ends it.
    Why(Option<(NodeId, TensorRef)>),
    /// Explains the gradient of the first parameter of the selected node, or of its output; again, the next one.
    WhySelected,
    /// Lights a path of the explained gradient on the canvas.
    LightPath(Option<usize>),

    /// An empty project.
    New,
    /// Asks for a file and opens it.
    Open,
    /// Opens this file.
    OpenPath(PathBuf),
    /// Opens a shipped example by its name.
    OpenShipped(&'static str),
    /// Saves to the present file, or asks for one.
    Save,
    /// Asks for a file and saves to it.
    SaveAs,
    /// Loads the present file again.
    Revert,
    /// Closes the window.
    Quit,
    /// Dark or light.
    ToggleTheme,
    /// Text size, 0.8 to 1.5.
    TextScale(f32),
    /// Text one step larger.
    TextLarger,
    /// Text one step smaller.
    TextSmaller,
    /// Shows or hides the node palette.
    TogglePalette,
    /// Shows or hides the inspector.
    ToggleInspector,
    /// Shows or hides the dock.
    ToggleDock,
    /// Puts the panels back where they were at the first start.
    ResetLayout,
    /// The sheet of shortcuts.
    ShowShortcuts,
    /// The command palette.
    ShowPalette,
    /// The data dialog.
    ShowData,
    /// The training settings.
    ShowTraining,
    /// What this program is.
    ShowAbout,
}
