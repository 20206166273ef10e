//! A training step allocates nothing after the first, on any thread.

use chainrule::data::{Augment, DataConfig, Dataset, Labels, Npy, Source};
use chainrule::engine::inside;
use chainrule::graph::{Edit, Graph, Node, Wire};
use chainrule::ops::Value;
use chainrule::project::parse;
use chainrule::train::{Listed as _, Optimizer, Rule, Session, SessionError, TrainConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

struct Counting;

/// Allocations of all threads that are counted.
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// One test counts at a time.
static ALONE: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether the allocations of this thread are counted: those of every thread that trains, the calling one and its
    /// helpers. The others are those of the test harness, which allocate when a test ends or takes long.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if COUNTED.get() {
        COUNT.fetch_add(1, Relaxed);
    }
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

/// A pool all threads of which are counted as long as they work: not while they end, nor at their first look for work
/// at other threads, at which rayon makes a place for each of them once.
fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).exit_handler(|_| COUNTED.set(false)).build();
    let pool = pool.expect("threads");
    pool.broadcast(|_| {
        _ = rayon::yield_now();
        COUNTED.set(true);
    });
    pool
}

/// The most allocations that all threads together made in any of ten windows of `steps` steps, after each thread has done
/// everything once: `before` runs as many steps as that takes.
fn most(session: Session<f32>, threads: usize, steps: usize, before: impl Fn(&mut Session<f32>) + Sync) -> usize {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (pool, session) = (pool(threads), Mutex::new(session));
    let lock = || session.lock().unwrap_or_else(PoisonError::into_inner);
    // Which thread does which part of a step is chance, and each grows its working memory to the largest part that it
    // gets. While one holds the lock the others wait for it, so that it does all parts itself.
    pool.broadcast(|_| before(&mut lock()));
    pool.install(|| {
        let s = &mut *lock();
        inside(true, || {
            before(s);
            let mut window = || {
                let already = COUNT.load(Relaxed);
                (0..steps).for_each(|_| _ = s.step());
                COUNT.load(Relaxed) - already
            };
            (0..10).map(|_| window()).max().unwrap_or(usize::MAX)
        })
    })
}

/// Runs to the end of an epoch, so that every buffer for evaluation is there.
fn epoch(s: &mut Session<f32>) {
    let now = s.epoch();
    while s.epoch() == now {
        s.step();
    }
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
fn allocations_of_all_threads_are_counted() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let already = COUNT.load(Relaxed);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.load(Relaxed), already, "the harness is not");
    let pool = pool(3);
    let already = COUNT.load(Relaxed);
    pool.broadcast(|_| drop(std::hint::black_box(Box::new(1))));
    assert!(COUNT.load(Relaxed) >= already + 3);
}

#[test]
fn no_step_of_any_shipped_project_allocates() {
    let shipped = chainrule::project::templates::shipped();
    let runs = shipped.iter().flat_map(|(name, _)| [(name, Session::new as New), (name, Session::unwatched)]);
    for (name, new) in runs {
        let s = session(name, new, |_| ());
        let steps = s.batches().saturating_sub(1).clamp(1, 20);
        assert_eq!(most(s, 2, steps, epoch), 0, "{name}: allocations in {steps} steps");
    }
}

#[test]
fn no_optimiser_allocates() {
    for rule in Rule::all() {
        for settings in [&[][..], &[("line_search_fn", 1.0), ("history_size", 2.0)]] {
            let s = session("mlp_2_2_1", Session::new, |t| {
                t.optimizer = settings.iter().fold(Optimizer::new(rule), |o, (name, x)| o.with(name, *x));
                if t.optimizer.full_batch() {
                    // So few samples that the products of matrices are loops.
                    t.batch_size = 100_000;
                }
            });
            // A search fills its history meanwhile.
            let n = most(s, 2, 20, epoch);
            assert_eq!(n, 0, "{}, {settings:?}: {n} allocations", rule.about().id);
        }
    }
}

