//! `train`.

use crate::cli::figures::{self, evaluated};
use crate::cli::interrupt::Interrupt;
use crate::cli::keep::Output;
use crate::cli::log::Log;
use crate::cli::progress::Progress;
use crate::cli::run::{load, sentence, set_threads, stopped};
use crate::cli::table::number;
use crate::cli::{Interrupted, Usage};
use crate::engine::inside;
use crate::graph::Severity;
use crate::train::{Optimizer, Schedule, Session, TrainConfig};
use anyhow::{Result, bail};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Trains a project and reports its losses and metrics.
///
/// A saved run goes on where it stands, with the same bits as if it had never stopped: optimiser, schedule, place in the
/// epoch, best weights, curves. --epochs then counts from there, so that 5 epochs and 5 more are 10. A file with weights
/// but no run gives a new run its first weights. The project itself is not changed.
/// Breakpoints are not obeyed here: `step` stops at them.
///
/// When the run ends is said for this run alone: --epochs, --max-seconds, --patience and --min-delta are not written into
/// the project of --out, so that it does not stop there again. What shapes the run (optimiser, schedule, batch size, seed,
/// clipping) is. Ctrl-C ends the run after its present batch and writes --out as well, from where the run goes on; Ctrl-C
/// again ends at once.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The project.
    path: PathBuf,
    /// Epochs to train; the project's own limit, or 100, if not given.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples per batch.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Learning rate.
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Optimiser with settings, such as `adamw,lr=0.01,weight_decay=0.1`.
    #[arg(long, value_name = "NAME,SETTING=X")]
    optimizer: Option<String>,
    /// Schedule of the learning rate with settings, such as `cosine,t_max=50`.
    #[arg(long, value_name = "NAME,SETTING=X")]
    schedule: Option<String>,
    /// Clip gradients to this norm over all weights.
    #[arg(long, value_name = "X")]
    clip_norm: Option<f64>,
    /// Clip every element of a gradient to this size.
    #[arg(long, value_name = "X")]
    clip_value: Option<f64>,
    /// Batches whose losses are averaged for one step.
    #[arg(long, value_name = "K")]
    accumulate: Option<usize>,
    /// Do not clear gradients before a backward pass: they add up over the batches.
    #[arg(long)]
    no_zero_grad: bool,
    /// Stop after this many epochs without a better test loss (train loss, if there is no test part). The run then ends
    /// with its best weights, whatever ended it, and --out begins a new run from them; --last keeps the last ones.
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// A loss must be smaller than the best one by more than this, or its epoch uses up patience.
    #[arg(long, value_name = "X")]
    min_delta: Option<f64>,
    /// End with the weights of the epoch with the smallest loss, with patience or without.
    #[arg(long)]
    best: bool,
    /// End with the last weights, from which the run can go on, even with patience.
    #[arg(long, conflicts_with = "best")]
    last: bool,
    /// Stop after this many seconds: no batch is begun that would not end in time. The evaluation at the end is left out
    /// if it takes much longer.
    #[arg(long, value_name = "S")]
    max_seconds: Option<f64>,
    /// Try learning rates from 1e-6 to 10, one batch each, and print rate and loss as CSV instead of training.
    #[arg(long, conflicts_with_all = ["out", "log", "epochs", "patience", "min_delta", "best", "last", "max_seconds"])]
    lr_range: bool,
    /// Seed of the initial weights and of the order of samples.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to compute with; all cores if not given. The result does not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Begin with new weights, even if the file has some.
    #[arg(long)]
    fresh: bool,
    /// Begin a new run, epoch 0 and a new optimiser, from the saved weights.
    #[arg(long, conflicts_with = "fresh")]
    weights_only: bool,
    /// Write the trained project here.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write losses and metrics of every epoch here, as CSV. The log of a saved run that goes on is continued.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write the whole confusion matrix, even if there are many classes.
    #[arg(long)]
    confusion: bool,
}

/// Epochs if neither the command line nor the project says.
const EPOCHS: usize = 100;
/// Rates that the range test tries.
const RANGE: usize = 200;
/// How long the evaluation at the end may take where the seconds of a run are limited.
const EVALUATION: Duration = Duration::from_secs(1);

/// Why a run ended.
enum End {
    Epochs,
    Patience,
    Seconds,
    Interrupted,
    Bad,
}

