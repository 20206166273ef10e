//! A training step allocates nothing after the first.

use chainrule::data::Dataset;
use chainrule::graph::Graph;
use chainrule::project::parse;
use chainrule::train::{Listed as _, Optimizer, Rule, Session, SessionError, TrainConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

struct Counting;

thread_local! {
    static COUNT: Cell<Option<usize>> = const { Cell::new(None) };
}

fn count() {
    COUNT.with(|c| c.set(c.get().map(|n| n + 1)));
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread during `f`.
fn allocations(f: impl FnOnce()) -> usize {
    COUNT.with(|c| c.set(Some(0)));
    f();
    COUNT.with(|c| c.replace(None)).unwrap_or(0)
}

/// What makes a session.
type New = fn(Arc<Graph>, Option<Arc<Dataset>>, TrainConfig) -> Result<Session<f32>, SessionError>;

fn session(name: &str, new: New, change: impl FnOnce(&mut TrainConfig)) -> Session<f32> {
    let text = std::fs::read_to_string(format!("projects/{name}.ron")).expect("it ships");
    let mut d = parse(&text).expect("it reads").document;
    change(&mut d.train);
    let data = d.data.load(Path::new(".")).expect("data").map(Arc::new);
    new(Arc::new(d.graph), data, d.train).expect("it can run")
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn no_step_of_any_shipped_project_allocates() {
    let shipped = chainrule::project::templates::shipped();
    let runs = shipped.iter().flat_map(|(name, _)| [(name, Session::new as New), (name, Session::unwatched)]);
    for (name, new) in runs {
        let mut s = session(name, new, |_| ());
        let steps = s.batches().saturating_sub(1).clamp(1, 20);
        // As the program trains: on a thread of the pool.
        let n = chainrule::engine::inside(true, || {
            // The ends of two epochs, so that every buffer for evaluation is there.
            while s.epoch() < 2 {
                s.step();
            }
            // Which thread does what differs from step to step, so that one may need its largest buffer late.
            (0..10).map(|_| allocations(|| (0..steps).for_each(|_| _ = s.step()))).min()
        });
        let n = n.unwrap_or_default();
        assert_eq!(n, 0, "{name}: allocations in {steps} steps");
    }
}

#[test]
fn no_optimiser_allocates() {
    for rule in Rule::all() {
        for settings in [&[][..], &[("line_search_fn", 1.0), ("history_size", 2.0)]] {
            let mut s = session("mlp_2_2_1", Session::new, |t| {
                t.optimizer = settings.iter().fold(Optimizer::new(rule), |o, (name, x)| o.with(name, *x));
                if t.optimizer.full_batch() {
                    // So few samples that the products of matrices are loops.
                    t.batch_size = 100_000;
                }
            });
            // The end of an epoch, so that every buffer for evaluation is there.
            while s.epoch() < 1 {
                s.step();
            }
            // A search fills its history meanwhile.
            let n = allocations(|| (0..20).for_each(|_| _ = s.step()));
            assert_eq!(n, 0, "{}, {settings:?}: {n} allocations", rule.about().id);
        }
    }
}
