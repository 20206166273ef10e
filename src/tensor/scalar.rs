//! The two number types the engine runs in.

use crate::tensor::kernels::lanes::Lanes;
use ndarray::NdFloat;
use std::cell::RefCell;

/// A floating-point element: `f32` to train, `f64` to check gradients with the very same code.
pub trait Scalar: NdFloat + std::iter::Sum + Default + Lanes {
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Nearest value of this type.
    fn of(x: f64) -> Self;
    /// Exact widening to `f64`.
    fn to64(self) -> f64;
    /// This number as that of an element of an axis of length `n`; `None` if it is none of `0..n`.
    fn index(self, n: usize) -> Option<usize> {
        let x = self.to64();
        (x >= 0.0 && x < n as f64 && x.fract() == 0.0).then_some(x as usize)
    }
    /// Calls `f` with the buffers that this thread keeps for later use.
    fn shelf<R>(f: impl FnOnce(&mut Vec<Vec<Self>>) -> R) -> R;
    /// eˣ, in a form that vectorises where there is one.
    #[inline(always)]
    fn fast_exp(self) -> Self {
        self.exp()
    }
    /// tanh x, in a form that vectorises where there is one.
    #[inline(always)]
    fn fast_tanh(self) -> Self {
        self.tanh()
    }
    /// The error function, used by the exact GELU.
    fn erf(self) -> Self {
        Self::of(crate::tensor::kernels::special::erf(self.to64()))
    }
}

impl Scalar for f32 {
    const NAME: &'static str = "f32";
    fn shelf<R>(f: impl FnOnce(&mut Vec<Vec<f32>>) -> R) -> R {
        thread_local!(static SHELF: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) });
        SHELF.with_borrow_mut(f)
    }
    fn of(x: f64) -> Self {
        x as f32
    }
    fn to64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn fast_exp(self) -> f32 {
        crate::tensor::kernels::simd::exp32(self)
    }
    #[inline(always)]
    fn fast_tanh(self) -> f32 {
        crate::tensor::kernels::simd::tanh32(self)
    }
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";
    fn shelf<R>(f: impl FnOnce(&mut Vec<Vec<f64>>) -> R) -> R {
        thread_local!(static SHELF: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) });
        SHELF.with_borrow_mut(f)
    }
    fn of(x: f64) -> Self {
        x
    }
    fn to64(self) -> f64 {
        self
    }
}

/// The Euclidean norm √Σx², added up in double precision.
pub fn norm<S: Scalar>(data: &[S]) -> f64 {
    data.iter().map(|x| x.to64() * x.to64()).sum::<f64>().sqrt()
}
