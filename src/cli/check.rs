//! `check`: shapes, cost and problems of every node, and the gradient check.

use crate::cli::run::{load, sentence};
use crate::cli::table::{Table, count, number};
use crate::engine::{Weights, gradient_check};
use crate::graph::{Graph, Inference, Node, Severity};
use crate::train::{MEMORY, Session, SessionError, bytes_text as bytes};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Shows shapes, cost and problems of every node, and checks all gradients.
///
/// Gradients are compared with central differences in double precision, on the first batch (at most 16 samples).
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
    let inference = graph.infer(batch.features.as_ref(), batch.target.as_ref());
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
    let mut weights = Weights::<f64>::init(graph, &inference, document.train.seed);
    let mut right = true;
    for fault in loaded.project.weights.iter().flat_map(|map| weights.import(map)) {
        writeln!(out, "error: {fault}")?;
        right = false;
    }
    writeln!(out, "\ngradients, {} samples, against central differences in f64", batch.rows)?;
    let mut table = Table::new(&["gradient", ">worst relative error", ">checked", ">kinks left out", "verdict"]);
    for c in gradient_check(graph, &inference, &weights, &batch.x, &batch.y, batch.rows)? {
        right &= c.passed();
        let verdict = if c.passed() { "right".to_owned() } else { format!("WRONG at element {}", c.at) };
        table.row(vec![c.label.clone(), number(c.worst), count(c.checked), count(c.kinks), verdict]);
    }
    table.write(&mut out)?;
    Ok(right)
}

/// One row per node; the cost is that of one batch.
fn nodes(graph: &Graph, inference: &Inference, batch: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(&["node", "kind", "inputs", "output", ">parameters", ">bytes", ">FLOPs"]);
    let mut total = (0, 0, 0);
    for n in graph.nodes() {
        let shape = |id| inference.shape(id).map_or_else(|| "?".to_owned(), ToString::to_string);
        let inputs: Vec<String> = graph.inputs(n.id).iter().map(|w| shape(w.from)).collect();
        let (parameters, memory, flops) = cost(inference, n, batch);
        total = (total.0 + parameters, total.1 + memory, total.2 + flops);
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
    let kept = i.output.len(batch) + i.saved.as_ref().map_or(0, |s| s.len(batch));
    (parameters, kept * 4, (i.flops as usize).saturating_mul(batch))
}
