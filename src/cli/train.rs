//! `train`.

use crate::cli::Usage;
use crate::cli::run::{load, set_threads};
use crate::cli::table::{Table, number};
use crate::engine::inside;
use crate::project::{self, Project};
use crate::train::{Metrics, Optimizer, Part, Report, Schedule, Session, class_scores, macro_auc, macro_score};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Trains a project and reports its losses and metrics.
///
/// A saved run goes on where it stands, with the same bits as if it had never stopped: optimiser, schedule, place in the
/// epoch, best weights, curves. --epochs then counts from there, so that 5 epochs and 5 more are 10. A file with weights
/// but no run gives a new run its first weights. The project itself is not changed.
/// Breakpoints are not obeyed here: `step` stops at them.
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
    /// Stop after this many epochs without a better test loss, and keep the best weights.
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Stop after this many seconds.
    #[arg(long, value_name = "S")]
    max_seconds: Option<f64>,
    /// Try learning rates from 1e-6 to 10, one batch each, and print rate and loss as CSV instead of training.
    #[arg(long)]
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
    /// Write losses and metrics of every epoch here, as CSV.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// Epochs if neither the command line nor the project says.
const EPOCHS: usize = 100;
/// Rates that the range test tries.
const RANGE: usize = 200;

pub fn run(args: &Args) -> Result<bool> {
    set_threads(args.threads)?;
    let mut loaded = load(&args.path)?;
    let config = &mut loaded.project.document.train;
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
    config.stop.seconds = args.max_seconds.unwrap_or(config.stop.seconds);
    let stop = config.stop;
    if let Some(lr) = args.lr {
        config.optimizer = config.optimizer.clone().with_lr(lr);
    }
    if let Some(why) = config.reject() {
        return Err(Usage(why).into());
    }
    let limit = config.epochs;
    if args.weights_only {
        loaded.project.run = None;
    }
    let mut session = loaded.unwatched::<f32>(!args.fresh)?;
    let began = session.epoch();
    let epochs = match args.epochs {
        Some(n) => began.saturating_add(n),
        // The project's limit counts as in the window: when it is reached, as many epochs again.
        None if limit > 0 => (began / limit + 1) * limit,
        None => began + EPOCHS,
    };
    if session.steps() > 0 {
        eprintln!("the saved run goes on: epoch {}, batch {}", began, session.batch_index());
    }
    if args.lr_range {
        let mut out = csv::Writer::from_writer(std::io::stdout().lock());
        out.write_record(["lr", "loss"])?;
        for point in session.rate_range(1e-6, 10.0, RANGE) {
            out.write_record(point.map(|x| x.to_string()))?;
        }
        out.flush()?;
        return Ok(true);
    }
    let mut log = args.log.as_ref().map(|path| Log::create(path.clone())).transpose()?;
    let started = Instant::now();
    let mut progress = Progress::new(epochs, session.batches());
    // Threads stand by for the whole run.
    inside(session.current().0.busy(), || -> Result<()> {
        while session.epoch() < epochs {
            let report = session.step();
            if let Some(bad) = report.bad {
                progress.bar.abandon();
                let node = session.graph().node(bad.node).map_or("?", |n| n.name.as_str());
                let why = session.birth().map_or_else(String::new, |b| b.sentence());
                bail!(
                    "a number stopped being finite at \"{node}\" ({:?}) in epoch {}: {why}",
                    bad.phase,
                    session.epoch() + 1
                );
            }
            progress.step(&mut session, report.epoch_ended);
            if let Some(log) = log.as_mut().filter(|_| report.epoch_ended) {
                log.epoch(&mut session)?;
            }
            if report.epoch_ended && session.patience_over() {
                break;
            }
            if stop.seconds > 0.0 && started.elapsed().as_secs_f64() >= stop.seconds {
                break;
            }
        }
        Ok(())
    })?;
    progress.bar.finish_and_clear();
    let mut taken = false;
    if stop.patience > 0
        && let Some((epoch, loss)) = session.best()
        && session.restore_best()
    {
        eprintln!("best weights: those of epoch {epoch}, loss {}", number(loss));
        taken = true;
    }
    if let Some(log) = log {
        log.finish()?;
    }
    summary(&mut session, started.elapsed())?;
    if let Some(out) = &args.out {
        let project = Project {
            document: loaded.project.document,
            weights: Some(session.export_weights()),
            // The best weights are those of an earlier place of the run, so a new run begins from them.
            run: if taken { None } else { session.run_state().map(Arc::new) },
            warnings: Vec::new(),
        };
        project::save(out, &project)?;
        println!("wrote {}", out.display());
    }
    Ok(true)
}

/// The bar on a terminal; ten plain lines elsewhere.
struct Progress {
    bar: ProgressBar,
    epochs: usize,
    plain: bool,
    looked: Instant,
    started: Instant,
}

