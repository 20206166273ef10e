//! What layers on images and on signals have in common: the shapes that arrive, and windows that slide over them.

use crate::ops::{Category, Fault, Hint, InferCtx, Inferred, ParamKind, ParamSpec, Params, Spec, Value};
use crate::tensor::kernels::{pool::Pool, window::Axis};
use crate::tensor::{Dim, Shape};

/// What all layers have in common; each file names the rest.
pub(super) const LAYER: Spec = Spec { category: Category::Layer, ..crate::ops::unary::UNARY };

/// A whole-number parameter from `min` to 4096.
pub(super) const fn int(name: &'static str, min: i64, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Int { min, max: 4096 }, default, unit: "", doc }
}

/// A switch.
pub(super) const fn switch(name: &'static str, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Bool, default, unit: "", doc }
}

/// `eps` of the normalisations within a sample.
pub(super) const EPS: ParamSpec = ParamSpec {
    name: "eps",
    kind: ParamKind::Float { min: 0.0, max: 1.0, log: true },
    default: || Value::Float(1e-5),
    unit: "",
    doc: "Added to the variance, so that nothing is divided by zero where all numbers are equal.",
};

/// The parameter `name`, no less than `least`.
pub(super) fn at_least(params: &Params, name: &str, least: i64) -> usize {
    params.int(name).max(least) as usize
}

/// Batch, channels and lengths of what arrives: N×C×H×W for `axes` = 2, N×C×L for 1, whose height is 1.
pub(super) fn planes(ctx: &InferCtx, axes: usize, layer: &str) -> Result<(Dim, usize, [usize; 2]), Fault> {
    let x = &ctx.inputs[0];
    match (axes, x.0.as_slice()) {
        (2, &[n, Dim::Fixed(c @ 1..), Dim::Fixed(h @ 1..), Dim::Fixed(w @ 1..)]) => return Ok((n, c, [h, w])),
        (1, &[n, Dim::Fixed(c @ 1..), Dim::Fixed(l @ 1..)]) => return Ok((n, c, [1, l])),
        _ => {}
    }
    let form = ["signals: batch × channels × length", "images: batch × channels × height × width"][axes - 1];
    let fault = Fault::at(0, format!("{x} arrives, but {layer} needs {form}"));
    let side = (x.per_sample() as f64).sqrt() as usize;
    let leads = x.0.first() == Some(&Dim::Batch) && !x.0[1..].contains(&Dim::Batch);
    Err(match x.rank() {
        // One channel, whose axis is missing.
        r if r == axes + 1 && leads => fault.hint(Hint::InsertBefore(0, "unsqueeze", vec![("dim", Value::Int(1))])),
        2 if axes == 2 && leads && side * side == x.per_sample() && side > 0 => {
            let shape = Value::Ints(vec![-1, 1, side as i64, side as i64]);
            fault.hint(Hint::InsertBefore(0, "reshape", vec![("shape", shape)]))
        }
        _ => fault,
    })
}

/// The inverse of [`planes`] for a result of this many channels and these lengths.
pub(super) fn of_planes(n: Dim, channels: usize, len: [usize; 2], axes: usize) -> Shape {
    let lengths = len[2 - axes..].iter().copied();
    Shape(std::iter::once(n).chain(std::iter::once(channels).chain(lengths).map(Dim::Fixed)).collect())
}

/// Lengths of a tensor's last `axes` axes, after a height of 1 where there is one.
pub(super) fn lengths(shape: &[usize], axes: usize) -> [usize; 2] {
    let w = shape[shape.len() - 1];
    if axes == 2 { [shape[shape.len() - 2], w] } else { [1, w] }
}

/// The window of pooling.
pub(super) const KERNEL_SIZE: ParamSpec =
    int("kernel_size", 1, || Value::Int(2), "Length of the window along each axis.");
/// Its steps.
pub(super) const STRIDE: ParamSpec =
    int("stride", 0, || Value::Int(0), "Steps by which the window moves; 0 means as far as it is long.");
