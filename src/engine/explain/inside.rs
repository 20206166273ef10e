//! The parts of a node, declared or not: a kind that declares none is its output.

use super::Opened;
use crate::engine::local::Local;
use crate::ops::{Made, Precision};

/// The parts with their numbers, the last one the output.
pub(super) fn parts<S: Precision>(node: &Local<S>) -> Vec<Opened> {
    if !node.computes() {
        return vec![whole(node)];
    }
    let wide = |data: &[S]| data.iter().map(|x| x.to64()).collect();
    let declared = node.inside(|inner| S::parts(node.kind, inner));
    let opened = declared.iter().map(|p| Opened {
        name: p.name.to_owned(),
        formula: p.formula.to_owned(),
        shape: p.shape.clone(),
        data: wide(&p.data),
    });
    let opened: Vec<Opened> = opened.collect();
    if opened.is_empty() { vec![whole(node)] } else { opened }
}

/// Whether the kind declares parts.
pub(super) fn declared<S: Precision>(node: &Local<S>) -> bool {
    node.computes() && node.inside(|inner| !S::parts(node.kind, inner).is_empty())
}

fn whole<S: Precision>(node: &Local<S>) -> Opened {
    Opened {
        name: "output".into(),
        formula: node.kind.spec.formula.forward.to_owned(),
        shape: node.shape.clone(),
        data: node.output.iter().map(|x| x.to64()).collect(),
    }
}

/// How element `i` of a declared part is made.
pub(super) fn made<S: Precision>(node: &Local<S>, part: usize, i: usize) -> Made {
    node.inside(|inner| S::made(node.kind, inner, part, i))
}
