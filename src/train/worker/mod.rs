//! The thread that trains, and how the window talks to it.
//!
//! Down goes a channel of commands. Up come a bounded channel of notices that must not be missed, and one
//! slot with the latest snapshot: newest wins, at most 60 a second, so training never waits for drawing.

mod batch;
mod best;
mod certifier;
mod errand;
mod load;
mod probe;
mod publish;
mod trainer;
mod travel;

pub use errand::{Died, Errand};

use crate::data::Dataset;
use crate::engine::WeightMap;
use crate::graph::{Diagnostic, Graph, NodeId};
use crate::train::halt::Halt;
use crate::train::stops::{self, Stops};
use crate::train::{Birth, Certified, Order, RunState, Snapshot, TrainConfig, Want};
use certifier::Shelf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use trainer::Trainer;

/// How far one press of a step key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One instruction.
    Node,
    /// To the end of forward, seed, backward or update.
    Phase,
    /// To the end of the batch.
    Batch,
    /// To the end of the epoch.
    Epoch,
    /// To the end of the present batch, and nothing if none is under way.
    ToEnd,
}

/// How fast training runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it can.
    Full,
    /// Batches per second.
    Steps(f64),
    /// Instructions per second, to be watched.
    Nodes(f64),
}

/// What the worker can be told.
#[expect(clippy::large_enum_variant, reason = "a few of them a second, each moved once")]
#[derive(Clone, Debug)]
pub enum Command {
    /// Another document. Weights that fit stay, unless `weights` gives some or `fresh` asks for a new start.
    Load {
        /// Its number; snapshots carry it.
        revision: u64,
        /// What to train.
        graph: Arc<Graph>,
        /// On what.
        data: Option<Arc<Dataset>>,
        /// How.
        config: TrainConfig,
        /// Saved weights.
        weights: Option<WeightMap>,
        /// Whether to start from new weights.
        fresh: bool,
    },
    /// Train until told otherwise, or until a breakpoint.
    Run,
    /// Train up to the next instruction of this node.
    RunTo(NodeId),
    /// Other breakpoints and watches.
    SetStops(Arc<Stops>),
    /// Stop where it stands.
    Pause,
    /// Go a little and stop.
    Step(Granularity),
    /// Go back a little and stop.
    Back(Granularity),
    /// Go to a place of the record and stop: the nearest kept state at once, the very place when no newer wish comes.
    Seek {
        /// Batches completed; at most to the end of the record.
        step: u64,
        /// Instructions done of the next batch.
        cursor: usize,
    },
    /// Memory for the record, in bytes.
    Memory(usize),
    /// Let go of the curves of runs that were left behind.
    ClearGhosts,
    /// Back to the same initial weights.
    Reset,
    /// Other settings for the same run.
    SetConfig(TrainConfig),
    /// Another speed.
    SetSpeed(Speed),
    /// Overwrite one element of a weight.
    SetWeight {
        /// Whose.
        node: NodeId,
        /// Which.
        name: String,
        /// Flat index.
        element: usize,
        /// New value.
        value: f64,
    },
    /// Try other numbers on a copy of the batch under way, keep them or drop them.
    WhatIf(Order),
    /// Run the backward pass of the batch under way once more.
    BackwardAgain {
        /// Whether what the forward pass saved is still there, `retain_graph` of PyTorch.
        retain_graph: bool,
    },
    /// What snapshots should hold.
    Want(Want),
    /// Pause and take back the weights of the epoch with the smallest loss, answered by [`Notice::Said`].
    RestoreBest,
    /// Send the weights and the run, answered by [`Notice::Exported`].
    Export,
    /// Go on with a run that was saved, from the weights that were loaded just before.
    Resume(Arc<RunState>),
    /// Certify all gradients anew, on other elements.
    Certify,
    /// Whether gradients are certified in the background without being asked; they are at first.
    Certifying(bool),
    /// End the thread.
    Shutdown,
}

