//! The symbols of a kind's formulas, and other words in their place: names, shapes.
//!
//! A formula is LaTeX text of a [`Spec`](crate::ops::Spec). Its symbols are found by the names of pins and weights: `x`
//! for a pin `input`, `W` or `γ` for a `weight`, and so on, whichever the forward formula has; the output is what stands
//! before its `=`. So a new kind needs nothing beside its formulas.

use crate::ops::{Inputs, Spec};

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The output.
    Output,
    /// The value at an input pin.
    Input(usize),
    /// A weight.
    Weight(usize),
    /// ∂L/∂output.
    Delta,
}

/// The symbols of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Symbols(Vec<(String, Slot)>);

/// A piece of LaTeX: a symbol with its accent, a command, a sign, or a group that is text.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    /// Whether it stands in a subscript.
    low: bool,
}

/// Symbols used for what is called so, in order of preference.
fn usual(name: &str) -> &'static [&'static str] {
    match name {
        "input" => &["x"],
        "a" => &["a"],
        "b" => &["b"],
        "prediction" => &["x", r"\hat y", "p"],
        "target" => &["y"],
        "query" => &["Q"],
        "key" => &["K"],
        "value" => &["V"],
        "weight" => &["W", r"\gamma", "a", "w"],
        "bias" => &["b", r"\beta"],
        _ => &[],
    }
}

impl Symbols {
    /// The symbols of a kind whose weights are called `weights`.
    pub fn of(spec: &Spec, weights: &[&str]) -> Self {
        let forward = tokens(spec.formula.forward);
        let has = |symbol: &str| forward.iter().any(|t| !t.low && t.text == symbol);
        let mut found: Vec<(String, Slot)> = Vec::new();
        let mut take = |name: &str, slot| {
            let free = |s: &&&str| has(s) && !found.iter().any(|f| f.0 == **s);
            let symbol = usual(name).iter().find(free).map(|s| (*s).to_owned());
            found.extend(symbol.map(|s| (s, slot)));
        };
        if let Inputs::Fixed(names) = spec.inputs {
            for (k, name) in names.iter().enumerate() {
                take(name, Slot::Input(k));
            }
        }
        for (k, name) in weights.iter().enumerate() {
            take(name, Slot::Weight(k));
        }
        // The loss of a loss is L, which is also the loss of all.
        let symbol = |t: &&Token| !t.text.starts_with(r"\begin") && t.text.chars().any(char::is_alphabetic);
        if let Some(first) =
            forward.iter().find(symbol).filter(|t| t.text != "L" && !found.iter().any(|f| f.0 == t.text))
        {
            found.push((first.text.clone(), Slot::Output));
        }
        found.push((r"\delta".to_owned(), Slot::Delta));
        Symbols(found)
    }

    /// What a symbol stands for.
    fn slot(&self, token: &Token) -> Option<Slot> {
        self.0.iter().find(|s| !token.low && s.0 == token.text).map(|s| s.1)
    }

    /// The symbol of a slot.
    pub fn symbol(&self, slot: Slot) -> Option<&str> {
        self.0.iter().find(|s| s.1 == slot).map(|s| s.0.as_str())
    }

    /// `tex` with `word(slot, symbol, indexed)` in place of each symbol; `indexed` if a subscript follows.
    pub fn rewrite(&self, tex: &str, word: impl Fn(Slot, &str, bool) -> Option<String>) -> String {
        let tokens = tokens(tex);
        let mut out = String::new();
        for (i, token) in tokens.iter().enumerate() {
            let indexed = tokens.get(i + 1).is_some_and(|t| t.text == "_");
            match self.slot(token).and_then(|slot| word(slot, &token.text, indexed)) {
                Some(new) => {
                    out.push('{');
                    out.push_str(&new);
                    out.push('}');
                }
                None => out.push_str(&token.text),
            }
            // A command must not swallow the letter after it.
            if token.text.starts_with('\\') && token.text.ends_with(char::is_alphabetic) {
                out.push(' ');
            }
        }
        out
    }

