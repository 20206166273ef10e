//! Copies of unsaved work, for the next start after a crash.

use crate::project::{Project, file, load};
use std::path::{Path, PathBuf};

/// Unsaved work of a program that ended without asking.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The file it was opened from, if it had one.
    pub original: Option<PathBuf>,
    /// The work.
    pub project: Project,
    copy: PathBuf,
}

fn own(dir: &Path) -> PathBuf {
    dir.join(format!("unsaved-{}.ron", std::process::id()))
}

/// Keeps a copy of unsaved work in `dir`.
///
/// # Errors
/// What the system says.
pub fn write(dir: &Path, project: &Project, original: Option<&Path>) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let copy = own(dir);
    let name = original.map(|p| p.display().to_string()).unwrap_or_default();
    file::write(&copy.with_extension("origin"), name.as_bytes())?;
    file::write(&copy, crate::project::to_text(project).as_bytes())
}

/// Copies that were left by programs that no longer run.
pub fn pending(dir: &Path) -> Vec<Recovered> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path());
    files
        .filter(|p| p.extension().is_some_and(|e| e == "ron") && abandoned(p))
        .filter_map(|copy| {
            let project = load(&copy).ok()?;
            let name = std::fs::read_to_string(copy.with_extension("origin")).unwrap_or_default();
            Some(Recovered { original: (!name.is_empty()).then(|| PathBuf::from(name)), project, copy })
        })
        .collect()
}

/// Whether the program that wrote this copy has ended.
fn abandoned(copy: &Path) -> bool {
    let name = copy.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(pid) = name.strip_prefix("unsaved-").and_then(|p| p.parse::<u32>().ok()) else { return false };
    if pid == std::process::id() {
        return false;
    }
    if cfg!(target_os = "linux") {
        return !Path::new(&format!("/proc/{pid}")).exists();
    }
    let age = std::fs::metadata(copy).and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
    age.is_some_and(|a| a.as_secs() > 120)
}

/// Removes a copy that was taken back or is not wanted.
pub fn discard(found: &Recovered) {
    _ = std::fs::remove_file(&found.copy);
    _ = std::fs::remove_file(found.copy.with_extension("origin"));
}

/// Removes this program's own copy: its work is saved.
///
/// # Errors
/// What the system says, except that there was none.
pub fn clear_own(dir: &Path) -> std::io::Result<()> {
    let copy = own(dir);
    _ = std::fs::remove_file(copy.with_extension("origin"));
    match std::fs::remove_file(copy) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
