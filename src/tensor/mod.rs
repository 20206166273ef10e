//! Numbers: shapes with the symbolic batch size, scalars, borrowed tensors, seeded random numbers.
//!
//! This room knows nothing of nodes or graphs. `kernels` holds the loops, each forward beside its adjoint.

pub mod kernels;
mod rng;
mod scalar;
mod shape;
mod view;

/// Numbers from the beginning of a line of the cache on, as vectors that cross none are read faster.
pub type Lined<S> = aligned_vec::AVec<S>;

pub use rng::{Init, mix, normal, stream};
pub use scalar::{Scalar, norm};
pub use shape::{Dim, Shape};
pub use view::{Stats, View, ViewMut, shape_text};
