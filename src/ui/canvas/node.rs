//! A node as a picture of what it computes.

use crate::graph::{NodeId, Severity};
use crate::ops::Role;
use crate::train::{NodeShot, NodeState};
use crate::ui::canvas::layout::{FOOT, NodeBox, TITLE};
use crate::ui::canvas::picture::{self, short};
use crate::ui::canvas::view::{DETAIL_ZOOM, TEXT_ZOOM, View};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align2, Color32, CornerRadius, Mesh, Painter, Rect, Shape, Stroke, StrokeKind, pos2, vec2};

/// How much of the ground covers a node whose turn is still to come.
const TO_COME: f32 = 0.42;

/// How a node stands out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Part of the selection.
    pub selected: bool,
    /// Under the pointer.
    pub hovered: bool,
    /// Has the keyboard focus.
    pub focused: bool,
    /// The node whose instruction runs next, while stepping.
    pub next: bool,
    /// Its instruction is still to come in this phase.
    pub to_come: bool,
}

/// Paints all nodes of a zoomed-out view as one mesh: colour and place, no text.
pub fn paint_far(mesh: &mut Mesh, node: &NodeBox, view: &View, marks: Marks, theme: &Theme) {
    let rect = view.screen_rect(node.rect);
    let line = if marks.next {
        Some(theme.cursor)
    } else if marks.selected {
        Some(theme.accent)
    } else if node.problem == Some(Severity::Error) {
        Some(theme.error)
    } else {
        None
    };
    if let Some(colour) = line {
        mesh.add_colored_rect(rect.expand(2.0), colour);
    }
    mesh.add_colored_rect(rect, theme.card);
    let title = Rect::from_min_size(rect.min, vec2(rect.width(), (TITLE * view.zoom).max(2.0)));
    mesh.add_colored_rect(title, category(node, theme));
    if marks.to_come {
        mesh.add_colored_rect(rect, theme::fade(theme.canvas, TO_COME));
    }
}

fn category(node: &NodeBox, theme: &Theme) -> Color32 {
    node.category.map_or(theme.dim, |c| theme.category(c))
}

/// Paints one node near enough to be read.
pub fn paint(painter: &Painter, node: &NodeBox, view: &View, marks: Marks, state: &State, theme: &Theme) {
    let z = view.zoom;
    let rect = view.screen_rect(node.rect);
    let radius = CornerRadius::same((6.0 * z).clamp(2.0, 12.0) as u8);
    let tint = category(node, theme);
    painter.rect_filled(rect.translate(vec2(0.0, 2.0 * z)), radius, Color32::from_black_alpha(70));
    painter.rect_filled(rect, radius, theme.card);
    let title = Rect::from_min_max(rect.min, pos2(rect.right(), rect.top() + TITLE * z));
    let top = CornerRadius { sw: 0, se: 0, ..radius };
    painter.rect_filled(title, top, theme.card.lerp_to_gamma(tint, if theme.dark { 0.32 } else { 0.25 }));
    painter.hline(rect.x_range(), title.bottom(), Stroke::new(z.max(0.5), tint.gamma_multiply(0.6)));

    let border = match (marks, node.problem) {
        (Marks { selected: true, .. }, _) => Stroke::new(2.0, theme.accent),
        (_, Some(Severity::Error)) => Stroke::new(1.5, theme.error),
        (Marks { hovered: true, .. }, _) => Stroke::new(1.0, theme.dim),
        _ => Stroke::new(1.0, theme.line),
    };
    painter.rect_stroke(rect, radius, border, StrokeKind::Outside);
    if marks.next {
        dashed(painter, rect.expand(5.0), theme.cursor);
    }
    if marks.focused {
        painter.rect_stroke(rect.expand(3.0), radius, Stroke::new(1.0, theme.text), StrokeKind::Outside);
    }
    if z >= TEXT_ZOOM {
        titles(painter, node, view, rect, title, theme);
    }
    if z >= DETAIL_ZOOM {
        let shot = state.shot(node.id);
        let body = Rect::from_min_max(title.left_bottom(), pos2(rect.right(), rect.bottom() - FOOT * z))
            .shrink2(vec2(14.0, 8.0) * z);
        content(painter, node.id, view, body, shot, marks, state, theme);
        foot(painter, node, view, rect, shot, theme);
        order(painter, node, view, rect, theme);
    }
    if marks.to_come {
        painter.rect_filled(rect, radius, theme::fade(theme.canvas, TO_COME));
    }
    pins(painter, node, view, tint, theme);
    if let Some(cost) = state.shot(node.id).and_then(|s| s.cost.as_ref()) {
        super::cost::paint(painter, rect, cost, view, theme);
    }
}

/// A dashed frame: where the program stands.
fn dashed(painter: &Painter, rect: Rect, colour: Color32) {
    let corners = [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()];
    painter.extend(Shape::dashed_line(&corners, Stroke::new(2.0, colour), 6.0, 4.0));
}

