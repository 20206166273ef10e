//! Losses and metrics of every epoch, as CSV.

use crate::cli::figures::{evaluated, figures};
use crate::train::{Report, Session};
use anyhow::{Context, Result, ensure};
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// The CSV of every epoch.
pub struct Log {
    path: PathBuf,
    writer: csv::Writer<std::fs::File>,
    /// Whether the heading is still to be written.
    new: bool,
}

impl Log {
    /// A log of a run. Where this goes on and its log is there, rows up to its epoch stay; any other file is replaced.
    pub fn create(path: PathBuf, session: &mut Session<f32>) -> Result<Self> {
        let kept = if session.epoch() > 0 { rows(&path, session.epoch()) } else { Vec::new() };
        if let Some(there) = kept.first() {
            let same = *there == heading(&evaluated(session, &|| true).unwrap_or_default());
            ensure!(same, "{} has other columns than this run; choose another file for --log", path.display());
        }
        let fail = || format!("{} cannot be written", path.display());
        let mut writer = csv::Writer::from_path(&path).with_context(fail)?;
        kept.iter().try_for_each(|row| writer.write_record(row)).with_context(fail)?;
        writer.flush().with_context(fail)?;
        Ok(Log { path, writer, new: kept.is_empty() })
    }

    /// A row for the epoch that has just ended.
    pub fn epoch(&mut self, session: &mut Session<f32>) -> Result<()> {
        let parts = evaluated(session, &|| true).unwrap_or_default();
        if std::mem::take(&mut self.new) {
            self.writer.write_record(heading(&parts))?;
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

/// The names of the columns.
fn heading(parts: &[(&'static str, Report)]) -> Vec<String> {
    let mut row = vec!["epoch".to_owned()];
    for (name, report) in parts {
        row.push(format!("{name}_loss"));
        row.extend(figures(&report.metrics).0.iter().map(|f| format!("{name}_{}", column(f))));
    }
    row
}

/// The heading of a log and its rows up to an epoch; none if there is no log.
fn rows(path: &Path, epoch: usize) -> Vec<StringRecord> {
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path);
    let mut rows = reader.into_iter().flat_map(csv::Reader::into_records).map_while(Result::ok);
    let Some(columns) = rows.next().filter(|heading| heading.get(0) == Some("epoch")) else { return Vec::new() };
    let earlier = |row: &StringRecord| {
        let at = row.get(0).and_then(|e| e.parse::<usize>().ok());
        row.len() == columns.len() && at.is_some_and(|at| at <= epoch)
    };
    std::iter::once(columns.clone()).chain(rows.filter(earlier)).collect()
}

/// A figure's name as a column: letters, digits and underscores.
fn column(figure: &str) -> String {
    figure.replace('²', "2").replace('-', "_").to_lowercase()
}
