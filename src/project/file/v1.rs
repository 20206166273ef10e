//! Format version 1. These types are the file; do not change what they read or write, add a version.

use super::numbers::Numbers;
use super::settings::{DataDto, TrainDto};
use crate::graph::{Frame, Graph, Node, NodeId, Wire};
use crate::ops::{Inputs, Params, Role, Value};
use crate::project::{Document, LoadError, Project};
use crate::train::WeightMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Ids beyond this are damage: no one gives that many.
const MAX_ID: u64 = 1 << 53;

/// The whole file.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Project", deny_unknown_fields)]
pub struct File {
    format_version: u32,
    #[serde(default)]
    notes: String,
    nodes: Vec<NodeDto>,
    #[serde(default)]
    wires: Vec<WireDto>,
    #[serde(default)]
    frames: Vec<FrameDto>,
    /// The next id to give, so that those of deleted nodes do not come back.
    #[serde(default)]
    next_id: u64,
    #[serde(default)]
    data: DataDto,
    #[serde(default)]
    train: TrainDto,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<Vec<WeightDto>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeDto {
    id: u64,
    kind: String,
    name: String,
    #[serde(default)]
    at: (f32, f32),
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<String, Setting>,
}

/// The value of a parameter.
#[derive(Serialize, Deserialize)]
enum Setting {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Nodes(Vec<u64>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDto {
    from: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    output: usize,
    to: u64,
    #[serde(default)]
    input: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameDto {
    id: u64,
    title: String,
    rect: (f32, f32, f32, f32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightDto {
    node: u64,
    name: String,
    shape: Vec<usize>,
    data: Numbers,
}

impl From<Value> for Setting {
    fn from(v: Value) -> Self {
        match v {
            Value::Bool(x) => Setting::Bool(x),
            Value::Int(x) => Setting::Int(x),
            Value::Float(x) => Setting::Float(x),
            Value::Text(x) => Setting::Text(x),
            Value::Ints(x) => Setting::Ints(x),
            Value::Floats(x) => Setting::Floats(x),
            Value::Nodes(x) => Setting::Nodes(x),
        }
    }
}

impl From<Setting> for Value {
    fn from(v: Setting) -> Self {
        match v {
            Setting::Bool(x) => Value::Bool(x),
            Setting::Int(x) => Value::Int(x),
            Setting::Float(x) => Value::Float(x),
            Setting::Text(x) => Value::Text(x),
            Setting::Ints(x) => Value::Ints(x),
            Setting::Floats(x) => Value::Floats(x),
            Setting::Nodes(x) => Value::Nodes(x),
        }
    }
}

/// The file that holds `project`.
pub fn from_project(project: &Project) -> File {
    let Document { graph, data, train, notes } = &project.document;
    let node = |n: &Node| NodeDto {
        id: n.id.0,
        kind: n.kind.clone(),
        name: n.name.clone(),
        at: (n.pos[0], n.pos[1]),
        params: n.params.0.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect(),
    };
    let weight = |((node, name), (shape, data)): (&(NodeId, String), &(Vec<usize>, Vec<f64>))| WeightDto {
        node: node.0,
        name: name.clone(),
        shape: shape.clone(),
        data: Numbers::of(data),
    };
    File {
        format_version: 1,
        notes: notes.clone(),
        nodes: graph.nodes().map(node).collect(),
        wires: graph
            .wires()
            .iter()
            .map(|w| WireDto { from: w.from.0, output: w.output, to: w.to.0, input: w.input })
            .collect(),
        frames: graph
            .frames()
            .iter()
            .map(|f| FrameDto { id: f.id, title: f.title.clone(), rect: f.rect.into() })
            .collect(),
        next_id: graph.next_id().0,
        data: data.into(),
        train: train.into(),
        weights: project.weights.as_ref().map(|w| w.iter().map(weight).collect()),
    }
}

/// The project in `file`. What contradicts itself is an error; what can be left out is left out with a warning.
pub fn into_project(file: File) -> Result<Project, LoadError> {
    let content = |e: &dyn std::fmt::Display| LoadError::Content(format!("{e}; correct it in a text editor"));
    let mut warnings = Vec::new();
    if let Some(n) = file.nodes.iter().find(|n| n.id > MAX_ID) {
        return Err(content(&format!("node \"{}\" has the impossible id {}", n.name, n.id)));
    }
    let nodes: Vec<Node> = file.nodes.into_iter().map(|n| node(n, &mut warnings)).collect();
    let wires = wires(&nodes, file.wires, &mut warnings);
    let mut frames: Vec<Frame> = Vec::new();
    for f in file.frames {
        let rect: [f32; 4] = f.rect.into();
        if rect.iter().all(|x| x.is_finite()) && frames.iter().all(|g| g.id != f.id) {
            frames.push(Frame { id: f.id, title: f.title, rect });
        } else {
            warnings.push(format!("the frame \"{}\" has no place or is there twice; it was left out", f.title));
        }
    }
    let graph = Graph::restore(nodes, wires, frames, file.next_id.min(MAX_ID)).map_err(|e| content(&e))?;
    if let Err(cycle) = graph.order() {
        let names: Vec<&str> = cycle.iter().take(8).filter_map(|id| graph.node(*id)).map(|n| n.name.as_str()).collect();
        let names = names.join("\", \"");
        return Err(content(&format!("the wires close a cycle among \"{names}\" or before them; take one of them out")));
    }
    let weights = file.weights.map(|w| weights(w, &graph, &mut warnings));
    let document = Document { graph, data: file.data.into(), train: file.train.into(), notes: file.notes };
    Ok(Project { document, weights, warnings })
}

fn node(n: NodeDto, warnings: &mut Vec<String>) -> Node {
    let mut pos = [n.at.0, n.at.1];
    if !pos.iter().all(|x| x.is_finite()) {
        warnings.push(format!("node \"{}\" has no place; it was put at the origin", n.name));
        pos = [0.0, 0.0];
    }
    let params = Params(n.params.into_iter().map(|(k, v)| (k, v.into())).collect());
    Node { id: NodeId(n.id), kind: n.kind, name: n.name, params, pos }
}

/// The wires that end in pins which exist. Whether their ends exist is for the graph to say.
fn wires(nodes: &[Node], wires: Vec<WireDto>, warnings: &mut Vec<String>) -> Vec<Wire> {
    let by_id: BTreeMap<NodeId, &Node> = nodes.iter().map(|n| (n.id, n)).collect();
    let mut kept: Vec<Wire> = Vec::new();
    for w in wires {
        let wire = Wire { from: NodeId(w.from), output: w.output, to: NodeId(w.to), input: w.input };
        let spec = |id| by_id.get(&id).and_then(|n| n.spec());
        let no_input = spec(wire.to).is_some_and(|s| match s.inputs {
            _ if s.role == Role::Penalty => true,
            Inputs::Fixed(pins) => wire.input >= pins.len(),
            Inputs::Variadic(_) => false,
        });
        if no_input || (wire.output != 0 && spec(wire.from).is_some()) {
            let to = by_id.get(&wire.to).map_or("?", |n| n.name.as_str());
            warnings.push(format!(
                "a wire from output {} of node {} to input {} of \"{to}\" has no such end; it was left out",
                w.output, w.from, w.input
            ));
        } else {
            kept.push(wire);
        }
    }
    kept.sort_by_key(|w| (w.to, w.input));
    // Pins of a node that takes any number of wires have no gaps. Two wires in one pin stay for the graph to refuse.
    let mut last: Option<(Wire, usize)> = None;
    for w in &mut kept {
        let variadic = by_id
            .get(&w.to)
            .and_then(|n| n.spec())
            .is_some_and(|s| s.role != Role::Penalty && matches!(s.inputs, Inputs::Variadic(_)));
        let before = *w;
        if variadic {
            w.input = match last {
                Some((l, pin)) if l.to == w.to => pin + usize::from(l.input != before.input),
                _ => 0,
            };
        }
        last = Some((before, w.input));
    }
    kept
}

fn weights(list: Vec<WeightDto>, graph: &Graph, warnings: &mut Vec<String>) -> WeightMap {
    let mut map = WeightMap::new();
    for w in list {
        let id = NodeId(w.node);
        let Some(owner) = graph.node(id) else {
            warnings.push(format!("the weights \"{}\" belong to node {}, which is not there", w.name, w.node));
            continue;
        };
        let label = format!("{}.{}", owner.name, w.name);
        let size = w.shape.iter().try_fold(1usize, |a, n| a.checked_mul(*n));
        let fault = match w.data.read() {
            Err(why) => format!("the weights {label} {why}"),
            Ok(data) if size != Some(data.len()) => {
                format!("the weights {label} are {} numbers, which is not the shape {:?}", data.len(), w.shape)
            }
            Ok(data) if data.iter().any(|x| !x.is_finite()) => {
                format!("the weights {label} hold NaN or infinity")
            }
            Ok(_) if map.contains_key(&(id, w.name.clone())) => format!("the weights {label} are there twice"),
            Ok(data) => {
                map.insert((id, w.name), (w.shape, data));
                continue;
            }
        };
        warnings.push(format!("{fault}; they were left out and start afresh"));
    }
    map
}
