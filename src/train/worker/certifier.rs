//! The second thread: certifies gradients in the background, one node at a time, on a copy of the numbers.
//!
//! While training runs it rests most of the time, so that training is not slowed.

use crate::engine::{Local, certify};
use crate::graph::NodeId;
use crate::train::certified::Certified;
use crate::train::session::Probe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// While training runs, the thread rests so many times as long as it worked.
const REST: u32 = 40;
/// The longest rest.
const LONGEST: Duration = Duration::from_millis(400);

/// What to certify. Without nodes it only ends what was begun before.
#[derive(Default)]
pub(super) struct Job {
    pub revision: u64,
    pub step: u64,
    pub round: u64,
    pub nodes: Vec<NodeId>,
    pub probe: Option<Probe>,
}

/// Where the latest certificates are put; newest wins.
pub(super) type Shelf = Arc<Mutex<Option<Arc<Certified>>>>;

/// The thread, seen from the trainer.
pub(super) struct Certifier {
    jobs: Option<Sender<Job>>,
    /// Whether training runs.
    busy: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Certifier {
    /// Starts the thread; `wake` is called after each node.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn spawn(shelf: Shelf, wake: impl Fn() + Send + 'static) -> Self {
        let (jobs, inbox) = mpsc::channel();
        let (busy, end) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let desk = Desk { inbox, shelf, busy: Arc::clone(&busy), end: Arc::clone(&end), wake: Box::new(wake) };
        let thread = std::thread::Builder::new()
            .name("certifier".into())
            .spawn(move || desk.serve())
            .expect("the system gives one more thread");
        Certifier { jobs: Some(jobs), busy, end, thread: Some(thread) }
    }

    /// Certifies this instead of anything before.
    pub fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            _ = jobs.send(job);
        }
    }
    /// Breaks off what was begun.
    pub fn stop(&self) {
        self.send(Job::default());
    }
    /// Says whether training runs.
    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }
}

impl Drop for Certifier {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(t) = self.thread.take() {
            _ = t.join();
        }
    }
}

struct Desk {
    inbox: Receiver<Job>,
    shelf: Shelf,
    busy: Arc<AtomicBool>,
    end: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send>,
}

impl Desk {
    fn serve(&self) {
        let mut next = self.inbox.recv().ok();
        while let Some(job) = next.take() {
            let job = self.inbox.try_iter().last().unwrap_or(job);
            next = match self.certify(job) {
                Ok(()) => self.inbox.recv().ok(),
                Err(newer) => newer.map(|j| *j),
            };
        }
    }

    /// Certifies all nodes; a newer job (or the end, as none) breaks it off.
    fn certify(&self, job: Job) -> Result<(), Option<Box<Job>>> {
        let Job { revision, step, round, nodes, probe } = job;
        let mut done = Certified { revision, step, ..Certified::default() };
        let began = Instant::now();
        let Some(Ok(probed)) = probe.map(|p| p.run(false)) else { return Ok(()) };
        self.rest(began.elapsed())?;
        for id in nodes {
            let began = Instant::now();
            if let Some(mut local) = Local::take(&probed.plan, &probed.pass, &probed.weights, id) {
                done.nodes.insert(id, certify(&mut local, round));
                self.put(&done);
            }
            self.rest(began.elapsed())?;
        }
        done.complete = true;
        self.put(&done);
        Ok(())
    }

    fn put(&self, done: &Certified) {
        *self.shelf.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(done.clone()));
        (self.wake)();
    }

    fn rest(&self, worked: Duration) -> Result<(), Option<Box<Job>>> {
        if self.end.load(Ordering::Relaxed) {
            return Err(None);
        }
        let pause = if self.busy.load(Ordering::Relaxed) { (worked * REST).min(LONGEST) } else { Duration::ZERO };
        match self.inbox.recv_timeout(pause) {
            Ok(job) => Err(Some(Box::new(job))),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(None),
        }
    }
}
