//! The file format, apart from the types in memory. Version 1.

use crate::data::DataConfig;
use crate::graph::{Frame, Graph, Node, NodeId, Tuning, Wire};
use crate::ops::Params;
use crate::project::dto_run::RunV1;
use crate::project::dto_stops::StopsV1;
use crate::project::{Document, Project, check};
use crate::train::TrainConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// What every version of the file begins with.
#[derive(Deserialize)]
#[serde(rename = "Project")]
pub struct Head {
    pub format_version: u32,
}

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Project", deny_unknown_fields)]
pub struct FileV1 {
    pub format_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    #[serde(default)]
    pub next_id: u64,
    pub nodes: Vec<NodeV1>,
    #[serde(default)]
    pub wires: Vec<WireV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    #[serde(default)]
    pub data: DataConfig,
    #[serde(default)]
    pub train: TrainConfig,
    #[serde(default, skip_serializing_if = "StopsV1::is_empty")]
    pub stops: StopsV1,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<WeightV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Node", deny_unknown_fields)]
pub struct NodeV1 {
    pub id: u64,
    pub kind: String,
    pub name: String,
    pub at: (f32, f32),
    #[serde(default, skip_serializing_if = "is_empty")]
    pub params: Params,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tuning: BTreeMap<String, Tuning>,
}

fn is_empty(p: &Params) -> bool {
    p.0.is_empty()
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Wire", deny_unknown_fields)]
pub struct WireV1 {
    pub from: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output: usize,
    pub to: u64,
    pub input: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Weight", deny_unknown_fields)]
pub struct WeightV1 {
    pub node: u64,
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Numbers,
}

/// Short tensors stay readable, long ones are base64 of little-endian `f32` where that loses nothing.
#[derive(Serialize, Deserialize)]
pub enum Numbers {
    Plain(Vec<f64>),
    Base64(String),
}

/// Longest tensor of `f32` that is written as plain numbers.
const PLAIN: usize = 64;

impl Numbers {
    pub fn of(data: &[f64]) -> Self {
        if data.len() <= PLAIN || data.iter().any(|x| f64::from(*x as f32) != *x) {
            return Numbers::Plain(data.to_vec());
        }
        let bytes: Vec<u8> = data.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
        Numbers::Base64(STANDARD.encode(bytes))
    }

    pub fn read(&self) -> Result<Vec<f64>, String> {
        match self {
            Numbers::Plain(v) => Ok(v.clone()),
            Numbers::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(|e| format!("its base64 is broken: {e}"))?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("its base64 does not hold whole numbers".into());
                }
                Ok(numbers.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect())
            }
        }
    }
}

impl From<&Project> for FileV1 {
    fn from(p: &Project) -> Self {
        let d = &p.document;
        let node = |n: &Node| NodeV1 {
            id: n.id.0,
            kind: n.kind.clone(),
            name: n.name.clone(),
            at: (n.pos[0], n.pos[1]),
            params: n.params.clone(),
            tuning: n.tuning.clone(),
        };
        let wire = |w: Wire| WireV1 { from: w.from.0, output: w.output, to: w.to.0, input: w.input };
        let weights = p.weights.iter().flatten().map(|((node, name), (shape, data))| WeightV1 {
            node: node.0,
            name: name.clone(),
            shape: shape.clone(),
            data: Numbers::of(data),
        });
        FileV1 {
            format_version: VERSION,
            notes: d.notes.clone(),
            next_id: d.graph.next_id().0,
            nodes: d.graph.nodes().map(node).collect(),
            wires: d.graph.wires().into_iter().map(wire).collect(),
            frames: d.graph.frames().to_vec(),
            data: d.data.clone(),
            train: d.train.clone(),
            stops: StopsV1::from(&d.stops),
            weights: weights.collect(),
            run: p.run.as_deref().map(RunV1::from),
        }
    }
}

impl FileV1 {
    /// The project; weights that are broken become warnings.
    pub fn into_project(self) -> Result<Project, String> {
        let mut warnings = Vec::new();
        let nodes: Vec<Node> = self
            .nodes
            .into_iter()
            .map(|n| {
                let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
                let pos = [finite(n.at.0), finite(n.at.1)];
                Node { params: n.params, tuning: n.tuning, ..Node::new(NodeId(n.id), &n.kind, &n.name, pos) }
            })
            .collect();
        let wire = |w: &WireV1| Wire { from: NodeId(w.from), output: w.output, to: NodeId(w.to), input: w.input };
        let wires = check::wires(&nodes, self.wires.iter().map(wire).collect(), &mut warnings);
        let graph = Graph::restore(nodes, wires, self.frames, self.next_id).map_err(|e| e.to_string())?;
        check::acyclic(&graph)?;
        let stops = self.stops.into_stops(&graph, &mut warnings);
        let mut weights = crate::engine::WeightMap::new();
        for w in self.weights {
            let elements = w.shape.iter().try_fold(1usize, |a, n| a.checked_mul(*n));
            let fault = match w.data.read() {
                Ok(data) if Some(data.len()) != elements => {
                    Some(format!("it has {} numbers, not those of its shape", data.len()))
                }
                Ok(data) if data.iter().any(|x| !x.is_finite()) => Some("it holds NaN or infinite numbers".to_owned()),
                Ok(data) => {
                    if weights.insert((NodeId(w.node), w.name.clone()), (w.shape, data)).is_some() {
                        warnings.push(format!(
                            "weight \"{}\" of node {} is there twice; the last one counts",
                            w.name, w.node
                        ));
                    }
                    None
                }
                Err(why) => Some(why),
            };
            if let Some(why) = fault {
                warnings.push(format!("weight \"{}\" of node {} starts afresh: {why}", w.name, w.node));
            }
        }
        let document = Document { graph, data: self.data, train: self.train, notes: self.notes, stops };
        let run = self.run.map(RunV1::into_state).transpose().unwrap_or_else(|why| {
            warnings.push(format!("the saved run cannot go on, so it begins anew from the saved weights: {why}"));
            None
        });
        let weights = (!weights.is_empty()).then_some(weights);
        Ok(Project { document, run: run.filter(|_| weights.is_some()).map(Arc::new), weights, warnings })
    }
}
