//! What the network says at every point of the plane.

use crate::train::Want;
use crate::ui::action::Action;
use crate::ui::canvas::node::point_colour;
use crate::ui::canvas::picture::{scatter, short};
use crate::ui::panel::nothing;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Color32, ColorImage, ComboBox, Rect, Sense, TextureHandle, TextureOptions, Ui, Vec2, vec2};

/// The switches of the panel and the texture of its picture.
#[derive(Default)]
pub struct Decision {
    discrete: bool,
    hide_test: bool,
    texture: Option<(TextureHandle, usize, bool, bool)>,
}

impl Decision {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        let Some(map) = state.snapshot.as_ref().and_then(|s| s.map.clone()) else {
            return nothing(ui, "A map of the prediction over the plane, for data with two inputs.");
        };
        self.switches(ui, state, map.channels, actions);
        let key = std::sync::Arc::as_ptr(&map) as usize;
        let stale = self.texture.as_ref().is_none_or(|t| t.1 != key || t.2 != self.discrete || t.3 != theme.dark);
        if stale {
            let image = ColorImage::new([map.size, map.size], pixels(&map, self.discrete, &theme));
            let options = if self.discrete { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
            let handle = ui.ctx().load_texture("decision map", image, options);
            self.texture = Some((handle, key, self.discrete, theme.dark));
        }
        let free = ui.available_size() - vec2(0.0, 20.0);
        let side = free.x.min(free.y).max(60.0);
        ui.horizontal(|ui| {
            let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "decision map"));
            let painter = ui.painter_at(rect);
            if let Some((t, ..)) = &self.texture {
                painter.image(
                    t.id(),
                    rect,
                    Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0)),
                    Color32::WHITE,
                );
            }
            if let Some(d) = &state.dataset
                && let Some(points) = &d.points
            {
                let domain = [map.x, map.y];
                let small = if d.len() > 300 { 0.7 } else { 1.0 };
                let draw = |rows: &[usize], ring: Color32, radius: f32| {
                    let radius = radius * small;
                    let every = rows.len().div_ceil(600).max(1);
                    let rows: Vec<usize> = rows.iter().copied().step_by(every).collect();
                    let at: Vec<[f64; 2]> = rows.iter().map(|&i| points[i]).collect();
                    scatter(&painter, rect, &at, domain, radius + 0.8, |_| ring);
                    scatter(&painter, rect, &at, domain, radius, |i| point_colour(d, rows[i], &theme));
                };
                if !self.hide_test {
                    draw(&d.test, theme.background, 2.0);
                }
                draw(&d.train, Color32::WHITE, 2.4);
            }
            if let Some(p) = response.hover_pos() {
                let (u, v) = ((p.x - rect.left()) / side, (p.y - rect.top()) / side);
                let n = map.size as f32;
                let i = ((v * n) as usize).min(map.size - 1) * map.size + ((u * n) as usize).min(map.size - 1);
                let x = map.x[0] + f64::from(u) * (map.x[1] - map.x[0]);
                let y = map.y[1] - f64::from(v) * (map.y[1] - map.y[0]);
                let value = map.values.get(i).copied().unwrap_or(f32::NAN);
                response.on_hover_text_at_pointer(format!(
                    "x {} y {}\n{} {}",
                    short(x),
                    short(y),
                    map.label,
                    short(value.into())
                ));
            }
            legend(ui, state, &map, side, &theme);
        });
    }

    fn switches(&mut self, ui: &mut Ui, state: &State, channels: usize, actions: &mut Vec<Action>) {
        ui.horizontal_wrapped(|ui| {
            let want = &state.want;
            let name = want.map_node.and_then(|id| state.graph().node(id)).map_or("prediction", |n| n.name.as_str());
            let mut pick = None;
            let combo = ComboBox::from_id_salt("map of").selected_text(name).width(92.0).show_ui(ui, |ui| {
                if ui.selectable_label(want.map_node.is_none(), "prediction").clicked() {
                    pick = Some(None);
                }
                for n in state.graph().nodes().filter(|n| state.shot(n.id).is_some_and(|s| !s.maps.is_empty())) {
                    if ui.selectable_label(want.map_node == Some(n.id), &n.name).clicked() {
                        pick = Some(Some(n.id));
                    }
                }
            });
            combo.response.accessible_name("Map of").on_hover_text("Whose output the map shows.");
            if let Some(map_node) = pick {
                actions.push(Action::Want(Want { map_node, map_channel: 0, ..want.clone() }));
            }
            if channels > 1 {
                let mut c = want.map_channel.min(channels - 1);
                if ui.add(egui::DragValue::new(&mut c).range(0..=channels - 1).prefix("neuron ")).changed() {
                    actions.push(Action::Want(Want { map_channel: c, ..want.clone() }));
                }
            }
            ui.checkbox(&mut self.discrete, "discretise").on_hover_text("Show only the decision, not how sure it is");
            let mut test = !self.hide_test;
            ui.checkbox(&mut test, "test").on_hover_text("Show the test points as well, with a dark ring");
            self.hide_test = !test;
        });
    }
}

/// Colours of the map, lightened towards grey so that the points stand out.
fn pixels(map: &crate::train::DecisionMap, discrete: bool, theme: &Theme) -> Vec<Color32> {
    let scale = map.high.abs().max(map.low.abs()).max(1e-9) as f32;
    map.values
        .iter()
        .map(|v| {
            let t = if discrete { v.signum() } else { (v / scale).clamp(-1.0, 1.0) };
            theme.diverging(t * 0.85)
        })
        .collect()
}

fn legend(ui: &mut Ui, state: &State, map: &crate::train::DecisionMap, side: f32, theme: &Theme) {
    if ui.available_width() < 60.0 {
        return;
    }
    ui.vertical(|ui| {
        let (rect, _) = ui.allocate_exact_size(vec2(10.0, (side * 0.5).min(90.0)), Sense::hover());
        let mut mesh = egui::Mesh::default();
        for i in 0..32 {
            let t = 1.0 - 2.0 * i as f32 / 31.0;
            let h = rect.height() / 32.0;
            let at = Rect::from_min_size(rect.min + vec2(0.0, i as f32 * h), vec2(rect.width(), h));
            mesh.add_colored_rect(at, theme.diverging(t * 0.85));
        }
        ui.painter().add(mesh);
        let p = ui.painter();
        p.text(rect.right_top() + vec2(4.0, 0.0), egui::Align2::LEFT_TOP, short(map.high), theme::mono(9.5), theme.dim);
        p.text(
            rect.right_bottom() + vec2(4.0, 0.0),
            egui::Align2::LEFT_BOTTOM,
            short(map.low),
            theme::mono(9.5),
            theme.dim,
        );
        ui.add_space(6.0);
        if let Some(d) = &state.dataset {
            for (i, name) in d.class_names.iter().enumerate().take(10) {
                ui.colored_label(theme.class(i), format!("● {name}"));
            }
        }
    });
}
