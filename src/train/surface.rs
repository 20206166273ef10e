//! The loss as a surface over two coordinates of the weights, computed on a copy while the run goes on.
//!
//! Either two single weights w₁, w₂ vary and all others keep the values they had when the surface was asked for, or the
//! weights move along two random directions d₁, d₂ from there: w(α, β) = w₀ + α d₁ + β d₂. The directions are
//! normalised by filter (Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets"): each row of a weight gets a
//! Gaussian direction with the norm of that row, biases stay. The path of the run is its projection on that plane.

use crate::data::Dataset;
use crate::engine::Weights;
use crate::graph::{Graph, NodeId};
use crate::tensor::{normal, stream};
use crate::train::{Errand, Part, Session, TrainConfig};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Training samples that the loss is the mean of, at most; spread evenly over the train part.
const SAMPLES: usize = 512;
/// States of the path, at most.
const PATH: usize = 600;

/// One element of a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightElement {
    /// Whose.
    pub node: NodeId,
    /// The weight's name, `weight` or `bias`.
    pub name: String,
    /// Index in row-major order.
    pub index: usize,
}

/// What the two axes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axes {
    /// Two weights.
    Elements([WeightElement; 2]),
    /// Two random directions, by their seed.
    Directions(u64),
}

/// The surface that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceWant {
    /// Its axes.
    pub axes: Axes,
    /// Half its width, in weights or in lengths of the directions.
    pub reach: f64,
    /// Points along each side.
    pub size: usize,
    /// Another number asks for it anew, about the weights of that moment.
    pub serial: u64,
}

/// What is computed of the grid so far.
struct Progress {
    values: Mutex<Vec<f32>>,
    done: AtomicUsize,
    stop: AtomicBool,
}

/// The two directions in the space of all weights, and where they start.
struct Plane {
    base: Vec<f32>,
    along: [Vec<(usize, f32)>; 2],
    /// Coordinates of the start.
    origin: [f64; 2],
}

impl Plane {
    fn new(weights: &Weights<f32>, axes: &Axes) -> Option<(Self, [String; 2])> {
        let base = weights.values.to_vec();
        match axes {
            Axes::Elements(two) => {
                let at = |e: &WeightElement| {
                    let info = &weights.infos[weights.find(e.node, &e.name)?];
                    let place = info.range.clone().nth(e.index)?;
                    Some((place, format!("{}[{}]", info.label, index_text(&info.shape, e.index))))
                };
                let ((a, first), (b, second)) = (at(&two[0])?, at(&two[1])?);
                let origin = [f64::from(base[a]), f64::from(base[b])];
                let along = [vec![(a, 1.0)], vec![(b, 1.0)]];
                (a != b).then_some((Plane { base, along, origin }, [first, second]))
            }
            Axes::Directions(seed) => {
                let along = [0, 1].map(|k| direction(weights, *seed, k));
                let names = [1, 2].map(|k| format!("along direction {k} of seed {seed}"));
                (!along[0].is_empty()).then_some((Plane { base, along, origin: [0.0; 2] }, names))
            }
        }
    }

    /// Coordinates of the point of the plane that is nearest to `weights`.
    fn project(&self, weights: &[f32]) -> [f64; 2] {
        let moved = |i: usize| f64::from(weights[i]) - f64::from(self.base[i]);
        let onto = |k: usize| -> f64 { self.along[k].iter().map(|(i, d)| f64::from(*d) * moved(*i)).sum() };
        let square = |k: usize| self.along[k].iter().map(|(_, d)| f64::from(*d).powi(2)).sum::<f64>();
        // Random directions move the same weights in the same order, single weights have none in common.
        let both = self.along[0].iter().zip(&self.along[1]).filter(|((i, _), (j, _))| i == j);
        let ab: f64 = both.map(|((_, d), (_, e))| f64::from(*d) * f64::from(*e)).sum();
        let (a, b, aa, bb) = (onto(0), onto(1), square(0), square(1));
        let det = aa * bb - ab * ab;
        if det <= 1e-9 * aa * bb {
            return [self.origin[0] + a / aa.max(1e-300), self.origin[1]];
        }
        [self.origin[0] + (a * bb - b * ab) / det, self.origin[1] + (b * aa - a * ab) / det]
    }

