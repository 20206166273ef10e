//! The running of a plan: values, gradients, and how far it has come.

use crate::engine::cut::Pieces;
use crate::engine::plan::{Instruction, Keep, Phase, Plan, Source, Step};
use crate::engine::weights::Weights;
use crate::graph::NodeId;
use crate::ops::{Backward, Forward, Mode, Precision, Role};
use crate::tensor::kernels::look::{self, PLACES};
use crate::tensor::kernels::{elementwise, heed};
use crate::tensor::{Lined, View, ViewMut, mix};
use aligned_vec::avec;
use smallvec::SmallVec;
use std::array::from_fn;
use std::ops::Range;

/// What moves the weights; the optimiser.
pub trait Update<S> {
    /// The total loss of the batch, said before its updates begin.
    fn loss(&mut self, _loss: f64) {}
    /// A new batch's updates begin; `grads` are those of all weights, and may be changed.
    fn begin(&mut self, grads: &mut [S]);
    /// Moves weight number `param` from its gradient; `start` is where it begins in the flat buffer.
    fn update(&mut self, param: usize, start: usize, weight: &mut [S], grad: &[S]);
    /// Whether the latest update of weight number `param` moved it by what is no finite number.
    fn diverged(&self, _param: usize) -> bool {
        false
    }
}

/// The first number of a pass that is NaN or infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bad {
    /// Where it was born.
    pub node: NodeId,
    /// In which kind of instruction.
    pub phase: Phase,
    /// Flat index of the element: of the output, of the gradient of input `input`, or of the updated weight.
    pub element: usize,
    /// In a backward, the pin of the input whose gradient it is of.
    pub input: Option<usize>,
    /// In an update, the number of the weight.
    pub param: Option<usize>,
}

/// The state of one pass through a plan.
#[derive(Clone, Debug)]
pub struct Pass<S> {
    /// The buffer of all values, gradients and saved numbers.
    pub(super) numbers: Lined<S>,
    pub(super) cursor: usize,
    /// Contributions that have arrived at each node's gradient.
    pub(super) arrived: Vec<usize>,
    /// Whether gradients of weights are added to those in `before`.
    pub(super) keep: bool,
    /// The gradients of weights as the backward pass found them, if they are kept.
    pub(super) before: Vec<S>,
    bad: Option<Bad>,
    mode: Mode,
    draw: u64,
    lean: bool,
    /// Whether the next instruction was begun and given up: what it writes is neither old nor new.
    pub(super) torn: bool,
    /// Of a backward whose gradients are there: the pin and its elements up to which they were delivered.
    pub(super) delivered: Option<(usize, usize)>,
    /// The buffers of a node as its forward found them.
    found: Vec<S>,
}

/// Elements of a sum that are added before it is looked whether somebody waits.
const AT_ONCE: usize = if cfg!(test) { 1 << 14 } else { 1 << 20 };

/// Most nodes have no more inputs or weights, so nothing is allocated.
type Many<T> = SmallVec<[T; 6]>;

/// As `extend`, which a step of a small network spends more time in than in its numbers. The list is filled where it
/// lies: moving it would cost as much again.
#[inline(always)]
fn fill<T>(out: &mut Many<T>, items: impl Iterator<Item = T>) {
    for item in items {
        out.push(item);
    }
}

impl<S: Precision> Pass<S> {
    /// Memory for `plan`; nothing computed yet.
    pub fn new(plan: &Plan) -> Self {
        Pass {
            numbers: avec![S::zero(); plan.numbers],
            cursor: 0,
            arrived: vec![0; plan.steps.len()],
            keep: false,
            before: Vec::new(),
            bad: None,
            mode: Mode::Train,
            draw: 0,
            lean: false,
            torn: false,
            delivered: None,
            found: Vec::new(),
        }
    }

    /// Leaves out gradients that reach no trained weight, those of the data above all, while nobody looks at them. All
    /// other numbers keep their bits.
    pub fn set_lean(&mut self, lean: bool) {
        self.lean = lean;
    }

    /// Takes the memory of a pass that is over, so that both together take what the larger one needs.
    pub fn take_memory(&mut self, from: &mut Self) {
        if from.numbers.is_empty() {
            return;
        }
        if self.numbers.len() < from.numbers.len() {
            std::mem::swap(&mut self.numbers, &mut from.numbers);
        }
        from.numbers = Lined::new(0);
        from.rewind();
    }

    /// Sets what the pass is for; training if nothing is said.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }
    /// What the pass is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// Seed of what is random in this pass: the same seed, the same dropout masks.
    pub fn set_draw(&mut self, seed: u64) {
        self.draw = seed;
    }

