//! What stopped and why, in words with numbers.

use super::model::{Moment, Place};
use super::tree::{Cond, Env, Expr, Gives};
use crate::ops::Precision;
use crate::tensor::shape_text;

/// A condition that is being typed, to be tried on the present values.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Where it would be.
    pub place: Place,
    /// When it would be looked at.
    pub moment: Moment,
    /// The condition, or the watch where `watch` says so.
    pub text: String,
    /// Whether it is a watch, which is of no place.
    pub watch: bool,
}

/// A number with four digits that count: `0.0123`, `1.5`, `2.3e-9`.
pub(super) fn figure(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || !x.is_finite() || (x.fract() == 0.0 && size < 1e7) {
        return format!("{x}");
    }
    if !(1e-3..1e5).contains(&size) {
        return format!("{x:.3e}");
    }
    let digits = (3 - size.log10().floor() as i32).max(0) as usize;
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The values that comparisons of `cond` compare, each named by its text: `norm(grad) is 1.234`.
pub(super) fn values<S: Precision>(cond: &Cond, env: &Env<S>) -> Vec<String> {
    let mut said = Vec::new();
    collect(cond, env, &mut said);
    said
}

fn collect<S: Precision>(cond: &Cond, env: &Env<S>, said: &mut Vec<String>) {
    match cond {
        Cond::Const(_) => {}
        Cond::Cmp(_, a, b) => {
            for side in [a, b] {
                if !matches!(side.num, super::tree::Num::Lit(_))
                    && let Some(x) = side.num.eval(env)
                {
                    let text = format!("{} is {}", side.text, figure(x));
                    if !said.contains(&text) {
                        said.push(text);
                    }
                }
            }
        }
        Cond::Any(fold, text) => match fold.eval(env) {
            Some(x) => said.push(format!("{text} is {}", x != 0.0)),
            None => said.push(format!("{text} is not known yet")),
        },
        Cond::And(a, b) | Cond::Or(a, b) => {
            collect(a, env, said);
            collect(b, env, said);
        }
        Cond::Not(a) => collect(a, env, said),
    }
}

/// The comparisons of `cond` with their numbers in place of their texts: `0.0123 > 10 is false`.
fn parts<S: Precision>(cond: &Cond, env: &Env<S>, said: &mut Vec<String>) {
    let verdict = |v: Option<bool>| v.map_or("not computed yet".to_owned(), |v| v.to_string());
    match cond {
        Cond::Const(_) => {}
        Cond::Cmp(cmp, a, b) => {
            let side = |s: &super::tree::Side| match s.num {
                super::tree::Num::Lit(_) => s.text.clone(),
                _ => s.num.eval(env).map_or_else(|| s.text.clone(), figure),
            };
            said.push(format!("{} {} {} is {}", side(a), cmp.sign(), side(b), verdict(cond.eval(env))));
        }
        Cond::Any(_, text) => said.push(format!("{text} is {}", verdict(cond.eval(env)))),
        Cond::And(a, b) | Cond::Or(a, b) => {
            parts(a, env, said);
            parts(b, env, said);
        }
        Cond::Not(a) => parts(a, env, said),
    }
}

/// What an expression gives on the present values: `now 0.0123 > 10 is false`.
pub(super) fn now<S: Precision>(expr: &Expr, env: &Env<S>) -> String {
    match &expr.gives {
        Gives::Num(n) => {
            n.eval(env).map_or("not computed in this batch yet".to_owned(), |x| format!("now {}", figure(x)))
        }
        Gives::Cond(c) => {
            let mut said = Vec::new();
            parts(c, env, &mut said);
            match (said.as_slice(), c.eval(env)) {
                ([one], _) if !matches!(c, Cond::Not(_)) => format!("now {one}"),
                (_, None) => format!("now not known: {}", said.join(", ")),
                ([], Some(v)) => format!("always {v}"),
                (_, Some(v)) => format!("now {v}: {}", said.join(", ")),
            }
        }
        Gives::Tensor(t) => t.read(env).map_or("not computed in this batch yet".to_owned(), |(shape, _, s)| {
            format!("now {} from {} to {}, norm {}", shape_text(&shape), figure(s.min), figure(s.max), figure(s.norm))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let texts = [0.0123456, 1.5, 2.5e-9, 12345.6, 3.0, f64::NAN].map(figure);
        assert_eq!(texts, ["0.01235", "1.5", "2.500e-9", "12346", "3", "NaN"]);
    }
}
