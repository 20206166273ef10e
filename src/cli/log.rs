//! Losses and metrics of every epoch, as CSV.

use crate::cli::figures::{evaluated, figures};
use crate::train::Session;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// The CSV of every epoch.
pub struct Log {
    path: PathBuf,
    writer: csv::Writer<std::fs::File>,
    heading: bool,
}

impl Log {
    /// A new file; one that is there is replaced.
    pub fn create(path: PathBuf) -> Result<Self> {
        let writer = csv::Writer::from_path(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Log { path, writer, heading: true })
    }

    /// A row for the epoch that has just ended.
    pub fn epoch(&mut self, session: &mut Session<f32>) -> Result<()> {
        let parts = evaluated(session, &|| true).unwrap_or_default();
        if std::mem::take(&mut self.heading) {
            let mut row = vec!["epoch".to_owned()];
            for (name, report) in &parts {
                row.push(format!("{name}_loss"));
                row.extend(figures(&report.metrics).0.iter().map(|f| format!("{name}_{}", column(f))));
            }
            self.writer.write_record(row)?;
        }
        let mut row = vec![session.epoch().to_string()];
        for (_, report) in parts {
            row.push(report.loss.to_string());
            row.extend(figures(&report.metrics).1.iter().map(f64::to_string));
        }
        self.writer.write_record(row).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Writes what is still in memory.
    pub fn finish(mut self) -> Result<()> {
        self.writer.flush().with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// A figure's name as a column: letters, digits and underscores.
fn column(figure: &str) -> String {
    figure.replace('²', "2").replace('-', "_").to_lowercase()
}
