//! An image enlarged by a whole factor s, N×C×H×W to N×C×sH×sW: z[u, v] = x[⌊u/s⌋, ⌊v/s⌋].
//!
//! Each element was copied s² times, so its gradient is the sum of those of the copies.
//! Source: `torch.nn.Upsample(mode="nearest")`.

use super::shared::{LAYER, at_least, lengths, of_planes, planes};
use crate::ops::{
    Backward, Fault, Formula, Forward, GradFn, InferCtx, Inferred, Op, ParamKind, ParamSpec, Spec, Value,
};
use crate::tensor::{Scalar, kernels::pool};

/// See the module.
pub struct UpsampleNearest2d;

impl Op for UpsampleNearest2d {
    const SPEC: Spec = Spec {
        id: "upsample_nearest2d",
        label: "UpsampleNearest2d",
        params: &[ParamSpec {
            name: "scale_factor",
            kind: ParamKind::Int { min: 1, max: 64 },
            default: || Value::Int(2),
            unit: "×",
            doc: "How many times higher and wider the image becomes.",
        }],
        formula: Formula {
            forward: r"z_{u,v} = x_{\lfloor u/s \rfloor,\, \lfloor v/s \rfloor}",
            local: r"\frac{\partial z_{u,v}}{\partial x_{i,j}} = [\,i = \lfloor u/s \rfloor,\ j = \lfloor v/s \rfloor\,]",
            chain: r"\frac{\partial L}{\partial x_{i,j}} = \sum_{a,b=0}^{s-1} \delta_{s i + a,\, s j + b}",
        },
        doc: "Enlarges an image by repeating each element as a square. Decoders and generators use it before a convolution, which together avoid the chequered patterns of transposed convolution. There is nothing to learn in it.",
        torch: "torch.nn.UpsamplingNearest2d",
        grad_fn: GradFn::Names(&["UpsampleNearest2DBackward0"]),
        onnx: "Resize",
        ..LAYER
    };

    fn infer(ctx: &InferCtx) -> Result<Inferred, Fault> {
        let (n, channels, [h, w]) = planes(ctx, 2, "upsampling")?;
        let s = at_least(ctx.params, "scale_factor", 1);
        Ok(Inferred { output: of_planes(n, channels, [h * s, w * s], 2), ..Inferred::default() })
    }

    fn forward<S: Scalar>(ctx: &mut Forward<S>) {
        let (x, s) = (ctx.inputs[0], at_least(ctx.params, "scale_factor", 1));
        pool::enlarge(lengths(x.shape, 2)[1], s, x.data, ctx.output.data);
    }

    fn backward<S: Scalar>(ctx: &mut Backward<S>) {
        let Some(grad) = &mut ctx.grad_inputs[0] else { return };
        let s = at_least(ctx.params, "scale_factor", 1);
        pool::enlarge_back(lengths(grad.shape, 2)[1], s, ctx.grad_output.data, grad.data);
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::by_hand::run;

    #[test]
    fn each_element_becomes_a_square_whose_gradients_add_up() {
        let delta = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];
        let ran = run("upsample_nearest2d", &[], &[(&[1, 1, 1, 2], &[5.0, 7.0])], &delta);
        assert_eq!((ran.shape.as_slice(), ran.output[..4].to_vec()), (&[1, 1, 2, 4][..], vec![5.0, 5.0, 7.0, 7.0]));
        assert_eq!((&ran.output[4..], ran.grad(0)), (&ran.output[..4], &[33.0, 77.0][..]));
    }
}
