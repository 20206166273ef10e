//! Statistics of the channels of a batch, and what normalises by them. Every forward stands beside its adjoint.
//!
//! Sums of a plane are added in vector registers, those of the planes in double precision.

use super::elementwise::{CHUNK, PARALLEL, cut};
use super::scratch;
use super::simd::vectorised;
use super::team::pays;
use crate::tensor::Scalar;

/// A tensor N×C×L: `samples` × `channels` × `run`.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    /// Samples of the batch.
    pub samples: usize,
    /// Channels, which have statistics and weights of their own.
    pub channels: usize,
    /// Neighbouring elements of one channel.
    pub run: usize,
}

/// Sums kept side by side.
const LANES: usize = 32;

/// Adds `f(a, b)` to the lanes. They come and go by value, so that they stay in registers.
#[inline(always)]
fn add_runs<S: Scalar, const K: usize>(
    mut lanes: [[S; LANES]; K],
    a: &[[S; LANES]],
    b: &[[S; LANES]],
    f: impl Fn(S, S) -> [S; K],
) -> [[S; LANES]; K] {
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            let x = f(a[k], b[k]);
            for i in 0..K {
                lanes[i][k] += x[i];
            }
        }
    }
    lanes
}

impl Channels {
    /// Those of a tensor of rank 2 or more.
    pub fn of(shape: &[usize]) -> Self {
        Channels { samples: shape[0], channels: shape[1], run: shape[2..].iter().product() }
    }
    /// Numbers per channel.
    pub fn count(&self) -> usize {
        self.samples * self.run
    }
    fn parallel(&self) -> bool {
        pays(self.count() * self.channels, PARALLEL)
    }

    /// The `K` sums of `f(a, b)` over each channel, side by side in `sums`; `of(channel, sums before)` gives its `f`.
    fn sums<S: Scalar, const K: usize, F: Fn(S, S) -> [S; K]>(
        &self,
        [a, b]: [&[S]; 2],
        sums: &mut [f64],
        of: impl Fn(usize, f64) -> F + Sync,
    ) {
        let (run, step) = (self.run, self.channels * self.run);
        let several = (CHUNK / self.count().max(1)).max(1);
        cut(self.parallel(), sums, K * several, |part, sums| {
            for (k, sums) in sums.chunks_exact_mut(K).enumerate() {
                let c = part * several + k;
                let f = of(c, sums[0]);
                sums.fill(0.0);
                vectorised(
                    #[inline(always)]
                    || {
                        let mut lanes = [[S::zero(); LANES]; K];
                        let mut filled = 0;
                        for n in 0..self.samples {
                            let at = n * step + c * run;
                            let ((a, a_rest), (b, b_rest)) =
                                (a[at..][..run].as_chunks::<LANES>(), b[at..][..run].as_chunks::<LANES>());
                            lanes = add_runs(lanes, a, b, &f);
                            for (k, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
                                let (x, k) = (f(*a, *b), (filled + k) % LANES);
                                (0..K).for_each(|i| lanes[i][k] += x[i]);
                            }
                            filled += run;
                            // Short runs are added up across samples before they are folded.
                            if filled >= 512 || n + 1 == self.samples {
                                for (sum, lanes) in sums.iter_mut().zip(&lanes) {
                                    *sum += lanes.iter().map(|x| x.to64()).sum::<f64>();
                                }
                                (lanes, filled) = ([[S::zero(); LANES]; K], 0);
                            }
                        }
                    },
                );
            }
        });
    }

    /// Calls `f(channel, mean, squares)` in the order of the channels; squares is the sum of squared deviations.
    pub fn moments<S: Scalar>(&self, x: &[S], mut f: impl FnMut(usize, f64, f64)) {
        let count = self.count() as f64;
        scratch::with(2 * self.channels, |both: &mut [f64]| {
            let (means, sums) = both.split_at_mut(self.channels);
            self.sums([x, x], means, |_, _| |x: S, _| [x]);
            means.iter_mut().for_each(|s| *s /= count);
            sums.copy_from_slice(means);
            self.sums([x, x], sums, |_, mean| {
                let mean = S::of(mean);
                move |x: S, _| [(x - mean) * (x - mean)]
            });
            for (c, (mean, s)) in means.iter().zip(&*sums).enumerate() {
                f(c, *mean, *s);
            }
        });
    }

    /// Calls `f(channel, Σ δ, Σ δ x̂)` in the order of the channels, with x̂ = (x − mean) · scale.
    pub fn gradients<S: Scalar>(
        &self,
        [x, delta]: [&[S]; 2],
        [means, scales]: [&[S]; 2],
        mut f: impl FnMut(usize, f64, f64),
    ) {
        scratch::with(2 * self.channels, |sums: &mut [f64]| {
            self.sums([x, delta], sums, |c, _| {
                let (mean, scale) = (means[c], scales[c]);
                move |x: S, d: S| [d, d * ((x - mean) * scale)]
            });
            sums.chunks_exact(2).enumerate().for_each(|(c, s)| f(c, s[0], s[1]));
        });
    }

    /// `out = f(weights of the channel, a, b)` for each element of two tensors.
    pub fn each<S: Scalar, const K: usize>(
        &self,
        weights: [&[S]; K],
        [a, b]: [&[S]; 2],
        out: &mut [S],
        f: impl Fn([S; K], S, S) -> S + Sync,
    ) {
        let (run, step) = (self.run, self.channels * self.run);
        let several = (CHUNK / step.max(1)).max(1) * step;
        cut(self.parallel(), out, several.max(1), |part, out| {
            let from = part * several;
            let (a, b) = (&a[from..][..out.len()], &b[from..][..out.len()]);
            vectorised(
                #[inline(always)]
                || {
                    if run == 1 {
                        let rows = a.chunks_exact(step).zip(b.chunks_exact(step));
                        for (out, (a, b)) in out.chunks_exact_mut(step).zip(rows) {
                            let weights = weights.map(|w| &w[..step]);
                            for c in 0..step {
                                out[c] = f(weights.map(|w| w[c]), a[c], b[c]);
                            }
                        }
                        return;
                    }
                    let runs = a.chunks_exact(run).zip(b.chunks_exact(run));
                    for (k, (out, (a, b))) in out.chunks_exact_mut(run).zip(runs).enumerate() {
                        let weights = weights.map(|w| w[k % self.channels]);
                        for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                            *out = f(weights, *a, *b);
                        }
                    }
                },
            );
        });
    }
}
