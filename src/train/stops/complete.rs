//! What may be written at a place of an expression.

use super::names::{FIGURES, FUNCTIONS, is_word};
use super::scope::{Own, Scope};

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is written.
    pub text: String,
    /// What it is.
    pub about: String,
}

/// Most proposals given.
const MOST: usize = 60;

/// The proposals for the word that ends at character `cursor`, and the character at which that word begins. An empty
/// word gets all names.
pub fn complete(text: &str, cursor: usize, scope: &Scope) -> (usize, Vec<Completion>) {
    let chars: Vec<char> = text.chars().collect();
    let cursor = cursor.min(chars.len());
    let all = candidates(scope);
    // Names of nodes hold blanks, so the longest end of the text that begins a name counts.
    let starts =
        (0..cursor).filter(|i| is_word(chars[*i]) && (*i == 0 || !is_word(chars[*i - 1]) && chars[*i - 1] != '.'));
    for start in starts {
        let word: String = chars[start..cursor].iter().collect::<String>().to_lowercase();
        let found: Vec<Completion> =
            all.iter().filter(|c| c.text.to_lowercase().starts_with(&word)).take(MOST).cloned().collect();
        if !found.is_empty() {
            // What is written in full already needs no proposal.
            let full = found.len() == 1 && found[0].text.to_lowercase() == word;
            return (start, if full { Vec::new() } else { found });
        }
    }
    let inside = cursor > 0 && (is_word(chars[cursor - 1]) || chars[cursor - 1] == '.');
    if inside { (cursor, Vec::new()) } else { (cursor, all.into_iter().take(MOST).collect()) }
}

fn candidates(scope: &Scope) -> Vec<Completion> {
    let make = |text: &str, about: String| Completion { text: text.to_owned(), about };
    let mut all = Vec::new();
    let kind = |t: &super::scope::Named| {
        let what = if t.leaf.is_grad() { "gradient" } else { "tensor" };
        format!("{what} {}", t.shape)
    };
    all.extend(scope.plain().iter().map(|t| make(&t.name, kind(t))));
    all.extend(FUNCTIONS.iter().map(|(name, about)| make(&format!("{name}("), (*about).to_owned())));
    all.extend(FIGURES.iter().map(|(name, about)| make(name, (*about).to_owned())));
    all.extend(["and", "or", "not"].map(|w| make(w, "joins conditions".to_owned())));
    let own = if let Own::Node(id) = scope.own() { Some(id) } else { None };
    for (k, name) in scope.names().iter().enumerate() {
        let id = scope.id(k);
        if Some(id) != own {
            all.extend(scope.tensors(id).iter().map(|t| make(&format!("{name}.{}", t.name), kind(t))));
        }
    }
    all
}
