//! The settings of a node: their values, and what may be set.

use serde::{Deserialize, Serialize};

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A switch.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// One of a list of names, or free text.
    Text(String),
    /// Axes or sizes.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Nodes of the graph, by id.
    Nodes(Vec<u64>),
}

/// A number with all its digits, as people write it: `0`, `0.5`, `1e-12`.
pub fn number_text(x: f64) -> String {
    let short = x == 0.0 || !x.is_finite() || (1e-4..1e7).contains(&x.abs());
    if short { x.to_string() } else { format!("{x:e}") }
}

/// Which values a parameter takes, and with which control it is edited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// A switch.
    Bool,
    /// A whole number in `min..=max`.
    Int {
        /// Smallest allowed value.
        min: i64,
        /// Largest allowed value.
        max: i64,
    },
    /// A real number in `min..=max`; `log` spreads the control over decades.
    Float {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
        /// Whether the control moves by decades.
        log: bool,
    },
    /// One of these names.
    Choice(&'static [&'static str]),
    /// A list of whole numbers.
    Ints,
    /// A list of numbers.
    Floats,
    /// A list of nodes that have weights; empty means all.
    Nodes,
}

/// One parameter as the catalogue describes it.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// PyTorch's name, stable in files.
    pub name: &'static str,
    /// Which values it takes.
    pub kind: ParamKind,
    /// The default, as PyTorch has it.
    pub default: fn() -> Value,
    /// Unit shown behind the control, often empty.
    pub unit: &'static str,
    /// One or two sentences for the inspector.
    pub doc: &'static str,
}

impl ParamSpec {
    /// Why `value` is not allowed here, or `None` if it is.
    pub fn reject(&self, value: &Value) -> Option<String> {
        let name = self.name;
        match (self.kind, value) {
            (ParamKind::Bool, Value::Bool(_))
            | (ParamKind::Ints, Value::Ints(_))
            | (ParamKind::Floats, Value::Floats(_))
            | (ParamKind::Nodes, Value::Nodes(_)) => None,
            (ParamKind::Int { min, max }, Value::Int(x)) if (min..=max).contains(x) => None,
            (ParamKind::Int { min, max }, Value::Int(x)) => {
                Some(format!("{name} is {x}; it must be from {min} to {max}"))
            }
            (ParamKind::Float { min, max, .. }, Value::Float(x)) if (min..=max).contains(x) => None,
            (ParamKind::Float { min, max, .. }, Value::Float(x)) => {
                Some(format!("{name} is {x}; it must be from {min} to {max}"))
            }
            (ParamKind::Choice(names), Value::Text(x)) if names.contains(&x.as_str()) => None,
            (ParamKind::Choice(names), Value::Text(x)) => {
                Some(format!("{name} is \"{x}\"; it must be one of {}", names.join(", ")))
            }
            (ParamKind::Int { min, max }, Value::Float(x)) => {
                Some(format!("{name} is {x}; it must be a whole number from {min} to {max}"))
            }
            (kind, value) => Some(format!("{name} is {value:?}; it must be a {kind:?}")),
        }
    }
}

/// A node's parameters by name. Names not set have the default of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(pub std::collections::BTreeMap<String, Value>);

impl Params {
    /// Parameters from pairs, as tests and builders write them.
    pub fn of<const N: usize>(pairs: [(&str, Value); N]) -> Self {
        Params(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
    }
    /// All parameters of `specs`: those set here, the default for the rest. Unknown names are dropped.
    pub fn filled(&self, specs: &[ParamSpec]) -> Self {
        Params(
            specs.iter().map(|s| (s.name.to_owned(), self.0.get(s.name).cloned().unwrap_or_else(s.default))).collect(),
        )
    }
    /// The value set for `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
    /// The switch `name`; `false` if it is not set.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }
    /// The whole number `name`; 0 if it is not set.
    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Int(x)) => *x,
            _ => 0,
        }
    }
    /// The real number `name`; 0 if it is not set.
    pub fn float(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Float(x)) => *x,
            Some(Value::Int(x)) => *x as f64,
            _ => 0.0,
        }
    }
    /// The text `name`; empty if it is not set.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(x)) => x,
            _ => "",
        }
    }
    /// The whole numbers `name`; empty if it is not set.
    pub fn ints(&self, name: &str) -> &[i64] {
        match self.get(name) {
            Some(Value::Ints(x)) => x,
            _ => &[],
        }
    }
    /// The numbers `name`; empty if it is not set.
    pub fn floats(&self, name: &str) -> &[f64] {
        match self.get(name) {
            Some(Value::Floats(x)) => x,
            _ => &[],
        }
    }
    /// The node ids `name`; empty if it is not set.
    pub fn nodes(&self, name: &str) -> &[u64] {
        match self.get(name) {
            Some(Value::Nodes(x)) => x,
            _ => &[],
        }
    }
}
