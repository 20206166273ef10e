//! The program with a window: app, actions, theme, canvas, panels, widgets.

pub mod action;
pub mod state;
pub mod theme;
