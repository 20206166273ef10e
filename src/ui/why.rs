//! Why a gradient is zero or huge: carries out what is asked of it.

use crate::graph::NodeId;
use crate::train::{Command, Route, Want, Why};
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
            Action::WhySelected => match self.state.selected_one().map(|id| (id, parameters(&self.state, id))) {
                Some((id, own)) if !own.is_empty() => self.apply(ctx, Action::Why(Some((id, own[0].0)))),
                Some(_) => self.toasts.push(
                    Tone::Info,
                    "This node has no parameters. Select one that has, such as a linear layer, and ask again.",
                ),
                None => self.apply(ctx, Action::ShowPanel(PanelId::Why)),
            },
            Action::LightPath(k) => self.state.lit = k,
            _ => {}
        }
    }
}

/// The parameters of a node: the number of each among its weights, and its name.
pub fn parameters(state: &State, node: NodeId) -> Vec<(usize, &'static str)> {
    let weights = state.inference.nodes.get(&node).map_or(&[][..], |i| i.weights.as_slice());
    weights.iter().enumerate().filter(|(_, w)| !w.buffer).map(|(k, w)| (k, w.name)).collect()
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
