//! The transposed convolution of images, N×C×H×W to N×O×H'×W', H' = (H − 1)s − 2P + d(k − 1) + p + 1 with the output
//! padding p.
//!
//! It is the gradient of a convolution from O to C channels with the same W (C×O/groups×k×k): each x is painted through
//! all taps, and what falls on one place adds up. So ∂L/∂x is that convolution of δ = ∂L/∂z, ∂L/∂W correlates x with δ,
//! and ∂L/∂b is the sum of δ over samples and places. Source: `torch.nn.ConvTranspose2d`.

use super::conv::{self, BIAS, CONV, DILATION, GROUPS, OUT_CHANNELS};
use super::init;
use super::shared::{at_least, int, of_planes, planes};
use crate::ops::parts::product_and_bias;
use crate::ops::{
    Backward, Fault, Formula, Forward, Hint, InferCtx, Inferred, Inner, Made, Op, Part, Place, Spec, Value,
};
use crate::tensor::{Scalar, kernels};

/// See the module.
pub struct ConvTranspose2d;

impl Op for ConvTranspose2d {
    const SPEC: Spec = Spec {
        id: "conv_transpose2d",
        label: "ConvTranspose2d",
        params: &[
            OUT_CHANNELS,
            int("kernel_size", 1, || Value::Int(3), "Side of the square that each element paints."),
            int("stride", 1, || Value::Int(1), "Distance between the squares of neighbours: how much the image grows."),
            int("padding", 0, || Value::Int(0), "Rows and columns cut off around the result."),
            int(
                "output_padding",
                0,
                || Value::Int(0),
                "Rows and columns added below and to the right; less than the stride or the dilation.",
            ),
            DILATION,
            GROUPS,
            BIAS,
            init::CHOICE,
            init::A,
            init::B,
        ],
        formula: Formula {
            forward: r"z_{o,\,s p + d k - P} = b_o + \sum_{c,p,k} W_{c,o,k}\,x_{c,p}",
            local: r"\frac{\partial z_{o,\,s p + d k - P}}{\partial x_{c,p}} = W_{c,o,k}",
            chain: r"\frac{\partial L}{\partial x_{c,p}} = \sum_{o,k} W_{c,o,k}\,\delta_{o,\,s p + d k - P},\quad \frac{\partial L}{\partial W_{c,o,k}} = \sum_{n,p} x_{n,c,p}\,\delta_{n,o,\,s p + d k - P}",
        },
        doc: "Paints a small picture for every element of an image, weighed by it, and adds up where they overlap. With a stride of 2 it doubles the size of an image, so decoders and generators end in it. A kernel that the stride does not divide leaves a chequered pattern.",
        torch: "torch.nn.ConvTranspose2d",
        onnx: "ConvTranspose",
        ..CONV
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let (n, channels, len) = planes(ctx, 2, "a transposed convolution")?;
        let (groups, filters) = conv::groups(ctx, channels)?;
        let [kernel, stride, dilation] = ["kernel_size", "stride", "dilation"].map(|p| at_least(ctx.params, p, 1));
        let [padding, extra] = ["padding", "output_padding"].map(|p| at_least(ctx.params, p, 0));
        if extra >= stride.max(dilation) {
            let message = format!(
                "An output padding of {extra} needs a larger stride than {stride} or a larger dilation than {dilation}"
            );
            return Err(Fault::new(message).hint(Hint::Set("output_padding", Value::Int(0))));
        }
        let grown = |len: usize| (len - 1) * stride + dilation * (kernel - 1) + extra + 1;
        let mut out = [1; 2];
        for (k, out) in out.iter_mut().enumerate() {
            *out = grown(len[k]).saturating_sub(2 * padding);
            if *out == 0 {
                let message = format!(
                    "A padding of {padding} cuts all of the {} places off that {x} grows to along this axis",
                    grown(len[k])
                );
                let hint = Hint::Set("padding", Value::Int((grown(len[k]) as i64 - 1) / 2));
                return Err(Fault::at(0, message).axis(2 + k).hint(hint));
            }
        }
        let weights = conv::weights(ctx, vec![channels, filters / groups, kernel, kernel], filters);
        let output = of_planes(n, filters, out, 2);
        let per_input = 2 * filters / groups * kernel * kernel;
        let flops =
            x.per_sample().saturating_mul(per_input).saturating_add((weights.len() - 1) * output.per_sample()) as u64;
        Ok(Inferred { output, weights, flops, ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let c = conv::sizes(ctx.params, 2, ctx.output.shape, ctx.inputs[0].shape);
        let bias = ctx.weights.get(1).map(|b| b.data);
        kernels::conv::grad_input(&c, ctx.inputs[0].data, ctx.weights[0].data, bias, ctx.output.data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let delta = ctx.grad_output;
        let c = conv::sizes(ctx.params, 2, delta.shape, ctx.inputs[0].shape);
        if let Some(gx) = &mut ctx.grad_inputs[0] {
            kernels::conv::forward(&c, delta.data, ctx.weights[0].data, None, gx.data);
        }
        if let Some(gw) = &mut ctx.grad_weights[0] {
            kernels::conv::grad_weight(&c, delta.data, ctx.inputs[0].data, gw.data);
        }
        if let Some(Some(gb)) = ctx.grad_weights.get_mut(1) {
            kernels::conv::grad_bias(c.axes[0].len * c.axes[1].len, delta.data, gb.data);
        }
    }

    fn parts<S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
        let formula = r"\sum_{c,p,k} W_{c,o,k}\,x_{c,p}";
        let shape = inner.output.shape.to_vec();
        let painted = Part { name: "kernels painted", formula, shape, data: Vec::new() };
        product_and_bias::<Self, S>(inner, painted, Self::SPEC.formula.forward)
    }

    /// One output: all elements whose square covers it, each times the tap that falls there.
    fn made<S: Scalar>(inner: &Inner<S>, part: usize, index: usize) -> Made {
        // Seen from the convolution that it transposes, the output is what arrives.
        let c = conv::sizes(inner.params, 2, inner.output.shape, inner.inputs[0].shape);
        let [v, u] = c.axes;
        let (plane, at) = (index / (v.len * u.len), index % (v.len * u.len));
        let (n, o) = (plane / c.channels, plane % c.channels);
        if part == 1 {
            return Made::Sum(vec![(1.0, vec![Place::Part(0, index)]), (1.0, vec![Place::Weight(1, o)])]);
        }
        let (per, ins) = (c.channels / c.groups, c.out_channels / c.groups);
        let from = |a: &kernels::window::Axis, to: usize, tap: usize| {
            let way = (to + a.padding).checked_sub(tap * a.dilation)?;
            Some(way / a.stride).filter(|p| way.is_multiple_of(a.stride) && *p < a.out)
        };
        let mut terms = Vec::new();
        for i in o / per * ins..(o / per + 1) * ins {
            for (ky, kx) in (0..v.kernel).flat_map(|y| (0..u.kernel).map(move |x| (y, x))) {
                let (Some(y), Some(x)) = (from(&v, at / u.len, ky), from(&u, at % u.len, kx)) else { continue };
                let weight = ((i * per + o % per) * v.kernel + ky) * u.kernel + kx;
                let pixel = ((n * c.out_channels + i) * v.out + y) * u.out + x;
                terms.push((1.0, vec![Place::Weight(0, weight), Place::Input(0, pixel)]));
            }
        }
        Made::Sum(terms)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{
        Hint, Value,
        by_hand::{fault, run_weighted, shape},
    };
    use crate::tensor::Shape;

    #[test]
    fn each_element_paints_its_square_and_overlaps_add_up() {
        let set = [("out_channels", Value::Int(1)), ("kernel_size", Value::Int(2))];
        let w = [(&[1, 1, 2, 2][..], &[1.0, 10.0, 100.0, 1000.0][..]), (&[1][..], &[0.5][..])];
        let delta = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let ran = run_weighted("conv_transpose2d", &set, &[(&[1, 1, 1, 2], &[2.0, 3.0])], &w, &delta);
        assert_eq!(
            (ran.shape.as_slice(), ran.output.as_slice()),
            (&[1, 1, 2, 3][..], &[2.5, 23.5, 30.5, 200.5, 2300.5, 3000.5][..])
        );
        assert_eq!(ran.grad(0), [1.0 + 20.0 + 400.0 + 5000.0, 2.0 + 30.0 + 500.0 + 6000.0]);
        assert_eq!(ran.weight_grads, [vec![2.0 + 6.0, 4.0 + 9.0, 8.0 + 15.0, 10.0 + 18.0], vec![21.0]]);
    }

    #[test]
    fn groups_keep_to_themselves_and_a_stride_leaves_gaps() {
        let set = [
            ("out_channels", Value::Int(2)),
            ("kernel_size", Value::Int(1)),
            ("stride", Value::Int(2)),
            ("groups", Value::Int(2)),
            ("bias", Value::Bool(false)),
        ];
        let w = [(&[2, 1, 1, 1][..], &[10.0, 100.0][..])];
        let ran = run_weighted("conv_transpose2d", &set, &[(&[1, 2, 1, 2], &[1.0, 2.0, 3.0, 4.0])], &w, &[1.0; 6]);
        assert_eq!((ran.shape, ran.output), (vec![1, 2, 1, 3], vec![10.0, 0.0, 20.0, 300.0, 0.0, 400.0]));
        assert_eq!(ran.weight_grads, [[3.0, 7.0]]);
    }

    #[test]
    fn shapes_are_pytorchs_and_paddings_that_make_no_sense_are_mended() {
        let of = |set: &[(&str, Value)]| shape("conv_transpose2d", set, &[Shape::batch(&[3, 7, 5])]);
        let int = |name, n| (name, Value::Int(n));
        assert_eq!(of(&[]), Shape::batch(&[8, 9, 7]));
        let double = [int("stride", 2), int("padding", 1), int("output_padding", 1)];
        assert_eq!(of(&double), Shape::batch(&[8, 14, 10]));
        let f = fault("conv_transpose2d", &[int("output_padding", 1)], &[Shape::batch(&[3, 7, 5])]);
        assert_eq!(f.hints, [Hint::Set("output_padding", Value::Int(0))]);
        let f = fault("conv_transpose2d", &[int("padding", 4)], &[Shape::batch(&[3, 7, 5])]);
        assert_eq!((f.axis, f.hints), (Some(3), vec![Hint::Set("padding", Value::Int(3))]));
    }
}
