//! The menus, made from the table of commands.

use crate::project::templates;
use crate::ui::action::Action;
use crate::ui::shortcuts::{self, ActionInfo, Menu};
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use egui::{Button, RichText, Ui};
use std::path::PathBuf;

/// All menus side by side.
pub fn bar(ui: &mut Ui, state: &State, recent: &[PathBuf], actions: &mut Vec<Action>) {
    for menu in Menu::ALL {
        ui.menu_button(menu.label(), |ui| contents(ui, menu, state, recent, actions));
    }
}

/// All menus below one button, for a narrow window.
pub fn folded(ui: &mut Ui, state: &State, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.menu_button("Menu", |ui| {
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| contents(ui, menu, state, recent, actions));
        }
    });
}

fn contents(ui: &mut Ui, menu: Menu, state: &State, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.set_min_width(210.0);
    let mut group = None;
    for info in shortcuts::all().iter().filter(|i| i.menu == menu) {
        if group.is_some_and(|g| g != info.group) {
            ui.separator();
        }
        group = Some(info.group);
        item(ui, info, state, actions);
        if matches!((info.make)(), Action::Open) {
            examples(ui, actions);
            recents(ui, recent, actions);
        }
    }
}

/// One command as a line of a menu.
pub fn item(ui: &mut Ui, info: &ActionInfo, state: &State, actions: &mut Vec<Action>) {
    let keys = RichText::new(info.key_text()).font(theme::mono(11.0)).color(Theme::of(ui.ctx()).dim);
    let title = info.title(state);
    let line = ui.add_enabled((info.enabled)(state), Button::new(title.as_str()).right_text(keys));
    let about = info.about(state);
    if line.accessible_name(title).on_hover_text(about.as_str()).on_disabled_hover_text(about.as_str()).clicked() {
        actions.push((info.make)());
        ui.close();
    }
}

fn examples(ui: &mut Ui, actions: &mut Vec<Action>) {
    ui.menu_button("Open example", |ui| {
        for (name, _) in templates::shipped() {
            if ui.button(*name).clicked() {
                actions.push(Action::OpenShipped(name));
                ui.close();
            }
        }
    });
}

fn recents(ui: &mut Ui, recent: &[PathBuf], actions: &mut Vec<Action>) {
    ui.add_enabled_ui(!recent.is_empty(), |ui| {
        ui.menu_button("Open recent", |ui| {
            for path in recent {
                let name = path.file_name().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
                if ui.button(name).on_hover_text(path.display().to_string()).clicked() {
                    actions.push(Action::OpenPath(path.clone()));
                    ui.close();
                }
            }
        });
    });
}
