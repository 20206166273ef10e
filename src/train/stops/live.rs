//! The breakpoints of a running session: which instruction each is at, and how often it was reached.

use super::model::{Breakpoint, Moment, Place, Stops};
use super::parse::{condition, expression};
use super::scope::{Own, Scope};
use super::tree::{Env, Expr, Figures, Gives};
use super::watched::{WatchShot, Watching};
use super::words::{Probe, now, values};
use crate::engine::{Instruction, Phase};
use crate::graph::{NodeId, Wire};
use crate::ops::Precision;
use std::collections::BTreeSet;

/// A run that stopped, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Halt {
    /// The breakpoint; `None` for a run to a node.
    pub stop: Option<u32>,
    /// The node to look at.
    pub node: NodeId,
    /// The wire, for a breakpoint on one.
    pub wire: Option<Wire>,
    /// The batch under way in the whole run, from 1.
    pub step: u64,
    /// The epoch under way, from 1.
    pub epoch: usize,
    /// The batch under way in its epoch, from 1.
    pub batch: usize,
    /// Instructions of the batch that have run.
    pub cursor: usize,
    /// Instructions of a batch.
    pub of: usize,
    /// `before the backward of hidden 1`.
    pub place: String,
    /// The condition; empty if there is none.
    pub condition: String,
    /// The numbers that made it true: `norm(grad) is 1.234`.
    pub values: String,
    /// How often this breakpoint has stopped the run, this time included.
    pub hits: u64,
}

impl Halt {
    /// In one sentence.
    pub fn text(&self) -> String {
        let Halt { place, batch, epoch, .. } = self;
        let why = match (self.condition.is_empty(), self.values.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!(": {}", self.condition),
            (false, false) => format!(": {}, as {}", self.condition, self.values),
        };
        format!("Stopped {place} in batch {batch} of epoch {epoch}{why}")
    }
}

/// A breakpoint in a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct StopShot {
    /// Its id in the document.
    pub id: u32,
    /// How often its place was reached while it was on.
    pub reached: u64,
    /// How often it stopped the run.
    pub hits: u64,
    /// Why it cannot stop, if it cannot.
    pub fault: Option<String>,
}

#[derive(Clone, Debug)]
struct Count {
    id: u32,
    reached: u64,
    hits: u64,
    /// Whether counting waits for the next run by hand: the run went back to before it was kept.
    quiet: bool,
    fault: Option<String>,
}

/// What of [`Live`] belongs to the state of a run.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    losses: [Option<f64>; 2],
    counts: Vec<(u32, u64, u64)>,
}

/// One breakpoint at one instruction.
#[derive(Clone, Debug)]
struct Entry {
    /// Which of the counts; none for a run to a node.
    count: Option<usize>,
    node: NodeId,
    condition: Option<Expr>,
}

/// Entries by instruction; one more for the end of the batch.
#[derive(Clone, Debug)]
struct Table {
    first: Vec<u32>,
    entries: Vec<Entry>,
}

impl Table {
    /// `None` where there is nothing to look at.
    fn new(mut entries: Vec<(usize, Entry)>, len: usize) -> Option<Box<Table>> {
        if entries.is_empty() {
            return None;
        }
        entries.sort_by_key(|e| e.0);
        let first = (0..=len + 1).map(|at| entries.partition_point(|e| e.0 < at) as u32).collect();
        Some(Box::new(Table { first, entries: entries.into_iter().map(|e| e.1).collect() }))
    }
    fn at(&self, cursor: usize) -> &[Entry] {
        match (self.first.get(cursor), self.first.get(cursor + 1)) {
            (Some(a), Some(b)) => &self.entries[*a as usize..*b as usize],
            _ => &[],
        }
    }
}

/// Breakpoints and watches of a session.
#[derive(Clone, Debug, Default)]
pub(in crate::train) struct Live {
    table: Option<Box<Table>>,
    stops: Stops,
    once: Option<NodeId>,
    counts: Vec<Count>,
    watches: Vec<Watching>,
    /// Total losses of the latest batch and of the one before.
    losses: [Option<f64>; 2],
    /// Step and cursor that were looked at last.
    examined: Option<(u64, usize)>,
}

