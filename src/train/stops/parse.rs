//! Reading an expression: one pass that reads, finds names and checks types.
//!
//! Grammar, loosest first: `or`; `and`; `not`; one comparison; `+ -`; `* /`; a sign; a number, a name, a function with
//! its arguments, parentheses. Elementwise arithmetic on tensors of one shape is allowed where a function makes one
//! number of them.

use super::fold::{Fold, How, Ten, Whole};
use super::names::{FIGURES, FUNCTIONS, is_word, nearest, qualifier, starts};
use super::scope::{Named, Own, Scope};
use super::tree::{Cmp, Cond, Expr, Figure, Gives, Num, Op, Side};
use crate::tensor::Shape;

/// What is wrong in an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ExprError {
    /// The character at which it is wrong, from 1.
    pub column: usize,
    /// In words.
    pub message: String,
}

/// A longer text is refused.
const LONGEST: usize = 300;
/// Nesting beyond this is refused.
const DEPTH: usize = 48;

/// Reads what is true or false.
///
/// # Errors
/// Says what is wrong at which character, and what may have been meant.
pub fn condition(text: &str, scope: &Scope) -> Result<Expr, ExprError> {
    let e = read(text, scope)?;
    match e.gives {
        Gives::Cond(_) => Ok(e),
        Gives::Num(_) => Err(at(1, "this is a number; a condition compares it, as in norm(grad) > 1")),
        Gives::Tensor(_) => {
            Err(at(1, "this is a tensor; a condition makes one number of it and compares, as in max(abs(grad)) > 10"))
        }
    }
}

/// Reads anything that can be watched: a tensor, a number, or what is true or false.
///
/// # Errors
/// As [`condition`].
pub fn expression(text: &str, scope: &Scope) -> Result<Expr, ExprError> {
    read(text, scope)
}

fn at(column: usize, message: impl Into<String>) -> ExprError {
    ExprError { column, message: message.into() }
}

fn read(text: &str, scope: &Scope) -> Result<Expr, ExprError> {
    let text: Vec<char> = text.chars().collect();
    if text.len() > LONGEST {
        return Err(at(LONGEST + 1, format!("an expression has at most {LONGEST} characters")));
    }
    let mut p = Parser { text: &text, at: 0, depth: 0, scope, plain: scope.plain(), leaves: Vec::new(), loss: false };
    let got = p.or()?;
    if let Some(c) = p.peek() {
        return Err(p.error(match c {
            '=' => "a comparison is written ==".to_owned(),
            '<' | '>' | '!' => "only two things can be compared at once; join comparisons with and".to_owned(),
            _ => format!("'{c}' does not fit here; an operator may be missing before it"),
        }));
    }
    let (leaves, loss) = (std::mem::take(&mut p.leaves), p.loss);
    let gives = match got.what {
        What::Num(n) => Gives::Num(n),
        What::Cond(c) => Gives::Cond(c),
        What::Ten(t, _) => Gives::Tensor(whole(t, got.start)?),
    };
    Ok(Expr { gives, leaves, loss })
}

fn whole(t: Ten, start: usize) -> Result<Whole, ExprError> {
    let most = super::fold::MOST;
    Whole::new(t).ok_or_else(|| at(start + 1, format!("this speaks of more than {most} tensors or numbers at once")))
}

enum What {
    Num(Num),
    Cond(Cond),
    Ten(Ten, Shape),
}

struct Got {
    what: What,
    start: usize,
    end: usize,
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    depth: usize,
    scope: &'a Scope<'a>,
    plain: Vec<Named>,
    leaves: Vec<super::scope::Leaf>,
    loss: bool,
}

type Read<T> = Result<T, ExprError>;

