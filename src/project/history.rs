//! Undo and redo by snapshots: no hand-written inverses to get wrong.
//!
//! An entry holds the document before a change. Documents hold no weights, so an entry is small. At most 500
//! entries are kept; the oldest go first. A gesture (begin, changes, commit) is one entry, and none if the
//! document is the same after it.

use crate::data::DataConfig;
use crate::graph::{Edit, EditError, Impact};
use crate::project::Document;
use crate::train::TrainConfig;
use std::collections::VecDeque;
use std::sync::Arc;

/// A change of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Of the graph.
    Graph(Edit),
    /// Of the data settings.
    Data(DataConfig),
    /// Of the training settings.
    Train(TrainConfig),
}

impl Change {
    /// What the user did.
    pub fn label(&self) -> String {
        match self {
            Change::Graph(e) => e.label(),
            Change::Data(d) => format!("Data: {}", d.label()),
            Change::Train(_) => "Training settings".into(),
        }
    }
    /// How much must be made anew.
    pub fn impact(&self) -> Impact {
        match self {
            Change::Graph(e) => e.impact(),
            Change::Data(_) => Impact::Structure,
            Change::Train(_) => Impact::Settings,
        }
    }
}

type Entry = (String, Arc<Document>);

/// Entries kept.
const MOST: usize = 500;

/// A document and its past.
#[derive(Clone, Debug)]
pub struct History {
    now: Arc<Document>,
    saved: Arc<Document>,
    past: VecDeque<Entry>,
    future: Vec<Entry>,
    gesture: Option<Entry>,
    revision: u64,
}

impl History {
    /// A history that begins with `document`, which counts as saved.
    pub fn new(document: Document) -> Self {
        let now = Arc::new(document);
        History { saved: Arc::clone(&now), now, past: VecDeque::new(), future: Vec::new(), gesture: None, revision: 0 }
    }
    /// The present document.
    pub fn document(&self) -> &Arc<Document> {
        &self.now
    }
    /// A number that grows with every change of the present document.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes a change: an entry of its own, or part of the gesture under way.
    ///
    /// # Errors
    /// If the change does not fit; nothing is changed then.
    pub fn apply(&mut self, change: Change) -> Result<Impact, EditError> {
        let (label, impact) = (change.label(), change.impact());
        let mut next = (*self.now).clone();
        match change {
            Change::Graph(edit) => next.graph.apply(&edit)?,
            Change::Data(data) => next.data = data,
            Change::Train(train) => next.train = train,
        }
        if next == *self.now {
            return Ok(Impact::Placement);
        }
        let before = std::mem::replace(&mut self.now, Arc::new(next));
        self.revision += 1;
        if self.gesture.is_none() {
            self.push((label, before));
        }
        Ok(impact)
    }

    fn push(&mut self, entry: Entry) {
        self.future.clear();
        self.past.push_back(entry);
        if self.past.len() > MOST {
            self.past.pop_front();
        }
    }

    /// Starts a gesture: what follows is one entry.
    pub fn begin(&mut self, label: &str) {
        self.commit();
        self.gesture = Some((label.to_owned(), Arc::clone(&self.now)));
    }
    /// Ends the gesture and keeps it.
    pub fn commit(&mut self) {
        if let Some(entry) = self.gesture.take()
            && *entry.1 != *self.now
        {
            self.push(entry);
        }
    }
    /// Ends the gesture and takes it back.
    pub fn cancel(&mut self) {
        if let Some((_, before)) = self.gesture.take() {
            self.now = before;
            self.revision += 1;
        }
    }

    /// Takes the latest entry back; its label.
    pub fn undo(&mut self) -> Option<String> {
        self.commit();
        let (label, before) = self.past.pop_back()?;
        let after = std::mem::replace(&mut self.now, before);
        self.future.push((label.clone(), after));
        self.revision += 1;
        Some(label)
    }
    /// Does again what was taken back; its label.
    pub fn redo(&mut self) -> Option<String> {
        let (label, after) = self.future.pop()?;
        let before = std::mem::replace(&mut self.now, after);
        self.past.push_back((label.clone(), before));
        self.revision += 1;
        Some(label)
    }
    /// What undo would take back.
    pub fn can_undo(&self) -> Option<&str> {
        self.past.back().map(|e| e.0.as_str())
    }
    /// What redo would do again.
    pub fn can_redo(&self) -> Option<&str> {
        self.future.last().map(|e| e.0.as_str())
    }
    /// The present document is what the file holds.
    pub fn mark_saved(&mut self) {
        self.saved = Arc::clone(&self.now);
    }
    /// Whether the document differs from what the file holds.
    pub fn is_dirty(&self) -> bool {
        !Arc::ptr_eq(&self.saved, &self.now) && *self.saved != *self.now
    }
}