/// What was there when the run of this command began.
struct Begin {
    epoch: usize,
    steps: u64,
    time: Instant,
}

pub fn run(args: &Args) -> Result<bool> {
    set_threads(args.threads)?;
    let mut loaded = load(&args.path)?;
    let config = &mut loaded.project.document.train;
    let own = config.stop;
    settle(args, config)?;
    let (limit, stop) = (config.epochs, config.stop);
    if args.weights_only {
        loaded.project.run = None;
    }
    let mut session = loaded.unwatched::<f32>(!args.fresh)?;
    for d in session.inference().diagnostics.iter().filter(|d| d.severity == Severity::Warning) {
        eprintln!("warning: {}", sentence(session.graph(), d));
    }
    let began = Begin { epoch: session.epoch(), steps: session.steps(), time: Instant::now() };
    let epochs = match args.epochs {
        Some(n) => began.epoch.saturating_add(n),
        // The project's limit counts as in the window: when it is reached, as many epochs again.
        None if limit > 0 => (began.epoch / limit + 1) * limit,
        None => began.epoch + EPOCHS,
    };
    if began.steps > 0 {
        eprintln!("the saved run goes on: epoch {}, batch {}", began.epoch, session.batch_index());
    }
    if args.lr_range {
        return range(&mut session);
    }
    let mut document = loaded.project.document;
    document.train.stop = own;
    let output = args.out.as_ref().map(|path| Output::new(path, document)).transpose()?;
    let mut log = args.log.as_ref().map(|path| Log::create(path.clone(), &mut session)).transpose()?;
    let asked = Interrupt::listen();
    let end = train(&mut session, epochs, stop.seconds, log.as_mut(), &asked)?;
    if let Some(log) = log {
        log.finish()?;
    }
    match end {
        End::Bad => return broken(&mut session, output.as_ref()),
        End::Interrupted => return interrupted(&session, output.as_ref()),
        End::Patience => eprintln!("stopped: no improvement for {} epochs", stop.patience),
        End::Seconds => eprintln!("stopped: {} seconds are over", stop.seconds),
        End::Epochs => {}
    }
    let restored = if args.last {
        None
    } else if args.best {
        let other = session.best().filter(|_| !session.at_best());
        other.filter(|_| session.restore_best())
    } else {
        session.end_with_best()
    };
    if let Some((epoch, loss)) = restored {
        eprintln!("best weights: those of epoch {epoch}, loss {}", number(loss));
    }
    // First of all, so that nothing that comes after can lose it.
    if let Some(output) = &output {
        // The best weights are those of an earlier place of the run, so a new run begins from them.
        output.save(&session, restored.is_none())?;
    }
    let took = began.time.elapsed();
    let limit = (stop.seconds > 0.0).then(|| Instant::now() + EVALUATION);
    let go = || !asked.raised() && limit.is_none_or(|limit| Instant::now() < limit);
    summary(&mut session, &began, took, args.confusion, &go)?;
    if let Some(output) = output {
        writeln!(std::io::stdout(), "wrote {}", output.path().display())?;
    }
    if asked.raised() { Err(Interrupted.into()) } else { Ok(true) }
}

/// Puts the settings of the command line into those of the project.
fn settle(args: &Args, config: &mut TrainConfig) -> Result<()> {
    config.batch_size = args.batch_size.unwrap_or(config.batch_size);
    config.seed = args.seed.unwrap_or(config.seed);
    if let Some(text) = &args.optimizer {
        config.optimizer = Optimizer::parse(text).map_err(Usage)?;
    }
    if let Some(text) = &args.schedule {
        config.schedule = Schedule::parse(text).map_err(Usage)?;
    }
    config.limits.clip_norm = args.clip_norm.unwrap_or(config.limits.clip_norm);
    config.limits.clip_value = args.clip_value.unwrap_or(config.limits.clip_value);
    config.limits.accumulate = args.accumulate.unwrap_or(config.limits.accumulate);
    config.zero_grad &= !args.no_zero_grad;
    config.stop.patience = args.patience.unwrap_or(config.stop.patience);
    config.stop.min_delta = args.min_delta.unwrap_or(config.stop.min_delta);
    config.stop.seconds = args.max_seconds.unwrap_or(config.stop.seconds);
    if let Some(lr) = args.lr {
        config.optimizer = config.optimizer.clone().with_lr(lr);
    }
    match config.reject() {
        Some(why) => Err(Usage(why).into()),
        None => Ok(()),
    }
}

