//! Threads that stand by while a batch runs.
//!
//! To wake a thread takes as long as a product of two small matrices. So the threads of the pool are called once for
//! many kernels and wait for work awake; handing them a share takes a fraction of a microsecond. Every thread begins
//! with the same part of a range of tasks, so that what it wrote last is still in its own cache, and takes over from
//! the others when it is done.

use super::heed::Order;
use std::cell::{Cell, UnsafeCell};
use std::hint::spin_loop;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};

/// Threads of a team, at most.
pub const MOST: usize = 64;
/// Looks for work, after which a thread lets others run between two looks.
const PATIENCE: usize = 1 << 14;

/// A number in a line of the cache of its own.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// What is to be done: `task(k)` for each k below a count, unless an order stops it. The pointer is valid while the work
/// is open.
#[derive(Clone, Copy)]
struct Work {
    task: *const (dyn Fn(usize) + Sync),
    count: usize,
    order: Order,
}

struct Team {
    members: usize,
    /// Odd while there is work; it grows with every change.
    round: Apart<AtomicUsize>,
    work: UnsafeCell<Work>,
    /// For each member, the next task of its part.
    next: [Apart<AtomicUsize>; MOST],
    /// Members that have looked at the present work.
    active: Apart<AtomicUsize>,
    over: AtomicBool,
}

// SAFETY: `work` is written by the leader only, while the round is even and no member is active; members read it only
// after they have become active in an odd round.
unsafe impl Sync for Team {}

thread_local! {
    /// The team that this thread leads.
    static LED: Cell<*const Team> = const { Cell::new(ptr::null()) };
}

/// Runs `f` while the other threads of the pool stand by for its kernels.
pub fn together<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    let members = rayon::current_num_threads().min(MOST);
    if members < 2 || !LED.get().is_null() {
        return f();
    }
    let team = Team {
        members,
        round: Apart::default(),
        work: UnsafeCell::new(Work {
            task: ptr::null::<fn(usize)>() as *const (dyn Fn(usize) + Sync),
            count: 0,
            order: Order::none(),
        }),
        next: [const { Apart(AtomicUsize::new(0)) }; MOST],
        active: Apart::default(),
        over: AtomicBool::new(false),
    };
    let order = Order::current();
    team.gather(1, || order.during(f))
}

/// Calls `task` for each number below `count` once, on all threads of the team or else of the pool. Where
/// [`super::heed::stopped`] says so, the rest is left out.
pub(super) fn share(count: usize, task: &(dyn Fn(usize) + Sync)) {
    let led = LED.get();
    let order = Order::current();
    if count < 2 {
        (0..count).filter(|_| !order.stops()).for_each(task);
    } else if led.is_null() {
        use rayon::prelude::*;
        // A thread that waits may be given a task of somebody else, who heeds another.
        (0..count).into_par_iter().filter(|_| !order.stops()).for_each(|k| order.during(|| task(k)));
    } else {
        // SAFETY: `LED` points to a team only while `gather` runs, which keeps it.
        unsafe { &*led }.lead(count, task);
    }
}

/// Whether `work` is enough for other threads to take part, where it is `alone` if they must be woken first.
pub(super) fn pays(work: usize, alone: usize) -> bool {
    work >= if LED.get().is_null() { alone } else { alone / 8 }
}

/// A slice in parts of one length that tasks take; the last may be shorter.
pub struct Parts<'a, T> {
    start: *mut T,
    whole: usize,
    len: usize,
    of: PhantomData<&'a mut [T]>,
}

// SAFETY: it hands out parts as `split_at_mut` does.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    /// A slice in parts of `len` elements.
    pub fn of(data: &'a mut [T], len: usize) -> Self {
        Parts { start: data.as_mut_ptr(), whole: data.len(), len, of: PhantomData }
    }

    /// Part number `k`; empty beyond the end.
    ///
    /// # Safety
    /// Nobody else may have it.
    #[expect(clippy::mut_from_ref, reason = "parts are disjoint, and the caller takes each once")]
    pub unsafe fn get(&self, k: usize) -> &mut [T] {
        let from = (k * self.len).min(self.whole);
        // SAFETY: both ends lie in the slice, which is borrowed for as long as this lives.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), self.len.min(self.whole - from)) }
    }
}

impl<T> Parts<'_, T> {
    /// Some elements, wherever the parts begin.
    ///
    /// # Safety
    /// Nobody else may have any of them.
    ///
    /// # Panics
    /// If they are not all there.
    #[expect(clippy::mut_from_ref, reason = "ranges are disjoint, and the caller takes each once")]
    pub unsafe fn range(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.whole, "the range lies in the slice");
        // SAFETY: it does, and the slice is borrowed for as long as this lives.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

