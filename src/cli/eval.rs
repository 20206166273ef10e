//! `eval`: one batch forward and backward, every number to a file.

use crate::cli::Usage;
use crate::cli::run::{Batch, Loaded, load, sentence};
use crate::cli::tensors::{self, Named};
use crate::engine::{Pass, Plan, Weights, weights_fit};
use crate::graph::Severity;
use crate::ops::Precision;
use crate::tensor::{Shape, View};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Runs one batch forward and backward and writes every value and gradient.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Tensors in the output, for every node by its name:
  NODE.output         what it computes
  NODE.output.grad    ∂L/∂output, L the total loss
  NODE.input.K.grad   what it adds to the gradient of the value at its input K
  NODE.PARAM          its weights: NODE.weight, NODE.bias
  NODE.PARAM.grad     ∂L/∂PARAM
Where no gradient flows (targets, branches that reach no loss) there is no .grad.

The weights are those saved in the project, or those its seed gives.
--inputs and --targets are safetensors files (F32, F64, I32, I64) that hold a tensor called
\"inputs\" or \"targets\", or only one; their first axis is the batch.")]
pub struct Args {
    /// The project.
    path: PathBuf,
    /// The features of the batch; the first batch of the data set if not given.
    #[arg(long, value_name = "FILE", requires = "targets")]
    inputs: Option<PathBuf>,
    /// The targets of the batch.
    #[arg(long, value_name = "FILE", requires = "inputs")]
    targets: Option<PathBuf>,
    /// Where to write the tensors.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Compute in double precision.
    #[arg(long)]
    f64: bool,
}

pub fn run(args: &Args) -> Result<bool> {
    let loaded = load(&args.path)?;
    if args.f64 { evaluate::<f64>(args, &loaded) } else { evaluate::<f32>(args, &loaded) }
}

fn batch<S: Precision>(args: &Args, loaded: &Loaded) -> Result<Batch<S>> {
    let (Some(inputs), Some(targets)) = (&args.inputs, &args.targets) else { return loaded.batch(usize::MAX) };
    let (x, y) = (tensors::read(inputs, "inputs")?, tensors::read(targets, "targets")?);
    let rows = match (x.shape.first(), y.shape.first()) {
        (Some(&a), Some(&b)) if a == b && a > 0 => a,
        (Some(a), Some(b)) => {
            return Err(Usage(format!("the inputs have {a} samples and the targets {b}; they must agree")).into());
        }
        _ => return Err(Usage("inputs and targets need a first axis, the samples".into()).into()),
    };
    let narrow = |data: Vec<f64>| data.into_iter().map(S::of).collect();
    Ok(Batch {
        rows,
        features: Some(Shape::batch(&x.shape[1..])),
        target: Some(Shape::batch(&y.shape[1..])),
        x: narrow(x.data),
        y: narrow(y.data),
    })
}

fn evaluate<S: Precision>(args: &Args, loaded: &Loaded) -> Result<bool> {
    let batch = batch::<S>(args, loaded)?;
    let document = &loaded.project.document;
    let graph = &document.graph;
    let inference = graph.infer(batch.features.as_ref(), batch.target.as_ref());
    if let Some(d) = inference.diagnostics.iter().find(|d| d.severity != Severity::Warning) {
        bail!("the graph cannot run on this batch: {}", sentence(graph, d));
    }
    weights_fit(&inference, size_of::<S>(), 0)?;
    let mut weights = Weights::<S>::init(graph, &inference, document.train.seed);
    for w in loaded.project.weights.iter().flat_map(|map| weights.import(map)) {
        eprintln!("warning: {w}");
    }
    let plan = Plan::new(graph, &inference, &weights, batch.rows)?;
    let mut pass = Pass::new(&plan);
    pass.run_gradients(&plan, &mut weights, &batch.x, &batch.y);

    let mut tensors: Vec<Named<S>> = Vec::new();
    let mut put = |name: String, view: Option<View<S>>| {
        tensors.extend(view.map(|v| (name, v.shape.to_vec(), v.data.to_vec())));
    };
    for node in graph.nodes() {
        let name = &node.name;
        put(format!("{name}.output"), pass.value(&plan, node.id));
        put(format!("{name}.output.grad"), pass.grad(&plan, node.id));
        for pin in 0..graph.inputs(node.id).len() {
            put(format!("{name}.input.{pin}.grad"), pass.input_grad(&plan, node.id, pin));
        }
    }
    for (k, info) in weights.infos.iter().enumerate() {
        put(info.label.clone(), Some(View { shape: &info.shape, data: weights.value(k) }));
        put(format!("{}.grad", info.label), Some(View { shape: &info.shape, data: weights.grad(k) }));
    }
    tensors::write(&args.out, &tensors)?;

    for (id, factor) in plan.loss_terms() {
        if let (Some(node), Some(value)) = (graph.node(*id), pass.value(&plan, *id)) {
            let factor = if *factor == 1.0 { String::new() } else { format!(" (times {factor})") };
            println!("{}: {}{factor}", node.name, value.data[0].to64());
        }
    }
    println!("total loss: {}", pass.total_loss(&plan).unwrap_or(f64::NAN));
    println!("wrote {} tensors of {} samples to {}", tensors.len(), batch.rows, args.out.display());
    if let Some(bad) = pass.bad() {
        let name = graph.node(bad.node).map_or("?", |n| n.name.as_str());
        println!("not finite: first at \"{name}\" ({:?}), element {}", bad.phase, bad.element);
        return Ok(false);
    }
    Ok(true)
}
