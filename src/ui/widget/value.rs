//! A control for the value of any parameter, made from its description.

use crate::ops::{ParamKind, ParamSpec, Value};
use crate::ui::state::State;
use egui::{ComboBox, DragValue, Response, TextEdit, Ui};

/// What an edit of a parameter amounts to.
pub enum Edited {
    /// Nothing.
    No,
    /// A drag is under way: the value so far.
    Live(Value),
    /// The value is final.
    Done(Value),
}

/// A field for a number with as many places as it needs: `0.01`, `0`, `1e-5`.
pub fn real(x: &mut f64, speed: f64, range: std::ops::RangeInclusive<f64>) -> DragValue<'_> {
    DragValue::new(x).speed(speed).range(range).max_decimals(12).custom_formatter(|x, _| plain(x))
}

/// As [`real`], from 0 to `most` with its unit (of one, of many) behind it, where 0 is no limit and is shown as `none`.
pub fn limit<'a, T: egui::emath::Numeric>(
    x: &'a mut T,
    none: &'static str,
    [one, many]: [&'static str; 2],
    most: T,
) -> DragValue<'a> {
    let speed = (x.to_f64().abs() * 0.01).max(if T::INTEGRAL { 0.1 } else { 1e-5 });
    DragValue::new(x)
        .speed(speed)
        .range(T::from_f64(0.0)..=most)
        .max_decimals(12)
        .custom_formatter(move |x, _| match plain(x) {
            _ if x == 0.0 => none.to_owned(),
            text if many.is_empty() => text,
            text => format!("{text} {}", if x == 1.0 { one } else { many }),
        })
        .custom_parser(move |text| {
            let text = text.trim();
            let digits = text.split_whitespace().next().unwrap_or(text);
            if text == none { Some(0.0) } else { digits.parse().ok() }
        })
}

fn plain(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e7) { format!("{x:e}") } else { format!("{x}") }
}

/// Draws the control of one parameter with its present value.
pub fn value_control(ui: &mut Ui, spec: &ParamSpec, value: &Value, state: &State) -> Edited {
    match (spec.kind, value) {
        (ParamKind::Bool, Value::Bool(on)) => {
            let mut on = *on;
            let word = if on { "on" } else { "off" };
            let r = ui.checkbox(&mut on, word);
            name(&r, spec);
            if r.changed() { Edited::Done(Value::Bool(on)) } else { Edited::No }
        }
        (ParamKind::Int { min, max }, Value::Int(x)) => {
            let mut x = *x;
            let r = ui.add(DragValue::new(&mut x).range(min..=max).speed(0.05).suffix(suffix(spec)));
            name(&r, spec);
            number(&r, Value::Int(x))
        }
        (ParamKind::Float { min, max, log }, Value::Float(x)) => {
            let mut x = *x;
            let speed = if log { (x.abs() * 0.02).max(1e-5) } else { 0.01 };
            let r = ui.add(real(&mut x, speed, min..=max).suffix(suffix(spec)));
            name(&r, spec);
            number(&r, Value::Float(x))
        }
        (ParamKind::Choice(names), Value::Text(now)) => {
            let mut pick = None;
            let r = ComboBox::from_id_salt(spec.name).selected_text(now.as_str()).show_ui(ui, |ui| {
                for n in names {
                    if ui.selectable_label(n == now, *n).clicked() {
                        pick = Some((*n).to_owned());
                    }
                }
            });
            name(&r.response, spec);
            pick.map_or(Edited::No, |p| Edited::Done(Value::Text(p)))
        }
        (ParamKind::Ints, Value::Ints(xs)) => list(ui, spec, value, xs, |t| t.parse().ok(), Value::Ints),
        (ParamKind::Floats, Value::Floats(xs)) => list(ui, spec, value, xs, |t| t.parse().ok(), Value::Floats),
        (ParamKind::Nodes, Value::Nodes(ids)) => nodes(ui, spec, ids, state),
        _ => {
            ui.weak("this value does not fit the parameter");
            if ui.button("Set default").clicked() { Edited::Done((spec.default)()) } else { Edited::No }
        }
    }
}

fn suffix(spec: &ParamSpec) -> String {
    if spec.unit.is_empty() { String::new() } else { format!(" {}", spec.unit) }
}

fn name(r: &Response, spec: &ParamSpec) {
    let id = r.id;
    r.ctx.accesskit_node_builder(id, |b| b.set_label(spec.name));
}

fn number(r: &Response, value: Value) -> Edited {
    match (r.changed(), r.dragged()) {
        (true, true) => Edited::Live(value),
        (true, false) => Edited::Done(value),
        (false, _) if r.drag_stopped() => Edited::Done(value),
        _ => Edited::No,
    }
}

/// Room behind a field for its margin and the button that goes back to the default.
const BACK: f32 = 48.0;

/// Numbers separated by spaces or commas, taken when the field is left.
fn list<T: ToString>(
    ui: &mut Ui,
    spec: &ParamSpec,
    value: &Value,
    now: &[T],
    parse: impl Fn(&str) -> Option<T>,
    wrap: impl Fn(Vec<T>) -> Value,
) -> Edited {
    let id = ui.scope_id().with(("list", spec.name));
    let shown = now.iter().map(T::to_string).collect::<Vec<_>>().join(" ");
    let mut text = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(|| shown.clone());
    let width = if *value == (spec.default)() { f32::INFINITY } else { ui.available_width() - BACK };
    let r = ui.add(TextEdit::singleline(&mut text).hint_text("all").desired_width(width));
    name(&r, spec);
    if r.lost_focus() {
        ui.data_mut(|d| d.remove::<String>(id));
        let items: Option<Vec<T>> = text.split([' ', ',', '×']).filter(|t| !t.is_empty()).map(parse).collect();
        if let Some(items) = items.filter(|_| text != shown) {
            return Edited::Done(wrap(items));
        }
    } else if r.has_focus() {
        ui.data_mut(|d| d.insert_temp(id, text));
    }
    Edited::No
}

/// A check box for each node with weights; none checked means all.
fn nodes(ui: &mut Ui, spec: &ParamSpec, ids: &[u64], state: &State) -> Edited {
    let mut chosen: Vec<u64> = ids.to_vec();
    let label = match ids.len() {
        0 => "all weights".to_owned(),
        n => format!("{n} nodes"),
    };
    let mut changed = false;
    let r = ui.menu_button(label, |ui| {
        for n in state.graph().nodes() {
            if state.inference.nodes.get(&n.id).is_none_or(|i| i.weights.is_empty()) {
                continue;
            }
            let mut on = chosen.contains(&n.id.0);
            if ui.checkbox(&mut on, &n.name).changed() {
                changed = true;
                chosen.retain(|id| *id != n.id.0);
                if on {
                    chosen.push(n.id.0);
                }
            }
        }
    });
    name(&r.response, spec);
    if changed { Edited::Done(Value::Nodes(chosen)) } else { Edited::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_places_they_need() {
        let texts = [0.0, 1.0, 0.01, 1e-5, 0.9999, 1e8, -0.5].map(plain);
        assert_eq!(texts, ["0", "1", "0.01", "1e-5", "0.9999", "1e8", "-0.5"]);
    }
}
