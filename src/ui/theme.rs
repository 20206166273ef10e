//! Every colour and every font of the window, and nothing else may name one.
//!
//! A colour has one meaning. Families of nodes, the sign of a value, gradients, where the program stands: each has its
//! own hue, in the dark and in the light theme, and no other thing uses it.

use crate::ops::Category;
use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, Style,
    TextStyle, Visuals, vec2,
};
use std::sync::Arc;

/// The palette in use: get it with [`Theme::of`] at the start of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Whether this is the dark palette.
    pub dark: bool,
    /// Behind everything; the top bar.
    pub background: Color32,
    /// Ground of the node canvas.
    pub canvas: Color32,
    /// Side panels and dock.
    pub panel: Color32,
    /// Cards, nodes, input fields.
    pub card: Color32,
    /// A card under the pointer.
    pub card_hover: Color32,
    /// Borders and separators.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Secondary text.
    pub dim: Color32,
    /// A value below zero.
    pub negative: Color32,
    /// A value above zero.
    pub positive: Color32,
    /// The value zero.
    pub zero: Color32,
    /// Gradients.
    pub gradient: Color32,
    /// Where the program stands.
    pub cursor: Color32,
    /// Time that a node takes.
    pub cost: Color32,
    /// The pressed or principal control.
    pub accent: Color32,
    /// All is well.
    pub good: Color32,
    /// A fault.
    pub error: Color32,
    /// Something to look at.
    pub warning: Color32,
    /// The curve over the training samples.
    pub train: Color32,
    /// The curve over the test samples.
    pub test: Color32,
    /// Text on an accent-coloured ground.
    pub on_accent: Color32,
    /// A field that text or a number is typed into.
    pub field: Color32,
}