impl Live {
    /// Whether there is a breakpoint to look for.
    #[inline]
    pub fn armed(&self) -> bool {
        self.table.is_some()
    }
    /// Whether there is one before the instruction after `cursor` others.
    pub fn concerns(&self, cursor: usize) -> bool {
        self.table.as_ref().is_some_and(|t| !t.at(cursor).is_empty())
    }
    /// Whether something is before the first instruction of a batch.
    pub fn at_start(&self) -> bool {
        self.table.as_ref().is_some_and(|t| !t.at(0).is_empty())
    }
    /// Whether there is a watch.
    pub fn watching(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Takes other breakpoints and watches. Counts and histories of those that stay stay.
    pub fn set(&mut self, stops: &Stops, scope: &Scope, program: &[Instruction]) {
        let before = |b: &Breakpoint| {
            let same = self.stops.breakpoint(b.id).is_some_and(|o| o.place == b.place && o.moment == b.moment);
            self.counts.iter().find(|c| same && c.id == b.id).cloned()
        };
        let fresh = |id| Count { id, reached: 0, hits: 0, quiet: false, fault: None };
        self.counts = stops.breakpoints.iter().map(|b| before(b).unwrap_or_else(|| fresh(b.id))).collect();
        let mut old = std::mem::take(&mut self.watches);
        let nothing = scope.of(Own::Nothing);
        for w in &stops.watches {
            let expr = expression(&w.text, &nothing).map_err(|e| e.to_string());
            let mut watch = Watching::new(w.id, w.text.clone(), expr);
            if let Some(k) = old.iter().position(|o| o.id == w.id && o.text == w.text) {
                watch.inherit(old.swap_remove(k));
            }
            self.watches.push(watch);
        }
        self.stops = stops.clone();
        self.arm(scope, program);
    }

    /// Stops once, before the next instruction of `node`; `None` takes that back.
    pub fn run_to(&mut self, node: Option<NodeId>, scope: &Scope, program: &[Instruction]) {
        if self.once != node {
            self.once = node;
            self.arm(scope, program);
        }
    }

    /// Looks breakpoints up in a program.
    pub fn arm(&mut self, scope: &Scope, program: &[Instruction]) {
        let mut entries = Vec::new();
        for (k, b) in self.stops.breakpoints.iter().enumerate() {
            match place(b, scope, program) {
                Ok(found) => {
                    self.counts[k].fault = None;
                    if b.enabled {
                        let entry = |(at, node, condition)| (at, Entry { count: Some(k), node, condition });
                        entries.extend(found.into_iter().map(entry));
                    }
                }
                Err(why) => self.counts[k].fault = Some(why),
            }
        }
        let to = self.once.iter().flat_map(|id| (0..program.len()).filter(move |at| program[*at].node == *id));
        let once = |at: usize| (at, Entry { count: None, node: program[at].node, condition: None });
        entries.extend(to.map(once));
        self.table = Table::new(entries, program.len());
    }

    /// A new run begins.
    pub fn reset(&mut self) {
        for c in &mut self.counts {
            (c.reached, c.hits, c.quiet) = (0, 0, false);
        }
        self.watches.iter_mut().for_each(Watching::clear);
        (self.losses, self.examined) = ([None; 2], None);
    }

    /// What a state of the run keeps.
    pub fn keep(&self) -> Kept {
        Kept { losses: self.losses, counts: self.counts.iter().map(|c| (c.id, c.reached, c.hits)).collect() }
    }
    /// Back to a kept state. A breakpoint that was not there then counts again from zero, and not before the user runs
    /// on.
    pub fn restore(&mut self, kept: &Kept) {
        (self.losses, self.examined) = (kept.losses, None);
        for c in &mut self.counts {
            let was = kept.counts.iter().find(|k| k.0 == c.id);
            (c.reached, c.hits) = was.map_or((0, 0), |k| (k.1, k.2));
            c.quiet = was.is_none();
        }
    }
    /// The user runs on.
    pub fn wake(&mut self) {
        for c in &mut self.counts {
            c.quiet = false;
        }
    }

    /// `loss` and `loss.previous` while `present` is the loss of the batch under way, if it is computed.
    pub fn losses(&self, present: Option<f64>) -> (Option<f64>, Option<f64>) {
        match present {
            Some(_) => (present, self.losses[0]),
            None => (self.losses[0], self.losses[1]),
        }
    }
    /// Both when the batch under way is done: its loss is the latest.
    pub fn batch_ended(&mut self, loss: f64) {
        self.losses = [Some(loss), self.losses[0]];
    }
    /// Writes the histories of the watches.
    pub fn sample<S: Precision>(&mut self, env: &Env<S>, step: u64) {
        for w in &mut self.watches {
            w.sample(env, step);
        }
    }

    /// The run stands here, and goes on from here without a look.
    pub fn stand(&mut self, step: u64, cursor: usize) {
        self.examined = Some((step, cursor));
    }

    /// Looks at the instruction after `cursor` others of step `step`, once per time it is reached: counts, and gives the
    /// place of the entry that stops there.
    pub fn examine<S: Precision>(&mut self, env: &Env<S>, step: u64, cursor: usize) -> Option<usize> {
        let here = Some((step, cursor));
        if self.examined == here {
            return None;
        }
        self.examined = here;
        let Live { table, counts, .. } = self;
        let entries = table.as_ref()?.at(cursor);
        let mut stops = None;
        for (k, entry) in entries.iter().enumerate() {
            let mut figures = env.figures;
            if let Some(c) = entry.count {
                if counts[c].quiet {
                    continue;
                }
                counts[c].reached += 1;
                figures.hits = counts[c].reached as f64;
            }
            let env = Env { figures, ..*env };
            let holds = entry.condition.as_ref().is_none_or(|e| holds(e, &env));
            if holds {
                if let Some(c) = entry.count {
                    counts[c].hits += 1;
                }
                stops = stops.or(Some(k));
            }
        }
        stops
    }

    /// What entry `k` after `cursor` instructions says of its stop.
    pub fn halt<S: Precision>(&self, env: &Env<S>, cursor: usize, k: usize, scope: &Scope) -> Option<Halt> {
        let entry = self.table.as_ref()?.at(cursor).get(k)?;
        let program = env.plan.program();
        let graph = scope.graph();
        let name = graph.node(entry.node).map_or("?", |n| n.name.as_str());
        let stop = entry.count.and_then(|c| self.stops.breakpoints.get(c));
        let wire = stop.and_then(|b| if let Place::Wire(w) = b.place { Some(w) } else { None });
        let count = entry.count.map(|c| &self.counts[c]);
        let place = match (stop.map(|b| b.moment), wire) {
            (Some(Moment::Value), Some(w)) => format!("after the value came along {}", wire_text(w, scope)),
            (Some(_), Some(w)) => format!("after the gradient came back along {}", wire_text(w, scope)),
            _ => {
                let what = match program.get(cursor).map(|i| i.phase) {
                    Some(Phase::Forward | Phase::Loss) => "forward",
                    Some(Phase::Seed) => "seed",
                    Some(Phase::Backward) => "backward",
                    Some(Phase::Update) | None => "update",
                };
                format!("before the {what} of {name}")
            }
        };
        let mut figures = env.figures;
        figures.hits = count.map_or(0.0, |c| c.reached as f64);
        let env = Env { figures, ..*env };
        let values = match entry.condition.as_ref().map(|e| &e.gives) {
            Some(Gives::Cond(c)) => values(c, &env).join(", "),
            _ => String::new(),
        };
        Some(Halt {
            stop: stop.map(|b| b.id),
            node: entry.node,
            wire,
            step: env.figures.step as u64,
            epoch: env.figures.epoch as usize,
            batch: env.figures.batch as usize,
            cursor,
            of: program.len(),
            place,
            condition: stop.map(|b| b.condition.trim().to_owned()).unwrap_or_default(),
            values,
            hits: count.map_or(0, |c| c.hits),
        })
    }

    /// All breakpoints with their counts.
    pub fn stop_shots(&self) -> Vec<StopShot> {
        let shot = |c: &Count| StopShot { id: c.id, reached: c.reached, hits: c.hits, fault: c.fault.clone() };
        self.counts.iter().map(shot).collect()
    }
    /// All watches.
    pub fn watch_shots<S: Precision>(&self, env: &Env<S>) -> Vec<WatchShot> {
        self.watches.iter().map(|w| w.shot(env)).collect()
    }

    /// What a condition that is being typed gives on the present values.
    pub fn probe<S: Precision>(&self, probe: &Probe, env: &Env<S>, scope: &Scope) -> Result<String, String> {
        let text = probe.text.trim();
        if probe.watch {
            return expression(text, &scope.of(Own::Nothing)).map(|e| now(&e, env)).map_err(|e| e.to_string());
        }
        if text.is_empty() {
            return Ok("stops every time".into());
        }
        let found = conditions(probe.place, probe.moment, text, scope)?;
        let Place::Any = probe.place else {
            return Ok(found.first().map_or_else(|| "stops nowhere".into(), |(_, e)| now(e, env)));
        };
        let name = |id: NodeId| scope.graph().node(id).map_or("?", |n| n.name.as_str());
        if found.iter().all(|f| f.1.leaves.is_empty()) {
            return Ok(found.first().map_or_else(|| "stops nowhere".into(), |(_, e)| now(e, env)));
        }
        let true_now: Vec<&(NodeId, Expr)> = found.iter().filter(|(_, e)| holds(e, env)).collect();
        Ok(match (true_now.first(), found.first()) {
            (Some((id, e)), _) => {
                format!("{}: {} (true for {} of {} nodes)", name(*id), now(e, env), true_now.len(), found.len())
            }
            (None, Some((id, e))) => format!("false for all {} nodes; {}: {}", found.len(), name(*id), now(e, env)),
            (None, None) => "stops nowhere".into(),
        })
    }
}

fn wire_text(w: Wire, scope: &Scope) -> String {
    super::model::place_text(Place::Wire(w), scope.graph())
}

fn holds<S: Precision>(e: &Expr, env: &Env<S>) -> bool {
    matches!(&e.gives, Gives::Cond(c) if c.eval(env) == Some(true))
}

/// The condition as each node of `place` reads it.
fn conditions(place: Place, moment: Moment, text: &str, scope: &Scope) -> Result<Vec<(NodeId, Expr)>, String> {
    let read = |node, own| condition(text, &scope.of(own)).map(|e| (node, e));
    match place {
        Place::Node(id) => read(id, Own::Node(id)).map(|e| vec![e]).map_err(|e| e.to_string()),
        Place::Wire(w) => {
            let node = if moment == Moment::Value { w.from } else { w.to };
            read(node, Own::Wire(w)).map(|e| vec![e]).map_err(|e| e.to_string())
        }
        Place::Any => {
            let (mut found, mut fault) = (Vec::new(), None);
            for id in scope.nodes() {
                match read(id, Own::Node(id)) {
                    Ok(e) => found.push(e),
                    // What is wrong furthest to the right is what keeps the best node from it.
                    Err(e) if fault.as_ref().is_none_or(|f: &super::ExprError| e.column > f.column) => fault = Some(e),
                    Err(_) => {}
                }
            }
            match fault {
                Some(e) if found.is_empty() => Err(e.to_string()),
                _ => Ok(found),
            }
        }
    }
}

/// An instruction, the node to look at, and what must be true.
type At = (usize, NodeId, Option<Expr>);

/// The instructions before which a breakpoint stops; why there are none.
fn place(b: &Breakpoint, scope: &Scope, program: &[Instruction]) -> Result<Vec<At>, String> {
    let text = b.condition.trim();
    let read = if text.is_empty() { Vec::new() } else { conditions(b.place, b.moment, text, scope)? };
    let wants = |i: &Instruction| match b.moment {
        Moment::Forward | Moment::Value => matches!(i.phase, Phase::Forward | Phase::Loss),
        Moment::Backward | Moment::Gradient => i.phase == Phase::Backward,
        Moment::Update => i.phase == Phase::Update,
    };
    let name = |id: NodeId| scope.graph().node(id).map_or("?", |n| n.name.as_str());
    let of = |id: NodeId| program.iter().position(|i| i.node == id && wants(i));
    match b.place {
        Place::Node(id) => {
            let missing = || match b.moment {
                Moment::Update => format!("{} has no weight that is updated", name(id)),
                Moment::Backward => format!("{} has no backward: no gradient goes on from it", name(id)),
                _ => format!("{} is not computed", name(id)),
            };
            let at = of(id).ok_or_else(missing)?;
            Ok(vec![(at, id, read.into_iter().next().map(|r| r.1))])
        }
        Place::Wire(w) => {
            let (node, missing) = match b.moment {
                Moment::Value => (w.from, "no value comes along this wire"),
                _ => (w.to, "no gradient comes back along this wire"),
            };
            let spec = scope.graph().node(w.to).and_then(|n| n.spec());
            let cut = b.moment == Moment::Gradient && spec.is_some_and(|s| s.no_grad.contains(&w.input));
            let at = of(node).filter(|_| !cut).ok_or(missing)? + 1;
            if at >= program.len() {
                return Err("nothing follows it in the batch; stop before it instead".into());
            }
            Ok(vec![(at, node, read.into_iter().next().map(|r| r.1))])
        }
        Place::Any => {
            let all = program.iter().enumerate().filter(|(_, i)| wants(i));
            // What speaks of no tensor is the same at every node: it is looked at once, at the first.
            if !text.is_empty() && read.iter().all(|r| r.1.leaves.is_empty()) {
                let first = all.map(|(at, i)| (at, i.node)).next();
                let e = read.into_iter().next().map(|r| r.1);
                return Ok(first.map(|(at, node)| (at, node, e)).into_iter().collect());
            }
            let mut seen = BTreeSet::new();
            let firsts = all.filter(|(_, i)| seen.insert(i.node));
            let mut found = Vec::new();
            for (at, i) in firsts {
                match read.iter().find(|r| r.0 == i.node) {
                    Some((_, e)) => found.push((at, i.node, Some(e.clone()))),
                    None if text.is_empty() => found.push((at, i.node, None)),
                    None => {}
                }
            }
            Ok(found)
        }
    }
}

/// The figures of a moment; for the session to fill.
impl Figures {
    pub(in crate::train) fn new(epoch: usize, batch: usize, step: u64, rate: f64) -> Self {
        let count = |n: usize| n as f64 + 1.0;
        Figures { batch: count(batch), epoch: count(epoch), step: step as f64 + 1.0, rate, ..Figures::default() }
    }
}
