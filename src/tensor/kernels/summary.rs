//! What is said of a tensor in one line, for tensors of any size.

use super::elementwise::{CHUNK, PARALLEL};
use super::scratch;
use super::simd::vectorised;
use super::team::{Parts, pays, share};
use crate::tensor::{Scalar, Stats};

/// Figures of a piece: smallest, largest, sum, sum of squares, finite elements, zeros.
const FIGURES: usize = 6;
/// Figures kept side by side.
const LANES: usize = 8;

fn piece<S: Scalar>(data: &[S]) -> [f64; FIGURES] {
    vectorised(
        #[inline(always)]
        || {
            let mut lanes = [[f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0, 0.0, 0.0].map(|x| [x; LANES])];
            let lanes = &mut lanes[0];
            let mut add = |k: usize, x: f64| {
                let finite = x.is_finite();
                let v = if finite { x } else { 0.0 };
                lanes[0][k] = if finite && x < lanes[0][k] { x } else { lanes[0][k] };
                lanes[1][k] = if finite && x > lanes[1][k] { x } else { lanes[1][k] };
                lanes[2][k] += v;
                lanes[3][k] += v * v;
                lanes[4][k] += if finite { 1.0 } else { 0.0 };
                lanes[5][k] += if x == 0.0 { 1.0 } else { 0.0 };
            };
            let (body, rest) = data.as_chunks::<LANES>();
            for x in body {
                (0..LANES).for_each(|k| add(k, x[k].to64()));
            }
            rest.iter().enumerate().for_each(|(k, x)| add(k, x.to64()));
            joined(
                lanes[0]
                    .iter()
                    .zip(&lanes[1])
                    .zip(lanes[2].iter().zip(&lanes[3]))
                    .zip(lanes[4].iter().zip(&lanes[5]))
                    .map(|(((a, b), (c, d)), (e, f))| [*a, *b, *c, *d, *e, *f]),
            )
        },
    )
}

/// Several figures as one, in their order.
#[inline(always)]
fn joined(all: impl Iterator<Item = [f64; FIGURES]>) -> [f64; FIGURES] {
    all.fold([f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0, 0.0, 0.0], |a, b| {
        [a[0].min(b[0]), a[1].max(b[1]), a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5]]
    })
}

/// Statistics of many numbers; how they are added up depends on their number alone. Where [`super::heed::stopped`] says
/// so, the rest is left out.
pub fn summary<S: Scalar>(data: &[S]) -> Stats {
    let count = data.len().div_ceil(CHUNK);
    let all = scratch::with(count * FIGURES, |figures: &mut [f64]| {
        figures.fill(0.0);
        let parts = Parts::of(figures, FIGURES);
        let task = |k: usize| {
            let figures = piece(&data[k * CHUNK..data.len().min((k + 1) * CHUNK)]);
            // SAFETY: every task has a part of its own.
            unsafe { parts.get(k) }.copy_from_slice(&figures);
        };
        if pays(data.len(), PARALLEL) {
            share(count, &task)
        } else {
            (0..count).for_each(task)
        }
        joined(figures.as_chunks().0.iter().copied())
    });
    let [min, max, sum, squares, finite, zeros] = all;
    let bad = data.len() - finite as usize;
    if finite == 0.0 {
        return Stats { bad, ..Stats::default() };
    }
    Stats { min, max, mean: sum / finite, norm: squares.sqrt(), bad, zeros: zeros as usize }
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;

    #[test]
    fn many_numbers_are_told_as_few_are_and_alike_on_any_number_of_threads() {
        let data: Vec<f32> = (0..200_003)
            .map(|i| match i % 1000 {
                7 => f32::NAN,
                8 => f32::NEG_INFINITY,
                9 => 0.0,
                _ => ((i * 7919) % 1013) as f32 - 500.0,
            })
            .collect();
        let stats = with_threads(1, || summary(&data));
        assert_eq!(stats, with_threads(3, || summary(&data)));
        let finite: Vec<f64> = data.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x)).collect();
        assert_eq!((stats.min, stats.max, stats.bad), (-500.0, 512.0, data.len() - finite.len()));
        assert_eq!(stats.zeros, finite.iter().filter(|x| **x == 0.0).count());
        let (sum, squares): (f64, f64) = (finite.iter().sum(), finite.iter().map(|x| x * x).sum());
        assert!((stats.mean * finite.len() as f64 - sum).abs() < 1e-6 && (stats.norm - squares.sqrt()).abs() < 1e-6);
        assert_eq!(summary(&[f32::NAN; 5000]), Stats { bad: 5000, ..Stats::default() });
    }
}
