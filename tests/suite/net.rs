//! Graphs without data, built node by node.

use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::{Params, Value};
use chainrule::train::{Session, TrainConfig};
use std::sync::Arc;

/// A graph under construction.
pub struct Net(pub Graph);

impl Net {
    /// Adds a node with its inputs.
    pub fn add(&mut self, kind: &str, params: &[(&'static str, Value)], inputs: &[NodeId]) -> NodeId {
        let id = self.0.next_id();
        let name = self.0.fresh_name(kind);
        let params = Params(params.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect());
        self.0.apply(&Edit::Add(Node { params, ..Node::new(id, kind, &name, [0.0, 0.0]) })).expect("it fits");
        for (input, from) in inputs.iter().enumerate() {
            self.0.apply(&Edit::Connect(Wire { from: *from, output: 0, to: id, input })).expect("it fits");
        }
        id
    }

    /// A constant tensor.
    pub fn constant(&mut self, shape: &[i64], value: f64) -> NodeId {
        self.add("constant", &[("shape", Value::Ints(shape.to_vec())), ("value", Value::Float(value))], &[])
    }

    /// A free parameter.
    pub fn parameter(&mut self, shape: &[i64]) -> NodeId {
        self.add("parameter", &[("shape", Value::Ints(shape.to_vec()))], &[])
    }

    /// A linear layer.
    pub fn linear(&mut self, out: i64, input: NodeId) -> NodeId {
        self.add("linear", &[("out_features", Value::Int(out))], &[input])
    }

    /// A run of it with the default settings, which needs no data.
    pub fn run(self) -> Session<f32> {
        Session::new(Arc::new(self.0), None, TrainConfig::default()).expect("it can run")
    }
}

/// An empty graph.
pub fn net() -> Net {
    Net(Graph::new())
}
