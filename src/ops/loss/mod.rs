//! Losses: what training makes small. Each ends in one number.

mod bce_loss;
mod bce_with_logits_loss;
mod cross_entropy_loss;
mod dice_loss;
mod focal_loss;
mod hinge_loss;
mod huber_loss;
mod kl_div_loss;
mod l1_loss;
mod l1_penalty;
mod l2_penalty;
mod mape_loss;
mod mse_loss;
mod nll_loss;
mod shapes;
mod shared;
mod smooth_l1_loss;
mod triplet_margin_loss;

pub use bce_loss::BceLoss;
pub use bce_with_logits_loss::BceWithLogitsLoss;
pub use cross_entropy_loss::CrossEntropyLoss;
pub use dice_loss::DiceLoss;
pub use focal_loss::FocalLoss;
pub use hinge_loss::HingeLoss;
pub use huber_loss::HuberLoss;
pub use kl_div_loss::KlDivLoss;
pub use l1_loss::L1Loss;
pub use l1_penalty::L1Penalty;
pub use l2_penalty::L2Penalty;
pub use mape_loss::MapeLoss;
pub use mse_loss::MseLoss;
pub use nll_loss::NllLoss;
pub use smooth_l1_loss::SmoothL1Loss;
pub use triplet_margin_loss::TripletMarginLoss;
