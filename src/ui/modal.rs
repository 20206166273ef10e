//! Windows that stand before everything else: questions, sheets, dialogs. Only the top one is drawn and has the keys.

use crate::project::recovery::{self, Recovered};
use crate::ui::app::App;
use crate::ui::command_palette::CommandPalette;
use crate::ui::data_dialog::DataDialog;
use crate::ui::files::{Ask, Then};
use crate::ui::path_dialog::{Answer, PathDialog};
use crate::ui::shortcuts::{self, Menu};
use crate::ui::theme::{self, Theme};
use crate::ui::{data_dialog, settings};
use egui::{Context, Frame, Grid, Id, Key, Margin, Modal, RichText, ScrollArea, TextEdit, Ui};

/// What stands before the window.
pub enum Overlay {
    /// Unsaved work would be lost.
    Unsaved(Then),
    /// A title and what there is to say.
    Message(String, String),
    /// Work that a crash left.
    Recovery(Vec<Recovered>),
    /// The built-in file dialog.
    Path(PathDialog),
    /// The sheet of shortcuts with its filter.
    Shortcuts(String),
    /// The command palette.
    Commands(CommandPalette),
    /// The data dialog.
    Data(Box<DataDialog>),
    /// The training settings.
    Training,
    /// Version and licences.
    About,
}

/// A modal of `width`; gives what `content` gives, or `closed` when Escape or a click outside closes it.
pub fn modal<T>(
    ctx: &Context,
    name: &str,
    width: f32,
    closed: T,
    content: impl FnOnce(&mut Ui) -> Option<T>,
) -> Option<T> {
    let frame = Frame::popup(&ctx.global_style()).inner_margin(Margin::same(18));
    let modal = Modal::new(Id::unique(("modal", name))).frame(frame).show(ctx, |ui| {
        ui.set_width(width.min(ctx.content_rect().width() - 80.0));
        content(ui)
    });
    let should_close = modal.should_close();
    modal.inner.or(should_close.then_some(closed))
}

impl App {
    /// Draws the top overlay, if there is one.
    pub(super) fn show_overlay(&mut self, ctx: &Context) {
        let Some(mut top) = self.overlays.pop() else { return };
        let depth = self.overlays.len();
        let stays = match &mut top {
            Overlay::Unsaved(then) => self.unsaved(ctx, then.clone()),
            Overlay::Message(title, text) => message(ctx, title, text),
            Overlay::Recovery(found) => self.recover(ctx, found),
            Overlay::Path(dialog) => match dialog.ui(ctx) {
                Answer::Open => true,
                Answer::Cancelled => false,
                Answer::Chosen(path) => {
                    let ask = dialog.ask().clone();
                    self.chosen(ctx, ask, path);
                    false
                }
            },
            Overlay::Shortcuts(filter) => sheet(ctx, filter),
            Overlay::Commands(palette) => palette.ui(ctx, &self.state, &mut self.actions),
            Overlay::Data(dialog) => match dialog.ui(ctx, &self.state, &mut self.actions) {
                data_dialog::Answer::Open => true,
                data_dialog::Answer::Closed => false,
                data_dialog::Answer::Browse(pick) => {
                    // The dialog must lie below the file dialog that it asks for.
                    self.overlays.insert(depth, top);
                    self.ask(Ask::Data(pick));
                    return;
                }
            },
            Overlay::Training => settings::training(ctx, &self.state, &mut self.actions),
            Overlay::About => about(ctx),
        };
        if stays {
            self.overlays.insert(depth, top);
        } else {
            ctx.request_repaint();
        }
    }

    fn unsaved(&mut self, ctx: &Context, then: Then) -> bool {
        enum Choice {
            Save,
            Discard,
            Cancel,
        }
        let title = self.state.title();
        // To save first would write over what is to come back.
        let revert = then == Then::Revert;
        let choice = modal(ctx, "unsaved", 420.0, Choice::Cancel, |ui| {
            ui.heading(if revert { "Revert to the saved file" } else { "Unsaved changes" });
            ui.label(if revert {
                format!("The changes of {title} since it was saved are lost.")
            } else {
                format!("Save the changes of {title} first?")
            });
            ui.add_space(10.0);
            ui.horizontal(|ui| {
                let save = (!revert).then(|| ui.button("Save"));
                let discard =
                    ui.button(if revert { "Revert" } else { "Discard" }).on_hover_text("The changes are lost.");
                let cancel = ui.button("Cancel");
                if ui.memory(|m| m.focused().is_none()) {
                    save.as_ref().unwrap_or(&cancel).request_focus();
                }
                if save.is_some_and(|s| s.clicked()) {
                    Some(Choice::Save)
                } else if discard.clicked() {
                    Some(Choice::Discard)
                } else {
                    cancel.clicked().then_some(Choice::Cancel)
                }
            })
            .inner
        });
        match choice {
            None => return true,
            Some(Choice::Save) => self.save(Some(then)),
            Some(Choice::Discard) => {
                self.files.clear_recovery();
                self.proceed(ctx, then);
            }
            Some(Choice::Cancel) => {}
        }
        false
    }

