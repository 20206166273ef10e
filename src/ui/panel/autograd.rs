//! The backward graph as PyTorch has it, as a table, with the switches that teach how gradients are kept.

use crate::graph::{Edit, Tuning};
use crate::project::Change;
use crate::train::bytes_text as bytes;
use crate::train::{AutogradShot, GradNode, GradState, TrainConfig};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::panel::{go_to, nothing};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{RichText, ScrollArea, Ui};
use egui_extras::{Column, TableBuilder};

/// Draws the panel.
pub fn ui(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    if !state.want.autograd {
        actions.push(Action::WantAutograd);
    }
    let Some(shot) = state.snapshot.as_ref().and_then(|s| s.autograd.clone()) else {
        let why =
            state.failed.as_ref().map_or("The backward graph of a network that can be trained.".to_owned(), |w| {
                format!("There is no backward graph: {w}")
            });
        return nothing(ui, &why);
    };
    let theme = Theme::of(ui.ctx());
    let wide = ui.available_width() > 640.0;
    if wide {
        ui.horizontal_top(|ui| {
            ui.vertical(|ui| {
                ui.set_width(270.0);
                ScrollArea::vertical().id_salt("switches").auto_shrink(false).show(ui, |ui| {
                    switches(ui, state, &shot, &theme, actions);
                });
            });
            ui.separator();
            ui.vertical(|ui| {
                sideways(ui, |ui| table(ui, state, &shot, true, &theme, actions));
            });
        });
    } else {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            switches(ui, state, &shot, &theme, actions);
            ui.separator();
            sideways(ui, |ui| table(ui, state, &shot, false, &theme, actions));
        });
    }
}

fn lesson(ui: &mut Ui, text: &str, theme: &Theme) {
    ui.label(RichText::new(text).font(theme::sans(11.0)).color(theme.dim));
}

fn switches(ui: &mut Ui, state: &State, shot: &AutogradShot, theme: &Theme, actions: &mut Vec<Action>) {
    let mut graph = state.backward;
    if ui.checkbox(&mut graph, "Show on the canvas").on_hover_text("The same nodes as a backward graph (B)").changed() {
        actions.push(Action::ToggleBackward);
    }
    let train = &state.document().train;
    let mut zero = train.zero_grad;
    if ui.checkbox(&mut zero, "zero_grad before backward").changed() {
        actions.push(Action::Change(Change::Train(TrainConfig { zero_grad: zero, ..train.clone() })));
    }
    lesson(
        ui,
        if train.zero_grad {
            "Each batch begins with .grad empty. Switch it off and gradients of earlier batches stay in the sum: the \
             classic forgotten optimizer.zero_grad()."
        } else {
            "Forgotten: .grad is the sum over all batches so far, and every step follows that sum."
        },
        theme,
    );
    let mut retain = state.retain_graph;
    if ui.checkbox(&mut retain, "retain_graph").changed() {
        actions.push(Action::RetainGraph(retain));
    }
    let again = ui.add_enabled(state.failed.is_none(), egui::Button::new("Backward again"));
    if again
        .on_hover_text("loss.backward() once more on this batch, after its backward pass (two presses of F6)")
        .clicked()
    {
        actions.push(Action::BackwardAgain);
    }
    let text = match (retain, shot.again) {
        (false, _) => "The first backward frees what forward saved, so a second one fails. Press it to see the error.",
        (true, true) => "What forward saved is kept: a second backward adds its gradients, so .grad doubles.",
        (true, false) => "Kept. Step to the end of a backward pass, then a second backward doubles .grad.",
    };
    lesson(ui, text, theme);
    let Some(n) = state.selected_one().and_then(|id| shot.graph.node(id)) else {
        return lesson(ui, "Select a node for retain_grad, detach and freeze.", theme);
    };
    ui.add_space(4.0);
    ui.label(RichText::new(&n.name).font(theme::bold(12.5)));
    selected(ui, n, state, shot, theme, actions);
}

