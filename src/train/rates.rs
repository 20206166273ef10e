//! The loss against the learning rate, tried on a copy of the run while the run goes on.

use crate::graph::Graph;
use crate::train::halt::Halt;
use crate::train::{Errand, Limits, Session, TrainConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The test that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatesWant {
    /// The smallest rate.
    pub from: f64,
    /// The largest rate.
    pub to: f64,
    /// Rates, one batch each.
    pub steps: usize,
    /// Another number asks for it anew, from the weights of that moment.
    pub serial: u64,
    /// Whether it goes on; what it has found stays when it is stopped.
    pub running: bool,
}

struct Progress {
    points: Mutex<Vec<[f64; 2]>>,
    over: AtomicBool,
}

impl Progress {
    /// Whether the last rate was tried, or the window has said that it is enough.
    fn over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// What the test has found so far. It fills while it is looked at.
#[derive(Clone)]
pub struct Rates {
    /// What was asked for.
    pub want: RatesWant,
    /// The optimiser that was tried, in words.
    pub optimizer: String,
    /// Batches done by the run when the copy was taken.
    pub step: u64,
    progress: Arc<Progress>,
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rates of {}, {} batches each tried", self.points().len(), self.optimizer, self.want.steps)
    }
}

impl Rates {
    /// Rate and loss of every batch so far.
    pub fn points(&self) -> Vec<[f64; 2]> {
        self.progress.points.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Whether no more will come.
    pub fn over(&self) -> bool {
        self.progress.over()
    }
}

/// A test under way. Dropped, it stops.
pub struct RatesJob {
    rates: Arc<Rates>,
    halt: Halt,
    _errand: Errand<()>,
}

impl Drop for RatesJob {
    fn drop(&mut self) {
        self.halt.raise(true);
    }
}

impl RatesJob {
    /// Begins the test from the present weights of `session`, with a new optimiser of its settings.
    pub fn begin(session: &Session<f32>, want: &RatesWant) -> Self {
        // Every batch is a step, so that its loss is due to its rate.
        let config = session.config().clone();
        let config = TrainConfig { limits: Limits { accumulate: 1, ..config.limits }, zero_grad: true, ..config };
        let want = RatesWant { from: want.from.max(1e-12), to: want.to.max(want.from * 1.01), ..*want };
        let rates = Rates {
            want,
            optimizer: config.optimizer.label(),
            step: session.steps(),
            progress: Arc::new(Progress { points: Mutex::default(), over: AtomicBool::new(false) }),
        };
        let (graph, data): (Arc<Graph>, _) = (Arc::clone(session.graph()), session.data().cloned());
        let (weights, halt) = (session.weights().values.clone(), Halt::new());
        let (progress, flag) = (Arc::clone(&rates.progress), halt.clone());
        let work = move || {
            if let Ok(mut copy) = Session::<f32>::unwatched(graph, data, config) {
                copy.weights_mut().copy_from_slice(&weights);
                copy.set_halt(flag);
                copy.rate_range_while(want.from, want.to, want.steps, |p| {
                    progress.points.lock().unwrap_or_else(PoisonError::into_inner).push(p);
                    !progress.over()
                });
            }
            progress.over.store(true, Ordering::Release);
        };
        RatesJob { rates: Arc::new(rates), halt, _errand: Errand::run("rates", work, || ()) }
    }

    /// Ends it; what it has found stays.
    pub fn stop(&self) {
        self.halt.raise(true);
        self.rates.progress.over.store(true, Ordering::Release);
    }

    /// What it has found.
    pub fn rates(&self) -> Arc<Rates> {
        Arc::clone(&self.rates)
    }
}

/// The losses with noise taken out: means over neighbours, a fifteenth of all on each side, fewer at the ends.
pub fn smoothed(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let points: Vec<[f64; 2]> = points.iter().copied().filter(|p| p[1].is_finite()).collect();
    let reach = points.len() / 15;
    (0..points.len())
        .map(|k| {
            let side = reach.min(k).min(points.len() - 1 - k);
            let near = &points[k - side..=k + side];
            [points[k][0], near.iter().map(|p| p[1]).sum::<f64>() / near.len() as f64]
        })
        .collect()
}

/// The rate at which the loss falls most steeply over the logarithm of the rate, before it is smallest: there a step does
/// most, with distance from where it does harm. By the slope of a line through neighbours, least squares. `None` where
/// there are fewer than 10 points, or nothing falls by a fiftieth of the loss.
pub fn steepest(points: &[[f64; 2]]) -> Option<f64> {
    let smooth = smoothed(points);
    let low = (0..smooth.len()).min_by(|a, b| smooth[*a][1].total_cmp(&smooth[*b][1]))?;
    if smooth.len() < 10 || smooth[0][1] - smooth[low][1] < 0.02 * smooth[0][1].abs() {
        return None;
    }
    let reach = (smooth.len() / 20).max(2);
    let slope = |k: usize| {
        let near = &smooth[k.saturating_sub(reach)..(k + reach + 1).min(smooth.len())];
        let n = near.len() as f64;
        let (mx, my) = (near.iter().map(|p| p[0].ln()).sum::<f64>() / n, near.iter().map(|p| p[1]).sum::<f64>() / n);
        let along = near.iter().map(|p| (p[0].ln() - mx) * (p[1] - my)).sum::<f64>();
        along / near.iter().map(|p| (p[0].ln() - mx).powi(2)).sum::<f64>()
    };
    let best = (0..=low).min_by(|a, b| slope(*a).total_cmp(&slope(*b)))?;
    (slope(best) < 0.0).then(|| smooth[best][0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 − 1/(1 + (lr/0.01)⁻¹): steepest over ln lr at 0.01, then a wall from 1 on.
    fn curve(noise: f64) -> Vec<[f64; 2]> {
        let at = |k: i32| {
            let rate = 10f64.powf(-6.0 + 0.035 * f64::from(k));
            let wall = if rate > 1.0 { rate.ln() } else { 0.0 };
            let shake = noise * (f64::from(k) * 12.9898).sin();
            [rate, 2.0 - 1.0 / (1.0 + 0.01 / rate) + wall + shake]
        };
        (0..200).map(at).collect()
    }

    #[test]
    fn the_steepest_fall_of_a_known_curve_is_found_through_noise() {
        for noise in [0.0, 0.05] {
            let found = steepest(&curve(noise)).expect("it falls");
            assert!((found.log10() + 2.0).abs() < 0.25, "{found} with noise {noise}");
        }
        let flat: Vec<[f64; 2]> = curve(0.0).iter().map(|p| [p[0], 1.0]).collect();
        assert_eq!(steepest(&flat), None);
        let rising: Vec<[f64; 2]> = curve(0.0).iter().map(|p| [p[0], 1.0 + p[0]]).collect();
        assert_eq!(steepest(&rising), None);
        assert_eq!(steepest(&[[0.1, f64::NAN]; 20]), None);
        assert_eq!(steepest(&[]), None);
    }
}