    fn recover(&mut self, ctx: &Context, found: &mut Vec<Recovered>) -> bool {
        enum Choice {
            Restore(usize),
            Discard(usize),
            Later,
        }
        let choice = modal(ctx, "recovery", 520.0, Choice::Later, |ui| {
            ui.heading("Recovered work");
            ui.label("The program ended last time before this was saved:");
            let mut choice = None;
            for (i, one) in found.iter().enumerate() {
                ui.horizontal(|ui| {
                    let name = one.original.as_ref().map_or_else(|| "untitled".to_owned(), |p| p.display().to_string());
                    ui.label(RichText::new(name).font(theme::mono(12.0)));
                    if ui.button("Restore").clicked() {
                        choice = Some(Choice::Restore(i));
                    }
                    if ui.button("Discard").clicked() {
                        choice = Some(Choice::Discard(i));
                    }
                });
            }
            ui.add_space(6.0);
            if ui.button("Decide later").clicked() {
                choice = Some(Choice::Later);
            }
            choice
        });
        match choice {
            None => true,
            Some(Choice::Restore(i)) => {
                self.restore(&found[i]);
                recovery::discard(&found[i]);
                false
            }
            Some(Choice::Discard(i)) => {
                recovery::discard(&found[i]);
                found.remove(i);
                !found.is_empty()
            }
            Some(Choice::Later) => false,
        }
    }
}

fn message(ctx: &Context, title: &str, text: &str) -> bool {
    modal(ctx, "message", 560.0, (), |ui| {
        ui.heading(title);
        ScrollArea::vertical().max_height(320.0).show(ui, |ui| ui.label(text));
        ui.add_space(8.0);
        let ok = ui.button("OK");
        if ui.memory(|m| m.focused().is_none()) {
            ok.request_focus();
        }
        ok.clicked().then_some(())
    })
    .is_none()
}

fn sheet(ctx: &Context, filter: &mut String) -> bool {
    let theme = Theme::of(ctx);
    modal(ctx, "shortcuts", 840.0, (), |ui| {
        ui.heading("Keyboard shortcuts");
        let field = ui.add(TextEdit::singleline(filter).hint_text("Filter").desired_width(f32::INFINITY));
        let field = field.accessible_name("Filter shortcuts");
        if ui.memory(|m| m.focused().is_none()) {
            field.request_focus();
        }
        let wanted = filter.to_lowercase();
        let height = ctx.content_rect().height() * 0.6;
        ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
            for menu in Menu::ALL {
                let rows: Vec<_> = shortcuts::all()
                    .iter()
                    .filter(|i| i.menu == menu && !i.keys.is_empty() && i.label.to_lowercase().contains(&wanted))
                    .collect();
                if rows.is_empty() {
                    continue;
                }
                ui.add_space(6.0);
                ui.label(RichText::new(menu.label().to_uppercase()).font(theme::bold(11.0)).color(theme.dim));
                Grid::new(("shortcuts", menu.label())).num_columns(3).spacing([18.0, 4.0]).show(ui, |ui| {
                    for info in rows {
                        let keys: Vec<String> = info.keys.iter().take(2).map(shortcuts::key_text).collect();
                        for (width, text) in [
                            (160.0, RichText::new(keys.join("  ")).font(theme::mono(12.0)).color(theme.accent)),
                            (130.0, RichText::new(info.label)),
                        ] {
                            // Columns of the same width under all headings.
                            ui.horizontal(|ui| {
                                ui.set_min_width(width);
                                ui.label(text);
                            });
                        }
                        ui.label(RichText::new(info.tooltip).color(theme.dim));
                        ui.end_row();
                    }
                });
            }
        });
        ui.add_space(6.0);
        let done = ui.button("Close").clicked() || ui.input(|i| i.key_pressed(Key::F1));
        done.then_some(())
    })
    .is_none()
}

fn about(ctx: &Context) -> bool {
    modal(ctx, "about", 440.0, (), |ui| {
        ui.heading("Chainrule");
        ui.label(format!("Version {}", env!("CARGO_PKG_VERSION")));
        ui.label(env!("CARGO_PKG_DESCRIPTION"));
        ui.add_space(6.0);
        ui.label(format!("Licence: {}", env!("CARGO_PKG_LICENSE")));
        ui.label("Fonts: Inter and JetBrains Mono, SIL Open Font License 1.1.");
        ui.add_space(8.0);
        ui.button("Close").clicked().then_some(())
    })
    .is_none()
}
