//! Controls that more than one panel uses.

pub mod formula;
pub mod heat;
pub mod patch;
pub mod pictures;
pub mod terms;
pub mod value;
