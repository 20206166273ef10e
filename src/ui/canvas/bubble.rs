//! Watches as bubbles beside their nodes.

use crate::project::Change;
use crate::train::stops::{WatchShot, Watched};
use crate::ui::action::Action;
use crate::ui::canvas::layout::Layout;
use crate::ui::canvas::path;
use crate::ui::canvas::picture::short;
use crate::ui::canvas::view::{DETAIL_ZOOM, View};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Pos2, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, vec2};

/// Draws the bubbles; they can be dragged.
pub fn ui(ui: &mut Ui, layout: &Layout, view: &View, state: &State, out: &mut Vec<Action>) {
    let Some(snapshot) = state.snapshot.as_ref().filter(|_| view.zoom >= DETAIL_ZOOM) else { return };
    let theme = Theme::of(ui.ctx());
    let mut taken: Vec<Rect> = layout.nodes.iter().map(|n| n.rect).collect();
    taken.extend(path::written(ui.painter(), layout, view, state, &theme));
    for w in state.document().stops.watches.iter().filter(|w| w.bubble) {
        let Some(shot) = snapshot.watches.iter().find(|s| s.id == w.id) else { continue };
        let Some(n) = shot.node.and_then(|id| layout.node(id)) else { continue };
        let [first, second] = lines(shot);
        let painter = ui.painter_at(view.area);
        let colour = if shot.is_grad { theme.gradient } else { theme.text };
        let title = painter.layout_no_wrap(format!("watch {}", w.text), theme::sans(view.font_size(10.0)), theme.dim);
        let values = painter.layout_no_wrap(first, theme::mono(view.font_size(10.5)), colour);
        let figures = painter.layout_no_wrap(second, theme::mono(view.font_size(9.0)), theme.dim);
        let pad = vec2(9.0, 6.0) * view.zoom;
        let size = vec2(
            title.size().x.max(values.size().x).max(figures.size().x),
            title.size().y + values.size().y + figures.size().y + 4.0 * view.zoom,
        ) + 2.0 * pad;
        let canvas = size / view.zoom;
        let place = match w.at {
            Some(at) => Rect::from_min_size(n.rect.min + Vec2::from(at), canvas),
            None => free(n.rect, canvas, &taken),
        };
        taken.push(place);
        let rect = view.screen_rect(place);
        if !rect.intersects(view.area) {
            continue;
        }
        let side = if place.top() >= n.rect.bottom() { n.rect.center_bottom() } else { n.rect.center_top() };
        let pin = view.screen_from_canvas(if shot.is_grad { side } else { n.output() });
        let end = Pos2::new(pin.x.clamp(rect.left() + 6.0, rect.right() - 6.0), pin.y.clamp(rect.top(), rect.bottom()));
        painter.extend(egui::Shape::dashed_line(&[end, pin], Stroke::new(1.0, theme.dim), 3.0, 3.0));
        let response = ui.interact(rect.intersect(view.area), egui::Id::unique(("watch bubble", w.id)), Sense::drag());
        let line = if response.hovered() || response.dragged() { theme.accent } else { theme.line };
        painter.rect(rect, 5.0, theme.panel, Stroke::new(1.0, line), StrokeKind::Inside);
        let spoken = format!("watch {} {}", w.text, values.text());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &spoken));
        let mut at = rect.min + pad;
        for galley in [title, values, figures] {
            let height = galley.size().y + 2.0 * view.zoom;
            painter.galley(at, galley, theme.text);
            at.y += height;
        }
        if response.drag_started() {
            out.push(Action::Begin("Move watch".into()));
        }
        if response.dragged() {
            let moved = place.min + response.drag_delta() / view.zoom - n.rect.min;
            let mut stops = state.document().stops.clone();
            for other in stops.watches.iter_mut().filter(|o| o.id == w.id) {
                other.at = Some([moved.x, moved.y]);
            }
            out.push(Action::Live(Change::Stops(stops)));
        }
        if response.drag_stopped() {
            out.push(Action::Commit);
        }
        response.on_hover_text("A watch. Drag it to another place; the panel Stops lists all of them.");
    }
}

/// A place beside `node` that covers no other node: above, below, or above in the second row.
fn free(node: Rect, size: Vec2, taken: &[Rect]) -> Rect {
    let above =
        |gap: f32| Rect::from_min_size(Pos2::new(node.center().x - size.x * 0.5, node.top() - gap - size.y), size);
    let below = Rect::from_min_size(Pos2::new(node.center().x - size.x * 0.5, node.bottom() + 18.0), size);
    let places = [above(22.0), below, above(30.0 + size.y), above(38.0 + 2.0 * size.y)];
    let clear = |r: &Rect| taken.iter().all(|t| !t.intersects(r.expand(3.0)));
    places.iter().copied().find(clear).unwrap_or(places[3])
}

/// What a watch shows in two lines: its numbers, and figures of all of them.
pub fn lines(shot: &WatchShot) -> [String; 2] {
    match &shot.gives {
        Watched::Fault(why) => ["cannot be shown".into(), why.chars().take(48).collect()],
        Watched::NotYet => ["not computed yet".into(), "in this batch".into()],
        Watched::Number(x) => [short(*x), String::new()],
        Watched::Truth(t) => [t.to_string(), String::new()],
        Watched::Tensor { shape, first, stats } => {
            let few: Vec<String> = first.iter().take(4).map(|x| short(*x)).collect();
            let more = if shape.iter().product::<usize>() > few.len() { " …" } else { "" };
            let most = stats.min.abs().max(stats.max.abs());
            let name = if shot.is_grad { "max|g|" } else { "max|x|" };
            let shape = crate::tensor::shape_text(shape);
            [format!("[{}{more}]", few.join(" ")), format!("{shape}  {name} {}  nan {}", short(most), stats.bad)]
        }
    }
}
