//! Chainrule.
#![warn(missing_docs)]
pub mod engine;
pub mod graph;
pub mod ops;
pub mod tensor;