#[test]
fn pictures_that_are_changed_while_they_train_allocate_nothing() {
    let text = std::fs::read_to_string("projects/lenet.ron").expect("it ships");
    let d = parse(&text).expect("it reads").document;
    for augment in [
        Augment { shift: 2, ..Augment::default() },
        Augment { flip: true, ..Augment::default() },
        Augment { noise: 0.1, ..Augment::default() },
        Augment { shift: 1, flip: true, noise: 0.1 },
    ] {
        let config = DataConfig { augment: augment.clone(), ..d.data.clone() };
        let data = config.load(Path::new(".")).expect("data").map(Arc::new);
        let s = Session::unwatched(Arc::new(d.graph.clone()), data, d.train.clone()).expect("it can run");
        assert_eq!(most(s, 2, 10, epoch), 0, "{augment:?}");
    }
}

/// The head of a file of bytes in this shape.
fn npy(shape: &str) -> Vec<u8> {
    let mut head = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    while !(head.len() + 11).is_multiple_of(64) {
        head.push(' ');
    }
    head.push('\n');
    [&b"\x93NUMPY\x01\x00"[..], &(head.len() as u16).to_le_bytes(), head.as_bytes()].concat()
}

#[test]
fn samples_that_are_read_from_a_file_as_they_are_needed_allocate_nothing() {
    // More than is kept in memory. The file is a hole, which takes no place on the disk.
    let (rows, side) = (4200, 512);
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, shape: &str, bytes: &[u8], len: usize| {
        let mut file = File::create(folder.path().join(name)).expect("a file");
        let head = npy(shape);
        file.write_all(&head).expect("its head");
        file.write_all(bytes).expect("what it begins with");
        file.set_len((head.len() + len) as u64).expect("its length");
    };
    let classes: Vec<u8> = (0..rows).map(|n| (n % 2) as u8).collect();
    write("x.npy", &format!("({rows}, 1, {side}, {side})"), &[], rows * side * side);
    write("y.npy", &format!("({rows},)"), &classes, rows);
    let arrays = Npy { features: "x.npy".into(), targets: Some("y.npy".into()), ..Npy::default() };
    for augment in [Augment::default(), Augment { shift: 3, flip: true, noise: 0.1 }] {
        let source = Source::Npy(arrays.clone());
        let config = DataConfig { source, augment, train_share: 1.0, labels: Labels::ZeroOne, ..DataConfig::default() };
        let data = config.load(folder.path()).expect("it loads").expect("a set");
        assert_eq!(data.len(), rows);
        let mut g = Graph::new();
        let mut last = None;
        for (kind, param) in [
            ("input", None),
            ("avg_pool2d", Some(("kernel_size", 64))),
            ("flatten", None),
            ("linear", Some(("out_features", 1))),
            ("mse_loss", None),
            ("target", None),
        ] {
            let id = g.next_id();
            g.apply(&Edit::Add(Node::new(id, kind, kind, [0.0, 0.0]))).expect("a node");
            if let Some((name, value)) = param {
                let (name, value) = (name.into(), Value::Int(value));
                g.apply(&Edit::SetParam { node: id, name, value }).expect("a parameter");
            }
            let (from, to, input) = match (kind, last) {
                (_, None) => (None, id, 0),
                ("target", Some(loss)) => (Some(id), loss, 1),
                _ => (last, id, 0),
            };
            if let Some(from) = from {
                g.apply(&Edit::Connect(Wire { from, output: 0, to, input })).expect("a wire");
            }
            last = Some(id);
        }
        let train = TrainConfig { batch_size: 2, ..TrainConfig::default() };
        let s = Session::unwatched(Arc::new(g), Some(Arc::new(data)), train).expect("it can run");
        let some = |s: &mut Session<f32>| (0..5).for_each(|_| _ = s.step());
        assert_eq!(most(s, 2, 5, some), 0);
    }
}
