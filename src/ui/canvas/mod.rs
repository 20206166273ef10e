//! The canvas: the graph as one sees it, moves it and wires it.
//!
//! Everything is painted in screen space, so that text is sharp at every zoom; nothing is laid out or painted
//! that is not seen, and zoomed-out views are two meshes.

mod backward;
pub mod bubble;
mod cost;
pub mod fan;
mod gesture;
mod gutter;
mod hover;
mod layout;
mod minimap;
pub mod node;
mod path;
pub mod picture;
mod pulse;
mod seal;
mod view;
mod whatif;
mod wire;

pub use layout::node_size;

use crate::engine::Phase;
use crate::graph::{Edit, NodeId, Wire};
use crate::project::Change;
use crate::train::stops::Place;
use crate::train::{Granularity, Snapshot};
use crate::ui::action::Action;
use crate::ui::state::{Focus, State, Zoom};
use crate::ui::theme::Theme;
use egui::{Key, Mesh, PointerButton, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui};
use gesture::{Gesture, Hit, Pull};
use layout::Layout;
use std::collections::{BTreeSet, HashSet};
use view::{DETAIL_ZOOM, View, bounds};

/// What a drag out of the palette carries: the id of the kind.
#[derive(Clone, Copy, Debug)]
pub struct DragKind(pub &'static str);

/// The canvas and where it looks.
pub struct Canvas {
    view: View,
    layout: Layout,
    gesture: Gesture,
    wire: Option<Wire>,
    over: Option<Wire>,
    fitted: bool,
    pulse: pulse::Pulse,
    /// Whether the space bar has been used to pan since it was pressed, so that it does not train on release.
    pub space_panned: bool,
}

impl Default for Canvas {
    fn default() -> Self {
        Self::new()
    }
}

impl Canvas {
    /// A canvas that fits the graph to the window when it is first shown.
    pub fn new() -> Self {
        Canvas {
            view: View::new(),
            layout: Layout::default(),
            gesture: Gesture::Idle,
            wire: None,
            over: None,
            fitted: false,
            pulse: pulse::Pulse::default(),
            space_panned: false,
        }
    }

    /// Shows all of the graph at the next frame.
    pub fn fit_next(&mut self) {
        self.fitted = false;
    }

    /// The canvas point at the middle of the view, where new nodes go.
    pub fn center(&self) -> [f32; 2] {
        [self.view.center.x, self.view.center.y]
    }

    /// The screen position of a canvas point.
    pub fn screen_pos(&self, at: [f32; 2]) -> Pos2 {
        self.view.screen_from_canvas(Pos2::new(at[0], at[1]))
    }

    /// The canvas point at a screen position.
    pub fn canvas_pos(&self, at: Pos2) -> [f32; 2] {
        self.view.canvas_from_screen(at).into()
    }

    /// The wire under the pointer.
    pub fn wanted_wire(&self) -> Option<Wire> {
        self.over
    }

    /// Where the canvas was drawn last.
    pub fn area(&self) -> Rect {
        self.view.area
    }

    /// Draws the canvas in all the space there is, and turns what the user does into actions.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        let area = ui.available_rect_before_wrap();
        self.view.area = area;
        let response = ui.allocate_rect(area, Sense::click_and_drag());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, "Graph canvas"));
        self.layout.update(state);
        self.follow(state);
        let painter = ui.painter_at(area);
        painter.rect_filled(area, 0.0, theme.canvas);
        dots(&painter, &self.view, &theme);

        let pointer = ui.input(|i| i.pointer.latest_pos()).filter(|p| area.contains(*p));
        let over = pointer.filter(|_| response.contains_pointer());
        let hit = over.map_or(Hit::Empty, |p| gesture::hit(&self.layout, &self.view, p));
        let now = ui.input(|i| i.time);
        self.pulse.update(state, self.view.zoom >= DETAIL_ZOOM * 0.8, now);
        if self.pulse.is_alive() {
            ui.ctx().request_repaint();
        }
        self.paint(&painter, state, hit, now, &theme);
        path::paint(&painter, &self.layout, &self.view, state, &theme);
        if let Some(what) = state.snapshot.as_ref().and_then(|s| s.what_if.as_deref()) {
            whatif::paint(&painter, &self.layout, &self.view, what, &theme);
        }
        self.register(ui, state, actions);
        seal::ui(ui, &self.layout, &self.view, state, actions);
        let hovered = if let Hit::Node(id) | Hit::Output(id) | Hit::Input(id, _) = hit { Some(id) } else { None };
        gutter::ui(ui, &self.layout, &self.view, state, hovered, actions);
        bubble::ui(ui, &self.layout, &self.view, state, actions);
        self.over = if let Hit::Wire(w) = hit { Some(w) } else { None };
        let busy = !matches!(self.gesture, Gesture::Idle);
        let blocked = minimap::minimap(ui, &self.layout, &mut self.view, &theme)
            .is_some_and(|r| !busy && pointer.is_some_and(|p| r.contains(p)));
        if !blocked {
            self.pointer(ui, &response, hit, state, actions);
        }
        self.keys(ui, &response, state, actions);
        self.paint_gesture(&painter, ui, hit, state, &theme);
        if matches!(self.gesture, Gesture::Idle) && !blocked {
            hover::tooltip(&response, hit, &self.layout, state);
        }
        self.menu(&response, hit, state, actions);
        if let Some(kind) = response.dnd_release_payload::<DragKind>()
            && let Some(p) = pointer
        {
            let at = self.view.canvas_from_screen(p);
            actions.push(Action::AddNode { kind: kind.0.to_owned(), pos: [at.x - 76.0, at.y - 20.0], connect: None });
        }
        if self.layout.nodes.is_empty() {
            empty(&painter, area, &theme);
        }
    }

    /// Moves the view where the application wants it.
    fn follow(&mut self, state: &State) {
        let all = || bounds(self.layout.nodes.iter().map(|n| n.rect.expand(16.0)));
        let target = if self.fitted { None } else { all() };
        if target.is_some() {
            self.fitted = true;
        }
        let target = match state.focus {
            None => target,
            Some(Focus::All) => all(),
            Some(Focus::Selection) => bounds(
                self.layout.nodes.iter().filter(|n| state.selection.contains(&n.id)).map(|n| n.rect.expand(16.0)),
            ),
            Some(Focus::Node(id)) => {
                if let Some(n) = self.layout.node(id)
                    && !self.view.visible().contains_rect(n.rect)
                {
                    self.view.center = n.rect.center();
                    self.view.zoom = self.view.zoom.max(0.6);
                }
                None
            }
        };
        if let Some(rect) = target {
            self.view.fit(rect);
        }
        let middle = self.view.area.center();
        match state.zoom {
            None => {}
            Some(Zoom::In) => self.view.zoom_at(middle, 1.25),
            Some(Zoom::Out) => self.view.zoom_at(middle, 0.8),
            Some(Zoom::Reset) => self.view.zoom = 1.0,
        }
    }

    fn paint(&self, painter: &egui::Painter, state: &State, hit: Hit, now: f64, theme: &Theme) {
        let seen = self.view.visible().expand(16.0);
        let snapshot = state.snapshot.as_deref();
        let next = snapshot.filter(|s| !s.at_rest).and_then(|s| s.program.get(s.cursor)).map(|i| i.node);
        // Inside an instruction the program stands there.
        let next = state.into.map(|i| i.node).or(next);
        let to_come = snapshot.map(to_come).unwrap_or_default();
        let hovered = match hit {
            Hit::Node(id) | Hit::Output(id) | Hit::Input(id, _) => Some(id),
            _ => state.hovered,
        };
        for f in state.graph().frames() {
            frame(painter, &self.view, f, theme);
        }
        let focused = painter.ctx().memory(egui::Memory::focused);
        let marks = |id: NodeId| node::Marks {
            selected: state.selection.contains(&id),
            hovered: hovered == Some(id),
            focused: focused.is_some_and(|f| f == node_widget(id)),
            next: next == Some(id),
            to_come: next != Some(id) && to_come.contains(&id),
        };
        let wires: Vec<_> = self.layout.wires.iter().filter(|w| seen.intersects(w.bounds)).collect();
        let nodes: Vec<_> = self.layout.nodes.iter().filter(|n| seen.intersects(n.rect.expand(12.0))).collect();
        if self.view.zoom < DETAIL_ZOOM * 0.8 {
            let mut mesh = Mesh::default();
            // A wire is at most four strips here, a node at most three rectangles.
            let quads = wires.len() * if self.view.zoom < wire::STRAIGHT { 1 } else { 4 } + nodes.len() * 3;
            mesh.reserve_vertices(4 * quads);
            mesh.reserve_triangles(2 * quads);
            for w in &wires {
                wire::paint_far(&mut mesh, w, &self.view, snapshot, theme);
            }
            for n in &nodes {
                node::paint_far(&mut mesh, n, &self.view, marks(n.id), theme);
            }
            painter.add(mesh);
            if self.view.zoom >= view::TEXT_ZOOM {
                for n in &nodes {
                    node::paint_far_title(painter, n, &self.view, theme);
                }
            }
            return;
        }
        let graph = snapshot.and_then(|s| s.autograd.as_deref()).filter(|_| state.backward);
        for w in &wires {
            if let Some(shot) = graph {
                backward::wire(painter, w, &self.view, shot, theme);
                continue;
            }
            let lit = hit == Hit::Wire(w.wire)
                || self.wire == Some(w.wire)
                || hovered.is_some_and(|id| w.wire.from == id || w.wire.to == id) && self.layout.wires.len() < 400;
            wire::paint(painter, w, &self.view, snapshot, lit, theme);
        }
        self.pulse.paint(painter, &self.layout, &self.view, now, theme);
        for w in &wires {
            wire::paint_shape(painter, w, &self.view, theme);
        }
        for n in &nodes {
            node::paint(painter, n, &self.view, marks(n.id), state, theme);
            if let Some(shot) = state.shot(n.id) {
                fan::paint(painter, n, &self.view, shot, theme);
            }
            if let Some(shot) = graph {
                backward::node(painter, n, &self.view, state, shot, theme);
            }
        }
    }

    /// Gives every node in view an accessible name and a place in the tab order.
    fn register(&self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let seen = self.view.visible();
        if self.view.zoom < view::TEXT_ZOOM {
            return;
        }
        for n in self.layout.nodes.iter().filter(|n| seen.intersects(n.rect)) {
            let rect = self.view.screen_rect(n.rect).intersect(self.view.area);
            let response = ui.interact(rect, node_widget(n.id), Sense::focusable_noninteractive());
            let selected = state.selection.contains(&n.id);
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::Button, true, selected, format!("node {}", n.name))
            });
            if response.gained_focus() && !selected {
                actions.push(Action::Select(BTreeSet::from([n.id])));
            }
            if let Some(cost) = state.shot(n.id).and_then(|s| s.cost.as_ref()) {
                cost::register(ui, self.view.screen_rect(n.rect), &n.name, node_widget(n.id), cost, &self.view);
            }
            if self.view.zoom < DETAIL_ZOOM {
                continue;
            }
            let Some(spec) = state.graph().node(n.id).and_then(|x| x.spec()) else { continue };
            let pin = |ui: &mut Ui, at: Pos2, salt: usize, label: String| {
                let rect = Rect::from_center_size(self.view.screen_from_canvas(at), egui::Vec2::splat(12.0));
                ui.interact(rect, node_widget(n.id).with(salt), Sense::hover())
                    .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &label));
            };
            for k in 0..n.pins {
                pin(ui, n.input(k), k + 1, format!("{} input {}", n.name, spec.input_name(k)));
            }
            pin(ui, n.output(), 0, format!("{} output", n.name));
        }
    }

    fn pointer(&mut self, ui: &Ui, response: &Response, hit: Hit, state: &State, out: &mut Vec<Action>) {
        let (space, modifiers, delta) = ui.input(|i| (i.key_down(Key::Space), i.modifiers, i.pointer.delta()));
        if response.contains_pointer() {
            let (scroll, zoom, at) = ui.input(|i| (i.smooth_scroll_delta(), i.zoom_delta(), i.pointer.latest_pos()));
            if let Some(at) = at {
                let factor = if zoom != 1.0 { zoom } else { (scroll.y * 0.0035).exp() };
                if factor != 1.0 {
                    self.view.zoom_at(at, factor);
                }
                self.view.pan(egui::vec2(scroll.x, 0.0));
            }
        }
        if response.drag_started() {
            let origin = ui.input(|i| i.pointer.press_origin()).or(response.interact_pointer_pos());
            let pan =
                response.drag_started_by(PointerButton::Middle) || (space && !ui.ctx().egui_wants_keyboard_input());
            if let Some(at) = origin {
                self.gesture = if pan {
                    self.space_panned = space;
                    Gesture::Pan
                } else if response.drag_started_by(PointerButton::Primary) {
                    let from = gesture::hit(&self.layout, &self.view, at);
                    self.wire = None;
                    Gesture::begin(from, at, modifiers, &self.view, state, out)
                } else {
                    Gesture::Idle
                };
            }
        }
        if response.dragged()
            && let Some(at) = response.interact_pointer_pos()
        {
            self.gesture.drag(at, delta, &mut self.view, &self.layout, out);
        }
        if response.drag_stopped() {
            let at = ui.input(|i| i.pointer.latest_pos()).unwrap_or(self.view.area.center());
            let hit = gesture::hit(&self.layout, &self.view, at);
            std::mem::take(&mut self.gesture).end(hit, at, &self.view, state, out);
        }
        if response.double_clicked() && matches!(hit, Hit::Empty) {
            let screen = response.interact_pointer_pos().unwrap_or(self.view.area.center());
            let at = self.view.canvas_from_screen(screen);
            out.push(Action::OpenSearch { at: [at.x, at.y], screen, connect: None });
        } else if response.clicked() {
            response.request_focus();
            self.wire = None;
            match hit {
                Hit::Node(id) | Hit::Input(id, _) | Hit::Output(id) if modifiers.shift || modifiers.command => {
                    out.push(Action::ToggleSelect(id));
                }
                Hit::Node(id) | Hit::Input(id, _) | Hit::Output(id) => out.push(Action::Select(BTreeSet::from([id]))),
                Hit::Wire(w) => {
                    self.wire = Some(w);
                    out.push(Action::SelectNone);
                }
                Hit::Empty if !modifiers.shift => out.push(Action::SelectNone),
                Hit::Empty => {}
            }
        }
    }

    fn keys(&mut self, ui: &Ui, response: &Response, state: &State, out: &mut Vec<Action>) {
        if !matches!(self.gesture, Gesture::Idle) && ui.input(|i| i.key_pressed(Key::Escape)) {
            std::mem::take(&mut self.gesture).cancel(out);
        }
        if ui.ctx().text_edit_focused() {
            return;
        }
        if let Some(w) = self.wire
            && ui.input(|i| i.key_pressed(Key::Delete) || i.key_pressed(Key::Backspace))
        {
            self.wire = None;
            out.push(Action::Change(Change::Graph(Edit::Disconnect(w))));
        }
        let focused =
            response.has_focus() || state.selection.iter().any(|id| ui.memory(|m| m.has_focus(node_widget(*id))));
        if !focused || state.selection.is_empty() || !ui.input(|i| i.modifiers.alt) {
            return;
        }
        let step = ui.input(|i| {
            let axis = |a, b| f32::from(i8::from(i.key_pressed(a)) - i8::from(i.key_pressed(b)));
            [axis(Key::ArrowRight, Key::ArrowLeft) * 10.0, axis(Key::ArrowDown, Key::ArrowUp) * 10.0]
        });
        if step != [0.0, 0.0] {
            let nodes = state.selection.iter().filter_map(|id| state.graph().node(*id));
            let moved = nodes.map(|n| (n.id, [n.pos[0] + step[0], n.pos[1] + step[1]])).collect();
            out.push(Action::Change(Change::Graph(Edit::Move(moved))));
        }
    }

    fn paint_gesture(&self, painter: &egui::Painter, ui: &Ui, hit: Hit, state: &State, theme: &Theme) {
        let Some(at) = ui.input(|i| i.pointer.latest_pos()) else { return };
        match &self.gesture {
            Gesture::Select(start, _) => {
                let rect = Rect::from_two_pos(self.view.screen_from_canvas(*start), at);
                painter.rect(
                    rect,
                    2.0,
                    theme.accent.gamma_multiply(0.12),
                    Stroke::new(1.0, theme.accent),
                    StrokeKind::Inside,
                );
            }
            Gesture::Pull(pull) => {
                let pin = |id: NodeId, k: Option<usize>| {
                    self.layout.node(id).map(|n| self.view.screen_from_canvas(k.map_or(n.output(), |k| n.input(k))))
                };
                let why = gesture::refusal(state, *pull, hit);
                let ends = match *pull {
                    Pull::From(id) => pin(id, None).map(|p| (p, at)),
                    Pull::Taken(w) => pin(w.from, None).map(|p| (p, at)),
                    Pull::To(id, k) => pin(id, Some(k)).map(|p| (at, p)),
                };
                if let Some((a, b)) = ends {
                    wire::paint_pulled(painter, a, b, why.as_deref(), theme);
                }
            }
            Gesture::Idle | Gesture::Pan | Gesture::Move(..) => {}
        }
    }

    fn menu(&mut self, response: &Response, hit: Hit, state: &State, out: &mut Vec<Action>) {
        if response.secondary_clicked() {
            if let Hit::Node(id) = hit
                && !state.selection.contains(&id)
            {
                out.push(Action::Select(BTreeSet::from([id])));
            }
            self.wire = if let Hit::Wire(w) = hit { Some(w) } else { None };
        }
        response.context_menu(|ui| {
            ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
            let screen = response.interact_pointer_pos().unwrap_or(self.view.area.center());
            let at = self.view.canvas_from_screen(screen);
            let at = [at.x, at.y];
            if let Some(w) = self.wire {
                gutter::menu(ui, Place::Wire(w), state, out);
                ui.separator();
            } else if let Some(id) = state.selected_one() {
                gutter::menu(ui, Place::Node(id), state, out);
                path::menu(ui, id, state, out);
                ui.separator();
            }
            let mut items: Vec<(&str, Action)> = Vec::new();
            if let Some(w) = self.wire {
                items.push(("Disconnect", Action::Change(Change::Graph(Edit::Disconnect(w)))));
            }
            if !state.selection.is_empty() {
                items.push(("Duplicate", Action::Duplicate));
                items.push(("Copy", Action::Copy));
                items.push(("Delete", Action::DeleteSelection));
                items.push(("Show selection", Action::Focus(Focus::Selection)));
            }
            items.push(("Add node…", Action::OpenSearch { at, screen, connect: None }));
            items.push(("Paste here", Action::Paste { at: Some(at) }));
            items.push(("Show all", Action::Focus(Focus::All)));
            items.push(("Arrange", Action::Arrange));
            items.push(("Run one node", Action::Step(Granularity::Node)));
            for (label, action) in items {
                if ui.button(label).clicked() {
                    out.push(action);
                    ui.close();
                }
            }
        });
    }
}

