//! Breakpoints and watches: where a run stops and what it shows there.
//!
//! [`Stops`] is what the document keeps. Conditions and watches are small expressions ([`Expr`]) over tensors and
//! figures; they are parsed against a [`Scope`], the names of one graph. A session keeps a table of the breakpoints of
//! each instruction; an empty table costs one branch per instruction. A condition is evaluated *before* its
//! instruction runs, so that all inputs are at hand, and without allocating.

mod complete;
mod fold;
mod live;
mod model;
mod names;
mod parse;
mod rename;
mod scope;
mod tree;
mod watched;
mod words;

pub use complete::{Completion, complete};
pub(super) use live::Live;
pub use live::{Halt, Kept, StopShot};
pub use model::{Breakpoint, Moment, Place, Stops, WatchPoint};
pub use parse::{ExprError, condition, expression};
pub use scope::{Own, Scope};
pub use tree::Expr;
pub(super) use tree::{Env, Figures};
pub use watched::{WatchShot, Watched};
pub use words::Probe;
