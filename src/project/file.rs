//! Reading and writing project files.

use crate::project::Project;
use crate::project::dto::{FileV1, Head, VERSION};
use std::io::Write as _;
use std::path::Path;

/// Why a project could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {why}")]
    Io {
        /// Which file.
        path: String,
        /// What the system says.
        why: String,
    },
    /// It is not a project.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// It was written by a later version.
    #[error(
        "the file has format version {found}, but this program reads up to {VERSION}; install a newer version of it"
    )]
    Future {
        /// The file's version.
        found: u32,
    },
    /// Its parts contradict each other.
    #[error("the file contradicts itself: {0}")]
    Content(String),
}

/// Why a project could not be written. The old file is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} cannot be saved: {why}. The file there is unchanged; choose another folder or free some space")]
pub struct SaveError {
    path: String,
    why: String,
}

/// Larger files are not projects.
const MOST_BYTES: u64 = 1 << 29;

/// Reads a project file.
///
/// # Errors
/// Says what is wrong, with line and column where there is one.
pub fn load(path: &Path) -> Result<Project, LoadError> {
    parse(&read(path)?)
}

/// The text of a file that is not too large.
pub(super) fn read(path: &Path) -> Result<String, LoadError> {
    let fail = |why: String| LoadError::Io { path: path.display().to_string(), why };
    let size = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(fail(format!("it has {} MiB; a project has at most 512", size >> 20)));
    }
    let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| fail(format!("it is not text (byte {})", e.utf8_error().valid_up_to())))
}

/// Reads a project from the text of a file.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str) -> Result<Project, LoadError> {
    let options = ron::Options::default();
    let syntax = |e: ron::error::SpannedError| LoadError::Syntax {
        line: e.span.start.line,
        column: e.span.start.col,
        message: format!("{}; this is not a project of Chainrule, or it was damaged", e.code),
    };
    let head: Head = options.from_str(text).map_err(syntax)?;
    if head.format_version == 0 {
        return Err(LoadError::Content("format version 0 does not exist; the first is 1".into()));
    }
    if head.format_version > VERSION {
        return Err(LoadError::Future { found: head.format_version });
    }
    let file: FileV1 = options.from_str(text).map_err(syntax)?;
    file.into_project().map_err(LoadError::Content)
}

/// The text of a project file.
pub fn to_text(project: &Project) -> String {
    let config = ron::ser::PrettyConfig::new().struct_names(false).indentor("  ").depth_limit(2);
    // Strings, numbers and lists always have a text form.
    let mut text = ron::ser::to_string_pretty(&FileV1::from(project), config).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes a project file. A crash at any moment leaves the old file or the new one.
///
/// # Errors
/// Says what the system says; the old file is then as it was.
pub fn save(path: &Path, project: &Project) -> Result<(), SaveError> {
    write(path, to_text(project).as_bytes())
        .map_err(|e| SaveError { path: path.display().to_string(), why: e.to_string() })
}

/// Temporary file in the same folder, fsync, rename, fsync of the folder. A link keeps pointing to its file, and a
/// file that is write-protected is not replaced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut file = begin(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode());
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(path).map_err(|e| e.error)?;
    #[cfg(unix)]
    std::fs::File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

/// The temporary file that is to become `path`.
fn begin(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::io::{Error, ErrorKind};
    let now = std::fs::metadata(path);
    if now.as_ref().is_ok_and(|m| m.is_dir()) {
        return Err(Error::new(ErrorKind::IsADirectory, "it is a folder; give the name of a file in it"));
    }
    if now.is_ok_and(|m| m.is_file() && m.permissions().readonly()) {
        return Err(Error::new(ErrorKind::PermissionDenied, "it is write-protected"));
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        let why = format!("there is no folder {}; make it first", folder.display());
        return Err(Error::new(ErrorKind::NotFound, why));
    }
    tempfile::Builder::new().prefix(".chainrule-").tempfile_in(folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Whether a project could be written to `path` now, without touching what is there.
///
/// # Errors
/// Why not.
pub fn writable(path: &Path) -> std::io::Result<()> {
    begin(&std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())).map(drop)
}