fn selected(ui: &mut Ui, n: &GradNode, state: &State, shot: &AutogradShot, theme: &Theme, actions: &mut Vec<Action>) {
    let mut on = state.retained.contains(&n.node);
    let free = n.requires_grad && !n.is_leaf;
    if ui.add_enabled(free, egui::Checkbox::new(&mut on, "retain_grad")).changed() {
        actions.push(Action::RetainGrad(n.node));
    }
    let text = if free {
        "PyTorch drops the gradient of a non-leaf once it is used; retain_grad keeps it as .grad."
    } else {
        "A leaf keeps its .grad anyway, and what needs no gradient has none."
    };
    lesson(ui, text, theme);
    let used = state.graph().outputs(n.node).len();
    if used > 0 {
        let button = ui.add_enabled(n.requires_grad, egui::Button::new("Detach its output"));
        let tip = format!("Puts one detach node between it and all that uses it ({used}); undo takes it out");
        if button.on_hover_text(tip).clicked() {
            actions.push(Action::Splice(n.node, "detach"));
        }
        lesson(ui, "Values pass a detach, gradients do not: nothing before it learns from what is behind it.", theme);
    }
    for k in &n.weights {
        let Some(leaf) = shot.graph.leaves.get(*k).filter(|_| shot.leaves[*k].0 != GradState::Buffer) else { continue };
        let tuning = state.graph().node(n.node).and_then(|x| x.tuning.get(leaf.name).copied()).unwrap_or_default();
        let mut frozen = tuning.frozen;
        let about = "requires_grad = False: it keeps its numbers, and no memory is spent on its gradient.";
        if ui.checkbox(&mut frozen, format!("freeze {}", leaf.name)).on_hover_text(about).changed() {
            let tuning = Tuning { frozen, ..tuning };
            let edit = Edit::Tune { node: n.node, weight: leaf.name.to_owned(), tuning };
            actions.push(Action::Change(Change::Graph(edit)));
        }
    }
}

/// `.grad` of the output of a node, as PyTorch would answer, with the norm that the debugger knows.
fn output_grad(n: &GradNode, state: &State, shot: &AutogradShot) -> String {
    let norm = state.shot(n.node).and_then(|s| s.grad_stats).map(|g| g.norm);
    match (n.requires_grad, state.retained.contains(&n.node), norm) {
        (false, ..) => "None".to_owned(),
        (true, true, Some(g)) => format!("{} retained", short(g * f64::from(shot.passes.max(1)))),
        (true, true, None) => "None yet".to_owned(),
        (true, false, Some(g)) => format!("not retained (None); δ {}", short(g)),
        (true, false, None) => "not retained (None)".to_owned(),
    }
}

/// Lets what is wider than the dock be scrolled to.
fn sideways(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ScrollArea::horizontal().id_salt("autograd columns").auto_shrink([false, true]).show(ui, add);
}