/// Its padding.
pub(super) const PADDING: ParamSpec =
    int("padding", 0, || Value::Int(0), "Places imagined at each end of an axis; at most half the window.");
/// Whether a window may leave the image.
pub(super) const CEIL_MODE: ParamSpec = switch(
    "ceil_mode",
    || Value::Bool(false),
    "Whether a last window that is partly outside still counts, so that no element is left over.",
);
/// Whether the mean counts the padding.
pub(super) const COUNT_INCLUDE_PAD: ParamSpec = switch(
    "count_include_pad",
    || Value::Bool(true),
    "Whether the zeros of the padding count as elements of the mean.",
);

/// The window along an axis of `len`, with `out` places.
fn window(params: &Params, len: usize, out: usize) -> Axis {
    let kernel = at_least(params, "kernel_size", 1);
    let stride = match at_least(params, "stride", 0) {
        0 => kernel,
        s => s,
    };
    Axis { len, out, kernel, stride, padding: at_least(params, "padding", 0), dilation: 1 }
}

/// The shape rule of pooling over the last `axes` axes; each output costs an operation per element of its window.
pub(super) fn pooled(ctx: &InferCtx, axes: usize) -> Result<Inferred, Fault> {
    let (n, channels, len) = planes(ctx, axes, "pooling")?;
    let (x, mut out, mut area) = (&ctx.inputs[0], [1; 2], 1);
    for k in 2 - axes..2 {
        let axis = window(ctx.params, len[k], 1);
        if axis.padding > axis.kernel / 2 {
            let message = format!(
                "A padding of {} is more than half the window of {}: some windows would see nothing of {x}",
                axis.padding, axis.kernel
            );
            return Err(Fault::new(message).hint(Hint::Set("padding", Value::Int(axis.kernel as i64 / 2))));
        }
        let Some(whole) = axis.places() else {
            let message = format!("The window of {} is longer than an axis of {x}", axis.kernel);
            let fits = len[2 - axes..].iter().min().map_or(1, |m| *m as i64);
            let fault = Fault::at(0, message).axis(x.rank() + k - 2);
            return Err(fault.hint(Hint::Set("kernel_size", Value::Int(fits))));
        };
        let over = !(len[k] + 2 * axis.padding - axis.kernel).is_multiple_of(axis.stride);
        // As in PyTorch, a window that begins beyond the image and the padding before it does not count.
        let begins = whole * axis.stride < len[k] + axis.padding;
        out[k] = whole + usize::from(ctx.params.bool("ceil_mode") && over && begins);
        area *= axis.kernel;
    }
    let output = of_planes(n, channels, out, axes);
    let flops = output.per_sample().saturating_mul(area) as u64;
    Ok(Inferred { output, flops, ..Inferred::default() })
}

/// The elements of the window of output `index`: places in the input, row by row.
pub(super) fn window_of(params: &Params, axes: usize, x: &[usize], z: &[usize], index: usize) -> Vec<usize> {
    let Pool([v, h]) = pool(params, axes, x, z);
    let (plane, at) = (index / (v.out * h.out), index % (v.out * h.out));
    let along = |a: Axis, o: usize| {
        let taps = (0..a.kernel).map(move |k| o * a.stride + k * a.dilation);
        taps.filter_map(move |i| i.checked_sub(a.padding).filter(|i| *i < a.len))
    };
    let rows = along(v, at / h.out);
    rows.flat_map(|y| along(h, at % h.out).map(move |x| (plane * v.len + y) * h.len + x)).collect()
}

/// The windows of pooling from `x` to `z`.
pub(super) fn pool(params: &Params, axes: usize, x: &[usize], z: &[usize]) -> Pool {
    let ([h, w], [oh, ow]) = (lengths(x, axes), lengths(z, axes));
    let along = if axes == 2 { window(params, h, oh) } else { Axis::POINT };
    Pool([along, window(params, w, ow)])
}
