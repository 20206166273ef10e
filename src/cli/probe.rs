//! `step`: other numbers on trial, the backward graph, and how gradients add up.

use crate::cli::Usage;
use crate::cli::table::{Table, number};
use crate::engine::Phase;
use crate::ops::Precision;
use crate::tensor::{norm, shape_text};
use crate::train::{Poke, Session, TrainConfig, WhatIf, index_text};
use anyhow::Result;
use std::io::Write;
use std::sync::Arc;

/// What `step` asks beyond walking.
#[derive(clap::Args, Debug, Default)]
#[group(id = "probe")]
pub struct Args {
    /// Try another number, such as `hidden 1.output[0,3]=0.9`, and print what changes, old → new. Any element of an
    /// output, an output.grad, a weight or a weight's grad; may be given several times. The walk then ends before the
    /// update, unless --steps or --until says otherwise.
    #[arg(long, value_name = "ELEMENT=NUMBER")]
    set: Vec<String>,
    /// Print the backward graph as PyTorch would have it: grad_fn, leaves, saved tensors, .grad.
    #[arg(long)]
    autograd: bool,
    /// Do not clear gradients before a backward pass: they add up over the batches.
    #[arg(long)]
    no_zero_grad: bool,
    /// Run the backward pass a second time before the update; without --retain-graph it fails as in PyTorch.
    #[arg(long)]
    backward_twice: bool,
    /// Keep what the forward pass saved after the first backward pass.
    #[arg(long, requires = "backward_twice")]
    retain_graph: bool,
    /// Show .grad of this node's output, which is no leaf; may be given several times.
    #[arg(long, value_name = "NODE")]
    retain_grad: Vec<String>,
}

impl Args {
    /// Changes the training settings as asked.
    pub fn configure(&self, config: &mut TrainConfig) -> Result<()> {
        config.zero_grad &= !self.no_zero_grad;
        config.reject().map_or(Ok(()), |why| Err(Usage(why).into()))
    }

    /// Where a walk ends that was given no end.
    pub fn end<S: Precision>(&self, session: &Session<S>) -> usize {
        let whole = session.program().len();
        let early = !self.set.is_empty() || self.backward_twice;
        if early { session.current().0.first_update() } else { whole }
    }

    /// Does what is asked at the end of the walk.
    pub fn run<S: Precision>(&self, session: &mut Session<S>, out: &mut dyn Write) -> Result<()> {
        if self.backward_twice {
            session.backward_again(self.retain_graph).map_err(|e| {
                let why = e.explanation();
                anyhow::anyhow!("{e}{}{why}", if why.is_empty() { "" } else { " " })
            })?;
            writeln!(out, "backward again: gradients are added to those in .grad")?;
        }
        for name in &self.retain_grad {
            retained(session, name, out)?;
        }
        if self.autograd {
            graph(session, out)?;
        }
        if self.set.is_empty() {
            return Ok(());
        }
        let read = |text: &String| session.poke(text).and_then(|p| session.settle(p)).map_err(Usage);
        let pokes: Vec<Poke> = self.set.iter().map(read).collect::<Result<_, _>>()?;
        let what = session.what_if(&pokes, None).map_err(Usage)?;
        changes(session, &what, out)
    }
}

fn retained<S: Precision>(session: &Session<S>, name: &str, out: &mut dyn Write) -> Result<()> {
    let Some(node) = session.graph().by_name(name) else {
        return Err(Usage(format!("there is no node \"{name}\" whose gradient could be retained")).into());
    };
    let shot = session.autograd_shot(&Arc::new(session.autograd()));
    let (plan, pass) = session.current();
    let text = match (shot.graph.node(node.id), pass.grad(plan, node.id)) {
        (Some(n), _) if !n.requires_grad => "can't retain_grad on Tensor that has requires_grad=False".to_owned(),
        (_, None) => "None: the backward pass has not come to it".to_owned(),
        (_, Some(g)) => {
            let norm = norm(g.data) * f64::from(shot.passes);
            format!("{}  norm {}  {}", shape_text(g.shape), number(norm), passes(shot.passes))
        }
    };
    Ok(writeln!(out, "{name}.grad  {text}")?)
}

fn passes(n: u32) -> String {
    if n == 1 { "of one backward pass".into() } else { format!("sum of {n} backward passes") }
}

/// The backward graph as a table.
fn graph<S: Precision>(session: &Session<S>, out: &mut dyn Write) -> Result<()> {
    let shot = session.autograd_shot(&Arc::new(session.autograd()));
    let mut table =
        Table::new(&["node", "shape", "requires_grad", "is_leaf", "grad_fn", "next_functions", ">saved bytes"]);
    for n in &shot.graph.nodes {
        let next: Vec<String> = n.next.iter().map(|n| format!("{} ({})", n.name, n.of)).collect();
        let yes = |on: bool| if on { "True" } else { "False" }.to_owned();
        let grad_fn = n.grad_fn.clone().unwrap_or_else(|why| why);
        let (shape, saved) = (shape_text(&n.shape), n.saved_bytes().to_string());
        table.row(vec![n.name.clone(), shape, yes(n.requires_grad), yes(n.is_leaf), grad_fn, next.join(", "), saved]);
    }
    table.write(out)?;
    let (bytes, tensors) = (shot.graph.saved_bytes, shot.graph.saved_tensors);
    writeln!(
        out,
        "saved for backward: {bytes} bytes in {tensors} tensors, each counted once, parameters not counted\n"
    )?;
    let mut leaves = Table::new(&["parameter", "requires_grad", ".grad", ">norm"]);
    for (leaf, (state, norm)) in shot.graph.leaves.iter().zip(&shot.leaves) {
        let yes = if leaf.requires_grad { "True" } else { "False" };
        leaves.row(vec![leaf.label.clone(), yes.into(), state.text(), norm.map_or("-".into(), number)]);
    }
    Ok(leaves.write(out)?)
}

/// Old and new numbers, in the order of the program.
fn changes<S: Precision>(session: &Session<S>, what: &WhatIf, out: &mut dyn Write) -> Result<()> {
    for (poke, name, old) in &what.pokes {
        writeln!(out, "what if  {name}  {} → {}", number(*old), number(poke.value))?;
    }
    writeln!(out, "loss     {} → {}", number(what.loss.0), number(what.loss.1))?;
    let mut table = Table::new(&["tensor", ">changed", ">norm", "most"]);
    let nodes = session.program().iter().filter(|i| matches!(i.phase, Phase::Forward | Phase::Loss)).map(|i| i.node);
    for id in nodes {
        let name = session.graph().node(id).map_or("?", |n| n.name.as_str());
        for d in what.nodes.get(&id).into_iter().flatten() {
            let (at, a, b) = d.most;
            let all: usize = d.shape.iter().product();
            table.row(vec![
                format!("{name}.{}", d.label),
                format!("{} of {all}", d.changed),
                format!("{} → {}", number(d.norm.0), number(d.norm.1)),
                format!("{} {} → {}", index_text(&d.shape, at), number(a), number(b)).trim_start().to_owned(),
            ]);
        }
    }
    Ok(table.write(out)?)
}
