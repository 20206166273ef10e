//! Where the samples lie in two columns of a node's output: the code of an autoencoder, a layer of two neurons.

use crate::graph::{Graph, NodeId};
use crate::ops::{Precision, Role};
use crate::train::{Part, Session, Want};

/// Samples shown at most.
const MOST: usize = 1500;

/// Samples as points, each at two numbers of a node's output.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// Whose output.
    pub node: NodeId,
    /// Its columns shown, across and up.
    pub columns: [usize; 2],
    /// How many columns it has.
    pub width: usize,
    /// Places of the samples.
    pub points: Vec<[f64; 2]>,
    /// Row of each in the data set.
    pub rows: Vec<usize>,
    /// Whether these are samples that are not trained on.
    pub test: bool,
}

/// Which node and which of its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScatterOf {
    /// The node; the narrowest that has at least two columns, if none.
    pub node: Option<NodeId>,
    /// Columns across and up.
    pub columns: [usize; 2],
}

impl<S: Precision> Session<S> {
    /// The samples at the columns that `want` asks for, from the test part if there is one; `None` without samples or
    /// without a node of two columns.
    pub(super) fn scatter(&mut self, want: &Want) -> Option<Scatter> {
        let of = want.scatter?;
        let data = self.data()?.clone();
        let node = of.node.or_else(|| self.narrowest())?;
        let width = self.inference().shape(node)?.per_sample();
        if width < 2 {
            return None;
        }
        let last = width - 1;
        let columns = if of.columns == [0, 0] { [0, 1] } else { of.columns.map(|c| c.min(last)) };
        let part = if self.has_test() { Part::Test } else { Part::Train };
        let all = if part == Part::Test { &data.test } else { &data.train };
        let rows: Vec<usize> = all.iter().copied().step_by(all.len().div_ceil(MOST).max(1)).collect();
        let mut points = Vec::with_capacity(rows.len());
        self.forward_samples(&rows, |plan, pass, n| {
            if let Some(v) = pass.value(plan, node).filter(|v| v.data.len() == n * width) {
                points.extend(v.data.chunks_exact(width).map(|row| columns.map(|c| row[c].to64())));
            }
        });
        // A value without a batch axis has no place per sample.
        (points.len() == rows.len()).then_some(Scatter { node, columns, width, points, rows, test: part == Part::Test })
    }

    fn narrowest(&self) -> Option<NodeId> {
        let per_sample = |id| self.inference().shape(id).map_or(0, |s| s.per_sample());
        let inner = inner(self.graph()).filter(|id| per_sample(*id) >= 2);
        inner.min_by_key(|id| per_sample(*id))
    }
}

/// Nodes that compute something of each sample.
fn inner(graph: &Graph) -> impl Iterator<Item = NodeId> + '_ {
    graph.nodes().filter(|n| n.spec().is_some_and(|s| s.role == Role::Compute)).map(|n| n.id)
}