    /// Number of instructions done; the next one is `program()[cursor]`.
    pub fn cursor(&self) -> usize {
        self.cursor
    }
    /// Whether the next instruction was begun and has given some of its results to others already: then it can only go on.
    pub fn is_begun(&self) -> bool {
        self.delivered.is_some()
    }
    /// The first NaN or infinity of this pass.
    pub fn bad(&self) -> Option<Bad> {
        self.bad
    }
    /// Back to the start of the program. Old numbers stay until they are overwritten, but are not shown.
    pub fn rewind(&mut self) {
        self.cursor = 0;
        self.arrived.fill(0);
        self.bad = None;
        (self.torn, self.delivered) = (false, None);
    }

    /// Runs one instruction on the batch `x`, `y`. `None` at the end of the program, and where it was given up because
    /// somebody waits ([`heed::heeding`]): then it is not done, nothing that it has written is shown, and the next call
    /// does it anew with the bits that it would have had. Updates are not given up: they come to their end.
    pub fn advance(
        &mut self,
        plan: &Plan,
        weights: &mut Weights<S>,
        x: &[S],
        y: &[S],
        update: &mut dyn Update<S>,
    ) -> Option<Instruction> {
        let instruction = *plan.program.get(self.cursor)?;
        let at = plan.at[self.cursor];
        if self.numbers.len() < plan.numbers {
            self.numbers.resize(plan.numbers, S::zero());
        }
        let bad = self.bad;
        let whole = match instruction.phase {
            Phase::Forward | Phase::Loss => self.forward(plan, at, weights, x, y, instruction.phase),
            Phase::Seed => {
                if self.cursor == plan.forward_len() && self.keep {
                    self.before.resize(weights.grads.len(), S::zero());
                    elementwise::copy(&weights.grads, &mut self.before);
                } else if self.cursor == plan.forward_len() && (self.lean || plan.keep == Keep::Needed) {
                    // The others are written over before anyone reads them.
                    plan.idle.iter().for_each(|r| weights.grads[r.clone()].fill(S::zero()));
                } else if self.cursor == plan.forward_len() {
                    elementwise::fill(&mut weights.grads, S::zero());
                }
                self.start_gradient(plan, at);
                !heed::left_out()
            }
            Phase::Backward => {
                let mut done = true;
                if self.delivered.is_none() {
                    let clean = self.backward(plan, at, weights);
                    self.look_at_pins(plan, at, clean);
                    done = !heed::left_out();
                    if done {
                        self.add_kept(plan, at, weights);
                    }
                }
                done && self.deliver(plan, at, weights)
            }
            Phase::Update => heed::undisturbed(|| {
                if plan.program[self.cursor - 1].phase != Phase::Update {
                    update.loss(self.total_loss(plan).unwrap_or(f64::NAN));
                    update.begin(&mut weights.grads);
                }
                if let Some(k) = instruction.param {
                    let range = weights.infos[k].range.clone();
                    update.update(k, range.start, &mut weights.values[range.clone()], &weights.grads[range.clone()]);
                    if self.bad.is_none() && update.diverged(k) {
                        let (node, phase, param) = (instruction.node, Phase::Update, Some(k));
                        let bad = first_bad(&weights.values[range]);
                        self.bad = bad.map(|element| Bad { node, phase, element, input: None, param });
                    }
                }
                true
            }),
        };
        self.torn = !whole;
        if !whole {
            self.bad = bad;
            return None;
        }
        self.cursor += 1;
        Some(instruction)
    }

    /// Runs from the cursor to the end of the program.
    pub fn run(&mut self, plan: &Plan, weights: &mut Weights<S>, x: &[S], y: &[S], update: &mut dyn Update<S>) {
        heed::undisturbed(|| while self.advance(plan, weights, x, y, update).is_some() {});
    }

    /// Runs the forward part from the start.
    pub fn run_forward(&mut self, plan: &Plan, weights: &mut Weights<S>, x: &[S], y: &[S]) {
        self.rewind();
        heed::undisturbed(|| {
            while self.cursor < plan.forward_len() {
                self.advance(plan, weights, x, y, &mut Still);
            }
        });
    }

    /// Runs the forward part from the start as long as `go` says so before each instruction, and none is given up.
    /// Whether it came to the end.
    pub fn run_forward_while(
        &mut self,
        plan: &Plan,
        weights: &mut Weights<S>,
        x: &[S],
        y: &[S],
        go: impl Fn() -> bool,
    ) -> bool {
        self.rewind();
        while self.cursor < plan.forward_len() {
            if !go() || self.advance(plan, weights, x, y, &mut Still).is_none() {
                return false;
            }
        }
        true
    }

