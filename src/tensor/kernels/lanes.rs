//! Numbers side by side in a vector register, for kernels that must place every one of them.

use super::team::Parts;
use pulp::Simd;

/// A number of which `width` fit into a register of the instruction set `A`.
pub trait Lanes: Copy + Sized + 'static {
    /// A register full.
    type Of<A: Simd>: Copy;
    /// How many fit.
    fn width<A: Simd>() -> usize;
    /// The same number in all places.
    fn splat<A: Simd>(a: A, x: Self) -> Self::Of<A>;
    /// `x · y + z`, rounded once where the processor can.
    fn fma<A: Simd>(a: A, x: Self::Of<A>, y: Self::Of<A>, z: Self::Of<A>) -> Self::Of<A>;
    /// The first numbers of `from`.
    ///
    /// # Panics
    /// If there are too few.
    fn load<A: Simd>(from: &[Self]) -> Self::Of<A>;
    /// Writes the first numbers of `to`.
    ///
    /// # Panics
    /// If there are too few.
    fn store<A: Simd>(x: Self::Of<A>, to: &mut [Self]);
    /// Writes the first `deep` rows of the transpose of a square of 16 by 16 whose rows lie `stride` apart into rows that
    /// begin at `at`, `pitch` apart; false where that is not written for the registers of this machine.
    ///
    /// # Safety
    /// Nobody else may have those places.
    ///
    /// # Panics
    /// If a number or its place is not there.
    #[inline(always)]
    unsafe fn turn(_from: &[Self], _stride: usize, _to: &Parts<Self>, _at: usize, _pitch: usize, _deep: usize) -> bool {
        false
    }
}

macro_rules! lanes {
    ($t:ty, $of:ident, $width:ident, $splat:ident, $fma:ident, $load:ident, $store:ident, $($more:item)*) => {
        impl Lanes for $t {
            type Of<A: Simd> = A::$of;
            #[inline(always)]
            fn width<A: Simd>() -> usize {
                A::$width
            }
            #[inline(always)]
            fn splat<A: Simd>(a: A, x: Self) -> A::$of {
                a.$splat(x)
            }
            #[inline(always)]
            fn fma<A: Simd>(a: A, x: A::$of, y: A::$of, z: A::$of) -> A::$of {
                a.$fma(x, y, z)
            }
            #[inline(always)]
            fn load<A: Simd>(from: &[Self]) -> A::$of {
                A::$load(&from[..A::$width]).0[0]
            }
            #[inline(always)]
            fn store<A: Simd>(x: A::$of, to: &mut [Self]) {
                A::$store(&mut to[..A::$width]).0[0] = x;
            }
            $($more)*
        }
    };
}

lanes!(
    f32,
    f32s,
    F32_LANES,
    splat_f32s,
    mul_add_e_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn turn(from: &[f32], stride: usize, to: &Parts<f32>, at: usize, pitch: usize, deep: usize) -> bool {
        // SAFETY: the caller's.
        unsafe { super::simd::turn(from, stride, to, at, pitch, deep) }
    }
);
lanes!(f64, f64s, F64_LANES, splat_f64s, mul_add_e_f64s, as_simd_f64s, as_mut_simd_f64s,);
