//! Sources: where values come from.

mod constant;
mod input;
mod parameter;
mod target;

pub use constant::Constant;
pub use input::Input;
pub use parameter::Parameter;
pub use target::Target;

use crate::ops::{Category, Fault, Formula, GradFn, Inputs, MOST_NUMBERS, Reads, Role, Spec, too_large};
use crate::tensor::Shape;

/// What all sources have in common; each file names the rest.
const SOURCE: Spec = Spec {
    id: "",
    label: "",
    category: Category::Source,
    role: Role::Compute,
    inputs: Inputs::Fixed(&[]),
    no_grad: &[],
    params: &[],
    reads: Reads { inputs: false, weights: false, output: false },
    formula: Formula { forward: "", local: "", chain: "" },
    kinks: "",
    doc: "",
    torch: "",
    grad_fn: GradFn::None,
    onnx: "",
};

/// The fixed shape that a parameter `shape` writes down.
fn fixed_shape(sizes: &[i64]) -> Result<Shape, Fault> {
    let sizes: Option<Vec<usize>> = sizes.iter().map(|n| usize::try_from(*n).ok().filter(|n| *n > 0)).collect();
    let shape = sizes.ok_or_else(|| Fault::new("every number in shape must be at least 1"))?;
    let shape = Shape::fixed(&shape);
    match shape.per_sample() {
        ..=MOST_NUMBERS => Ok(shape),
        n => Err(Fault::new(too_large(&format!("a tensor of {shape}"), n, "make its axes shorter"))),
    }
}
