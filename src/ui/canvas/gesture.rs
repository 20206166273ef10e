//! What the pointer is doing on the canvas, from press to release.

use crate::graph::{Edit, NodeId, Wire};
use crate::project::Change;
use crate::ui::action::{Action, Connect};
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::view::{TEXT_ZOOM, View};
use crate::ui::canvas::wire;
use crate::ui::state::State;
use egui::{Modifiers, Pos2, Rect, Vec2};
use std::collections::BTreeSet;

/// What lies under the pointer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hit {
    /// An input pin.
    Input(NodeId, usize),
    /// An output pin.
    Output(NodeId),
    /// A node's body.
    Node(NodeId),
    /// A wire.
    Wire(Wire),
    /// Nothing.
    Empty,
}

/// The open end of a wire being pulled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pull {
    /// Pulled out of an output.
    From(NodeId),
    /// Pulled out of an empty input.
    To(NodeId, usize),
    /// An existing wire taken off its input.
    Taken(Wire),
}

/// The gesture under way.
#[derive(Clone, Debug, Default)]
pub enum Gesture {
    /// None.
    #[default]
    Idle,
    /// The view follows the pointer.
    Pan,
    /// Nodes follow the pointer; where each started.
    Move(Pos2, Vec<(NodeId, [f32; 2])>),
    /// A box is drawn from here; with what was selected before, when it adds.
    Select(Pos2, BTreeSet<NodeId>),
    /// A wire is pulled.
    Pull(Pull),
}

/// What lies at screen position `at`: pins first, then nodes from the top, then wires.
pub fn hit(layout: &Layout, view: &View, at: Pos2) -> Hit {
    let reach = (9.0 * view.zoom).clamp(4.0, 14.0);
    let near = |p: Pos2| view.screen_from_canvas(p).distance(at) <= reach;
    let canvas = view.canvas_from_screen(at);
    let margin = reach / view.zoom;
    for n in layout.nodes.iter().rev().filter(|n| n.rect.expand(margin).contains(canvas)) {
        if view.zoom >= TEXT_ZOOM {
            if n.category.is_some() && near(n.output()) {
                return Hit::Output(n.id);
            }
            if let Some(k) = (0..n.pins).find(|k| near(n.input(*k))) {
                return Hit::Input(n.id, k);
            }
        }
        if n.rect.contains(canvas) {
            return Hit::Node(n.id);
        }
    }
    layout
        .wires
        .iter()
        .filter(|w| w.bounds.expand(8.0 / view.zoom).contains(canvas))
        .map(|w| (wire::distance(w, view, at), w.wire))
        .filter(|(d, _)| *d < 6.0)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(Hit::Empty, |(_, w)| Hit::Wire(w))
}

/// The wire that `pull` would make if it ended at `hit`.
pub fn wire_of(pull: Pull, hit: Hit) -> Option<Wire> {
    match (pull, hit) {
        (Pull::From(from), Hit::Input(to, input)) => Some(Wire { from, output: 0, to, input }),
        (Pull::To(to, input), Hit::Output(from)) => Some(Wire { from, output: 0, to, input }),
        (Pull::Taken(w), Hit::Input(to, input)) => Some(Wire { from: w.from, output: w.output, to, input }),
        _ => None,
    }
}

/// Why `pull` cannot end at `hit`; `None` if it can, or if there is no pin there.
pub fn refusal(state: &State, pull: Pull, hit: Hit) -> Option<String> {
    match (pull, hit) {
        (Pull::From(_) | Pull::Taken(_), Hit::Output(_)) => {
            Some("an output goes into an input, not into an output".into())
        }
        (Pull::To(..), Hit::Input(..)) => Some("an input takes an output, not another input".into()),
        _ => wire_of(pull, hit).and_then(|w| match pull {
            Pull::Taken(old) if old == w => None,
            _ => state.graph().refuse(w.from, w.to, w.input),
        }),
    }
}

