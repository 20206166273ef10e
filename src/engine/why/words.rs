//! The verdict in words: which factor is to blame, and what to try.

use super::{Cause, Finding, Route, STRONG, Subject, Verdict, Why};

/// Fills in who is to blame, the sentence and the advice.
pub(super) fn judge(why: &mut Why, frozen: bool) {
    let whole = |cause, short: &str, text: String| Finding { node: None, cause, short: short.into(), text };
    let label = why.label.clone();
    for route in &mut why.routes {
        route.guilty = route.guilty.or_else(|| blame(route, why.verdict));
    }
    let best = why.routes.first();
    let data_alive = why.routes.iter().any(|r| !r.penalty && r.brings > 0.0);
    let penalty = why.routes.iter().find(|r| r.penalty && r.brings > 0.0 && !r.legs.is_empty());
    let of = |r: &Route| r.guilty.and_then(|g| r.legs[g].finding.clone());
    let mut advice = None;
    why.guilty = match (why.verdict, best) {
        _ if frozen => {
            let text = format!("{label} is frozen: no gradient is computed for it and no step moves it");
            Some(whole(Cause::Frozen, "frozen", text))
        }
        (_, None) => {
            let text = format!("no path leads from a loss to {label}: nothing that is minimised depends on it");
            Some(whole(Cause::Unconnected, "not connected", text))
        }
        _ if penalty.is_some() && !data_alive => {
            let by = penalty.map_or("", |r| r.legs[0].name.as_str());
            let text = format!("of all losses only the penalty \"{by}\" reaches {label}");
            Some(match why.routes.iter().find(|r| !r.penalty).and_then(of) {
                Some(cut) => {
                    advice = Some(cut.cause.advice());
                    let text = format!("{text}; from the data nothing comes, as {}", cut.text);
                    Finding { cause: Cause::PenaltyOnly, short: format!("λ only: {}", cut.short), text, ..cut }
                }
                None => whole(Cause::PenaltyOnly, "λ only", format!("{text}, and no data loss depends on it")),
            })
        }
        (Verdict::Zero, Some(r)) if r.legs.is_empty() => {
            Some(whole(Cause::LossWeight, "loss_weight 0", "its loss_weight is 0: it counts nothing".into()))
        }
        (Verdict::Usual, _) => None,
        // What no path lacks, and is not there in the end, has cancelled.
        (Verdict::Zero, Some(r)) if r.brings > 0.0 => {
            let text = format!("what {} paths bring to {label} cancels", why.routes.len());
            Some(whole(Cause::Cancels, "paths cancel", text))
        }
        (verdict, Some(r)) => of(r).or_else(|| many(r, verdict)),
    };
    let (norm, largest) = (number(why.norm), number(why.largest));
    let all = match why.subject {
        Subject::Weight(_) => "parameters",
        Subject::Output(_) => "nodes",
    };
    let figures = match why.verdict {
        Verdict::Zero | Verdict::NotFinite => String::new(),
        Verdict::Sparse => format!(" ({} of {} elements; norm {norm})", why.zeros.0, why.zeros.1),
        Verdict::Small => format!(" (norm {norm}, the largest of all {all} is {largest})"),
        Verdict::Huge | Verdict::Usual => format!(" (norm {norm})"),
    };
    let verdict = why.verdict.words();
    (why.sentence, why.advice) = match &why.guilty {
        Some(f) => (
            format!("The gradient of {label} {verdict}{figures}: {}.", f.text),
            advice.unwrap_or_else(|| f.cause.advice()).to_owned(),
        ),
        None => {
            let begins = " It is a term of the loss: here the backward pass begins, with its loss_weight.";
            let note = best.and_then(|r| {
                if r.legs.is_empty() {
                    return Some(begins.to_owned());
                }
                let all = r.legs.iter().filter_map(|l| Some((l.factor()?, &l.name)));
                let (least, name) = all.min_by(|a, b| a.0.total_cmp(&b.0))?;
                (least < 1.0).then(|| format!(" {name} shrinks it most, by a factor of {}.", number(least)))
            });
            (format!("The gradient of {label} {verdict}{figures}.{}", note.unwrap_or_default()), String::new())
        }
    };
}

/// Three digits: `0.0596`, `12.3`, `3.40e-8`.
pub(super) fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        a if !(1e-3..1e5).contains(&a) => format!("{x:.2e}"),
        a => format!("{x:.*}", (2.0 - a.log10().floor()).clamp(0.0, 6.0) as usize),
    }
}

/// The first leg of a path that is to blame for such a gradient.
fn blame(route: &Route, verdict: Verdict) -> Option<usize> {
    let factor = |k: usize| route.legs[k].factor().unwrap_or(1.0);
    let found = |k: &usize| route.legs[*k].finding.is_some();
    let mut legs = (0..route.legs.len()).filter(found);
    match verdict {
        Verdict::NotFinite => {
            legs.find(|k| route.legs[*k].finding.as_ref().is_some_and(|f| f.cause == Cause::NotFinite))
        }
        // Of several strong ones the first that counts beside the strongest.
        Verdict::Huge => {
            let most = (0..route.legs.len()).map(factor).fold(0.0, f64::max);
            legs.find(|k| factor(*k) > STRONG.1.max(most / 10.0))
        }
        Verdict::Small => {
            // The mean of a loss over its samples is the same for all parameters.
            let mean = |k: &usize| {
                matches!(route.legs[*k].finding, Some(Finding { cause: Cause::Spread, .. })) && route.legs[*k].loss
            };
            let least = (0..route.legs.len()).filter(|k| !mean(k)).map(factor).fold(1.0, f64::min);
            legs.find(|k| !mean(k) && factor(*k) < STRONG.0.min(least * 10.0))
        }
        Verdict::Sparse => legs.find(|k| {
            let cause = route.legs[*k].finding.as_ref().map(|f| f.cause);
            matches!(
                cause,
                Some(Cause::Dead | Cause::ZeroInput | Cause::Clipped | Cause::ZeroTensor | Cause::Step | Cause::Picks)
            )
        }),
        Verdict::Zero | Verdict::Usual => None,
    }
}

/// Many factors, none of them to blame by itself.
fn many(route: &Route, verdict: Verdict) -> Option<Finding> {
    let shrinks = verdict == Verdict::Small;
    if !shrinks && verdict != Verdict::Huge {
        return None;
    }
    let all = route.legs.iter().filter_map(|l| l.factor()).filter(|f| if shrinks { *f < 1.0 } else { *f > 1.0 });
    let logs: Vec<f64> = all.filter(|f| *f > 0.0).map(f64::ln).collect();
    if logs.is_empty() {
        return None;
    }
    let (count, sum) = (logs.len(), logs.iter().sum::<f64>());
    let (mean, product) = ((sum / count as f64).exp(), sum.exp());
    let text = format!(
        "no factor is to blame by itself; {count} factors of {mean:.2} on average multiply to {product:.1e} on the way"
    );
    Some(Finding { node: None, cause: Cause::Many, short: format!("{count} factors of {mean:.2}"), text })
}
