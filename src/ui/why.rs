//! Why a gradient is zero or huge: carries out what is asked of it.

use crate::graph::NodeId;
use crate::train::{Command, Route, TensorRef, Want, Why};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::panel::PanelId;
use crate::ui::state::State;
use crate::ui::toast::Tone;
use egui::Context;

impl App {
    /// Carries out one of these actions.
    pub(super) fn explain_gradient(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Why(of) => {
                self.state.lit = of.map(|_| 0);
                let want = Want { why: of, ..self.state.want.clone() };
                self.state.want = want.clone();
                self.worker.send(Command::Want(want));
                if of.is_some() {
                    self.apply(ctx, Action::ShowPanel(PanelId::Why));
                }
            }
            Action::WhySelected => match self.state.selected_one().map(|id| (id, gradients(&self.state, id))) {
                Some((id, own)) if !own.is_empty() => {
                    // Asked again, the node's next gradient.
                    let now = self.state.want.why.filter(|w| w.0 == id);
                    let at = now.and_then(|w| own.iter().position(|g| g.0 == w.1)).map_or(0, |k| k + 1);
                    self.apply(ctx, Action::Why(Some((id, own[at % own.len()].0))));
                }
                Some(_) => self.toasts.push(Tone::Info, "This program does not know what the node computes."),
                None => self.apply(ctx, Action::ShowPanel(PanelId::Why)),
            },
            Action::LightPath(k) => self.state.lit = k,
            _ => {}
        }
    }
}

/// The gradients of a node that can be explained, each with the name of what it belongs to: those of its parameters, then
/// that of its output.
pub fn gradients(state: &State, node: NodeId) -> Vec<(TensorRef, &'static str)> {
    let Some(inferred) = state.inference.nodes.get(&node) else { return Vec::new() };
    let own = inferred.weights.iter().enumerate().filter(|(_, w)| !w.buffer);
    own.map(|(k, w)| (TensorRef::WeightGrad(k), w.name)).chain([(TensorRef::OutputGrad, "output")]).collect()
}

/// The answer that was asked for last.
pub fn answer(state: &State) -> Option<&Result<Why, String>> {
    state.want.why?;
    state.snapshot.as_ref()?.why.as_deref()
}

/// The path that is lit on the canvas.
pub fn lit(state: &State) -> Option<&Route> {
    answer(state)?.as_ref().ok()?.routes.get(state.lit?)
}
