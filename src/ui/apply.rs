//! Carries out actions. The only place where the document, the selection and the worker's orders change.

use crate::graph::{Edit, Fragment, Graph, Inference, NodeId};
use crate::project::{self, Change, Document, Project};
use crate::train::{Command, ElementRef, Granularity, Speed, Want, WeightMap, review};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::canvas::node_size;
use crate::ui::command_palette::CommandPalette;
use crate::ui::data_dialog::DataDialog;
use crate::ui::editing;
use crate::ui::files::Then;
use crate::ui::into::Inside;
use crate::ui::modal::Overlay;
use crate::ui::search::NodeSearch;
use crate::ui::state::{Focus, Zoom};
use crate::ui::toast::Tone;
use egui::Context;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The pace of training to be watched, where none was chosen.
const SLOWLY: Speed = Speed::Nodes(4.0);

impl App {
    /// Carries out one action.
    pub(super) fn apply(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Change(change) | Action::Live(change) => self.change(change),
            Action::Begin(label) => self.state.history.begin(&label),
            Action::Commit => {
                self.state.history.commit();
                self.sync();
            }
            Action::Cancel => {
                self.state.history.cancel();
                self.sync();
            }
            Action::Undo => self.travel("Undone", |h| h.undo()),
            Action::Redo => self.travel("Redone", |h| h.redo()),
            Action::Fix(fix) => self.change(Change::Graph(fix.edit)),
            Action::AddNode { kind, pos, connect } => {
                let (edit, id) = editing::add(self.state.graph(), &kind, pos, connect);
                self.edit(edit, Some([id].into()));
            }
            Action::DeleteSelection => self.delete("Delete"),
            Action::Duplicate => {
                let copy = self.selected();
                self.paste(&copy, None, "Duplicate");
            }
            Action::Copy => self.copy(ctx),
            Action::Cut => {
                self.copy(ctx);
                self.delete("Cut");
            }
            Action::Paste { at } => match self.state.clipboard.clone() {
                Some(copy) => self.paste(&copy, at, "Paste"),
                None => self.toasts.push(Tone::Info, "Nothing has been copied yet."),
            },
            Action::PasteText(text) => match project::parse(&text) {
                Ok(project) => {
                    let graph = &project.document.graph;
                    let copy = graph.subgraph(&graph.nodes().map(|n| n.id).collect::<Vec<_>>());
                    self.paste(&copy, None, "Paste");
                }
                Err(_) => self.apply(ctx, Action::Paste { at: None }),
            },
            Action::Arrange => {
                let graph = self.state.graph();
                let edit = graph.arrange(&|id| node_size(graph, id).into());
                self.edit(edit, None);
                self.state.focus = Some(Focus::All);
            }
            Action::FrameSelection => {
                let graph = self.state.graph();
                if let Some(edit) = editing::frame(graph, &self.state.selection, |id| node_size(graph, id).into()) {
                    self.edit(edit, None);
                }
            }
            Action::Select(_)
            | Action::ToggleSelect(_)
            | Action::SelectAll
            | Action::SelectNone
            | Action::Hover(_)
            | Action::Focus(_)
            | Action::ZoomIn
            | Action::ZoomOut
            | Action::ZoomReset => self.look(action),
            Action::OpenSearch { at, screen, connect } => {
                self.search = Some(NodeSearch::new(self.state.graph(), at, screen, connect));
            }
            Action::SearchNode => {
                let rect = self.canvas.area();
                let pointer = ctx.pointer_latest_pos().filter(|p| rect.contains(*p));
                let screen = pointer.unwrap_or_else(|| rect.center() - egui::vec2(160.0, 120.0));
                let at = self.canvas.canvas_pos(screen);
                self.search = Some(NodeSearch::new(self.state.graph(), at, screen, None));
            }
            Action::ToggleBreakpoint | Action::ClearStops | Action::AddWatch => self.apply_stops(&action),
            Action::RunToNode if self.state.failed.is_none() => self.apply_stops(&action),
            Action::TogglePlay
            | Action::Continue
            | Action::Step(_)
            | Action::Back(_)
            | Action::Seek { .. }
            | Action::PlaySlowly
            | Action::ClearGhosts
            | Action::RecordMemory(_)
            | Action::Reset
            | Action::BestWeights
            | Action::Certify
            | Action::SetSpeed(_)
            | Action::SetWeight { .. }
            | Action::Want(_) => self.command(action),
            Action::ToggleCosts => {
                let want = Want { costs: !self.state.want.costs, ..self.state.want.clone() };
                self.command(Action::Want(want));
            }
            Action::Inside(how) => self.go(how),
            Action::Explain(element) => {
                let element = element.map(|(node, tensor, index)| ElementRef { node, tensor, index });
                let want = Want { element, ..self.state.want.clone() };
                self.command(Action::Want(want));
            }
            Action::WhatIf(_)
            | Action::ToggleBackward
            | Action::WantAutograd
            | Action::RetainGraph(_)
            | Action::RetainGrad(_)
            | Action::BackwardAgain
            | Action::Splice(..) => self.probe(ctx, action),
            Action::Why(_) | Action::WhySelected | Action::LightPath(_) => self.explain_gradient(ctx, action),
            Action::New => self.guarded(ctx, Then::New),
            Action::Open => self.guarded(ctx, Then::Open),
            Action::OpenPath(path) => self.guarded(ctx, Then::OpenPath(path)),
            Action::OpenShipped(name) => self.guarded(ctx, Then::OpenShipped(name)),
            Action::Save => self.save(None),
            Action::SaveAs => self.ask_save(None),
            Action::Revert => self.guarded(ctx, Then::Revert),
            Action::Quit => self.guarded(ctx, Then::Quit),
            _ => self.window(ctx, action),
        }
    }

    fn look(&mut self, action: Action) {
        let state = &mut self.state;
        match action {
            Action::Select(nodes) => state.selection = nodes,
            Action::ToggleSelect(node) if state.selection.contains(&node) => _ = state.selection.remove(&node),
            Action::ToggleSelect(node) => _ = state.selection.insert(node),
            Action::SelectAll => state.selection = state.graph().nodes().map(|n| n.id).collect(),
            Action::SelectNone => state.selection.clear(),
            Action::Hover(node) => state.hovered = node,
            Action::Focus(Focus::Selection) if state.selection.is_empty() => state.focus = Some(Focus::All),
            Action::Focus(focus) => state.focus = Some(focus),
            Action::ZoomIn => state.zoom = Some(Zoom::In),
            Action::ZoomOut => state.zoom = Some(Zoom::Out),
            Action::ZoomReset => state.zoom = Some(Zoom::Reset),
            _ => {}
        }
        state.selection.retain(|&id| state.history.document().graph.node(id).is_some());
    }

    fn command(&mut self, action: Action) {
        if !matches!(action, Action::Want(_) | Action::ClearGhosts | Action::RecordMemory(_)) {
            self.state.asked = None;
        }
        if !matches!(
            action,
            Action::Want(_) | Action::ClearGhosts | Action::RecordMemory(_) | Action::SetSpeed(_) | Action::Certify
        ) {
            self.state.ended = None;
        }
        // Inside an instruction the step key goes to the next part or element.
        if matches!(action, Action::Step(Granularity::Node)) && self.state.into.is_some() {
            return self.go(Inside::By(1));
        }
        if !matches!(action, Action::Want(_) | Action::SetSpeed(_)) {
            self.leave_inside();
        }
        let command = match action {
            Action::Want(want) => {
                self.state.want = want.clone();
                Command::Want(want)
            }
            Action::SetSpeed(speed) => {
                self.state.speed = speed;
                Command::SetSpeed(speed)
            }
            Action::ClearGhosts => Command::ClearGhosts,
            Action::RecordMemory(mib) => {
                self.settings.record_mib = mib;
                Command::Memory(mib << 20)
            }
            _ if self.state.failed.is_some() => {
                let why = self.state.failed.clone().unwrap_or_default();
                return self.toasts.push(Tone::Warning, format!("Cannot run: {why}"));
            }
            Action::TogglePlay if self.state.running() => Command::Pause,
            Action::TogglePlay | Action::Continue => {
                self.state.halt = None;
                Command::Run
            }
            Action::PlaySlowly if self.state.running() && self.state.pace().is_some() => Command::Pause,
            Action::PlaySlowly => {
                if self.state.pace().is_none() {
                    self.state.speed = SLOWLY;
                    self.worker.send(Command::SetSpeed(SLOWLY));
                }
                Command::Run
            }
            Action::Seek { step, cursor } => {
                self.state.bad = None;
                self.state.asked = Some(step);
                Command::Seek { step, cursor }
            }
            Action::Step(granularity) => Command::Step(granularity),
            Action::Back(granularity) => {
                (self.state.bad, self.state.birth) = (None, None);
                Command::Back(granularity)
            }
            Action::Reset => {
                (self.state.bad, self.state.birth) = (None, None);
                Command::Reset
            }
            Action::BestWeights => {
                (self.state.bad, self.state.birth) = (None, None);
                Command::RestoreBest
            }
            Action::Certify => Command::Certify,
            Action::SetWeight { node, name, element, value } => Command::SetWeight { node, name, element, value },
            _ => return,
        };
        self.worker.send(command);
    }

    fn window(&mut self, ctx: &Context, action: Action) {
        let settings = &mut self.settings;
        match action {
            Action::ToggleTheme => {
                settings.dark = !settings.dark;
                ctx.set_theme(if settings.dark { egui::Theme::Dark } else { egui::Theme::Light });
            }
            Action::TextScale(scale) => {
                settings.text_scale = scale.clamp(0.8, 1.5);
                ctx.set_zoom_factor(settings.text_scale);
            }
            Action::TextLarger => self.apply(ctx, Action::TextScale(self.settings.text_scale + 0.1)),
            Action::TextSmaller => self.apply(ctx, Action::TextScale(self.settings.text_scale - 0.1)),
            Action::TogglePalette => settings.show_palette = !settings.show_palette,
            Action::ToggleInspector => settings.show_inspector = !settings.show_inspector,
            Action::ToggleDock => settings.show_dock = !settings.show_dock,
            Action::ResetLayout => {
                (settings.show_palette, settings.show_inspector, settings.show_dock) = (true, true, true);
                self.dock.reset_layout();
            }
            Action::ShowPanel(panel) => {
                settings.show_dock = true;
                self.dock.show(panel);
            }
            Action::ShowShortcuts => self.overlays.push(Overlay::Shortcuts(String::new())),
            Action::ShowPalette => self.overlays.push(Overlay::Commands(CommandPalette::default())),
            Action::ShowData => {
                let base = self.base();
                let document = self.state.document().clone();
                self.overlays.push(Overlay::Data(Box::new(DataDialog::new(&document.data, base))));
            }
            Action::ShowTraining => self.overlays.push(Overlay::Training),
            Action::ShowAbout => self.overlays.push(Overlay::About),
            _ => {}
        }
    }

    /// Applies a change of the document and lets everything follow that depends on it.
    pub(super) fn change(&mut self, change: Change) {
        match self.state.history.apply(change) {
            Ok(_) => self.sync(),
            Err(error) => self.toasts.push(Tone::Warning, error.to_string()),
        }
    }

    /// Applies an edit and selects `select` if it succeeded.
    fn edit(&mut self, edit: Edit, select: Option<BTreeSet<NodeId>>) {
        let before = Arc::clone(self.state.document());
        self.change(Change::Graph(edit));
        if let Some(ids) = select
            && !Arc::ptr_eq(&before, self.state.document())
        {
            self.state.selection = ids;
        }
    }

    fn travel(&mut self, what: &str, go: impl FnOnce(&mut project::History) -> Option<String>) {
        if let Some(label) = go(&mut self.state.history) {
            self.toasts.push(Tone::Info, format!("{what}: {label}"));
            self.sync();
        }
    }

    fn delete(&mut self, label: &str) {
        if self.state.selection.is_empty() {
            return;
        }
        let nodes: Vec<NodeId> = self.state.selection.iter().copied().collect();
        let label = if nodes.len() == 1 { label.to_owned() } else { format!("{label} {} nodes", nodes.len()) };
        self.edit(Edit::Batch { label, edits: vec![Edit::Remove(nodes)] }, Some(BTreeSet::new()));
    }

    fn selected(&self) -> Fragment {
        self.state.graph().subgraph(&self.state.selection.iter().copied().collect::<Vec<_>>())
    }

    fn copy(&mut self, ctx: &Context) {
        let copy = self.selected();
        if copy.nodes.is_empty() {
            return;
        }
        // A small project as text: it can be pasted into another window, or into a mail.
        let next = copy.nodes.iter().map(|n| n.id.0 + 1).max().unwrap_or(1);
        if let Ok(graph) = Graph::restore(copy.nodes.clone(), copy.wires.clone(), Vec::new(), next) {
            let document = Document { graph, ..Document::default() };
            ctx.copy_text(project::to_text(&Project { document, ..Project::default() }));
        }
        self.state.clipboard = Some(copy);
    }

    fn paste(&mut self, copy: &Fragment, at: Option<[f32; 2]>, label: &str) {
        if copy.nodes.is_empty() {
            return;
        }
        let graph = self.state.graph();
        let (edit, ids) = graph.paste(copy, editing::offset(graph, copy, at));
        let edit = Edit::Batch { label: label.to_owned(), edits: vec![edit] };
        self.edit(edit, Some(ids.into_iter().collect()));
    }

    /// The worker reports in detail on the selected node.
    pub(super) fn follow_selection(&mut self) {
        let inspect = self.state.selected_one();
        if self.state.want.inspect != inspect {
            self.state.want.inspect = inspect;
            self.worker.send(Command::Want(self.state.want.clone()));
        }
    }

    /// After a change of the document: reloads what no longer fits it.
    pub(super) fn sync(&mut self) {
        let new = Arc::clone(self.state.document());
        let old = std::mem::replace(&mut self.shown, Arc::clone(&new));
        if Arc::ptr_eq(&old, &new) {
            return;
        }
        let graph = &new.graph;
        self.state.selection.retain(|&id| graph.node(id).is_some());
        self.state.hovered = self.state.hovered.filter(|&id| graph.node(id).is_some());
        let data = old.data != new.data;
        if data {
            self.load_data(&new.data);
        }
        if old.stops != new.stops {
            self.send_stops();
        }
        let (was, is) = (&old.train, &new.train);
        let start = was.seed != is.seed;
        let tuned = |g: &Graph| g.nodes().map(|n| n.tuning.clone()).collect::<Vec<_>>();
        let computes = old.graph.computes_as(graph) && tuned(&old.graph) == tuned(graph);
        // What the worker could not start with is tried again from the beginning, and so is what it may refuse.
        let samples = self.state.dataset.as_ref().map_or(0, |d| d.train.len());
        let searches = was.optimizer.full_batch() != is.optimizer.full_batch();
        let refused =
            searches || is.reject().is_some() || is.needs_whole(samples).is_some() || self.state.failed.is_some();
        if data || start || was.batch_size != is.batch_size || !computes || was != is && refused {
            // Another seed means other initial weights; anything else keeps the weights that fit.
            self.reload(None, start);
        } else if was != is {
            self.worker.send(Command::SetConfig(is.clone()));
        }
    }

    /// Gives the worker the present document under a new revision. Without `weights` and unless `fresh`, the weights
    /// that still fit stay.
    pub(super) fn reload(&mut self, weights: Option<WeightMap>, fresh: bool) {
        let Some((weights, fresh)) = self.loading.postpone(weights, fresh) else { return self.wait_for_data() };
        let document = Arc::clone(self.state.document());
        let set = self.state.dataset.clone();
        let inference = review(&document.graph, set.as_deref(), &document.train);
        let state = &mut self.state;
        // The old pictures stay until the new ones arrive, if they still have the right shapes.
        if fresh || state.inference.nodes != inference.nodes {
            state.snapshot = None;
        }
        state.failed = obstacle(&inference, state.data_error.as_deref());
        state.inference = Arc::new(inference);
        (state.bad, state.birth, state.halt) = (None, None, None);
        state.ended = None;
        state.certified = None;
        (state.into, state.peek) = (None, None);
        state.trail.clear();
        state.want.into = None;
        state.revision += 1;
        self.worker.send(Command::SetStops(Arc::new(document.stops.clone())));
        // A run that was saved is one of the document with the weights saved beside it.
        let run = self.run.take().filter(|_| weights.is_some());
        self.worker.send(Command::Load {
            revision: state.revision,
            graph: Arc::new(document.graph.clone()),
            data: set,
            config: document.train.clone(),
            weights,
            fresh,
        });
        if let Some(run) = run {
            self.run = Some(Arc::clone(&run));
            self.worker.send(Command::Resume(run));
        }
    }
}

/// Why a graph cannot be trained, in one sentence.
fn obstacle(inference: &Inference, data_error: Option<&str>) -> Option<String> {
    if inference.runnable() && data_error.is_none() {
        return None;
    }
    let first = inference.errors().next().or_else(|| inference.diagnostics.first()).map(|d| d.message.clone());
    Some(data_error.map(str::to_owned).or(first).unwrap_or_else(|| "there is no loss to minimise".to_owned()))
}
