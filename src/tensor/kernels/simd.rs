//! Loops compiled for the vector registers of this machine, and the functions they need without branches.

use super::lanes::Lanes;
use super::team::Parts;
use pulp::Arch;
use std::marker::PhantomData;
use std::sync::LazyLock;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs `f` in a copy that was compiled for the widest vectors of this machine (AVX-512, AVX2, or the baseline).
///
/// The order of operations is that of the source on each of them, so the bits are the same.
#[inline(always)]
pub fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    ARCH.dispatch(f)
}

/// Runs a kernel that is written for registers of any width on the widest of this machine.
#[inline(always)]
pub(super) fn with<K: pulp::WithSimd>(kernel: K) -> K::Output {
    ARCH.dispatch(kernel)
}

/// Tells how many numbers fit into a register.
struct Width<S>(PhantomData<S>);
impl<S: Lanes> pulp::WithSimd for Width<S> {
    type Output = usize;
    #[inline(always)]
    fn with_simd<A: pulp::Simd>(self, _: A) -> usize {
        S::width::<A>()
    }
}

/// How many numbers fit into the widest registers.
pub(super) fn width<S: Lanes>() -> usize {
    with(Width::<S>(PhantomData))
}

/// The registers of half the length, where `n` numbers do not fill more than one of those.
#[cfg(target_arch = "x86_64")]
fn half<S: Lanes>(n: usize) -> Option<pulp::x86::V3> {
    match *ARCH {
        Arch::V4(_) if n <= S::width::<pulp::x86::V3>() => pulp::x86::V3::try_new(),
        _ => None,
    }
}

/// As [`with`], for rows of `n` numbers: registers twice as long would be half empty.
#[inline(always)]
pub(super) fn with_for<S: Lanes, K: pulp::WithSimd>(n: usize, kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(half) = half::<S>(n) {
        return pulp::Simd::vectorize(half, kernel);
    }
    with(kernel)
}

/// How many numbers fit into the registers that [`with_for`] chooses.
pub(super) fn width_for<S: Lanes>(n: usize) -> usize {
    with_for::<S, _>(n, Width::<S>(PhantomData))
}

/// Calls `len` numbers from `at` on into the cache, as far as they are there.
#[inline(always)]
pub(super) fn prefetch<S>(data: &[S], at: usize, len: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (at..(at + len).min(data.len())).step_by(64 / size_of::<S>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it reads nothing that could be seen, and the address lies in the slice.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(data.as_ptr().add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, at, len);
}

/// [`Lanes::turn`] with AVX-512. Call it inside [`vectorised`].
///
/// # Safety
/// Nobody else may have the places that are written.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn turn(from: &[f32], stride: usize, to: &Parts<f32>, at: usize, pitch: usize, deep: usize) -> bool {
    use std::arch::x86_64::{__m512, __m512d};
    let Arch::V4(v4) = *ARCH else { return false };
    let a = v4.avx512f;
    let pairs = |x: __m512, y: __m512| [a._mm512_unpacklo_ps(x, y), a._mm512_unpackhi_ps(x, y)];
    let fours = |x: __m512, y: __m512| -> [__m512; 2] {
        let (x, y): (__m512d, __m512d) = (pulp::cast(x), pulp::cast(y));
        [pulp::cast(a._mm512_unpacklo_pd(x, y)), pulp::cast(a._mm512_unpackhi_pd(x, y))]
    };
    let quarters = |x, y| [a._mm512_shuffle_f32x4::<0x88>(x, y), a._mm512_shuffle_f32x4::<0xdd>(x, y)];
    let mut rows = [pulp::cast::<_, __m512>([0f32; 16]); 16];
    for (r, row) in rows.iter_mut().enumerate() {
        *row = pulp::cast(*from[r * stride..].first_chunk::<16>().expect("a row of the square"));
    }
    // Within each quarter of the registers, squares of 4 by 4 are turned; then the quarters change places.
    for i in (0..16).step_by(4) {
        let [[p, q], [r, s]] = [pairs(rows[i], rows[i + 1]), pairs(rows[i + 2], rows[i + 3])];
        [rows[i], rows[i + 1]] = fours(p, r);
        [rows[i + 2], rows[i + 3]] = fours(q, s);
    }
    for k in 0..4 {
        let [[p, q], [r, s]] = [quarters(rows[k], rows[k + 4]), quarters(rows[k + 8], rows[k + 12])];
        [rows[k], rows[k + 8]] = quarters(p, r);
        [rows[k + 4], rows[k + 12]] = quarters(q, s);
    }
    for (r, row) in rows.into_iter().enumerate() {
        if r >= deep {
            break;
        }
        // SAFETY: the caller's.
        let to = unsafe { to.range(at + r * pitch..at + r * pitch + 16) };
        to.copy_from_slice(&pulp::cast::<_, [f32; 16]>(row));
    }
    true
}

