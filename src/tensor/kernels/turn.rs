//! Transposition in squares that stay in registers.

use super::simd::vectorised;
use crate::tensor::Scalar;

/// Side of the squares that are turned at once.
pub(super) const SIDE: usize = 8;

/// The transpose, in three rounds that each interleave the rows of the halves; so written, it becomes shuffles.
#[inline(always)]
pub(super) fn turned<S: Scalar>(mut square: [[S; SIDE]; SIDE]) -> [[S; SIDE]; SIDE] {
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
pub(super) fn turned_rows<'a, S: Scalar>(rows: impl Iterator<Item = &'a [S]>) -> [[S; SIDE]; SIDE] {
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
pub(super) fn put<S: Scalar>(row: &[S; SIDE], to: &mut [S]) {
    match to.first_chunk_mut() {
        Some(all) => *all = *row,
        None => to.copy_from_slice(&row[..to.len()]),
    }
}

/// Turns channels × places into places × channels; those that are missing up to `lanes` are zeros.
pub(super) fn turn<S: Scalar>(g: &[S], channels: usize, lanes: usize, to: &mut [S]) {
    let places = g.len() / channels;
    vectorised(
        #[inline(always)]
        || {
            let to = &mut to[..places * lanes];
            // Rows of channels are often a power of two apart and then share lines of the cache, so few are read at once.
            for o in (0..lanes).step_by(SIDE) {
                for (b, to) in to.chunks_mut(SIDE * lanes).enumerate() {
                    let (at, n) = (b * SIDE, to.len() / lanes);
                    let own = o.min(channels)..channels.min(o + SIDE);
                    let square = turned_rows(own.map(|o| &g[o * places + at..][..n]));
                    for (row, to) in square.iter().zip(to.chunks_exact_mut(lanes)) {
                        put(row, &mut to[o..]);
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_number_finds_its_place() {
        for (channels, places, lanes) in [(1, 1, 4), (6, 100, 8), (16, 9, 16), (20, 17, 32), (3, 8, 4)] {
            let g: Vec<f64> = (0..channels * places).map(|i| i as f64 + 1.0).collect();
            let mut to = vec![f64::NAN; places * lanes];
            super::turn(&g, channels, lanes, &mut to);
            let at = |p: usize, o: usize| if o < channels { g[o * places + p] } else { 0.0 };
            assert!((0..places * lanes).all(|i| to[i] == at(i / lanes, i % lanes)), "{channels} {places} {lanes}");
        }
    }
}
