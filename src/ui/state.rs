//! What the window shows: the document, what follows from it, and what the worker last reported.

use crate::data::Dataset;
use crate::graph::{Fragment, Graph, Inference, NodeId};
use crate::project::{Document, History};
use crate::train::stops::Halt;
use crate::train::{Birth, Certified, IntoRef, NodeShot, Snapshot, Speed, Want};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the canvas should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// One node in the middle.
    Node(NodeId),
    /// Everything in sight.
    All,
    /// The selected nodes in sight.
    Selection,
}

/// How the size of the canvas should change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zoom {
    /// One step larger.
    In,
    /// One step smaller.
    Out,
    /// 100 %.
    Reset,
}

/// Everything that panels read. Only `apply` and the receiver of snapshots write here.
pub struct State {
    /// The document and its undo list.
    pub history: History,
    /// Shapes and problems of the present graph with the present data.
    pub inference: Arc<Inference>,
    /// The data set, once loaded.
    pub dataset: Option<Arc<Dataset>>,
    /// Why the data set could not be loaded.
    pub data_error: Option<String>,
    /// Whether a data set is being read; until then the one before, if any, stays.
    pub loading: bool,
    /// Selected nodes.
    pub selection: BTreeSet<NodeId>,
    /// The node under the pointer.
    pub hovered: Option<NodeId>,
    /// The worker's latest report, only if it is about the present structure.
    pub snapshot: Option<Arc<Snapshot>>,
    /// What the worker has been asked to report.
    pub want: Want,
    /// The instruction that is opened, and how far.
    pub into: Option<IntoRef>,
    /// The number under the pointer, which is taken apart while the pointer is there.
    pub peek: Option<IntoRef>,
    /// Where one was before one followed factors to where they were computed.
    pub trail: Vec<IntoRef>,
    /// How fast training runs.
    pub speed: Speed,
    /// The place of the record that was asked for and is not reached yet, in batches.
    pub asked: Option<u64>,
    /// The file, once there is one.
    pub path: Option<PathBuf>,
    /// Name of the shipped example this document came from, while it has no file.
    pub origin: Option<String>,
    /// Where the canvas should look; set for one frame, cleared by the app after the canvas has drawn.
    pub focus: Option<Focus>,
    /// How the canvas should change its size; set for one frame as `focus` is.
    pub zoom: Option<Zoom>,
    /// What was copied last.
    pub clipboard: Option<Fragment>,
    /// Why training cannot run, in one sentence.
    pub failed: Option<String>,
    /// The first node whose value or gradient was not a number in this run, and what it was.
    pub bad: Option<(NodeId, String)>,
    /// Where that value was born, until the window that explains it is closed.
    pub birth: Option<Birth>,
    /// Certificates of the gradients of the present document, once there are some.
    pub certified: Option<Arc<Certified>>,
    /// The breakpoint that the run stands at.
    pub halt: Option<Halt>,
    /// Why the run came to its end by itself, until it goes on or is changed.
    pub ended: Option<String>,
    /// Whether the document is work recovered after a crash and not saved since.
    pub recovered: bool,
    /// Whether the canvas shows the backward graph.
    pub backward: bool,
    /// Whether saved tensors outlive the first backward pass; a habit of the session, not of the project.
    pub retain_graph: bool,
    /// Nodes whose output keeps its gradient as `.grad`; they change no number of the run.
    pub retained: BTreeSet<NodeId>,
    /// The path of the explained gradient that is lit on the canvas.
    pub lit: Option<usize>,
    /// The revision that the worker was last given.
    pub revision: u64,
}

impl State {
    /// A document of which nothing is known yet.
    pub fn new(document: Document) -> Self {
        State {
            history: History::new(document),
            inference: Arc::default(),
            dataset: None,
            data_error: None,
            loading: false,
            selection: BTreeSet::new(),
            hovered: None,
            snapshot: None,
            want: Want::default(),
            into: None,
            peek: None,
            trail: Vec::new(),
            speed: Speed::Full,
            asked: None,
            path: None,
            origin: None,
            focus: None,
            zoom: None,
            clipboard: None,
            failed: None,
            bad: None,
            birth: None,
            certified: None,
            halt: None,
            ended: None,
            recovered: false,
            backward: false,
            retain_graph: false,
            retained: BTreeSet::new(),
            lit: None,
            revision: 0,
        }
    }

    /// The present document.
    pub fn document(&self) -> &Arc<Document> {
        self.history.document()
    }

    /// The present graph.
    pub fn graph(&self) -> &Graph {
        &self.history.document().graph
    }

    /// What the worker reported of a node.
    pub fn shot(&self, node: NodeId) -> Option<&NodeShot> {
        self.snapshot.as_ref()?.nodes.get(&node)
    }

    /// The certificate of a node's gradients.
    pub fn certificate(&self, node: NodeId) -> Option<&crate::engine::Certificate> {
        self.certified.as_ref()?.nodes.get(&node)
    }

    /// The selected node, if it is exactly one.
    pub fn selected_one(&self) -> Option<NodeId> {
        if self.selection.len() == 1 { self.selection.first().copied() } else { None }
    }

    /// Name of the document: the file's, the example's, or `untitled`.
    pub fn title(&self) -> String {
        match (&self.path, &self.origin) {
            (Some(path), _) => path.file_name().map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
            (None, Some(name)) => name.clone(),
            (None, None) => "untitled".to_owned(),
        }
    }

    /// Whether there is unsaved work.
    pub fn dirty(&self) -> bool {
        self.recovered || self.history.is_dirty()
    }

    /// Whether training runs now.
    pub fn running(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|s| s.running)
    }

    /// Instructions per second, if training runs so slowly that it can be watched.
    pub fn pace(&self) -> Option<f64> {
        if let Speed::Nodes(n) = self.speed { Some(n) } else { None }
    }

    /// Whether the run stands before the end of its record.
    pub fn behind(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|s| !s.running && s.step < s.record.to)
    }

    /// Number of errors among the problems.
    pub fn errors(&self) -> usize {
        self.inference.errors().count()
    }
}
