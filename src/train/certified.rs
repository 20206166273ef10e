//! The certificates of a graph's gradients, node by node.

use crate::engine::{Certificate, Local, Standing, certify};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::train::Session;
use std::collections::BTreeMap;

/// Samples of the batch on which gradients are certified.
pub(super) const ROWS: usize = 8;

/// What is certified so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certified {
    /// The revision of the document.
    pub revision: u64,
    /// Batches completed when the numbers were copied.
    pub step: u64,
    /// By node; those not reached yet are missing.
    pub nodes: BTreeMap<NodeId, Certificate>,
    /// Whether every node has been looked at.
    pub complete: bool,
}

impl Certified {
    /// Nodes whose gradients are right, and nodes that have gradients.
    pub fn count(&self) -> (usize, usize) {
        let all = self.nodes.values().filter(|c| c.counts());
        (all.clone().filter(|c| c.certified()).count(), all.count())
    }
    /// The largest relative error of all nodes.
    pub fn worst(&self) -> f64 {
        self.nodes.values().filter(|c| c.standing == Standing::Checked).map(|c| c.worst).fold(0.0, f64::max)
    }
    /// `gradients certified 5/5 (max rel. err 3.1e-8)`; `None` while there is nothing to say.
    pub fn sentence(&self) -> Option<String> {
        let (right, all) = self.count();
        if all == 0 {
            return None;
        }
        let more = if self.complete { "" } else { "…" };
        Some(format!("gradients certified {right}/{all}{more} ({})", Certificate::error_text(self.worst())))
    }
}

impl<S: Precision> Session<S> {
    /// Certifies every node's gradients on at most eight samples of the present batch, all at once. Empty if the batch
    /// cannot be copied.
    pub fn certify(&self, round: u64) -> Certified {
        let mut out = Certified { step: self.steps(), complete: true, ..Certified::default() };
        let Ok(probed) = self.probe(ROWS).run(false) else { return out };
        for id in self.graph().nodes().map(|n| n.id) {
            if let Some(mut local) = Local::take(&probed.plan, &probed.pass, &probed.weights, id) {
                out.nodes.insert(id, certify(&mut local, round));
            }
        }
        out
    }
}