    /// Runs forward and backward from the start, without updates.
    pub fn run_gradients(&mut self, plan: &Plan, weights: &mut Weights<S>, x: &[S], y: &[S]) {
        self.rewind();
        heed::undisturbed(|| {
            while plan.program.get(self.cursor).is_some_and(|i| i.phase != Phase::Update) {
                self.advance(plan, weights, x, y, &mut Still);
            }
        });
    }

    /// Whether it came to the end.
    fn forward(&mut self, plan: &Plan, at: usize, weights: &mut Weights<S>, x: &[S], y: &[S], phase: Phase) -> bool {
        let step = &plan.steps[at];
        let seed = self.seed(step);
        let moves_buffers = !step.buffers.is_empty() && self.mode == Mode::Train && heed::heeds();
        if moves_buffers {
            self.found.clear();
            let found = step.buffers.iter().flat_map(|k| &weights.values[plan.infos[*k].range.clone()]);
            self.found.extend(found);
        }
        let there = looked(&self.numbers[step.value.clone()]);
        let ((), [clean, _]) = look::over([there, 0..0], || match step.kind.spec.role {
            Role::Features => elementwise::copy(x, &mut self.numbers[step.value.clone()]),
            Role::Target => elementwise::copy(y, &mut self.numbers[step.value.clone()]),
            Role::Compute | Role::Loss | Role::Penalty => {
                // A node's buffers lie behind its weights, and penalties have none.
                let first = step.buffers.first().map_or(weights.values.len(), |k| plan.infos[*k].range.start);
                let (trained, kept) = weights.values.split_at_mut(first);
                let cut = &step.forward;
                let mut parts = Pieces::new();
                cut.of(&mut self.numbers, &mut parts);
                let (output, saved) = (std::mem::take(&mut parts[cut.output]), std::mem::take(&mut parts[cut.saved]));
                let (mut inputs, mut own, mut buffers) = (Many::new(), Many::new(), Many::new());
                fill(&mut inputs, cut_inputs(plan, step, &cut.inputs, &parts, trained));
                fill(&mut own, own_weights(plan, step, trained));
                fill(&mut buffers, pieces(plan, &step.buffers, kept, first));
                S::forward(
                    step.kind,
                    &mut Forward {
                        params: &step.params,
                        inputs: &inputs,
                        weights: &own,
                        output: ViewMut { shape: &step.shape, data: output },
                        saved,
                        mode: self.mode,
                        seed,
                        buffers: &mut buffers,
                    },
                );
            }
        });
        let clean = clean && sure(&self.numbers[step.value.clone()]);
        if self.bad.is_none() && !clean {
            self.bad = first_bad(&self.numbers[step.value.clone()]).map(|element| Bad {
                node: step.id,
                phase,
                element,
                input: None,
                param: None,
            });
        }
        let whole = !heed::left_out();
        if !whole && moves_buffers {
            let mut found = self.found.iter();
            for k in &step.buffers {
                weights.values[plan.infos[*k].range.clone()].iter_mut().zip(&mut found).for_each(|(b, f)| *b = *f);
            }
        }
        whole
    }

    /// Seed of what is random in a node.
    pub(super) fn seed(&self, step: &Step) -> u64 {
        mix(self.draw, step.id.0)
    }

    /// ∂L/∂(term) is the weight of the term; contributions of consumers may be added later.
    fn start_gradient(&mut self, plan: &Plan, at: usize) {
        let step = &plan.steps[at];
        if let Some(region) = &step.grad {
            self.numbers[region.clone()].fill(S::of(step.loss_weight));
            self.arrived[at] = 1;
        }
    }

