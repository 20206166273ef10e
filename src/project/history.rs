//! Undo and redo: snapshots of the document with a label.

use crate::data::DataConfig;
use crate::graph::{Edit, EditError, Graph, Impact, NodeId};
use crate::project::Document;
use crate::train::TrainConfig;
use std::sync::Arc;

/// Most entries kept.
const CAP: usize = 500;

/// One change of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Of the graph.
    Graph(Edit),
    /// Other data settings.
    Data(DataConfig),
    /// Other training settings.
    Train(TrainConfig),
    /// Another text.
    Notes(String),
}

impl Change {
    /// What the user did, for the undo list.
    pub fn label(&self) -> String {
        match self {
            Change::Graph(edit) => edit.label(),
            Change::Data(_) => "Change data".into(),
            Change::Train(_) => "Change training".into(),
            Change::Notes(_) => "Edit notes".into(),
        }
    }
    /// How much must be made anew.
    pub fn impact(&self) -> Impact {
        match self {
            Change::Graph(edit) => edit.impact(),
            Change::Data(_) | Change::Train(_) => Impact::Settings,
            Change::Notes(_) => Impact::Placement,
        }
    }
}

/// A label and the document before (in the past) or after (in the future) what it names.
type Entry = (String, Arc<Document>);

/// The document with its past and its future.
#[derive(Debug)]
pub struct History {
    now: Arc<Document>,
    past: Vec<Entry>,
    future: Vec<Entry>,
    saved: Arc<Document>,
    dirty: bool,
    revision: u64,
    gesture: Option<Entry>,
    next_id: NodeId,
}

impl History {
    /// A document as it was loaded: nothing to undo, nothing to save.
    pub fn new(document: Document) -> Self {
        let next_id = document.graph.next_id();
        let now = Arc::new(document);
        History {
            saved: now.clone(),
            now,
            past: Vec::new(),
            future: Vec::new(),
            dirty: false,
            revision: 0,
            gesture: None,
            next_id,
        }
    }

    /// The document as it is now.
    pub fn document(&self) -> &Arc<Document> {
        &self.now
    }

    /// Changes the document: one entry of its own, or a part of the gesture that is under way.
    ///
    /// # Errors
    /// Says what does not fit; nothing has changed then.
    pub fn apply(&mut self, change: Change) -> Result<Impact, EditError> {
        let (label, impact) = (change.label(), change.impact());
        let before = self.gesture.is_none().then(|| self.now.clone());
        let document = Arc::make_mut(&mut self.now);
        match change {
            Change::Graph(edit) => document.graph.apply(&edit)?,
            Change::Data(data) => document.data = data,
            Change::Train(train) => document.train = train,
            Change::Notes(notes) => document.notes = notes,
        }
        if let Some(before) = before {
            self.record(label, before);
        }
        self.changed();
        Ok(impact)
    }

    /// Starts a gesture: what follows until [`History::commit`] is one entry. One under way is committed first.
    pub fn begin(&mut self, label: &str) {
        self.commit();
        self.gesture = Some((label.to_owned(), self.now.clone()));
    }

    /// Ends the gesture. One that changed nothing leaves no entry.
    pub fn commit(&mut self) {
        if let Some((label, before)) = self.gesture.take() {
            self.record(label, before);
        }
    }

    /// Ends the gesture and takes back what it did.
    pub fn cancel(&mut self) {
        if let Some((_, before)) = self.gesture.take()
            && !Arc::ptr_eq(&before, &self.now)
        {
            self.go_to(before);
        }
    }

    /// Whether a gesture is under way.
    pub fn in_gesture(&self) -> bool {
        self.gesture.is_some()
    }

    /// Goes one entry back; the label of what was undone.
    pub fn undo(&mut self) -> Option<String> {
        self.commit();
        let (label, before) = self.past.pop()?;
        self.future.push((label.clone(), self.now.clone()));
        self.go_to(before);
        Some(label)
    }

    /// Goes one entry forward; the label of what was done again.
    pub fn redo(&mut self) -> Option<String> {
        self.commit();
        let (label, after) = self.future.pop()?;
        self.past.push((label.clone(), self.now.clone()));
        self.go_to(after);
        Some(label)
    }

    /// What [`History::undo`] would undo.
    pub fn can_undo(&self) -> Option<&str> {
        self.past.last().map(|e| e.0.as_str())
    }

