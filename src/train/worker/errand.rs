//! Work that is done once on a thread of its own, so that the window never waits for it.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

/// Something that takes its time. Dropped before it is done, its answer is dropped as well.
pub struct Errand<T> {
    answer: Receiver<T>,
}

impl<T: Send + 'static> Errand<T> {
    /// Begins `work`; `wake` is called once there is an answer.
    ///
    /// # Panics
    /// If the system refuses a thread.
    pub fn run(name: &str, work: impl FnOnce() -> T + Send + 'static, wake: impl FnOnce() + Send + 'static) -> Self {
        let (send, answer) = sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_owned());
        let whole = move || {
            let answer = work();
            // Nobody may be waiting any more.
            _ = send.send(answer);
            wake();
        };
        thread.spawn(whole).expect("the system gives one more thread");
        Errand { answer }
    }

    /// The answer, once it is there; `Err` if the thread died without one.
    pub fn take(&self) -> Option<Result<T, Died>> {
        match self.answer.try_recv() {
            Ok(answer) => Some(Ok(answer)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(Died)),
        }
    }
}

/// The thread of an errand ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program failed while doing this; the message on the terminal says where")]
pub struct Died;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn wait<T: Send + 'static>(errand: &Errand<T>) -> Result<T, Died> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = errand.take() {
                return answer;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no answer");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_answer_comes_and_the_window_is_woken() {
        let (woken, wake) = sync_channel(1);
        let errand = Errand::run("sum", || 2 + 2, move || woken.send(()).unwrap());
        assert_eq!(wait(&errand), Ok(4));
        wake.recv_timeout(Duration::from_secs(20)).expect("the window is woken");
    }

    #[test]
    fn a_thread_that_dies_is_told() {
        let errand = Errand::run("trouble", || -> i32 { panic!("on purpose") }, || ());
        assert_eq!(wait(&errand), Err(Died));
    }
}
