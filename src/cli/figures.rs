//! Losses and metrics as tables.

use crate::cli::table::{Table, number};
use crate::train::{Metrics, Part, Report, Session, class_scores, macro_auc, macro_score};
use anyhow::Result;
use std::io::Write;

/// Classes up to which the whole confusion matrix is written, unless it is asked for.
const MATRIX: usize = 12;
/// Pairs of classes that are written of a larger one.
const PAIRS: usize = 10;

/// Name and report of each part, or `None` as soon as not `go`.
pub fn evaluated(session: &mut Session<f32>, go: &dyn Fn() -> bool) -> Option<Vec<(&'static str, Report)>> {
    let mut parts = vec![("train", session.evaluate_while(Part::Train, go)?)];
    if session.has_test() {
        parts.push(("test", session.evaluate_while(Part::Test, go)?));
    }
    Some(parts)
}

/// The losses and figures of all parts, then the classes of the last one.
pub fn write(parts: &[(&str, Report)], whole_matrix: bool, out: &mut dyn Write) -> Result<()> {
    let names: Vec<String> = parts.first().map(|p| figures(&p.1.metrics).0).unwrap_or_default();
    let headings: Vec<String> = names.iter().map(|n| format!(">{n}")).collect();
    let mut table =
        Table::new(&["part", ">loss"].into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>());
    for (name, report) in parts {
        let mut row = vec![(*name).to_owned(), number(report.loss)];
        row.extend(figures(&report.metrics).1.into_iter().map(number));
        table.row(row);
    }
    table.write(out)?;
    classes(parts, out)?;
    confusion(parts, whole_matrix, out)
}

/// Which class of the last part was taken for which: the matrix, or of a large one the pairs taken most often.
fn confusion(parts: &[(&str, Report)], whole: bool, out: &mut dyn Write) -> Result<()> {
    let Some((part, Report { metrics: Metrics::Classes { confusion, names, .. }, .. })) = parts.last() else {
        return Ok(());
    };
    writeln!(out)?;
    if whole || names.len() <= MATRIX {
        let headings: Vec<String> = names.iter().map(|n| format!(">{n}")).collect();
        let corner = format!("true ({part}), taken for");
        let mut table =
            Table::new(&[corner.as_str()].into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>());
        for (name, row) in names.iter().zip(confusion) {
            table.row([name.clone()].into_iter().chain(row.iter().map(u32::to_string)).collect());
        }
        return Ok(table.write(out)?);
    }
    let of = |(t, row): (usize, &Vec<u32>)| -> Vec<(u32, usize, usize)> {
        let wrong = row.iter().enumerate().filter(|(said, n)| *said != t && **n > 0);
        wrong.map(|(said, n)| (*n, t, said)).collect()
    };
    let mut pairs: Vec<(u32, usize, usize)> = confusion.iter().enumerate().flat_map(of).collect();
    pairs.sort_by_key(|(n, t, said)| (std::cmp::Reverse(*n), *t, *said));
    let mut table = Table::new(&[&format!("true ({part})"), "taken for", ">samples"]);
    for (n, t, said) in pairs.iter().take(PAIRS) {
        table.row(vec![names[*t].clone(), names[*said].clone(), n.to_string()]);
    }
    table.write(out)?;
    let rest = pairs.len().saturating_sub(PAIRS);
    Ok(writeln!(out, "{rest} more pairs of {} classes; --confusion writes the whole matrix", names.len())?)
}

/// Precision, recall, F₁ and area under the ROC curve of every class, of the last part.
fn classes(parts: &[(&str, Report)], out: &mut dyn Write) -> Result<()> {
    let Some((part, Report { metrics: Metrics::Classes { confusion, names, auc, .. }, .. })) = parts.last() else {
        return Ok(());
    };
    let heading = format!("class ({part})");
    let mut table = Table::new(&[heading.as_str(), ">precision", ">recall", ">F1", ">AUC"]);
    for ((score, name), auc) in class_scores(confusion).iter().zip(names).zip(auc) {
        table.row(vec![name.clone(), number(score.precision), number(score.recall), number(score.f1), number(*auc)]);
    }
    writeln!(out)?;
    Ok(table.write(out)?)
}

/// Names and values of the figures of one part.
pub fn figures(metrics: &Metrics) -> (Vec<String>, Vec<f64>) {
    let list = match metrics {
        Metrics::None => vec![],
        Metrics::Classes { accuracy, top, auc, confusion, .. } => {
            let mean = macro_score(&class_scores(confusion));
            let top = top.iter().map(|(k, share)| (format!("top-{k}"), *share));
            let rest =
                [("precision", mean.precision), ("recall", mean.recall), ("F1", mean.f1), ("AUC", macro_auc(auc))];
            let rest = rest.map(|(name, value)| (name.to_owned(), value));
            std::iter::once(("accuracy".to_owned(), *accuracy)).chain(top).chain(rest).collect()
        }
        Metrics::Regression { mae, rmse, mape, r2 } => {
            [("MAE", mae), ("RMSE", rmse), ("MAPE", mape), ("R²", r2)].map(|(n, v)| (n.to_owned(), *v)).to_vec()
        }
    };
    list.into_iter().unzip()
}
