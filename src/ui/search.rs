//! The node search: opens where the node will be, and offers only what the dropped wire can be connected to.

use crate::graph::Graph;
use crate::ops::{Kind, catalogue::CATALOGUE};
use crate::ui::action::{Action, Connect};
use crate::ui::app::App;
use crate::ui::command_palette::{arrows, score};
use crate::ui::editing;
use crate::ui::theme::{self, Theme};
use egui::{
    Align, Area, Button, Context, Frame, Id, Key, Modifiers, Order, Pos2, RichText, ScrollArea, TextEdit, vec2,
};

/// An open search.
pub struct NodeSearch {
    at: [f32; 2],
    screen: Pos2,
    connect: Option<Connect>,
    query: String,
    chosen: usize,
    fitting: Vec<&'static Kind>,
    young: bool,
}

impl NodeSearch {
    /// A search whose node will be at `at` on the canvas, opened at `screen`.
    pub fn new(graph: &Graph, at: [f32; 2], screen: Pos2, connect: Option<Connect>) -> Self {
        let fits = |k: &&Kind| connect.is_none_or(|c| editing::fits(graph, k.spec.id, c));
        let fitting = CATALOGUE.iter().filter(fits).collect();
        NodeSearch { at, screen, connect, query: String::new(), chosen: 0, fitting, young: true }
    }

    fn found(&self) -> Vec<&'static Kind> {
        let mut found: Vec<(i32, &Kind)> = self
            .fitting
            .iter()
            .filter_map(|k| {
                let by_name = score(&self.query, k.spec.label);
                // PyTorch's name finds a node as well, after those whose label fits.
                let best = by_name.or_else(|| score(&self.query, k.spec.id).map(|s| s - 40));
                best.map(|s| (s, *k))
            })
            .collect();
        if !self.query.trim().is_empty() {
            found.sort_by_key(|(s, _)| -s);
        }
        found.into_iter().map(|(_, k)| k).collect()
    }
}

impl App {
    /// Draws the node search, if it is open.
    pub(super) fn show_search(&mut self, ctx: &Context) {
        let Some(mut search) = self.search.take() else { return };
        let theme = Theme::of(ctx);
        let count = search.found().len();
        let moved = arrows(ctx, &mut search.chosen, count);
        let enter = ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        let escape = ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
        let mut picked = None;
        let area = Area::new(Id::unique("node search"))
            .order(Order::Foreground)
            .fixed_pos(search.screen)
            .constrain(true)
            .accessible_name("Add node");
        let shown = area.show(ctx, |ui| {
            Frame::popup(ui.style()).show(ui, |ui| {
                ui.set_width(320.0);
                let edit = TextEdit::singleline(&mut search.query).hint_text("Add node").desired_width(f32::INFINITY);
                let field = ui.add(edit).accessible_name("Search nodes");
                field.request_focus();
                if field.changed() {
                    search.chosen = 0;
                }
                let found = search.found();
                ScrollArea::vertical().max_height(260.0).auto_shrink([false, true]).show(ui, |ui| {
                    for (k, kind) in found.iter().enumerate() {
                        let dot = RichText::new("●").color(theme.category(kind.spec.category));
                        let line = Button::selectable(k == search.chosen, (dot, kind.spec.label)).right_text(
                            RichText::new(kind.spec.category.label()).font(theme::sans(11.0)).color(theme.dim),
                        );
                        let line = ui.add(line.min_size(vec2(ui.available_width(), 24.0)));
                        let line = line.accessible_name(format!("Add {}", kind.spec.label));
                        if k == search.chosen && moved {
                            line.scroll_to_me(Some(Align::Center));
                        }
                        if line.clicked() {
                            picked = Some(*kind);
                        }
                    }
                });
                match found.get(search.chosen) {
                    Some(kind) => {
                        ui.separator();
                        ui.label(RichText::new(kind.spec.doc).font(theme::sans(12.0)).color(theme.dim));
                        if enter {
                            picked = Some(*kind);
                        }
                    }
                    None => {
                        let why = if search.fitting.is_empty() {
                            "No node fits this wire."
                        } else {
                            "No node has these letters."
                        };
                        ui.label(RichText::new(why).color(theme.dim));
                    }
                }
            });
        });
        let outside = !search.young && shown.response.clicked_elsewhere();
        search.young = false;
        if let Some(kind) = picked {
            let (kind, pos, connect) = (kind.spec.id.to_owned(), search.at, search.connect);
            self.actions.push(Action::AddNode { kind, pos, connect });
        } else if !escape && !outside {
            self.search = Some(search);
        }
    }
}
