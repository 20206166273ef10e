//! Lines of equal height on a square grid (marching squares).

/// Segments of the line at `level` on `size`×`size` heights, row by row, in shares of the square: `[0, 0]` is its upper
/// left corner. Squares with a height that is not known have no line. Each height stands in the middle of its cell.
pub fn contours(heights: &[f32], size: usize, level: f32) -> Vec<[[f32; 2]; 2]> {
    let mut lines = Vec::new();
    for r in 0..size.saturating_sub(1) {
        for c in 0..size - 1 {
            let corners = [(r, c), (r, c + 1), (r + 1, c + 1), (r + 1, c)];
            let h = corners.map(|(r, c)| heights[r * size + c]);
            if h.iter().any(|h| !h.is_finite()) {
                continue;
            }
            // Where the line crosses each of the four edges.
            let mut cuts: Vec<[f32; 2]> = Vec::with_capacity(4);
            for k in 0..4 {
                let (a, b) = (h[k], h[(k + 1) % 4]);
                if (a < level) != (b < level) {
                    let t = (level - a) / (b - a);
                    let (p, q) = (corners[k], corners[(k + 1) % 4]);
                    let between = |from: usize, to: usize| from as f32 + t * (to as f32 - from as f32) + 0.5;
                    cuts.push([between(p.1, q.1) / size as f32, between(p.0, q.0) / size as f32]);
                }
            }
            match cuts[..] {
                [a, b] => lines.push([a, b]),
                // A saddle: the middle says which corners belong together.
                [a, b, c, d] => {
                    let middle = h.iter().sum::<f32>() / 4.0;
                    let pairs = if (middle < level) == (h[0] < level) { [[a, b], [c, d]] } else { [[d, a], [b, c]] };
                    lines.extend(pairs);
                }
                _ => {}
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_slope_is_straight() {
        let heights: Vec<f32> = (0..16).map(|i| (i % 4) as f32).collect();
        let lines = contours(&heights, 4, 1.5);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().flatten().all(|p| (p[0] - 0.5).abs() < 1e-6), "{lines:?}");
    }

    #[test]
    fn a_saddle_has_two_lines_and_an_unknown_corner_none() {
        assert_eq!(contours(&[1.0, 0.0, 0.0, 1.0], 2, 0.4).len(), 2);
        assert!(contours(&[1.0, f32::NAN, 0.0, 1.0], 2, 0.5).is_empty());
        assert!(contours(&[1.0; 4], 2, 0.5).is_empty());
    }
}
