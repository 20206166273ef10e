//! The program with a window: app, actions, theme, canvas, panels, widgets.
//!
//! Panels read [`state::State`] and push [`action::Action`]s. `apply` carries them out, and nothing else changes the
//! document. Nothing here computes on tensors; every number shown is the worker's.

pub mod action;
pub mod app;
mod apply;
mod birth_window;
pub mod canvas;
mod command_palette;
mod csv_form;
mod data_dialog;
mod editing;
mod file_form;
mod files;
mod into;
mod loading;
mod menu;
mod modal;
pub mod panel;
mod path_dialog;
mod probing;
mod search;
mod settings;
pub mod shortcuts;
pub mod state;
mod stops;
#[cfg(test)]
mod tests;
pub mod theme;
mod toast;
mod toolbar;
mod whatif;
pub mod why;
pub mod widget;

use std::path::PathBuf;

/// Opens the window on `path`, or on a shipped example, and returns when it is closed.
pub fn run(path: Option<PathBuf>) -> anyhow::Result<()> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Chainrule")
            .with_app_id("chainrule")
            .with_inner_size([1680.0, 1050.0])
            .with_min_inner_size([900.0, 560.0])
            .with_drag_and_drop(true),
        system_font_fallback: false,
        ..Default::default()
    };
    let launch = app::Launch::user(path);
    eframe::run_native(
        "Chainrule",
        options,
        Box::new(|creation| Ok(Box::new(app::App::new(&creation.egui_ctx, launch)))),
    )
    .map_err(|e| anyhow::anyhow!("the window cannot be opened: {e}"))
}
