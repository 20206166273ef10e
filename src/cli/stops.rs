//! Breakpoints and watches of `step`.

use crate::cli::Usage;
use crate::cli::step::numbers_of;
use crate::cli::table::number;
use crate::graph::{NodeId, Wire};
use crate::project::Document;
use crate::train::stops::{Halt, Moment, Own, Place, Scope, Stops, Watched, condition, expression};
use crate::train::{Session, Timeline};
use anyhow::Result;
use std::io::Write;

/// What stops the run and what is shown there.
#[derive(clap::Args, Debug)]
pub struct StopArgs {
    /// Stop where this is true: NODE, NODE:MOMENT, NODE: CONDITION or NODE:MOMENT: CONDITION, with the moment forward,
    /// backward or update, before which it stops. NODE may be any. 'FROM -> TO' is a wire, with the moment value or
    /// gradient, after which it stops. Without a moment it is the first at which all that the condition names is known.
    /// May be given several times.
    #[arg(long = "break", value_name = "WHERE", conflicts_with_all = ["steps", "until"])]
    breaks: Vec<String>,
    /// Stop at the breakpoints that are saved in the project as well, and show its watches. Without it they are ignored.
    #[arg(long, conflicts_with_all = ["steps", "until"])]
    stops: bool,
    /// Show this at every stop: a tensor of a node, such as hidden.weight.grad, or a number, such as norm(hidden.grad).
    /// May be given several times.
    #[arg(long, value_name = "EXPRESSION")]
    watch: Vec<String>,
    /// End after so many stops.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: usize,
    /// Give up after so many batches without a stop.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    within: u64,
}

/// What was asked for, checked.
pub struct Shown {
    stops: Stops,
    count: usize,
    within: u64,
}

impl Shown {
    /// Gives `session` the breakpoints and watches.
    ///
    /// # Errors
    /// If one cannot be read, or stops nowhere.
    pub fn new(args: &StopArgs, document: &Document, session: &mut Session<f32>) -> Result<Self> {
        let mut stops = if args.stops { document.stops.clone() } else { Stops::default() };
        if args.stops && !stops.breakpoints.iter().any(|b| b.enabled) && args.breaks.is_empty() {
            return Err(Usage("the project has no breakpoint that is on; give one with --break".into()).into());
        }
        let saved = stops.breakpoints.len();
        let graph = session.graph().clone();
        let inference = session.inference().clone();
        let scope = Scope::new(&graph, &inference, Own::Nothing);
        for text in &args.breaks {
            let (place, moment, condition) =
                breakpoint(text, &scope, session).map_err(|why| usage("break", text, &why))?;
            stops.add(place, moment, &condition);
        }
        for text in &args.watch {
            expression(text, &scope).map_err(|e| usage("watch", text, &e.to_string()))?;
            stops.watch(text);
        }
        session.set_stops(&stops);
        for (k, shot) in session.stop_shots().into_iter().enumerate() {
            let Some(why) = shot.fault else { continue };
            let b = &stops.breakpoints[k];
            match args.breaks.get(k.wrapping_sub(saved)) {
                Some(text) => return Err(usage("break", text, &why)),
                None => eprintln!("warning: the breakpoint on {} stops nothing: {why}", b.target(&graph)),
            }
        }
        Ok(Shown { stops, count: args.count, within: args.within })
    }

    /// Whether there is something to stop at.
    pub fn running(&self) -> bool {
        !self.stops.breakpoints.is_empty()
    }

    /// Trains from stop to stop.
    pub fn run(&self, session: &mut Session<f32>, timeline: &mut Timeline<f32>, out: &mut dyn Write) -> Result<()> {
        for k in 1..=self.count {
            let last = session.steps().saturating_add(self.within);
            let halt = loop {
                timeline.record(session);
                match session.go_batch() {
                    Err(halt) => break Some(halt),
                    Ok(_) if session.steps() >= last => break None,
                    Ok(_) => {}
                }
            };
            let Some(halt) = halt else {
                writeln!(out, "no stop in {} batches", self.within)?;
                return self.watches(session, out);
            };
            report(k, &halt, out)?;
            self.watches(session, out)?;
        }
        Ok(())
    }

