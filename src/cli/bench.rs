//! `bench`: how fast a project trains, and what its nodes cost.

use crate::cli::Usage;
use crate::cli::run::{load, stopped};
use crate::cli::table::{Table, count, number};
use crate::engine::{inside, with_threads};
use crate::train::{Profile, Session, TrainConfig, bytes_text, time_text};
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Measures how fast a project trains, and which nodes take the time and the memory.
///
/// Trains on batches of the project's own data for a while; nothing is saved. A step is forward, loss, backward and
/// update. FLOPs are those of the products, a backward pass counted as two forward passes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The project.
    path: PathBuf,
    /// Seconds to measure for each number of threads.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    seconds: f64,
    /// Measure with 1 to this many threads; all cores if not given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Samples per batch.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
}

/// Steps per second with some number of threads.
struct Speed {
    threads: usize,
    per_second: f64,
    /// The time within which half of the steps were done.
    median: f64,
}

pub fn run(args: &Args) -> Result<bool> {
    if !(args.seconds > 0.0 && args.seconds <= 3600.0) {
        return Err(Usage(format!("--seconds is {}; it must be from 0 to 3600", args.seconds)).into());
    }
    let most = args.threads.unwrap_or_else(crate::engine::threads);
    if most == 0 {
        return Err(Usage("--threads must be at least 1".into()).into());
    }
    let mut loaded = load(&args.path)?;
    let config: &mut TrainConfig = &mut loaded.project.document.train;
    config.batch_size = args.batch_size.unwrap_or(config.batch_size);
    if let Some(why) = config.reject() {
        return Err(Usage(why).into());
    }
    let mut session = loaded.unwatched::<f32>(true)?;
    let mut out = std::io::stdout().lock();
    let (samples, flops) = (session.current().0.batch(), flops(&session));
    writeln!(out, "a batch of {samples} samples, {} FLOPs forward", count(flops))?;
    session.needs().text().iter().try_for_each(|line| writeln!(out, "memory: {line}"))?;
    writeln!(out)?;
    let mut table = Table::new(&[">threads", ">steps/s", ">samples/s", ">median step", ">GFLOP/s"]);
    let mut profile = Profile::default();
    for threads in 1..=most {
        let busy = session.current().0.busy();
        let steps = || measure(&mut session, threads, args.seconds, &mut profile);
        let measured = with_threads(threads, || inside(busy, steps));
        let speed = measured.map_err(anyhow::Error::msg)??;
        table.row(vec![
            speed.threads.to_string(),
            number(speed.per_second),
            number(speed.per_second * samples as f64),
            time_text(speed.median),
            number(3.0 * flops as f64 * speed.per_second / 1e9),
        ]);
    }
    table.write(&mut out)?;
    nodes(&session, &profile, most, &mut out)?;
    Ok(true)
}

/// FLOPs of a forward pass.
fn flops(session: &Session<f32>) -> usize {
    let batch = session.current().0.batch();
    session.inference().nodes.values().map(|i| (i.flops as usize).saturating_mul(batch)).fold(0, usize::saturating_add)
}

/// Trains for a while at full speed, then for a quarter of that with a clock at every instruction.
fn measure(session: &mut Session<f32>, threads: usize, seconds: f64, profile: &mut Profile) -> Result<Speed> {
    let steps = |seconds: f64, session: &mut Session<f32>, profile: Option<&mut Profile>| {
        let (limit, begin) = (Duration::from_secs_f64(seconds), Instant::now());
        let mut times = Vec::new();
        let mut profile = profile;
        while begin.elapsed() < limit {
            let start = Instant::now();
            let report = match profile.as_deref_mut() {
                Some(p) => session.step_timed(p),
                None => session.step(),
            };
            times.push(start.elapsed().as_secs_f64());
            if report.bad.is_some() {
                bail!("{}", stopped(session));
            }
        }
        Ok(times)
    };
    steps(seconds * 0.1, session, None)?;
    let mut times = steps(seconds, session, None)?;
    let per_second = times.len() as f64 / times.iter().sum::<f64>();
    times.sort_by(f64::total_cmp);
    // Only the profile of the last number of threads is shown.
    *profile = Profile::default();
    steps(seconds * 0.25, session, Some(profile))?;
    Ok(Speed { threads, per_second, median: times[times.len() / 2] })
}

/// One row per node, the dearest first.
fn nodes(session: &Session<f32>, profile: &Profile, threads: usize, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(&["node", "kind", ">time", ">forward", ">backward", ">update", ">share", ">bytes"]);
    let mut rows: Vec<_> = profile.nodes.iter().collect();
    rows.sort_by(|a, b| b.1.total().total_cmp(&a.1.total()));
    let per_step = |seconds: f64| time_text(seconds / profile.steps.max(1) as f64);
    for (id, spent) in rows {
        let (Some(node), Some(cost)) = (session.graph().node(*id), session.cost(profile, *id)) else { continue };
        table.row(vec![
            node.name.clone(),
            node.kind.clone(),
            time_text(cost.seconds),
            per_step(spent.forward),
            per_step(spent.backward),
            per_step(spent.update),
            format!("{:.1} %", 100.0 * cost.share),
            bytes_text(cost.bytes),
        ]);
    }
    writeln!(out, "\none step by node, on {threads} thread{}", if threads == 1 { "" } else { "s" })?;
    table.write(out)?;
    writeln!(out, "bytes of values, gradients and saved numbers; not all are there at once")?;
    Ok(())
}
