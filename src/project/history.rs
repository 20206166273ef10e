//! Undo and redo by snapshots: no hand-written inverses to get wrong.
//!
//! An entry holds the document before a change. Documents hold no weights, so an entry is small. At most 500
//! entries are kept; the oldest go first. A gesture (begin, changes, commit) is one entry, and none if the
//! document is the same after it.

use crate::data::DataConfig;
use crate::graph::{Edit, EditError, Graph, Impact, NodeId};
use crate::project::Document;
use crate::train::TrainConfig;
use crate::train::stops::Stops;
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
    /// Of breakpoints and watches.
    Stops(Stops),
}

impl Change {
    /// What the user did.
    pub fn label(&self) -> String {
        match self {
            Change::Graph(e) => e.label(),
            Change::Data(d) => format!("Data: {}", d.label()),
            Change::Train(_) => "Training settings".into(),
            Change::Stops(_) => "Change breakpoints".into(),
        }
    }
    /// How much must be made anew.
    pub fn impact(&self) -> Impact {
        match self {
            Change::Graph(e) => e.impact(),
            Change::Data(_) => Impact::Structure,
            Change::Train(_) | Change::Stops(_) => Impact::Settings,
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
    /// No id below this is given again.
    next_id: NodeId,
}

impl History {
    /// A history that begins with `document`, which counts as saved.
    pub fn new(document: Document) -> Self {
        let next_id = document.graph.next_id();
        let now = Arc::new(document);
        let saved = Arc::clone(&now);
        History { saved, now, past: VecDeque::new(), future: Vec::new(), gesture: None, revision: 0, next_id }
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
        let (mut label, impact) = (change.label(), change.impact());
        let mut next = (*self.now).clone();
        match change {
            Change::Graph(edit) => {
                next.graph.apply(&edit)?;
                next.stops.follow(&self.now.graph, &next.graph);
            }
            Change::Data(data) => next.data = data,
            Change::Train(train) => next.train = train,
            Change::Stops(stops) => {
                label = next.stops.difference(&stops).into();
                next.stops = stops;
            }
        }
        if next == *self.now {
            return Ok(Impact::Placement);
        }
        let before = std::mem::replace(&mut self.now, Arc::new(next));
        self.revision += 1;
        self.next_id = self.next_id.max(self.now.graph.next_id());
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
            self.go_to(before);
        }
    }

    /// Makes `document` the present one; the one that was. Ids given since are not given again: weights are kept by
    /// id, and a new node must not inherit those of one that was undone.
    fn go_to(&mut self, document: Arc<Document>) -> Arc<Document> {
        let was = std::mem::replace(&mut self.now, document);
        let graph = &self.now.graph;
        if graph.next_id() < self.next_id {
            let nodes = graph.nodes().cloned().collect();
            if let Ok(graph) = Graph::restore(nodes, graph.wires(), graph.frames().to_vec(), self.next_id.0) {
                Arc::make_mut(&mut self.now).graph = graph;
            }
        }
        self.revision += 1;
        was
    }

    /// Takes the latest entry back; its label.
    pub fn undo(&mut self) -> Option<String> {
        self.commit();
        let (label, before) = self.past.pop_back()?;
        let after = self.go_to(before);
        self.future.push((label.clone(), after));
        Some(label)
    }
    /// Does again what was taken back; its label.
    pub fn redo(&mut self) -> Option<String> {
        self.commit();
        let (label, after) = self.future.pop()?;
        let before = self.go_to(after);
        self.past.push_back((label.clone(), before));
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
        for i in 0..MOST + 10 {
            h.apply(Change::Train(TrainConfig { seed: i as u64, ..TrainConfig::default() })).unwrap();
        }
        let mut n = 0;
        while h.undo().is_some() {
            n += 1;
        }
        assert_eq!(n, MOST);
    }
}
