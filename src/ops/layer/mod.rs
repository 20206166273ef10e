//! Layers: operations with weights, and those that shape data between them.

mod adaptive_avg_pool2d;
mod avg_pool1d;
mod avg_pool2d;
mod batch_norm;
mod batch_norm1d;
mod batch_norm2d;
mod conv2d;
mod dropout;
mod flatten;
mod gaussian_noise;
pub mod init;
mod linear;
mod max_pool1d;
mod max_pool2d;
mod shared;
mod upsample_nearest2d;

pub use adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub use avg_pool1d::AvgPool1d;
pub use avg_pool2d::AvgPool2d;
pub use batch_norm1d::BatchNorm1d;
pub use batch_norm2d::BatchNorm2d;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use gaussian_noise::GaussianNoise;
pub use linear::Linear;
pub use max_pool1d::MaxPool1d;
pub use max_pool2d::MaxPool2d;
pub use upsample_nearest2d::UpsampleNearest2d;
