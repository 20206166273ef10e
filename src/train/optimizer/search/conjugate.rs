//! Nonlinear conjugate gradients (Polak and Ribière 1969, held at 0 as in Nocedal and Wright 2006, section 5.2).

use super::{Method, Search, Settings, dot};
use crate::ops::Value;
use crate::tensor::Scalar;
use crate::train::described::{About, whole};
use crate::train::optimizer::shared::{lr, tolerance};
use crate::train::optimizer::{MOST, Rule, unused};

pub static CONJUGATE: Rule = Rule {
    about: About {
        id: "cg",
        variant: "ConjugateGradients",
        label: "Conjugate gradients",
        doc: "Goes down along directions that do not undo each other, as far as a line search says. For small problems: \
              every batch is the whole train part, and one evaluation of the loss; no weight can have a rate or \
              decay of its own.",
        params: &[
            lr(|| Value::Float(1.0)),
            whole("max_eval", (2, 1000), || Value::Int(25), "Most evaluations of the loss along one direction."),
            tolerance("tolerance_grad", || Value::Float(1e-7), "Nothing moves once no gradient is larger."),
            tolerance(
                "tolerance_change",
                || Value::Float(1e-9),
                "Smallest change of a weight or the loss that counts.",
            ),
        ],
    },
    buffers: |_| 0,
    clash: |_| None,
    single: unused::<f32>,
    double: unused::<f64>,
    search: Some(Method::Conjugate),
};

pub fn settings(p: &[f64; MOST]) -> Settings {
    let [_, evaluations, tolerance_grad, tolerance_change, ..] = *p;
    // Directions stay conjugate only along lines that are searched well.
    Settings {
        iterations: usize::MAX,
        evaluations: usize::MAX,
        tolerance_grad,
        tolerance_change,
        history: 0,
        curvature: Some(0.1),
        line: evaluations as usize,
    }
}

/// The first length that a line search tries: that which would gain as much as the last one did. The first of a run is
/// for the rate to say.
pub fn first_length(last: f64, slope_before: f64, slope: f64, rate: f64) -> f64 {
    let t = last * slope_before / slope;
    if t.is_finite() && t > 0.0 { t } else { rate }
}

impl<S: Scalar> Search<S> {
    /// d ← −g + β·d with β = max(0, gᵀ(g − g₋) / g₋ᵀg₋); −g where that would not go down.
    pub(super) fn conjugate_direction(&mut self, grad: &[S]) {
        let size = dot(&self.before, &self.before);
        let change = dot(grad, grad) - dot(grad, &self.before);
        let beta = if self.total > 1 && size > 0.0 { (change / size).max(0.0) } else { 0.0 };
        for (d, g) in self.direction.iter_mut().zip(grad) {
            *d = S::of(beta) * *d - *g;
        }
        if dot(grad, &self.direction) >= 0.0 {
            for (d, g) in self.direction.iter_mut().zip(grad) {
                *d = -*g;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::largest;
    use super::*;
    use crate::train::Optimizer;

    /// ½ xᵀAx − bᵀx with eigenvalues far apart.
    const A: [[f64; 4]; 4] = [[8.0, 1.0, 0.0, 2.0], [1.0, 5.0, -1.0, 0.0], [0.0, -1.0, 3.0, 0.5], [2.0, 0.0, 0.5, 1.5]];
    const B: [f64; 4] = [1.0, -2.0, 3.0, 0.5];

    fn times(x: &[f64]) -> Vec<f64> {
        A.iter().map(|row| dot(row, x)).collect()
    }

    fn gradient(x: &[f64]) -> Vec<f64> {
        times(x).iter().zip(B).map(|(a, b)| a - b).collect()
    }

    #[test]
    fn a_quadratic_in_four_dimensions_ends_after_four_exact_lines() {
        let p = Optimizer::named("cg").expect("it is listed").numbers();
        let mut search = Search::<f64>::new(Method::Conjugate, &p, 4);
        let mut x = [3.0, -1.0, 2.0, 0.0];
        let mut lines: Vec<Vec<f64>> = Vec::new();
        let mut left = Vec::new();
        for _ in 0..4 {
            let g = gradient(&x);
            search.total += 1;
            search.conjugate_direction(&g);
            search.before.copy_from_slice(&g);
            let d = search.direction.clone();
            // Directions are conjugate: dᵢᵀA dⱼ = 0.
            for before in &lines {
                assert!(dot(&times(before), &d).abs() < 1e-9, "{before:?} and {d:?}");
            }
            let t = -dot(&g, &d) / dot(&times(&d), &d);
            x.iter_mut().zip(&d).for_each(|(x, d)| *x += t * d);
            lines.push(d);
            left.push(largest(&gradient(&x)));
        }
        assert!(left[2] > 1e-3 && left[3] < 1e-10, "largest gradient after each line: {left:?}");
    }
}
