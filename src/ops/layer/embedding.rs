//! A table of vectors, of which each whole number picks one: z[…, k] = W[x[…], k].
//!
//! Shapes: x …, W num_embeddings×embedding_dim, z …×embedding_dim. ∂L/∂W row i is the sum of all δ whose number was i;
//! the numbers themselves get no gradient. A number that names no row gives NaN. Source: `torch.nn.Embedding`.

use super::shared::{LAYER, at_least};
use crate::ops::{
    Backward, Break, Count, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Inputs, Op, ParamKind, ParamSpec,
    Reads, Spec, Value, WeightSpec, When,
};
use crate::tensor::kernels::{elementwise, heed};
use crate::tensor::{Dim, Init, Scalar};

/// See the module.
pub struct Embedding;

const fn count(name: &'static str, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Int { min: 1, max: 1 << 20 }, default, unit: "", doc }
}

impl Op for Embedding {
    const SPEC: Spec = Spec {
        id: "embedding",
        label: "Embedding",
        inputs: Inputs::Fixed(&["index"]),
        no_grad: &[0],
        params: &[
            count("num_embeddings", || Value::Int(10), "Rows of the table: numbers from 0 to one less may arrive."),
            count("embedding_dim", || Value::Int(8), "Length of each vector: the last axis of the output."),
        ],
        reads: Reads { inputs: true, weights: false, output: false },
        formula: Formula {
            forward: r"z_{n,k} = W_{x_n,\,k}",
            local: r"\frac{\partial z_{n,k}}{\partial W_{i,k}} = [\,i = x_n\,]",
            chain: r"\frac{\partial L}{\partial W_{i,k}} = \sum_{n:\ x_n = i} \delta_{n,k}",
        },
        doc: "Gives each word, character or category a vector that is learnt, so that similar ones can come to lie close together. It is a linear layer on one-hot numbers without the multiplications. Only the rows that were picked get a gradient; a number that names no row gives NaN.",
        torch: "torch.nn.Embedding",
        grad_fn: GradFn::Names(&["EmbeddingBackward0"]),
        onnx: "Gather",
        ..LAYER
    };

    const BREAKS: &'static [Break] = &[Break {
        pin: 0,
        when: When::NoIndex(Count::Param("num_embeddings")),
        given: |_| true,
        backward: false,
        says: "the table has no row of this number",
        repairs: &[],
    }];

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let [rows, dim] = ["num_embeddings", "embedding_dim"].map(|name| at_least(ctx.params, name, 1));
        let mut output = ctx.inputs[0].clone();
        output.0.push(Dim::Fixed(dim));
        let weights = vec![WeightSpec::new("weight", vec![rows, dim], Init::Normal(0.0, 1.0))];
        Ok(Inferred { output, weights, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, w) = (ctx.inputs[0].data, ctx.weights[0]);
        let [rows, dim] = [w.shape[0], w.shape[1]];
        let work = ctx.output.data.len();
        elementwise::blocks(ctx.output.data, dim, work, |k, out| match x[k].index(rows) {
            Some(i) => out.copy_from_slice(&w.data[i * dim..][..dim]),
            None => out.fill(S::nan()),
        });
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let Some(grad) = &mut ctx.grad_weights[0] else { return };
        let [rows, dim] = [grad.shape[0], grad.shape[1]];
        elementwise::fill(grad.data, S::zero());
        let (x, delta) = (ctx.inputs[0].data, ctx.grad_output.data);
        heed::pieces(x.len(), dim, |r| {
            for (x, delta) in x[r.clone()].iter().zip(delta[r.start * dim..].chunks_exact(dim)) {
                let Some(i) = x.index(rows) else { continue };
                grad.data[i * dim..][..dim].iter_mut().zip(delta).for_each(|(g, d)| *g += *d);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Value,
        by_hand::{infer, run_weighted},
    };
    use crate::tensor::{Init, Shape};

    fn sizes(rows: i64, dim: i64) -> [(&'static str, Value); 2] {
        [("num_embeddings", Value::Int(rows)), ("embedding_dim", Value::Int(dim))]
    }

    #[test]
    fn numbers_pick_rows_and_rows_picked_twice_get_both_gradients() {
        let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let delta = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
        let ran = run_weighted("embedding", &sizes(3, 2), &[(&[3], &[2.0, 0.0, 2.0])], &[(&[3, 2], &table)], &delta);
        assert_eq!((ran.shape, ran.output.as_slice()), (vec![3, 2], &[5.0, 6.0, 1.0, 2.0, 5.0, 6.0][..]));
        assert_eq!((ran.grads, ran.weight_grads), (vec![None], vec![vec![10.0, 20.0, 0.0, 0.0, 101.0, 202.0]]));
    }

    #[test]
    fn a_number_that_names_no_row_is_nan_and_teaches_nothing() {
        for bad in [-1.0, 2.0, 0.5, f64::NAN] {
            let ran = run_weighted("embedding", &sizes(2, 1), &[(&[1], &[bad])], &[(&[2, 1], &[1.0, 2.0])], &[1.0]);
            assert!(ran.output[0].is_nan() && ran.weight_grads[0] == [0.0, 0.0], "{bad}");
        }
    }

    #[test]
    fn the_output_has_one_more_axis_and_the_table_starts_normal() {
        let i = infer("embedding", &sizes(5, 4), &[Shape::batch(&[7])]).expect("any shape fits");
        assert_eq!((i.output, i.weights[0].init), (Shape::batch(&[7, 4]), Init::Normal(0.0, 1.0)));
    }
}
