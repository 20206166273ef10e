//! Going into an instruction and out of it: batch, instruction, element, and from a factor to where it was computed.

use crate::engine::Instruction;
use crate::train::{Command, Granularity, IntoRef, IntoShot, Want, origin};
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::state::State;
use crate::ui::toast::Tone;
use egui::{Context, Key, Modifiers};
use std::collections::BTreeSet;

/// How one goes about inside an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// One level deeper.
    In,
    /// One level up.
    Out,
    /// All the way back to the batch.
    Leave,
    /// To this place.
    To(IntoRef),
    /// To where a factor came from; the present place is remembered.
    Follow(IntoRef),
    /// Shows what made the number under the pointer; `None` goes back to the chosen one.
    Peek(Option<IntoRef>),
    /// By so many parts or elements.
    By(isize),
}

/// The instruction that is opened, as the worker reported it.
pub fn opened(state: &State) -> Option<&IntoShot> {
    let shot = state.snapshot.as_ref()?.into.as_ref()?;
    (Some(shot.of) == state.into).then_some(shot)
}

/// The same, with another number of the part looked at for as long as the wanted one is not there: the number under the
/// pointer, or the one chosen before.
pub fn shown(state: &State) -> Option<&IntoShot> {
    let (shot, into) = (state.snapshot.as_ref()?.into.as_ref()?, state.into?);
    let whole = |of: IntoRef| IntoRef { tensor: None, index: None, ..of };
    let part = IntoShot::part_of(&shot.parts, into.tensor);
    (whole(shot.of) == whole(into) && shot.part() == part).then_some(shot)
}

/// The instruction that runs next; the first of the next batch if none is under way.
pub fn next(state: &State) -> Option<Instruction> {
    let s = state.snapshot.as_ref()?;
    let at = if s.at_rest { 0 } else { s.cursor };
    s.program.get(at).copied()
}

impl App {
    /// Moves inside an instruction.
    pub(super) fn go(&mut self, how: Inside) {
        let here = self.state.into;
        match (how, here) {
            (Inside::Leave, _) => {
                self.state.trail.clear();
                self.place(None);
            }
            (Inside::To(place), _) => {
                self.state.trail.clear();
                self.place(Some(place));
            }
            (Inside::Follow(place), _) => {
                self.state.trail.extend(here);
                self.place(Some(place));
            }
            (Inside::In, None) => self.open_next(),
            (Inside::In, Some(place)) if place.index.is_none() => self.place(Some(IntoRef { index: Some(0), ..place })),
            (Inside::In, Some(place)) => match self.deepest(place) {
                Some(to) => self.go(Inside::Follow(to)),
                None => self.toasts.push(
                    Tone::Info,
                    "This is the bottom: data, a weight or a constant, which nothing computed. Shift+F11 goes out.",
                ),
            },
            (Inside::Out, Some(_)) if !self.state.trail.is_empty() => {
                let back = self.state.trail.pop();
                self.place(back);
            }
            (Inside::Out, Some(place)) if place.index.is_some() => self.place(Some(IntoRef { index: None, ..place })),
            (Inside::Out, Some(_)) => self.place(None),
            (Inside::Peek(at), _) => self.peek(at),
            (Inside::By(by), Some(place)) => self.walk(place, by),
            (Inside::Out | Inside::By(_), None) => {}
        }
    }

    /// Runs the next instruction and opens it.
    fn open_next(&mut self) {
        if self.state.running() {
            return self
                .toasts
                .push(Tone::Info, "Pause first (Space): one can only look into an instruction at a standstill.");
        }
        let Some(i) = next(&self.state) else { return };
        self.worker.send(Command::Step(Granularity::Node));
        self.place(Some(IntoRef { node: i.node, phase: i.phase, param: i.param, tensor: None, index: None }));
    }

    /// Where the first factor that was computed came from, of the largest term of the element at `place`.
    fn deepest(&self, place: IntoRef) -> Option<IntoRef> {
        let made = opened(&self.state)?.made.as_ref()?.as_ref().ok()?;
        let mut terms: Vec<_> = made.terms.iter().collect();
        terms.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        let factors = terms.iter().flat_map(|t| &t.factors);
        factors.filter_map(|f| origin(self.state.graph(), place.node, f)).find(|to| {
            // δ of a seed was made by nobody: going there again leads nowhere.
            Some(*to) != self.state.into
        })
    }

    /// To another part, or another element of the part; past the last one level up.
    fn walk(&mut self, place: IntoRef, by: isize) {
        let Some(shot) = shown(&self.state) else { return };
        let part = shot.part();
        let moved = |at: usize, len: usize| at.checked_add_signed(by).filter(|to| *to < len);
        let to = match place.index {
            Some(i) => {
                let len = shot.parts.get(part).map_or(0, |p| p.tensor.shape.iter().product());
                match moved(i, len) {
                    Some(i) => IntoRef { index: Some(i), ..place },
                    None if by == 1 => IntoRef { index: None, ..place },
                    None => return,
                }
            }
            None => match moved(part, shot.parts.len()) {
                Some(to) => IntoRef { tensor: Some(shot.parts[to].tensor.which), ..place },
                None if by == 1 => return self.go(Inside::Leave),
                None => return,
            },
        };
        self.place(Some(to));
    }

    fn place(&mut self, place: Option<IntoRef>) {
        (self.state.into, self.state.peek) = (place, None);
        if let Some(p) = place {
            self.state.selection = BTreeSet::from([p.node]);
        }
        self.want_inside(place);
    }

    fn peek(&mut self, at: Option<IntoRef>) {
        self.state.peek = at;
        self.want_inside(at.or(self.state.into));
    }

    fn want_inside(&mut self, into: Option<IntoRef>) {
        let want = Want { into, ..self.state.want.clone() };
        self.state.want = want.clone();
        self.worker.send(Command::Want(want));
    }

    /// After the run went on by itself, what was opened is no longer where the program stands.
    pub(super) fn leave_inside(&mut self) {
        if self.state.into.is_some() {
            self.go(Inside::Leave);
        }
    }
}

/// Takes the arrow keys while an instruction is open: they choose parts and elements.
pub fn read_arrows(ctx: &Context, state: &State, actions: &mut Vec<Action>) {
    let (Some(shot), Some(here)) = (shown(state), state.into) else { return };
    let focused = ctx.memory(|m| m.focused()).and_then(|id| ctx.read_response(id));
    if ctx.text_edit_focused() || focused.is_some_and(|r| r.sense.senses_drag()) {
        return;
    }
    let columns = match here.index {
        Some(_) => shot.parts.get(shot.part()).and_then(|p| p.tensor.shape.last().copied()).unwrap_or(1).max(1),
        None => 1,
    } as isize;
    let moves = [(Key::ArrowLeft, -1), (Key::ArrowRight, 1), (Key::ArrowUp, -columns), (Key::ArrowDown, columns)];
    ctx.input_mut(|input| {
        for (key, by) in moves {
            if input.consume_key(Modifiers::NONE, key) {
                // The last arrow to the right does not leave: only F10 goes on.
                let last = match here.index {
                    Some(i) => shot.parts.get(shot.part()).is_some_and(|p| i + 1 >= p.tensor.shape.iter().product()),
                    None => shot.part() + 1 >= shot.parts.len(),
                };
                if !(last && by > 0) {
                    actions.push(Action::Inside(Inside::By(by)));
                }
            }
        }
    });
}
