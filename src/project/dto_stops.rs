//! Breakpoints and watches in the file.

use crate::graph::{Graph, NodeId, Wire};
use crate::project::dto::WireV1;
use crate::train::stops::{Breakpoint, Moment, Place, Stops, WatchPoint};
use serde::{Deserialize, Serialize};

/// All of them.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "Stops", deny_unknown_fields)]
pub struct StopsV1 {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakpoints: Vec<BreakpointV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<WatchV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Breakpoint", deny_unknown_fields)]
pub struct BreakpointV1 {
    pub on: PlaceV1,
    pub moment: Moment,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Place")]
pub enum PlaceV1 {
    Any,
    Node(u64),
    Wire(WireV1),
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Watch", deny_unknown_fields)]
pub struct WatchV1 {
    pub show: String,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub bubble: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<(f32, f32)>,
}

fn yes() -> bool {
    true
}

impl StopsV1 {
    pub fn is_empty(&self) -> bool {
        self.breakpoints.is_empty() && self.watches.is_empty()
    }

    /// Those whose node or wire is there; a warning for each of the others. An expression that cannot be read is kept:
    /// it is shown with what is wrong, and stops nothing.
    pub fn into_stops(self, graph: &Graph, warnings: &mut Vec<String>) -> Stops {
        let mut stops = Stops::default();
        let wires = graph.wires();
        for (k, b) in self.breakpoints.into_iter().enumerate() {
            let mut drop = |why: String| warnings.push(format!("breakpoint {} was left out: {why}", k + 1));
            let place = match b.on {
                PlaceV1::Any => Place::Any,
                PlaceV1::Node(id) => Place::Node(NodeId(id)),
                PlaceV1::Wire(w) => {
                    Place::Wire(Wire { from: NodeId(w.from), output: w.output, to: NodeId(w.to), input: w.input })
                }
            };
            match place {
                Place::Node(id) if graph.node(id).is_none() => {
                    drop(format!("there is no node {}", id.0));
                    continue;
                }
                Place::Wire(w) if !wires.contains(&w) => {
                    drop(format!("there is no wire from node {} to input {} of node {}", w.from.0, w.input, w.to.0));
                    continue;
                }
                _ if !b.moment.fits(place) => {
                    let what = if matches!(place, Place::Wire(_)) { "a wire" } else { "a node" };
                    drop(format!("\"{}\" is no moment of {what}", b.moment.label()));
                    continue;
                }
                _ => {}
            }
            let id = stops.add(place, b.moment, &b.condition);
            if let Some(added) = stops.breakpoints.iter_mut().find(|b| b.id == id) {
                added.enabled = b.enabled;
            }
        }
        for w in self.watches {
            let at = w.at.filter(|a| a.0.is_finite() && a.1.is_finite()).map(|a| [a.0, a.1]);
            let id = stops.watches.len() as u32 + 1;
            stops.watches.push(WatchPoint { id, text: w.show, bubble: w.bubble, at });
        }
        stops
    }
}

impl From<&Stops> for StopsV1 {
    fn from(s: &Stops) -> Self {
        let breakpoint = |b: &Breakpoint| BreakpointV1 {
            on: match b.place {
                Place::Any => PlaceV1::Any,
                Place::Node(id) => PlaceV1::Node(id.0),
                Place::Wire(w) => {
                    PlaceV1::Wire(WireV1 { from: w.from.0, output: w.output, to: w.to.0, input: w.input })
                }
            },
            moment: b.moment,
            condition: b.condition.clone(),
            enabled: b.enabled,
        };
        let watch = |w: &WatchPoint| WatchV1 { show: w.text.clone(), bubble: w.bubble, at: w.at.map(|a| (a[0], a[1])) };
        StopsV1 {
            breakpoints: s.breakpoints.iter().map(breakpoint).collect(),
            watches: s.watches.iter().map(watch).collect(),
        }
    }
}
