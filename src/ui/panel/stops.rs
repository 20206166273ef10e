//! The list of breakpoints and watches, and the editor of their conditions.

use crate::graph::NodeId;
use crate::train::stops::{
    Breakpoint, Completion, Moment, Own, Place, Probe, Scope, Stops, complete, condition, expression,
};
use crate::ui::action::Action;
use crate::ui::canvas::bubble::lines;
use crate::ui::canvas::picture;
use crate::ui::command_palette::arrows;
use crate::ui::panel::{go_to, heading};
use crate::ui::state::State;
use crate::ui::stops::{changed, count};
use crate::ui::theme::{self, Theme};
use egui::text::{CCursor, CCursorRange};
use egui::{Button, Id, Key, Modifiers, RichText, ScrollArea, Sense, Stroke, TextEdit, Ui, vec2};

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Breakpoint(u32),
    Watch(u32),
    NewBreakpoint,
    NewWatch,
}

/// The panel and what is being typed in it.
#[derive(Default)]
pub struct StopsPanel {
    editing: Option<(Field, String)>,
    chosen: usize,
    /// The condition under the cursor, for the worker to try on the present values.
    pub probe: Option<Probe>,
}

/// A field's end: its text was taken.
struct Taken(String);

impl StopsPanel {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        let mut probe = None;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - 6.0);
            heading(ui, "Breakpoints");
            let stops = &state.document().stops;
            if stops.breakpoints.is_empty() {
                let hint = "None yet. F9 puts one on the selected node, a click on the dot at its corner as well; a \
                            right click on a node or a wire offers every moment.";
                ui.label(RichText::new(hint).color(theme.dim));
            }
            for b in &stops.breakpoints {
                self.breakpoint(ui, b.id, state, &theme, &mut probe, actions);
            }
            let hint = "new condition for any node, such as max(abs(grad)) > 10";
            let own = Own::Node(state.graph().nodes().find(|n| has_weights(state, n.id)).map_or(NodeId(0), |n| n.id));
            let any = (Place::Any, Moment::Backward);
            if let Some(Taken(text)) = self.field(ui, Field::NewBreakpoint, "", hint, own, any, state, &mut probe)
                && !text.trim().is_empty()
            {
                actions.push(changed(state, |s| {
                    let scope = Scope::new(state.graph(), &state.inference, own);
                    let moment = condition(&text, &scope).map_or(Moment::Backward, |e| e.moment());
                    s.add(Place::Any, moment, text.trim());
                }));
            }
            heading(ui, "Watches");
            for w in &stops.watches {
                self.watch(ui, w.id, state, &theme, &mut probe, actions);
            }
            let hint = "new watch, such as output.grad or norm(hidden 1.weight)";
            if let Some(Taken(text)) = self.field(ui, Field::NewWatch, "", hint, Own::Nothing, any, state, &mut probe)
                && !text.trim().is_empty()
            {
                actions.push(changed(state, |s| _ = s.watch(text.trim())));
            }
            ui.add_space(12.0);
        });
        self.probe = probe;
    }

    fn breakpoint(
        &mut self,
        ui: &mut Ui,
        id: u32,
        state: &State,
        theme: &Theme,
        probe: &mut Option<Probe>,
        actions: &mut Vec<Action>,
    ) {
        let Some(b) = state.document().stops.breakpoint(id) else { return };
        let (hits, reached, fault) = count(state, id);
        let target = b.target(state.graph());
        let moments: &[Moment] = if matches!(b.place, Place::Wire(_)) { &Moment::OF_WIRES } else { &Moment::OF_NODES };
        let moment = |ui: &mut Ui, actions: &mut Vec<Action>| {
            ui.menu_button(RichText::new(b.moment.label()).color(theme.dim), |ui| {
                for m in moments {
                    if ui.selectable_label(*m == b.moment, m.label()).clicked() {
                        actions.push(change(state, id, |b| b.moment = *m));
                        ui.close();
                    }
                }
            });
        };
        // In a narrow panel the moment has a line of its own.
        let narrow = ui.available_width() < 250.0;
        ui.horizontal(|ui| {
            switch(ui, b, &target, state, theme, actions);
            jump(ui, b, &target, theme::sans(13.0), actions);
            if !narrow {
                moment(ui, actions);
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let remove = ui.small_button("×").accessible_name(format!("Remove breakpoint on {target}"));
                if remove.on_hover_text("Take it off.").clicked() {
                    actions.push(changed(state, |s| s.breakpoints.retain(|b| b.id != id)));
                }
                let text = if b.enabled { format!("hit {hits}×") } else { "off".to_owned() };
                ui.label(RichText::new(text).font(theme::mono(11.0)).color(theme.dim))
                    .on_hover_text(format!("It stopped the run {hits} times; its place was reached {reached} times."));
            });
        });
        if narrow {
            moment(ui, actions);
        }
        let own = match b.place {
            Place::Node(n) => Own::Node(n),
            Place::Wire(w) => Own::Wire(w),
            Place::Any => {
                let node = state.graph().nodes().find(|n| has_weights(state, n.id));
                node.map_or(Own::Nothing, |n| Own::Node(n.id))
            }
        };
        let hint = "always; a condition, such as norm(grad) > 1, makes it choosy";
        let at = (b.place, b.moment);
        if let Some(Taken(text)) = self.field(ui, Field::Breakpoint(id), &b.condition, hint, own, at, state, probe)
            && text.trim() != b.condition
        {
            actions.push(change(state, id, |b| b.condition = text.trim().to_owned()));
        }
        if let Some(why) = fault
            && self.editing.as_ref().is_none_or(|e| e.0 != Field::Breakpoint(id))
        {
            ui.colored_label(theme.error, format!("Stops nothing: {why}"));
        }
        ui.add_space(4.0);
    }

    fn watch(
        &mut self,
        ui: &mut Ui,
        id: u32,
        state: &State,
        theme: &Theme,
        probe: &mut Option<Probe>,
        actions: &mut Vec<Action>,
    ) {
        let Some(w) = state.document().stops.watches.iter().find(|w| w.id == id) else { return };
        let at = (Place::Any, Moment::Backward);
        let taken = self.field(ui, Field::Watch(id), &w.text, "output.grad", Own::Nothing, at, state, probe);
        if let Some(Taken(text)) = taken
            && text.trim() != w.text
            && !text.trim().is_empty()
        {
            actions.push(changed(state, |s| {
                s.watches.iter_mut().filter(|w| w.id == id).for_each(|w| w.text = text.trim().to_owned());
            }));
        }
        ui.horizontal(|ui| {
            let mut bubble = w.bubble;
            let switch = ui.checkbox(&mut bubble, "").accessible_name(format!("Bubble of {}", w.text));
            if switch.on_hover_text("Show a bubble on the canvas.").changed() {
                actions.push(changed(state, |s| {
                    s.watches.iter_mut().filter(|w| w.id == id).for_each(|w| w.bubble = bubble);
                }));
            }
            let shot = state.snapshot.as_ref().and_then(|s| s.watches.iter().find(|s| s.id == id));
            match shot {
                Some(shot) => {
                    let [first, second] = lines(shot);
                    let colour = if shot.is_grad { theme.gradient } else { theme.text };
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        remove_watch(ui, id, &w.text, state, actions);
                        let (rect, line) = ui.allocate_exact_size(vec2(90.0, 18.0), Sense::hover());
                        let values: Vec<f64> = shot.history.iter().map(|p| p[1]).collect();
                        picture::spark(&ui.painter_at(rect), rect, &values, Stroke::new(1.2, colour));
                        line.on_hover_text("Over the steps of the run; of a tensor its largest magnitude.");
                        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                            let value = RichText::new(&first).font(theme::mono(11.0)).color(colour);
                            let value = ui.add(egui::Label::new(value).truncate());
                            value.on_hover_text(format!("{first}\n{second}"));
                        });
                    });
                }
                None => {
                    ui.label(RichText::new("no data yet").color(theme.dim));
                    remove_watch(ui, id, &w.text, state, actions);
                }
            }
        });
        ui.add_space(4.0);
    }

    /// A field for an expression with proposals, and what it gives now below; its text once it is done.
    #[allow(clippy::too_many_arguments, reason = "what a field is about has these parts")]
    fn field(
        &mut self,
        ui: &mut Ui,
        field: Field,
        present: &str,
        hint: &str,
        own: Own,
        at: (Place, Moment),
        state: &State,
        probe: &mut Option<Probe>,
    ) -> Option<Taken> {
        let theme = Theme::of(ui.ctx());
        let id = Id::unique(("stops field", format!("{field:?}")));
        let focused = ui.memory(|m| m.has_focus(id));
        let mut text = match &self.editing {
            Some((f, text)) if *f == field => text.clone(),
            _ => present.to_owned(),
        };
        let scope = Scope::new(state.graph(), &state.inference, own);
        let watch = matches!(field, Field::Watch(_) | Field::NewWatch);
        let cursor = egui::text_edit::TextEditState::load(ui.ctx(), id)
            .and_then(|s| s.cursor.char_range())
            .map_or(text.chars().count(), |r| r.primary.index.0);
        let (from, found): (usize, Vec<Completion>) =
            if focused { complete(&text, cursor, &scope) } else { (0, Vec::new()) };
        let typed = from < cursor;
        let open = focused && typed && !found.is_empty();
        let mut pick = None;
        if open {
            arrows(ui.ctx(), &mut self.chosen, found.len());
            if ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Tab)) {
                pick = found.get(self.chosen).cloned();
            }
        }
        let edit = TextEdit::singleline(&mut text).id(id).hint_text(hint).font(theme::mono(12.0)).lock_focus(open);
        let name = match field {
            Field::Breakpoint(id) => format!("Condition {id}"),
            Field::Watch(id) => format!("Watch {id}"),
            Field::NewBreakpoint => "New condition".into(),
            Field::NewWatch => "New watch".into(),
        };
        let response = ui.add(edit.desired_width(f32::INFINITY)).accessible_name(name);
        if response.changed() {
            self.chosen = 0;
        }
        if response.has_focus() || response.changed() {
            self.editing = Some((field, text.clone()));
        }
        if open {
            egui::Frame::popup(ui.style()).show(ui, |ui| {
                ui.set_width(ui.available_width());
                let first = self.chosen.saturating_sub(5);
                for (k, c) in found.iter().enumerate().skip(first).take(6) {
                    let about = RichText::new(&c.about).font(theme::sans(11.0)).color(theme.dim);
                    let line = Button::selectable(k == self.chosen, RichText::new(&c.text).font(theme::mono(11.5)));
                    let line = ui.add(line.right_text(about).min_size(vec2(ui.available_width(), 20.0)).truncate());
                    if line.accessible_name(format!("Write {}", c.text)).clicked() {
                        pick = Some(c.clone());
                    }
                }
                ui.weak("Tab writes the chosen one, arrows choose.");
            });
        }
        if let Some(c) = pick {
            let chars: Vec<char> = text.chars().collect();
            let head: String = chars[..from].iter().collect();
            let tail: String = chars[cursor.min(chars.len())..].iter().collect();
            let end = head.chars().count() + c.text.chars().count();
            text = format!("{head}{}{tail}", c.text);
            self.editing = Some((field, text.clone()));
            self.chosen = 0;
            let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
            state.cursor.set_char_range(Some(CCursorRange::one(CCursor::new(end))));
            state.store(ui.ctx(), id);
            response.request_focus();
            ui.ctx().request_repaint();
            return None;
        }
        if response.has_focus() {
            let trimmed = text.trim();
            if !trimmed.is_empty() {
                let read = if watch { expression(trimmed, &scope) } else { condition(trimmed, &scope) };
                *probe = Some(Probe { place: at.0, moment: at.1, text: trimmed.to_owned(), watch });
                let answer = state.snapshot.as_ref().and_then(|s| s.probe.as_ref()).filter(|p| p.1.text == trimmed);
                match (answer, read) {
                    (Some((Ok(now), _)), _) => {
                        _ = ui.label(RichText::new(now).font(theme::mono(11.0)).color(theme.dim))
                    }
                    (Some((Err(why), _)), _) => _ = ui.colored_label(theme.error, why),
                    // Any node may read it even if this one cannot.
                    (None, Err(e)) if at.0 != Place::Any || watch => _ = ui.colored_label(theme.error, e.to_string()),
                    (None, _) => _ = ui.label(RichText::new("…").color(theme.dim)),
                }
            }
        }
        if response.lost_focus() {
            self.editing = None;
            let escaped = ui.input(|i| i.key_pressed(Key::Escape));
            return (!escaped).then_some(Taken(text));
        }
        None
    }
}