/// Adding and subtracting this rounds a number below 2²² to a whole one.
const ROUND: f32 = 12_582_912.0;

/// eˣ to 2 units in the last place, without branches: x = n ln 2 + r, eˣ = 2ⁿ eʳ. The polynomial for eʳ on
/// |r| ≤ ½ ln 2 is that of Cephes `expf` (Moshier 1992). Below −87.3 the result is 0, above 88.7 infinity.
#[inline(always)]
pub fn exp32(x: f32) -> f32 {
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let e = p * (r * r) + r + 1.0;
    // 2ⁿ in two factors, as n may be 128.
    let bits = (n + ROUND).to_bits();
    let half = (bits as i32).wrapping_sub(ROUND.to_bits() as i32) >> 1;
    let rest = (bits as i32).wrapping_sub(ROUND.to_bits() as i32) - half;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) as u32) << 23);
    let y = e * power(half) * power(rest);
    let y = if x < -87.33 { 0.0 } else { y };
    let y = if x > 88.72 { f32::INFINITY } else { y };
    if x.is_nan() { x } else { y }
}

/// tanh x to 2 units in the last place, without branches: an odd polynomial below 0.625 (Cephes `tanhf`),
/// 1 − 2/(e²ˣ + 1) above.
#[inline(always)]
pub fn tanh32(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_909e-2;
    p = p * z - 5.373_971_4e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let small = p * z * a + a;
    let large = 1.0 - 2.0 / (exp32(2.0 * a) + 1.0);
    let y = if a < 0.625 { small } else { large };
    let y = y.copysign(x);
    if x.is_nan() { x } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units in the last place of the exact value.
    fn ulps(got: f32, exact: f64) -> f64 {
        let unit = f64::from((exact as f32).abs().max(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON) / 2.0;
        (f64::from(got) - exact).abs() / unit.max(f64::from(f32::from_bits(1)))
    }

    #[test]
    fn exp_and_tanh_are_accurate_over_the_whole_range() {
        let (mut worst_exp, mut worst_tanh) = (0.0f64, 0.0f64);
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            worst_exp = worst_exp.max(ulps(exp32(x), f64::from(x).exp()));
            let t = x * 0.11;
            worst_tanh = worst_tanh.max(ulps(tanh32(t), f64::from(t).tanh()));
        }
        assert!(worst_exp <= 4.0 && worst_tanh <= 4.0, "half units: exp {worst_exp}, tanh {worst_tanh}");
    }

    #[test]
    fn the_ends_are_those_of_the_standard_library() {
        assert_eq!((exp32(0.0), exp32(-200.0), exp32(200.0)), (1.0, 0.0, f32::INFINITY));
        assert_eq!((exp32(f32::NEG_INFINITY), exp32(f32::INFINITY)), (0.0, f32::INFINITY));
        assert_eq!((tanh32(0.0), tanh32(50.0), tanh32(-50.0)), (0.0, 1.0, -1.0));
        assert_eq!((tanh32(f32::INFINITY), tanh32(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(exp32(f32::NAN).is_nan() && tanh32(f32::NAN).is_nan());
        assert!(tanh32(-0.0).is_sign_negative());
    }
}