    /// Writes what the watches give.
    pub fn watches(&self, session: &mut Session<f32>, out: &mut dyn Write) -> Result<()> {
        for shot in session.watch_shots() {
            let Some(w) = self.stops.watches.iter().find(|w| w.id == shot.id) else { continue };
            let label = format!("watch {}", w.text);
            match &shot.gives {
                Watched::Fault(why) => writeln!(out, "        {label}  cannot be shown: {why}")?,
                Watched::NotYet => writeln!(out, "        {label}  not computed in this batch yet")?,
                Watched::Number(x) => writeln!(out, "        {label}  {}", number(*x))?,
                Watched::Truth(t) => writeln!(out, "        {label}  {t}")?,
                Watched::Tensor { shape, first, stats } => numbers_of(&label, shape, stats, first, out)?,
            }
        }
        Ok(())
    }
}

fn report(k: usize, halt: &Halt, out: &mut dyn Write) -> Result<()> {
    let (at, of) = (halt.cursor + 1, halt.of);
    writeln!(out, "stop {k}: {}, batch {} of epoch {}, instruction {at} of {of}", halt.place, halt.batch, halt.epoch)?;
    match (halt.condition.is_empty(), halt.values.is_empty()) {
        (true, _) => {}
        (false, true) => writeln!(out, "        because {}", halt.condition)?,
        (false, false) => writeln!(out, "        because {}: {}", halt.condition, halt.values)?,
    }
    Ok(())
}

fn usage(option: &str, text: &str, why: &str) -> anyhow::Error {
    Usage(format!("--{option} '{text}': {why}")).into()
}

/// `NODE[:MOMENT][: CONDITION]`, `any…` or `FROM -> TO…`. Names of nodes may hold colons, so the longest one counts.
fn breakpoint(text: &str, scope: &Scope, session: &Session<f32>) -> Result<(Place, Moment, String), String> {
    let graph = session.graph();
    let node = |text: &str| -> Option<(NodeId, usize)> {
        let fits = |name: &str| {
            text.strip_prefix(name).is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.is_empty() || rest.starts_with(':') || rest.starts_with("->") || rest.starts_with('→')
            })
        };
        let found = graph.nodes().filter(|n| fits(&n.name)).max_by_key(|n| n.name.len())?;
        Some((found.id, found.name.len()))
    };
    let lead = text.len() - text.trim_start().len();
    let start = &text[lead..];
    let names = || graph.nodes().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ");
    let (place, rest) = match node(start) {
        Some((from, n)) => {
            let rest = start[n..].trim_start();
            match rest.strip_prefix("->").or_else(|| rest.strip_prefix('→')) {
                None => (Place::Node(from), rest),
                Some(end) => {
                    let end = end.trim_start();
                    let (to, m) =
                        node(end).ok_or_else(|| format!("there is no such node after ->; there are {}", names()))?;
                    let wires: Vec<Wire> = graph.wires().into_iter().filter(|w| (w.from, w.to) == (from, to)).collect();
                    let wire = wires.first().ok_or("there is no wire between these nodes")?;
                    (Place::Wire(*wire), end[m..].trim_start())
                }
            }
        }
        None if start == "any" || start.strip_prefix("any").is_some_and(|r| r.trim_start().starts_with(':')) => {
            (Place::Any, start[3..].trim_start())
        }
        None => {
            let name = start.split(':').next().unwrap_or(start).trim();
            return Err(format!("there is no node \"{name}\"; there are {}, and any", names()));
        }
    };
    let mut rest = rest.strip_prefix(':').unwrap_or(rest).trim();
    let mut moment = None;
    let moments: &[Moment] = if matches!(place, Place::Wire(_)) { &Moment::OF_WIRES } else { &Moment::OF_NODES };
    let (head, tail) = rest.split_once(':').map_or((rest, ""), |(a, b)| (a.trim(), b.trim()));
    if let Some(m) = moments.iter().find(|m| m.word() == head) {
        (moment, rest) = (Some(*m), tail);
    }
    let moment = match (moment, place) {
        (Some(m), _) => m,
        (None, Place::Wire(_)) if rest.contains("grad") => Moment::Gradient,
        (None, Place::Wire(_)) => Moment::Value,
        (None, _) if rest.is_empty() => Moment::Forward,
        (None, Place::Node(id)) => {
            let e = condition(rest, &scope.of(Own::Node(id))).map_err(|e| e.to_string())?;
            e.moment()
        }
        (None, Place::Any) => {
            let found: Vec<Moment> = scope
                .nodes()
                .filter_map(|id| condition(rest, &scope.of(Own::Node(id))).ok())
                .map(|e| e.moment())
                .collect();
            // A condition that no node can read is told of with the breakpoint's fault.
            found.into_iter().max().unwrap_or(Moment::Backward)
        }
    };
    Ok((place, moment, rest.to_owned()))
}