    /// Says of the first pins whether their gradients are known to be finite.
    fn backward(&mut self, plan: &Plan, at: usize, weights: &mut Weights<S>) -> [bool; PLACES] {
        let step = &plan.steps[at];
        if step.grad.is_none() || self.lean && step.spare {
            return [false; PLACES];
        }
        let there = from_fn(|k| step.pins.get(k).and_then(Option::clone).map_or(0..0, |r| looked(&self.numbers[r])));
        let cut = &step.back;
        let mut parts = Pieces::new();
        cut.of(&mut self.numbers, &mut parts);
        let mut grad_inputs: Many<Option<ViewMut<S>>> = Many::new();
        for (((pin, source), shape), at) in step.pins.iter().zip(&step.inputs).zip(&step.input_shapes).zip(&cut.pins) {
            let wanted = pin.is_some() && !(self.lean && plan.spares(*source));
            grad_inputs.push(wanted.then(|| ViewMut { shape, data: std::mem::take(&mut parts[*at]) }));
        }
        let (mut inputs, mut views) = (Many::new(), Many::new());
        fill(&mut inputs, cut_inputs(plan, step, &cut.inputs, &parts, &weights.values));
        fill(&mut views, own_weights(plan, step, &weights.values));
        let frozen = |k: &usize| plan.infos[*k].tuning.frozen;
        let pieces = pieces(plan, &step.weights, &mut weights.grads, 0).zip(&step.weights);
        let mut grad_weights: Many<Option<ViewMut<S>>> = Many::new();
        fill(&mut grad_weights, pieces.map(|(g, k)| (!frozen(k)).then_some(g)));
        let backward = || {
            S::backward(
                step.kind,
                &mut Backward {
                    params: &step.params,
                    inputs: &inputs,
                    weights: &views,
                    output: View { shape: &step.shape, data: &*parts[cut.output] },
                    saved: &*parts[cut.saved],
                    mode: self.mode,
                    grad_output: View { shape: &step.shape, data: &*parts[cut.grad] },
                    grad_inputs: &mut grad_inputs,
                    grad_weights: &mut grad_weights,
                },
            )
        };
        look::over(there, backward).1
    }

    /// Looks for the first NaN or infinity in what a node sends back.
    fn look_at_pins(&mut self, plan: &Plan, at: usize, clean: [bool; PLACES]) {
        let step = &plan.steps[at];
        if self.bad.is_some() || self.lean && step.spare {
            return;
        }
        for (number, (pin, source)) in step.pins.iter().zip(&step.inputs).enumerate() {
            let Some(pin) = pin.clone().filter(|_| !(self.lean && plan.spares(*source))) else { continue };
            if clean.get(number) == Some(&true) && sure(&self.numbers[pin.clone()]) {
                continue;
            }
            if let Some(element) = first_bad(&self.numbers[pin]) {
                let (node, phase, input) = (step.id, Phase::Backward, Some(number));
                self.bad = Some(Bad { node, phase, element, input, param: None });
                return;
            }
        }
    }

    /// Adds the contributions of a node to the gradients of its inputs. Whether all of them: else it goes on from there
    /// when it is called again.
    fn deliver(&mut self, plan: &Plan, at: usize, weights: &mut Weights<S>) -> bool {
        let step = &plan.steps[at];
        let (first_pin, mut done) = self.delivered.take().unwrap_or_default();
        if self.lean && step.spare {
            return true;
        }
        for (number, (pin, source)) in step.pins.iter().zip(&step.inputs).enumerate().skip(first_pin) {
            let Some(pin) = pin else { continue };
            if self.lean && plan.spares(*source) {
                continue;
            }
            let sum = match *source {
                Source::Weight(k) => Some(plan.infos[k].range.clone()),
                Source::Value(from) => plan.steps[from].grad.clone().filter(|_| plan.steps[from].adds),
            };
            while let Some(sum) = sum.as_ref().filter(|_| done < pin.len()) {
                let some = done..pin.len().min(done + AT_ONCE);
                let of = |r: &Range<usize>| r.start + some.start..r.start + some.end;
                match *source {
                    Source::Weight(_) => {
                        for (w, g) in weights.grads[of(sum)].iter_mut().zip(&self.numbers[of(pin)]) {
                            *w += *g;
                        }
                    }
                    Source::Value(from) => {
                        let first = self.arrived[from] == 0;
                        let (sum, part) = two(&mut self.numbers, of(sum), of(pin));
                        let add = |sum: &mut [S], g: &[S], []: [&mut [S]; 0]| {
                            if first {
                                sum.copy_from_slice(g);
                            } else {
                                sum.iter_mut().zip(g).for_each(|(s, g)| *s += *g);
                            }
                            [0.0; 2]
                        };
                        heed::undisturbed(|| elementwise::pieces(sum, part, [], &add));
                    }
                }
                done = some.end;
                if done < pin.len() && heed::stopped() {
                    self.delivered = Some((number, done));
                    heed::left_out();
                    return false;
                }
            }
            if let Source::Value(from) = *source {
                self.arrived[from] += 1;
            }
            done = 0;
        }
        true
    }

