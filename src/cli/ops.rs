//! `ops`: the catalogue, and the documentation of one kind.

use crate::cli::Usage;
use crate::cli::table::Table;
use crate::ops::{Category, Inputs, ParamKind, ParamSpec, Role, Spec, Value, catalogue, number_text};
use anyhow::Result;
use std::io::Write;

/// Lists the kinds of node, or explains one.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The id of a kind: `linear`, `bce_with_logits_loss`.
    name: Option<String>,
}

pub fn run(args: &Args) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match &args.name {
        None => list(&mut out),
        Some(name) => match catalogue::find(name) {
            Some(kind) => exnumber_text(kind.spec, &mut out),
            None => Err(Usage(format!("there is no kind \"{name}\"{}; see chainrule ops", near(name))).into()),
        },
    }
}

/// The kinds that `name` may have meant.
fn near(name: &str) -> String {
    let name = name.to_lowercase().replace(['-', ' '], "_");
    let fits = |id: &&str| id.contains(&name) || (name.len() > 2 && id.starts_with(&name[..name.len().min(3)]));
    let ids: Vec<&str> =
        catalogue::CATALOGUE.iter().map(|k| k.spec.id).filter(|id| name.is_ascii() && fits(id)).collect();
    if ids.is_empty() { String::new() } else { format!("; did you mean {}?", ids.join(" or ")) }
}

fn list(out: &mut dyn Write) -> Result<bool> {
    for category in Category::ALL {
        writeln!(out, "{}", category.label())?;
        let mut table = Table::new(&["  id", "label", "PyTorch"]);
        for k in catalogue::CATALOGUE.iter().filter(|k| k.spec.category == category) {
            table.row(vec![format!("  {}", k.spec.id), k.spec.label.into(), k.spec.torch.into()]);
        }
        if !table.is_empty() {
            table.write(out)?;
        }
        writeln!(out)?;
    }
    Ok(true)
}

fn exnumber_text(spec: &Spec, out: &mut dyn Write) -> Result<bool> {
    writeln!(out, "{} ({}, {})\n\n{}\n", spec.label, spec.id, spec.category.label().to_lowercase(), spec.doc)?;
    let mut table = Table::new(&["", ""]);
    let mut fact = |name: &str, text: &str| {
        if !text.is_empty() {
            table.row(vec![name.into(), text.into()]);
        }
    };
    fact("inputs", &inputs(spec));
    fact("formula", spec.formula.forward);
    fact("local", spec.formula.local);
    fact("chain rule", spec.formula.chain);
    fact("kinks", spec.kinks);
    fact("PyTorch", spec.torch);
    fact("ONNX", spec.onnx);
    table.write(out)?;
    if !spec.params.is_empty() {
        writeln!(out)?;
        let mut params = Table::new(&["parameter", "values", "default", "meaning"]);
        for p in spec.params {
            params.row(vec![p.name.into(), values(p), value(&(p.default)()), p.doc.into()]);
        }
        params.write(out)?;
    }
    Ok(true)
}

fn inputs(spec: &Spec) -> String {
    match spec.inputs {
        _ if spec.role == Role::Penalty => "none; reads weights".into(),
        Inputs::Fixed([]) => "none".into(),
        Inputs::Fixed(names) => names.join(", "),
        Inputs::Variadic(least) => format!("{least} or more"),
    }
}

fn values(p: &ParamSpec) -> String {
    match p.kind {
        ParamKind::Bool => "true, false".into(),
        ParamKind::Int { min, max } => format!("{min} to {max}"),
        ParamKind::Float { min, max, .. } => format!("{} to {}", number_text(min), number_text(max)),
        ParamKind::Choice(names) => names.join(", "),
        ParamKind::Ints => "whole numbers".into(),
        ParamKind::Floats => "numbers".into(),
        ParamKind::Nodes => "nodes".into(),
    }
}

fn value(v: &Value) -> String {
    match v {
        Value::Bool(x) => x.to_string(),
        Value::Int(x) => x.to_string(),
        Value::Float(x) => number_text(*x),
        Value::Text(x) => x.clone(),
        Value::Ints(x) => format!("{x:?}"),
        Value::Floats(x) => format!("{x:?}"),
        Value::Nodes(_) => "all".into(),
    }
}
