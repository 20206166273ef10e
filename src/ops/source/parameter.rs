//! A free tensor that learns.

use super::{SOURCE, fixed_shape};
use crate::ops::layer::init;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value, WeightSpec,
};
use crate::tensor::Scalar;

/// See the module.
pub struct Parameter;

impl Op for Parameter {
    const SPEC: Spec = Spec {
        id: "parameter",
        label: "Parameter",
        params: &[
            ParamSpec {
                name: "shape",
                kind: ParamKind::Ints,
                default: || Value::Ints(vec![1]),
                unit: "",
                doc: "Lengths of the axes; nothing for a single number.",
            },
            init::CHOICE,
            init::A,
            init::B,
        ],
        formula: Formula {
            forward: "z = w",
            local: r"\frac{\partial z}{\partial w} = I",
            chain: r"\frac{\partial L}{\partial w} = \delta",
        },
        doc: "A tensor of weights of its own, as torch.nn.Parameter: a leaf of the graph that the optimiser moves. With math nodes it builds layers by hand, such as w·x + b.",
        torch: "torch.nn.Parameter",
        grad_fn: GradFn::Leaf,
        onnx: "Initializer",
        ..SOURCE
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let output = fixed_shape(ctx.params.ints("shape"))?;
        let shape = output.concrete(1);
        let fan = shape.last().copied().unwrap_or(1);
        let init = init::weight(ctx.params, fan, shape.first().copied().unwrap_or(1));
        Ok(Inferred { output, weights: vec![WeightSpec::new("value", shape, init)], ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        ctx.output.data.copy_from_slice(ctx.weights[0].data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        if let Some(Some(g)) = ctx.grad_weights.first_mut() {
            g.data.copy_from_slice(ctx.grad_output.data);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{infer, run_weighted},
    };
    use crate::tensor::Init;

    #[test]
    fn the_weight_goes_out_and_the_gradient_comes_back() {
        let w: (&[usize], &[f64]) = (&[2], &[3.0, -1.0]);
        let ran = run_weighted("parameter", &[("shape", Value::Ints(vec![2]))], &[], &[w], &[5.0, 6.0]);
        assert_eq!((ran.output, ran.weight_grads), (vec![3.0, -1.0], vec![vec![5.0, 6.0]]));
    }

    #[test]
    fn its_weight_has_the_shape_that_is_set() {
        let inferred = infer("parameter", &[("shape", Value::Ints(vec![4, 2]))], &[]).expect("a shape");
        assert_eq!((inferred.weights[0].name, inferred.weights[0].shape.as_slice()), ("value", &[4, 2][..]));
        assert_eq!(inferred.weights[0].init, Init::Uniform(-1.0 / 2f64.sqrt(), 1.0 / 2f64.sqrt()));
    }
}
