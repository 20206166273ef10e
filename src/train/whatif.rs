//! What if a number were another? Edits of single elements, tried on a copy of the batch under way.

use crate::engine::{ParamInfo, index_text};
use crate::graph::{Graph, NodeId};
use crate::ops::Precision;
use crate::train::{ElementRef, Session, TensorRef};
use std::collections::BTreeMap;

/// One element that is given another number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poke {
    /// Which.
    pub of: ElementRef,
    /// The number it gets.
    pub value: f64,
}

/// What the window asks of a what-if.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Tries one more number; an earlier one of the same element gives way.
    Try(Poke),
    /// Takes one number back.
    Drop(ElementRef),
    /// Makes all of them real.
    Keep,
    /// Takes all of them back.
    Discard,
}

/// How a tensor changes: over all its elements, and at the one that changes most.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// Which tensor of the node.
    pub which: TensorRef,
    /// Its name at the node: `output`, `weight.grad`.
    pub label: String,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// ‖·‖ before and after.
    pub norm: (f64, f64),
    /// Elements that are other numbers now.
    pub changed: usize,
    /// The element that changes most, and its numbers before and after.
    pub most: (usize, f64, f64),
    /// Before and after, row-major: the first elements, and only for the node that is inspected.
    pub data: Vec<(f32, f32)>,
}

/// Old and new numbers of all that follows from some edits.
#[derive(Clone, Debug, Default)]
pub struct WhatIf {
    /// The edits, each with the name of its element and the number that was there.
    pub pokes: Vec<(Poke, String, f64)>,
    /// The total loss of the batch before and after.
    pub loss: (f64, f64),
    /// What changes at each node, in the order of the program.
    pub nodes: BTreeMap<NodeId, Vec<Delta>>,
    /// Why the edits cannot be kept; `None` if they can.
    pub obstacle: Option<String>,
}

impl WhatIf {
    /// The change of one tensor.
    pub fn delta(&self, node: NodeId, which: TensorRef) -> Option<&Delta> {
        self.nodes.get(&node)?.iter().find(|d| d.which == which)
    }
}

/// The name of a tensor at its node.
pub fn tensor_name(graph: &Graph, infos: &[ParamInfo], node: NodeId, which: TensorRef) -> Option<String> {
    let own = |k: usize| infos.iter().filter(|i| i.node == node).nth(k).map(|i| i.name);
    let spec = graph.node(node)?.spec()?;
    Some(match which {
        TensorRef::Output => "output".into(),
        TensorRef::OutputGrad => "output.grad".into(),
        TensorRef::Part(_) => return None,
        TensorRef::Input(pin) => spec.input_name(pin),
        TensorRef::InputGrad(pin) => format!("{}.grad", spec.input_name(pin)),
        TensorRef::Weight(k) => own(k)?.into(),
        TensorRef::WeightGrad(k) => format!("{}.grad", own(k)?),
    })
}

impl<S: Precision> Session<S> {
    /// Reads `hidden 1.output[0,3]`, `hidden 1.weight[2,0]`, `loss.output` or `output.output.grad[0,0]`.
    ///
    /// # Errors
    /// Says what is missing and what there is.
    pub fn element(&self, text: &str) -> Result<ElementRef, String> {
        let text = text.trim();
        let (path, index) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
            Some((path, index)) => (path.trim(), index),
            None => (text, ""),
        };
        // The name of a node may hold dots: the longest that fits counts.
        let split = path.match_indices('.').map(|(at, _)| (&path[..at], &path[at + 1..]));
        let found = split.filter_map(|(name, tensor)| Some((self.graph().by_name(name)?, tensor))).next_back();
        let Some((node, tensor)) = found else {
            let names: Vec<&str> = self.graph().nodes().map(|n| n.name.as_str()).collect();
            return Err(format!("\"{text}\" does not begin with the name of a node; there are {}", names.join(", ")));
        };
        let infos = &self.weights().infos;
        let pins = self.graph().inputs(node.id).len();
        let weights = infos.iter().filter(|i| i.node == node.id).count();
        let mut all = vec![TensorRef::Output, TensorRef::OutputGrad];
        all.extend((0..weights).flat_map(|k| [TensorRef::Weight(k), TensorRef::WeightGrad(k)]));
        all.extend((0..pins).flat_map(|k| [TensorRef::Input(k), TensorRef::InputGrad(k)]));
        let name = |which: &TensorRef| tensor_name(self.graph(), infos, node.id, *which).unwrap_or_default();
        let Some(which) = all.iter().copied().find(|w| name(w) == tensor) else {
            let names: Vec<String> = all.iter().map(name).collect();
            return Err(format!("\"{}\" has no tensor \"{tensor}\"; it has {}", node.name, names.join(", ")));
        };
        let shape = self.shape_of(node.id, which).ok_or_else(|| format!("{path} has no shape"))?;
        let at: Result<Vec<usize>, String> = (index.split(',').map(str::trim).filter(|t| !t.is_empty()))
            .map(|t| t.parse().map_err(|_| format!("\"{t}\" in \"{text}\" is not an index")))
            .collect();
        let at = at?;
        let words = crate::tensor::shape_text(&shape);
        if at.len() != shape.len() {
            let (have, want) = (at.len(), shape.len());
            return Err(format!("{path} is {words}, so an element has {want} indices; \"{text}\" has {have}"));
        }
        if let Some(k) = (0..at.len()).find(|k| at[*k] >= shape[*k]) {
            return Err(format!(
                "{path} is {words}: index {} of axis {k} is outside, the last is {}",
                at[k],
                shape[k] - 1
            ));
        }
        let index = at.iter().zip(&shape).fold(0, |flat, (i, n)| flat * n + i);
        Ok(ElementRef { node: node.id, tensor: which, index })
    }

    /// Reads `hidden 1.output[0,3]=0.9`.
    ///
    /// # Errors
    /// As [`Session::element`], or if there is no number.
    pub fn poke(&self, text: &str) -> Result<Poke, String> {
        let (path, value) = text.rsplit_once('=').ok_or_else(|| format!("\"{text}\" is not ELEMENT=NUMBER"))?;
        let value: f64 =
            value.trim().parse().map_err(|_| format!("\"{}\" in \"{text}\" is not a number", value.trim()))?;
        Ok(Poke { of: self.element(path)?, value })
    }

    /// `hidden 1.output[0,3]`.
    pub fn element_name(&self, of: ElementRef) -> String {
        let node = self.graph().node(of.node).map_or("?", |n| n.name.as_str());
        let tensor = tensor_name(self.graph(), &self.weights().infos, of.node, of.tensor).unwrap_or_default();
        let shape = self.shape_of(of.node, of.tensor).unwrap_or_default();
        format!("{node}.{tensor}{}", index_text(&shape, of.index))
    }

    /// Lengths of the axes of a tensor in the present batch.
    pub(in crate::train) fn shape_of(&self, node: NodeId, which: TensorRef) -> Option<Vec<usize>> {
        let batch = self.current().0.batch();
        let output = |id: NodeId| Some(self.inference().shape(id)?.concrete(batch));
        match which {
            TensorRef::Output | TensorRef::OutputGrad => output(node),
            TensorRef::Part(_) => None,
            TensorRef::Input(pin) | TensorRef::InputGrad(pin) => {
                output(self.graph().inputs(node).into_iter().find(|w| w.input == pin)?.from)
            }
            TensorRef::Weight(k) | TensorRef::WeightGrad(k) => {
                self.weights().infos.iter().filter(|i| i.node == node).nth(k).map(|i| i.shape.clone())
            }
        }
    }
}
