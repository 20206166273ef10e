//! Every kind of the catalogue, without naming any: PyTorch's numbers, finite differences, shapes, texts.

use chainrule::ops::{
    Backward, Forward, Hint, InferCtx, Inferred, Inputs, Kind, Mode, ParamKind, Params, Precision, Role, Value,
    WeightSpec, catalogue::CATALOGUE,
};
use chainrule::tensor::{Dim, Shape, View, ViewMut, stream};
use rand::RngExt as _;
use serde_json::Value as Json;

#[path = "catalogue/random.rs"]
mod random;

/// Batch size where a shape has the symbol.
const BATCH: usize = 3;

/// A dense tensor.
#[derive(Clone, Debug)]
struct Tensor<S> {
    shape: Vec<usize>,
    data: Vec<S>,
}

impl<S: Precision> Tensor<S> {
    fn new(shape: Vec<usize>, data: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Tensor { shape, data: data.into_iter().map(S::of).collect() }
    }
    /// A buffer in which every element is `ink`.
    fn filled(shape: Vec<usize>, ink: S) -> Self {
        let n = shape.iter().product();
        Tensor { shape, data: vec![ink; n] }
    }
    /// The tensor, or only its shape where the kind does not claim to read it.
    fn view(&self, claimed: bool) -> View<'_, S> {
        View { shape: &self.shape, data: if claimed { &self.data } else { &[] } }
    }
    fn view_mut(&mut self) -> ViewMut<'_, S> {
        ViewMut { shape: &self.shape, data: &mut self.data }
    }
}

/// One node with numbers in it.
struct Node<'a, S> {
    kind: &'a Kind,
    params: Params,
    inputs: Vec<Tensor<S>>,
    /// Weights, then buffers.
    weights: Vec<Tensor<S>>,
    inferred: Inferred,
    batch: usize,
    mode: Mode,
}

impl<S: Precision> Node<'_, S> {
    /// Output and what is saved.
    fn forward(&self) -> (Tensor<S>, Vec<S>) {
        self.forward_over(S::nan())
    }

    /// How many of the tensors are weights that a gradient moves.
    fn trained(&self) -> usize {
        self.inferred.weights.iter().filter(|w| !w.buffer).count()
    }

    /// As [`Node::forward`], into memory full of `ink`.
    fn forward_over(&self, ink: S) -> (Tensor<S>, Vec<S>) {
        let (output, saved, _) = self.forward_kept(ink);
        (output, saved)
    }

    /// As [`Node::forward_over`], with the buffers after it.
    fn forward_kept(&self, ink: S) -> (Tensor<S>, Vec<S>, Vec<Tensor<S>>) {
        let mut output = Tensor::filled(self.inferred.output.concrete(self.batch), ink);
        let mut saved = vec![ink; self.inferred.saved.as_ref().map_or(0, |s| s.len(self.batch))];
        let inputs: Vec<_> = self.inputs.iter().map(|t| t.view(true)).collect();
        let (weights, kept) = self.weights.split_at(self.trained());
        let weights: Vec<_> = weights.iter().map(|t| t.view(true)).collect();
        let mut kept = kept.to_vec();
        let mut buffers: Vec<_> = kept.iter_mut().map(Tensor::view_mut).collect();
        let output_view = output.view_mut();
        let mut ctx = Forward {
            params: &self.params,
            inputs: &inputs,
            weights: &weights,
            output: output_view,
            saved: &mut saved,
            mode: self.mode,
            seed: 5,
            buffers: &mut buffers,
        };
        S::forward(self.kind, &mut ctx);
        drop(buffers);
        (output, saved, kept)
    }

    /// Gradients of inputs (none for those without) and of weights, given nothing but what the kind claims to read.
    fn backward(&self, out: &Tensor<S>, saved: &[S], grad: &Tensor<S>) -> (Vec<Option<Tensor<S>>>, Vec<Tensor<S>>) {
        self.backward_over(out, saved, grad, S::nan())
    }

    /// As [`Node::backward`], into buffers full of `ink`.
    fn backward_over(
        &self,
        out: &Tensor<S>,
        saved: &[S],
        grad: &Tensor<S>,
        ink: S,
    ) -> (Vec<Option<Tensor<S>>>, Vec<Tensor<S>>) {
        let spec = self.kind.spec;
        let mut dx: Vec<_> = (0..self.inputs.len())
            .map(|k| (!spec.no_grad.contains(&k)).then(|| Tensor::filled(self.inputs[k].shape.clone(), ink)))
            .collect();
        let weights = &self.weights[..self.trained()];
        let mut dw: Vec<_> = weights.iter().map(|w| Tensor::filled(w.shape.clone(), ink)).collect();
        let inputs: Vec<_> = self.inputs.iter().map(|t| t.view(spec.reads.inputs)).collect();
        let weights: Vec<_> = weights.iter().map(|t| t.view(spec.reads.weights)).collect();
        let mut grad_inputs: Vec<_> = dx.iter_mut().map(|t| t.as_mut().map(Tensor::view_mut)).collect();
        let mut grad_weights: Vec<_> = dw.iter_mut().map(|t| Some(t.view_mut())).collect();
        let mut ctx = Backward {
            params: &self.params,
            inputs: &inputs,
            weights: &weights,
            output: out.view(spec.reads.output),
            saved,
            mode: self.mode,
            grad_output: grad.view(true),
            grad_inputs: &mut grad_inputs,
            grad_weights: &mut grad_weights,
        };
        S::backward(self.kind, &mut ctx);
        (dx, dw)
    }
}

