//! How weights start. Sources: Glorot and Bengio 2010 (Xavier), He et al. 2015 (Kaiming), `torch.nn.init`.

use crate::ops::{ParamKind, ParamSpec, Params, Value};
use crate::tensor::Init;

/// The parameter that names the initialiser.
pub const CHOICE: ParamSpec = ParamSpec {
    name: "init",
    kind: ParamKind::Choice(&[
        "default",
        "xavier_uniform",
        "xavier_normal",
        "kaiming_uniform",
        "kaiming_normal",
        "uniform",
        "zeros",
        "ones",
    ]),
    default: || Value::Text(String::from("default")),
    unit: "",
    doc: "How the weights start. default is PyTorch's: uniform within ±1/√(inputs). Xavier suits tanh and sigmoid, Kaiming suits ReLU. zeros shows why symmetry must be broken.",
};

/// Lower bound of `uniform`.
pub const A: ParamSpec = ParamSpec {
    name: "init_a",
    kind: ParamKind::Float { min: -1e6, max: 1e6, log: false },
    default: || Value::Float(-0.5),
    unit: "",
    doc: "Lower bound when init is uniform.",
};

/// Upper bound of `uniform`.
pub const B: ParamSpec = ParamSpec {
    name: "init_b",
    kind: ParamKind::Float { min: -1e6, max: 1e6, log: false },
    default: || Value::Float(0.5),
    unit: "",
    doc: "Upper bound when init is uniform.",
};

/// The distribution of a weight with `fan_in` inputs and `fan_out` outputs.
///
/// PyTorch's default is `kaiming_uniform_(a = √5)`, which is U(±1/√fan_in).
pub fn weight(params: &Params, fan_in: usize, fan_out: usize) -> Init {
    let (i, o) = (fan_in.max(1) as f64, fan_out.max(1) as f64);
    let even = |bound: f64| Init::Uniform(-bound, bound);
    match params.text("init") {
        "xavier_uniform" => even((6.0 / (i + o)).sqrt()),
        "xavier_normal" => Init::Normal(0.0, (2.0 / (i + o)).sqrt()),
        "kaiming_uniform" => even((6.0 / i).sqrt()),
        "kaiming_normal" => Init::Normal(0.0, (2.0 / i).sqrt()),
        "uniform" => Init::Uniform(params.float("init_a"), params.float("init_b")),
        "zeros" => Init::Constant(0.0),
        "ones" => Init::Constant(1.0),
        _ => even(1.0 / i.sqrt()),
    }
}

/// The distribution of a bias: PyTorch's default U(±1/√fan_in), the bounds of `uniform`, else zero.
pub fn bias(params: &Params, fan_in: usize) -> Init {
    match params.text("init") {
        "default" | "uniform" => weight(params, fan_in, 1),
        _ => Init::Constant(0.0),
    }
}