/// The dot of a breakpoint, filled while it is on; a click turns it on or off.
fn switch(ui: &mut Ui, b: &Breakpoint, target: &str, state: &State, theme: &Theme, actions: &mut Vec<Action>) {
    let (rect, dot) = ui.allocate_exact_size(vec2(18.0, 18.0), Sense::click());
    let name = format!("breakpoint on {target} is on");
    dot.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, b.enabled, &name));
    if b.enabled {
        ui.painter().circle_filled(rect.center(), 6.0, theme.error);
    } else {
        ui.painter().circle_stroke(rect.center(), 5.0, Stroke::new(1.5, theme.dim));
    }
    if dot.on_hover_text("Turn it on or off.").clicked() {
        actions.push(change(state, b.id, |b| b.enabled = !b.enabled));
    }
}

/// The place of a breakpoint; a click goes there.
fn jump(ui: &mut Ui, b: &Breakpoint, target: &str, font: egui::FontId, actions: &mut Vec<Action>) {
    let text = RichText::new(target).font(font);
    let jump = ui.add(Button::new(text).frame(false)).accessible_name(format!("Show {target}"));
    if jump.on_hover_text("Select it and bring it into view.").clicked()
        && let Some(node) = b.node()
    {
        go_to(node, actions);
    }
}

