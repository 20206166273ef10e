//! Window or command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    match chainrule::cli::start() {
        chainrule::cli::Start::Done(code) => code,
        chainrule::cli::Start::Window(path) => chainrule::cli::report(window(path)),
    }
}

/// Opens the window on a project.
fn window(_: Option<std::path::PathBuf>) -> anyhow::Result<bool> {
    anyhow::bail!("the window is not built; see --help for the commands")
}