impl Progress {
    fn new(epochs: usize, batches: usize) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(epochs.saturating_mul(batches) as u64), target);
        // The template is a constant of known form.
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg}  {per_sec} left {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        Progress { bar, epochs, plain, looked: Instant::now(), started: Instant::now() }
    }

    fn step(&mut self, session: &mut Session<f32>, epoch_ended: bool) {
        self.bar.inc(1);
        if !epoch_ended {
            return;
        }
        let epoch = session.epoch();
        let due = if self.plain {
            epoch.is_multiple_of((self.epochs / 10).max(1)) || epoch == self.epochs
        } else {
            self.looked.elapsed() > Duration::from_millis(200)
        };
        if !due {
            return;
        }
        self.looked = Instant::now();
        let part = if session.has_test() { Part::Test } else { Part::Train };
        let metrics = session.evaluate(part).metrics.headline();
        let mut text = format!("epoch {epoch}/{}", self.epochs);
        if let Some(p) = session.history().last() {
            text += &format!("  train loss {}", number(p.train));
            text += &p.test.map_or(String::new(), |l| format!("  test loss {}", number(l)));
        }
        if let Some((name, value)) = metrics {
            text += &format!("  {name} {}", number(value));
        }
        if self.plain {
            let rate = session.steps() as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
            eprintln!("{text}  {rate:.0} steps/s");
        }
        self.bar.set_message(text);
    }
}

fn summary(session: &mut Session<f32>, time: Duration) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} epochs, {} steps in {:.2} s on {} threads",
        session.epoch(),
        session.steps(),
        time.as_secs_f64(),
        crate::engine::threads()
    )?;
    let parts: Vec<(&str, Report)> = parts(session);
    let names: Vec<String> = parts.first().map(|p| figures(&p.1.metrics).0).unwrap_or_default();
    let headings: Vec<String> = names.iter().map(|n| format!(">{n}")).collect();
    let mut table =
        Table::new(&["part", ">loss"].into_iter().chain(headings.iter().map(String::as_str)).collect::<Vec<_>>());
    for (name, report) in &parts {
        let mut row = vec![(*name).to_owned(), number(report.loss)];
        row.extend(figures(&report.metrics).1.into_iter().map(number));
        table.row(row);
    }
    table.write(&mut out)?;
    classes(&parts, &mut out)?;
    for mark in session.health() {
        writeln!(out, "health: {}. {}", mark.text, mark.ailment.advice())?;
    }
    Ok(())
}

/// Precision, recall, F₁ and area under the ROC curve of every class, of the last part.
fn classes(parts: &[(&str, Report)], out: &mut dyn Write) -> Result<()> {
    let Some((part, Report { metrics: Metrics::Classes { confusion, names, auc, .. }, .. })) = parts.last() else {
        return Ok(());
    };
    let heading = format!("class ({part})");
    let mut table = Table::new(&[heading.as_str(), ">precision", ">recall", ">F1", ">AUC"]);
    for ((score, name), auc) in class_scores(confusion).iter().zip(names).zip(auc) {
        table.row(vec![name.clone(), number(score.precision), number(score.recall), number(score.f1), number(*auc)]);
    }
    writeln!(out)?;
    Ok(table.write(out)?)
}

fn parts(session: &mut Session<f32>) -> Vec<(&'static str, Report)> {
    let mut parts = vec![("train", session.evaluate(Part::Train))];
    if session.has_test() {
        parts.push(("test", session.evaluate(Part::Test)));
    }
    parts
}

/// Names and values of the figures of one part.
fn figures(metrics: &Metrics) -> (Vec<String>, Vec<f64>) {
    let list = match metrics {
        Metrics::None => vec![],
        Metrics::Classes { accuracy, top, auc, confusion, .. } => {
            let mean = macro_score(&class_scores(confusion));
            let top = top.iter().map(|(k, share)| (format!("top-{k}"), *share));
            let rest =
                [("precision", mean.precision), ("recall", mean.recall), ("F1", mean.f1), ("AUC", macro_auc(auc))];
            let rest = rest.map(|(name, value)| (name.to_owned(), value));
            std::iter::once(("accuracy".to_owned(), *accuracy)).chain(top).chain(rest).collect()
        }
        Metrics::Regression { mae, rmse, mape, r2 } => {
            [("MAE", mae), ("RMSE", rmse), ("MAPE", mape), ("R²", r2)].map(|(n, v)| (n.to_owned(), *v)).to_vec()
        }
    };
    list.into_iter().unzip()
}

/// The CSV of every epoch.
struct Log {
    path: PathBuf,
    writer: csv::Writer<std::fs::File>,
    heading: bool,
}

impl Log {
    fn create(path: PathBuf) -> Result<Self> {
        let writer = csv::Writer::from_path(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Log { path, writer, heading: true })
    }

    fn epoch(&mut self, session: &mut Session<f32>) -> Result<()> {
        let parts = parts(session);
        if std::mem::take(&mut self.heading) {
            let mut row = vec!["epoch".to_owned()];
            for (name, report) in &parts {
                row.push(format!("{name}_loss"));
                row.extend(figures(&report.metrics).0.iter().map(|f| format!("{name}_{}", column(f))));
            }
            self.writer.write_record(row)?;
        }
        let mut row = vec![session.epoch().to_string()];
        for (_, report) in parts {
            row.push(report.loss.to_string());
            row.extend(figures(&report.metrics).1.iter().map(f64::to_string));
        }
        self.writer.write_record(row).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn finish(mut self) -> Result<()> {
        self.writer.flush().with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// A figure's name as a column: letters, digits and underscores.
fn column(figure: &str) -> String {
    figure.replace('²', "2").replace('-', "_").to_lowercase()
}
