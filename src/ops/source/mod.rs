//! Kinds of the family: source.
