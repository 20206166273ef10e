//! What a run leaves behind: losses and gradient norms over time.

/// One point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Epochs completed.
    pub epoch: f64,
    /// Batches completed.
    pub step: u64,
    /// Loss on the train part, penalties included: the mean over the epoch's batches.
    pub train: f64,
    /// Loss on the test part at the end of the epoch, if there is one.
    pub test: Option<f64>,
}

/// The gradient of one weight over time.
#[derive(Clone, Debug, PartialEq)]
pub struct GradTrack {
    /// `hidden 1.weight`.
    pub label: String,
    /// Whether it is a buffer, which has no gradient, such as a running mean.
    pub buffer: bool,
    /// Step and ‖∂L/∂w‖.
    pub points: Vec<[f64; 2]>,
    /// Step and ‖Δw‖ / ‖w‖.
    pub ratio: Vec<[f64; 2]>,
}

/// Points kept of any curve; when there are more, every other one goes.
pub(super) const KEEP: usize = 2000;

/// Drops every other point of a curve that has grown too long; its last one stays.
pub(super) fn thin<T>(points: &mut Vec<T>) {
    if points.len() <= KEEP {
        return;
    }
    let last = points.len() - 1;
    let mut i = 0;
    points.retain(|_| {
        let keep = i % 2 == 0 || i == last;
        i += 1;
        keep
    });
}

/// The loss curve of a run that was left for another from an earlier place: the part after that place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ghost {
    /// Its points, from the last one that both runs have.
    pub points: Vec<Point>,
}

/// How much of a run is recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Batches completed at the earliest place that can be reached.
    pub from: u64,
    /// Batches completed at its end.
    pub to: u64,
    /// Number of states kept.
    pub states: usize,
    /// Memory they take.
    pub bytes: usize,
    /// Memory they may take.
    pub limit: usize,
    /// Changes by hand: after how many batches, and what.
    pub marks: Vec<(u64, String)>,
    /// Curves of runs left behind, latest first.
    pub ghosts: std::sync::Arc<Vec<Ghost>>,
    /// Where the worker is on its way to, in batches.
    pub goal: Option<u64>,
}
