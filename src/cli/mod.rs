//! The program without a window.
//!
//! Results go to standard output, one line `error: …` to standard error. Exit codes: 0 all is well; 1 a command
//! failed or found problems; 2 the command line is wrong; 130 it was ended by Ctrl-C.

mod bench;
mod check;
mod eval;
mod explain;
mod figures;
mod files;
mod interrupt;
mod keep;
mod log;
mod ops;
mod probe;
mod progress;
mod run;
mod step;
mod stops;
mod table;
mod tensors;
mod train;
mod why;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// See and debug how a neural network computes and learns.
///
/// Without a command the window opens, on PROJECT if one is given.
#[derive(Parser, Debug)]
#[command(
    name = "chainrule",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 all is well, 1 a command failed or found problems, 2 the command line is wrong,\n130 Ctrl-C."
)]
struct Cli {
    /// The project to open in the window.
    project: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Train(train::Args),
    Eval(eval::Args),
    Step(step::Args),
    Check(check::Args),
    Bench(bench::Args),
    Ops(ops::Args),
    New(files::NewArgs),
    Info(files::InfoArgs),
}

/// What is left to do after the command line has been read.
pub enum Start {
    /// Nothing: end with this exit code.
    Done(ExitCode),
    /// Open the window.
    Window(Option<PathBuf>),
}

/// The command line is wrong in a way that its grammar cannot say; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Ctrl-C came, and what there was to keep is kept.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// The grammar of the command line. A number below zero is a value: what it means is for the command to say.
fn grammar() -> clap::Command {
    Cli::command().mut_subcommands(|c| {
        c.mut_args(|a| {
            let number = !a.is_positional() && a.get_action().takes_values();
            if number { a.allow_negative_numbers(true) } else { a }
        })
    })
}

/// Reads the command line and carries out its command, if it has one.
pub fn start() -> Start {
    let cli = match grammar().try_get_matches().and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() => {
            let first = std::env::args_os().nth(1).map(PathBuf::from);
            let odd = first.filter(|p| !p.exists() && !is_option(p) && !commands().iter().any(|c| *p == Path::new(c)));
            let why = odd.map_or_else(|| Usage(one_line(&e)), |p| unknown(&p));
            return Start::Done(report(Err(why.into())));
        }
        Err(help) => return Start::Done(report(help.print().map(|()| true).map_err(Into::into))),
    };
    let result = match cli.command {
        None => match cli.project {
            Some(path) if !path.exists() => Err(unknown(&path).into()),
            path => return Start::Window(path),
        },
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Step(args)) => step::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Ops(args)) => ops::run(&args),
        Some(Command::New(args)) => files::new(&args),
        Some(Command::Info(args)) => files::info(&args),
    };
    Start::Done(report(result))
}

/// What is wrong with the command line, without the usage that follows it.
fn one_line(e: &clap::Error) -> String {
    let text = e.render().to_string();
    let end = ["\n\nUsage:", "\n\nFor more"].iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let words: Vec<&str> = text[..end].trim_start_matches("error: ").split_whitespace().collect();
    format!("{} (see --help)", words.join(" "))
}

fn is_option(argument: &Path) -> bool {
    argument.as_os_str().as_encoded_bytes().starts_with(b"-")
}

fn commands() -> Vec<String> {
    Cli::command().get_subcommands().map(|c| c.get_name().to_owned()).chain(["help".to_owned()]).collect()
}

fn unknown(path: &Path) -> Usage {
    let commands = commands().join(", ");
    Usage(format!("there is no file and no command \"{}\"; the commands are {commands}", path.display()))
}

/// The exit code of a command that found all well (`true`) or problems (`false`), or failed; prints why it failed.
pub fn report(result: anyhow::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // The reader of a pipe has seen enough.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) if e.is::<Interrupted>() => ExitCode::from(interrupt::CODE),
        Err(e) => {
            eprintln!("error: {}", format!("{e:#}").replace('\n', " "));
            ExitCode::from(if e.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn is_broken_pipe(e: &anyhow::Error) -> bool {
    e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
