//! Reading the data set of the document. Files are read on a thread of their own, as they may be large; until the
//! samples are there, nothing can run, and everything else in the window can be done.

use crate::data::{DataConfig, DataError, Dataset};
use crate::train::{Command, Errand, WeightMap, review};
use crate::ui::app::App;
use egui::Context;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often a data set that is being read is asked for.
const ASK: Duration = Duration::from_millis(25);

type Answer = Result<Option<Dataset>, DataError>;

/// What is being read, and what the worker is given once it is there.
#[derive(Default)]
pub struct Loading {
    errand: Option<Errand<Answer>>,
    /// Settings that came meanwhile: only the newest count, and one file is read at a time.
    next: Option<(DataConfig, PathBuf)>,
    weights: Option<WeightMap>,
    fresh: bool,
}

impl Loading {
    /// What to reload with, or `None` while data are being read; then it is remembered.
    pub fn postpone(&mut self, weights: Option<WeightMap>, fresh: bool) -> Option<(Option<WeightMap>, bool)> {
        if weights.is_some() || fresh {
            (self.weights, self.fresh) = (weights, fresh);
        }
        let ready = self.errand.is_none();
        ready.then(|| (self.weights.take(), std::mem::take(&mut self.fresh)))
    }

    /// Whether the worker still has the weights of another document, as it has not been given this one.
    pub fn brings_weights(&self) -> bool {
        self.errand.is_some() && (self.weights.is_some() || self.fresh)
    }

    fn begin(&mut self, config: DataConfig, base: PathBuf) {
        self.errand = Some(Errand::run("data", move || config.load(&base), || ()));
    }
}

impl App {
    /// Loads the data set of `config`, at once or, if it lies in files, later; without one, `data_error` says why.
    pub(super) fn load_data(&mut self, config: &DataConfig) {
        let base = self.base().unwrap_or_default();
        if config.is_in_files() {
            self.state.data_error = None;
            self.state.loading = true;
            match self.loading.errand {
                Some(_) => self.loading.next = Some((config.clone(), base)),
                None => self.loading.begin(config.clone(), base),
            }
        } else {
            // The answer to an errand that is still out is no longer wanted.
            (self.loading.errand, self.loading.next) = (None, None);
            self.state.loading = false;
            self.take_data(config.load(&base));
        }
    }

    fn take_data(&mut self, answer: Answer) {
        (self.state.dataset, self.state.data_error) = match answer {
            Ok(set) => (set.map(Arc::new), None),
            Err(error) => (None, Some(error.to_string())),
        };
    }

    /// Nothing runs until the data are there; shapes follow the graph with what is known.
    pub(super) fn wait_for_data(&mut self) {
        let known = self.state.dataset.clone();
        let document = self.state.document();
        self.state.inference = Arc::new(review(&document.graph, known.as_deref(), &document.train));
        self.state.failed = Some("the data are still being read; in a moment it can".to_owned());
        self.state.bad = None;
        self.worker.send(Command::Pause);
    }

    /// Takes over a data set that has been read.
    pub(super) fn poll_data(&mut self, ctx: &Context) {
        let Some(errand) = &self.loading.errand else { return };
        let Some(answer) = errand.take() else { return ctx.request_repaint_after(ASK) };
        if let Some((config, base)) = self.loading.next.take() {
            self.loading.begin(config, base);
            return ctx.request_repaint_after(ASK);
        }
        self.loading.errand = None;
        self.state.loading = false;
        self.take_data(answer.unwrap_or_else(|died| Err(DataError::new(died.to_string()))));
        self.reload(None, false);
        ctx.request_repaint();
    }
}
