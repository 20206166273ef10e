//! Training: optimisers, metrics, the synchronous [`Session`] and its thread, the [`Worker`].

mod autograd;
mod birth;
mod certified;
mod config;
pub(crate) mod described;
mod flow;
mod halt;
mod health;
mod into;
mod map;
mod metrics;
mod needs;
mod optimizer;
mod profile;
mod ranking;
mod rates;
mod record;
mod review;
mod scatter;
mod schedule;
mod scores;
mod session;
mod shots;
mod snapshot;
mod state;
pub mod stops;
mod surface;
mod timeline;
mod touch;
mod watch;
mod whatif;
mod worker;

pub use crate::engine::{Cause, Finding, Leg, Route, Subject, Verdict, WeightMap, Why, count_text, index_text};
pub use autograd::{Autograd, AutogradShot, GradNode, GradState, Leaf, Next, Saved};
pub use birth::{Birth, Remedy};
pub use certified::Certified;
pub use config::{Limits, Optimizer, Schedule, Stop, TrainConfig};
pub use described::{About, Chosen, Listed};
pub use flow::Flow;
pub use health::{Ailment, Mark};
pub use into::{IntoRef, IntoShot, PartShot, origin};
pub use metrics::Metrics;
pub use needs::Needs;
pub use optimizer::{Moves, Rule};
pub use profile::{Cost, Profile, Spent, bytes_text, time_text};
pub use ranking::macro_auc;
pub use rates::{Rates, RatesJob, RatesWant, smoothed, steepest};
pub use record::{Ghost, GradTrack, Point, Record};
pub use review::review;
pub use scatter::{Scatter, ScatterOf};
pub use schedule::{Course, Pace};
pub use scores::{ClassScore, class_scores, macro_score};
pub use session::{Again, Part, Report, Session, SessionError, StepReport, TWICE};
pub use snapshot::{
    Arrival, DecisionMap, ElementRef, FittedCurve, Inspected, NodeShot, NodeState, Snapshot, TensorRef, TensorShot,
    Terms, Thumb, Want, WireShot,
};
pub use state::{Best, Memory, RunState};
pub use surface::{Axes, Surface, SurfaceJob, SurfaceWant, WeightElement};
pub use timeline::{MEMORY, Timeline};
pub use touch::Touch;
pub use whatif::{Delta, Order, Poke, WhatIf};
pub use worker::{Command, Died, Errand, Granularity, Notice, Speed, Worker};
