//! Problems as values.

use crate::graph::{Edit, NodeId};
use crate::tensor::Shape;

/// How serious a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Wrong: cannot run.
    Error,
    /// Something is missing: cannot run yet.
    Incomplete,
    /// Runs, but perhaps not as meant.
    Warning,
}

/// One problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How serious.
    pub severity: Severity,
    /// Which node, if it is about one.
    pub node: Option<NodeId>,
    /// Which input pin.
    pub input: Option<usize>,
    /// Which axis of what arrives there.
    pub axis: Option<usize>,
    /// The shape that arrives.
    pub got: Option<Shape>,
    /// The shape that would be right.
    pub expected: Option<Shape>,
    /// What is wrong and what to do.
    pub message: String,
    /// Changes that would mend it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// A problem of a node as a whole, or of the graph.
    pub fn new(severity: Severity, node: Option<NodeId>, message: impl Into<String>) -> Self {
        let message = message.into();
        Diagnostic { severity, node, message, input: None, axis: None, got: None, expected: None, fixes: Vec::new() }
    }
}

/// A change that mends a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What it does, for a button.
    pub label: String,
    /// The change.
    pub edit: Edit,
}