fn range(session: &mut Session<f32>) -> Result<bool> {
    let mut out = csv::Writer::from_writer(std::io::stdout().lock());
    out.write_record(["lr", "loss"])?;
    for point in session.rate_range(1e-6, 10.0, RANGE) {
        out.write_record(point.map(|x| x.to_string()))?;
    }
    out.flush()?;
    Ok(true)
}

/// Trains up to epoch number `epochs`, or to another end.
fn train(
    session: &mut Session<f32>,
    epochs: usize,
    seconds: f64,
    mut log: Option<&mut Log>,
    asked: &Interrupt,
) -> Result<End> {
    let (start, limited) = (Instant::now(), seconds > 0.0);
    let mut progress = Progress::new(session, epochs);
    // How long a batch takes.
    let mut took = 0.0;
    // Threads stand by for the whole run.
    let end = inside(session.current().0.busy(), || -> Result<End> {
        while session.epoch() < epochs {
            let begun = start.elapsed().as_secs_f64();
            if asked.raised() {
                return Ok(End::Interrupted);
            }
            if limited && took > 0.0 && begun + took > seconds {
                return Ok(End::Seconds);
            }
            let report = session.step();
            if report.bad.is_some() {
                return Ok(End::Bad);
            }
            if !report.epoch_ended || took == 0.0 {
                took = start.elapsed().as_secs_f64() - begun;
            }
            let go = || !(asked.raised() || limited && start.elapsed().as_secs_f64() > seconds);
            progress.step(session, report.epoch_ended, &go);
            if report.epoch_ended {
                if let Some(log) = &mut log {
                    log.epoch(session)?;
                }
                if session.patience_over() {
                    return Ok(End::Patience);
                }
            }
        }
        Ok(End::Epochs)
    });
    progress.finish();
    end
}

/// A number stopped being finite: says where, and what was kept.
fn broken(session: &mut Session<f32>, output: Option<&Output>) -> Result<bool> {
    let said = stopped(session);
    let kept = match (output, session.best()) {
        (None, _) => "nothing is written, as there is no --out".to_owned(),
        (Some(o), None) => format!("{} is as it was, as no epoch had ended", o.path().display()),
        (Some(o), Some((best, loss))) => match o.save_best_beside(session) {
            Ok(Some(path)) => {
                format!("the best weights, those of epoch {best} with loss {}, are in {}", number(loss), path.display())
            }
            Ok(None) => String::new(),
            Err(e) => format!("the best weights are lost: {e:#}"),
        },
    };
    bail!("{said}. {kept}")
}

/// Ctrl-C: writes what there is, so that it goes on from there.
fn interrupted(session: &Session<f32>, output: Option<&Output>) -> Result<bool> {
    let place = format!(
        "interrupted in epoch {}, after batch {} of {}",
        session.epoch() + 1,
        session.batch_index(),
        session.batches()
    );
    match output {
        Some(output) => {
            output.save(session, true)?;
            let path = output.path().display();
            eprintln!("{place}; wrote {path}, from where `chainrule train {path}` goes on");
        }
        None => eprintln!("{place}; nothing is written, as there is no --out"),
    }
    Err(Interrupted.into())
}

fn summary(
    session: &mut Session<f32>,
    began: &Begin,
    time: Duration,
    whole_matrix: bool,
    go: &dyn Fn() -> bool,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let whole = if began.steps > 0 {
        format!("; {} epochs, {} steps in all", session.epoch(), session.steps())
    } else {
        String::new()
    };
    writeln!(
        out,
        "{} epochs, {} steps in {:.2} s on {} threads{whole}",
        session.epoch() - began.epoch,
        session.steps() - began.steps,
        time.as_secs_f64(),
        crate::engine::threads()
    )?;
    match evaluated(session, go) {
        Some(parts) => figures::write(&parts, whole_matrix, &mut out)?,
        None => {
            writeln!(out, "not evaluated, as there was no time left; `train --epochs 0` on what --out wrote does it")?
        }
    }
    for mark in session.health() {
        writeln!(out, "health: {}. {}", mark.text, mark.ailment.advice())?;
    }
    Ok(())
}