/// The table; it scrolls by itself if `scrolls`, else with what is around it.
fn table(ui: &mut Ui, state: &State, shot: &AutogradShot, scrolls: bool, theme: &Theme, actions: &mut Vec<Action>) {
    let total = format!(
        "saved for backward: {} in {} tensors, each counted once, parameters not counted",
        bytes(shot.graph.saved_bytes),
        shot.graph.saved_tensors
    );
    ui.label(RichText::new(total).font(theme::mono(11.0)).color(theme.text));
    let mono = |t: &str, c| egui::Label::new(RichText::new(t).font(theme::mono(11.0)).color(c)).truncate();
    let yes = |on: bool| if on { "True" } else { "False" };
    let leaves: Vec<usize> = (0..shot.graph.leaves.len()).filter(|k| shot.leaves[*k].0 != GradState::Buffer).collect();
    let nodes = &shot.graph.nodes;
    let mut builder = TableBuilder::new(ui).id_salt("autograd").striped(true).vscroll(scrolls);
    for width in [104.0, 60.0, 84.0, 52.0, 176.0, 190.0, 150.0, 190.0] {
        builder = builder.column(Column::initial(width).at_least(36.0).resizable(true).clip(true));
    }
    builder
        .header(20.0, |mut h| {
            let titles = [
                ("node", "Nodes in the order of the forward pass, then the parameters"),
                ("shape", "Shape of the output in a full batch"),
                ("requires_grad", "Whether a gradient is wanted for it"),
                ("is_leaf", "Whether nothing before it could get a gradient from it"),
                ("grad_fn", "The node of PyTorch's backward graph that made it; the whole chain on hover"),
                ("next_functions", "Where its gradient goes next"),
                ("saved", "What its backward reads, and the memory of it"),
                (".grad", "What .grad holds, and its norm"),
            ];
            for (title, about) in titles {
                h.col(|ui| _ = ui.strong(title).on_hover_text(about));
            }
        })
        .body(|body| {
            body.rows(19.0, nodes.len() + leaves.len(), |mut row| {
                let i = row.index();
                if let Some(n) = nodes.get(i) {
                    let chosen = state.selection.contains(&n.node);
                    row.col(|ui| {
                        let r = ui.selectable_label(chosen, n.name.as_str());
                        if r.clicked() {
                            go_to(n.node, actions);
                        }
                    });
                    let shape = crate::tensor::shape_text(&n.shape);
                    row.col(|ui| _ = ui.add(mono(&shape, theme.dim)));
                    row.col(|ui| _ = ui.add(mono(yes(n.requires_grad), theme.text)));
                    row.col(|ui| _ = ui.add(mono(yes(n.is_leaf), theme.text)));
                    row.col(|ui| {
                        let (text, colour) = match &n.grad_fn {
                            Ok(name) => (name.as_str(), theme.gradient),
                            Err(why) => (why.as_str(), theme.dim),
                        };
                        let chain = if n.composed.is_empty() { n.names.join("\n→ ") } else { n.composed.to_owned() };
                        let r = ui.add(mono(text, colour));
                        r.on_hover_text(if chain.is_empty() { text.to_owned() } else { chain });
                    });
                    let next: Vec<String> = n.next.iter().map(|x| format!("{} ({})", x.name, x.of)).collect();
                    row.col(|ui| _ = ui.add(mono(&next.join(", "), theme.text)).on_hover_text(next.join("\n")));
                    let saved: Vec<String> = (n.saved.iter())
                        .map(|s| {
                            let note = if s.parameter { ", a parameter" } else { "" };
                            format!("{} {} {}{note}", s.what, crate::tensor::shape_text(&s.shape), bytes(s.bytes))
                        })
                        .collect();
                    row.col(|ui| {
                        let text = if saved.is_empty() {
                            "-".to_owned()
                        } else {
                            format!(
                                "{} · {}",
                                bytes(n.saved_bytes()),
                                n.saved.iter().map(|s| s.what.as_str()).collect::<Vec<_>>().join(", ")
                            )
                        };
                        ui.add(mono(&text, theme.text)).on_hover_text(saved.join("\n"));
                    });
                    let grad = output_grad(n, state, shot);
                    row.col(|ui| _ = ui.add(mono(&grad, theme.dim)).on_hover_text(grad.as_str()));
                } else if let Some(k) = leaves.get(i - nodes.len()) {
                    let (leaf, (grad, norm)) = (&shot.graph.leaves[*k], shot.leaves[*k]);
                    row.col(|ui| _ = ui.add(mono(&leaf.label, theme.text)));
                    row.col(|ui| _ = ui.add(mono(&crate::tensor::shape_text(&leaf.shape), theme.dim)));
                    row.col(|ui| _ = ui.add(mono(yes(leaf.requires_grad), theme.text)));
                    row.col(|ui| _ = ui.add(mono("True", theme.text)));
                    row.col(|ui| _ = ui.add(mono("AccumulateGrad", theme.gradient)));
                    row.col(|_| ());
                    row.col(|_| ());
                    let stale = matches!(grad, GradState::Stale { .. });
                    let text = format!("{}{}", norm.map_or(String::new(), |n| format!("{} · ", short(n))), grad.text());
                    let colour = if stale { theme.warning } else { theme.text };
                    row.col(|ui| _ = ui.add(mono(&text, colour)).on_hover_text(text.as_str()));
                }
            });
        });
}
