//! Names of nodes inside expressions. They may hold spaces and any sign, so the longest known name before a dot counts.

/// The figures that an expression may use, and what they are.
pub(super) const FIGURES: [(&str, &str); 7] = [
    ("loss", "total loss of this batch once it is computed, else of the one before"),
    ("loss.previous", "total loss of the batch before the one that loss is of"),
    ("batch", "number of the batch in its epoch, from 1"),
    ("epoch", "number of the epoch, from 1"),
    ("step", "number of the batch in the whole run, from 1"),
    ("hits", "how many times this place was reached, this time included"),
    ("lr", "learning rate of the next update"),
];

/// The functions, with their argument and what they are.
pub(super) const FUNCTIONS: [(&str, &str); 11] = [
    ("abs", "abs(x): magnitude of a number, or of each number of a tensor"),
    ("max", "max(t): largest number of a tensor; max(a, b): the larger one"),
    ("min", "min(t): smallest number of a tensor; min(a, b): the smaller one"),
    ("mean", "mean(t): mean of all numbers"),
    ("sum", "sum(t): sum of all numbers"),
    ("norm", "norm(t): Euclidean norm, the root of the sum of squares"),
    ("std", "std(t): standard deviation, with n − 1 as in PyTorch"),
    ("any_nan", "any_nan(t): whether one of the numbers is not a number"),
    ("any_inf", "any_inf(t): whether one of the numbers is infinite"),
    ("dead", "dead(t): share of the units (columns or channels) that are 0 for the whole batch"),
    ("saturated", "saturated(value): share of the outputs within 1 % of a bound, for activations with two bounds"),
];

/// Whether a character may stand in a plain name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `text` begins at `at` with `word`, and the word ends there.
pub(super) fn starts(text: &[char], at: usize, word: &str) -> bool {
    let n = word.chars().count();
    text.len() >= at + n
        && text[at..at + n].iter().copied().eq(word.chars())
        && text.get(at + n).is_none_or(|c| !is_word(*c))
}

/// The position in `names` of the node whose name stands at `at` before a dot, the longest one. `names` is in any
/// order.
pub(super) fn qualifier(text: &[char], at: usize, names: &[&str]) -> Option<usize> {
    if starts(text, at, "loss.previous") {
        return None;
    }
    let fits = |name: &str| {
        let n = name.chars().count();
        n > 0
            && text.len() > at + n + 1
            && text[at + n] == '.'
            && (text[at + n + 1].is_alphabetic() || text[at + n + 1] == '_')
            && text[at..at + n].iter().copied().eq(name.chars())
    };
    (0..names.len()).filter(|k| fits(names[*k])).max_by_key(|k| names[*k].chars().count())
}

/// Number of letters to change, add, leave out or swap with the next, letters of any size being equal (Damerau 1964).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(older[j - 1] + 1);
            }
            row.push(least);
        }
        older = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The candidate that was most likely meant by `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    let near = candidates.into_iter().map(|c| (distance(word, c), c)).filter(|(d, _)| *d <= most);
    near.min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_before_a_dot_is_the_node() {
        let text: Vec<char> = "hidden 1.weight.grad".chars().collect();
        assert_eq!(qualifier(&text, 0, &["hidden", "hidden 1", "hidden 1.weight"]), Some(2));
        assert_eq!(qualifier(&text, 0, &["hidden", "hidden 1"]), Some(1));
        assert_eq!(qualifier(&text, 0, &["hidden"]), None);
        let number: Vec<char> = "1.5".chars().collect();
        assert_eq!(qualifier(&number, 0, &["1"]), None, "a number is no node");
    }

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("grda", ["value", "grad"]), Some("grad"));
        assert_eq!(nearest("nrom", ["norm", "sum"]), Some("norm"));
        assert_eq!(nearest("banana", ["norm", "sum"]), None);
    }
}