    /// Overwrites with NaN what no instruction before `cursor` has left for a later one: a run that changes by it reads
    /// what it must not.
    pub fn spoil(&mut self, plan: &Plan) {
        let mut free = vec![true; self.numbers.len()];
        let alive = |life: (usize, usize)| life.0 < self.cursor && self.cursor <= life.1;
        for region in plan.regions().into_iter().filter(|r| alive(r.life)) {
            free[region.place].fill(false);
        }
        for (x, _) in self.numbers.iter_mut().zip(free).filter(|(_, free)| *free) {
            *x = S::of(f64::NAN);
        }
    }
}

/// An update that leaves the weights alone.
pub(super) struct Still;

impl<S> Update<S> for Still {
    fn begin(&mut self, _: &mut [S]) {}
    fn update(&mut self, _: usize, _: usize, _: &mut [S], _: &[S]) {}
}

#[inline(always)]
pub(super) fn inputs<'a, S: Precision>(
    plan: &'a Plan,
    step: &'a Step,
    numbers: &'a [S],
    weights: &'a [S],
) -> impl Iterator<Item = View<'a, S>> {
    let data = move |s: &Source| match *s {
        Source::Value(k) => &numbers[plan.steps[k].value.clone()],
        Source::Weight(k) => &weights[plan.infos[k].range.clone()],
    };
    step.inputs.iter().zip(&step.input_shapes).map(move |(s, shape)| View { shape, data: data(s) })
}

/// As [`inputs`], out of the pieces that an instruction cuts the buffer into.
#[inline(always)]
fn cut_inputs<'a, S: Precision>(
    plan: &'a Plan,
    step: &'a Step,
    at: &'a [usize],
    parts: &'a Pieces<S>,
    weights: &'a [S],
) -> impl Iterator<Item = View<'a, S>> {
    let data = move |s: &Source, at: usize| match *s {
        Source::Value(_) => &*parts[at],
        Source::Weight(k) => &weights[plan.infos[k].range.clone()],
    };
    step.inputs.iter().zip(&step.input_shapes).zip(at).map(move |((s, shape), at)| View { shape, data: data(s, *at) })
}

/// Two parts of a buffer that do not overlap: one to write and one to read.
fn two<S>(buffer: &mut [S], write: Range<usize>, read: Range<usize>) -> (&mut [S], &[S]) {
    if write.start < read.start {
        let (low, high) = buffer.split_at_mut(read.start);
        (&mut low[write], &high[..read.len()])
    } else {
        let (low, high) = buffer.split_at_mut(write.start);
        (&mut high[..write.len()], &low[read])
    }
}

#[inline(always)]
pub(super) fn own_weights<'a, S: Precision>(
    plan: &'a Plan,
    step: &'a Step,
    weights: &'a [S],
) -> impl Iterator<Item = View<'a, S>> {
    let view = move |k: &usize| View { shape: &plan.infos[*k].shape, data: &weights[plan.infos[*k].range.clone()] };
    step.weights.iter().map(view)
}

/// The tensors numbered `of`, in growing order, out of a flat buffer that begins at `start`.
#[inline(always)]
fn pieces<'a, S>(
    plan: &'a Plan,
    of: &'a [usize],
    mut rest: &'a mut [S],
    mut start: usize,
) -> impl Iterator<Item = ViewMut<'a, S>> {
    of.iter().map(move |k| {
        let info = &plan.infos[*k];
        let (_, tail) = std::mem::take(&mut rest).split_at_mut(info.range.start - start);
        let (data, tail) = tail.split_at_mut(info.range.len());
        (rest, start) = (tail, info.range.end);
        ViewMut { shape: &info.shape, data }
    })
}

/// Numbers up to which a second look costs less than the first.
const FEW: usize = if cfg!(debug_assertions) { 0 } else { 4096 };

/// Where numbers lie that are looked at while they are written; nowhere, if they are few.
fn looked<S>(data: &[S]) -> Range<usize> {
    if data.len() > FEW { look::place(data) } else { 0..0 }
}

/// In debug builds, whether what is said to be finite is.
fn sure<S: Precision>(data: &[S]) -> bool {
    debug_assert!(elementwise::finite(data), "a kernel wrote more after its numbers were looked at");
    true
}

/// The first element that is NaN or infinite.
fn first_bad<S: Precision>(data: &[S]) -> Option<usize> {
    if elementwise::finite(data) {
        return None;
    }
    let mut found = None;
    heed::pieces(data.len(), 1, |r| {
        if found.is_none() {
            found = data[r.clone()].iter().position(|x| !x.is_finite()).map(|k| r.start + k);
        }
    });
    found
}