impl Command {
    /// Whether an instruction is given up for it. Those that come by themselves, or many in a second while the pointer
    /// moves, would keep a long one from ever coming to its end.
    fn is_urgent(&self) -> bool {
        !matches!(
            self,
            Command::Want(_)
                | Command::SetSpeed(_)
                | Command::Memory(_)
                | Command::ClearGhosts
                | Command::Export
                | Command::Certify
                | Command::Certifying(_)
        )
    }
}

/// What must not be missed.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The document cannot be trained.
    Failed {
        /// Of which revision.
        revision: u64,
        /// What is wrong with the graph.
        diagnostics: Vec<Diagnostic>,
        /// In one sentence.
        message: String,
    },
    /// The run came to its end.
    Finished {
        /// Of which revision.
        revision: u64,
        /// Why it ended.
        reason: String,
    },
    /// A NaN or infinity appeared; the run is paused.
    BadValue {
        /// Of which revision.
        revision: u64,
        /// Where it was born.
        node: NodeId,
        /// In words.
        what: String,
        /// From which numbers and by which rule.
        birth: Option<Box<Birth>>,
    },
    /// A sentence about what was asked for.
    Said {
        /// Of which revision.
        revision: u64,
        /// In words.
        text: String,
        /// Whether it could not be done.
        fault: bool,
    },
    /// The run stopped at a breakpoint.
    Stopped {
        /// Of which revision.
        revision: u64,
        /// Where and why.
        halt: Box<stops::Halt>,
    },
    /// There is nothing further back.
    AtStart {
        /// Of which revision.
        revision: u64,
    },
    /// The weights, as asked.
    Exported(WeightMap, Option<Arc<RunState>>, u64),
    /// Something that was asked for could not be done as it was meant, in words.
    Warned {
        /// Of which revision.
        revision: u64,
        /// What the user should know.
        what: String,
    },
}

/// Revision, batches completed and whether no batch is under way; none without a session.
type Place = Option<(u64, u64, bool)>;

/// The thread, seen from the window.
pub struct Worker {
    commands: Sender<Command>,
    halt: Halt,
    slot: Arc<Mutex<Option<Arc<Snapshot>>>>,
    notices: Receiver<Notice>,
    certificates: Shelf,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; `wake` is called when there is something to fetch.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn spawn(wake: Box<dyn Fn() + Send>) -> Self {
        let (commands, inbox) = mpsc::channel();
        let (out, notices) = mpsc::sync_channel(64);
        let slot = Arc::new(Mutex::new(None));
        let certificates = Shelf::default();
        let halt = Halt::new();
        let mut trainer = Trainer::new(Arc::clone(&slot), out, wake, Arc::clone(&certificates), halt.clone());
        let thread = std::thread::Builder::new()
            .name("trainer".into())
            .spawn(move || trainer.serve(&inbox))
            .expect("the system gives one more thread");
        Worker { commands, halt, slot, notices, certificates, thread: Some(thread) }
    }

    /// Tells it something. After the thread has ended, nothing happens.
    ///
    /// The command is obeyed after at most 50 ms, whatever is under way but the update of a weight of many millions of
    /// numbers: what an instruction has computed by then is given up, and computed anew when the run goes on. One that
    /// only changes what is seen waits for the end of the instruction.
    pub fn send(&self, command: Command) {
        let urgent = command.is_urgent();
        _ = self.commands.send(command);
        // Raised after sending: whoever sees the flag finds the command.
        self.halt.raise(urgent);
    }
    /// Takes the latest snapshot, if there is a new one.
    pub fn latest(&self) -> Option<Arc<Snapshot>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    /// Takes the latest certificates, if there are new ones.
    pub fn certificates(&self) -> Option<Arc<Certified>> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    /// Takes all notices.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.try_iter().collect()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.send(Command::Shutdown);
        if let Some(t) = self.thread.take() {
            _ = t.join();
        }
    }
}
