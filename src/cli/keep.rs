//! What is kept of a run that was trained.

use crate::project::{self, Document, Project};
use crate::train::Session;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a trained project goes.
pub struct Output<'a> {
    path: &'a Path,
    document: Document,
}

impl<'a> Output<'a> {
    /// To `path`, with the document that is to be written there.
    ///
    /// # Errors
    /// If nothing could be written there.
    pub fn new(path: &'a Path, document: Document) -> Result<Self> {
        project::writable(path).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Output { path, document })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// Writes the weights, and where the run stands if it is to go on from there.
    ///
    /// # Errors
    /// If that cannot be done.
    pub fn save(&self, session: &Session<f32>, run: bool) -> Result<()> {
        self.write(self.path, session, run)
    }

    fn write(&self, path: &Path, session: &Session<f32>, run: bool) -> Result<()> {
        let project = Project {
            document: self.document.clone(),
            weights: Some(session.export_weights()),
            run: if run { session.run_state().map(Arc::new) } else { None },
            warnings: Vec::new(),
        };
        Ok(project::save(path, &project)?)
    }

    /// Writes the best weights to a new file beside it. The file, or none if there are no best weights.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save_best_beside(&self, session: &mut Session<f32>) -> Result<Option<PathBuf>> {
        if !session.restore_best() {
            return Ok(None);
        }
        let stem = self.path.file_stem().map_or_else(|| "trained".into(), |s| s.to_string_lossy().into_owned());
        let name = |n: usize| if n < 2 { format!("{stem}.best.ron") } else { format!("{stem}.best-{n}.ron") };
        let mut free = (1..).map(|n| self.path.with_file_name(name(n))).filter(|p| !p.exists());
        let Some(path) = free.next() else { return Ok(None) };
        self.write(&path, session, false)?;
        Ok(Some(path))
    }
}
