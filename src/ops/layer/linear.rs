//! The affine layer z = x Wᵀ + b.
//!
//! Shapes: x …×in, W out×in, b out, z …×out. With δ = ∂L/∂z (rows n): ∂L/∂x = δ W, ∂L/∂W = δᵀ x,
//! ∂L/∂b = Σₙ δₙ. Source: `torch.nn.Linear`.

use super::init;
use crate::ops::parts::product_and_bias;
use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inner, Inputs, Made, Op, ParamKind,
    ParamSpec, Part, Place, Reads, Role, Spec, Value, WeightSpec,
};
use crate::tensor::kernels::matmul::{Mat, affine, matmul};
use crate::tensor::kernels::reduce;
use crate::tensor::{Dim, Scalar};

/// See the module.
pub struct Linear;

impl Op for Linear {
    const SPEC: Spec = Spec {
        id: "linear",
        label: "Linear",
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[
            ParamSpec {
                name: "out_features",
                kind: ParamKind::Int { min: 1, max: 65_536 },
                default: || Value::Int(8),
                unit: "",
                doc: "Number of neurons: the length of the last axis of the output.",
            },
            ParamSpec {
                name: "bias",
                kind: ParamKind::Bool,
                default: || Value::Bool(true),
                unit: "",
                doc: "Whether each neuron adds a number of its own, so that its boundary need not pass through the origin.",
            },
            init::CHOICE,
            init::A,
            init::B,
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: Formula {
            forward: r"z = x\,W^{\top} + b",
            local: r"\frac{\partial z}{\partial x} = W,\quad \frac{\partial z}{\partial W} = x",
            chain: r"\frac{\partial L}{\partial W} = \delta^{\top} x,\quad \frac{\partial L}{\partial b} = \sum_n \delta_n,\quad \frac{\partial L}{\partial x} = \delta\,W",
        },
        kinks: "",
        doc: "A layer of neurons: each output is a weighted sum of all inputs plus a bias. Without a non-linearity between them, several linear layers are no more than one. Its weight has a row per neuron, as in PyTorch.",
        torch: "torch.nn.Linear",
        grad_fn: GradFn::By(|params, inputs| match (inputs[0].rank() > 2, params.bool("bias")) {
            (true, true) => &["UnsafeViewBackward0", "AddmmBackward0", "ViewBackward0"],
            (true, false) => &["UnsafeViewBackward0", "MmBackward0", "ViewBackward0"],
            (false, true) => &["AddmmBackward0"],
            (false, false) => &["MmBackward0"],
        }),
        onnx: "Gemm",
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let Some((last, front)) = x.0.split_last() else {
            return Err(Fault::at(
                0,
                "a linear layer needs at least one axis of features, but a single number arrives",
            ));
        };
        let Dim::Fixed(inputs) = *last else {
            let message = format!("{x} arrives: its last axis is the batch, so there are no features to weigh");
            let hint = Hint::InsertBefore(0, "reshape", vec![("shape", Value::Ints(vec![-1, 1]))]);
            return Err(Fault::at(0, message).axis(x.rank() - 1).hint(hint));
        };
        let outputs = ctx.params.int("out_features").max(1) as usize;
        let mut output = front.to_vec();
        output.push(Dim::Fixed(outputs));
        let init = init::weight(ctx.params, inputs, outputs);
        let mut weights = vec![WeightSpec::new("weight", vec![outputs, inputs], init)];
        if ctx.params.bool("bias") {
            weights.push(WeightSpec::new("bias", vec![outputs], init::bias(ctx.params, inputs)));
        }
        let output = crate::tensor::Shape(output);
        let flops = output.per_sample().saturating_mul(2 * inputs + weights.len() - 1) as u64;
        Ok(Inferred { output, weights, flops, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (rows, inputs) = ctx.inputs[0].rows_cols();
        let (_, outputs) = ctx.output.rows_cols();
        let (x, w) = (Mat::rows(ctx.inputs[0].data, inputs), Mat::transposed(ctx.weights[0].data, inputs));
        affine(rows, inputs, outputs, x, w, ctx.weights.get(1).map(|b| b.data), ctx.output.data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let (rows, inputs) = ctx.inputs[0].rows_cols();
        let (_, outputs) = ctx.grad_output.rows_cols();
        let delta = ctx.grad_output.data;
        if let Some(gx) = &mut ctx.grad_inputs[0] {
            let w = Mat::rows(ctx.weights[0].data, inputs);
            matmul(rows, outputs, inputs, Mat::rows(delta, outputs), w, gx.data);
        }
        if let Some(gw) = &mut ctx.grad_weights[0] {
            let x = Mat::rows(ctx.inputs[0].data, inputs);
            matmul(outputs, rows, inputs, Mat::transposed(delta, outputs), x, gw.data);
        }
        if let Some(Some(gb)) = ctx.grad_weights.get_mut(1) {
            reduce::column_sums(delta, gb.data);
        }
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let shape = inner.output.shape.to_vec();
        let product = Part { name: "matrix product", formula: r"x\,W^{\top}", shape, data: Vec::new() };
        product_and_bias::<Self, S>(inner, product, r"z = x\,W^{\top} + b")
    }

    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        let ((_, inputs), (_, outputs)) = (inner.inputs[0].rows_cols(), inner.output.rows_cols());
        let (row, neuron) = (index / outputs, index % outputs);
        Made::Sum(match part {
            0 => (0..inputs)
                .map(|k| (1.0, vec![Place::Weight(0, neuron * inputs + k), Place::Input(0, row * inputs + k)]))
                .collect(),
            _ => vec![(1.0, vec![Place::Part(0, index)]), (1.0, vec![Place::Weight(1, neuron)])],
        })
    }
}