    /// The equation with shapes in place of its symbols, if it is a product or sum of matrices and nothing else:
    /// `(8×2) = (10×8)ᵀ (10×2)`.
    pub fn with_shapes(&self, equation: &str, shape: impl Fn(Slot) -> Option<String>) -> Option<String> {
        let (left, right) = equation.split_once('=')?;
        let of = tokens(left).iter().filter(|t| !t.low).find_map(|t| self.slot(t))?;
        let indexed = |side: &str| tokens(side).iter().any(|t| t.text == "_");
        if indexed(left) || indexed(right) {
            return None;
        }
        let signs = [r"\top", r"\,", "^", "{", "}", r"\odot", "-", "+"];
        let right_tokens: Vec<Token> = tokens(right).into_iter().filter(|t| !t.text.trim().is_empty()).collect();
        let mut out = format!("{} =", shape(of)?);
        let mut factors = 0;
        for t in &right_tokens {
            match self.slot(t) {
                Some(slot) => {
                    factors += 1;
                    out.push_str(&shape(slot)?);
                }
                None if signs.contains(&t.text.as_str()) => out.push_str(&t.text),
                None => return None,
            }
        }
        (factors > 0).then_some(out)
    }

    /// The equation of a chain rule that gives the gradient of `slot`.
    pub fn equation<'a>(&self, chain: &'a str, slot: Slot) -> Option<&'a str> {
        equations(chain).into_iter().find(|e| {
            let left = e.split(['=', ':']).next().unwrap_or_default();
            tokens(left).iter().any(|t| self.slot(t) == Some(slot))
        })
    }
}

/// The equations of a line, which `\quad` parts.
pub fn equations(tex: &str) -> Vec<&str> {
    tex.split(r"\quad").map(|e| e.trim().trim_end_matches(',').trim()).filter(|e| !e.is_empty()).collect()
}

