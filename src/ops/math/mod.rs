//! Kinds of the family: math.
