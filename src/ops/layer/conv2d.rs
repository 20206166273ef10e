//! The convolution of images, N×C×H×W to N×O×H'×W'. Source: `torch.nn.Conv2d`.

use super::init;
use crate::ops::{
    Backward, Category, Fault, Formula, Forward, GradFn, Hint, InferCtx, Inferred, Inputs, Op, ParamKind, ParamSpec,
    Params, Reads, Role, Spec, Value, WeightSpec,
};
use crate::tensor::kernels::conv::{self, Conv};
use crate::tensor::{Dim, Scalar, Shape};

/// See the module.
pub struct Conv2d;

const fn int(name: &'static str, min: i64, default: fn() -> Value, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Int { min, max: 4096 }, default, unit: "", doc }
}

impl Op for Conv2d {
    const SPEC: Spec = Spec {
        id: "conv2d",
        label: "Conv2d",
        category: Category::Layer,
        role: Role::Compute,
        inputs: Inputs::Fixed(&["input"]),
        no_grad: &[],
        params: &[
            int("out_channels", 1, || Value::Int(8), "Number of filters: the channels of the output."),
            int("kernel_size", 1, || Value::Int(3), "Side of the square window that each filter sees."),
            int("stride", 1, || Value::Int(1), "Steps by which the window moves."),
            int("padding", 0, || Value::Int(0), "Rows and columns of zeros put around the image."),
            int("dilation", 1, || Value::Int(1), "Distance between the taps of the window."),
            int("groups", 1, || Value::Int(1), "Groups of channels that do not see each other."),
            ParamSpec {
                name: "bias",
                kind: ParamKind::Bool,
                default: || Value::Bool(true),
                unit: "",
                doc: "Whether each filter adds a number of its own.",
            },
            init::CHOICE,
            init::A,
            init::B,
        ],
        reads: Reads { inputs: true, weights: true, output: false },
        formula: Formula {
            forward: r"z_{o,p} = b_o + \sum_{c,k} W_{o,c,k}\,x_{c,\,s p + d k - P}",
            local: r"\frac{\partial z_{o,p}}{\partial x_{c,\,s p + d k - P}} = W_{o,c,k}",
            chain: r"\frac{\partial L}{\partial W_{o,c,k}} = \sum_{n,p} \delta_{n,o,p}\,x_{n,c,\,s p + d k - P},\quad \frac{\partial L}{\partial b_o} = \sum_{n,p} \delta_{n,o,p}",
        },
        kinks: "",
        doc: "Slides small filters over an image; every place is weighed by the same numbers. It finds a pattern wherever it is, with few weights. Padding of half the kernel keeps the size of the image.",
        torch: "torch.nn.Conv2d",
        grad_fn: GradFn::Names(&["ConvolutionBackward0"]),
        onnx: "Conv",
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let x = &ctx.inputs[0];
        let &[n, Dim::Fixed(c), Dim::Fixed(h), Dim::Fixed(w)] = x.0.as_slice() else {
            let message = format!("{x} arrives, but a convolution needs images: batch × channels × height × width");
            let side = (x.per_sample() as f64).sqrt() as usize;
            let fault = Fault::at(0, message);
            return Err(if x.rank() == 2 && side * side == x.per_sample() {
                let shape = vec![-1, 1, side as i64, side as i64];
                fault.hint(Hint::InsertBefore(0, "reshape", vec![("shape", Value::Ints(shape))]))
            } else {
                fault
            });
        };
        let conv = sizes(ctx.params, c, [h, w], [0, 0]);
        if c == 0 || !c.is_multiple_of(conv.groups) || !conv.out_channels.is_multiple_of(conv.groups) {
            let message = format!(
                "{} groups do not divide the {c} channels of {x} and the {} filters",
                conv.groups, conv.out_channels
            );
            return Err(Fault::at(0, message).axis(1).hint(Hint::Set("groups", Value::Int(1))));
        }
        let reach = conv.dilation * (conv.kernel - 1) + 1;
        let out = |len: usize| (len + 2 * conv.padding).checked_sub(reach).map(|r| r / conv.stride + 1);
        let (Some(oh), Some(ow)) = (out(h), out(w)) else {
            let message = format!("The window reaches over {reach} places, more than the padded image of {x} has");
            let padding = Value::Int((reach / 2) as i64);
            return Err(Fault::at(0, message).hint(Hint::Set("padding", padding)));
        };
        let (k, ci) = (conv.kernel, c / conv.groups);
        let fan_in = ci * k * k;
        let init = init::weight(ctx.params, fan_in, conv.out_channels * k * k);
        let mut weights = vec![WeightSpec::new("weight", vec![conv.out_channels, ci, k, k], init)];
        if ctx.params.bool("bias") {
            let init = init::bias(ctx.params, fan_in);
            weights.push(WeightSpec::new("bias", vec![conv.out_channels], init));
        }
        let output = Shape(vec![n, Dim::Fixed(conv.out_channels), Dim::Fixed(oh), Dim::Fixed(ow)]);
        let flops = (output.per_sample() * (2 * fan_in + weights.len() - 1)) as u64;
        Ok(Inferred { output, weights, flops, saved: None })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let c = of(ctx.params, ctx.inputs[0].shape, ctx.output.shape);
        let bias = ctx.weights.get(1).map(|b| b.data);
        conv::forward(&c, ctx.inputs[0].data, ctx.weights[0].data, bias, ctx.output.data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let c = of(ctx.params, ctx.inputs[0].shape, ctx.grad_output.shape);
        let g = ctx.grad_output.data;
        if let Some(gx) = &mut ctx.grad_inputs[0] {
            conv::grad_input(&c, g, ctx.weights[0].data, gx.data);
        }
        if let Some(gw) = &mut ctx.grad_weights[0] {
            conv::grad_weight(&c, ctx.inputs[0].data, g, gw.data);
        }
        if let Some(Some(gb)) = ctx.grad_weights.get_mut(1) {
            conv::grad_bias(&c, g, gb.data);
        }
    }
}

fn of(params: &Params, x: &[usize], z: &[usize]) -> Conv {
    sizes(params, x[1], [x[2], x[3]], [z[2], z[3]])
}

fn sizes(params: &Params, channels: usize, size: [usize; 2], out_size: [usize; 2]) -> Conv {
    let at_least = |name, min: i64| params.int(name).max(min) as usize;
    Conv {
        channels,
        size,
        out_channels: at_least("out_channels", 1),
        out_size,
        kernel: at_least("kernel_size", 1),
        stride: at_least("stride", 1),
        padding: at_least("padding", 0),
        dilation: at_least("dilation", 1),
        groups: at_least("groups", 1),
    }
}