/// Takes LaTeX apart. Accents stay with their letter, and text in words is one piece.
fn tokens(tex: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let chars: Vec<char> = tex.chars().collect();
    let mut i = 0;
    // Depths of braces at which a subscript ends.
    let (mut depth, mut low_until): (usize, Option<usize>) = (0, None);
    while i < chars.len() {
        let start = i;
        match chars[i] {
            '\\' => {
                i += 1;
                if i < chars.len() && chars[i].is_ascii_alphabetic() {
                    while i < chars.len() && chars[i].is_ascii_alphabetic() {
                        i += 1;
                    }
                } else {
                    i += 1;
                }
            }
            _ => i += 1,
        }
        let mut text: String = chars[start..i.min(chars.len())].iter().collect();
        let words = [r"\text", r"\operatorname", r"\mathrm", r"\mathcal", r"\begin", r"\end"];
        let accents = [r"\hat", r"\bar", r"\tilde"];
        if words.contains(&text.as_str()) {
            // The group that follows, braces and all.
            let mut inner = 0usize;
            while i < chars.len() {
                let c = chars[i];
                inner = if c == '{' {
                    inner + 1
                } else if c == '}' {
                    inner.saturating_sub(1)
                } else {
                    inner
                };
                text.push(c);
                i += 1;
                if inner == 0 && c == '}' {
                    break;
                }
            }
        } else if accents.contains(&text.as_str()) {
            while i < chars.len() && chars[i] == ' ' {
                i += 1;
            }
            text.push(' ');
            let from = i;
            if i < chars.len() && chars[i] == '\\' {
                i += 1;
                while i < chars.len() && chars[i].is_ascii_alphabetic() {
                    i += 1;
                }
            } else {
                i += 1;
            }
            text.extend(&chars[from..i.min(chars.len())]);
        }
        let after_sign = out.iter().rev().find(|t| !t.text.trim().is_empty()).is_some_and(|t| t.text == "_");
        match text.as_str() {
            "{" => {
                if after_sign && low_until.is_none() {
                    low_until = Some(depth);
                }
                depth += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if low_until == Some(depth) {
                    low_until = None;
                }
            }
            _ => {}
        }
        out.push(Token { low: low_until.is_some() || after_sign, text });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::catalogue::{CATALOGUE, find};

    fn symbols(id: &str, weights: &[&str]) -> (Symbols, &'static Spec) {
        let spec = find(id).expect("the kind").spec;
        (Symbols::of(spec, weights), spec)
    }

    #[test]
    fn a_linear_layer_is_written_with_names_and_shapes() {
        let (s, spec) = symbols("linear", &["weight", "bias"]);
        let named = s.rewrite(spec.formula.forward, |slot, symbol, _| match slot {
            Slot::Output => Some(r"\text{hidden}".into()),
            Slot::Input(_) => Some(r"\text{tanh 1}".into()),
            Slot::Weight(_) => Some(format!(r"{symbol}_{{\text{{hidden}}}}")),
            Slot::Delta => None,
        });
        assert_eq!(named, r"{\text{hidden}} = {\text{tanh 1}}\,{W_{\text{hidden}}}^{\top } + {b_{\text{hidden}}}");
        let shape = |slot| {
            Some(match slot {
                Slot::Output | Slot::Delta => "(10×8)".to_owned(),
                Slot::Input(_) => "(10×2)".to_owned(),
                Slot::Weight(k) => ["(8×2)", "(8)"][k].to_owned(),
            })
        };
        let chain = equations(spec.formula.chain);
        assert_eq!(chain.len(), 3);
        assert_eq!(s.with_shapes(chain[0], shape).as_deref(), Some(r"(8×2) =(10×8)^{\top}(10×2)"));
        assert_eq!(s.with_shapes(chain[1], shape), None, "a sum over samples is no product of matrices");
        assert_eq!(s.with_shapes(chain[2], shape).as_deref(), Some(r"(10×2) =(10×8)\,(8×2)"));
        assert_eq!(s.equation(spec.formula.chain, Slot::Weight(1)), Some(chain[1]));
    }

    #[test]
    fn accents_and_subscripts_are_not_mistaken_for_symbols() {
        let (s, spec) = symbols("bce_loss", &[]);
        assert_eq!((s.symbol(Slot::Input(0)), s.symbol(Slot::Input(1))), (Some(r"\hat y"), Some("y")));
        let marked = s.rewrite(spec.formula.forward, |slot, _, _| matches!(slot, Slot::Input(1)).then(|| "T".into()));
        assert!(marked.replace(' ', "").contains(r"{T}_i\ln\haty_i"), "{marked}");
        let (s, spec) = symbols("embedding", &["weight"]);
        let marked = s.rewrite(spec.formula.forward, |_, _, _| Some("?".into()));
        assert!(marked.replace(' ', "").contains("x_n"), "a subscript stays: {marked}");
    }

    #[test]
    fn every_pin_and_weight_with_a_usual_symbol_is_in_its_formula() {
        for kind in CATALOGUE {
            let spec = kind.spec;
            let s = Symbols::of(spec, &[]);
            let forward = tokens(spec.formula.forward);
            // The number of a class stands in subscripts only.
            let low = |name: &str| forward.iter().any(|t| t.low && usual(name).contains(&t.text.as_str()));
            let Inputs::Fixed(names) = spec.inputs else { continue };
            for (k, name) in names.iter().enumerate() {
                let known = s.symbol(Slot::Input(k)).is_some() || usual(name).is_empty() || low(name);
                assert!(known, "{}: no symbol for {name} in {}", spec.id, spec.formula.forward);
            }
            if !spec.is_loss() && !names.is_empty() {
                assert!(s.symbol(Slot::Output).is_some(), "{}: no output in {}", spec.id, spec.formula.forward);
            }
            // Rewriting nothing changes nothing but spaces.
            for tex in [spec.formula.forward, spec.formula.local, spec.formula.chain] {
                let plain = |t: &str| t.replace(' ', "");
                assert_eq!(plain(&s.rewrite(tex, |_, _, _| None)), plain(tex), "{}", spec.id);
            }
        }
    }
}
