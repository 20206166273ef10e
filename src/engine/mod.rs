//! A graph becomes a plan; a plan is run instruction by instruction, forward and backward.
//!
//! There is one engine: training loops over the very instructions that the debugger steps through.

mod alike;
mod certify;
mod check;
mod cut;
mod explain;
mod footprint;
mod layout;
mod local;
mod pass;
mod plan;
mod poke;
mod results;
mod spans;
mod weights;
mod why;

pub use crate::tensor::kernels::team::MOST as MOST_THREADS;
use crate::tensor::kernels::team::together;
pub use certify::{Certificate, Standing, certify};
pub use check::{CheckError, Checked, SAMPLES as CHECKED, gradient_check};
pub use explain::{
    Element, Explanation, Factor, HASTY, Joined, Opened, Origin, PATIENT, Picture, Plane, Scene, Tap, Term, index_text,
};
pub use footprint::{Footprint, run_fits, weights_fit};
pub use layout::Region;
pub use local::{Local, LocalGrads, Operand, Target};
pub use pass::{Bad, Pass, Update};
pub use plan::{Instruction, Keep, Phase, Plan, PlanError};
pub use weights::{ParamInfo, WeightMap, Weights};
pub use why::{Cause, Finding, Leg, Route, Subject, Verdict, Why, count_text};

/// Sets the number of threads for the whole program; before the first computation.
///
/// # Errors
/// If threads run already.
pub fn set_threads(n: usize) -> Result<(), String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n)
        .build_global()
        .map_err(|e| format!("the number of threads cannot be set to {n}: {e}"))
}

/// Runs `f` on so many threads instead of those of the whole program.
///
/// # Errors
/// If the system does not give that many.
pub fn with_threads<R: Send>(n: usize, f: impl FnOnce() -> R + Send) -> Result<R, String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
    pool.map(|p| p.install(f)).map_err(|e| format!("{n} threads cannot be started: {e}"))
}

/// Runs `f` while all threads stand by for its kernels, if it is `busy`.
pub fn inside<R: Send>(busy: bool, f: impl FnOnce() -> R + Send) -> R {
    if busy { together(f) } else { f() }
}

/// The number of threads that kernels may use.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