/// All breakpoints and watches in short, one line each; nothing while there are none. The panel is where they are edited.
pub fn list(ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
    let stops = &state.document().stops;
    if stops.breakpoints.is_empty() && stops.watches.is_empty() {
        return;
    }
    let theme = Theme::of(ui.ctx());
    heading(ui, "Watches & breakpoints");
    let row = |ui: &mut Ui, line: &mut dyn FnMut(&mut Ui)| {
        let frame = egui::Frame::new().fill(theme.card).corner_radius(4).inner_margin(egui::Margin::symmetric(6, 3));
        frame.show(ui, |ui| ui.horizontal(line));
    };
    let right = |ui: &mut Ui, text: RichText| {
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        ui.with_layout(layout, |ui| ui.add(egui::Label::new(text.font(theme::mono(11.0))).truncate()));
    };
    for b in &stops.breakpoints {
        let target = b.target(state.graph());
        let what = if b.condition.is_empty() { target.clone() } else { format!("{target}: {}", b.condition) };
        row(ui, &mut |ui| {
            switch(ui, b, &target, state, &theme, actions);
            jump(ui, b, &what, theme::sans(12.0), actions);
            let count = if b.enabled { format!("hit {}×", count(state, b.id).0) } else { "disabled".to_owned() };
            right(ui, RichText::new(format!("{} · {count}", b.moment.label())).color(theme.dim));
        });
    }
    for w in &stops.watches {
        let shot = state.snapshot.as_ref().and_then(|s| s.watches.iter().find(|s| s.id == w.id));
        let value = shot.map_or_else(|| "no data yet".to_owned(), |s| lines(s)[0].clone());
        let colour = if shot.is_some_and(|s| s.is_grad) { theme.gradient } else { theme.text };
        row(ui, &mut |ui| {
            ui.label(RichText::new(&w.text).font(theme::mono(11.5)));
            right(ui, RichText::new(&value).color(colour));
        });
    }
}

fn remove_watch(ui: &mut Ui, id: u32, text: &str, state: &State, actions: &mut Vec<Action>) {
    let remove = ui.small_button("×").accessible_name(format!("Remove watch {text}"));
    if remove.on_hover_text("Watch it no longer.").clicked() {
        actions.push(changed(state, |s: &mut Stops| s.watches.retain(|w| w.id != id)));
    }
}

fn change(state: &State, id: u32, change: impl FnOnce(&mut Breakpoint)) -> Action {
    changed(state, |s| {
        if let Some(b) = s.breakpoints.iter_mut().find(|b| b.id == id) {
            change(b);
        }
    })
}

fn has_weights(state: &State, id: NodeId) -> bool {
    state.inference.nodes.get(&id).is_some_and(|i| !i.weights.is_empty())
}
