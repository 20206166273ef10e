//! LaTeX as a picture.

use egui::{Color32, Image, Ui};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Pictures by formula; none where it cannot be typeset.
type Cache = HashMap<String, Option<Arc<[u8]>>>;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// Formulas kept; more are seldom seen in one session, and each can be typeset again.
const KEPT: usize = 600;

/// Shows `tex` in `colour` at `size` points, narrower where the space is; plain text where it cannot be typeset.
pub fn formula(ui: &mut Ui, tex: &str, size: f32, colour: Color32) {
    draw(ui, tex, &format!(r"\textcolor{{white}}{{{tex}}}"), size, Some(colour));
}

/// As [`formula`], with parts in colours of their own, see [`ink`].
pub fn coloured(ui: &mut Ui, tex: &str, size: f32, colour: Color32) {
    draw(ui, tex, &ink(tex, colour), size, None);
}

/// `tex` in `colour`.
pub fn ink(tex: &str, colour: Color32) -> String {
    format!(r"\textcolor{{#{:02x}{:02x}{:02x}}}{{{tex}}}", colour.r(), colour.g(), colour.b())
}

/// A name as LaTeX text: what has a meaning there is escaped, what has no glyph is left out, and a long name is cut.
pub fn name_text(name: &str) -> String {
    const MOST: usize = 16;
    let short: String =
        if name.chars().count() > MOST { name.chars().take(MOST - 1).chain(['.', '.']).collect() } else { name.into() };
    let mut out = String::from(r"\text{");
    for c in short.chars() {
        match c {
            '_' | '#' | '%' | '&' | '$' => out.extend(['\\', c]),
            c if c.is_ascii_alphanumeric() || " .,:;+-*/()[]'!?=<>@|".contains(c) => out.push(c),
            _ => out.push('?'),
        }
    }
    out.push('}');
    out
}

fn draw(ui: &mut Ui, alt: &str, tex: &str, size: f32, tint: Option<Color32>) {
    let svg = {
        let mut cache = CACHE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if cache.len() > KEPT {
            for old in std::mem::take(&mut *cache).keys() {
                ui.ctx().forget_image(&uri(old));
            }
        }
        cache.entry(tex.to_owned()).or_insert_with(|| typeset(tex).map(Into::into)).clone()
    };
    match svg {
        Some(bytes) => {
            let mut image = Image::from_bytes(uri(tex), bytes).alt_text(alt).fit_to_original_size(size / FONT);
            if let Some(tint) = tint {
                image = image.tint(tint);
            }
            ui.add(image.max_width(ui.available_width()));
        }
        None => _ = ui.colored_label(tint.unwrap_or(ui.visuals().text_color()), alt),
    }
}

/// An address without the formula itself: its colours hold a #, which parts the frames of an animation there.
fn uri(tex: &str) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hash::hash(tex, &mut hasher);
    format!("bytes://formula/{:016x}.svg", std::hash::Hasher::finish(&hasher))
}

/// User units per em of the typeset pictures.
const FONT: f32 = 40.0;

fn typeset(tex: &str) -> Option<Vec<u8>> {
    let ast = ratex_parser::parse(tex).ok()?;
    let list = ratex_layout::to_display_list(&ratex_layout::layout(&ast, &ratex_layout::LayoutOptions::default()));
    let options = ratex_svg::SvgOptions {
        font_size: f64::from(FONT),
        padding: 2.0,
        embed_glyphs: true,
        ..ratex_svg::SvgOptions::default()
    };
    Some(ratex_svg::render_to_svg(&list, &options).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_kind_can_be_typeset() {
        for name in ["hidden 1", "a_b", "50 % & more $", r"back\slash {brace}", "слой ∂", "a very long name of a layer"]
        {
            let tex = name_text(name);
            assert!(typeset(&tex).is_some(), "{tex}");
        }
        assert_eq!(name_text("a_b"), r"\text{a\_b}");
    }

    #[test]
    fn every_formula_of_the_catalogue_is_typeset_in_colour() {
        for kind in crate::ops::catalogue::CATALOGUE {
            let f = kind.spec.formula;
            for tex in [f.forward, f.local, f.chain].into_iter().filter(|t| !t.is_empty()) {
                assert!(typeset(&ink(tex, Color32::RED)).is_some(), "{}: {tex}", kind.spec.id);
            }
        }
    }
}
