//! Arithmetic on tensors.

mod add;
mod concat;
mod div;
mod matmul;
mod mean;
mod mul;
mod reshape;
mod shared;
mod sub;
mod sum;
mod transpose;

pub use add::Add;
pub use concat::Concat;
pub use div::Div;
pub use matmul::MatMul;
pub use mean::Mean;
pub use mul::Mul;
pub use reshape::Reshape;
pub use sub::Sub;
pub use sum::Sum;
pub use transpose::Transpose;
