//! `new` and `info`.

use crate::cli::Usage;
use crate::cli::run::read;
use crate::cli::table::{Table, count};
use crate::project::{self, templates};
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;

/// Writes a new project.
#[derive(clap::Args, Debug)]
#[command(after_help = format!("Templates: {}", names()))]
pub struct NewArgs {
    /// Where to write it.
    path: PathBuf,
    /// The shipped project to begin with.
    #[arg(long, value_name = "NAME", default_value = "spirals")]
    template: String,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Says what is in a project.
#[derive(clap::Args, Debug)]
pub struct InfoArgs {
    /// The project.
    path: PathBuf,
}

fn names() -> String {
    templates::shipped().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

pub fn new(args: &NewArgs) -> Result<bool> {
    let Some((_, text)) = templates::shipped().iter().find(|(name, _)| *name == args.template) else {
        return Err(Usage(format!("there is no template \"{}\"; there are {}", args.template, names())).into());
    };
    if args.path.exists() && !args.force {
        bail!("{} exists; choose another name or give --force", args.path.display());
    }
    project::save(&args.path, &project::parse(text)?)?;
    println!("wrote {}", args.path.display());
    Ok(true)
}

pub fn info(args: &InfoArgs) -> Result<bool> {
    let project = read(&args.path)?;
    let document = &project.document;
    let mut out = std::io::stdout().lock();
    if !document.notes.is_empty() {
        writeln!(out, "{}\n", document.notes.trim_end())?;
    }
    let mut facts = Table::new(&["", ""]);
    let mut fact = |name: &str, text: String| facts.row(vec![name.into(), text]);
    fact("nodes", document.graph.len().to_string());
    fact("wires", document.graph.wires().len().to_string());
    fact("data", document.data.label());
    fact("optimiser", document.train.optimizer.label());
    fact("batch size", document.train.batch_size.to_string());
    fact("seed", document.train.seed.to_string());
    let epochs = document.train.epochs;
    fact("epochs", if epochs == 0 { "no limit".into() } else { epochs.to_string() });
    fact(
        "weights",
        match &project.weights {
            Some(w) => format!("{} numbers in {} tensors", count(w.values().map(|w| w.1.len()).sum()), w.len()),
            None => "none saved".into(),
        },
    );
    if let Some(run) = &project.run {
        fact(
            "run",
            format!("stands at epoch {}, batch {}, {} steps done", run.epoch, run.batch, count(run.step as usize)),
        );
    }
    facts.write(&mut out)?;
    writeln!(out)?;
    let mut nodes = Table::new(&[">id", "node", "kind", "inputs"]);
    for n in document.graph.nodes() {
        let from = |id| document.graph.node(id).map_or("?", |n| n.name.as_str());
        let inputs: Vec<&str> = document.graph.inputs(n.id).iter().map(|w| from(w.from)).collect();
        nodes.row(vec![n.id.0.to_string(), n.name.clone(), n.kind.clone(), inputs.join(", ")]);
    }
    nodes.write(&mut out)?;
    Ok(true)
}
