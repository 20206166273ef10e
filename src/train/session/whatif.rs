//! The batch under way on a copy, with some numbers changed.

use crate::data::Dataset;
use crate::engine::{Bad, Pass, Phase, Plan, Update, Weights};
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::tensor::{Stats, View, mix};
use crate::train::whatif::tensor_name;
use crate::train::{Delta, ElementRef, Poke, Session, TensorRef, WhatIf};
use std::collections::BTreeMap;

/// Elements of an inspected tensor that are sent to the window.
const MOST: usize = 4096;

/// An update that leaves the weights alone.
struct Still;

impl<S> Update<S> for Still {
    fn begin(&mut self, _: &mut [S]) {}
    fn update(&mut self, _: usize, _: usize, _: &mut [S], _: &[S]) {}
}

/// A copy of the numbers of one batch.
pub(in crate::train) struct Fork<S> {
    pub(in crate::train) weights: Weights<S>,
    pub(in crate::train) pass: Pass<S>,
}

impl<S: Precision> Session<S> {
    /// Whether the batch can still go another way: no update has moved a weight.
    fn open(&self) -> bool {
        let (plan, pass) = self.current();
        self.begun && pass.cursor() <= plan.first_update()
    }

    /// The samples of the batch shown; those of the next one if there is none.
    pub(super) fn samples(&self) -> (&Plan, Vec<S>, Vec<S>) {
        let widths = |d: &Dataset| (d.feature_width(), d.target_width());
        let (plan, pass) = self.current();
        let data = self.data.as_ref();
        if self.begun || pass.cursor() > 0 {
            let (w, v) = data.map_or((0, 0), |d| widths(d));
            return (plan, self.x[..plan.batch() * w].to_vec(), self.y[..plan.batch() * v].to_vec());
        }
        let rows = self.order.batch(self.batch, self.plan.batch());
        let plan = match &self.last {
            Some((plan, _)) if rows.len() < self.plan.batch() => plan,
            _ => &self.plan,
        };
        let (w, v) = data.map_or((0, 0), |d| widths(d));
        let (mut x, mut y) = (vec![S::zero(); plan.batch() * w], vec![S::zero(); plan.batch() * v]);
        if let Some(d) = data {
            d.gather_training(rows, self.epoch as u64, &mut x, &mut y);
        }
        (plan, x, y)
    }

    /// Runs the batch from its start to instruction `until` on a copy, each number changed as soon as it is computed.
    pub(super) fn fork(&self, pokes: &[Poke], until: usize) -> Fork<S> {
        let (plan, x, y) = self.samples();
        let (shown, real) = self.current();
        let mut pass = if std::ptr::eq(plan, shown) { real.clone() } else { Pass::new(plan) };
        let added = real.accumulates() && pass.cursor() > plan.forward_len();
        if !self.begun && real.cursor() == 0 {
            pass.set_draw(mix(self.config.seed, self.step));
        }
        pass.set_lean(false);
        self.fork_on(plan, pass, added, (&x, &y), pokes, until)
    }

    /// The batch under way once more, up to where it stands, with everything kept. `None` if there is no room for it.
    pub(in crate::train) fn in_full(&self) -> Option<(Plan, Fork<S>)> {
        let (shown, x, y) = self.samples();
        let plan = Plan::new(&self.graph, &self.inference, &self.weights, shown.batch()).ok()?;
        let mut pass = Pass::new(&plan);
        pass.set_draw(mix(self.config.seed, self.step));
        pass.set_lean(true);
        let real = self.current().1;
        let added = real.accumulates() && real.cursor() > plan.forward_len();
        let fork = self.fork_on(&plan, pass, added, (&x, &y), &[], self.cursor());
        Some((plan, fork))
    }

    /// As [`Session::fork`], on a plan and its pass; `added` says that the batch has begun to add to the gradients of
    /// weights that it found.
    fn fork_on(
        &self,
        plan: &Plan,
        mut pass: Pass<S>,
        added: bool,
        (x, y): (&[S], &[S]),
        pokes: &[Poke],
        until: usize,
    ) -> Fork<S> {
        let real = self.current().1;
        let mut weights = self.weights.clone();
        // A batch that is not over begins with the buffers and gradients that it found.
        if self.open() {
            self.ledger.restore_buffers(&mut weights);
        }
        if added {
            weights.grads.copy_from_slice(real.before());
        }
        pass.set_accumulate(real.accumulates());
        pass.rewind();
        for p in pokes {
            if let TensorRef::Weight(k) = p.of.tensor
                && let Some(w) = self.place(p.of.node, k, p.of.index)
            {
                weights.values[w] = S::of(p.value);
            }
        }
        let mut waiting: Vec<&Poke> = pokes.iter().collect();
        while pass.cursor() < until {
            if pass.advance(plan, &mut weights, x, y, &mut Still).is_none() {
                break;
            }
            waiting.retain(|p| {
                let value = S::of(p.value);
                !match p.of.tensor {
                    TensorRef::Output => pass.set_value(plan, p.of.node, p.of.index, value),
                    TensorRef::OutputGrad => pass.set_grad(plan, p.of.node, p.of.index, value),
                    _ => false,
                }
            });
        }
        for p in waiting {
            if let TensorRef::WeightGrad(k) = p.of.tensor
                && pass.done(plan, p.of.node, Phase::Backward)
                && let Some(w) = self.place(p.of.node, k, p.of.index)
            {
                weights.grads[w] = S::of(p.value);
            }
        }
        Fork { weights, pass }
    }

