//! Kinds of the family: activation.
