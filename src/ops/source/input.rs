//! The features of the batch.

use super::SOURCE;
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Role, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Input;

impl Op for Input {
    const SPEC: Spec = Spec {
        id: "input",
        label: "Data input",
        role: Role::Features,
        formula: Formula {
            forward: r"x = X_{\text{batch}}",
            local: r"\text{a leaf: nothing to differentiate}",
            chain: r"\frac{\partial L}{\partial x} = \delta",
        },
        doc: "The features of the present batch, one row per sample. Every network begins here. The data set is chosen in Graph > Data; its first axis is the batch size B.",
        onnx: "Input",
        ..SOURCE
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let shape = ctx.features.ok_or_else(|| Fault::new("no data set is chosen"))?;
        Ok(Inferred { output: shape.clone(), ..Inferred::default() })
    }

    /// The engine copies the batch into the output.
    fn forward<S: Scalar>(_: &mut Forward<S>) {}

    fn backward<S: Scalar>(_: &mut Backward<S>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Params;
    use crate::tensor::Shape;

    #[test]
    fn the_shape_is_that_of_the_data() {
        let (params, data) = (Params::default(), Shape::batch(&[3]));
        let without = InferCtx { params: &params, inputs: &[], features: None, target: None };
        let with = InferCtx { features: Some(&data), ..without };
        assert_eq!(Input::infer(&with).expect("there is data").output, data);
        let other = InferCtx { target: Some(&data), ..without };
        assert!(Input::infer(&other).expect_err("there is none").message.contains("no data set"));
    }
}
