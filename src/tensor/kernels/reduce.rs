//! Sums, largest elements and deviations over axes. `gone[d]` says whether axis `d` is reduced.

use super::broadcast::sum_fold;
use super::elementwise::{CHUNK, chunks};
use super::heed;
use super::nest::{Fold, Nest};
use crate::tensor::Scalar;

/// Loops over a tensor of this shape and one of the reduced shape.
fn each_axis(shape: &[usize], gone: &[bool], mut f: impl FnMut(usize, [usize; 2], bool)) {
    debug_assert_eq!(shape.len(), gone.len());
    let mut below: usize = shape.iter().product();
    let mut kept: usize = shape.iter().zip(gone).map(|(n, g)| if *g { 1 } else { *n }).product();
    for (&n, &g) in shape.iter().zip(gone) {
        below /= n.max(1);
        if !g {
            kept /= n.max(1);
        }
        f(n, [below, if g { 0 } else { kept }], g);
    }
}

fn loops(shape: &[usize], gone: &[bool]) -> Fold<3> {
    let mut fold = Fold::new();
    each_axis(shape, gone, |n, [x, r], g| fold.push(n, [x, r, 0], g));
    fold
}

/// `out = scale · Σ x` over the axes that are gone.
pub fn sum<S: Scalar>(shape: &[usize], x: &[S], gone: &[bool], scale: S, out: &mut [S]) {
    let zero = [S::zero()];
    let mut fold = Fold::new();
    each_axis(shape, gone, |n, [x, _], g| fold.push(n, [x, 0, 0], g));
    sum_fold(&fold, [x, &zero, &zero], out, |x, _, _| x);
    if scale != S::one() {
        for o in out {
            *o *= scale;
        }
    }
}

/// The adjoint of [`sum`]: every element gets `scale` times the gradient of the sum it went into.
pub fn sum_back<S: Scalar>(shape: &[usize], grad_out: &[S], gone: &[bool], scale: S, grad: &mut [S]) {
    spread(shape, gone, grad, |_, r| grad_out[r] * scale);
}

/// `out = Σ (x − mean)²` over the axes that are gone; `mean` has the shape of the output.
pub fn deviations<S: Scalar>(shape: &[usize], x: &[S], mean: &[S], gone: &[bool], out: &mut [S]) {
    let zero = [S::zero()];
    sum_fold(&loops(shape, gone), [x, mean, &zero], out, |x, m, _| (x - m) * (x - m));
}

/// The largest element over the axes that are gone, and how many are as large. NaN counts as the largest.
pub fn max<S: Scalar>(shape: &[usize], x: &[S], gone: &[bool], out: &mut [S], ties: &mut [S]) {
    let fold = loops(shape, gone);
    let (base, step) = (fold.kept.step()[0], fold.gone.step()[0]);
    chunks(out, (CHUNK / fold.gone.len().max(1)).max(1), x.len(), |start, part| {
        fold.kept.runs(start..start + part.len(), |i, n, at| {
            for j in 0..n {
                let mut best = S::neg_infinity();
                fold.gone.runs(0..fold.gone.len(), |_, m, inner| {
                    let from = at[0] + j * base + inner[0];
                    for v in x[from..].iter().step_by(step.max(1)).take(m) {
                        if *v > best || v.is_nan() {
                            best = *v;
                        }
                    }
                });
                part[i - start + j] = best;
            }
        });
    });
    let same = |x: S, best: S| if x == best || (x.is_nan() && best.is_nan()) { S::one() } else { S::zero() };
    let zero = [S::zero()];
    sum_fold(&fold, [x, out, &zero], ties, |x, best, _| same(x, best));
}

/// `out[i] = f(i, r)` for each element `i` of a tensor of this shape, which goes into element `r` of the reduced one.
pub fn spread<S: Scalar>(shape: &[usize], gone: &[bool], out: &mut [S], f: impl Fn(usize, usize) -> S + Sync) {
    let mut nest = Nest::<1>::new();
    each_axis(shape, gone, |n, [_, r], _| nest.push(n, [r]));
    let [step] = nest.step();
    chunks(out, CHUNK, nest.len(), |start, part| {
        nest.runs(start..start + part.len(), |i, n, [r]| {
            for (j, o) in part[i - start..][..n].iter_mut().enumerate() {
                *o = f(i + j, r + j * step);
            }
        });
    });
}

