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
