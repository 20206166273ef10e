//! Learning rates tried on a copy of a run.

use super::session;
use chainrule::train::{RatesJob, RatesWant, steepest};
use std::time::{Duration, Instant};

fn finished(job: &RatesJob) -> Vec<[f64; 2]> {
    let begun = Instant::now();
    while !job.rates().over() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never ends");
        std::hint::spin_loop();
    }
    job.rates().points()
}

#[test]
fn a_copy_is_tried_and_the_run_stays() {
    let mut s = session("iris");
    (0..7).for_each(|_| _ = s.step());
    let before = (s.export_weights(), s.run_state(), s.rate());
    let want = RatesWant { from: 1e-5, to: 10.0, steps: 120, serial: 1, running: true };
    let points = finished(&RatesJob::begin(&s, &want));
    assert_eq!((s.export_weights(), s.run_state(), s.rate()), before);
    assert!((points[0][0] - 1e-5).abs() < 1e-12 && points.windows(2).all(|w| w[0][0] < w[1][0]));
    assert!(steepest(&points).is_some_and(|r| (1e-4..1.0).contains(&r)), "{:?}", steepest(&points));
    // The loss of the first batch is that of the weights of this moment.
    let again = finished(&RatesJob::begin(&s, &want));
    assert_eq!(points, again, "the same copy, the same numbers");
}

#[test]
fn stopped_it_keeps_what_it_has_found() {
    let s = session("iris");
    let want = RatesWant { from: 1e-9, to: 1e-8, steps: 100_000_000, serial: 1, running: true };
    let job = RatesJob::begin(&s, &want);
    let begun = Instant::now();
    while job.rates().points().len() < 20 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing comes");
        std::hint::spin_loop();
    }
    job.stop();
    assert!(job.rates().over() && job.rates().points().len() >= 20);
}