/// `out[j] = Σᵢ x[i, j]`: the sum of the rows of a row-major matrix.
pub fn column_sums<S: Scalar>(x: &[S], out: &mut [S]) {
    out.fill(S::zero());
    let n = out.len().max(1);
    heed::pieces(x.len() / n, n, |rows| {
        super::simd::vectorised(
            #[inline(always)]
            || {
                for row in x[rows.start * n..rows.end * n].chunks_exact(n) {
                    for (o, v) in out.iter_mut().zip(row) {
                        *o += *v;
                    }
                }
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;
    use proptest::prelude::*;

    /// Element of the reduced tensor that element `i` goes into.
    fn goes_into(mut i: usize, shape: &[usize], gone: &[bool]) -> usize {
        let (mut at, mut stride) = (0, 1);
        for (n, g) in shape.iter().zip(gone).rev() {
            at += if *g { 0 } else { i % n * stride };
            stride *= if *g { 1 } else { *n };
            i /= n;
        }
        at
    }

    fn agree(shape: &[usize], gone: &[bool]) {
        let n: usize = shape.iter().product();
        let m: usize = shape.iter().zip(gone).map(|(n, g)| if *g { 1 } else { *n }).product();
        let x: Vec<f64> = (0..n).map(|i| ((i * 7) % 13) as f64 - 6.0).collect();
        let r: Vec<usize> = (0..n).map(|i| goes_into(i, shape, gone)).collect();
        let (mut sums, mut best, mut ties, mut square) =
            (vec![0.0; m], vec![f64::NEG_INFINITY; m], vec![0.0; m], vec![0.0; m]);
        for i in 0..n {
            sums[r[i]] += 2.0 * x[i];
            best[r[i]] = x[i].max(best[r[i]]);
            square[r[i]] += (x[i] - r[i] as f64) * (x[i] - r[i] as f64);
        }
        (0..n).for_each(|i| ties[r[i]] += f64::from(x[i] == best[r[i]]));
        let mean: Vec<f64> = (0..m).map(|r| r as f64).collect();
        let (mut s, mut b, mut t, mut q) = (vec![f64::NAN; m], vec![f64::NAN; m], vec![f64::NAN; m], vec![f64::NAN; m]);
        sum(shape, &x, gone, 2.0, &mut s);
        max(shape, &x, gone, &mut b, &mut t);
        deviations(shape, &x, &mean, gone, &mut q);
        assert_eq!((s, b, t, q), (sums, best, ties, square), "{shape:?} {gone:?}");
        let mut back = vec![f64::NAN; n];
        sum_back(shape, &mean, gone, 3.0, &mut back);
        assert!((0..n).all(|i| back[i] == 3.0 * r[i] as f64), "{shape:?} {gone:?}");
    }

    proptest! {
        #[test]
        fn any_axes_agree_with_the_definition(axes in prop::collection::vec((1usize..6, any::<bool>()), 0..6)) {
            let (shape, gone): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
            agree(&shape, &gone);
        }
    }

    #[test]
    fn large_ones_agree_too_and_have_the_same_bits_on_any_number_of_threads() {
        for (shape, gone) in [
            (&[300, 400][..], &[true, false][..]),
            (&[300, 400], &[false, true]),
            (&[300, 400], &[true, true]),
            (&[30, 40, 100], &[true, false, true]),
            (&[30, 40, 100], &[false, true, false]),
        ] {
            agree(shape, gone);
            let x: Vec<f32> = (0..120_000).map(|i| ((i * 7919) % 1013) as f32 * 1e-3 - 0.3).collect();
            let m: usize = shape.iter().zip(gone).map(|(n, g)| if *g { 1 } else { *n }).product();
            let all = || {
                let (mut s, mut back) = (vec![0.0; m], vec![0.0; x.len()]);
                sum(shape, &x, gone, 0.1, &mut s);
                sum_back(shape, &s, gone, 0.1, &mut back);
                s.iter().chain(&back).map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let one = with_threads(1, all);
            assert_eq!(one, with_threads(2, all));
            assert_eq!(one, with_threads(5, all));
        }
    }

    #[test]
    fn a_nan_is_the_largest() {
        let (mut best, mut ties) = ([0.0], [0.0]);
        max(&[3], &[1.0, f64::NAN, 2.0], &[true], &mut best, &mut ties);
        assert!(best[0].is_nan() && ties == [1.0]);
    }
}
