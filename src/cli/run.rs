//! What several commands begin with: a project, its data, a session.

use crate::cli::Usage;
use crate::data::{Dataset, Order};
use crate::graph::{Diagnostic, Graph, Severity};
use crate::ops::Precision;
use crate::project::{self, LoadError, Project};
use crate::tensor::Shape;
use crate::train::{Session, SessionError, TrainConfig};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;

/// A project with its data set.
pub struct Loaded {
    /// As it is in the file.
    pub project: Project,
    /// Its samples; `None` if it has no data set.
    pub data: Option<Arc<Dataset>>,
}

/// Reads a project and its data; what was wrong in either but could be left out goes to standard error.
pub fn load(path: &Path) -> Result<Loaded> {
    let project = read(path)?;
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let data = project.document.data.load(base).with_context(|| format!("the data of {}", path.display()))?;
    for w in data.iter().flat_map(|d| &d.warnings) {
        eprintln!("warning: {w}");
    }
    Ok(Loaded { project, data: data.map(Arc::new) })
}

/// Reads a project without its data.
pub fn read(path: &Path) -> Result<Project> {
    let project = project::load(path).map_err(|e| match e {
        LoadError::Io { .. } => e.into(),
        e => anyhow::Error::new(e).context(path.display().to_string()),
    })?;
    for w in &project.warnings {
        eprintln!("warning: {w}");
    }
    Ok(project)
}

/// What makes a session.
type New<S> = fn(Arc<Graph>, Option<Arc<Dataset>>, TrainConfig) -> Result<Session<S>, SessionError>;

impl Loaded {
    /// A session, from the saved weights and where the saved run stands, if there are some and they are wanted.
    pub fn session<S: Precision>(&self, saved: bool) -> Result<Session<S>> {
        self.begin(saved, Session::new)
    }

    /// The same, but nobody looks at its values and gradients, which do not stay.
    pub fn unwatched<S: Precision>(&self, saved: bool) -> Result<Session<S>> {
        self.begin(saved, Session::unwatched)
    }

    fn begin<S: Precision>(&self, saved: bool, new: New<S>) -> Result<Session<S>> {
        let document = &self.project.document;
        let graph = Arc::new(document.graph.clone());
        let session = new(graph.clone(), self.data.clone(), document.train.clone());
        let mut session = session.map_err(|e| explain(&graph, e))?;
        if let Some(weights) = self.project.weights.as_ref().filter(|_| saved) {
            let mut warnings = session.load_weights(weights);
            if let Some(run) = &self.project.run {
                warnings.extend(session.resume(run));
            }
            for w in warnings {
                eprintln!("warning: {w}");
            }
        }
        Ok(session)
    }
}

fn explain(graph: &Graph, e: SessionError) -> anyhow::Error {
    match &e {
        SessionError::Problems(list) => match list.iter().find(|d| d.severity != Severity::Warning) {
            Some(d) => anyhow::anyhow!("the graph cannot run: {}", sentence(graph, d)),
            None => e.into(),
        },
        _ => e.into(),
    }
}

/// A diagnostic with the name of its node.
pub fn sentence(graph: &Graph, d: &Diagnostic) -> String {
    match d.node.and_then(|id| graph.node(id)) {
        Some(n) => format!("{}: {}", n.name, d.message),
        None => d.message.clone(),
    }
}

/// Where and why a run stopped whose latest batch has a number that is not finite.
pub fn stopped<S: Precision>(session: &Session<S>) -> String {
    let bad = session.current().1.bad();
    let place = bad.and_then(|bad| Some((session.graph().node(bad.node)?, bad.phase)));
    let place = place.map_or_else(String::new, |(node, phase)| format!(" at \"{}\" ({phase:?})", node.name));
    let why = session.birth().map_or_else(String::new, |b| format!(": {}", b.sentence()));
    format!("a number stopped being finite{place} in epoch {}{why}", session.epoch() + 1)
}

/// Sets the number of threads if one was asked for.
///
/// # Errors
/// If it is 0, or more than can be of use: every step waits for all of them, and they take turns on the processors.
pub fn set_threads(n: Option<usize>) -> Result<()> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let most = (4 * processors).clamp(8, crate::engine::MOST_THREADS);
    match n {
        Some(0) => Err(Usage("--threads must be at least 1".into()).into()),
        Some(n) if n > most => Err(Usage(format!(
            "--threads {n} is more than can be of use here: at most {most}; {processors} would be one for each processor, \
             as without --threads"
        ))
        .into()),
        Some(n) => crate::engine::set_threads(n).map_err(anyhow::Error::msg),
        None => Ok(()),
    }
}

/// The samples of one batch with their shapes.
pub struct Batch<S> {
    /// Number of samples.
    pub rows: usize,
    /// Shape of the features, `B×…`.
    pub features: Option<Shape>,
    /// Shape of the targets, `B×…`.
    pub target: Option<Shape>,
    /// Features, row-major.
    pub x: Vec<S>,
    /// Targets, row-major.
    pub y: Vec<S>,
}

impl Loaded {
    /// The first batch that training sees, of at most `most` samples.
    ///
    /// # Errors
    /// If there is data, but none to train on.
    pub fn batch<S: Precision>(&self, most: usize) -> Result<Batch<S>> {
        let Some(d) = &self.data else {
            return Ok(Batch { rows: 1, features: None, target: None, x: Vec::new(), y: Vec::new() });
        };
        if d.train.is_empty() {
            return Err(SessionError::NoSamples.into());
        }
        let config = &self.project.document.train;
        let mut order = Order::new(&d.train, config.seed);
        order.shuffle(0);
        let rows = order.batch(0, config.batch_size.max(1));
        let rows = &rows[..rows.len().min(most)];
        let mut x = vec![S::zero(); rows.len() * d.feature_width()];
        let mut y = vec![S::zero(); rows.len() * d.target_width()];
        d.gather_training(rows, 0, &mut x, &mut y);
        let (features, target) = (Some(d.feature_shape.clone()), Some(d.target_shape.clone()));
        Ok(Batch { rows: rows.len(), features, target, x, y })
    }
}
