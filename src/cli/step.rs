//! `step`: the tape as text.

use crate::cli::run::load;
use crate::cli::stops;
use crate::cli::table::number;
use crate::cli::{Usage, probe};
use crate::engine::{Instruction, Phase};
use crate::graph::NodeId;
use crate::tensor::{Stats, View, shape_text};
use crate::train::{Granularity, Session, Timeline};
use anyhow::Result;
use std::io::Write;
use std::path::PathBuf;

/// Walks through a batch instruction by instruction, as text.
///
/// Each line is one instruction; below it what it computed: shape, norm, range, and the numbers of tensors of up
/// to 16 elements. Without --steps and --until it is one whole batch; the first, or the one after --from-step.
///
/// With --break or --stops the network trains at full speed until a breakpoint stops it; then it says where and why, and
/// what is watched. A condition compares numbers made of tensors and figures: max(abs(grad)) > 10, norm(weight.grad) <
/// 1e-6, any_nan(value), dead(value) > 0.5, loss > 1.2 * loss.previous, batch == 17, hits == 3.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The project.
    path: PathBuf,
    /// Train so many batches first, and walk from there.
    #[arg(long, value_name = "N", default_value_t = 0)]
    from_step: u64,
    /// Number of instructions to run.
    #[arg(long, value_name = "N", conflicts_with = "until")]
    steps: Option<usize>,
    /// Stop after this instruction of a node: NODE, or NODE:PHASE with the phase forward, loss, seed, backward or
    /// update. Without a phase it is the node's first.
    #[arg(long, value_name = "NODE[:PHASE]")]
    until: Option<String>,
    /// Then take back so many instructions, bit for bit, and show what the one before computed.
    #[arg(long, value_name = "N")]
    back: Option<usize>,
    /// Then print where a number came from, term by term: NODE.TENSOR[INDEX], such as 'hidden 1.weight.grad[0,1]',
    /// 'output.output.grad[2,0]' or 'loss.output'. May be given several times.
    #[arg(long, value_name = "ELEMENT")]
    explain: Vec<String>,
    /// Then say why a gradient is zero, small or huge: the paths to it from the loss, the factor of every node on them, and
    /// the first one to blame. GRADIENT is a parameter such as 'hidden 1.weight', or a node such as 'hidden 1' for that of
    /// its output. May be given several times.
    #[arg(long, value_name = "GRADIENT")]
    why: Vec<String>,
    #[command(flatten)]
    probe: probe::Args,
    #[command(flatten)]
    stops: stops::StopArgs,
}

/// Tensors up to this length are printed.
const SHOWN: usize = 16;

pub fn run(args: &Args) -> Result<bool> {
    let mut loaded = load(&args.path)?;
    args.probe.configure(&mut loaded.project.document.train)?;
    let mut session = loaded.session::<f32>(true)?;
    session.set_watched(!args.explain.is_empty() || !args.why.is_empty());
    // What is named wrongly is told before anything runs.
    for text in &args.explain {
        crate::cli::explain::element(&session, text)?;
    }
    for text in &args.why {
        crate::cli::why::check(&session, text)?;
    }
    let until = args.until.as_deref().map(|text| target(&session, text)).transpose()?;
    let steps = args.steps.unwrap_or(if until.is_some() { session.program().len() } else { args.probe.end(&session) });
    let mut out = std::io::stdout().lock();
    let mut timeline = Timeline::default();
    while session.steps() < args.from_step {
        timeline.record(&session);
        session.step();
    }
    if args.from_step > 0 {
        let (epoch, batch) = (session.epoch(), session.batch_index());
        writeln!(out, "after {} batches: epoch {epoch}, batch {batch} of {}", session.steps(), session.batches())?;
    }
    let shown = stops::Shown::new(&args.stops, &loaded.project.document, &mut session)?;
    if shown.running() {
        shown.run(&mut session, &mut timeline, &mut out)?;
        return back(args, &mut session, &mut timeline, &shown, &mut out);
    }
    for k in 0..steps {
        timeline.record(&session);
        let Some(done) = session.advance() else { break };
        show(&session, k + 1, done, &mut out)?;
        shown.watches(&mut session, &mut out)?;
        if until.is_some_and(|(node, phase)| done.node == node && phase.is_none_or(|p| p == done.phase)) {
            break;
        }
    }
    back(args, &mut session, &mut timeline, &shown, &mut out)
}