/// Runs when it goes out of scope, also in a panic.
struct Finally<F: FnMut()>(F);
impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Team {
    /// Calls in the members from `member` on, and then runs `f`.
    fn gather<R: Send>(&self, member: usize, f: impl FnOnce() -> R + Send) -> R {
        if member < self.members {
            return rayon::join(|| self.gather(member + 1, f), || self.help(member)).0;
        }
        let _end = Finally(|| {
            LED.set(ptr::null());
            self.over.store(true, Release);
        });
        LED.set(self);
        f()
    }

    /// Where the part of a member begins.
    fn part(&self, member: usize, count: usize) -> usize {
        member * count / self.members
    }

    fn lead(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        // SAFETY: only the lifetime changes; the work is closed before `task` goes out of scope.
        let task = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(task) };
        let work = Work { task, count, order: Order::current() };
        // SAFETY: the round is even and nobody is active, as the leader has waited for that.
        unsafe { *self.work.get() = work };
        for (member, next) in self.next[..self.members].iter().enumerate() {
            next.0.store(self.part(member, count), Relaxed);
        }
        self.round.0.fetch_add(1, Release);
        // A task that shares work in its turn gives it to the pool.
        LED.set(ptr::null());
        let _end = Finally(|| {
            self.round.0.fetch_add(1, SeqCst);
            let mut looks = 0;
            while self.active.0.load(SeqCst) > 0 {
                wait(&mut looks);
            }
            LED.set(self);
        });
        self.take(0, work);
    }

    /// Does tasks of the own part, and then of those of the others.
    fn take(&self, member: usize, work: Work) {
        // SAFETY: the caller is the leader, or active in an open round.
        let task = unsafe { &*work.task };
        for k in 0..self.members {
            let of = (member + k) % self.members;
            let (next, end) = (&self.next[of].0, self.part(of + 1, work.count));
            while next.load(Relaxed) < end {
                if work.order.stops() {
                    return;
                }
                let at = next.fetch_add(1, Relaxed);
                if at < end {
                    task(at);
                }
            }
        }
    }

    /// Takes part in the work of the leader until it is over.
    fn help(&self, member: usize) {
        let (mut seen, mut looks) = (0, 0);
        while !self.over.load(Acquire) {
            let round = self.round.0.load(Acquire);
            if round == seen || round.is_multiple_of(2) {
                wait(&mut looks);
                continue;
            }
            (seen, looks) = (round, 0);
            self.active.0.fetch_add(1, SeqCst);
            let _end = Finally(|| {
                self.active.0.fetch_sub(1, SeqCst);
            });
            if self.round.0.load(SeqCst) == round {
                // SAFETY: the leader does not touch the work before nobody is active.
                let work = unsafe { *self.work.get() };
                work.order.during(|| self.take(member, work));
            }
        }
    }
}

/// Waits a moment, after many times for longer.
fn wait(looks: &mut usize) {
    *looks += 1;
    if *looks < PATIENCE {
        spin_loop();
    } else {
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;

    /// How often each of `count` tasks ran.
    fn counted(count: usize) -> Vec<usize> {
        let times: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        share(count, &|k| {
            times[k].fetch_add(1, Relaxed);
        });
        times.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_task_is_done_once_by_a_team_of_any_size() {
        for threads in [1, 2, 3, 8] {
            with_threads(threads, || {
                together(|| {
                    for count in (0..40).chain([1000]).cycle().take(2000) {
                        assert_eq!(counted(count), vec![1; count]);
                    }
                });
            });
        }
        assert_eq!(counted(100), vec![1; 100], "without a team");
    }

    #[test]
    fn a_task_may_share_work_and_a_team_may_be_called_within_a_team() {
        let total = AtomicUsize::new(0);
        with_threads(3, || {
            together(|| {
                together(|| {
                    share(5, &|_| {
                        total.fetch_add(counted(7).iter().sum::<usize>(), Relaxed);
                    });
                });
                assert_eq!(counted(9), vec![1; 9], "the team is still there");
            });
        });
        assert_eq!(total.into_inner(), 35);
    }

    #[test]
    fn a_panic_of_any_task_comes_out_and_leaves_the_threads_well() {
        for bad in [0, 9] {
            let run = || {
                with_threads(2, || {
                    together(|| {
                        share(10, &|k| {
                            assert!(k != bad, "on purpose");
                            std::thread::sleep(std::time::Duration::from_millis(2));
                        });
                    });
                });
            };
            assert!(std::panic::catch_unwind(run).is_err());
        }
        with_threads(2, || together(|| assert_eq!(counted(50), vec![1; 50])));
    }

    #[test]
    fn parts_are_those_of_the_slice() {
        let mut data: Vec<usize> = (0..10).collect();
        let parts = Parts::of(&mut data, 4);
        // SAFETY: one part at a time.
        let lengths = [0, 1, 2, 3].map(|k| unsafe { parts.get(k) }.len());
        assert_eq!(lengths, [4, 4, 2, 0]);
        // SAFETY: nobody else has it.
        assert_eq!(unsafe { parts.range(3..5) }, &[3, 4]);
    }
}
