//! Elementwise operations on two tensors whose shapes stretch to a common one, as NumPy does, and their adjoints.

use super::elementwise::{CHUNK, LANES, LEAF, chunks, fold, sum_ranges};
use super::nest::{Fold, Nest};
use crate::tensor::Scalar;
use std::array::from_fn;

/// A tensor as its shape and its elements.
pub type Operand<'a, S> = (&'a [usize], &'a [S]);

/// What one operand is along the innermost loop.
enum Side<'a, S> {
    /// The elements of a row.
    Row(&'a [S]),
    /// One number that repeats.
    One(S),
}

fn side<S: Scalar>(data: &[S], at: usize, step: usize, n: usize) -> Side<'_, S> {
    if step == 0 { Side::One(data[at]) } else { Side::Row(&data[at..at + n]) }
}

/// Compiles the loop for each of the four cases of two sides, so that the innermost loop has no branch.
macro_rules! sides {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $body:expr) => {
        match ($a, $b) {
            (Side::Row(a), Side::Row(b)) => {
                let ($x, $y) = (|i: usize| a[i], |i: usize| b[i]);
                $body
            }
            (Side::Row(a), Side::One(b)) => {
                let ($x, $y) = (|i: usize| a[i], |_: usize| b);
                $body
            }
            (Side::One(a), Side::Row(b)) => {
                let ($x, $y) = (|_: usize| a, |i: usize| b[i]);
                $body
            }
            (Side::One(a), Side::One(b)) => {
                let ($x, $y) = (|_: usize| a, |_: usize| b);
                $body
            }
        }
    };
}

/// `out[i] = f(a, b)` with `a` and `b` stretched to the shape of the output.
pub fn zip<S: Scalar>(a: Operand<S>, b: Operand<S>, out: (&[usize], &mut [S]), f: impl Fn(S, S) -> S + Sync) {
    let nest = Nest::stretched(out.0, [a.0, b.0]);
    let step = nest.step();
    chunks(out.1, CHUNK, nest.len(), |start, part| {
        nest.runs(start..start + part.len(), |i, n, at| {
            let out = &mut part[i - start..][..n];
            sides!(side(a.1, at[0], step[0], n), side(b.1, at[1], step[1], n), |x, y| for i in 0..n {
                out[i] = f(x(i), y(i));
            });
        });
    });
}

/// The adjoint of stretching: each element of `grad`, shaped `shape`, is the sum of `f(δ, a, b)` over all elements of
/// the output that come from it.
///
/// `delta` has the shape of the output; `a` and `b` stretch to it. One that has no elements counts as 0.
pub fn zip_back<S: Scalar>(
    (shape, grad): (&[usize], &mut [S]),
    delta: Operand<S>,
    a: Operand<S>,
    b: Operand<S>,
    f: impl Fn(S, S, S) -> S + Sync,
) {
    let zero = [S::zero()];
    let read = |x: &Operand<'_, S>| !x.1.is_empty();
    let shapes = [delta.0, if read(&a) { a.0 } else { &[] }, if read(&b) { b.0 } else { &[] }];
    let data = [delta.1, if read(&a) { a.1 } else { &zero }, if read(&b) { b.1 } else { &zero }];
    sum_fold(&Fold::stretched(delta.0, shapes, shape), data, grad, f);
}

/// `out = Σ f(x, a, b)` over the loops of `fold` that are gone. `x` must be contiguous.
pub(super) fn sum_fold<S: Scalar>(loops: &Fold<3>, data: [&[S]; 3], out: &mut [S], f: impl Fn(S, S, S) -> S + Sync) {
    let (kept, gone) = (&loops.kept, &loops.gone);
    let terms = gone.len();
    if terms == 0 {
        return out.fill(S::zero());
    }
    // Each result is added up in one order wherever the results are cut.
    let several = (CHUNK / terms).max(16);
    chunks(out, several, kept.len() * terms, |start, part| {
        let range = start..start + part.len();
        let step = (kept.step(), gone.step());
        if loops.inner_gone {
            kept.runs(range, |i, n, at| {
                for j in 0..n {
                    let base: [usize; 3] = from_fn(|k| at[k] + j * step.0[k]);
                    part[i - start + j] = sum_ranges(terms, LEAF, &|range| {
                        let mut lanes = [S::zero(); LANES];
                        gone.runs(range, |_, n, at| add_run(&mut lanes, data, add(base, at), step.1, n, &f));
                        fold(lanes)
                    });
                }
            });
        } else {
            kept.runs(range, |i, n, base| {
                let (out, mut first) = (&mut part[i - start..][..n], true);
                gone.runs(0..terms, |_, m, at| {
                    for j in 0..m {
                        let at = add(base, from_fn(|k| at[k] + j * step.1[k]));
                        add_row(out, data, at, step.0, first, &f);
                        first = false;
                    }
                });
            });
        }
    });
}

fn add(a: [usize; 3], b: [usize; 3]) -> [usize; 3] {
    from_fn(|k| a[k] + b[k])
}

/// Adds up `n` neighbours, several at a time.
fn add_run<S: Scalar>(
    lanes: &mut [S; LANES],
    data: [&[S]; 3],
    at: [usize; 3],
    step: [usize; 3],
    n: usize,
    f: impl Fn(S, S, S) -> S,
) {
    let x = &data[0][at[0]..][..n];
    sides!(side(data[1], at[1], step[1], n), side(data[2], at[2], step[2], n), |a, b| {
        let body = n / LANES * LANES;
        for i in (0..body).step_by(LANES) {
            for k in 0..LANES {
                lanes[k] += f(x[i + k], a(i + k), b(i + k));
            }
        }
        for i in body..n {
            lanes[i - body] += f(x[i], a(i), b(i));
        }
    });
}

