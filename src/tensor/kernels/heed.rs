//! Giving up in the midst of a long computation.
//!
//! Who runs kernels may make a flag known to them ([`heeding`]). Once it has been up for a moment, tasks and pieces of
//! long loops are left out, on all threads. What was written until then is worth nothing: whoever asked for it finds out
//! ([`left_out`]) and computes it anew. Where nobody is to be heeded, a look costs a read of a pointer.

use std::cell::Cell;
use std::ops::Range;
use std::ptr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

/// What is done this soon after the flag was raised is finished, so that small networks stop between batches.
pub const GRACE: Duration = Duration::from_millis(10);

/// A flag that is raised when somebody waits.
#[derive(Debug, Default)]
pub struct Flag {
    raised: AtomicBool,
    /// Whether even what is half done is to be given up.
    urgent: AtomicBool,
    /// When it was raised first since it was down, in nanoseconds.
    since: AtomicU64,
    /// For tests: the looks of kernels until it is up, and one more; 0 if it is not to come up by itself.
    #[cfg(test)]
    looks: std::sync::atomic::AtomicUsize,
}

fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

impl Flag {
    /// Raises it: who looks between two instructions stops. If it is `urgent`, what is under way is given up as well.
    pub fn raise(&self, urgent: bool) {
        if urgent {
            self.urgent.store(true, Release);
        }
        if !self.raised.load(Acquire) {
            self.since.store(now(), Release);
            self.raised.store(true, Release);
        }
    }
    /// Takes it down; whether it was raised.
    pub fn lower(&self) -> bool {
        #[cfg(test)]
        self.looks.store(0, Release);
        self.urgent.store(false, Release);
        self.raised.swap(false, AcqRel)
    }
    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        #[cfg(test)]
        if self.looks.load(Acquire) == 1 {
            return true;
        }
        self.raised.load(Relaxed)
    }
    /// Whether it has been raised for longer than small work takes.
    pub fn over(&self) -> bool {
        #[cfg(test)]
        if self.looks.load(Acquire) == 1 {
            return true;
        }
        self.raised.load(Relaxed) && self.late()
    }
    /// It comes up by itself when kernels have looked at it `looks` times.
    #[cfg(test)]
    pub(crate) fn raise_after(&self, looks: usize) {
        self.looks.store(looks + 1, Release);
    }
    #[cfg(test)]
    fn counts_down(&self) -> bool {
        _ = self.looks.fetch_update(AcqRel, Acquire, |n| (n > 1).then(|| n - 1));
        self.looks.load(Acquire) == 1
    }
    #[cold]
    fn late(&self) -> bool {
        now().saturating_sub(self.since.load(Acquire)) >= GRACE.as_nanos() as u64
    }
}

/// One who is heeded, and whether something was left out for it.
struct Listener<'a> {
    flag: &'a Flag,
    left_out: AtomicBool,
}

thread_local! {
    static HEEDED: Cell<*const Listener<'static>> = const { Cell::new(ptr::null()) };
}

