//! What a graph, its data and its training settings show only together: class numbers that no output stands for, batches
//! too small for a normalisation, ways to train a weight that the optimiser does not know.

use crate::data::{Dataset, Extent, Task};
use crate::graph::{Diagnostic, Edit, Fix, Graph, Inference, Node, NodeId, Severity, Tuning};
use crate::ops::{Count, ParamKind, Role, Value, When};
use crate::tensor::Dim;
use crate::train::TrainConfig;

/// All shapes and all problems: those of the graph by itself ([`Graph::infer`]), and those with these data and settings.
pub fn review(graph: &Graph, data: Option<&Dataset>, config: &TrainConfig) -> Inference {
    let (features, target) = (data.map(|d| &d.feature_shape), data.map(|d| &d.target_shape));
    let mut all = graph.infer(features, target);
    let mut found = Vec::new();
    if let Some(data) = data {
        for node in graph.nodes() {
            found.extend(numbers(graph, data, &all, node));
            found.extend(samples(data, config, &all, node));
        }
    }
    found.extend(untuned(graph, config));
    found.extend(idle(graph, &all));
    all.diagnostics.extend(found);
    all
}

/// Weights that are to be trained in their own way, which this optimiser cannot do.
pub(super) fn untuned(graph: &Graph, config: &TrainConfig) -> Vec<Diagnostic> {
    if !config.optimizer.full_batch() {
        return Vec::new();
    }
    let own = graph.nodes().flat_map(|n| n.tuning.iter().map(move |(weight, tuning)| (n, weight, tuning)));
    let odd = own.filter(|(.., t)| !t.frozen && (t.lr_factor != 1.0 || t.weight_decay.is_some()));
    odd.map(|(node, weight, _)| {
        let message = format!(
            "its {weight} has a rate or weight decay of its own, but {} searches along one line for all weights \
             together: set them back, or choose another optimiser",
            config.optimizer.about().label
        );
        let label = format!("Train {weight} as all others");
        let edit = Edit::Tune { node: node.id, weight: weight.clone(), tuning: Tuning::default() };
        let fixes = vec![Fix { label, edit }];
        Diagnostic { fixes, ..Diagnostic::new(Severity::Error, Some(node.id), message) }
    })
    .collect()
}

/// A graph with a loss that no weight can make smaller.
fn idle(graph: &Graph, all: &Inference) -> Option<Diagnostic> {
    if !all.runnable() {
        return None;
    }
    let weights =
        || all.nodes.iter().flat_map(|(id, i)| i.weights.iter().map(move |w| (*id, w))).filter(|(_, w)| !w.buffer);
    let frozen = |id: NodeId, name: &str| graph.node(id).and_then(|n| n.tuning.get(name)).is_some_and(|t| t.frozen);
    if weights().any(|(id, w)| !frozen(id, w.name)) {
        return None;
    }
    let why = if weights().next().is_none() { "no node has weights" } else { "all weights are frozen" };
    let message = format!("there is nothing to train: {why}, so the loss stays as it is");
    Some(Diagnostic::new(Severity::Warning, None, message))
}

/// Numbers of the data that should choose one of so many things at `node`, and choose none.
fn numbers(graph: &Graph, data: &Dataset, all: &Inference, node: &Node) -> Option<Diagnostic> {
    let (wires, params) = (graph.inputs(node.id), node.filled());
    let shapes: Option<Vec<Vec<usize>>> = wires.iter().map(|w| Some(all.shape(w.from)?.concrete(2))).collect();
    let shapes = shapes?;
    let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    all.nodes.get(&node.id)?;
    node.kind()?.breaks.iter().find_map(|rule| {
        let When::NoIndex(count) = rule.when else { return None };
        let n = count.of(&params, &shapes)?;
        let wire = wires.iter().find(|w| w.input == rule.pin)?;
        let (source, what, extent) = match origin(graph, all, wire.from)?.spec()?.role {
            Role::Target => ("target", "class", data.target_extent()),
            Role::Features => ("input", "number", data.feature_extent()),
            _ => return None,
        };
        let allowed = if n == 1 { "only 0".to_owned() } else { format!("whole numbers from 0 to {}", n - 1) };
        let (message, wanted) = match extent {
            Extent { broken: Some((sample, x)), .. } => {
                (format!("the {source} of sample {sample} is {x}, but {allowed} can be used here{}", instead(data, source)), None)
            }
            Extent { least, .. } if least < 0.0 => {
                (format!("the {source}s go down to {least}, but {allowed} can be used here{}", instead(data, source)), None)
            }
            Extent { most, .. } if most >= n as f64 => {
                let wanted = (most as usize).saturating_add(1).max(data.class_names.len() * usize::from(source == "target"));
                let last = wanted - 1;
                let text = match count {
                    Count::Param(name) => format!(
                        "the data has {what}s up to {last}, but {name} is {n}: {allowed} can be used here"
                    ),
                    _ => format!(
                        "the data has {wanted} {what}{}, 0 to {last}, but only {n} {} per sample at \"{}\", so there is none \
                         above {}",
                        if what == "class" { "es" } else { "s" },
                        if n == 1 { "number arrives" } else { "numbers arrive" },
                        node.spec()?.input_name(0),
                        n - 1
                    ),
                };
                (text, Some(wanted))
            }
            _ => return None,
        };
        let fixes = wanted.and_then(|wanted| widen(graph, data, node, count, n, wanted)).into_iter().collect();
        let d = Diagnostic::new(Severity::Error, Some(node.id), message);
        let input = if matches!(count, Count::Param(_)) || wanted.is_none() { rule.pin } else { 0 };
        let got = wires.iter().find(|w| w.input == input).and_then(|w| all.shape(w.from).cloned());
        let axis = match count {
            Count::Axis(axis, _) if wanted.is_some() => Some(axis),
            _ => None,
        };
        Some(Diagnostic { input: Some(input), axis, got, fixes, ..d })
    })
}

