//! `step --explain`: where one number came from, as text.

use crate::cli::Usage;
use crate::engine::{Explanation, Joined, PATIENT};
use crate::train::{ElementRef, Session};
use anyhow::Result;
use std::io::Write;

/// Prints the terms of the element that `text` names: `hidden 1.weight.grad[0,1]`.
pub fn print(session: &Session<f32>, text: &str, out: &mut dyn Write) -> Result<()> {
    let (of, label) = element(session, text)?;
    let made = session.take_apart(of, PATIENT).map_err(|why| anyhow::anyhow!("{label}: {why}"))?;
    writeln!(out, "{label}: {}", made.title)?;
    lines(&made, out)
}

fn lines(made: &Explanation, out: &mut dyn Write) -> Result<()> {
    for t in &made.terms {
        let names: Vec<&str> = t.factors.iter().map(|f| f.label.as_str()).collect();
        let numbers: Vec<String> = t.factors.iter().map(|f| format!("{:.6}", f.value)).collect();
        let numbers = if t.factors.len() > 1 { format!("{} = ", numbers.join(" · ")) } else { String::new() };
        let slope = t.slope.map_or_else(String::new, |s| format!("  slope {s:.6}"));
        writeln!(out, "    {:<44} {numbers}{:.6}{slope}", names.join(" · "), t.value)?;
    }
    if made.hidden > 0 {
        writeln!(out, "    and {} smaller terms, together {:.6}", made.hidden, made.rest)?;
    }
    match &made.joined {
        Joined::Sum => writeln!(out, "    Σ = {:.6}", made.total)?,
        Joined::Function(name) => writeln!(out, "    {name} = {:.6}", made.total)?,
    }
    Ok(())
}

/// The element called `NODE.TENSOR[i,j]`. The name of a node may hold dots and brackets; it is the longest that fits.
pub fn element(session: &Session<f32>, text: &str) -> Result<(ElementRef, String)> {
    let (path, index) = match text.trim().strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((path, index)) => (path, Some(index)),
        None => (text.trim(), None),
    };
    let graph = session.graph();
    let fits = |name: &str| path.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).is_some();
    let node = graph.nodes().filter(|n| fits(&n.name)).max_by_key(|n| n.name.len());
    let Some(node) = node else {
        let names: Vec<&str> = graph.nodes().map(|n| n.name.as_str()).collect();
        let text = format!("--explain {text}: it must be NODE.TENSOR[INDEX], with a node of {}", names.join(", "));
        return Err(Usage(text).into());
    };
    let tensors = session.inspect(node.id).map(|i| i.tensors).unwrap_or_default();
    let called = &path[node.name.len() + 1..];
    // The label of ∂L/∂output ends with a sign.
    let word = |label: &str| label.trim_end_matches(" δ").to_owned();
    let Some(t) = tensors.iter().find(|t| word(&t.label) == called) else {
        let names: Vec<String> = tensors.iter().map(|t| word(&t.label)).collect();
        return Err(Usage(format!("{} has no tensor \"{called}\"; it has {}", node.name, names.join(", "))).into());
    };
    let shape = crate::tensor::shape_text(&t.shape);
    let wrong = || Usage(format!("{}.{called} is {shape}: there is no element [{}]", node.name, index.unwrap_or("")));
    let at: Vec<usize> = match index {
        Some(list) => list.split(',').map(|n| n.trim().parse().map_err(|_| wrong())).collect::<Result<_, _>>()?,
        None => vec![0; t.shape.len()],
    };
    if at.len() != t.shape.len() || at.iter().zip(&t.shape).any(|(i, n)| i >= n) {
        return Err(wrong().into());
    }
    let index = at.iter().zip(&t.shape).fold(0, |flat, (i, n)| flat * n + i);
    let label = format!("{}.{called}{}", node.name, crate::engine::index_text(&t.shape, index));
    Ok((ElementRef { node: node.id, tensor: t.which, index }, label))
}
