//! What the convolutions share: parameters, the shape rule, and the sizes that the kernels work with.

use super::init;
use super::shared::{LAYER, at_least, int, lengths, of_planes, planes, switch};
use crate::ops::parts::product_and_bias;
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inner, Made, Op, ParamSpec, Params, Part,
    Place, Reads, Spec, Value, WeightSpec,
};
use crate::tensor::Scalar;
use crate::tensor::kernels::conv::{self, Conv};
use crate::tensor::kernels::window::Axis;

pub(super) const OUT_CHANNELS: ParamSpec =
    int("out_channels", 1, || Value::Int(8), "Number of filters: the channels of the output.");
pub(super) const STRIDE: ParamSpec = int("stride", 1, || Value::Int(1), "Steps by which the window moves.");
pub(super) const DILATION: ParamSpec = int("dilation", 1, || Value::Int(1), "Distance between the taps of the window.");
pub(super) const GROUPS: ParamSpec =
    int("groups", 1, || Value::Int(1), "Groups of channels that do not see each other.");
pub(super) const BIAS: ParamSpec =
    switch("bias", || Value::Bool(true), "Whether each filter adds a number of its own.");

/// What the convolutions say of themselves; n counts samples, p places of the output, k taps of the window.
pub(super) const CONV: Spec = Spec {
    reads: Reads { inputs: true, weights: true, output: false },
    formula: Formula {
        forward: r"z_{o,p} = b_o + \sum_{c,k} W_{o,c,k}\,x_{c,\,s p + d k - P}",
        local: r"\frac{\partial z_{o,p}}{\partial x_{c,\,s p + d k - P}} = W_{o,c,k}",
        chain: r"\frac{\partial L}{\partial W_{o,c,k}} = \sum_{n,p} \delta_{n,o,p}\,x_{n,c,\,s p + d k - P},\quad \frac{\partial L}{\partial b_o} = \sum_{n,p} \delta_{n,o,p}",
    },
    grad_fn: GradFn::Names(&["ConvolutionBackward0"]),
    onnx: "Conv",
    ..LAYER
};

/// The window along an axis of `len` with `out` places.
fn window(params: &Params, len: usize, out: usize) -> Axis {
    Axis {
        len,
        out,
        kernel: at_least(params, "kernel_size", 1),
        stride: at_least(params, "stride", 1),
        padding: at_least(params, "padding", 0),
        dilation: at_least(params, "dilation", 1),
    }
}

/// The convolution over the last `axes` axes from a tensor shaped `x` to one shaped `z`.
pub(super) fn sizes(params: &Params, axes: usize, x: &[usize], z: &[usize]) -> Conv {
    let ([h, w], [oh, ow]) = (lengths(x, axes), lengths(z, axes));
    let along = if axes == 2 { window(params, h, oh) } else { Axis::POINT };
    let groups = at_least(params, "groups", 1);
    Conv { channels: x[1], out_channels: z[1], groups, axes: [along, window(params, w, ow)] }
}

/// The fault of groups that do not divide the channels.
pub(super) fn groups(ctx: &InferCtx, channels: usize) -> Result<(usize, usize), Fault> {
    let (groups, filters) = (at_least(ctx.params, "groups", 1), at_least(ctx.params, "out_channels", 1));
    if channels.is_multiple_of(groups) && filters.is_multiple_of(groups) {
        return Ok((groups, filters));
    }
    let x = &ctx.inputs[0];
    let message = format!("{groups} groups do not divide the {channels} channels of {x} and the {filters} filters");
    Err(Fault::at(0, message).axis(1).hint(Hint::Set("groups", Value::Int(1))))
}

/// Weight and bias for filters of this shape: filters first, then what each sees.
pub(super) fn weights(ctx: &InferCtx, shape: Vec<usize>, filters: usize) -> Vec<WeightSpec> {
    let area: usize = shape[2..].iter().product();
    // As in PyTorch the second axis counts as the inputs, also where the convolution is transposed.
    let fan_in = shape[1] * area;
    let init = init::weight(ctx.params, fan_in, shape[0] * area);
    let mut weights = vec![WeightSpec::new("weight", shape, init)];
    if ctx.params.bool("bias") {
        weights.push(WeightSpec::new("bias", vec![filters], init::bias(ctx.params, fan_in)));
    }
    weights
}

