//! Carries out what is asked of the backward graph and of numbers on trial.

use crate::project::Change;
use crate::train::{Command, Notice, Want};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::panel::PanelId;
use crate::ui::toast::Tone;
use egui::Context;

impl App {
    /// Carries out one of these actions.
    pub(super) fn probe(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::WhatIf(order) => self.worker.send(Command::WhatIf(order)),
            Action::BackwardAgain => {
                let retain_graph = self.state.retain_graph;
                self.worker.send(Command::BackwardAgain { retain_graph });
            }
            Action::ToggleBackward => {
                self.state.backward = !self.state.backward;
                if self.state.backward {
                    self.describe_autograd();
                    self.apply(ctx, Action::ShowPanel(PanelId::Autograd));
                }
            }
            Action::WantAutograd => self.describe_autograd(),
            Action::RetainGraph(on) => self.state.retain_graph = on,
            Action::RetainGrad(node) => {
                let kept = self.state.retained.remove(&node);
                self.state.retained.extend((!kept).then_some(node));
            }
            Action::Splice(node, kind) => match self.state.graph().splice_after(node, kind) {
                Ok(edit) => self.apply(ctx, Action::Change(Change::Graph(edit))),
                Err(why) => self.toasts.push(Tone::Warning, why.to_string()),
            },
            _ => {}
        }
    }

    fn describe_autograd(&mut self) {
        if !self.state.want.autograd {
            self.state.want = Want { autograd: true, ..self.state.want.clone() };
            self.worker.send(Command::Want(self.state.want.clone()));
        }
    }

    /// Shows what the worker says about what was asked for.
    pub(super) fn said(&mut self, notice: Notice) {
        if let Notice::Said { revision, text, fault } = notice
            && revision == self.state.revision
        {
            self.toasts.push(if fault { Tone::Error } else { Tone::Info }, text);
        }
    }
}
