//! Where the time of a training step goes, by node, measured on the run itself.

use crate::engine::Phase;
use crate::graph::NodeId;
use crate::ops::Precision;
use crate::train::{Session, StepReport};
use std::collections::BTreeMap;
use std::time::Instant;

/// Seconds that one node has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// In its forward pass; that of the data input includes fetching the batch.
    pub forward: f64,
    /// In its backward pass, seeds included.
    pub backward: f64,
    /// In the updates of its weights.
    pub update: f64,
}

impl Spent {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.forward + self.backward + self.update
    }
}

/// Time by node over some training steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// Steps measured.
    pub steps: u64,
    /// Seconds by node.
    pub nodes: BTreeMap<NodeId, Spent>,
}

impl Profile {
    /// Seconds of all nodes.
    pub fn seconds(&self) -> f64 {
        self.nodes.values().map(Spent::total).sum()
    }
}

/// What a node costs in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Seconds in a step.
    pub seconds: f64,
    /// Its share of the time of all nodes, 0 to 1.
    pub share: f64,
    /// Memory for its values, gradients and saved numbers.
    pub bytes: usize,
}

impl Cost {
    /// All of it in one line: `38 % · 1.20 ms · 40.0 KiB`.
    pub fn text(&self) -> String {
        format!("{:.0} % · {} · {}", 100.0 * self.share, time_text(self.seconds), bytes_text(self.bytes))
    }
}

/// A time in the unit that suits it: `830 ns`, `12.4 µs`, `3.20 ms`.
pub fn time_text(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.0} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// A number of bytes in the unit that suits it.
pub fn bytes_text(n: usize) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}

impl<S: Precision> Session<S> {
    /// Trains one batch as [`Session::step`] does, with a clock at every instruction.
    pub fn step_timed(&mut self, profile: &mut Profile) -> StepReport {
        let epoch = self.epoch();
        loop {
            let start = Instant::now();
            let Some(done) = self.advance() else { break };
            let seconds = start.elapsed().as_secs_f64();
            let spent = profile.nodes.entry(done.node).or_default();
            match done.phase {
                Phase::Forward | Phase::Loss => spent.forward += seconds,
                Phase::Seed | Phase::Backward => spent.backward += seconds,
                Phase::Update => spent.update += seconds,
            }
            if self.at_rest() || self.halted() || self.current().1.bad().is_some() {
                break;
            }
        }
        // A batch that was interrupted is counted when it is done.
        if self.at_rest() {
            profile.steps += 1;
        }
        self.report(epoch)
    }

    /// What a node costs by `profile`; `None` if nothing of it was measured.
    pub fn cost(&self, profile: &Profile, node: NodeId) -> Option<Cost> {
        let spent = profile.nodes.get(&node)?.total();
        let (plan, _) = self.current();
        Some(Cost {
            seconds: spent / profile.steps.max(1) as f64,
            share: spent / profile.seconds().max(f64::MIN_POSITIVE),
            bytes: plan.bytes_of(node, size_of::<S>()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_unit_that_suits_them() {
        assert_eq!([3e-8, 2.5e-6, 0.0042, 1.5].map(time_text), ["30 ns", "2.5 µs", "4.20 ms", "1.50 s"]);
        assert_eq!(bytes_text(1536), "1.5 KiB");
    }
}
