//! A line search for the strong Wolfe conditions, one evaluation at a time, as `torch.optim.lbfgs._strong_wolfe`.
//!
//! Along x + t·d it looks for a t with φ(t) ≤ φ(0) + c₁·t·φ′(0) and |φ′(t)| ≤ c₂·|φ′(0)|: first it goes outwards until
//! such a point is known to lie between two others, then it narrows them by cubic interpolation (Nocedal and Wright
//! 2006, algorithms 3.5 and 3.6).

/// c₁: the least share of the promised decrease.
const DECREASE: f64 = 1e-4;

/// A point of the line: how far, the loss, and its slope along the line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub t: f64,
    pub loss: f64,
    pub slope: f64,
}

/// What comes after an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Evaluate there.
    Try(f64),
    /// The search is over; the point chosen is end 0 or 1.
    Done(usize),
}

/// Where the gradient of the point just evaluated must be kept, before the search goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Keep {
    /// The end it belongs to, if any.
    pub at: Option<usize>,
    /// Whether the gradient of that end goes to the other one before.
    pub shifted: bool,
    /// Whether end 0 is where the line begins, again.
    pub restart: bool,
}

/// A search under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    /// Where it begins, at t = 0.
    pub start: Point,
    /// c₂: the share of the first slope that may be left.
    pub curvature: f64,
    /// Most evaluations after the first.
    pub most: usize,
    /// Evaluations after the first.
    pub iteration: usize,
    /// Largest |d|.
    pub length: f64,
    /// Smallest change of a weight that counts.
    pub tolerance: f64,
    /// The ends: while going outwards, the last point is end 0.
    pub ends: [Point; 2],
    /// Whether the ends enclose a point that will do.
    pub narrowing: bool,
    /// The end with the smaller loss.
    pub low: usize,
    /// Whether the last interpolation hardly moved.
    pub stuck: bool,
}

impl Line {
    /// A search that begins at `start`.
    pub fn new(start: Point, curvature: f64, most: usize, length: f64, tolerance: f64) -> Self {
        Line { start, curvature, most, length, tolerance, ends: [start; 2], ..Line::default() }
    }

    /// The point that was tried last has been evaluated.
    pub fn evaluated(&mut self, p: Point) -> (Keep, Next) {
        if self.narrowing {
            self.iteration += 1;
            return self.narrow(p);
        }
        let mut keep = Keep { at: Some(1), shifted: false, restart: false };
        if self.iteration >= self.most {
            self.ends = [self.start, p];
            keep.restart = true;
            return (keep, Next::Done(self.lower()));
        }
        let limit = self.start.loss + DECREASE * p.t * self.start.slope;
        let last = self.ends[0];
        if p.loss > limit || self.iteration > 1 && p.loss >= last.loss {
            return self.enclose(p, keep);
        }
        if p.slope.abs() <= -self.curvature * self.start.slope {
            self.ends[1] = p;
            return (keep, Next::Done(1));
        }
        if p.slope >= 0.0 {
            return self.enclose(p, keep);
        }
        let bounds = (p.t + 0.01 * (p.t - last.t), p.t * 10.0);
        let t = interpolate(last, p, bounds);
        self.ends[0] = p;
        self.iteration += 1;
        (Keep { at: Some(0), ..keep }, Next::Try(t))
    }

    fn lower(&self) -> usize {
        usize::from(self.ends[0].loss > self.ends[1].loss || self.ends.iter().any(|e| e.loss.is_nan()))
    }

    fn enclose(&mut self, p: Point, keep: Keep) -> (Keep, Next) {
        self.ends[1] = p;
        self.narrowing = true;
        self.low = self.lower();
        (keep, self.between())
    }

    /// The next point between the ends.
    fn between(&mut self) -> Next {
        let [a, b] = self.ends;
        if self.iteration >= self.most || (b.t - a.t).abs() * self.length < self.tolerance {
            return Next::Done(self.low);
        }
        let (least, most) = (a.t.min(b.t), a.t.max(b.t));
        let mut t = interpolate(a, b, (least, most));
        let margin = 0.1 * (most - least);
        if (most - t).min(t - least) < margin {
            if self.stuck || t >= most || t <= least {
                t = if (t - most).abs() < (t - least).abs() { most - margin } else { least + margin };
                self.stuck = false;
            } else {
                self.stuck = true;
            }
        } else {
            self.stuck = false;
        }
        Next::Try(t)
    }

    fn narrow(&mut self, p: Point) -> (Keep, Next) {
        let (low, high) = (self.low, 1 - self.low);
        let limit = self.start.loss + DECREASE * p.t * self.start.slope;
        if p.loss > limit || p.loss >= self.ends[low].loss {
            self.ends[high] = p;
            self.low = self.lower();
            return (Keep { at: Some(high), shifted: false, restart: false }, self.between());
        }
        let done = p.slope.abs() <= -self.curvature * self.start.slope;
        let shifted = !done && p.slope * (self.ends[high].t - self.ends[low].t) >= 0.0;
        if shifted {
            self.ends[high] = self.ends[low];
        }
        self.ends[low] = p;
        let keep = Keep { at: Some(low), shifted, restart: false };
        (keep, if done { Next::Done(low) } else { self.between() })
    }
}

/// The minimum of the cubic through two points and their slopes, held within `bounds`; their middle where there is none.
fn interpolate(a: Point, b: Point, (least, most): (f64, f64)) -> f64 {
    let d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = d1 * d1 - a.slope * b.slope;
    // As in PyTorch, NaN goes to the middle.
    if square.is_nan() || square < 0.0 {
        return (least + most) / 2.0;
    }
    let d2 = square.sqrt();
    let (near, far) = if a.t <= b.t { (a, b) } else { (b, a) };
    let at = far.t - (far.t - near.t) * ((far.slope + d2 - d1) / (far.slope - near.slope + 2.0 * d2));
    at.max(least).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_found_satisfies_both_conditions() {
        // φ(t) = (t − 3)⁴ / 4 + sin(5t) / 20, from several first guesses.
        let phi = |t: f64| Point {
            t,
            loss: (t - 3.0).powi(4) / 4.0 + (5.0 * t).sin() / 20.0,
            slope: (t - 3.0).powi(3) + (5.0 * t).cos() / 4.0,
        };
        for guess in [0.01, 0.5, 2.0, 4.0, 30.0] {
            let start = phi(0.0);
            let mut line = Line::new(start, 0.1, 25, 1.0, 1e-9);
            let (mut t, mut evaluations) = (guess, 0);
            let found = loop {
                evaluations += 1;
                match line.evaluated(phi(t)).1 {
                    Next::Try(next) => t = next,
                    Next::Done(end) => break line.ends[end],
                }
            };
            assert!(found.loss <= start.loss + DECREASE * found.t * start.slope, "from {guess}: {found:?}");
            assert!(found.slope.abs() <= 0.1 * start.slope.abs(), "from {guess}: {found:?}");
            assert!(evaluations <= 12, "from {guess}: {evaluations}");
        }
    }
}
