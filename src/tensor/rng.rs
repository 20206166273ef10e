//! Seeded random numbers: one independent stream per use, the same on every machine.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// The stream of random numbers numbered `stream` under `seed`. Streams do not overlap in practice.
pub fn stream(seed: u64, stream: u64) -> Pcg64 {
    Pcg64::seed_from_u64(mix(seed, stream))
}

/// The seed numbered `stream` under `seed`.
pub fn mix(seed: u64, stream: u64) -> u64 {
    // SplitMix64's finaliser keeps neighbouring (seed, stream) pairs apart.
    let mut z = seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How the elements of a new weight are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Every element is this number.
    Constant(f64),
    /// Uniform on `[lo, hi)`.
    Uniform(f64, f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
}

impl Init {
    /// Draws `n` elements from `rng`.
    pub fn draw(self, n: usize, rng: &mut Pcg64) -> Vec<f64> {
        (0..n)
            .map(|_| match self {
                Init::Constant(c) => c,
                Init::Uniform(lo, hi) => lo + (hi - lo) * rng.random::<f64>(),
                Init::Normal(mean, std) => mean + std * normal(rng),
            })
            .collect()
    }
}

/// One standard normal number (Box–Muller; `1 − u` keeps the logarithm finite).
pub fn normal(rng: &mut Pcg64) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
