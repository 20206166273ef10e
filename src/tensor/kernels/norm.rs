//! Normalisation of blocks of neighbouring elements to mean 0 and variance 1, and its adjoint.
//!
//! With μ and the biased variance σ² of a block of n, x̂ = (x − μ)/√(σ² + ε) and z = γx̂ + β. As μ and σ depend on every
//! x of the block, g = γδ gives ∂L/∂x = (g − mean(g) − x̂ · mean(g x̂))/√(σ² + ε). Source: Ba, Kiros and Hinton 2016.

use super::elementwise::{CHUNK, blocks, chunks, sum, sum_zip};
use super::simd::vectorised;
use crate::tensor::Scalar;

/// How a tensor is cut into blocks, and which element of γ and β goes with which of its own.
#[derive(Clone, Copy, Debug)]
pub struct Norm {
    /// Elements of one block.
    pub block: usize,
    /// Blocks of one sample, each with weights of its own.
    pub groups: usize,
    /// Neighbouring elements that share a weight; divides `block`.
    pub shared: usize,
}

impl Norm {
    /// Weights of one block.
    fn weights(&self) -> usize {
        self.block / self.shared
    }

    /// Calls `f(element, weight)` for block `k`.
    #[inline(always)]
    fn weigh<S: Scalar>(&self, k: usize, w: &[S], block: &mut [S], f: impl Fn(&mut S, S)) {
        let w = &w[k % self.groups * self.weights()..][..self.weights()];
        if self.shared == 1 {
            block.iter_mut().zip(w).for_each(|(v, w)| f(v, *w));
        } else {
            for (run, w) in block.chunks_exact_mut(self.shared).zip(w) {
                run.iter_mut().for_each(|v| f(v, *w));
            }
        }
    }
}

/// `out = γ x̂ + β`; without weights γ is 1 and β is 0. `saved` gets μ and 1/√(σ² + ε) of each block.
pub fn forward<S: Scalar>(norm: &Norm, eps: f64, x: &[S], weights: Option<[&[S]; 2]>, out: &mut [S], saved: &mut [S]) {
    let n = norm.block;
    blocks(saved, 2, x.len(), |k, saved| {
        let x = &x[k * n..][..n];
        let mean = sum(x, |v| v) / S::of(n as f64);
        let var = sum(x, |v| (v - mean) * (v - mean)) / S::of(n as f64);
        saved.copy_from_slice(&[mean, S::one() / (var + S::of(eps)).sqrt()]);
    });
    blocks(out, n, x.len(), |k, out| {
        let (x, mean, scale) = (&x[k * n..][..n], saved[2 * k], saved[2 * k + 1]);
        vectorised(
            #[inline(always)]
            || {
                out.iter_mut().zip(x).for_each(|(z, x)| *z = (*x - mean) * scale);
                if let Some([gamma, beta]) = weights {
                    norm.weigh(k, gamma, out, |z, g| *z *= g);
                    norm.weigh(k, beta, out, |z, b| *z += b);
                }
            },
        );
    });
}

/// ∂L/∂x.
pub fn grad_input<S: Scalar>(norm: &Norm, x: &[S], gamma: Option<&[S]>, saved: &[S], delta: &[S], grad: &mut [S]) {
    let n = norm.block;
    blocks(grad, n, x.len(), |k, grad| {
        let (x, mean, scale) = (&x[k * n..][..n], saved[2 * k], saved[2 * k + 1]);
        grad.copy_from_slice(&delta[k * n..][..n]);
        if let Some(gamma) = gamma {
            vectorised(
                #[inline(always)]
                || norm.weigh(k, gamma, grad, |g, w| *g *= w),
            );
        }
        let flat = sum(grad, |g| g) / S::of(n as f64);
        let along = sum_zip(grad, x, |g, x| g * ((x - mean) * scale)) / S::of(n as f64);
        vectorised(
            #[inline(always)]
            || grad.iter_mut().zip(x).for_each(|(g, x)| *g = scale * (*g - flat - (*x - mean) * scale * along)),
        );
    });
}

/// ∂L/∂γ = Σ δx̂ with the statistics, ∂L/∂β = Σ δ without; samples are added in order.
pub fn grad_weight<S: Scalar>(norm: &Norm, x: &[S], saved: Option<&[S]>, delta: &[S], grad: &mut [S]) {
    let (all, shared) = (grad.len(), norm.shared);
    let sample = all * shared;
    chunks(grad, (CHUNK / 64 / shared).max(1), delta.len(), |start, part| {
        part.fill(S::zero());
        for n in 0..delta.len() / sample {
            let from = n * sample + start * shared;
            let delta = &delta[from..][..part.len() * shared];
            let Some(saved) = saved else {
                part.iter_mut().zip(delta.chunks_exact(shared)).for_each(|(g, d)| *g += sum(d, |d| d));
                continue;
            };
            let x = &x[from..][..part.len() * shared];
            // The part may begin and end within blocks.
            let mut at = 0;
            while at < part.len() {
                let k = (start + at) / norm.weights();
                let end = ((k + 1) * norm.weights() - start).min(part.len());
                let [mean, scale] = [0, 1].map(|i| saved[2 * (n * norm.groups + k) + i]);
                let (x, delta) = (&x[at * shared..end * shared], &delta[at * shared..end * shared]);
                let grad = &mut part[at..end];
                if shared == 1 {
                    vectorised(
                        #[inline(always)]
                        || {
                            for ((g, x), d) in grad.iter_mut().zip(x).zip(delta) {
                                *g += *d * ((*x - mean) * scale);
                            }
                        },
                    );
                } else {
                    let runs = x.chunks_exact(shared).zip(delta.chunks_exact(shared));
                    for (g, (x, d)) in grad.iter_mut().zip(runs) {
                        *g += sum_zip(d, x, |d, x| d * ((x - mean) * scale));
                    }
                }
                at = end;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;

    #[test]
    fn many_blocks_give_the_same_bits_on_any_number_of_threads() {
        for norm in [Norm { block: 200, groups: 1, shared: 1 }, Norm { block: 150, groups: 4, shared: 25 }] {
            let weights = norm.groups * norm.weights();
            let len = 500 * weights * norm.shared;
            let x: Vec<f32> = (0..len).map(|i| ((i * 7919) % 1013) as f32 * 1e-3).collect();
            let delta: Vec<f32> = x.iter().rev().copied().collect();
            let all = || {
                let (mut z, mut gx) = (vec![0.0; len], vec![0.0; len]);
                let (mut saved, mut gw) = (vec![0.0; 2 * len / norm.block], vec![0.0; weights]);
                forward(&norm, 1e-5, &x, None, &mut z, &mut saved);
                grad_input(&norm, &x, None, &saved, &delta, &mut gx);
                grad_weight(&norm, &x, Some(&saved), &delta, &mut gw);
                [z, gx, saved, gw]
            };
            let one = with_threads(1, all);
            assert_eq!(one, with_threads(3, all));
            // With the whole of delta on x̂: what γ gets is the product summed in another order.
            let total: f32 = one[0].iter().zip(&delta).map(|(z, d)| z * d).sum();
            assert!((total - one[3].iter().sum::<f32>()).abs() <= 1e-2 * total.abs().max(1.0), "{total}");
        }
    }
}