impl Gesture {
    /// A drag begins at screen position `at` on `hit`.
    pub fn begin(hit: Hit, at: Pos2, modifiers: Modifiers, view: &View, state: &State, out: &mut Vec<Action>) -> Self {
        match hit {
            Hit::Output(id) => Gesture::Pull(Pull::From(id)),
            Hit::Input(id, k) => {
                let taken = state.graph().inputs(id).into_iter().find(|w| w.input == k);
                Gesture::Pull(taken.map_or(Pull::To(id, k), Pull::Taken))
            }
            Hit::Node(id) => {
                let mut selection = state.selection.clone();
                if !selection.contains(&id) {
                    if !modifiers.shift {
                        selection.clear();
                    }
                    selection.insert(id);
                    out.push(Action::Select(selection.clone()));
                }
                let origins = selection.iter().filter_map(|n| state.graph().node(*n)).map(|n| (n.id, n.pos)).collect();
                out.push(Action::Begin("Move nodes".into()));
                Gesture::Move(view.canvas_from_screen(at), origins)
            }
            Hit::Wire(_) | Hit::Empty => {
                let base = if modifiers.shift { state.selection.clone() } else { BTreeSet::new() };
                Gesture::Select(view.canvas_from_screen(at), base)
            }
        }
    }

    /// The pointer has moved to `at`, by `delta`.
    pub fn drag(&self, at: Pos2, delta: Vec2, view: &mut View, layout: &Layout, out: &mut Vec<Action>) {
        match self {
            Gesture::Pan => view.pan(delta),
            Gesture::Move(start, origins) => {
                let by = view.canvas_from_screen(at) - *start;
                let moved =
                    origins.iter().map(|(id, p)| (*id, [(p[0] + by.x).round(), (p[1] + by.y).round()])).collect();
                out.push(Action::Live(Change::Graph(Edit::Move(moved))));
            }
            Gesture::Select(start, base) => {
                let area = Rect::from_two_pos(*start, view.canvas_from_screen(at));
                let inside = layout.nodes.iter().filter(|n| n.rect.intersects(area)).map(|n| n.id);
                out.push(Action::Select(base.iter().copied().chain(inside).collect()));
            }
            Gesture::Idle | Gesture::Pull(_) => {}
        }
    }

    /// The pointer is released over `hit`.
    pub fn end(self, hit: Hit, at: Pos2, view: &View, state: &State, out: &mut Vec<Action>) {
        match self {
            Gesture::Move(..) => out.push(Action::Commit),
            Gesture::Pull(pull) => finish_pull(pull, hit, at, view, state, out),
            Gesture::Idle | Gesture::Pan | Gesture::Select(..) => {}
        }
    }

    /// Gives the gesture up, undoing what it did so far.
    pub fn cancel(self, out: &mut Vec<Action>) {
        if matches!(self, Gesture::Move(..)) {
            out.push(Action::Cancel);
        }
    }
}

fn finish_pull(pull: Pull, hit: Hit, at: Pos2, view: &View, state: &State, out: &mut Vec<Action>) {
    if refusal(state, pull, hit).is_some() {
        return;
    }
    match (wire_of(pull, hit), pull) {
        (Some(new), Pull::Taken(old)) if new == old => {}
        (Some(new), Pull::Taken(old)) => out.push(Action::Change(Change::Graph(Edit::Batch {
            label: "Move wire".into(),
            edits: vec![Edit::Disconnect(old), Edit::Connect(new)],
        }))),
        (Some(new), _) => out.push(Action::Change(Change::Graph(Edit::Connect(new)))),
        (None, Pull::Taken(old)) => out.push(Action::Change(Change::Graph(Edit::Disconnect(old)))),
        (None, _) if matches!(hit, Hit::Node(_)) => {}
        (None, pull) => {
            let pos = view.canvas_from_screen(at);
            let connect = match pull {
                Pull::From(id) => Connect::From(id, 0),
                Pull::To(id, k) => Connect::To(id, k),
                Pull::Taken(w) => Connect::From(w.from, w.output),
            };
            out.push(Action::OpenSearch { at: [pos.x, pos.y - 40.0], screen: at, connect: Some(connect) });
        }
    }
}
