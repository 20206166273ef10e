//! Short messages at the lower right that go away by themselves.

use crate::ui::theme::{self, Theme};
use egui::{Align2, Area, Context, Frame, Id, Label, Margin, Order, RichText, Stroke, vec2};

/// How a message is coloured, and how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Info,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
}

struct Toast {
    tone: Tone,
    text: String,
    until: Option<f64>,
}

/// The messages in sight.
#[derive(Default)]
pub struct Toasts {
    list: Vec<Toast>,
}

impl Toasts {
    /// Shows a message for some seconds; a fault stays longer. The same message is not shown twice.
    pub fn push(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        self.list.retain(|t| t.text != text);
        self.list.push(Toast { tone, text, until: None });
        if self.list.len() > 5 {
            self.list.remove(0);
        }
    }

    /// Texts in sight, oldest first.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|t| t.text.as_str())
    }

    /// Draws the messages and drops those whose time is over.
    pub fn ui(&mut self, ctx: &Context) {
        if self.list.is_empty() {
            return;
        }
        let now = ctx.input(|i| i.time);
        for t in &mut self.list {
            let stay = if t.tone == Tone::Info { 4.0 } else { 10.0 };
            t.until.get_or_insert(now + stay);
        }
        self.list.retain(|t| t.until.is_none_or(|u| u > now));
        let theme = Theme::of(ctx);
        let mut dismissed = None;
        Area::new(Id::unique("toasts"))
            .order(Order::Tooltip)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -16.0))
            .accessible_name("Messages")
            .show(ctx, |ui| {
                ui.set_max_width(420.0);
                for (i, t) in self.list.iter().enumerate() {
                    let color = match t.tone {
                        Tone::Info => theme.accent,
                        Tone::Warning => theme.warning,
                        Tone::Error => theme.error,
                    };
                    Frame::new()
                        .fill(theme.card)
                        .stroke(Stroke::new(1.0, theme::mix(theme.line, color, 0.6)))
                        .corner_radius(7)
                        .inner_margin(Margin::symmetric(12, 8))
                        .show(ui, |ui| {
                            ui.horizontal(|ui| {
                                ui.label(RichText::new("●").color(color));
                                ui.add(Label::new(&t.text).wrap());
                                if ui.small_button("×").accessible_name("Dismiss message").clicked() {
                                    dismissed = Some(i);
                                }
                            });
                        });
                }
            });
        if let Some(i) = dismissed {
            self.list.remove(i);
        }
        if let Some(next) = self.list.iter().filter_map(|t| t.until).reduce(f64::min) {
            ctx.request_repaint_after_secs((next - now).max(0.0) as f32 + 0.05);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_shown_once_and_old_ones_make_room() {
        let mut toasts = Toasts::default();
        for i in 0..8 {
            toasts.push(Tone::Info, format!("message {i}"));
        }
        toasts.push(Tone::Info, "message 7");
        assert_eq!(toasts.texts().count(), 5);
        assert_eq!(toasts.texts().last(), Some("message 7"));
    }
}
