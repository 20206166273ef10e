//! The thread's part in what-if, in the backward graph, and in a second backward pass.

use super::trainer::Trainer;
use super::{Notice, Place};
use crate::engine::{HASTY, PATIENT};
use crate::train::{Again, Autograd, AutogradShot, Order, Poke, RatesJob, RatesWant, Touch, WhatIf, Why};
use std::sync::Arc;

/// Edits that are tried, and what is known of the backward graph.
#[derive(Default)]
pub(super) struct Probe {
    pokes: Vec<Poke>,
    /// The batch that the edits are about.
    at: Place,
    graph: Option<(u64, Arc<Autograd>)>,
}

impl Trainer {
    /// Where the run stands, as far as edits of a batch are concerned.
    fn place(&self) -> Place {
        self.session.as_ref().map(|s| (self.revision, s.steps(), s.at_rest()))
    }

    fn say(&self, text: impl Into<String>, fault: bool) {
        self.notify(Notice::Said { revision: self.revision, text: text.into(), fault });
    }

    /// Obeys an order of the window about numbers that are tried.
    pub(super) fn what_if(&mut self, order: Order) {
        self.pause();
        let place = self.place();
        let Some(s) = &mut self.session else { return };
        match order {
            Order::Try(poke) => match s.settle(poke) {
                Ok(poke) => {
                    self.probe.pokes.retain(|p| p.of != poke.of);
                    self.probe.pokes.push(poke);
                    self.probe.at = place;
                }
                Err(why) => self.say(why, true),
            },
            Order::Drop(of) => self.probe.pokes.retain(|p| p.of != of),
            Order::Discard => self.probe.pokes.clear(),
            Order::Keep if self.probe.pokes.is_empty() => {}
            Order::Keep => match s.keepable(&self.probe.pokes) {
                Ok(pokes) => {
                    self.probe.pokes.clear();
                    // The record goes on, with this change in it.
                    self.timeline.change(s, Touch::Keep(pokes));
                    self.slow.at = None;
                    self.reported_bad = false;
                    self.look_for_bad();
                }
                Err(why) => self.say(why, true),
            },
        }
    }

    /// What the edits change now; they are dropped when their batch is no longer the one shown.
    pub(super) fn what_if_shot(&mut self) -> Option<Arc<WhatIf>> {
        if self.probe.pokes.is_empty() {
            return None;
        }
        if self.running || self.place() != self.probe.at {
            self.probe.pokes.clear();
            self.say("The what-if is dropped: the run has gone on without it.", false);
            return None;
        }
        let what = self.session.as_ref()?.what_if(&self.probe.pokes, self.inspected());
        match what {
            Ok(what) => Some(Arc::new(what)),
            Err(why) => {
                self.probe.pokes.clear();
                self.say(format!("The what-if is dropped: {why}."), false);
                None
            }
        }
    }

    /// The backward graph, if the window wants it.
    pub(super) fn autograd_shot(&mut self) -> Option<Arc<AutogradShot>> {
        let s = self.session.as_ref().filter(|_| self.want.autograd)?;
        let graph = match &self.probe.graph {
            Some((revision, graph)) if *revision == self.revision => Arc::clone(graph),
            _ => {
                let graph = Arc::new(s.autograd());
                self.probe.graph = Some((self.revision, Arc::clone(&graph)));
                graph
            }
        };
        Some(Arc::new(s.autograd_shot(&graph)))
    }

    /// Why the gradient that the window wants is as it is.
    pub(super) fn why_shot(&self) -> Option<Arc<Result<Why, String>>> {
        let ((node, which), s) = self.want.why.zip(self.session.as_ref())?;
        Some(Arc::new(s.why(s.subject(node, which)?, if self.running { HASTY } else { PATIENT })))
    }

    /// Begins to try learning rates on a copy, or ends it.
    pub(super) fn try_rates(&mut self, want: Option<Box<RatesWant>>) {
        match (want, &self.rates) {
            (None, _) => self.rates = None,
            (Some(want), Some(job)) if want.serial == job.rates().want.serial => {
                if !want.running {
                    job.stop();
                }
            }
            (Some(want), _) => self.rates = self.session.as_ref().map(|s| RatesJob::begin(s, &want)),
        }
    }

    /// A second backward pass through the batch under way.
    pub(super) fn backward_again(&mut self, retain_graph: bool) {
        self.pause();
        let Some(s) = &mut self.session else { return };
        match s.may_go_again(retain_graph) {
            Ok(()) => {
                self.timeline.change(s, Touch::Again);
                self.slow.at = None;
                self.say("A second backward pass: its gradients are added to those in .grad.", false);
            }
            Err(Again::NotYet) => self.say(Again::NotYet.to_string(), false),
            Err(e) => self.say(format!("{e}\n\n{}", e.explanation()).trim_end().to_owned(), true),
        }
    }
}
