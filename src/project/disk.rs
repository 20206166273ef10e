//! Reading and writing project files, so that a crash at any byte leaves the old file or the new one.

use crate::project::{LoadError, Project, SaveError, parse, to_text};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Largest file that is read.
pub const MAX_BYTES: u64 = 512 << 20;

/// Reads a project.
///
/// # Errors
/// Says why the file cannot be read, or where its text is wrong and what to do.
pub fn load(path: &Path) -> Result<Project, LoadError> {
    parse(&read(path)?)
}

/// The text of a file of at most [`MAX_BYTES`].
pub(super) fn read(path: &Path) -> Result<String, LoadError> {
    let refused = |why| LoadError::Io { path: path.to_owned(), why };
    let file = File::open(path).map_err(refused)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(LoadError::TooLarge);
    }
    String::from_utf8(bytes).map_err(|e| LoadError::NotText(e.utf8_error().valid_up_to()))
}

/// Writes a project, all of it or nothing. An existing file keeps its permissions, a link its target.
///
/// # Errors
/// Says why the system refuses.
pub fn save(path: &Path, project: &Project) -> Result<(), SaveError> {
    write_atomic(path, to_text(project).as_bytes()).map_err(|why| SaveError { path: path.to_owned(), why })
}

/// Temporary file in the same folder, flushed to the disk, renamed over the old one, folder flushed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".chainrule-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(permissions(path)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    // Without this the rename itself may be lost with the power. Not every file system lets a folder be opened.
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Those of the file that is replaced, else what a new file usually gets (a temporary one is private).
fn permissions(path: &Path) -> io::Result<std::fs::Permissions> {
    match std::fs::metadata(path) {
        Ok(m) if m.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is write-protected"))
        }
        Ok(m) => Ok(m.permissions()),
        #[cfg(unix)]
        Err(_) => Ok(std::os::unix::fs::PermissionsExt::from_mode(0o644)),
        #[cfg(not(unix))]
        Err(e) => Err(e),
    }
}