/// The nodes with an instruction to come in the phase under way: forward, backward or update.
fn to_come(s: &Snapshot) -> HashSet<NodeId> {
    let group = |p: Phase| match p {
        Phase::Forward | Phase::Loss => 0,
        Phase::Seed | Phase::Backward => 1,
        Phase::Update => 2,
    };
    let Some(next) = s.program.get(s.cursor).filter(|_| !s.at_rest) else { return HashSet::new() };
    let rest = s.program[s.cursor..].iter().take_while(|i| group(i.phase) == group(next.phase));
    rest.map(|i| i.node).collect()
}

/// The widget that stands for a node in the tab order and for assistive technology.
fn node_widget(id: NodeId) -> egui::Id {
    egui::Id::unique(("canvas node", id.0))
}

fn dots(painter: &egui::Painter, view: &View, theme: &Theme) {
    if view.zoom < DETAIL_ZOOM {
        return;
    }
    let step = 40.0;
    let seen = view.visible();
    let mut mesh = Mesh::default();
    let (x0, y0) = ((seen.left() / step).floor() * step, (seen.top() / step).floor() * step);
    let (columns, rows) = ((seen.width() / step) as usize + 2, (seen.height() / step) as usize + 2);
    for i in 0..columns {
        for j in 0..rows {
            let at = view.screen_from_canvas(Pos2::new(x0 + i as f32 * step, y0 + j as f32 * step));
            mesh.add_colored_rect(Rect::from_center_size(at, egui::Vec2::splat(1.4)), theme.line.gamma_multiply(0.7));
        }
    }
    painter.add(mesh);
}

fn frame(painter: &egui::Painter, view: &View, frame: &crate::graph::Frame, theme: &Theme) {
    let [x, y, w, h] = frame.rect;
    let rect = view.screen_rect(Rect::from_min_size(Pos2::new(x, y), egui::vec2(w, h)));
    painter.rect(rect, 6.0, theme.accent.gamma_multiply(0.05), Stroke::new(1.0, theme.accent), StrokeKind::Inside);
    let font = crate::ui::theme::bold(view.font_size(12.0));
    painter.text(rect.min + egui::vec2(10.0, 8.0), egui::Align2::LEFT_TOP, &frame.title, font, theme.accent);
}

fn empty(painter: &egui::Painter, area: Rect, theme: &Theme) {
    let text =
        "Nothing here yet.\nDouble-click or press Shift+A to add a node, or drag one out of the list on the left.";
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), crate::ui::theme::sans(14.0), theme.dim, 420.0);
    job.halign = egui::Align::Center;
    let galley = painter.layout_job(job);
    painter.galley(area.center() - egui::vec2(0.0, galley.size().y * 0.5), galley, theme.dim);
}