    fn set(&self, to: &mut [f32], at: [f64; 2]) {
        to.copy_from_slice(&self.base);
        for (k, along) in self.along.iter().enumerate() {
            let by = (at[k] - self.origin[k]) as f32;
            along.iter().for_each(|(i, d)| to[*i] += by * d);
        }
    }
}

/// A Gaussian direction with the norm of each row of each weight; what has one axis, and what is not trained, stays.
fn direction(weights: &Weights<f32>, seed: u64, k: u64) -> Vec<(usize, f32)> {
    let mut along = Vec::new();
    for (w, info) in weights.infos.iter().enumerate().filter(|(_, i)| i.trained() && i.shape.len() > 1) {
        let mut rng = stream(seed, 2 * w as u64 + k);
        let row = info.range.len() / info.shape[0].max(1);
        for start in info.range.clone().step_by(row.max(1)) {
            let drawn: Vec<f64> = (0..row).map(|_| normal(&mut rng)).collect();
            let norm = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>().sqrt();
            let wanted = norm(&mut weights.values[start..start + row].iter().map(|x| f64::from(*x)));
            let scale = wanted / norm(&mut drawn.iter().copied()).max(1e-300);
            along.extend(drawn.iter().enumerate().map(|(i, d)| (start + i, (d * scale) as f32)));
        }
    }
    along
}

/// `3` or `1,2`.
fn index_text(shape: &[usize], flat: usize) -> String {
    let mut rest = flat;
    let mut out: Vec<String> = Vec::new();
    for n in shape.iter().rev() {
        out.push((rest % n.max(&1)).to_string());
        rest /= n.max(&1);
    }
    out.reverse();
    out.join(",")
}

/// A surface being computed. Dropped, it stops.
pub struct SurfaceJob {
    plane: Plane,
    want: SurfaceWant,
    labels: [String; 2],
    samples: usize,
    progress: Arc<Progress>,
    _errand: Errand<()>,
}

impl Drop for SurfaceJob {
    fn drop(&mut self) {
        self.progress.stop.store(true, Ordering::Relaxed);
    }
}

