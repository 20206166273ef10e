//! Expressions take the new names of nodes.

use super::names::{is_word, qualifier};

/// `text` with the names of nodes replaced: `names` are all of before, `pairs` old and new ones.
pub(super) fn renamed(text: &str, names: &[&str], pairs: &[(&str, &str)]) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        if let Some(k) = qualifier(&chars, at, names) {
            let name = names[k];
            out += pairs.iter().find(|p| p.0 == name).map_or(name, |p| p.1);
            at += name.chars().count();
            // The dot and what of the node is meant.
            while at < chars.len() && (is_word(chars[at]) || chars[at] == '.') {
                out.push(chars[at]);
                at += 1;
            }
            continue;
        }
        out.push(chars[at]);
        let word = is_word(chars[at]);
        at += 1;
        while word && at < chars.len() && (is_word(chars[at]) || chars[at] == '.') {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}