    /// Where an element of a node's weight lies in the flat buffer.
    fn place(&self, node: NodeId, weight: usize, index: usize) -> Option<usize> {
        let info = self.weights.infos.iter().filter(|i| i.node == node).nth(weight)?;
        (index < info.range.len()).then(|| info.range.start + index)
    }

    /// The edits as they can be made: the value at an input is its producer's output, and the gradient that a node sends
    /// back is its producer's, if nobody else adds to it.
    ///
    /// # Errors
    /// If an element is not there or not computed yet, or the number is none.
    pub fn settle(&self, poke: Poke) -> Result<Poke, String> {
        let (plan, pass) = self.current();
        let ElementRef { node, tensor, index } = poke.of;
        let name = self.element_name(poke.of);
        if !S::of(poke.value).is_finite() {
            return Err(format!("{} is not a number that {name} can be", poke.value));
        }
        let of = match tensor {
            TensorRef::Input(pin) | TensorRef::InputGrad(pin) => {
                let from = plan.input_of(node, pin).ok_or_else(|| format!("{name} does not come from a node"))?;
                if matches!(tensor, TensorRef::Input(_)) {
                    ElementRef { node: from, tensor: TensorRef::Output, index }
                } else if plan.consumers(from).len() == 1 {
                    ElementRef { node: from, tensor: TensorRef::OutputGrad, index }
                } else {
                    let source = self.graph.node(from).map_or("?", |n| n.name.as_str());
                    return Err(format!(
                        "{name} is one of several gradients that add up to {source}.output.grad; change that sum"
                    ));
                }
            }
            _ => poke.of,
        };
        let len = self.shape_of(of.node, of.tensor).map_or(0, |s| s.iter().product());
        if of.index >= len {
            return Err(format!("{name} has no element {index}"));
        }
        let ready = match of.tensor {
            TensorRef::Output => pass.value(plan, of.node).is_some(),
            TensorRef::OutputGrad => pass.grad(plan, of.node).is_some(),
            TensorRef::WeightGrad(_) => pass.done(plan, of.node, Phase::Backward),
            _ => true,
        };
        if !ready {
            return Err(format!("{name} is not computed yet in this batch: step further, then change it"));
        }
        Ok(Poke { of, value: poke.value })
    }

    /// What the edits change in the batch that is shown: every number that is computed, and the loss. Nothing of the run
    /// itself changes. After an update the batch is run with the present weights. The elements of `inspect`'s tensors
    /// come along.
    ///
    /// # Errors
    /// As [`Session::settle`].
    pub fn what_if(&self, pokes: &[Poke], inspect: Option<NodeId>) -> Result<WhatIf, String> {
        let pokes: Vec<Poke> = pokes.iter().map(|p| self.settle(*p)).collect::<Result<_, _>>()?;
        let (plan, ..) = self.samples();
        let (shown, real) = self.current();
        let cursor = if std::ptr::eq(plan, shown) { real.cursor() } else { 0 };
        let until = cursor.max(plan.forward_len()).min(plan.first_update());
        let (old, new) = (self.fork(&[], until), self.fork(&pokes, until));
        let loss = |f: &Fork<S>| f.pass.total_loss(plan).unwrap_or(f64::NAN);
        let mut nodes: BTreeMap<NodeId, Vec<Delta>> = BTreeMap::new();
        for id in self.graph.nodes().map(|n| n.id) {
            let all = self.deltas(plan, &old, &new, id, inspect == Some(id));
            if !all.is_empty() {
                nodes.insert(id, all);
            }
        }
        let was =
            |p: &Poke| self.tensor(plan, &old, p.of.node, p.of.tensor).map_or(f64::NAN, |v| v.data[p.of.index].to64());
        let only_weights = pokes.iter().all(|p| matches!(p.of.tensor, TensorRef::Weight(_)));
        let obstacle = (!self.open() && !only_weights).then(|| {
            "this batch is over, so only weights can be kept: step back into it (Shift+F10) to keep a changed value or \
             gradient"
                .to_owned()
        });
        let named = pokes.iter().map(|p| (*p, self.element_name(p.of), was(p))).collect();
        Ok(WhatIf { pokes: named, loss: (loss(&old), loss(&new)), nodes, obstacle })
    }