/// What to do about numbers that are no indices at all.
fn instead(data: &Dataset, source: &str) -> &'static str {
    match data.task {
        _ if source == "input" => {
            "; scaled or real features cannot be looked up: choose the data without scaling, or another layer"
        }
        Task::Regression => "; for numbers to be met take a loss such as the mean squared error",
        Task::Binary { .. } | Task::Classes => {
            "; choose class numbers for the targets (Graph > Data…), or another loss"
        }
    }
}

/// The data source whose numbers arrive unchanged from `id`, through nodes that only arrange them.
fn origin<'a>(graph: &'a Graph, all: &Inference, mut id: NodeId) -> Option<&'a Node> {
    loop {
        let node = graph.node(id)?;
        let (wires, own) = (graph.inputs(id), all.nodes.get(&id)?);
        let [wire] = wires[..] else { return wires.is_empty().then_some(node) };
        let same = all.shape(wire.from)?.per_sample() == own.output.per_sample();
        if !same || own.flops > 0 || !own.weights.is_empty() {
            return None;
        }
        id = wire.from;
    }
}

/// The one parameter that makes `wanted` of what is counted as `n`: of the node itself, or of one before its first pin.
fn widen(graph: &Graph, data: &Dataset, node: &Node, count: Count, n: usize, wanted: usize) -> Option<Fix> {
    let value = Value::Int(i64::try_from(wanted).ok()?);
    let source = graph.inputs(node.id).iter().find(|w| w.input == 0).map(|w| w.from)?;
    let mut at = if matches!(count, Count::Param(_)) { node.id } else { source };
    let before = graph.infer(Some(&data.feature_shape), Some(&data.target_shape)).errors().count();
    for _ in 0..graph.len() {
        let here = graph.node(at)?;
        let params = here.filled();
        for p in here.spec()?.params.iter().filter(|p| matches!(p.kind, ParamKind::Int { .. })) {
            if params.int(p.name) != n as i64 || p.reject(&value).is_some() {
                continue;
            }
            let edit = Edit::SetParam { node: at, name: p.name.into(), value: value.clone() };
            let mut trial = graph.clone();
            if trial.apply(&edit).is_err() {
                continue;
            }
            let then = trial.infer(Some(&data.feature_shape), Some(&data.target_shape));
            let wide = match count {
                Count::Param(name) => p.name == name,
                Count::Axis(axis, _) => then.shape(source).and_then(|s| s.0.get(axis)) == Some(&Dim::Fixed(wanted)),
                Count::Along(_) => then.shape(source).is_some_and(|s| s.0.contains(&Dim::Fixed(wanted))),
            };
            if wide && then.errors().count() <= before {
                let place = if at == node.id { String::new() } else { format!(" in {}", here.name) };
                return Some(Fix { label: format!("Set {} to {wanted}{place}", p.name), edit });
            }
        }
        at = graph.inputs(at).iter().find(|w| w.input == 0)?.from;
    }
    None
}

/// A batch with fewer samples than the node needs to train.
fn samples(data: &Dataset, config: &TrainConfig, all: &Inference, node: &Node) -> Option<Diagnostic> {
    let (least, n) = (all.nodes.get(&node.id)?.least, data.train.len());
    if n == 0 || config.batch_size == 0 {
        return None;
    }
    // Samples of the smallest batch.
    let smallest = |size: usize| match n % size.min(n) {
        0 => size.min(n),
        rest => rest,
    };
    let fits = |size: &usize| smallest(*size) >= least;
    let size = config.batch_size;
    if fits(&size) {
        return None;
    }
    let few = smallest(size);
    let what = match (few, size.min(n)) {
        (1, 1) => "each batch has one sample".to_owned(),
        (few, whole) if few == whole => format!("each batch has {few} samples"),
        (few, _) => {
            let samples = if few == 1 { "one sample".to_owned() } else { format!("{few} samples") };
            format!("{n} samples in batches of {size} leave a last batch of {samples}")
        }
    };
    let near = [(1..size.min(n)).rev().find(fits), (size + 1..=n).find(fits)];
    let near: Vec<String> = near.iter().flatten().map(usize::to_string).collect();
    let out = if near.is_empty() {
        "take more samples to train on, or another normalisation, such as layer or group normalisation".to_owned()
    } else {
        format!("a batch size of {} leaves none so small", near.join(" or "))
    };
    let message = format!(
        "{what}, but in training each channel is normalised over the batch, which takes at least {least} samples here: {out}"
    );
    Some(Diagnostic::new(Severity::Error, Some(node.id), message))
}
