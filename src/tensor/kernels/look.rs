//! Whether all numbers that a kernel writes are finite, found while they are still in the nearest cache.
//!
//! To read them again later takes as long as a light kernel itself. So the loops that write results in parts look at
//! each part when it is done. What they did not see, or saw more than once, counts as unknown.

use super::elementwise::clean;
use crate::tensor::Scalar;
use std::cell::Cell;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Places that are looked at during one call, at most.
pub const PLACES: usize = 2;

/// A piece of memory, and what was seen of it.
struct Place {
    bytes: Range<usize>,
    seen: AtomicUsize,
    bad: AtomicBool,
}

/// What is to be looked at.
struct Look([Place; PLACES]);

thread_local! {
    static PRESENT: Cell<*const Look> = const { Cell::new(ptr::null()) };
}

/// Where some numbers lie, in bytes.
pub fn place<S>(data: &[S]) -> Range<usize> {
    let range = data.as_ptr_range();
    range.start.addr()..range.end.addr()
}

/// Runs `f`, and says of each place whether every number there was seen as it was written, once, and is finite; false
/// says nothing.
#[inline]
pub fn over<R>(places: [Range<usize>; PLACES], f: impl FnOnce() -> R) -> (R, [bool; PLACES]) {
    if places.iter().all(Range::is_empty) {
        return (f(), [false; PLACES]);
    }
    let look = Look(places.map(|bytes| Place { bytes, seen: AtomicUsize::new(0), bad: AtomicBool::new(false) }));
    let back = Back(PRESENT.replace(&raw const look));
    let result = f();
    drop(back);
    let fine = |p: Place| !p.bytes.is_empty() && p.seen.into_inner() == p.bytes.len() && !p.bad.into_inner();
    (result, look.0.map(fine))
}

/// Puts back what was looked at before.
struct Back(*const Look);
impl Drop for Back {
    fn drop(&mut self) {
        PRESENT.set(self.0);
    }
}

/// Looks at what one loop writes; loops inside it do not.
pub(super) struct Eye(Back);

// SAFETY: what is looked at is changed by atomic operations only.
unsafe impl Sync for Eye {}

impl Eye {
    /// What is to be looked at now, if anything. To be dropped before the call of the kernel ends.
    pub fn open() -> Self {
        Eye(Back(PRESENT.replace(ptr::null())))
    }

    /// These numbers are final.
    #[inline(always)]
    pub fn saw<S: Scalar>(&self, data: &[S]) {
        self.saw_at(data.as_ptr().addr(), data, data.len());
    }

    /// `count` numbers, which are all of `data` but for zeros between them, are or will be what lies in the piece of
    /// memory to which the address `at` belongs.
    #[inline(always)]
    pub fn saw_at<S: Scalar>(&self, at: usize, data: &[S], count: usize) {
        // SAFETY: `over` keeps it until the kernel returns.
        let Some(look) = (unsafe { self.0.0.as_ref() }) else { return };
        if let Some(place) = look.0.iter().find(|p| p.bytes.contains(&at)) {
            place.seen.fetch_add(count * size_of::<S>(), Relaxed);
            if !clean(data) {
                place.bad.store(true, Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::{map, tests::with_threads};
    use super::*;

    #[test]
    fn what_was_seen_once_and_is_finite_is_known_to_be_so() {
        for threads in [1, 3] {
            with_threads(threads, || {
                let a: Vec<f64> = (0..300_000).map(|i| i as f64).collect();
                let mut out = vec![0.0; a.len()];
                let there = place(&out);
                let mut run = |f: fn(f64) -> f64, times: usize| {
                    over([0..0, there.clone()], || (0..times).for_each(|_| map(&a, &mut out, f))).1
                };
                assert_eq!(run(|x| x + 1.0, 1), [false, true]);
                assert_eq!(run(|x| 1.0 / (x - 299_999.0), 1), [false, false], "the last one is infinite");
                assert_eq!(run(|x| x, 2), [false, false], "written twice");
                assert_eq!(run(|x| x, 0), [false, false], "not written");
                assert_eq!(run(|x| x, 1), [false, true]);
            });
        }
    }
}
