//! Layers: operations with weights, and those that shape data between them.

mod flatten;
pub mod init;
mod linear;

pub use flatten::Flatten;
pub use linear::Linear;