fn titles(painter: &Painter, node: &NodeBox, view: &View, rect: Rect, title: Rect, theme: &Theme) {
    let z = view.zoom;
    let clip = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let name = clip.text(
        title.left_center() + vec2(10.0 * z, 0.0),
        Align2::LEFT_CENTER,
        &node.name,
        theme::bold(view.font_size(12.5)),
        theme.text,
    );
    let galley = clip.layout_no_wrap(node.kind.clone(), theme::sans(view.font_size(10.5)), theme.dim);
    let left = title.right() - 9.0 * z - galley.size().x;
    if left > name.right() + 6.0 * z {
        clip.galley(pos2(left, title.center().y - galley.size().y * 0.5), galley, theme.dim);
    }
}

/// The small number above a node: its place in the order of execution.
fn order(painter: &Painter, node: &NodeBox, view: &View, rect: Rect, theme: &Theme) {
    if node.order == 0 {
        return;
    }
    // Above the frame of the cursor, which keeps its distance at every zoom.
    let at = rect.left_top() + vec2(2.0 * view.zoom, -7.0);
    let colour = if node.problem == Some(Severity::Error) { theme.error } else { theme.dim };
    painter.text(at, Align2::LEFT_BOTTOM, node.order.to_string(), theme::mono(view.font_size(10.0)), colour);
}

fn pins(painter: &Painter, node: &NodeBox, view: &View, tint: Color32, theme: &Theme) {
    let r = (4.5 * view.zoom).max(1.5);
    let ring = Stroke::new((1.5 * view.zoom).max(0.5), theme.canvas);
    for k in 0..node.pins {
        let colour = if node.bad_pin == Some(k) { theme.error } else { theme.dim };
        painter.circle(view.screen_from_canvas(node.input(k)), r, colour, ring);
    }
    if node.category.is_some() {
        painter.circle(view.screen_from_canvas(node.output()), r, tint, ring);
    }
}

/// Shape on the left, size of the gradient on the right, and the same as a bar.
fn foot(painter: &Painter, node: &NodeBox, view: &View, rect: Rect, shot: Option<&NodeShot>, theme: &Theme) {
    let z = view.zoom;
    let font = theme::mono(view.font_size(10.0));
    let y = rect.bottom() - 20.0 * z;
    let (left, right) = (rect.left() + 14.0 * z, rect.right() - 14.0 * z);
    let text = match shot {
        Some(s) if !s.shape.is_empty() => crate::tensor::shape_text(&s.shape),
        Some(s) if s.stats.is_some() => "scalar".to_owned(),
        _ => node.shape.clone(),
    };
    painter.text(pos2(left, y), Align2::LEFT_CENTER, text, font.clone(), theme.dim);
    let norm = shot.and_then(|s| s.grad_stats).map(|g| g.norm);
    let label = norm.map_or_else(|| "|∂| —".to_owned(), |n| format!("|∂| {}", short(n)));
    let colour = if norm.is_some() { theme.gradient } else { theme.dim };
    painter.text(pos2(right, y), Align2::RIGHT_CENTER, label, font, colour);
    let bar = Rect::from_min_max(pos2(left, rect.bottom() - 9.0 * z), pos2(right, rect.bottom() - 6.0 * z));
    painter.rect_filled(bar, 1.0, theme.line);
    if let Some(n) = norm {
        let full = Rect::from_min_size(bar.min, vec2(bar.width() * picture::decades(n), bar.height()));
        painter.rect_filled(full, 1.0, theme.gradient);
    }
}

#[allow(clippy::too_many_arguments, reason = "all of it is the place and the source of one picture")]
fn content(
    painter: &Painter,
    id: NodeId,
    view: &View,
    body: Rect,
    shot: Option<&NodeShot>,
    marks: Marks,
    state: &State,
    theme: &Theme,
) {
    let Some(spec) = state.graph().node(id).and_then(|n| n.spec()) else {
        let at = body.center();
        painter.text(at, Align2::CENTER_CENTER, "unknown kind", theme::sans(view.font_size(11.0)), theme.error);
        return;
    };
    let Some(shot) = shot else {
        return scatter_or_hint(painter, view, body, spec.role, state, theme);
    };
    let mut mesh = Mesh::default();
    if marks.next && shot.state == NodeState::Waiting {
        waiting(painter, view, body, theme);
    } else if spec.is_loss() {
        return loss(painter, view, body, shot, state, theme);
    } else if spec.role == Role::Features && state.dataset.as_ref().is_some_and(|d| d.points.is_some()) {
        return scatter_or_hint(painter, view, body, spec.role, state, theme);
    } else if let Some(w) = &shot.weight_sample {
        let half = vec2(body.width(), body.height() * 0.36);
        let gap = body.height() * 0.14;
        let upper = Rect::from_min_size(body.min, half);
        let lower = Rect::from_min_size(body.min + vec2(0.0, half.y + gap), half);
        picture::heat(&mut mesh, upper, w, picture::magnitude(&w.data), theme);
        caption(painter, view, upper, "W", &format!("{}×{}", w.rows, w.cols), theme.dim);
        match &shot.weight_grad_sample {
            Some(g) => picture::heat(&mut mesh, lower, g, picture::magnitude(&g.data), theme),
            None => _ = painter.rect_stroke(lower, 1.0, Stroke::new(1.0, theme.line), StrokeKind::Inside),
        }
        let norm = shot.weight_grad_norm.filter(|_| shot.weight_grad_sample.is_some());
        caption(painter, view, lower, "∂L/∂W", &norm.map_or("to come".into(), short), theme.gradient);
    } else if !shot.maps.is_empty() {
        picture::maps(&mut mesh, body, &shot.maps, theme);
    } else if let Some(v) = &shot.sample {
        match state.dataset.as_ref().filter(|_| spec.role == Role::Target).and_then(|d| d.classes_by_code()) {
            Some(class) => picture::cells(&mut mesh, body, v, |code| match class(f64::from(code)) {
                Some(class) => theme.class(class),
                None => theme.error,
            }),
            None => picture::heat(&mut mesh, body, v, picture::magnitude(&v.data), theme),
        }
    } else {
        waiting(painter, view, body, theme);
    }
    painter.add(mesh);
}