/// The shape rule of convolutions over the last `axes` axes.
pub(super) fn infer(ctx: &InferCtx, axes: usize) -> Result<Inferred, Fault> {
    let x = &ctx.inputs[0];
    let (n, channels, len) = planes(ctx, axes, "a convolution")?;
    let (groups, filters) = groups(ctx, channels)?;
    let mut out = [1; 2];
    for k in 2 - axes..2 {
        let axis = window(ctx.params, len[k], 1);
        let Some(places) = axis.places() else {
            let reach = axis.reach();
            let message = format!("The window reaches over {reach} places, more than the padded input {x} has");
            return Err(Fault::at(0, message).hint(Hint::Set("padding", Value::Int((reach / 2) as i64))));
        };
        out[k] = places;
    }
    let kernel = at_least(ctx.params, "kernel_size", 1);
    let mut shape = vec![filters, channels / groups];
    shape.resize(2 + axes, kernel);
    let fan_in: usize = shape[1..].iter().product();
    let weights = weights(ctx, shape, filters);
    let output = of_planes(n, filters, out, axes);
    let flops = output.per_sample().saturating_mul(2 * fan_in + weights.len() - 1) as u64;
    Ok(Inferred { output, weights, flops, ..Inferred::default() })
}

pub(super) fn forward<S: Scalar>(ctx: &mut Forward<S>, axes: usize) {
    let c = sizes(ctx.params, axes, ctx.inputs[0].shape, ctx.output.shape);
    let bias = ctx.weights.get(1).map(|b| b.data);
    conv::forward(&c, ctx.inputs[0].data, ctx.weights[0].data, bias, ctx.output.data);
}

pub(super) fn backward<S: Scalar>(ctx: &mut Backward<S>, axes: usize) {
    let c = sizes(ctx.params, axes, ctx.inputs[0].shape, ctx.grad_output.shape);
    let g = ctx.grad_output.data;
    if let Some(gx) = &mut ctx.grad_inputs[0] {
        conv::grad_input(&c, g, ctx.weights[0].data, None, gx.data);
    }
    if let Some(gw) = &mut ctx.grad_weights[0] {
        conv::grad_weight(&c, ctx.inputs[0].data, g, gw.data);
    }
    if let Some(Some(gb)) = ctx.grad_weights.get_mut(1) {
        conv::grad_bias(c.axes[0].out * c.axes[1].out, g, gb.data);
    }
}

/// The parts: kernels on patches, then the bias.
pub(super) fn parts<O: Op, S: Scalar>(inner: &Inner<S>) -> Vec<Part<S>> {
    let shape = inner.output.shape.to_vec();
    let formula = r"\sum_{c,k} W_{o,c,k}\,x_{c,\,s p + d k - P}";
    let product = Part { name: "kernel · patch", formula, shape, data: Vec::new() };
    product_and_bias::<O, S>(inner, product, CONV.formula.forward)
}

/// One output pixel: its patch times its kernel, then the bias.
pub(super) fn made<S: Scalar>(inner: &Inner<S>, axes: usize, part: usize, index: usize) -> Made {
    let c = sizes(inner.params, axes, inner.inputs[0].shape, inner.output.shape);
    let [v, u] = c.axes;
    let (n, o) = (index / (v.out * u.out) / c.out_channels, index / (v.out * u.out) % c.out_channels);
    if part == 1 {
        return Made::Sum(vec![(1.0, vec![Place::Part(0, index)]), (1.0, vec![Place::Weight(1, o)])]);
    }
    let (ci, co) = (c.channels / c.groups, c.out_channels / c.groups);
    let inside = |a: &Axis, place: usize, tap: usize| {
        (place * a.stride + tap * a.dilation).checked_sub(a.padding).filter(|i| *i < a.len)
    };
    let mut terms = Vec::new();
    for i in 0..ci {
        for (ky, kx) in (0..v.kernel).flat_map(|y| (0..u.kernel).map(move |x| (y, x))) {
            let (y, x) = (inside(&v, index / u.out % v.out, ky), inside(&u, index % u.out, kx));
            let (Some(y), Some(x)) = (y, x) else { continue };
            let weight = ((o * ci + i) * v.kernel + ky) * u.kernel + kx;
            let pixel = ((n * c.channels + o / co * ci + i) * v.len + y) * u.len + x;
            terms.push((1.0, vec![Place::Weight(0, weight), Place::Input(0, pixel)]));
        }
    }
    Made::Sum(terms)
}
