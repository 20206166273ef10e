//! Window or command line.

use chainrule::cli::{Start, report, start};
use std::process::ExitCode;

fn main() -> ExitCode {
    match start() {
        Start::Done(code) => code,
        Start::Window(path) => report(chainrule::ui::run(path).map(|()| true)),
    }
}