impl Parser<'_> {
    fn error(&self, message: impl Into<String>) -> ExprError {
        at(self.at + 1, message)
    }
    fn peek(&mut self) -> Option<char> {
        while self.text.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }
    fn take(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }
    /// Takes a word or a sign that stands here.
    fn word(&mut self, words: &[&str]) -> bool {
        self.peek();
        for w in words {
            let n = w.chars().count();
            let sign = !w.starts_with(is_word);
            let hit = if sign {
                self.text[self.at..].iter().take(n).copied().eq(w.chars())
            } else {
                starts(self.text, self.at, w) && qualifier(self.text, self.at, self.scope.names()).is_none()
            };
            if hit {
                self.at += n;
                return true;
            }
        }
        false
    }
    fn source(&self, start: usize, end: usize) -> String {
        self.text[start..end].iter().collect::<String>().trim().to_owned()
    }
    fn deeper(&mut self) -> Read<()> {
        self.depth += 1;
        if self.depth > DEPTH { Err(self.error("this is nested too deeply")) } else { Ok(()) }
    }

    fn cond(&self, got: Got, word: &str) -> Read<Cond> {
        match got.what {
            What::Cond(c) => Ok(c),
            What::Num(_) => Err(at(got.start + 1, format!("{word} joins what is true or false; this is a number"))),
            What::Ten(..) => Err(at(got.start + 1, format!("{word} joins what is true or false; this is a tensor"))),
        }
    }

    fn or(&mut self) -> Read<Got> {
        self.deeper()?;
        let mut left = self.and()?;
        while self.word(&["or", "||"]) {
            let right = self.and()?;
            let (start, end) = (left.start, right.end);
            let (a, b) = (self.cond(left, "or")?, self.cond(right, "or")?);
            left = Got { what: What::Cond(Cond::Or(Box::new(a), Box::new(b))), start, end };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Read<Got> {
        let mut left = self.not()?;
        while self.word(&["and", "&&"]) {
            let right = self.not()?;
            let (start, end) = (left.start, right.end);
            let (a, b) = (self.cond(left, "and")?, self.cond(right, "and")?);
            left = Got { what: What::Cond(Cond::And(Box::new(a), Box::new(b))), start, end };
        }
        Ok(left)
    }

    fn not(&mut self) -> Read<Got> {
        self.peek();
        let start = self.at;
        let bang = self.text.get(self.at) == Some(&'!') && self.text.get(self.at + 1) != Some(&'=');
        if !(bang && self.take('!') || self.word(&["not"])) {
            return self.comparison();
        }
        self.deeper()?;
        let got = self.not()?;
        self.depth -= 1;
        let end = got.end;
        let c = self.cond(got, "not")?;
        Ok(Got { what: What::Cond(Cond::Not(Box::new(c))), start, end })
    }

    fn comparison(&mut self) -> Read<Got> {
        let left = self.sum()?;
        let signs: [(&[&str], Cmp); 6] = [
            (&["<=", "≤"], Cmp::LessEq),
            (&[">=", "≥"], Cmp::MoreEq),
            (&["==", "="], Cmp::Equal),
            (&["!=", "≠"], Cmp::Unequal),
            (&["<"], Cmp::Less),
            (&[">"], Cmp::More),
        ];
        let Some((_, cmp)) = signs.into_iter().find(|(s, _)| self.word(s)) else { return Ok(left) };
        let right = self.sum()?;
        let (start, end) = (left.start, right.end);
        let sides = (self.side(left, cmp)?, self.side(right, cmp)?);
        Ok(Got { what: What::Cond(Cond::Cmp(cmp, sides.0, sides.1)), start, end })
    }

    fn side(&self, got: Got, cmp: Cmp) -> Read<Side> {
        let text = self.source(got.start, got.end);
        match got.what {
            What::Num(num) => Ok(Side { num, text }),
            What::Cond(_) => {
                Err(at(got.start + 1, format!("{} compares numbers; {text} is true or false", cmp.sign())))
            }
            What::Ten(_, shape) => Err(at(
                got.start + 1,
                format!(
                    "{text} is a tensor ({shape}), but {} compares numbers: take max({text}), mean({text}) or \
                     norm({text})",
                    cmp.sign()
                ),
            )),
        }
    }

    fn sum(&mut self) -> Read<Got> {
        let mut left = self.product()?;
        loop {
            let op = match self.peek() {
                Some('+') => Op::Add,
                Some('-' | '−') => Op::Sub,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = self.join(op, left, right)?;
        }
    }

    fn product(&mut self) -> Read<Got> {
        let mut left = self.signed()?;
        loop {
            let op = match self.peek() {
                Some('*' | '·' | '×') => Op::Mul,
                Some('/') => Op::Div,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.signed()?;
            left = self.join(op, left, right)?;
        }
    }

    fn join(&self, op: Op, a: Got, b: Got) -> Read<Got> {
        let (start, end) = (a.start, b.end);
        for got in [&a, &b] {
            if let What::Cond(_) = got.what {
                let text = self.source(got.start, got.end);
                return Err(at(got.start + 1, format!("one can calculate with numbers; {text} is true or false")));
            }
        }
        let what = match (a.what, b.what) {
            (What::Num(a), What::Num(b)) => What::Num(Num::Bin(op, Box::new(a), Box::new(b))),
            (What::Ten(t, shape), What::Num(n)) => What::Ten(Ten::Bin(op, Box::new(t), Box::new(Ten::Num(n))), shape),
            (What::Num(n), What::Ten(t, shape)) => What::Ten(Ten::Bin(op, Box::new(Ten::Num(n)), Box::new(t)), shape),
            (What::Ten(t, shape), What::Ten(u, other)) => {
                if shape != other {
                    let why =
                        format!("the shapes {shape} and {other} differ; element by element they must be the same");
                    return Err(at(b.start + 1, why));
                }
                What::Ten(Ten::Bin(op, Box::new(t), Box::new(u)), shape)
            }
            _ => return Err(at(start + 1, "one can calculate with numbers only")),
        };
        Ok(Got { what, start, end })
    }

    fn signed(&mut self) -> Read<Got> {
        self.peek();
        let start = self.at;
        let mut negative = false;
        while let Some(c @ ('-' | '+' | '−')) = self.peek() {
            negative ^= c != '+';
            self.at += 1;
        }
        let mut got = self.atom()?;
        if negative {
            got.what = match got.what {
                What::Num(Num::Lit(x)) => What::Num(Num::Lit(-x)),
                What::Num(n) => What::Num(Num::Neg(Box::new(n))),
                What::Ten(t, shape) => What::Ten(Ten::Neg(Box::new(t)), shape),
                What::Cond(_) => return Err(at(start + 1, "a sign stands before a number")),
            };
        }
        Ok(Got { start, ..got })
    }

    fn atom(&mut self) -> Read<Got> {
        let Some(c) = self.peek() else {
            return Err(self.error(if self.text.is_empty() {
                "nothing is written here yet"
            } else {
                "something is missing at the end"
            }));
        };
        let start = self.at;
        if let Some(k) = qualifier(self.text, start, self.scope.names()) {
            let name = self.scope.names()[k];
            self.at += name.chars().count() + 1;
            let tensors = self.scope.tensors(self.scope.id(k));
            return self.tensor(start, &tensors, name);
        }
        match c {
            '(' => {
                self.at += 1;
                let got = self.or()?;
                if !self.take(')') {
                    return Err(self.error("a ')' is missing"));
                }
                Ok(Got { start, end: self.at, ..got })
            }
            c if c.is_ascii_digit() || c == '.' => self.number(start),
            c if c.is_alphabetic() || c == '_' => self.name(start),
            _ => Err(self.error(format!("'{c}' does not fit here"))),
        }
    }

    fn number(&mut self, start: usize) -> Read<Got> {
        let digits = |p: &mut Self| {
            while p.text.get(p.at).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
                p.at += 1;
            }
        };
        digits(self);
        if matches!(self.text.get(self.at), Some('e' | 'E')) {
            let sign = matches!(self.text.get(self.at + 1), Some('+' | '-'));
            if self.text.get(self.at + 1 + usize::from(sign)).is_some_and(char::is_ascii_digit) {
                self.at += 1 + usize::from(sign);
                digits(self);
            }
        }
        let text: String = self.text[start..self.at].iter().collect();
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(Got { what: What::Num(Num::Lit(x)), start, end: self.at }),
            _ => Err(at(start + 1, format!("\"{text}\" is not a number that can be used"))),
        }
    }

    /// `name`, `name.part`, `name[2].grad`, in one form without blanks.
    fn path(&mut self) -> String {
        let mut path = String::new();
        let word = |p: &mut Self, path: &mut String| {
            while let Some(c) = p.text.get(p.at).filter(|c| is_word(**c)) {
                path.push(*c);
                p.at += 1;
            }
        };
        word(self, &mut path);
        if self.text.get(self.at) == Some(&'[') {
            let rest = &self.text[self.at + 1..];
            let n = rest.iter().take_while(|c| c.is_ascii_digit()).count();
            if n > 0 && rest.get(n) == Some(&']') {
                path.extend(&self.text[self.at..self.at + n + 2]);
                self.at += n + 2;
            }
        }
        let dotted = self.text.get(self.at) == Some(&'.');
        if dotted && self.text.get(self.at + 1).is_some_and(|c| c.is_alphabetic() || *c == '_') {
            path.push('.');
            self.at += 1;
            word(self, &mut path);
        }
        path
    }

    fn tensor(&mut self, start: usize, tensors: &[Named], owner: &str) -> Read<Got> {
        let from = self.at;
        let path = self.path();
        let Some(found) = tensors.iter().find(|t| t.name == path) else {
            let all: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).filter(|n| !n.starts_with("input[")).collect();
            if all.is_empty() {
                return Err(at(start + 1, format!("{owner} is not computed, so that nothing of it can be named")));
            }
            // The loss of the batch before is no tensor of the node that may be called loss.
            let figure = (owner == "loss").then_some("previous");
            let meant = nearest(&path, all.iter().copied().chain(figure)).map_or(String::new(), |n| match n {
                "previous" => "; did you mean loss.previous?".to_owned(),
                n => format!("; did you mean {n}?"),
            });
            return Err(at(from + 1, format!("{owner} has no \"{path}\"; it has {}{meant}", all.join(", "))));
        };
        self.leaves.push(found.leaf);
        Ok(Got { what: What::Ten(Ten::Leaf(found.leaf), found.shape.clone()), start, end: self.at })
    }

    fn name(&mut self, start: usize) -> Read<Got> {
        let mut end = start;
        while self.text.get(end).is_some_and(|c| is_word(*c)) {
            end += 1;
        }
        let word: String = self.text[start..end].iter().collect();
        let call = self.text[end..].iter().find(|c| !c.is_whitespace()) == Some(&'(');
        if call && FUNCTIONS.iter().any(|f| f.0 == word) {
            self.at = end;
            return self.call(start, &word);
        }
        let done = |what, end| Ok(Got { what, start, end });
        if starts(self.text, start, "loss.previous") {
            self.at = start + "loss.previous".len();
            self.loss = true;
            return done(What::Num(Num::Figure(Figure::Previous)), self.at);
        }
        let plain_path = self.plain.iter().any(|t| t.name == word);
        let figure = match word.as_str() {
            "loss" => Some(Figure::Loss),
            "batch" => Some(Figure::Batch),
            "epoch" => Some(Figure::Epoch),
            "step" => Some(Figure::Step),
            "hits" => Some(Figure::Hits),
            "lr" => Some(Figure::Rate),
            "true" | "false" => {
                self.at = end;
                return done(What::Cond(Cond::Const(word == "true")), end);
            }
            _ => None,
        };
        if let Some(f) = figure.filter(|_| !plain_path) {
            self.at = end;
            self.loss |= f == Figure::Loss;
            return done(What::Num(Num::Figure(f)), end);
        }
        let path = self.path();
        if let Some(found) = self.plain.iter().find(|t| t.name == path) {
            self.leaves.push(found.leaf);
            let what = What::Ten(Ten::Leaf(found.leaf), found.shape.clone());
            return done(what, self.at);
        }
        Err(self.unknown(start, &word, &path, call))
    }

    fn unknown(&self, start: usize, word: &str, path: &str, call: bool) -> ExprError {
        if call {
            let names: Vec<&str> = FUNCTIONS.iter().map(|f| f.0).collect();
            let meant = nearest(word, names.iter().copied());
            let meant =
                meant.map_or_else(|| format!("there are {}", names.join(", ")), |n| format!("did you mean {n}?"));
            return at(start + 1, format!("there is no function \"{word}\"; {meant}"));
        }
        if FUNCTIONS.iter().any(|f| f.0 == word) {
            return at(start + 1, format!("{word} needs its argument in parentheses, as in {word}(grad)"));
        }
        let figures = || FIGURES.iter().map(|f| f.0);
        let plain = || self.plain.iter().map(|t| t.name.as_str()).filter(|n| !n.starts_with("input["));
        if let Some(node) = self.scope.names().iter().find(|n| **n == path || **n == word) {
            return at(start + 1, format!("{node} is a node; say which tensor of it, for instance {node}.grad"));
        }
        let of_nodes = ["value", "grad", "weight", "bias", "input"].contains(&path.split('.').next().unwrap_or(path));
        if of_nodes && self.scope.own() == Own::Nothing {
            let node = self.scope.names().first().copied().unwrap_or("hidden 1");
            return at(
                start + 1,
                format!("\"{path}\" needs the name of its node before it, for instance {node}.{path}"),
            );
        }
        let rest: String = self.text[start..].iter().take_while(|c| is_word(**c) || **c == ' ' || **c == '.').collect();
        let head = rest.split('.').next().unwrap_or_default();
        let meant = nearest(path, figures().chain(plain()))
            .map(str::to_owned)
            .or_else(|| {
                let node = nearest(head.trim(), self.scope.names().iter().copied())?;
                Some(format!("{node}.{}", rest.split_once('.').map_or("value", |r| r.1).trim()))
            })
            .or_else(|| nearest(word, FUNCTIONS.iter().map(|f| f.0)).map(|f| format!("{f}(…)")));
        let what = match meant {
            Some(m) => format!("did you mean {m}?"),
            None => {
                let known: Vec<&str> = plain().chain(figures()).collect();
                format!("there are {}, and tensors of nodes such as NODE.grad", known.join(", "))
            }
        };
        at(start + 1, format!("\"{path}\" is not known here; {what}"))
    }

    fn call(&mut self, start: usize, name: &str) -> Read<Got> {
        self.take('(');
        self.deeper()?;
        if self.peek() == Some(')') {
            return Err(self.error(format!("{name} needs something in its parentheses")));
        }
        let first = self.or()?;
        let second = if self.peek() == Some(',') {
            if !matches!(name, "max" | "min") {
                return Err(self.error(format!("{name} takes one argument")));
            }
            self.at += 1;
            Some(self.or()?)
        } else {
            None
        };
        if !self.take(')') {
            let why = match self.peek() {
                Some(c) => format!("'{c}' does not fit here; a ')' may be missing before it"),
                None => "a ')' is missing".to_owned(),
            };
            return Err(self.error(why));
        }
        self.depth -= 1;
        let end = self.at;
        if let Some(second) = second {
            let op = if name == "max" { Op::Max } else { Op::Min };
            return Ok(Got { start, end, ..self.join(op, first, second)? });
        }
        let (from, text) = (first.start, self.source(first.start, first.end));
        let what = match (name, first.what) {
            ("abs", What::Num(n)) => What::Num(Num::Abs(Box::new(n))),
            ("abs", What::Ten(t, shape)) => What::Ten(Ten::Abs(Box::new(t)), shape),
            (_, What::Cond(_)) => return Err(at(from + 1, format!("{name} takes a tensor; {text} is true or false"))),
            ("max" | "min", What::Num(_)) => {
                return Err(at(from + 1, format!("{text} is one number: {name} takes a tensor, or two numbers")));
            }
            (_, What::Num(_)) => return Err(at(from + 1, format!("{name} takes a tensor; {text} is one number"))),
            (_, What::Ten(t, _)) => self.fold(name, t, from, start)?,
        };
        Ok(Got { what, start, end })
    }

    fn fold(&self, name: &str, t: Ten, from: usize, start: usize) -> Read<What> {
        let how = match name {
            "max" => How::Max,
            "min" => How::Min,
            "mean" => How::Mean,
            "sum" => How::Sum,
            "norm" => How::Norm,
            "std" => How::Std,
            "any_nan" => How::AnyNan,
            "any_inf" => How::AnyInf,
            "dead" => How::Dead,
            _ => {
                let Ten::Leaf(super::scope::Leaf::Value(node)) = t else {
                    return Err(at(from + 1, "saturated takes the value of an activation, as in saturated(value)"));
                };
                let Some((low, high)) = self.scope.bounds(node) else {
                    let node = self.scope.graph().node(node).map_or("?", |n| n.name.as_str());
                    let why = format!("the values of {node} have no two bounds, as those of tanh and sigmoid have");
                    return Err(at(from + 1, format!("{why}; dead(value) finds units that are always 0")));
                };
                How::Saturated(low, high)
            }
        };
        let fold = Box::new(Fold { how, of: whole(t, from)? });
        let any = matches!(how, How::AnyNan | How::AnyInf);
        let text = self.source(start, self.at);
        Ok(if any { What::Cond(Cond::Any(fold, text)) } else { What::Num(Num::Fold(fold)) })
    }
}
