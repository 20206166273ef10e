//! Functions of `x`, typed as a formula.
//!
//! Grammar: sums of products of powers; `^` binds from the right and tighter than a sign; functions take their
//! arguments in parentheses; a number or `)` before a name or `(` multiplies (`2x`, `2(x+1)`).

/// What is wrong in a formula, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position})")]
pub struct FormulaError {
    /// From 1.
    pub position: usize,
    /// In words.
    pub message: String,
}

/// A formula that can be evaluated.
#[derive(Clone, Debug)]
pub struct Formula(Node);

#[derive(Clone, Debug)]
enum Node {
    Number(f64),
    X,
    Neg(Box<Node>),
    Binary(char, Box<Node>, Box<Node>),
    Call(fn(f64, f64) -> f64, Box<Node>, Option<Box<Node>>),
}

impl Formula {
    /// The value at `x`; NaN where the formula has none.
    pub fn eval(&self, x: f64) -> f64 {
        eval(&self.0, x)
    }
}

fn eval(n: &Node, x: f64) -> f64 {
    match n {
        Node::Number(v) => *v,
        Node::X => x,
        Node::Neg(a) => -eval(a, x),
        Node::Binary(op, a, b) => {
            let (a, b) = (eval(a, x), eval(b, x));
            match op {
                '+' => a + b,
                '-' => a - b,
                '*' => a * b,
                '/' => a / b,
                _ => a.powf(b),
            }
        }
        Node::Call(f, a, b) => f(eval(a, x), b.as_ref().map_or(0.0, |b| eval(b, x))),
    }
}

/// A longer text is refused: a chain of operators nests as deep as it is long.
const LONGEST: usize = 500;

/// Nesting beyond this is refused.
const DEPTH: usize = 64;

/// Reads a formula of `x`.
///
/// # Errors
/// Says what is wrong at which character.
pub fn parse(text: &str) -> Result<Formula, FormulaError> {
    if text.chars().count() > LONGEST {
        let message = format!("the formula is longer than {LONGEST} characters");
        return Err(FormulaError { position: LONGEST + 1, message });
    }
    let mut p = Parser { chars: text.chars().collect(), at: 0, depth: 0 };
    let node = p.sum()?;
    match p.peek() {
        None => Ok(Formula(node)),
        Some(c) => Err(p.error(format!("'{c}' does not fit here"))),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn error(&self, message: impl Into<String>) -> FormulaError {
        FormulaError { position: self.at + 1, message: message.into() }
    }
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }
    fn take(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }

    fn sum(&mut self) -> Result<Node, FormulaError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("the formula is nested too deeply"));
        }
        let mut left = self.product()?;
        while let Some(op @ ('+' | '-')) = self.peek() {
            self.at += 1;
            left = Node::Binary(op, Box::new(left), Box::new(self.product()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn product(&mut self) -> Result<Node, FormulaError> {
        let mut left = self.signed()?;
        loop {
            let op = match self.peek() {
                Some(op @ ('*' | '/')) => {
                    self.at += 1;
                    op
                }
                Some(c) if c.is_alphabetic() || c == '(' => '*',
                _ => return Ok(left),
            };
            left = Node::Binary(op, Box::new(left), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Result<Node, FormulaError> {
        let mut negative = false;
        while let Some(c @ ('-' | '+')) = self.peek() {
            negative ^= c == '-';
            self.at += 1;
        }
        let value = self.power()?;
        Ok(if negative { Node::Neg(Box::new(value)) } else { value })
    }

    fn power(&mut self) -> Result<Node, FormulaError> {
        let base = self.atom()?;
        if !self.take('^') {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("the formula is nested too deeply"));
        }
        let exponent = self.signed()?;
        self.depth -= 1;
        Ok(Node::Binary('^', Box::new(base), Box::new(exponent)))
    }

    fn atom(&mut self) -> Result<Node, FormulaError> {
        match self.peek() {
            None => Err(self.error("something is missing at the end")),
            Some('(') => {
                self.at += 1;
                let inner = self.sum()?;
                if self.take(')') { Ok(inner) } else { Err(self.error("a ')' is missing")) }
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() => self.name(),
            Some(c) => Err(self.error(format!("'{c}' does not fit here"))),
        }
    }

    fn number(&mut self) -> Result<Node, FormulaError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        text.parse().map(Node::Number).map_err(|_| self.error(format!("\"{text}\" is not a number")))
    }

    fn name(&mut self) -> Result<Node, FormulaError> {
        let start = self.at;
        while self.chars.get(self.at).is_some_and(|c| c.is_alphanumeric()) {
            self.at += 1;
        }
        let name: String = self.chars[start..self.at].iter().collect::<String>().to_lowercase();
        match name.as_str() {
            "x" => return Ok(Node::X),
            "pi" | "π" => return Ok(Node::Number(std::f64::consts::PI)),
            "e" => return Ok(Node::Number(std::f64::consts::E)),
            _ => {}
        }
        let (f, two): (fn(f64, f64) -> f64, bool) = match name.as_str() {
            "sin" => (|a, _| a.sin(), false),
            "cos" => (|a, _| a.cos(), false),
            "tan" => (|a, _| a.tan(), false),
            "exp" => (|a, _| a.exp(), false),
            "ln" | "log" => (|a, _| a.ln(), false),
            "sqrt" => (|a, _| a.sqrt(), false),
            "abs" => (|a, _| a.abs(), false),
            "tanh" => (|a, _| a.tanh(), false),
            "sign" => (|a, _| if a == 0.0 { 0.0 } else { a.signum() }, false),
            "step" => (|a, _| f64::from(u8::from(a >= 0.0)), false),
            "max" => (f64::max, true),
            "min" => (f64::min, true),
            _ => {
                self.at = start;
                return Err(self.error(format!(
                    "\"{name}\" is not known; there are x, pi, e, sin, cos, tan, exp, ln, sqrt, abs, tanh, sign, step, max, min"
                )));
            }
        };
        if !self.take('(') {
            return Err(self.error(format!("{name} needs its argument in parentheses")));
        }
        let first = self.sum()?;
        let second = if two {
            if !self.take(',') {
                return Err(self.error(format!("{name} takes two arguments, separated by a comma")));
            }
            Some(Box::new(self.sum()?))
        } else {
            None
        };
        if self.take(')') { Ok(Node::Call(f, Box::new(first), second)) } else { Err(self.error("a ')' is missing")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluates_as_written() {
        for (text, x, want) in [
            ("2x + 1", 3.0, 7.0),
            ("-x^2", 3.0, -9.0),
            ("2^3^2", 0.0, 512.0),
            ("max(x, 1) - min(x, 1)", 4.0, 3.0),
            ("3(x+1)/2", 1.0, 3.0),
            ("sin(pi*x)", 0.5, 1.0),
        ] {
            let got = parse(text).map(|f| f.eval(x));
            assert!(got.as_ref().is_ok_and(|g| (g - want).abs() < 1e-12), "{text}: {got:?}");
        }
    }

    #[test]
    fn says_where_it_is_wrong() {
        for (text, position) in [("sin x", 5), ("2 + ", 5), ("foo(x)", 1), ("(x", 3), ("x)", 2), ("1..2", 5)] {
            assert_eq!(parse(text).err().map(|e| e.position), Some(position), "{text}");
        }
    }
}
