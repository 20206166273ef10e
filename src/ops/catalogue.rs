//! The one list of all kinds of node. A new kind is its file and one line here.

use crate::ops::{Kind, activation, layer, loss, math, source};

/// All kinds in the order of the palette.
pub static CATALOGUE: &[Kind] = &[
    // Sources
    Kind::of::<source::Input>(),
    Kind::of::<source::Target>(),
    Kind::of::<source::Constant>(),
    Kind::of::<source::Parameter>(),
    // Layers
    Kind::of::<layer::Linear>(),
    Kind::of::<layer::Conv2d>(),
    Kind::of::<layer::Flatten>(),
    // Activations
    Kind::of::<activation::Identity>(),
    Kind::of::<activation::Heaviside>(),
    Kind::of::<activation::Relu>(),
    Kind::of::<activation::LeakyRelu>(),
    Kind::of::<activation::Elu>(),
    Kind::of::<activation::Selu>(),
    Kind::of::<activation::Gelu>(),
    Kind::of::<activation::Silu>(),
    Kind::of::<activation::Mish>(),
    Kind::of::<activation::Softplus>(),
    Kind::of::<activation::Sigmoid>(),
    Kind::of::<activation::Tanh>(),
    Kind::of::<activation::Softsign>(),
    Kind::of::<activation::HardTanh>(),
    Kind::of::<activation::HardSigmoid>(),
    Kind::of::<activation::HardSwish>(),
    Kind::of::<activation::Relu6>(),
    Kind::of::<activation::Softmax>(),
    Kind::of::<activation::LogSoftmax>(),
    // Arithmetic
    Kind::of::<math::Add>(),
    Kind::of::<math::Sub>(),
    Kind::of::<math::Mul>(),
    Kind::of::<math::Div>(),
    Kind::of::<math::Pow>(),
    Kind::of::<math::Exp>(),
    Kind::of::<math::Log>(),
    Kind::of::<math::Sqrt>(),
    Kind::of::<math::Abs>(),
    Kind::of::<math::Neg>(),
    Kind::of::<math::Sin>(),
    Kind::of::<math::Cos>(),
    Kind::of::<math::Clamp>(),
    Kind::of::<math::StraightThroughStep>(),
    Kind::of::<math::MatMul>(),
    Kind::of::<math::ScaledDotProductAttention>(),
    Kind::of::<math::CosineSimilarity>(),
    Kind::of::<math::Sum>(),
    Kind::of::<math::Mean>(),
    Kind::of::<math::Var>(),
    Kind::of::<math::Max>(),
    Kind::of::<math::Argmax>(),
    Kind::of::<math::Concat>(),
    Kind::of::<math::Reshape>(),
    Kind::of::<math::Transpose>(),
    Kind::of::<math::Squeeze>(),
    Kind::of::<math::Unsqueeze>(),
    Kind::of::<math::Slice>(),
    Kind::of::<math::Gather>(),
    Kind::of::<math::Detach>(),
    // Losses
    Kind::of::<loss::MseLoss>(),
    Kind::of::<loss::L1Loss>(),
    Kind::of::<loss::SmoothL1Loss>(),
    Kind::of::<loss::HuberLoss>(),
    Kind::of::<loss::MapeLoss>(),
    Kind::of::<loss::BceLoss>(),
    Kind::of::<loss::BceWithLogitsLoss>(),
    Kind::of::<loss::FocalLoss>(),
    Kind::of::<loss::DiceLoss>(),
    Kind::of::<loss::HingeLoss>(),
    Kind::of::<loss::TripletMarginLoss>(),
    Kind::of::<loss::CrossEntropyLoss>(),
    Kind::of::<loss::NllLoss>(),
    Kind::of::<loss::KlDivLoss>(),
    Kind::of::<loss::L1Penalty>(),
    Kind::of::<loss::L2Penalty>(),
];

/// The kind with this stable id.
pub fn find(id: &str) -> Option<&'static Kind> {
    CATALOGUE.iter().find(|k| k.spec.id == id)
}
