//! Why a file cannot be read or written, and what to do.

use std::path::PathBuf;

/// Why a project cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system refuses.
    #[error("{} cannot be read: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        why: std::io::Error,
    },
    /// Beyond the limit.
    #[error("the file has more than {} MB; that is no project of this program", super::disk::MAX_BYTES >> 20)]
    TooLarge,
    /// Not text.
    #[error("the file is not text (byte {0} is not UTF-8); it is damaged or no project")]
    NotText(usize),
    /// Not the text of a project.
    #[error("line {line}, column {column}: {message}; mend it there or take an earlier copy of the file")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What the parser expected.
        message: String,
    },
    /// Written by a later program.
    #[error(
        "the file has format version {found}, this program reads up to {}; update the program to open it",
        super::file::FORMAT_VERSION
    )]
    Future {
        /// Version of the file.
        found: u32,
    },
    /// A version that never was.
    #[error("format version 0 does not exist; the first is 1")]
    NoVersion,
    /// Well written, but contradictory.
    #[error("{0}")]
    Content(String),
}

/// Why a project cannot be saved; a file that was there is as it was.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {why}; choose another folder or free some space", path.display())]
pub struct SaveError {
    /// Which file.
    pub path: PathBuf,
    /// The system's words.
    pub why: std::io::Error,
}
