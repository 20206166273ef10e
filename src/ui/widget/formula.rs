//! LaTeX as a picture.

use egui::{Color32, Image, Ui};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Pictures by formula; none where it cannot be typeset.
type Cache = HashMap<String, Option<Arc<[u8]>>>;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// Shows `tex` in `colour` at `size` points; plain text where it cannot be typeset.
pub fn formula(ui: &mut Ui, tex: &str, size: f32, colour: Color32) {
    let svg = {
        let mut cache = CACHE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cache.entry(tex.to_owned()).or_insert_with(|| typeset(tex).map(Into::into)).clone()
    };
    match svg {
        Some(bytes) => {
            let uri = format!("bytes://formula/{tex}.svg");
            let image = Image::from_bytes(uri, bytes).tint(colour).alt_text(tex).fit_to_original_size(size / FONT);
            ui.add(image.max_width(ui.available_width()));
        }
        None => _ = ui.colored_label(colour, tex),
    }
}

/// User units per em of the typeset pictures.
const FONT: f32 = 40.0;

/// White glyphs, so that a tint gives any colour.
fn typeset(tex: &str) -> Option<Vec<u8>> {
    let ast = ratex_parser::parse(&format!(r"\textcolor{{white}}{{{tex}}}")).ok()?;
    let list = ratex_layout::to_display_list(&ratex_layout::layout(&ast, &ratex_layout::LayoutOptions::default()));
    let options = ratex_svg::SvgOptions {
        font_size: f64::from(FONT),
        padding: 2.0,
        embed_glyphs: true,
        ..ratex_svg::SvgOptions::default()
    };
    Some(ratex_svg::render_to_svg(&list, &options).into_bytes())
}
