//! Kinds of the family: layer.
