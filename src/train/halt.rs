//! The flag by which the window interrupts work that takes long.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Work that is done this soon after the flag was raised is finished, so that small networks stop between batches.
const GRACE: Duration = Duration::from_millis(10);

/// A flag shared by the sender and the receiver of commands: raised when there is a command to obey.
///
/// Whoever works looks at it between two instructions, never within one, so that what is left undone is known. A flag
/// made by `default` belongs to nobody and is never raised.
#[derive(Clone, Debug, Default)]
pub(super) struct Halt {
    flag: Option<Arc<Flag>>,
    /// When it was first seen raised, and how often it had been taken down before.
    seen: Cell<Option<(Instant, u64)>>,
}

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    /// How often it was taken down: what a clone has seen before is then forgotten.
    down: AtomicU64,
}

impl Halt {
    /// A flag that is down.
    pub fn new() -> Self {
        Halt { flag: Some(Arc::default()), seen: Cell::new(None) }
    }
    /// Raises it.
    pub fn raise(&self) {
        if let Some(flag) = &self.flag {
            flag.raised.store(true, Ordering::Release);
        }
    }
    /// Takes it down; whether it was raised.
    pub fn clear(&self) -> bool {
        self.seen.set(None);
        self.flag.as_ref().is_some_and(|f| {
            f.down.fetch_add(1, Ordering::AcqRel);
            f.raised.swap(false, Ordering::AcqRel)
        })
    }
    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.flag.as_ref().is_some_and(|f| f.raised.load(Ordering::Acquire))
    }
    /// Whether it has been raised for longer than small work takes.
    pub fn over(&self) -> bool {
        if !self.raised() {
            self.seen.set(None);
            return false;
        }
        let now = Instant::now();
        let down = self.flag.as_ref().map_or(0, |f| f.down.load(Ordering::Acquire));
        let since = self.seen.get().filter(|(_, when)| *when == down).map_or(now, |(since, _)| since);
        self.seen.set(Some((since, down)));
        now - since >= GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_gives_a_moment_of_grace_and_nobody_s_flag_is_never_raised() {
        let (flag, nobody) = (Halt::new(), Halt::default());
        let sender = flag.clone();
        assert!(!flag.over());
        sender.raise();
        nobody.raise();
        assert!(flag.raised() && !flag.over() && !nobody.raised());
        let now = Instant::now();
        while now.elapsed() < GRACE {}
        assert!(flag.over() && flag.clear() && !flag.over() && !flag.clear());
        // What a clone saw of an earlier time does not count when it is raised again.
        sender.raise();
        assert!(!flag.over());
        while now.elapsed() < 3 * GRACE {}
        sender.clear();
        sender.raise();
        assert!(!flag.over());
    }
}