impl SurfaceJob {
    /// Begins the surface about the present weights of `session`; `None` if an axis is not there.
    pub fn begin(session: &Session<f32>, want: &SurfaceWant) -> Option<Self> {
        let (plane, labels) = Plane::new(session.weights(), &want.axes)?;
        let size = want.size.clamp(2, 201);
        let want = SurfaceWant { size, ..want.clone() };
        let data = session.data().map(few);
        let samples = data.as_ref().map_or(1, |d| d.train.len());
        let progress = Arc::new(Progress {
            values: Mutex::new(vec![f32::NAN; size * size]),
            done: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let grid: Vec<[f64; 2]> = (0..size * size).map(|i| place(&plane, &want, i)).collect();
        let points = Plane { base: plane.base.clone(), along: plane.along.clone(), origin: plane.origin };
        let (graph, config, shared) = (Arc::clone(session.graph()), session.config().clone(), Arc::clone(&progress));
        let work = move || compute(graph, data, config, &points, &grid, &shared);
        let errand = Errand::run("surface", work, || ());
        Some(SurfaceJob { plane, want, labels, samples, progress, _errand: errand })
    }

    /// What was asked for.
    pub fn want(&self) -> &SurfaceWant {
        &self.want
    }

    /// The surface as it stands, with the path through `states` to `now`.
    pub fn picture<'a>(&self, states: impl ExactSizeIterator<Item = &'a [f32]>, now: &[f32]) -> Surface {
        let every = states.len().div_ceil(PATH).max(1);
        let path = states.step_by(every).map(|w| self.plane.project(w)).collect();
        let [x, y] = [0, 1].map(|k| [-1.0, 1.0].map(|s| self.plane.origin[k] + s * self.want.reach));
        Surface {
            labels: self.labels.clone(),
            size: self.want.size,
            x,
            y,
            samples: self.samples,
            path,
            here: self.plane.project(now),
            progress: Arc::clone(&self.progress),
        }
    }
}

/// Coordinates of point `i` of the grid, row by row from the largest second coordinate down.
fn place(plane: &Plane, want: &SurfaceWant, i: usize) -> [f64; 2] {
    let last = (want.size - 1) as f64;
    let (row, col) = ((i / want.size) as f64, (i % want.size) as f64);
    let at = |share: f64| want.reach * (2.0 * share - 1.0);
    [plane.origin[0] + at(col / last), plane.origin[1] + at(1.0 - row / last)]
}

/// The data set with a part of its training samples.
fn few(data: &Arc<Dataset>) -> Arc<Dataset> {
    let every = data.train.len().div_ceil(SAMPLES).max(1);
    let mut few = Dataset::clone(data);
    few.train = data.train.iter().copied().step_by(every).collect();
    few.test = Vec::new();
    Arc::new(few)
}

fn compute(
    graph: Arc<Graph>,
    data: Option<Arc<Dataset>>,
    config: TrainConfig,
    plane: &Plane,
    grid: &[[f64; 2]],
    progress: &Progress,
) {
    let Ok(mut copy) = Session::<f32>::unwatched(graph, data, config) else { return };
    for (i, at) in grid.iter().enumerate() {
        if progress.stop.load(Ordering::Relaxed) {
            return;
        }
        plane.set(copy.weights_mut(), *at);
        let loss = copy.evaluate(Part::Train).loss as f32;
        progress.values.lock().unwrap_or_else(PoisonError::into_inner)[i] = loss;
        progress.done.store(i + 1, Ordering::Relaxed);
    }
}

/// The loss over two coordinates of the weights. The grid fills while it is looked at.
#[derive(Clone)]
pub struct Surface {
    /// What the axes are.
    pub labels: [String; 2],
    /// Points along each side.
    pub size: usize,
    /// Range of the first coordinate.
    pub x: [f64; 2],
    /// Range of the second coordinate.
    pub y: [f64; 2],
    /// Training samples that the loss is the mean of.
    pub samples: usize,
    /// Where the run has been, oldest first.
    pub path: Vec<[f64; 2]>,
    /// Where it is.
    pub here: [f64; 2],
    progress: Arc<Progress>,
}

impl std::fmt::Debug for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "surface over {:?}, {} of {} points", self.labels, self.done(), self.size * self.size)
    }
}

impl Surface {
    /// How many points are computed.
    pub fn done(&self) -> usize {
        self.progress.done.load(Ordering::Relaxed)
    }
    /// The losses so far, row by row from the largest second coordinate down; NaN where there is none yet.
    pub fn values(&self) -> Vec<f32> {
        self.progress.values.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataConfig, Source, Table};
    use crate::graph::{Edit, Node, Wire};
    use crate::ops::Value;
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// A line through points, y = w x + b, whose squared error is known at every w and b.
    fn line() -> Session<f32> {
        let mut g = Graph::new();
        for (id, kind, name) in [(1, "input", "x"), (2, "linear", "line"), (3, "target", "y"), (4, "mse_loss", "loss")]
        {
            g.apply(&Edit::Add(Node::new(NodeId(id), kind, name, [0.0; 2]))).expect("a node");
        }
        g.apply(&Edit::SetParam { node: NodeId(2), name: "out_features".into(), value: Value::Int(1) })
            .expect("one output");
        for (from, to, input) in [(1, 2, 0), (2, 4, 0), (3, 4, 1)] {
            g.apply(&Edit::Connect(Wire { from: NodeId(from), output: 0, to: NodeId(to), input })).expect("a wire");
        }
        let table = Table {
            features: vec![vec![0.0], vec![1.0], vec![2.0], vec![3.0]],
            targets: vec![vec![1.0], vec![3.0], vec![5.0], vec![7.0]],
            feature_names: vec!["x".into()],
            target_names: vec!["y".into()],
        };
        let data = DataConfig { source: Source::Table(table), train_share: 1.0, ..DataConfig::default() };
        let data = data.load(Path::new("")).expect("four points").map(Arc::new);
        Session::new(Arc::new(g), data, TrainConfig { batch_size: 4, ..TrainConfig::default() }).expect("a session")
    }