/// Adds one row to a row of results, or writes it where it is the first.
fn add_row<S: Scalar>(
    out: &mut [S],
    data: [&[S]; 3],
    at: [usize; 3],
    step: [usize; 3],
    first: bool,
    f: impl Fn(S, S, S) -> S,
) {
    let n = out.len();
    let x = &data[0][at[0]..][..n];
    sides!(side(data[1], at[1], step[1], n), side(data[2], at[2], step[2], n), |a, b| if first {
        for i in 0..n {
            out[i] = f(x[i], a(i), b(i));
        }
    } else {
        for i in 0..n {
            out[i] += f(x[i], a(i), b(i));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::elementwise::tests::with_threads;
    use super::*;
    use proptest::prelude::*;

    /// Position in a tensor of shape `shape` that is stretched to element `i` of `out`.
    fn source(mut i: usize, shape: &[usize], out: &[usize]) -> usize {
        let (mut at, mut stride) = (0, 1);
        for (k, n) in out.iter().enumerate().rev() {
            let digit = i % n;
            i /= n;
            if let Some(d) = (k + shape.len()).checked_sub(out.len()) {
                at += if shape[d] == 1 { 0 } else { digit * stride };
                stride *= shape[d];
            }
        }
        at
    }

    /// Whole numbers, so that sums are exact in any order.
    fn whole(n: usize, salt: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7 + salt) % 13) as f64 - 6.0).collect()
    }

    fn agree(a: &[usize], b: &[usize]) {
        let rank = a.len().max(b.len());
        let axis = |s: &[usize], i: usize| (i + s.len()).checked_sub(rank).map_or(1, |k| s[k]);
        let out: Vec<usize> = (0..rank).map(|i| axis(a, i).max(axis(b, i))).collect();
        let len = |s: &[usize]| s.iter().product::<usize>();
        let (x, y, g) = (whole(len(a), 1), whole(len(b), 5), whole(len(&out), 3));
        let mut z = vec![f64::NAN; len(&out)];
        zip((a, &x), (b, &y), (&out, &mut z), |x, y| 10.0 * x + y);
        let (mut dx, mut dy) = (vec![f64::NAN; x.len()], vec![f64::NAN; y.len()]);
        zip_back((a, &mut dx), (&out, &g), (a, &x), (b, &y), |g, a, b| g * b + a);
        zip_back((b, &mut dy), (&out, &g), (a, &x), (b, &[]), |g, a, b| g * a + b);
        let (mut wx, mut wy) = (vec![0.0; x.len()], vec![0.0; y.len()]);
        for i in 0..z.len() {
            let (p, q) = (source(i, a, &out), source(i, b, &out));
            assert_eq!(z[i], 10.0 * x[p] + y[q], "{a:?} and {b:?} at {i}");
            wx[p] += g[i] * y[q] + x[p];
            wy[q] += g[i] * x[p];
        }
        assert_eq!((dx, dy), (wx, wy), "{a:?} and {b:?}");
    }

    #[test]
    fn fast_cases_agree_with_the_definition() {
        for (a, b) in [
            (&[4, 6][..], &[4, 6][..]),
            (&[4, 6], &[]),
            (&[], &[]),
            (&[5, 8], &[8]),
            (&[5, 8], &[5, 1]),
            (&[70, 1], &[1, 40]),
            (&[3, 2, 30], &[2, 1]),
            (&[2, 3, 2, 2, 3], &[3, 1, 2, 1]),
            (&[300, 300], &[300]),
            (&[300, 300], &[300, 1]),
            (&[90_000], &[1]),
            (&[2, 2, 2, 2, 2, 2, 2, 2, 2, 2], &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1]),
        ] {
            agree(a, b);
            agree(b, a);
        }
    }

    proptest! {
        #[test]
        fn any_two_shapes_that_stretch_agree_with_the_definition(
            axes in prop::collection::vec((1usize..6, 0u8..3), 0..6), drop_a in 0usize..4, drop_b in 0usize..4,
        ) {
            let a: Vec<usize> = axes.iter().map(|(n, how)| if *how == 1 { 1 } else { *n }).skip(drop_a).collect();
            let b: Vec<usize> = axes.iter().map(|(n, how)| if *how == 2 { 1 } else { *n }).skip(drop_b).collect();
            agree(&a, &b);
        }
    }

    #[test]
    fn the_bits_are_the_same_on_any_number_of_threads() {
        for (a, b) in
            [(&[700, 200][..], &[200][..]), (&[700, 200], &[700, 1]), (&[140_000], &[]), (&[35, 4, 1000], &[4, 1])]
        {
            let numbers = |n: usize| (0..n).map(|i| ((i * 7919) % 1013) as f32 * 1e-3 - 0.3).collect::<Vec<_>>();
            let (x, y) = (numbers(a.iter().product()), numbers(b.iter().product()));
            let all = || {
                let (mut z, mut dy) = (vec![0.0; x.len()], vec![0.0; y.len()]);
                zip((a, &x), (b, &y), (a, &mut z), |x, y| x * y);
                zip_back((b, &mut dy), (a, &z), (a, &x), (b, &y), |g, a, _| g * a);
                z.iter().chain(&dy).map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            let one = with_threads(1, all);
            assert_eq!(one, with_threads(2, all));
            assert_eq!(one, with_threads(5, all));
        }
    }
}
