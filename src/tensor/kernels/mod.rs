//! The loops. Every forward stands beside its adjoint. The only room besides `engine` and `data` with rayon.
//!
//! Work is split along outputs into chunks whose size does not depend on the number of threads, so the
//! same numbers come out on any machine.

pub mod batch;
pub mod broadcast;
pub mod conv;
pub mod elementwise;
mod few;
mod frame;
pub mod heed;
mod input;
pub mod lanes;
pub mod look;
pub mod matmul;
mod nest;
pub mod norm;
pub mod pool;
pub mod reduce;
pub mod scratch;
pub mod simd;
pub mod special;
pub mod summary;
pub mod team;
mod tile;
mod turn;
mod weight;
pub mod window;
