//! What the order of the answers is worth, whatever the threshold: top-k accuracy and the area under the ROC curve.

/// The k of top-k accuracies, where there are more classes.
const TOP: [usize; 2] = [2, 5];
/// Answers kept for the areas; with more there are none, as sorting them would hold training up.
const MOST: usize = 1 << 23;

/// Collects the answers to all samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// Numbers per answer; 1 for the second of two classes alone.
    width: usize,
    /// Hits among the first k, for each k.
    hits: [u32; TOP.len()],
    classes: Vec<u32>,
    scores: Vec<f64>,
}

/// What they are worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Worth {
    /// k, and the share of the samples whose class is among the k best answers.
    pub top: Vec<(usize, f64)>,
    /// Area under the ROC curve of each class against the rest.
    pub auc: Vec<f64>,
}

impl Ranking {
    /// Adds the answer to a sample of a class.
    ///
    /// Several numbers are compared between samples as probabilities: where they are none, their softmax is taken.
    pub fn add(&mut self, class: usize, answer: &[f64]) {
        self.width = answer.len();
        if let Some(own) = answer.get(class).filter(|x| !x.is_nan()) {
            // As in the accuracy, the first of equal answers counts.
            let before = answer.iter().enumerate().filter(|(k, x)| *x > own || *x == own && *k < class).count();
            for (hits, k) in self.hits.iter_mut().zip(TOP) {
                *hits += u32::from(before < k);
            }
        }
        self.classes.push(u32::try_from(class).unwrap_or(u32::MAX));
        if self.classes.len() * self.width > MOST {
            self.scores = Vec::new();
            return;
        }
        let sum: f64 = answer.iter().sum();
        let shares = answer.iter().all(|x| *x >= 0.0) && (sum - 1.0).abs() < 1e-3;
        if self.width == 1 || shares {
            return self.scores.extend_from_slice(answer);
        }
        let most = answer.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = answer.iter().map(|x| (x - most).exp()).sum();
        self.scores.extend(answer.iter().map(|x| (x - most).exp() / sum));
    }

    /// What the answers are worth, for `classes` classes.
    pub fn finish(self, classes: usize) -> Worth {
        let n = f64::from(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        let top = TOP.iter().zip(self.hits).filter(|(k, _)| self.width > 1 && **k < classes);
        let top = top.map(|(k, hits)| (*k, f64::from(hits) / n)).collect();
        let column = |k: usize| {
            // One number speaks for the second class, and the other way round for the first.
            let (at, sign) = if self.width == 1 { (0, if k == 0 { -1.0 } else { 1.0 }) } else { (k, 1.0) };
            let answers = self.scores.chunks_exact(self.width.max(1)).zip(&self.classes);
            area(
                answers
                    .map(|(s, class)| (sign * s.get(at).copied().unwrap_or(f64::NAN), *class as usize == k))
                    .collect(),
            )
        };
        Worth { top, auc: (0..classes).map(column).collect() }
    }
}

/// Area under the ROC curve: the chance that a sample that is of the class scores higher than one that is not, ties
/// counting half. From ranks (Mann and Whitney 1947): (Σ ranks of the samples that are − P(P + 1)/2) / (P·N). NaN if
/// there are no samples of one of both sorts, or no order between the scores.
fn area(mut scored: Vec<(f64, bool)>) -> f64 {
    if scored.iter().any(|s| s.0.is_nan()) {
        return f64::NAN;
    }
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|s| s.1).count() as f64;
    let negatives = scored.len() as f64 - positives;
    let (mut ranks, mut begin) = (0.0, 0);
    // −0 and 0 are equal here.
    for tie in scored.chunk_by(|a, b| a.0 == b.0) {
        let mean = begin as f64 + (tie.len() as f64 + 1.0) / 2.0;
        ranks += mean * tie.iter().filter(|s| s.1).count() as f64;
        begin += tie.len();
    }
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// The mean over the classes that have an area (one against the rest, each class counted once); NaN if none has.
pub fn macro_auc(areas: &[f64]) -> f64 {
    let known: Vec<f64> = areas.iter().copied().filter(|x| !x.is_nan()).collect();
    known.iter().sum::<f64>() / known.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(answers: &[(usize, &[f64])], classes: usize) -> Worth {
        let mut r = Ranking::default();
        answers.iter().for_each(|(class, answer)| r.add(*class, answer));
        r.finish(classes)
    }

    #[test]
    fn the_area_of_four_samples_is_that_of_scikit_learn() {
        // roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) is 0.75: of 4 pairs, 3 are in order.
        let w = worth(&[(0, &[0.1]), (0, &[0.4]), (1, &[0.35]), (1, &[0.8])], 2);
        assert_eq!((w.auc, w.top), (vec![0.75, 0.75], vec![]));
        // A tie between the sorts counts half: (1 + ½ + 1 + 1) / 4.
        let w = worth(&[(0, &[0.1]), (0, &[0.4]), (1, &[0.4]), (1, &[0.8])], 2);
        assert_eq!(w.auc[1], 0.875);
        let all_equal = worth(&[(0, &[0.3]), (1, &[0.3])], 2);
        assert_eq!(all_equal.auc, [0.5, 0.5]);
    }

    #[test]
    fn three_classes_against_the_rest() {
        // By counting pairs, as roc_auc_score(y, p, multi_class="ovr") does: 3½ of 4, 3½ of 6, and all.
        let answers: [(usize, &[f64]); 5] = [
            (0, &[0.5, 0.3, 0.2]),
            (1, &[0.4, 0.5, 0.1]),
            (2, &[0.1, 0.2, 0.7]),
            (1, &[0.5, 0.2, 0.3]),
            (2, &[0.2, 0.35, 0.45]),
        ];
        let w = worth(&answers, 3);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(w.auc[0], 3.5 / 4.0);
        near(w.auc[1], 3.5 / 6.0);
        near(w.auc[2], 1.0);
        near(macro_auc(&w.auc), (3.5 / 4.0 + 3.5 / 6.0 + 1.0) / 3.0);
        // All but the fourth sample's class, 1, are among the two best answers.
        assert_eq!(w.top, [(2, 0.8)]);
    }

    #[test]
    fn logits_are_compared_as_probabilities() {
        // Class 0 scores 5 against 0 and 2 against 4: higher as a logit, lower as a share than 1 against −3 is.
        let w = worth(&[(0, &[1.0, -3.0]), (1, &[2.0, 4.0]), (0, &[5.0, 0.0]), (1, &[6.0, 5.5])], 2);
        assert_eq!(w.auc, [1.0, 1.0]);
    }

    #[test]
    fn a_class_that_never_comes_has_no_area_and_does_not_count() {
        let w = worth(&[(0, &[0.8, 0.1, 0.1]), (1, &[0.2, 0.7, 0.1])], 3);
        assert!(w.auc[2].is_nan());
        assert_eq!(macro_auc(&w.auc), 1.0);
        assert!(macro_auc(&[f64::NAN]).is_nan());
        let broken = worth(&[(0, &[f64::NAN, 0.1]), (1, &[0.2, 0.7])], 2);
        assert!(broken.auc[0].is_nan());
    }
}