/// Takes back what was asked for, and says what the loss is.
fn back(
    args: &Args,
    session: &mut Session<f32>,
    timeline: &mut Timeline<f32>,
    shown: &stops::Shown,
    out: &mut dyn Write,
) -> Result<bool> {
    if let Some(n) = args.back {
        let taken = (0..n).take_while(|_| timeline.back(session, Granularity::Node)).count();
        let cursor = if session.at_rest() { 0 } else { session.cursor() };
        writeln!(out, "back {taken}: batch {}, before instruction {}", session.steps() + 1, cursor + 1)?;
        if let Some(done) = cursor.checked_sub(1).map(|at| session.program()[at]) {
            show(session, cursor, done, out)?;
        }
        shown.watches(session, out)?;
    }
    for element in &args.explain {
        crate::cli::explain::print(session, element, out)?;
    }
    for parameter in &args.why {
        crate::cli::why::print(session, parameter, out)?;
    }
    args.probe.run(session, out)?;
    let (plan, pass) = session.current();
    if let Some(loss) = pass.total_loss(plan) {
        writeln!(out, "total loss {loss}")?;
    }
    if let Some(birth) = session.birth() {
        writeln!(out, "first bad value: {}", birth.sentence())?;
    }
    Ok(pass.bad().is_none())
}

/// The node, and the phase if one is named. The name of a node may hold a colon.
fn target(session: &Session<f32>, text: &str) -> Result<(NodeId, Option<Phase>)> {
    let find = |name: &str| session.graph().by_name(name).map(|n| n.id);
    let split = text.rsplit_once(':').and_then(|(name, phase)| Some((find(name)?, Some(named(phase)?))));
    let Some((node, phase)) = find(text).map(|id| (id, None)).or(split) else {
        let names: Vec<&str> = session.graph().nodes().map(|n| n.name.as_str()).collect();
        return Err(Usage(format!("there is no node \"{text}\"; there are {}", names.join(", "))).into());
    };
    if !session.program().iter().any(|i| i.node == node && phase.is_none_or(|p| p == i.phase)) {
        return Err(Usage(format!("the program has no instruction {text}")).into());
    }
    Ok((node, phase))
}

fn named(phase: &str) -> Option<Phase> {
    [Phase::Forward, Phase::Loss, Phase::Seed, Phase::Backward, Phase::Update]
        .into_iter()
        .find(|p| format!("{p:?}").eq_ignore_ascii_case(phase))
}

fn show(session: &Session<f32>, number: usize, done: Instruction, out: &mut dyn Write) -> Result<()> {
    let (plan, pass) = session.current();
    let weights = session.weights();
    let node = session.graph().node(done.node);
    let name = node.map_or("?", |n| n.name.as_str());
    let what = done.param.and_then(|k| weights.infos.get(k)).map_or(name, |i| i.label.as_str());
    writeln!(out, "{number:>4}  {:<8}  {what}", format!("{:?}", done.phase).to_lowercase())?;
    match done.phase {
        Phase::Forward | Phase::Loss => tensor("output", pass.value(plan, done.node), out),
        Phase::Seed => tensor("output.grad", pass.grad(plan, done.node), out),
        Phase::Backward => {
            tensor("output.grad", pass.grad(plan, done.node), out)?;
            for (k, wire) in session.graph().inputs(done.node).iter().enumerate() {
                let from = session.graph().node(wire.from).map_or("?", |n| n.name.as_str());
                tensor(&format!("input.{k}.grad → {from}"), pass.input_grad(plan, done.node, k), out)?;
            }
            for (k, info) in weights.infos.iter().enumerate().filter(|(_, i)| i.node == done.node) {
                let view = View { shape: &info.shape, data: weights.grad(k) };
                tensor(&format!("{}.grad", info.name), Some(view), out)?;
            }
            Ok(())
        }
        Phase::Update => {
            let Some((k, info)) = done.param.and_then(|k| Some((k, weights.infos.get(k)?))) else { return Ok(()) };
            tensor(info.name, Some(View { shape: &info.shape, data: weights.value(k) }), out)
        }
    }
}

fn tensor(label: &str, view: Option<View<f32>>, out: &mut dyn Write) -> Result<()> {
    let Some(view) = view else { return Ok(()) };
    let numbers: Vec<f64> = view.data.iter().take(SHOWN + 1).map(|x| f64::from(*x)).collect();
    numbers_of(label, view.shape, &Stats::of(view.data), &numbers, out)
}

/// A tensor in words: its figures, and its first numbers if these are all of up to 16.
pub(super) fn numbers_of(label: &str, shape: &[usize], s: &Stats, first: &[f64], out: &mut dyn Write) -> Result<()> {
    let bad = if s.bad > 0 { format!("  {} NaN or infinite", s.bad) } else { String::new() };
    writeln!(
        out,
        "        {label}  {}  norm {}  from {} to {}{bad}",
        shape_text(shape),
        number(s.norm),
        number(s.min),
        number(s.max)
    )?;
    if shape.iter().product::<usize>() <= SHOWN {
        let columns = shape.last().copied().unwrap_or(1).max(1);
        for row in first.chunks(columns) {
            let row: Vec<String> = row.iter().map(|x| format!("{x:>12.6}")).collect();
            writeln!(out, "        {}", row.join(" "))?;
        }
    }
    Ok(())
}
