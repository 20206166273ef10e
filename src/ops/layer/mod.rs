//! Layers: operations with weights, and those that shape data between them.

mod batch_norm;
mod batch_norm1d;
mod batch_norm2d;
mod conv2d;
mod dropout;
mod flatten;
mod gaussian_noise;
pub mod init;
mod linear;

pub use batch_norm1d::BatchNorm1d;
pub use batch_norm2d::BatchNorm2d;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use gaussian_noise::GaussianNoise;
pub use linear::Linear;
