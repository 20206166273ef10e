//! Precision, recall and F₁ of every class, from a confusion matrix.

/// How well one class is found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassScore {
    /// Share of the samples said to be of the class that are; 0 if none was said to be.
    pub precision: f64,
    /// Share of the samples of the class that were said to be; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of both, 2PR / (P + R); 0 if both are 0.
    pub f1: f64,
}

/// The scores of every class of a confusion matrix whose rows are true classes, as scikit-learn with
/// `zero_division=0`.
pub fn class_scores(confusion: &[Vec<u32>]) -> Vec<ClassScore> {
    let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
    let score = |(k, row): (usize, &Vec<u32>)| {
        let hit = row.get(k).copied().map_or(0.0, f64::from);
        let said: f64 = confusion.iter().filter_map(|r| r.get(k)).copied().map(f64::from).sum();
        let are: f64 = row.iter().copied().map(f64::from).sum();
        let (precision, recall) = (share(hit, said), share(hit, are));
        ClassScore { precision, recall, f1: share(2.0 * precision * recall, precision + recall) }
    };
    confusion.iter().enumerate().map(score).collect()
}

/// The mean of the scores of all classes, each counted once.
pub fn macro_score(scores: &[ClassScore]) -> ClassScore {
    let mean = |get: fn(&ClassScore) -> f64| scores.iter().map(get).sum::<f64>() / scores.len().max(1) as f64;
    ClassScore { precision: mean(|s| s.precision), recall: mean(|s| s.recall), f1: mean(|s| s.f1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_small_matrix_and_of_a_class_that_never_comes() {
        let scores = class_scores(&[vec![3, 1, 0], vec![2, 4, 0], vec![0, 0, 0]]);
        assert!((scores[0].precision - 0.6).abs() < 1e-12 && (scores[0].recall - 0.75).abs() < 1e-12);
        assert!((scores[0].f1 - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(scores[2], ClassScore::default());
        assert!((macro_score(&scores).precision - (0.6 + 0.8) / 3.0).abs() < 1e-12);
    }
}