fn caption(painter: &Painter, view: &View, above: Rect, left: &str, right: &str, colour: Color32) {
    let font = theme::mono(view.font_size(9.5));
    let y = above.bottom() + 1.0;
    painter.text(pos2(above.left(), y), Align2::LEFT_TOP, left, font.clone(), colour);
    painter.text(pos2(above.right(), y), Align2::RIGHT_TOP, right, font, colour);
}

fn waiting(painter: &Painter, view: &View, body: Rect, theme: &Theme) {
    let font = theme::sans(view.font_size(11.0));
    painter.text(body.center(), Align2::CENTER_CENTER, "not computed yet", font, theme.dim);
}

/// The value of a loss in large digits, and the training loss so far.
fn loss(painter: &Painter, view: &View, body: Rect, shot: &NodeShot, state: &State, theme: &Theme) {
    let z = view.zoom;
    let value = shot.scalar.map_or_else(|| "—".to_owned(), short);
    let colour = if shot.scalar.is_some_and(|v| !v.is_finite()) { theme.error } else { theme.text };
    let at = body.center_top() + vec2(0.0, 12.0 * z);
    painter.text(at, Align2::CENTER_CENTER, value, theme::mono(view.font_size(19.0)), colour);
    let curve = Rect::from_min_max(pos2(body.left(), body.top() + 34.0 * z), body.right_bottom());
    if curve.height() < 24.0 * z {
        return;
    }
    let points: Vec<f64> = (state.snapshot.iter())
        .flat_map(|s| s.history.iter().filter(|p| p.step <= s.step))
        .map(|p| p.train.max(1e-12).log10())
        .collect();
    let every = points.len().div_ceil(120).max(1);
    let thin: Vec<f64> = points.into_iter().step_by(every).collect();
    if picture::spark(painter, curve, &thin, Stroke::new(1.2, theme.error)).is_none() {
        let font = theme::sans(view.font_size(10.0));
        painter.text(curve.center(), Align2::CENTER_CENTER, "no curve yet", font, theme.dim);
    }
}

/// The data's points for a feature node of the plane; else a word.
fn scatter_or_hint(painter: &Painter, view: &View, body: Rect, role: Role, state: &State, theme: &Theme) {
    let Some(data) = state.dataset.as_ref().filter(|_| role == Role::Features) else {
        return waiting(painter, view, body, theme);
    };
    let (Some(points), Some(domain)) = (&data.points, data.domain) else {
        return waiting(painter, view, body, theme);
    };
    let side = body.width().min(body.height() + 12.0 * view.zoom);
    let place = Rect::from_center_size(body.center(), egui::Vec2::splat(side));
    let every = points.len().div_ceil(240).max(1);
    let rows: Vec<usize> = (0..points.len()).step_by(every).collect();
    let some: Vec<[f64; 2]> = rows.iter().map(|&i| points[i]).collect();
    picture::scatter(painter, place, &some, domain, 1.6 * view.zoom, |i| point_colour(data, rows[i], theme));
}

/// The colour of a sample by its class, or by its value for a regression.
pub fn point_colour(data: &crate::data::Dataset, row: usize, theme: &Theme) -> Color32 {
    match data.class_of(row) {
        Some(c) => theme.class(c),
        None => theme.diverging(data.targets.get(row * data.target_width()).copied().unwrap_or(0.0) as f32),
    }
}

/// The name of a node in a view too far away for anything else.
pub fn paint_far_title(painter: &Painter, node: &NodeBox, view: &View, theme: &Theme) {
    let rect = view.screen_rect(node.rect);
    let clip = painter.with_clip_rect(rect.intersect(painter.clip_rect()));
    let at = rect.left_top() + vec2(5.0, (TITLE + 14.0) * view.zoom);
    clip.text(at, Align2::LEFT_CENTER, &node.name, theme::sans(view.font_size(22.0)), theme.text);
}
