//! Kinds of the family: loss.
