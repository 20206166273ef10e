//! Layers: operations with weights, and those that shape data between them.

mod conv2d;
mod flatten;
pub mod init;
mod linear;

pub use conv2d::Conv2d;
pub use flatten::Flatten;
pub use linear::Linear;