const fn hex(rgb: u32) -> Color32 {
    Color32::from_rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

const DARK: Theme = Theme {
    dark: true,
    background: hex(0x101216),
    canvas: hex(0x14171c),
    panel: hex(0x181b21),
    card: hex(0x20242c),
    card_hover: hex(0x282d37),
    line: hex(0x2b313b),
    text: hex(0xe6e9ee),
    dim: hex(0x8d96a5),
    negative: hex(0xf2913d),
    positive: hex(0x3d8bfd),
    zero: hex(0x1b1e24),
    gradient: hex(0xc678dd),
    cursor: hex(0xe3b341),
    cost: hex(0xa9cf46),
    accent: hex(0x5b9dff),
    good: hex(0x3fb68b),
    error: hex(0xe5534b),
    warning: hex(0xe3b341),
    train: hex(0x3d8bfd),
    test: hex(0xf2913d),
    on_accent: hex(0x0b1526),
    field: hex(0x12151a),
};

const LIGHT: Theme = Theme {
    dark: false,
    background: hex(0xe9ecf1),
    canvas: hex(0xf7f8fa),
    panel: hex(0xf1f3f6),
    card: hex(0xffffff),
    card_hover: hex(0xe6ebf3),
    line: hex(0xcdd3dc),
    text: hex(0x1a1f28),
    dim: hex(0x596273),
    negative: hex(0xc9630a),
    positive: hex(0x1663cf),
    zero: hex(0xf0f1f3),
    gradient: hex(0x8e36ad),
    cursor: hex(0x9a6700),
    cost: hex(0x5f7f0a),
    accent: hex(0x2468d6),
    good: hex(0x187a56),
    error: hex(0xc62f27),
    warning: hex(0x9a6700),
    train: hex(0x1663cf),
    test: hex(0xc9630a),
    on_accent: hex(0xffffff),
    field: hex(0xffffff),
};

impl Theme {
    /// The palette that `ctx` draws with.
    pub fn of(ctx: &Context) -> Theme {
        Theme::new(ctx.theme() == egui::Theme::Dark)
    }

    /// The dark or the light palette.
    pub const fn new(dark: bool) -> Theme {
        if dark { DARK } else { LIGHT }
    }

    /// The colour of a family of nodes.
    pub fn category(&self, category: Category) -> Color32 {
        let (dark, light) = match category {
            Category::Source => (0x3fb68b, 0x1d8f67),
            Category::Layer => (0x5b9dff, 0x2468d6),
            Category::Activation => (0xe3b341, 0xa87600),
            Category::Math => (0x7f8ea3, 0x5d6b80),
            Category::Loss => (0xe5534b, 0xc62f27),
        };
        hex(if self.dark { dark } else { light })
    }

    /// A value in `-1..=1` as a colour: orange below zero, blue above. What is not a number is the colour of a fault.
    pub fn diverging(&self, v: f32) -> Color32 {
        if !v.is_finite() {
            return self.error;
        }
        let end = if v < 0.0 { self.negative } else { self.positive };
        mix(self.zero, end, v.abs().min(1.0))
    }

    /// The colour of class `i`; the first two are those of the two signs.
    pub fn class(&self, i: usize) -> Color32 {
        const DARK: [u32; 10] =
            [0xf2913d, 0x3d8bfd, 0x3fb68b, 0xc678dd, 0xe3b341, 0xe5534b, 0x4ec3d9, 0xa8b545, 0xe68ab8, 0x9a8cf0];
        const LIGHT: [u32; 10] =
            [0xc9630a, 0x1663cf, 0x187a56, 0x8e36ad, 0x9a6700, 0xc62f27, 0x0d7d93, 0x66731a, 0xb2457f, 0x5a49c4];
        hex(if self.dark { DARK[i % 10] } else { LIGHT[i % 10] })
    }
}

/// `a` at `t = 0`, `b` at `t = 1`.
pub fn mix(a: Color32, b: Color32, t: f32) -> Color32 {
    a.lerp_to_gamma(b, t.clamp(0.0, 1.0))
}

/// `color` with `alpha` in `0..=1`.
pub fn fade(color: Color32, alpha: f32) -> Color32 {
    color.gamma_multiply(alpha.clamp(0.0, 1.0))
}

/// Inter.
pub fn sans(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// Inter SemiBold.
pub fn bold(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("bold".into()))
}

/// JetBrains Mono, for numbers.
pub fn mono(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let bundled: [(&str, &'static [u8]); 3] = [
        ("Inter", include_bytes!("../../assets/fonts/Inter-Regular.otf")),
        ("Inter SemiBold", include_bytes!("../../assets/fonts/Inter-SemiBold.otf")),
        ("JetBrains Mono", include_bytes!("../../assets/fonts/JetBrainsMono-Regular.ttf")),
    ];
    for (name, bytes) in bundled {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    // Hack has arrows, ∇ and ⊙; Ubuntu has Greek and small digits.
    let fallback = ["Hack", "Ubuntu-Light"];
    let family = |first: &[&str]| first.iter().chain(&fallback).map(|s| (*s).to_owned()).collect::<Vec<_>>();
    fonts.families.insert(FontFamily::Proportional, family(&["Inter", "JetBrains Mono"]));
    fonts.families.insert(FontFamily::Monospace, family(&["JetBrains Mono", "Inter"]));
    fonts.families.insert(FontFamily::Name("bold".into()), family(&["Inter SemiBold", "Inter", "JetBrains Mono"]));
    fonts
}

/// Gives `ctx` the bundled fonts and both styles, its text `text_scale` times as large as designed (0.8 to 1.5).
pub fn install(ctx: &Context, text_scale: f32) {
    ctx.set_fonts(fonts());
    ctx.set_style_of(egui::Theme::Dark, style(&DARK));
    ctx.set_style_of(egui::Theme::Light, style(&LIGHT));
    ctx.set_zoom_factor(text_scale.clamp(0.8, 1.5));
}

fn style(t: &Theme) -> Style {
    let mut style = Style { visuals: visuals(t), ..Style::default() };
    style.text_styles = [
        (TextStyle::Small, sans(11.0)),
        (TextStyle::Body, sans(13.0)),
        (TextStyle::Button, sans(13.0)),
        (TextStyle::Heading, bold(17.0)),
        (TextStyle::Monospace, mono(12.0)),
    ]
    .into();
    let s = &mut style.spacing;
    s.item_spacing = vec2(6.0, 5.0);
    s.button_padding = vec2(9.0, 4.0);
    s.interact_size = vec2(36.0, 24.0);
    s.menu_margin = Margin::same(6);
    s.window_margin = Margin::same(16);
    s.tooltip_width = 340.0;
    s.combo_width = 120.0;
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.1;
    style
}

fn visuals(t: &Theme) -> Visuals {
    let mut v = if t.dark { Visuals::dark() } else { Visuals::light() };
    let round = CornerRadius::same(5);
    v.override_text_color = None;
    v.weak_text_color = Some(t.dim);
    v.hyperlink_color = t.accent;
    v.faint_bg_color = mix(t.panel, t.card, 0.5);
    v.extreme_bg_color = t.field;
    v.text_edit_bg_color = Some(t.field);
    v.code_bg_color = t.field;
    v.warn_fg_color = t.warning;
    v.error_fg_color = t.error;
    v.panel_fill = t.panel;
    v.window_fill = t.panel;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(9);
    v.menu_corner_radius = CornerRadius::same(7);
    let shade = |alpha| Color32::from_black_alpha(if t.dark { alpha } else { alpha / 3 });
    v.window_shadow = Shadow { offset: [0, 10], blur: 30, spread: 0, color: shade(120) };
    v.popup_shadow = Shadow { offset: [0, 5], blur: 16, spread: 0, color: shade(100) };
    v.selection.bg_fill = mix(t.panel, t.accent, 0.45);
    v.selection.stroke = Stroke::new(1.0, t.text);
    let w = &mut v.widgets;
    w.noninteractive.bg_fill = t.panel;
    w.noninteractive.weak_bg_fill = t.panel;
    w.noninteractive.bg_stroke = Stroke::new(1.0, t.line);
    w.noninteractive.fg_stroke = Stroke::new(1.0, t.text);
    let states = [
        (&mut w.inactive, t.card, t.line, t.text),
        (&mut w.hovered, t.card_hover, t.accent, t.text),
        (&mut w.active, mix(t.card, t.accent, 0.35), t.accent, t.text),
        (&mut w.open, t.card_hover, t.line, t.text),
    ];
    for (state, fill, line, text) in states {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, text);
        state.expansion = 0.0;
        state.corner_radius = round;
    }
    v.widgets.noninteractive.corner_radius = round;
    v
}