/// What this thread heeds, to be heeded by another one that works for it.
#[derive(Clone, Copy)]
pub(super) struct Order(*const Listener<'static>);

// SAFETY: it points to a flag and an atomic, and is used only while whoever gave the order waits for the work.
unsafe impl Send for Order {}
// SAFETY: as above.
unsafe impl Sync for Order {}

/// Puts back what was heeded before, also in a panic.
struct Back(*const Listener<'static>);
impl Drop for Back {
    fn drop(&mut self) {
        HEEDED.set(self.0);
    }
}

impl Order {
    /// What this thread heeds.
    #[inline]
    pub fn current() -> Self {
        Order(HEEDED.get())
    }
    /// Nobody.
    pub const fn none() -> Self {
        Order(ptr::null())
    }
    /// Whether what follows is to be left out; then it is known that something was.
    #[inline]
    pub fn stops(self) -> bool {
        // SAFETY: null, or of a call of `heeding` that is not over.
        let Some(listener) = (unsafe { self.0.as_ref() }) else { return false };
        #[cfg(test)]
        if listener.flag.counts_down() {
            listener.left_out.store(true, Release);
            return true;
        }
        if !listener.flag.urgent.load(Relaxed) {
            return false;
        }
        let over = listener.flag.over();
        if over {
            listener.left_out.store(true, Release);
        }
        over
    }
    /// Heeds it during `f`.
    #[inline]
    pub fn during<R>(self, f: impl FnOnce() -> R) -> R {
        let _back = Back(HEEDED.replace(self.0));
        f()
    }
}

/// Runs `f`, whose kernels heed `flag`, and nobody else.
#[inline]
pub fn heeding<R>(flag: Option<&Flag>, f: impl FnOnce() -> R) -> R {
    let Some(flag) = flag else { return undisturbed(f) };
    let listener = Listener { flag, left_out: AtomicBool::new(false) };
    // Only the lifetime changes; nobody heeds it any more when this returns.
    Order((&raw const listener).cast()).during(f)
}

/// Runs `f`, whose kernels heed nobody: it is done whole.
#[inline]
pub fn undisturbed<R>(f: impl FnOnce() -> R) -> R {
    Order::none().during(f)
}

/// Whether somebody is heeded.
#[inline]
pub fn heeds() -> bool {
    !HEEDED.get().is_null()
}

/// Whether the rest of a loop is to be left out. To be asked now and then: each hundred thousand numbers, say.
#[inline]
pub fn stopped() -> bool {
    Order::current().stops()
}

/// Numbers of a loop between two looks.
const LONG: usize = 1 << 16;

/// Calls `f` for ranges that follow each other from 0 to `n`, each step of which costs about `width` numbers, until the
/// rest is to be left out.
#[inline]
pub fn pieces(n: usize, width: usize, mut f: impl FnMut(Range<usize>)) {
    let several = (LONG / width.max(1)).max(1);
    let mut from = 0;
    while from < n {
        let to = n.min(from + several);
        f(from..to);
        from = to;
        if from < n && stopped() {
            return;
        }
    }
}

/// Whether anything was left out since this was asked last.
#[inline]
pub fn left_out() -> bool {
    // SAFETY: null, or of a call of `heeding` that is not over.
    unsafe { HEEDED.get().as_ref() }.is_some_and(|l| l.left_out.load(Acquire) && l.left_out.swap(false, AcqRel))
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::super::team::{share, together};
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn raised() -> Flag {
        let flag = Flag::default();
        flag.raise(true);
        std::thread::sleep(GRACE);
        flag
    }

    #[test]
    fn a_flag_gives_a_moment_of_grace_and_only_an_urgent_one_stops_kernels() {
        let flag = Flag::default();
        assert!(!flag.raised() && !flag.over() && !flag.lower());
        flag.raise(false);
        assert!(flag.raised() && !flag.over());
        std::thread::sleep(GRACE);
        assert!(flag.over() && !heeding(Some(&flag), stopped));
        flag.raise(true);
        assert!(heeding(Some(&flag), || stopped() && left_out() && !left_out()), "the moment began with the first");
        assert!(flag.lower() && !flag.over() && !heeding(Some(&flag), stopped));
        flag.raise(true);
        assert!(!flag.over(), "what was seen of an earlier time does not count");
    }

    #[test]
    fn tasks_are_left_out_on_all_threads_and_nowhere_else() {
        let flag = raised();
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let ran = AtomicUsize::new(0);
                let work = || {
                    share(40, &|_| {
                        ran.fetch_add(1, Relaxed);
                        share(5, &|_| _ = ran.fetch_add(100, Relaxed));
                    });
                };
                let count = |f: &dyn Fn()| {
                    ran.store(0, Relaxed);
                    f();
                    ran.load(Relaxed)
                };
                for inside in [false, true] {
                    let all = |f: &(dyn Fn() + Sync)| if inside { together(f) } else { f() };
                    assert_eq!(count(&|| all(&work)), 20_040);
                    assert_eq!(count(&|| heeding(Some(&flag), || all(&work))), 0);
                    assert_eq!(count(&|| heeding(Some(&flag), || undisturbed(|| all(&work)))), 20_040);
                    assert!(heeding(Some(&flag), || {
                        all(&work);
                        left_out()
                    }));
                }
            });
        }
    }

    #[test]
    fn a_flag_raised_in_the_midst_leaves_out_the_rest() {
        let flag = Flag::default();
        for threads in [1, 2, 3] {
            flag.lower();
            let ran = AtomicUsize::new(0);
            let whole = with_threads(threads, || {
                together(|| {
                    heeding(Some(&flag), || {
                        share(1000, &|_| {
                            if ran.fetch_add(1, Relaxed) == 10 {
                                flag.raise(true);
                            }
                            std::thread::sleep(GRACE / 20);
                        });
                        !left_out()
                    })
                })
            });
            assert!(!whole && ran.into_inner() < 1000, "{threads} threads");
        }
    }
}
