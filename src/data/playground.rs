//! TensorFlow Playground's data sets, by its recipes (Smilkov and Carter 2016, `dataset.ts`).

use crate::data::Set;
use crate::tensor::{normal, stream};
use rand::RngExt as _;
use rand_pcg::Pcg64;

/// A point of the plane and its label: ±1 for a class, else a number.
pub type Labelled = ([f64; 2], f64);

/// `samples` points of `set` with noise 0 to 0.5.
pub fn points(set: Set, samples: usize, noise: f64, seed: u64) -> Vec<Labelled> {
    let mut rng = stream(seed, 0x706c_6179);
    let half = samples / 2;
    match set {
        Set::Circle => {
            let mut out = circle(&mut rng, half, 0.0, 2.5, noise);
            out.extend(circle(&mut rng, samples - half, 3.5, 5.0, noise));
            out
        }
        Set::Xor => (0..samples).map(|_| xor(&mut rng, noise)).collect(),
        Set::Gauss => {
            let variance = 0.5 + noise * 7.0;
            let mut blob = |n: usize, c: f64, label: f64| -> Vec<Labelled> {
                (0..n)
                    .map(|_| ([c + variance.sqrt() * normal(&mut rng), c + variance.sqrt() * normal(&mut rng)], label))
                    .collect()
            };
            let mut out = blob(half, 2.0, 1.0);
            out.extend(blob(samples - half, -2.0, -1.0));
            out
        }
        Set::Spiral => {
            let mut out = spiral(&mut rng, half, 0.0, 1.0, noise);
            out.extend(spiral(&mut rng, samples - half, std::f64::consts::PI, -1.0, noise));
            out
        }
        Set::Plane => (0..samples)
            .map(|_| {
                let p = [uniform(&mut rng, 6.0), uniform(&mut rng, 6.0)];
                let (nx, ny) = (uniform(&mut rng, 6.0) * noise, uniform(&mut rng, 6.0) * noise);
                (p, (p[0] + nx + p[1] + ny) / 10.0)
            })
            .collect(),
        Set::MultiGauss => (0..samples)
            .map(|_| {
                let p = [uniform(&mut rng, 6.0), uniform(&mut rng, 6.0)];
                let at = [p[0] + uniform(&mut rng, 6.0) * noise, p[1] + uniform(&mut rng, 6.0) * noise];
                (p, multi_gauss(at))
            })
            .collect(),
    }
}

/// Uniform on [−`r`, `r`).
fn uniform(rng: &mut Pcg64, r: f64) -> f64 {
    (rng.random::<f64>() * 2.0 - 1.0) * r
}

/// The label is that of the point moved by the noise; the point itself stays.
fn circle(rng: &mut Pcg64, n: usize, from: f64, to: f64, noise: f64) -> Vec<Labelled> {
    (0..n)
        .map(|_| {
            let r = from + (to - from) * rng.random::<f64>();
            let angle = rng.random::<f64>() * std::f64::consts::TAU;
            let p = [r * angle.sin(), r * angle.cos()];
            let moved = [p[0] + uniform(rng, 5.0) * noise, p[1] + uniform(rng, 5.0) * noise];
            (p, if moved[0].hypot(moved[1]) < 2.5 { 1.0 } else { -1.0 })
        })
        .collect()
}

fn xor(rng: &mut Pcg64, noise: f64) -> Labelled {
    let pad = |v: f64| v + if v > 0.0 { 0.3 } else { -0.3 };
    let p = [pad(uniform(rng, 5.0)), pad(uniform(rng, 5.0))];
    let moved = [p[0] + uniform(rng, 5.0) * noise, p[1] + uniform(rng, 5.0) * noise];
    (p, if moved[0] * moved[1] >= 0.0 { 1.0 } else { -1.0 })
}

fn spiral(rng: &mut Pcg64, n: usize, turn: f64, label: f64, noise: f64) -> Vec<Labelled> {
    (0..n)
        .map(|i| {
            let share = i as f64 / n as f64;
            let (r, t) = (5.0 * share, 1.75 * share * std::f64::consts::TAU + turn);
            ([r * t.sin() + uniform(rng, 1.0) * noise, r * t.cos() + uniform(rng, 1.0) * noise], label)
        })
        .collect()
}

/// The value of largest magnitude among six cones of alternating sign.
fn multi_gauss(p: [f64; 2]) -> f64 {
    let centres =
        [(-4.0, 2.5, 1.0), (0.0, 2.5, -1.0), (4.0, 2.5, 1.0), (-4.0, -2.5, -1.0), (0.0, -2.5, 1.0), (4.0, -2.5, -1.0)];
    centres.iter().fold(0.0, |best: f64, (x, y, sign)| {
        let v = sign * (1.0 - (p[0] - x).hypot(p[1] - y) / 2.0).clamp(0.0, 1.0);
        if v.abs() > best.abs() { v } else { best }
    })
}
