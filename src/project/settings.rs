//! What the window remembers between two starts: theme, text size, panels, recent files.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// Number of recent files kept.
const RECENT: usize = 10;

/// The window's memory. Unknown or missing fields of an older file take their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dark theme.
    pub dark: bool,
    /// Text size, 0.8 to 1.5.
    pub text_scale: f32,
    /// Whether the node palette is shown.
    pub show_palette: bool,
    /// Whether the inspector is shown.
    pub show_inspector: bool,
    /// Whether the dock is shown.
    pub show_dock: bool,
    /// Arrangement of the dock, in its own words.
    pub dock: Option<String>,
    /// Memory for the record of a run, in MiB.
    pub record_mib: usize,
    /// Files opened or saved, latest first.
    pub recent: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dark: true,
            text_scale: 1.0,
            show_palette: true,
            show_inspector: true,
            show_dock: true,
            dock: None,
            record_mib: crate::train::MEMORY >> 20,
            recent: Vec::new(),
        }
    }
}

impl Settings {
    /// The settings in `path`; the defaults if there are none, or none that can be read.
    pub fn load(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut settings: Settings = ron::from_str(&text).unwrap_or_default();
        settings.text_scale = if settings.text_scale.is_finite() { settings.text_scale.clamp(0.8, 1.5) } else { 1.0 };
        settings.record_mib = settings.record_mib.clamp(1, 1 << 16);
        settings
    }

    /// Writes the settings to `path`, making its folder if need be.
    pub fn store(&self, path: &Path) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = ron::ser::to_string_pretty(self, ron::ser::PrettyConfig::new()).map_err(std::io::Error::other)?;
        std::fs::write(path, text)
    }

    /// Puts `path` first among the recent files.
    pub fn remember(&mut self, path: &Path) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.recent.retain(|p| *p != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }
}

/// What a part of the window wants to remember, as text for [`Settings::dock`].
pub fn to_text<T: Serialize>(value: &T) -> Option<String> {
    ron::to_string(value).ok()
}

/// The opposite of [`to_text`]; `None` if this version cannot read it.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Option<T> {
    ron::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_restart_and_a_broken_file_gives_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.ron");
        let mut settings = Settings { dark: false, text_scale: 1.2, ..Settings::default() };
        settings.remember(Path::new("/a/b.ron"));
        settings.store(&path).unwrap();
        assert_eq!(Settings::load(&path), settings);
        std::fs::write(&path, "(dark: fal").unwrap();
        assert_eq!(Settings::load(&path), Settings::default());
    }

    #[test]
    fn a_file_used_again_moves_to_the_front_and_old_ones_fall_off() {
        let mut settings = Settings::default();
        for i in 0..14 {
            settings.remember(Path::new(&format!("/p/{i}.ron")));
        }
        settings.remember(Path::new("/p/10.ron"));
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], Path::new("/p/10.ron"));
        assert_eq!(settings.recent.iter().filter(|p| p.ends_with("10.ron")).count(), 1);
    }
}
