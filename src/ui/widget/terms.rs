//! What made a number, as lines: what is multiplied, its numbers, what comes of it.

use crate::engine::{Explanation, Factor, Joined, Origin, Term};
use crate::graph::NodeId;
use crate::train::{IntoRef, origin};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align, Label, Layout, RichText, Sense, Ui};

/// A number with as many digits as are needed to check a sum by hand: `0.036245`, `−2`, `1.2345e-5`.
pub fn digits(v: f64) -> String {
    let text = if !v.is_finite() {
        return format!("{v}");
    } else if v == 0.0 {
        "0".to_owned()
    } else if v.abs() < 1e-3 || v.abs() >= 1e6 {
        format!("{v:.5e}")
    } else {
        let fixed = format!("{v:.6}");
        fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    text.replace('-', "−").replace("e−", "e-")
}

/// The colour of a factor: violet for what comes back, that of its source for what arrives.
pub fn factor_colour(factor: &Factor, node: NodeId, state: &State, theme: &Theme) -> egui::Color32 {
    match factor.of {
        Origin::Delta | Origin::Consumer(..) => theme.gradient,
        Origin::Input(pin) => {
            let graph = state.graph();
            let from = graph.inputs(node).iter().find(|w| w.input == pin).map(|w| w.from);
            let spec = from.and_then(|id| graph.node(id)).and_then(|n| n.spec());
            spec.map_or(theme.text, |s| theme.category(s.category))
        }
        Origin::Weight(_) | Origin::Buffer(_) | Origin::Part(_) | Origin::Output => theme.text,
        Origin::Local | Origin::Constant => theme.dim,
    }
}

/// Draws the lines and the result. Returns the place of a factor that was clicked.
pub fn terms(ui: &mut Ui, node: NodeId, e: &Explanation, state: &State) -> Option<IntoRef> {
    let theme = Theme::of(ui.ctx());
    let mut clicked = None;
    let mono = |s: String, c| RichText::new(s).font(theme::mono(11.0)).color(c);
    ui.label(RichText::new(&e.title).font(theme::sans(11.5)).color(theme.dim));
    let narrow = ui.available_width() < 430.0;
    for (k, term) in e.terms.iter().enumerate() {
        let sign = if e.joined == Joined::Sum && k > 0 { "+" } else { " " };
        let names = |ui: &mut Ui| {
            let mut hit = None;
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(mono(sign.into(), theme.dim));
            for (i, factor) in term.factors.iter().enumerate() {
                if i > 0 {
                    ui.label(mono("·".into(), theme.dim));
                }
                let colour = factor_colour(factor, node, state, &theme);
                let place = origin(state.graph(), node, factor);
                let text = mono(factor.label.clone(), colour);
                let label =
                    if place.is_some() { Label::new(text.underline()).sense(Sense::click()) } else { Label::new(text) };
                let r = ui.add(label.truncate());
                if place.is_some() && r.on_hover_text("Click: go to where this number was computed").clicked() {
                    hit = place;
                }
            }
            hit
        };
        if narrow && (term.factors.len() > 1 || term.slope.is_some()) || ui.available_width() < 230.0 {
            clicked = ui.horizontal(|ui| names(ui)).inner.or(clicked);
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| result(ui, term, &theme));
            });
        } else {
            ui.horizontal(|ui| {
                clicked = names(ui).or(clicked);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| result(ui, term, &theme));
            });
        }
    }
    if e.hidden > 0 {
        let rest = if e.joined == Joined::Sum {
            format!("+ {} smaller terms, together {}", e.hidden, digits(e.rest))
        } else {
            format!("and {} more", e.hidden)
        };
        ui.label(mono(rest, theme.dim));
    }
    ui.separator();
    ui.horizontal(|ui| {
        let (word, note) = match &e.joined {
            Joined::Sum if e.terms.len() > 1 => ("Σ".to_owned(), rounding(e)),
            Joined::Sum => ("=".to_owned(), None),
            Joined::Function(name) => (format!("{name} …"), None),
        };
        ui.label(mono(word, theme.dim));
        if let Some(note) = note {
            ui.label(mono(note.into(), theme.dim))
                .on_hover_text("The numbers above are rounded to be read; the sum is of the unrounded ones.");
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(mono(digits(e.total), theme.cursor).strong());
        });
    });
    clicked
}

fn result(ui: &mut Ui, term: &Term, theme: &Theme) {
    let mono = |s: String, c| RichText::new(s).font(theme::mono(11.0)).color(c);
    ui.spacing_mut().item_spacing.x = 4.0;
    match term.slope {
        Some(slope) => {
            ui.label(mono(format!("slope {}", digits(slope)), theme.dim))
                .on_hover_text("∂output/∂this: how much the output moves per unit of it, here");
            ui.label(mono(digits(term.value), theme.text));
        }
        None => {
            ui.label(mono(digits(term.value), theme.text));
            if term.factors.len() > 1 {
                let product: Vec<String> = term.factors.iter().map(|f| bracketed(f.value)).collect();
                let text = format!("{} =", product.join(" · "));
                ui.add(Label::new(mono(text, theme.dim)).truncate());
            }
        }
    }
}

/// A negative factor in brackets.
fn bracketed(v: f64) -> String {
    if v < 0.0 { format!("({})", digits(v)) } else { digits(v) }
}

/// Whether what is shown adds up to something else in its last digit.
fn rounding(e: &Explanation) -> Option<&'static str> {
    let shown = |v: f64| (v * 1e6).round() / 1e6;
    let sum: f64 = e.terms.iter().map(|t| shown(t.value)).sum::<f64>() + shown(e.rest);
    ((sum - shown(e.total)).abs() > 5e-7).then_some("(last digit rounded)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_to_check_a_sum() {
        assert_eq!(digits(0.25), "0.25");
        assert_eq!(digits(-0.0362451), "−0.036245");
        assert_eq!(digits(2.0), "2");
        assert_eq!(digits(1.5e-5), "1.50000e-5");
        assert_eq!(digits(0.0), "0");
    }

    #[test]
    fn a_last_digit_that_does_not_add_up_is_said() {
        let term = |value| Term { value, ..Term::default() };
        let e =
            Explanation { terms: vec![term(0.1000004), term(0.1000004)], total: 0.2000008, ..Explanation::default() };
        assert!(rounding(&e).is_some());
        let e = Explanation { terms: vec![term(0.5), term(0.25)], total: 0.75, ..Explanation::default() };
        assert!(rounding(&e).is_none());
    }
}
