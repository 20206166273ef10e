//! Elementwise operations on two tensors whose shapes stretch to a common one, as NumPy does.

use crate::tensor::Scalar;

/// How one operand's elements repeat over the output.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Repeat {
    /// The same shape as the output.
    Same,
    /// One number.
    Scalar,
    /// The last axes of the output; repeats every `.0` elements.
    Rows(usize),
    /// Anything else: index by index.
    General,
}

fn repeat(shape: &[usize], out: &[usize]) -> Repeat {
    let len: usize = shape.iter().product();
    if shape == out {
        Repeat::Same
    } else if len == 1 {
        Repeat::Scalar
    } else {
        let trimmed: &[usize] = &shape[shape.iter().take_while(|n| **n == 1).count()..];
        if out.ends_with(trimmed) { Repeat::Rows(len) } else { Repeat::General }
    }
}

/// Position in a tensor of shape `shape` that is broadcast to element `i` of `out`.
fn source(mut i: usize, shape: &[usize], out: &[usize]) -> usize {
    let (mut at, mut stride) = (0, 1);
    for (k, n) in out.iter().enumerate().rev() {
        let digit = i % n;
        i /= n;
        if let Some(d) = (k + shape.len()).checked_sub(out.len()) {
            if shape[d] != 1 {
                at += digit * stride;
            }
            stride *= shape[d];
        }
    }
    at
}

fn at(i: usize, how: Repeat, shape: &[usize], out: &[usize]) -> usize {
    match how {
        Repeat::Same => i,
        Repeat::Scalar => 0,
        Repeat::Rows(n) => i % n,
        Repeat::General => source(i, shape, out),
    }
}

/// `out[i] = f(a, b)` with `a` and `b` stretched to the shape of the output.
pub fn zip<S: Scalar>(
    a: (&[usize], &[S]),
    b: (&[usize], &[S]),
    out: (&[usize], &mut [S]),
    f: impl Fn(S, S) -> S + Sync,
) {
    let (ra, rb) = (repeat(a.0, out.0), repeat(b.0, out.0));
    match (ra, rb) {
        (Repeat::Same, Repeat::Same) => super::elementwise::zip(a.1, b.1, out.1, f),
        (Repeat::Same, Repeat::Rows(n)) => {
            for (o, x) in out.1.chunks_mut(n).zip(a.1.chunks(n)) {
                for ((o, x), y) in o.iter_mut().zip(x).zip(b.1) {
                    *o = f(*x, *y);
                }
            }
        }
        _ => {
            for (i, o) in out.1.iter_mut().enumerate() {
                *o = f(a.1[at(i, ra, a.0, out.0)], b.1[at(i, rb, b.0, out.0)]);
            }
        }
    }
}

/// The adjoint of stretching: `grad[j]` is the sum of `f(i)` over all elements `i` of `out` that come from `j`.
pub fn sum_back<S: Scalar>(shape: &[usize], out: &[usize], grad: &mut [S], f: impl Fn(usize) -> S) {
    let how = repeat(shape, out);
    if how == Repeat::Same {
        for (i, g) in grad.iter_mut().enumerate() {
            *g = f(i);
        }
        return;
    }
    grad.fill(S::zero());
    for i in 0..out.iter().product() {
        grad[at(i, how, shape, out)] += f(i);
    }
}

/// Where element `i` of the output finds its operand.
pub fn index(i: usize, shape: &[usize], out: &[usize]) -> usize {
    at(i, repeat(shape, out), shape, out)
}
