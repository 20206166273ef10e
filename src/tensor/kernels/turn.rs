//! Transposition in squares that stay in registers.

use super::simd::vectorised;
use super::team::Parts;
use crate::tensor::Scalar;

/// Side of the squares that are turned where 16 by 16 numbers are not there or find no registers.
const SIDE: usize = 8;

/// The transpose, in three rounds that each interleave the rows of the halves; so written, it becomes shuffles.
#[inline(always)]
fn turned<S: Scalar>(mut square: [[S; SIDE]; SIDE]) -> [[S; SIDE]; SIDE] {
    for _ in 0..3 {
        let mut next = square;
        for r in 0..SIDE / 2 {
            let (a, b) = (square[r], square[r + SIDE / 2]);
            next[2 * r] = [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]];
            next[2 * r + 1] = [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]];
        }
        square = next;
    }
    square
}

/// The transpose of a square of up to [`SIDE`] rows, each of them perhaps shorter; what is missing is zero.
#[inline(always)]
fn turned_rows<'a, S: Scalar>(rows: impl Iterator<Item = &'a [S]>) -> [[S; SIDE]; SIDE] {
    let mut square = [[S::zero(); SIDE]; SIDE];
    for (to, from) in square.iter_mut().zip(rows) {
        match from.first_chunk() {
            Some(all) => *to = *all,
            None => to[..from.len()].copy_from_slice(from),
        }
    }
    turned(square)
}

/// Writes a row of a square, or as much of it as there is room for.
#[inline(always)]
fn put<S: Scalar>(row: &[S; SIDE], to: &mut [S]) {
    match to.first_chunk_mut() {
        Some(all) => *all = *row,
        None => to.copy_from_slice(&row[..to.len()]),
    }
}

/// Writes the transpose of `rows` × `cols` numbers. Row i begins at `i * stride` in `from`; row j of the result begins at
/// `first + j * pitch`, and where it is longer than `rows`, up to `lanes`, zeros follow.
///
/// # Safety
/// Nobody else may have those places.
///
/// # Panics
/// If a number or its place is not there.
pub(super) unsafe fn transpose<S: Scalar>(
    from: &[S],
    stride: usize,
    rows: usize,
    cols: usize,
    to: &Parts<S>,
    [first, pitch, lanes]: [usize; 3],
) {
    const WIDE: usize = 16;
    vectorised(
        #[inline(always)]
        || {
            for i in (0..lanes).step_by(WIDE) {
                for j in (0..cols).step_by(WIDE) {
                    // Rows are read to the end of a register, but no more is written than there are columns.
                    if i + WIDE <= rows && (i + WIDE - 1) * stride + j + WIDE <= from.len() {
                        let (from, at) = (&from[i * stride + j..], first + j * pitch + i);
                        // SAFETY: the caller says so, and every place is of one square only.
                        if unsafe { S::turn(from, stride, to, at, pitch, WIDE.min(cols - j)) } {
                            continue;
                        }
                    }
                    for i in (i..lanes.min(i + WIDE)).step_by(SIDE) {
                        for j in (j..cols.min(j + WIDE)).step_by(SIDE) {
                            let (own, deep) = (i.min(rows)..rows.min(i + SIDE), SIDE.min(cols - j));
                            let square = turned_rows(own.map(|r| &from[r * stride + j..][..deep]));
                            for (c, row) in square.iter().enumerate().take(deep) {
                                let at = first + (j + c) * pitch + i;
                                // SAFETY: as above.
                                put(row, unsafe { to.range(at..at + SIDE.min(lanes - i)) });
                            }
                        }
                    }
                }
            }
        },
    );
}

/// Turns channels × places into places × channels; those that are missing up to `lanes` are zeros. Channels are `apart`
/// in `g`, and there are as many places as `to` has room for.
pub(super) fn turn<S: Scalar>(g: &[S], apart: usize, channels: usize, lanes: usize, to: &mut [S]) {
    let places = to.len() / lanes;
    // SAFETY: `to` is borrowed by nobody else.
    unsafe { transpose(g, apart, channels, places, &Parts::of(to, 1), [0, lanes, lanes]) };
}

#[cfg(test)]
mod tests {
    use crate::tensor::Scalar;

    fn check<S: Scalar>(channels: usize, places: usize, lanes: usize) {
        let g: Vec<S> = (0..channels * places).map(|i| S::of(i as f64 + 1.0)).collect();
        let mut to = vec![S::nan(); places * lanes];
        super::turn(&g, places, channels, lanes, &mut to);
        let at = |p: usize, o: usize| if o < channels { g[o * places + p] } else { S::zero() };
        assert!((0..places * lanes).all(|i| to[i] == at(i / lanes, i % lanes)), "{channels} {places} {lanes}");
    }

    #[test]
    fn every_number_finds_its_place() {
        for (channels, places, lanes) in
            [(1, 1, 4), (6, 100, 8), (16, 9, 16), (20, 17, 32), (3, 8, 4), (33, 50, 36), (32, 48, 32)]
        {
            check::<f64>(channels, places, lanes);
            check::<f32>(channels, places, lanes);
        }
    }
}