    fn tensor<'a>(&'a self, plan: &'a Plan, f: &'a Fork<S>, node: NodeId, which: TensorRef) -> Option<View<'a, S>> {
        let own = |k: usize| self.weights.infos.iter().position(|i| i.node == node).map(|first| first + k);
        match which {
            TensorRef::Output => f.pass.value(plan, node),
            TensorRef::OutputGrad => f.pass.grad(plan, node),
            TensorRef::Part(_) => None,
            TensorRef::Input(pin) => f.pass.value(plan, plan.input_of(node, pin)?),
            TensorRef::InputGrad(pin) => f.pass.input_grad(plan, node, pin),
            TensorRef::Weight(k) => {
                let k = own(k)?;
                Some(View { shape: &self.weights.infos.get(k)?.shape, data: f.weights.value(k) })
            }
            TensorRef::WeightGrad(k) => {
                let k = own(k).filter(|_| f.pass.done(plan, node, Phase::Backward))?;
                Some(View { shape: &self.weights.infos.get(k)?.shape, data: f.weights.grad(k) })
            }
        }
    }

    fn deltas(&self, plan: &Plan, old: &Fork<S>, new: &Fork<S>, node: NodeId, full: bool) -> Vec<Delta> {
        let weights = self.weights.infos.iter().filter(|i| i.node == node && !i.buffer).count();
        let mut all = vec![TensorRef::Output, TensorRef::OutputGrad];
        all.extend((0..weights).flat_map(|k| [TensorRef::Weight(k), TensorRef::WeightGrad(k)]));
        let one = |which: TensorRef| {
            let (a, b) = (self.tensor(plan, old, node, which)?, self.tensor(plan, new, node, which)?);
            let same = |x: S, y: S| x == y || !x.is_finite() && !y.is_finite();
            let mut most = (0, 0.0, 0.0);
            let (mut changed, mut largest) = (0, -1.0);
            for (i, (x, y)) in a.data.iter().zip(b.data).enumerate().filter(|(_, (x, y))| !same(**x, **y)) {
                changed += 1;
                let gap = (y.to64() - x.to64()).abs();
                // A change that is no number is the largest of all.
                let gap = if gap.is_finite() { gap } else { f64::INFINITY };
                if gap > largest {
                    (largest, most) = (gap, (i, x.to64(), y.to64()));
                }
            }
            if changed == 0 {
                return None;
            }
            let pair = |(x, y): (&S, &S)| (x.to64() as f32, y.to64() as f32);
            Some(Delta {
                which,
                label: tensor_name(&self.graph, &self.weights.infos, node, which)?,
                shape: a.shape.to_vec(),
                norm: (Stats::of(a.data).norm, Stats::of(b.data).norm),
                changed,
                most,
                data: if full { a.data.iter().zip(b.data).take(MOST).map(pair).collect() } else { Vec::new() },
            })
        };
        all.into_iter().filter_map(one).collect()
    }

    /// The edits as they would be kept, see [`Session::settle`].
    ///
    /// # Errors
    /// As [`Session::keep`].
    pub fn keepable(&self, pokes: &[Poke]) -> Result<Vec<Poke>, String> {
        let pokes: Vec<Poke> = pokes.iter().map(|p| self.settle(*p)).collect::<Result<_, _>>()?;
        let over = pokes.iter().find(|p| !self.open() && !matches!(p.of.tensor, TensorRef::Weight(_)));
        match over {
            Some(p) => Err(format!("{} cannot be kept: its batch is over", self.element_name(p.of))),
            None => Ok(pokes),
        }
    }

    /// Makes the edits real: the batch goes on with the changed numbers, and changed weights stay. Returns the first
    /// number that became NaN or infinite by it, if one did.
    ///
    /// # Errors
    /// As [`Session::settle`], or if the batch is over and not only weights are changed.
    pub fn keep(&mut self, pokes: &[Poke]) -> Result<Option<Bad>, String> {
        let pokes = self.keepable(pokes)?;
        if !self.open() {
            for p in &pokes {
                if let TensorRef::Weight(k) = p.of.tensor
                    && let Some(w) = self.place(p.of.node, k, p.of.index)
                {
                    self.weights.values[w] = S::of(p.value);
                }
            }
            return Ok(None);
        }
        let Fork { weights, pass } = self.fork(&pokes, self.cursor());
        let bad = pass.bad();
        self.weights = weights;
        match &mut self.last {
            Some((_, own)) if self.short => *own = pass,
            _ => self.pass = pass,
        }
        Ok(bad)
    }
}