    /// What [`History::redo`] would do again.
    pub fn can_redo(&self) -> Option<&str> {
        self.future.last().map(|e| e.0.as_str())
    }

    /// The document as it is now is in the file.
    pub fn mark_saved(&mut self) {
        self.saved = self.now.clone();
        self.dirty = false;
    }

    /// Whether the document differs from what is in the file.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Grows with every change, undo and redo.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn record(&mut self, label: String, before: Arc<Document>) {
        if Arc::ptr_eq(&before, &self.now) || before == self.now {
            return;
        }
        if self.past.len() == CAP {
            self.past.remove(0);
        }
        self.past.push((label, before));
        self.future.clear();
    }

    fn changed(&mut self) {
        self.revision += 1;
        self.next_id = self.next_id.max(self.now.graph.next_id());
        self.dirty = !Arc::ptr_eq(&self.saved, &self.now) && self.saved != self.now;
    }

    /// Makes `document` the present one. Ids given since are not given again: weights are kept by id, and a new
    /// node must not inherit those of one that was undone.
    fn go_to(&mut self, document: Arc<Document>) {
        self.now = document;
        if self.now.graph.next_id() < self.next_id {
            let old = &self.now.graph;
            let nodes = old.nodes().cloned().collect();
            if let Ok(graph) = Graph::restore(nodes, old.wires(), old.frames().to_vec(), self.next_id.0) {
                Arc::make_mut(&mut self.now).graph = graph;
            }
        }
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Node;

    fn add(h: &History, name: &str) -> Change {
        Change::Graph(Edit::Add(Node::new(h.document().graph.next_id(), "relu", name, [0.0, 0.0])))
    }

    #[test]
    fn undo_and_redo_restore_the_same_document() {
        let mut h = History::new(Document::default());
        for name in ["a", "b", "c"] {
            h.apply(add(&h, name)).unwrap();
        }
        let end = h.document().clone();
        assert_eq!(h.can_undo(), Some("Add c"));
        while h.undo().is_some() {}
        assert!(h.document().graph.is_empty() && !h.is_dirty());
        while h.redo().is_some() {}
        assert_eq!(*h.document(), end);
        assert!(h.is_dirty());
    }

    #[test]
    fn a_gesture_is_one_entry_and_an_idle_one_is_none() {
        let mut h = History::new(Document::default());
        h.apply(add(&h, "a")).unwrap();
        let id = NodeId(1);
        h.begin("Move nodes");
        for x in 0..20 {
            h.apply(Change::Graph(Edit::Move(vec![(id, [x as f32, 0.0])]))).unwrap();
        }
        h.commit();
        assert_eq!(h.undo().as_deref(), Some("Move nodes"));
        assert_eq!(h.document().graph.node(id).unwrap().pos, [0.0, 0.0]);
        h.begin("Move nodes");
        h.apply(Change::Graph(Edit::Move(vec![(id, [9.0, 0.0])]))).unwrap();
        h.apply(Change::Graph(Edit::Move(vec![(id, [0.0, 0.0])]))).unwrap();
        h.commit();
        assert_eq!(h.can_undo(), Some("Add a"));
        assert_eq!(h.can_redo(), Some("Move nodes"), "an idle gesture keeps the future");
    }

    #[test]
    fn cancel_takes_back_and_a_refused_change_changes_nothing() {
        let mut h = History::new(Document::default());
        h.begin("Drag");
        h.apply(add(&h, "a")).unwrap();
        h.cancel();
        assert!(h.document().graph.is_empty() && h.can_undo().is_none() && !h.is_dirty());
        assert!(h.apply(Change::Graph(Edit::Remove(vec![NodeId(77)]))).is_err());
        assert!(h.can_undo().is_none());
    }

    #[test]
    fn an_id_that_was_undone_is_not_given_again() {
        let mut h = History::new(Document::default());
        h.apply(add(&h, "a")).unwrap();
        h.undo();
        assert_eq!(h.document().graph.next_id(), NodeId(2));
        h.apply(add(&h, "b")).unwrap();
        assert!(h.document().graph.node(NodeId(1)).is_none());
    }

    #[test]
    fn the_oldest_entries_fall_off() {
        let mut h = History::new(Document::default());
        for i in 0..CAP + 10 {
            h.apply(Change::Notes(i.to_string())).unwrap();
        }
        let mut n = 0;
        while h.undo().is_some() {
            n += 1;
        }
        assert_eq!(n, CAP);
    }
}
