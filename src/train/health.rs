//! What ails a network while it trains: dead units, saturation, gradients that vanish or explode, steps of a wrong size.
//!
//! Each rule has one threshold at which its mark appears and another at which it goes, so that marks do not flicker, and
//! looks at running means over what was observed. All thresholds stand here.

use crate::graph::NodeId;

/// What is wrong with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ailment {
    /// Units whose slope is zero for every sample.
    Dead,
    /// Outputs that lie where the slope is nearly zero.
    Saturated,
    /// A gradient far smaller than that of later layers.
    Vanishing,
    /// A gradient that grows and grows.
    Exploding,
    /// Updates that are large beside the weights.
    Restless,
    /// Updates that are nothing beside the weights, while the loss is still high.
    Asleep,
}

impl Ailment {
    /// All of them.
    pub const ALL: [Ailment; 6] =
        [Ailment::Dead, Ailment::Saturated, Ailment::Vanishing, Ailment::Exploding, Ailment::Restless, Ailment::Asleep];

    /// One word for a card.
    pub fn word(self) -> &'static str {
        match self {
            Ailment::Dead => "dead",
            Ailment::Saturated => "saturated",
            Ailment::Vanishing => "vanishing",
            Ailment::Exploding => "exploding",
            Ailment::Restless => "restless",
            Ailment::Asleep => "asleep",
        }
    }

    /// What to try.
    pub fn advice(self) -> &'static str {
        match self {
            Ailment::Dead => {
                "These units learn nothing any more. Try a smaller learning rate, biases nearer to zero, or an activation \
                 with a slope everywhere, such as leaky ReLU, ELU or GELU."
            }
            Ailment::Saturated => {
                "Hardly any gradient passes here. Try smaller initial weights, scaled inputs, a normalisation before it, or \
                 an activation that does not saturate."
            }
            Ailment::Vanishing => {
                "This layer learns far more slowly than the later ones. Try ReLU-like activations, a skip connection, a \
                 normalisation layer, or Xavier or Kaiming initial weights."
            }
            Ailment::Exploding => {
                "Training is about to run away. Try a smaller learning rate, or clip gradients to a norm (Training settings)."
            }
            Ailment::Restless => {
                "Each step changes a large part of the weights (about 1e-3 is usual), so training shakes. Try a smaller \
                 learning rate."
            }
            Ailment::Asleep => {
                "Each step changes next to nothing (about 1e-3 is usual) although the loss is still high. Try a larger \
                 learning rate, or look why the gradient is so small."
            }
        }
    }
}

/// One ailment of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Whose.
    pub node: NodeId,
    /// What.
    pub ailment: Ailment,
    /// For a card: `dead 7/8`.
    pub short: String,
    /// In a sentence with figures.
    pub text: String,
}

/// When a mark appears and when it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// At least so many observations come before any mark.
    pub patience: u32,
    /// A unit is dead that had no slope for so many observations.
    pub quiet: u32,
    /// Share of dead units.
    pub dead: (f64, f64),
    /// A slope below this is nearly zero.
    pub flat: f64,
    /// Share of outputs on flat parts, in layers that others build on.
    pub saturated: (f64, f64),
    /// The gradient's norm as a part of the largest of all layers.
    pub vanishing: (f64, f64),
    /// The gradient's norm as a multiple of its own long mean, and the norm above which that matters.
    pub exploding: (f64, f64, f64),
    /// ‖Δw‖ / ‖w‖.
    pub restless: (f64, f64),
    /// ‖Δw‖ / ‖w‖, while the loss is above this part of its first value.
    pub asleep: (f64, f64, f64),
}

/// Pairs are: appears, goes.
pub(super) const LIMITS: Limits = Limits {
    patience: 15,
    quiet: 15,
    dead: (0.5, 0.4),
    flat: 0.01,
    saturated: (0.9, 0.8),
    vanishing: (0.01, 0.02),
    exploding: (30.0, 10.0, 10.0),
    restless: (0.2, 0.1),
    asleep: (1e-6, 1e-5, 0.5),
};