    fn finished(job: &SurfaceJob, now: &Session<f32>) -> Surface {
        let begun = Instant::now();
        loop {
            let surface = job.picture(std::iter::empty(), &now.weights().values);
            if surface.done() == surface.size * surface.size {
                return surface;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{surface:?}");
            std::hint::spin_loop();
        }
    }

    fn element(name: &str) -> WeightElement {
        WeightElement { node: NodeId(2), name: name.into(), index: 0 }
    }

    #[test]
    fn over_two_weights_it_is_the_squared_error_of_the_line() {
        let s = line();
        let axes = Axes::Elements([element("weight"), element("bias")]);
        let want = SurfaceWant { axes, reach: 2.0, size: 9, serial: 0 };
        let job = SurfaceJob::begin(&s, &want).expect("both weights are there");
        let surface = finished(&job, &s);
        assert_eq!(surface.labels, ["line.weight[0,0]", "line.bias[0]"]);
        for (i, loss) in surface.values().into_iter().enumerate() {
            let [w, b] = place(&job.plane, &want, i);
            let error = |x: f64, y: f64| (w * x + b - y).powi(2);
            let expected = (error(0.0, 1.0) + error(1.0, 3.0) + error(2.0, 5.0) + error(3.0, 7.0)) / 4.0;
            assert!((f64::from(loss) - expected).abs() < 1e-4 * (1.0 + expected), "{loss} at {w}, {b}: {expected}");
        }
    }

    #[test]
    fn the_path_is_where_the_two_weights_were() {
        let mut s = line();
        let axes = Axes::Elements([element("weight"), element("bias")]);
        let job = SurfaceJob::begin(&s, &SurfaceWant { axes, reach: 1.0, size: 2, serial: 0 }).expect("a job");
        let before = s.weights().values.clone();
        s.step();
        let surface = job.picture([before.as_slice()].into_iter(), &s.weights().values);
        let at = |v: &[f32]| [f64::from(v[0]), f64::from(v[1])];
        let near = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(surface.path[0], at(&before)) && near(surface.here, at(&s.weights().values)));
        assert!(!near(surface.path[0], surface.here), "the step has moved");
    }

    #[test]
    fn directions_have_the_norm_of_each_row_and_project_back() {
        let s = line();
        let (plane, _) = Plane::new(s.weights(), &Axes::Directions(3)).expect("a plane");
        let w = f64::from(s.weights().value(0)[0]).abs();
        for along in &plane.along {
            assert_eq!(along.len(), 1, "the bias stays");
            assert!((f64::from(along[0].1).abs() - w).abs() < 1e-6);
        }
        let want = SurfaceWant { axes: Axes::Directions(3), reach: 1.0, size: 3, serial: 0 };
        let job = SurfaceJob::begin(&s, &want).expect("a job");
        let surface = finished(&job, &s);
        let here = f64::from(surface.values()[4]);
        let mut copy = line();
        assert!((here - copy.evaluate(Part::Train).loss).abs() < 1e-5, "its middle is the present loss");
    }

    #[test]
    fn an_axis_that_is_not_there_gives_no_surface() {
        let s = line();
        let two = |a, b| SurfaceWant { axes: Axes::Elements([a, b]), reach: 1.0, size: 3, serial: 0 };
        let far = WeightElement { index: 7, ..element("weight") };
        assert!(SurfaceJob::begin(&s, &two(element("weight"), far)).is_none());
        assert!(SurfaceJob::begin(&s, &two(element("weight"), element("weight"))).is_none());
    }
}
