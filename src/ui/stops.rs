//! Breakpoints and watches in the window: what a key or a click makes of them.

use crate::engine::Phase;
use crate::graph::NodeId;
use crate::project::Change;
use crate::train::Command;
use crate::train::stops::{Halt, Moment, Place, Stops};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::state::{Focus, State};
use crate::ui::toast::Tone;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The moment of a node that comes next: of the instruction that it waits for in mid-batch, else its forward.
pub fn next_moment(state: &State, node: NodeId) -> Moment {
    let snapshot = state.snapshot.as_ref().filter(|s| !s.at_rest);
    let next = snapshot.and_then(|s| s.program.get(s.cursor..)?.iter().find(|i| i.node == node));
    match next.map(|i| i.phase) {
        Some(Phase::Seed | Phase::Backward) => Moment::Backward,
        Some(Phase::Update) => Moment::Update,
        Some(Phase::Forward | Phase::Loss) | None => Moment::Forward,
    }
}

/// The action that changes the breakpoints and watches by `change`.
pub fn changed(state: &State, change: impl FnOnce(&mut Stops)) -> Action {
    let mut stops = state.document().stops.clone();
    change(&mut stops);
    Action::Change(Change::Stops(stops))
}

/// How often a breakpoint has stopped the run, and why it cannot if it cannot.
pub fn count(state: &State, id: u32) -> (u64, u64, Option<String>) {
    let shot = state.snapshot.as_ref().and_then(|s| s.stops.iter().find(|c| c.id == id));
    shot.map_or((0, 0, None), |c| (c.hits, c.reached, c.fault.clone()))
}

impl App {
    /// Carries out what the commands of breakpoints ask for.
    pub(super) fn apply_stops(&mut self, action: &Action) {
        let state = &self.state;
        let Some(node) = state.selected_one() else {
            return match action {
                Action::ClearStops => self.change_stops(|s| s.breakpoints.clear()),
                _ => self.toasts.push(Tone::Info, "Select one node first."),
            };
        };
        match action {
            Action::ToggleBreakpoint => {
                let moment = next_moment(state, node);
                self.change_stops(|s| s.toggle(Place::Node(node), moment));
            }
            Action::AddWatch => {
                let name = state.graph().node(node).map_or_else(String::new, |n| n.name.clone());
                self.change_stops(|s| _ = s.watch(&format!("{name}.grad")));
            }
            Action::ClearStops => self.change_stops(|s| s.breakpoints.clear()),
            Action::RunToNode => {
                self.state.halt = None;
                self.worker.send(Command::RunTo(node));
            }
            _ => {}
        }
    }

    fn change_stops(&mut self, change: impl FnOnce(&mut Stops)) {
        let Action::Change(change) = changed(&self.state, change) else { return };
        self.change(change);
    }

    /// Gives the worker the present breakpoints and watches.
    pub(super) fn send_stops(&self) {
        self.worker.send(Command::SetStops(Arc::new(self.state.document().stops.clone())));
    }

    /// The run stopped at a breakpoint: the node is selected and shown.
    pub(super) fn stopped(&mut self, halt: Halt) {
        self.toasts.push(Tone::Info, halt.text());
        if self.state.graph().node(halt.node).is_some() {
            self.state.selection = BTreeSet::from([halt.node]);
            self.state.focus = Some(Focus::Node(halt.node));
        }
        self.state.halt = Some(halt);
    }

    /// The worker tells what the wire under the pointer carries, and tries the condition that is being typed.
    pub(super) fn follow_wishes(&mut self) {
        let want = (self.canvas.wanted_wire(), self.stops_panel.probe.clone());
        if (self.state.want.wire, &self.state.want.probe) != (want.0, &want.1) {
            (self.state.want.wire, self.state.want.probe) = want;
            self.worker.send(Command::Want(self.state.want.clone()));
        }
    }
}
