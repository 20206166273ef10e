//! `step --why`: why the gradient of a parameter or of a node's output is zero or huge, as text.

use crate::cli::Usage;
use crate::engine::PATIENT;
use crate::train::{Route, Session, Subject};
use anyhow::Result;
use std::io::Write;

/// Lines of a path that are printed at each end.
const ENDS: usize = 12;

/// Whether there is such a gradient.
pub fn check(session: &Session<f32>, text: &str) -> Result<Subject> {
    session.gradient(text).map_err(|why| Usage(why).into())
}

/// Prints the verdict and the paths of the gradient that `text` names.
pub fn print(session: &Session<f32>, text: &str, out: &mut dyn Write) -> Result<()> {
    let why = session.why(check(session, text)?, PATIENT).map_err(|why| anyhow::anyhow!(why))?;
    writeln!(out, "why {}: {}", why.label, why.sentence)?;
    if !why.advice.is_empty() {
        writeln!(out, "    to try: {}", why.advice)?;
    }
    for (k, route) in why.routes.iter().enumerate() {
        let about = if why.exact { "" } else { "about " };
        writeln!(
            out,
            "    path {} brings {about}{} = seed {} · product of {} factors {}",
            k + 1,
            short(route.brings),
            route.seed,
            route.legs.len(),
            short(route.product())
        )?;
        legs(route, &why.label, out)?;
    }
    if why.hidden > 0.0 {
        writeln!(out, "    and {} more paths that bring less", crate::train::count_text(why.hidden))?;
    }
    Ok(())
}

fn legs(route: &Route, label: &str, out: &mut dyn Write) -> Result<()> {
    let n = route.legs.len();
    let title = |k: usize| match k + 1 == n {
        true => format!("{} → {label}", route.legs[k].name),
        false => route.legs[k].name.clone(),
    };
    let width = (0..n).map(|k| title(k).chars().count()).max().unwrap_or(0).min(40);
    for (k, leg) in route.legs.iter().enumerate() {
        let guilty = route.guilty == Some(k);
        let skipped = n > 2 * ENDS && (ENDS..n - ENDS).contains(&k);
        if skipped && !guilty && leg.finding.is_none() {
            if k == ENDS {
                writeln!(out, "          … {} usual factors are left out …", n - 2 * ENDS)?;
            }
            continue;
        }
        let factor = leg.factor().map_or_else(|| "—".to_owned(), |f| format!("× {}", short(f)));
        let leaves = leg.leaves.map_or_else(|| "—".to_owned(), short);
        let mark = if guilty { '*' } else { ' ' };
        let note = leg.finding.as_ref().map_or_else(String::new, |f| format!("  {}", f.short));
        writeln!(out, "        {mark} {:<width$} {factor:>11}  leaves {leaves:>10}{note}", title(k))?;
    }
    Ok(())
}

fn short(x: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&x.abs()) {
        format!("{x:.2e}")
    } else {
        format!("{x:.4}")
    }
}
