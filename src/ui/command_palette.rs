//! All commands by name: type some letters of it, choose with the arrows, Enter.

use crate::ui::action::Action;
use crate::ui::modal::modal;
use crate::ui::shortcuts::{self, ActionInfo};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Align, Button, Context, Key, Layout, Modifiers, RichText, ScrollArea, TextEdit};

/// What has been typed, and the chosen line.
#[derive(Default)]
pub struct CommandPalette {
    query: String,
    chosen: usize,
}

/// How well `query` fits `text` as a subsequence, larger is better; `None` if a letter is missing.
///
/// Letters that follow each other and letters at the start of a word count more, so that `sa` finds *Save as* before
/// *Reset layout*.
pub fn score(query: &str, text: &str) -> Option<i32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut at = 0;
    let mut last = None;
    let mut total = 0;
    for c in query.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let rest = &text[at..];
        let starts = |i: usize| i == 0 || !text[i - 1].is_alphanumeric();
        let next = match last {
            Some(l) if text.get(l + 1) == Some(&c) => l + 1,
            // A word that starts with the letter is what one means, if there is one.
            _ => rest
                .iter()
                .enumerate()
                .position(|(i, t)| *t == c && starts(at + i))
                .or_else(|| rest.iter().position(|t| *t == c))
                .map(|i| at + i)?,
        };
        total += match last {
            Some(l) if next == l + 1 => 8,
            _ if starts(next) => 6,
            _ => 1,
        };
        last = Some(next);
        at = next + 1;
    }
    Some(total * 4 - text.len() as i32 / 4)
}

/// A word without what its form adds: *rates* and *rate* begin alike, so do *saving* and *save*.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    let mut cut = ["ings", "ing", "es", "ed", "s", "e"].into_iter().filter_map(|end| word.strip_suffix(end));
    let short = cut.find(|rest| rest.chars().count() >= 3);
    short.map_or_else(|| word.clone(), str::to_owned)
}

/// How well the words of `query` fit in any form those of `text`; `None` if one does not begin like any of them.
fn words(query: &str, text: &str) -> Option<i32> {
    let text = text.to_lowercase();
    let theirs = || text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    let all = query.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(stem);
    all.map(|own| theirs().any(|w| w.starts_with(&own)).then(|| 8 * own.chars().count() as i32 - 2)).sum()
}

/// How well a command fits: by the letters of its name, by the words of its name in any form, or else by those of what is
/// said about it.
fn fit(query: &str, info: &ActionInfo) -> Option<i32> {
    let whole = format!("{} {} {}", info.menu.label(), info.label, info.tooltip);
    let length = info.label.chars().count() as i32 / 4;
    let letters = score(query, info.label);
    letters.max(words(query, info.label).map(|w| 4 * w - length)).or_else(|| words(query, &whole).map(|w| w - length))
}

/// Moves `chosen` with the arrow and page keys inside a list of `count`, taking those keys from the text field.
pub fn arrows(ctx: &Context, chosen: &mut usize, count: usize) -> bool {
    let mut moved = false;
    ctx.input_mut(|i| {
        for (key, step) in [(Key::ArrowDown, 1_isize), (Key::ArrowUp, -1), (Key::PageDown, 8), (Key::PageUp, -8)] {
            for _ in 0..i.count_and_consume_key(Modifiers::NONE, key) {
                moved = true;
                let last = count.saturating_sub(1) as isize;
                let to = *chosen as isize + step;
                *chosen = match step {
                    1 if to > last => 0,
                    -1 if to < 0 => last as usize,
                    _ => to.clamp(0, last) as usize,
                };
            }
        }
    });
    *chosen = (*chosen).min(count.saturating_sub(1));
    moved
}

impl CommandPalette {
    fn found(&self) -> Vec<&'static ActionInfo> {
        let mut found: Vec<(i32, &ActionInfo)> = shortcuts::all()
            .iter()
            .filter(|i| !matches!((i.make)(), Action::ShowPalette))
            .filter_map(|i| fit(&self.query, i).map(|s| (s, i)))
            .collect();
        if !self.query.trim().is_empty() {
            found.sort_by_key(|(s, _)| -s);
        }
        found.into_iter().map(|(_, i)| i).collect()
    }

    /// Draws the palette; whether it stays open.
    pub fn ui(&mut self, ctx: &Context, state: &State, actions: &mut Vec<Action>) -> bool {
        let theme = Theme::of(ctx);
        let count = self.found().len();
        let moved = arrows(ctx, &mut self.chosen, count);
        let enter = ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        modal(ctx, "commands", 560.0, (), |ui| {
            let hint = TextEdit::singleline(&mut self.query).hint_text("Type a command").desired_width(f32::INFINITY);
            let field = ui.add(hint).accessible_name("Command");
            field.request_focus();
            if field.changed() {
                self.chosen = 0;
            }
            let found = self.found();
            let mut run = enter.then(|| found.get(self.chosen).copied()).flatten();
            let height = ctx.content_rect().height() * 0.5;
            ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                for (k, info) in found.iter().enumerate() {
                    let enabled = (info.enabled)(state);
                    let title = info.title(state);
                    let text = RichText::new(format!("{}: {title}", info.menu.label()));
                    let line = Button::selectable(k == self.chosen, text)
                        .right_text(RichText::new(info.key_text()).font(theme::mono(11.0)).color(theme.dim));
                    let line = ui.add_enabled(enabled, line.min_size(egui::vec2(ui.available_width(), 24.0)));
                    let line = line.accessible_name(title);
                    if k == self.chosen && moved {
                        line.scroll_to_me(Some(Align::Center));
                    }
                    if line.clicked() {
                        run = Some(info);
                    }
                }
            });
            if found.is_empty() {
                ui.label(RichText::new("No command has these letters or words.").color(theme.dim));
            }
            if let Some(info) = found.get(self.chosen) {
                ui.separator();
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.label(RichText::new(info.about(state)).color(theme.dim));
                });
            }
            let run = run.filter(|i| (i.enabled)(state))?;
            actions.push((run.make)());
            Some(())
        })
        .is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_are_found_and_starts_of_words_come_first() {
        assert!(score("svx", "Save as…").is_none());
        assert!(score("sa", "Save as…") > score("sa", "Reset layout"));
        assert!(score("fall", "Fit all") > score("fall", "Fitted curve all"));
        assert!(score("", "Undo").is_some());
        let mut palette = CommandPalette { query: "undo".to_owned(), chosen: 0 };
        assert_eq!(palette.found()[0].label, "Undo");
        // Other forms of the words, and words of what is said about a command.
        for (query, label) in [
            ("rates", "Learning-rate range"),
            ("learning rates", "Learning-rate range"),
            ("saving", "Save"),
            ("zooming in", "Zoom in"),
            ("surfaces", "Loss surface"),
            ("conditions", "Stops"),
            ("grad_fn", "Autograd"),
        ] {
            palette.query = query.to_owned();
            assert_eq!(palette.found().first().map(|i| i.label), Some(label), "{query}");
        }
        palette.query = "zzz".to_owned();
        assert!(palette.found().is_empty());
    }
}
