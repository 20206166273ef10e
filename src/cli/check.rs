//! `check`: shapes, cost and problems of every node, and the gradient check.

use crate::cli::run::{load, sentence};
use crate::cli::table::{Table, count, number};
use crate::engine::{CHECKED, CheckError, Checked, Weights, gradient_check, weights_fit};
use crate::graph::{Graph, Inference, Node, Severity};
use crate::train::{MEMORY, Session, SessionError, bytes_text as bytes, review};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Shows shapes, cost and problems of every node, and checks the gradient of every weight and of the input.
///
/// Up to 24 elements of each, spread evenly, are compared with central differences in double precision, on the first
/// batch (at most 16 samples). The column `checked` says how many were tried, `of` how many there are.
/// Exit code 1 if the graph cannot run or a gradient is wrong.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The project.
    path: PathBuf,
}

/// Samples of the gradient check.
const SAMPLES: usize = 16;

pub fn run(args: &Args) -> Result<bool> {
    let loaded = load(&args.path)?;
    let document = &loaded.project.document;
    let graph = &document.graph;
    let batch = loaded.batch::<f64>(SAMPLES)?;
    let inference = review(graph, loaded.data.as_deref(), &document.train);
    let mut out = std::io::stdout().lock();
    nodes(graph, &inference, document.train.batch_size, &mut out)?;
    for d in &inference.diagnostics {
        let severity = match d.severity {
            Severity::Error => "error",
            Severity::Incomplete => "incomplete",
            Severity::Warning => "warning",
        };
        writeln!(out, "{severity}: {}", sentence(graph, d))?;
        for fix in &d.fixes {
            writeln!(out, "    possible fix: {}", fix.label)?;
        }
    }
    if !inference.runnable() {
        return Ok(false);
    }
    let (shared, data, config) = (Arc::new(graph.clone()), loaded.data.clone(), document.train.clone());
    let mut session = Session::<f32>::new(shared.clone(), data.clone(), config.clone());
    if let Err(SessionError::Plan(e)) = session {
        writeln!(out, "warning: the window cannot train it: {e}")?;
        session = Session::unwatched(shared, data, config);
    }
    match session {
        Ok(session) => {
            session.needs().text().iter().try_for_each(|line| writeln!(out, "memory: {line}"))?;
            let back = bytes(MEMORY);
            writeln!(out, "memory: up to {back} in the window for states to go back to, if nothing else is set there")?;
        }
        Err(SessionError::Plan(e)) => {
            writeln!(out, "error: {e}")?;
            return Ok(false);
        }
        Err(e) => writeln!(out, "warning: training cannot begin: {e}")?,
    }
    if let Err(e) = weights_fit(&inference, size_of::<f64>(), 4) {
        writeln!(out, "error: gradients are not checked, as that takes weights in f64: {e}")?;
        return Ok(false);
    }
    let mut weights = Weights::<f64>::init(graph, &inference, document.train.seed);
    let mut right = true;
    for fault in loaded.project.weights.iter().flat_map(|map| weights.import(map)) {
        writeln!(out, "error: {fault}")?;
        right = false;
    }
    let samples = if batch.rows == 1 { "one sample".to_owned() } else { format!("{} samples", batch.rows) };
    writeln!(out, "\ngradients, {samples}, up to {CHECKED} elements each, against central differences in f64")?;
    let mut table = Table::new(&["gradient", ">worst relative error", ">checked", ">of", ">kinks left out", "verdict"]);
    let checked = match gradient_check(graph, &inference, &weights, &batch.x, &batch.y, batch.rows) {
        Ok(checked) => checked,
        Err(CheckError::Plan(e)) => return Err(e.into()),
        Err(e @ CheckError::NotFinite { birth, .. }) => {
            let place = birth.and_then(|(id, phase)| Some((graph.node(id)?, phase)));
            let place = place.map_or_else(String::new, |(n, phase)| {
                format!("; the first number that is not finite is one of \"{}\" ({phase:?})", n.name)
            });
            writeln!(out, "not judged: {e}{place}. See chainrule train for what it was made of")?;
            return Ok(false);
        }
    };
    for c in checked {
        right &= c.passed();
        let verdict = if c.passed() { "right".to_owned() } else { format!("WRONG at element {}", c.at) };
        table.row(vec![c.label.clone(), error_text(&c), count(c.checked), count(c.of), count(c.kinks), verdict]);
    }
    table.write(&mut out)?;
    Ok(right)
}

/// The error; where all differences lie within what rounding adds to the slopes, the largest that may hide there.
fn error_text(c: &Checked) -> String {
    match c.worst {
        // One digit, rounded up.
        0.0 if c.noise > 0.0 => format!("< {:.0e}", c.noise * 1.5),
        0.0 => "0".to_owned(),
        worst => number(worst),
    }
}

/// One row per node; the cost is that of one batch.
fn nodes(graph: &Graph, inference: &Inference, batch: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(&["node", "kind", "inputs", "output", ">parameters", ">bytes", ">FLOPs"]);
    let mut total = (0usize, 0usize, 0usize);
    for n in graph.nodes() {
        let shape = |id| inference.shape(id).map_or_else(|| "?".to_owned(), ToString::to_string);
        let inputs: Vec<String> = graph.inputs(n.id).iter().map(|w| shape(w.from)).collect();
        let (parameters, memory, flops) = cost(inference, n, batch);
        total = (total.0 + parameters, total.1.saturating_add(memory), total.2.saturating_add(flops));
        let cost = [count(parameters), bytes(memory), count(flops)];
        let mut row = vec![n.name.clone(), n.kind.clone(), inputs.join(", "), shape(n.id)];
        row.extend(cost);
        table.row(row);
    }
    let blank = String::new;
    table.row(vec!["total".into(), blank(), blank(), blank(), count(total.0), bytes(total.1), count(total.2)]);
    table.write(out)?;
    writeln!(out, "bytes of output and saved values in f32 and FLOPs of the forward pass, for a batch of {batch}\n")?;
    Ok(())
}

/// Parameters, bytes and operations of one node.
fn cost(inference: &Inference, node: &Node, batch: usize) -> (usize, usize, usize) {
    let Some(i) = inference.nodes.get(&node.id) else { return (0, 0, 0) };
    let parameters = i.weights.iter().map(|w| w.shape.iter().product::<usize>()).sum();
    let kept = i.output.len(batch).saturating_add(i.saved.as_ref().map_or(0, |s| s.len(batch)));
    (parameters, kept.saturating_mul(4), (i.flops as usize).saturating_mul(batch))
}
