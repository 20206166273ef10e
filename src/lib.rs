//! Chainrule.
#![warn(missing_docs)]
pub mod cli;
pub mod data;
pub mod engine;
pub mod graph;
pub mod ops;
pub mod project;
pub mod tensor;
pub mod train;
pub mod ui;