fn infer(kind: &Kind, params: &Params, inputs: &[Shape]) -> Option<Inferred> {
    let (features, target) = (Shape::batch(&[4]), Shape::batch(&[1]));
    let ctx = InferCtx { params, inputs, features: Some(&features), target: Some(&target) };
    (kind.infer)(&ctx).ok()
}

/// Kinds that compute; the others are filled by the engine.
fn computing() -> impl Iterator<Item = &'static Kind> {
    CATALOGUE.iter().filter(|k| !matches!(k.spec.role, Role::Features | Role::Target))
}

// ---- PyTorch's numbers

fn golden_cases() -> Vec<Json> {
    let files = [include_str!("../fixtures/golden/ops.json"), include_str!("../fixtures/golden/ops_more.json")];
    files.iter().flat_map(|text| serde_json::from_str::<Vec<Json>>(text).expect("the fixture is JSON")).collect()
}

fn numbers(json: &Json) -> Vec<f64> {
    json.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn tensor<S: Precision>(json: &Json) -> Tensor<S> {
    let shape = numbers(&json["shape"]).iter().map(|&n| n as usize).collect();
    Tensor::new(shape, numbers(&json["data"]))
}

fn golden_params(kind: &Kind, json: &Json) -> Params {
    let mut params = Params::default();
    for (name, x) in json.as_object().expect("parameters are an object") {
        if name == "training" {
            continue;
        }
        let spec = kind.spec.param(name).unwrap_or_else(|| panic!("{kind:?} has no parameter {name}"));
        let value = match spec.kind {
            ParamKind::Bool => Value::Bool(x.as_bool().expect("a switch")),
            ParamKind::Int { .. } => Value::Int(x.as_i64().expect("a whole number")),
            ParamKind::Float { .. } => Value::Float(x.as_f64().expect("a number")),
            ParamKind::Choice(_) => Value::Text(x.as_str().expect("a name").into()),
            ParamKind::Ints => Value::Ints(numbers(x).iter().map(|&n| n as i64).collect()),
            ParamKind::Floats => Value::Floats(numbers(x)),
            ParamKind::Nodes => panic!("no case names nodes"),
        };
        params.0.insert(name.clone(), value);
    }
    params.filled(kind.spec.params)
}

fn golden_case<S: Precision>(kind: &Kind, case: &Json, tolerance: f64) {
    let name = format!("{} {} in {}", kind.spec.id, case["params"], S::NAME);
    let params = golden_params(kind, &case["params"]);
    let inputs: Vec<Tensor<S>> = case["inputs"].as_array().expect("a list").iter().map(tensor).collect();
    let want = tensor::<f64>(&case["output"]);
    let batch = inputs.first().and_then(|t| t.shape.first().copied()).unwrap_or(1);
    // With the batch symbol where the kind takes it, else with plain numbers.
    let symbolic = |t: &Tensor<S>| match t.shape.split_first() {
        Some((&n, rest)) if n == batch => Shape::batch(rest),
        _ => Shape::fixed(&t.shape),
    };
    let shapes: [Vec<Shape>; 2] =
        [inputs.iter().map(symbolic).collect(), inputs.iter().map(|t| Shape::fixed(&t.shape)).collect()];
    let inferred = shapes
        .iter()
        .filter_map(|s| infer(kind, &params, s))
        .find(|i| i.output.concrete(batch) == want.shape)
        .unwrap_or_else(|| panic!("{name}: no shape rule gives {:?}", want.shape));
    let given = |w: &WeightSpec| match w.buffer {
        // A case that says nothing of running statistics begins with any.
        true => {
            let before = case.get(format!("{}_before", w.name));
            before.map_or_else(|| Tensor::filled(w.shape.clone(), S::one()), tensor)
        }
        false => tensor(&case["weights"][w.name]),
    };
    let weights = inferred.weights.iter().map(given).collect();
    let mode = if case["params"]["training"] == Json::Bool(false) { Mode::Eval } else { Mode::Train };
    let node = Node { kind, params, inputs, weights, inferred, batch, mode };
    let (out, saved, kept) = node.forward_kept(S::nan());
    let (dx, dw) = node.backward(&out, &saved, &tensor(&case["grad_output"]));
    let loosened = FIXTURE_ROUNDED.iter().find(|(id, _)| *id == kind.spec.id).map_or(0.0, |(_, t)| *t);
    let near = |what: &str, got: &Tensor<S>, want: &Json| {
        let tolerance = if what == "output" { tolerance } else { tolerance.max(loosened) };
        for (i, (a, b)) in got.data.iter().zip(numbers(&want["data"])).enumerate() {
            let error = (a.to64() - b).abs() / b.abs().max(1.0);
            assert!(error <= tolerance, "{name}: {what}[{i}] is {a}, PyTorch has {b}");
        }
    };
    near("output", &out, &case["output"]);
    for (k, dx) in dx.iter().enumerate() {
        if let (Some(dx), false) = (dx, case["grad_inputs"][k].is_null()) {
            near(&format!("grad_inputs[{k}]"), dx, &case["grad_inputs"][k]);
        }
    }
    let (trained, buffers) = node.inferred.weights.split_at(node.trained());
    for (spec, dw) in trained.iter().zip(&dw) {
        near(spec.name, dw, &case["grad_weights"][spec.name]);
    }
    // The fixture's "after" was read before the training pass ran; what that does to them is worked out by hand in
    // the tests of batch_norm1d.
    for (spec, kept) in buffers.iter().zip(&kept).filter(|_| mode == Mode::Eval) {
        near(spec.name, kept, &case[format!("{}_after", spec.name)]);
    }
}

/// Gradients for which the fixture itself is only single-precision: kind and tolerance.
///
/// PyTorch multiplies by the `float` constant `1.0f / 6.0f` here even in double precision, 3e-8 off the true slope.
const FIXTURE_ROUNDED: &[(&str, f64)] = &[("hard_sigmoid", 1e-7)];

/// Operations that PyTorch's numbers are there for, but no kind yet. This list must only shrink.
const NO_KIND_YET: &[&str] = &[];

#[test]
fn pytorch_computes_the_same() {
    let cases = golden_cases();
    assert!(cases.len() >= 268, "only {} cases are in the fixtures", cases.len());
    let mut missing = std::collections::BTreeSet::new();
    for case in &cases {
        let id = case["op"].as_str().expect("a name");
        match CATALOGUE.iter().find(|k| k.spec.id == id) {
            Some(kind) => {
                golden_case::<f64>(kind, case, 1e-10);
                golden_case::<f32>(kind, case, 1e-5);
            }
            None => _ = missing.insert(id),
        }
    }
    let listed = NO_KIND_YET.iter().copied().collect();
    assert_eq!(
        missing, listed,
        "left: PyTorch's operations without a kind; right: the list of them, which must shrink"
    );
}

/// Parameters that no number of an operation's own pass depends on: what its weights start with, and what the engine
/// does with its output.
const NOT_IN_THE_PASS: &[&str] = &["init", "init_a", "init_b", "loss_weight", "over"];

#[test]
fn pytorch_has_numbers_for_every_kind_and_parameter() {
    let cases = golden_cases();
    let mut without = vec![];
    for kind in computing() {
        let own: Vec<_> = cases.iter().filter(|c| c["op"] == kind.spec.id).collect();
        if own.is_empty() {
            without.push(kind.spec.id.to_string());
        }
        for spec in kind.spec.params.iter().filter(|p| !NOT_IN_THE_PASS.contains(&p.name)) {
            if !own.iter().any(|c| c["params"].get(spec.name).is_some()) {
                without.push(format!("{}'s {}", kind.spec.id, spec.name));
            }
        }
    }
    assert_eq!(without, [""; 0], "no case of PyTorch's has these");
}

// ---- finite differences

/// Shapes tried for the inputs of a kind, by number of inputs.
fn candidates(kind: &Kind) -> Vec<Vec<Shape>> {
    let (b, f) = (Shape::batch, Shape::fixed);
    let one = [b(&[4]), b(&[3, 2]), b(&[]), b(&[2, 4, 4]), b(&[2, 3, 5]), f(&[3, 4]), f(&[2])];
    let two = [
        (b(&[4]), b(&[4])),
        (b(&[4]), b(&[])),
        (b(&[1]), b(&[1])),
        (b(&[4]), f(&[4])),
        (b(&[4]), f(&[4, 2])),
        (b(&[2, 4]), b(&[4, 3])),
        (b(&[2, 4]), f(&[4, 2])),
        (f(&[3, 4]), f(&[4, 2])),
        (f(&[3, 1]), f(&[1, 4])),
        (b(&[4]), b(&[2])),
    ];
    let mut all: Vec<Vec<Shape>> = vec![];
    let counts = match kind.spec.inputs {
        Inputs::Fixed(names) => vec![names.len()],
        Inputs::Variadic(least) => (least.max(1)..=3).collect(),
    };
    for n in counts {
        match n {
            0 => all.push(vec![]),
            1 => all.extend(one.iter().map(|s| vec![s.clone()])),
            2 => all.extend(two.iter().map(|(x, y)| vec![x.clone(), y.clone()])),
            n => all.extend(one.iter().map(|s| vec![s.clone(); n])),
        }
    }
    all
}

/// The defaults, the defaults with one parameter changed, and with all changed together.
fn variations(kind: &Kind) -> Vec<Params> {
    let mut all = vec![Params::default().filled(kind.spec.params)];
    let mut together = all[0].clone();
    for spec in kind.spec.params {
        let values = match (spec.kind, (spec.default)()) {
            (ParamKind::Choice(names), _) => names.iter().map(|n| Value::Text((*n).into())).collect(),
            (_, Value::Bool(x)) => vec![Value::Bool(!x)],
            (_, Value::Int(x)) => vec![Value::Int(x + 1), Value::Int(x + 2), Value::Int(1)],
            (_, Value::Float(x)) => vec![Value::Float(0.5 * x + 0.1), Value::Float(1.5 * x)],
            (_, Value::Ints(_)) => [vec![1], vec![-1], vec![4, 4]].map(Value::Ints).into(),
            _ => vec![],
        };
        if let Some(value) = values.iter().find(|v| spec.reject(v).is_none()) {
            together.0.insert(spec.name.into(), value.clone());
        }
        for value in values.into_iter().filter(|v| spec.reject(v).is_none()) {
            let mut params = all[0].clone();
            params.0.insert(spec.name.into(), value);
            all.push(params);
        }
    }
    all.push(together);
    all
}

/// Elements checked and skipped. The differentiated scalar is `Σ output · g`.
fn differences(node: &mut Node<f64>, g: &[f64]) -> Option<(usize, usize)> {
    const H: f64 = 1e-5;
    let value = |node: &Node<f64>| node.forward().0.data.iter().zip(g).map(|(y, g)| y * g).sum::<f64>();
    let (out, saved) = node.forward();
    if out.data.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let grad = Tensor::new(out.shape.clone(), g.to_vec());
    let (dx, dw) = node.backward(&out, &saved, &grad);
    if node.kind.surrogate {
        let filled = dx.iter().flatten().chain(&dw).flat_map(|t| &t.data).filter(|x| x.is_finite()).count();
        let all: usize = dx.iter().flatten().chain(&dw).map(|t| t.data.len()).sum();
        assert_eq!(filled, all, "{:?} leaves gradients unwritten", node.kind);
        return Some((filled, 0));
    }
    let here = value(node);
    let (mut checked, mut skipped) = (0, 0);
    let n_inputs = node.inputs.len();
    for (k, d) in dx.into_iter().chain(dw.into_iter().map(Some)).enumerate() {
        let Some(d) = d else { continue };
        for i in 0..d.data.len() {
            let mut moved = |h: f64| {
                let at = |node: &mut Node<f64>, h: f64| {
                    let t = if k < n_inputs { &mut node.inputs[k] } else { &mut node.weights[k - n_inputs] };
                    t.data[i] += h;
                };
                let before = if k < n_inputs { node.inputs[k].data[i] } else { node.weights[k - n_inputs].data[i] };
                at(node, h);
                let y = value(node);
                let t = if k < n_inputs { &mut node.inputs[k] } else { &mut node.weights[k - n_inputs] };
                t.data[i] = before;
                y
            };
            let (up, down) = (moved(H), moved(-H));
            let half = (moved(0.5 * H) - moved(-0.5 * H)) / H;
            let (right, left, central) = ((up - here) / H, (here - down) / H, (up - down) / (2.0 * H));
            let kink = (right - left).abs() > 1e-2 * central.abs().max(1.0);
            if kink && !node.kind.spec.kinks.is_empty() {
                skipped += 1;
                continue;
            }
            let rounding = 8.0 * f64::EPSILON * here.abs() / H;
            // Where the function bends sharply, Richardson's extrapolation takes the error of order H² away.
            let extrapolated = (4.0 * half - central) / 3.0;
            let off = (d.data[i] - central).abs().min((d.data[i] - extrapolated).abs());
            assert!(
                off <= 1e-6 * central.abs().max(1.0) + rounding,
                "{:?} {:?}: gradient {i} of tensor {k} is {}, the difference quotient {central}",
                node.kind,
                node.params,
                d.data[i],
            );
            checked += 1;
        }
    }
    Some((checked, skipped))
}

#[test]
fn gradients_agree_with_finite_differences_and_nothing_unclaimed_is_read() {
    let mut rng = stream(7, 0);
    for kind in computing() {
        let (mut checked, mut skipped, mut ran) = (0, 0, false);
        for params in variations(kind) {
            for shapes in candidates(kind) {
                let Some(inferred) = infer(kind, &params, &shapes) else { continue };
                // Any numbers, probabilities, and targets that are classes.
                for (lo, hi, whole) in [(-2.0, 2.0, false), (-2.0, 2.0, true), (0.05, 0.95, false), (0.05, 0.95, true)]
                {
                    let mut draw = |shape: Vec<usize>, whole: bool| {
                        let n = shape.iter().product();
                        let data = (0..n).map(|_| lo + (hi - lo) * rng.random::<f64>());
                        let data = data.map(|x| if whole { f64::from(x > 0.5) } else { x }).collect();
                        Tensor::new(shape, data)
                    };
                    let inputs = shapes.iter().enumerate();
                    let inputs =
                        inputs.map(|(k, s)| draw(s.concrete(BATCH), whole && kind.spec.no_grad.contains(&k))).collect();
                    let weights = inferred.weights.iter().map(|w| draw(w.shape.clone(), false)).collect();
                    let g = draw(inferred.output.concrete(BATCH), false).data;
                    let (params, inferred) = (params.clone(), inferred.clone());
                    let mode = if whole { Mode::Eval } else { Mode::Train };
                    let mut node = Node { kind, params, inputs, weights, inferred, batch: BATCH, mode };
                    if let Some((c, s)) = differences(&mut node, &g) {
                        (checked, skipped, ran) = (checked + c, skipped + s, true);
                    }
                }
            }
        }
        assert!(ran, "{kind:?}: no inputs were found that give finite outputs");
        assert!(checked >= skipped, "{kind:?}: {checked} gradients checked, {skipped} skipped at kinks");
    }
}

// ---- shapes and texts

#[test]
fn what_is_inferred_is_what_is_written() {
    for kind in computing() {
        for shapes in candidates(kind) {
            let params = Params::default().filled(kind.spec.params);
            let Some(inferred) = infer(kind, &params, &shapes) else { continue };
            let one = |shape: Vec<usize>| Tensor::<f32>::new(shape.clone(), vec![0.5; shape.iter().product()]);
            let class = |k: usize, s: &Shape| match kind.spec.no_grad.contains(&k) {
                true => Tensor::new(s.concrete(BATCH), vec![0.0; s.len(BATCH)]),
                false => one(s.concrete(BATCH)),
            };
            let inputs = shapes.iter().enumerate().map(|(k, s)| class(k, s)).collect();
            let weights = inferred.weights.iter().map(|w| one(w.shape.clone())).collect();
            let (out, saved) =
                Node { kind, params, inputs, weights, inferred, batch: BATCH, mode: Mode::Train }.forward();
            let written = out.data.iter().chain(&saved).all(|x| !x.is_nan());
            assert!(written, "{kind:?} leaves elements of its output unwritten for {shapes:?}");
        }
    }
}

#[test]
fn every_kind_teaches_and_its_defaults_are_allowed() {
    for (i, kind) in CATALOGUE.iter().enumerate() {
        let s = kind.spec;
        assert!(CATALOGUE[..i].iter().all(|k| k.spec.id != s.id), "two kinds are called {}", s.id);
        assert!(!s.id.is_empty() && !s.label.is_empty(), "{i} has no name");
        assert!(s.doc.len() > 80 && s.doc.ends_with('.'), "{} explains too little", s.id);
        assert!(!s.formula.forward.is_empty(), "{} has no formula", s.id);
        if !matches!(s.role, Role::Features | Role::Target) && !matches!(s.inputs, Inputs::Fixed(&[])) {
            assert!(!s.formula.local.is_empty() && !s.formula.chain.is_empty(), "{} has no derivative", s.id);
        }
        for p in s.params {
            assert_eq!(p.reject(&(p.default)()), None, "default of {} in {}", p.name, s.id);
            assert!(!p.doc.is_empty(), "{} of {} is not explained", p.name, s.id);
        }
        let told = s.doc.contains("finite differences");
        assert_eq!(kind.surrogate, told, "{}: whether the gradient is a stand-in, and what the text says", s.id);
        assert!(!s.is_loss() || s.param("loss_weight").is_some(), "{} has no loss_weight", s.id);
    }
}

#[test]
fn faults_hint_at_kinds_and_parameters_that_exist() {
    let sizes =
        [Shape::scalar(), Shape::batch(&[]), Shape::batch(&[1]), Shape::batch(&[5, 2]), Shape(vec![Dim::Batch; 2])];
    for kind in CATALOGUE {
        let params = Params::default().filled(kind.spec.params);
        let Inputs::Fixed(names) = kind.spec.inputs else { continue };
        for (a, b) in sizes.iter().flat_map(|a| sizes.iter().map(move |b| (a, b))) {
            let inputs: Vec<Shape> = [a, b].into_iter().cycle().take(names.len()).cloned().collect();
            let ctx = InferCtx { params: &params, inputs: &inputs, features: Some(a), target: Some(b) };
            let Err(fault) = (kind.infer)(&ctx) else { continue };
            assert!(!fault.message.is_empty(), "{kind:?} refuses {inputs:?} without a word");
            for hint in fault.hints {
                match hint {
                    Hint::Set(name, _) => assert!(kind.spec.param(name).is_some(), "{kind:?} has no {name}"),
                    // Hints may name kinds of any family.
                    Hint::InsertBefore(pin, id, _) => assert!(pin < names.len() && !id.is_empty(), "{kind:?}"),
                }
            }
        }
    }
}
