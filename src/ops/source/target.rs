//! The target of the batch.

use super::SOURCE;
use crate::ops::{Backward, Fault, Formula, Forward, InferCtx, Inferred, Op, Role, Spec};
use crate::tensor::Scalar;

/// See the module.
pub struct Target;

impl Op for Target {
    const SPEC: Spec = Spec {
        id: "target",
        label: "Target",
        role: Role::Target,
        formula: Formula {
            forward: r"y = Y_{\text{batch}}",
            local: r"\text{no gradient flows into the target}",
            chain: "",
        },
        doc: "What the network should have said for each sample of the batch: a number, a class index or a code of the class. It belongs into the target pin of a loss and nowhere else, or the answer would leak into the prediction.",
        onnx: "Input",
        ..SOURCE
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let shape = ctx.target.ok_or_else(|| Fault::new("no data set is chosen"))?;
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
        let with = InferCtx { target: Some(&data), ..without };
        assert_eq!(Target::infer(&with).expect("there is data").output, data);
        let other = InferCtx { features: Some(&data), ..without };
        assert!(Target::infer(&other).expect_err("there is none").message.contains("no data set"));
    }
}
