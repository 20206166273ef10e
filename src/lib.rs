//! Chainrule.
#![warn(missing_docs)]
pub mod ops;
pub mod tensor;
