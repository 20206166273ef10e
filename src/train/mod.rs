//! Training: optimisers, metrics, the synchronous [`Session`] and its thread, the [`Worker`].

mod config;
mod map;
mod metrics;
mod optimizer;
mod record;
mod session;
mod shots;
mod snapshot;
mod worker;

pub use crate::engine::WeightMap;
pub use config::{Optimizer, TrainConfig};
pub use metrics::Metrics;
pub use optimizer::Moves;
pub use record::{GradTrack, Point};
pub use session::{Part, Report, Session, SessionError, StepReport};
pub use snapshot::{
    DecisionMap, ElementRef, FittedCurve, Inspected, NodeShot, NodeState, Snapshot, TensorRef, TensorShot, Terms,
    Thumb, Want,
};
pub use worker::{Command, Granularity, Notice, Speed, Worker};
