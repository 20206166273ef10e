//! The table of commands: menus, the command palette, the key bindings and the sheet of shortcuts all read it.

use crate::train::{Granularity, Order};
use crate::ui::action::Action;
use crate::ui::canvas::picture::short;
use crate::ui::into::Inside;
use crate::ui::panel::PanelId;
use crate::ui::state::{Focus, State};
use egui::{Context, Event, Key, KeyboardShortcut, ModifierNames, Modifiers};

/// The menu a command is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Files and the program.
    File,
    /// Changes of the document.
    Edit,
    /// What is seen.
    View,
    /// The graph, its data and its training.
    Graph,
    /// Training and stepping.
    Run,
    /// Help.
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Menu; 6] = [Menu::File, Menu::Edit, Menu::View, Menu::Graph, Menu::Run, Menu::Help];

    /// Title in the bar.
    pub fn label(self) -> &'static str {
        match self {
            Menu::File => "File",
            Menu::Edit => "Edit",
            Menu::View => "View",
            Menu::Graph => "Graph",
            Menu::Run => "Run",
            Menu::Help => "Help",
        }
    }
}

/// One command as the user sees it.
pub struct ActionInfo {
    /// Name in menus and in the command palette.
    pub label: &'static str,
    /// What it does, in a sentence.
    pub tooltip: &'static str,
    /// The menu it is in.
    pub menu: Menu,
    /// Commands of one menu with different groups are parted by a line.
    pub group: u8,
    /// Keys; the first is shown.
    pub keys: &'static [KeyboardShortcut],
    /// The action.
    pub make: fn() -> Action,
    /// Whether it can be done now.
    pub enabled: fn(&State) -> bool,
    /// Whether holding the key does it again and again.
    pub repeats: bool,
}

impl ActionInfo {
    /// The name with what it would act on, such as `Undo move nodes`.
    pub fn title(&self, state: &State) -> String {
        let detail = match (self.make)() {
            Action::Undo => state.history.can_undo(),
            Action::Redo => state.history.can_redo(),
            Action::TogglePlay if state.running() => return "Pause".to_owned(),
            Action::BestWeights => {
                let best = state.snapshot.as_ref().and_then(|s| s.best);
                return best
                    .map_or_else(|| self.label.to_owned(), |(epoch, _)| format!("{} of epoch {epoch}", self.label));
            }
            _ => None,
        };
        detail.map_or_else(|| self.label.to_owned(), |d| format!("{} {}", self.label, lower_first(d)))
    }

    /// What it does, and of what it would do it to now.
    pub fn about(&self, state: &State) -> String {
        let snapshot = state.snapshot.as_ref();
        match ((self.make)(), snapshot.and_then(|s| s.best)) {
            (Action::BestWeights, Some((epoch, loss))) => {
                let part = if snapshot.is_some_and(|s| s.test_loss.is_some()) { "test" } else { "train" };
                format!("{} They are those of epoch {epoch}: {part} loss {}.", self.tooltip, short(loss))
            }
            (Action::BestWeights, None) => format!("{} No epoch has ended yet.", self.tooltip),
            _ => self.tooltip.to_owned(),
        }
    }

    /// The first key in words, `Ctrl+Shift+P`; empty if there is none.
    pub fn key_text(&self) -> String {
        self.keys.first().map_or_else(String::new, key_text)
    }
}

fn lower_first(s: &str) -> String {
    let mut chars = s.chars();
    chars.next().map_or_else(String::new, |c| c.to_lowercase().chain(chars).collect())
}

/// A key in words.
pub fn key_text(key: &KeyboardShortcut) -> String {
    key.format(&ModifierNames::NAMES, cfg!(target_os = "macos"))
}

const fn key(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}
const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}
const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}
const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

fn always(_: &State) -> bool {
    true
}
fn selected(s: &State) -> bool {
    !s.selection.is_empty()
}
fn nodes(s: &State) -> bool {
    !s.graph().is_empty()
}
fn trainable(s: &State) -> bool {
    s.failed.is_none()
}

fn trying(s: &State) -> bool {
    s.snapshot.as_ref().is_some_and(|s| s.what_if.is_some())
}

macro_rules! commands {
    ($($menu:ident $group:literal $label:literal [$($key:expr),*] $action:expr, $enabled:expr, $repeats:literal, $tooltip:literal;)*) => {
        &[$(ActionInfo {
            label: $label, tooltip: $tooltip, menu: Menu::$menu, group: $group, keys: &[$($key),*],
            make: || $action, enabled: $enabled, repeats: $repeats,
        }),*]
    };
}

static TABLE: &[ActionInfo] = commands![
    File 0 "New" [ctrl(Key::N)] Action::New, always, false, "Start an empty project.";
    File 0 "Open…" [ctrl(Key::O)] Action::Open, always, false, "Open a project file.";
    File 1 "Save" [ctrl(Key::S)] Action::Save, always, false, "Save the network, its data settings and its trained weights.";
    File 1 "Save as…" [ctrl_shift(Key::S)] Action::SaveAs, always, false, "Save to another file.";
    File 1 "Revert" [] Action::Revert, |s| s.path.is_some(), false, "Load the file again as it is on the disk.";
    File 2 "Quit" [ctrl(Key::Q)] Action::Quit, always, false, "Close the window.";

    Edit 0 "Undo" [ctrl(Key::Z)] Action::Undo, |s| s.history.can_undo().is_some(), true, "Take the latest change back.";
    Edit 0 "Redo" [ctrl_shift(Key::Z), ctrl(Key::Y)] Action::Redo, |s| s.history.can_redo().is_some(), true,
        "Make the change again that was taken back.";
    Edit 1 "Cut" [ctrl(Key::X)] Action::Cut, selected, false, "Copy the selected nodes and remove them.";
    Edit 1 "Copy" [ctrl(Key::C)] Action::Copy, selected, false, "Copy the selected nodes.";
    Edit 1 "Paste" [ctrl(Key::V)] Action::Paste { at: None }, always, false, "Add the nodes that were copied.";
    Edit 1 "Duplicate" [ctrl(Key::D)] Action::Duplicate, selected, false, "Put a copy of the selected nodes beside them.";
    Edit 1 "Delete" [key(Key::Delete), key(Key::Backspace)] Action::DeleteSelection, selected, false,
        "Remove the selected nodes and their wires.";
    Edit 2 "Select all" [ctrl(Key::A)] Action::SelectAll, nodes, false, "Select every node.";
    Edit 2 "Select none" [key(Key::Escape)] Action::SelectNone, selected, false, "Select nothing.";

    View 0 "Fit selection" [key(Key::F)] Action::Focus(Focus::Selection), nodes, false,
        "Bring the selected nodes into view; all nodes if none is selected.";
    View 0 "Fit all" [shift(Key::F), key(Key::Num1)] Action::Focus(Focus::All), nodes, false, "Bring every node into view.";
    View 0 "Zoom in" [key(Key::Plus), key(Key::Equals), shift(Key::Plus)] Action::ZoomIn, always, true, "Make the canvas larger.";
    View 0 "Zoom out" [key(Key::Minus)] Action::ZoomOut, always, true, "Make the canvas smaller.";
    View 0 "Zoom to 100 %" [key(Key::Num0)] Action::ZoomReset, always, false, "Show the canvas in its natural size.";
    View 1 "Node palette" [ctrl(Key::B)] Action::TogglePalette, always, false, "Show or hide the list of nodes on the left.";
    View 1 "Inspector" [ctrl(Key::I)] Action::ToggleInspector, always, false, "Show or hide the details of the selected node.";
    View 1 "Dock" [ctrl(Key::J)] Action::ToggleDock, always, false, "Show or hide the plots below the canvas.";
    View 1 "Cost of nodes" [] Action::ToggleCosts, nodes, false,
        "Show under each node its share of the time of a training step, and its memory.";
    View 1 "Reset layout" [] Action::ResetLayout, always, false, "Put all panels back in their first place.";
    View 2 "Loss" [ctrl(Key::Num1)] Action::ShowPanel(PanelId::Loss), always, false, "Loss of training and test samples over time.";
    View 2 "Gradients" [ctrl(Key::Num2)] Action::ShowPanel(PanelId::Gradients), always, false,
        "Size of every gradient and of every update over time.";
    View 2 "Decision map" [ctrl(Key::Num3)] Action::ShowPanel(PanelId::DecisionMap), always, false,
        "What the network answers at each point of the plane.";
    View 2 "Fitted curve" [ctrl(Key::Num4)] Action::ShowPanel(PanelId::Curve), always, false,
        "The fitted function over the samples, for data with one input.";
    View 2 "Scatter" [] Action::ShowPanel(PanelId::Scatter), always, false,
        "The samples in two columns of a node's output, such as the code of an autoencoder.";
    View 2 "Confusion" [ctrl(Key::Num5)] Action::ShowPanel(PanelId::Confusion), always, false, "Which class was taken for which.";
    View 2 "Data table" [ctrl(Key::Num6)] Action::ShowPanel(PanelId::Data), always, false, "The samples as a table.";
    View 2 "Tape" [ctrl(Key::Num7)] Action::ShowPanel(PanelId::Tape), always, false,
        "Every instruction of a training step, and where the program stands.";
    View 2 "Problems" [ctrl(Key::Num8)] Action::ShowPanel(PanelId::Problems), always, false,
        "What is wrong with the graph, and what would mend it.";
    View 2 "Autograd" [ctrl(Key::Num9)] Action::ShowPanel(PanelId::Autograd), always, false,
        "The backward graph as PyTorch has it: grad_fn, leaves, saved tensors, .grad, and how gradients add up.";
    View 2 "Backward graph" [key(Key::B)] Action::ToggleBackward, always, false,
        "Show the backward graph on the canvas: the same nodes with their grad_fn, arrows reversed, leaves as AccumulateGrad.";
    View 2 "Loss surface" [] Action::ShowPanel(PanelId::Surface), always, false,
        "The loss over two weights, or along two random directions, with the path of the run.";
    View 2 "Stops" [ctrl_shift(Key::F9)] Action::ShowPanel(PanelId::Stops), always, false,
        "Breakpoints with their conditions, and watches.";
    View 2 "Why this gradient" [key(Key::W)] Action::WhySelected, |s| trainable(s) && nodes(s), false,
        "Why a gradient of the selected node is zero, small or huge: the paths from the loss, and the factor to blame. Again: its next gradient.";
    View 2 "Learning-rate range" [] Action::ShowPanel(PanelId::Rates), always, false,
        "Try learning rates from small to large on a copy of the run: the loss against the rate, and which to use.";
    View 3 "Light or dark" [ctrl_shift(Key::L)] Action::ToggleTheme, always, false, "Change between the dark and the light theme.";
    View 3 "Larger text" [ctrl(Key::Plus), ctrl(Key::Equals), ctrl_shift(Key::Plus)] Action::TextLarger, always, true,
        "Make everything in the window larger, up to 150 %.";
    View 3 "Smaller text" [ctrl(Key::Minus)] Action::TextSmaller, always, true, "Make everything in the window smaller, down to 80 %.";
    View 3 "Normal text" [ctrl(Key::Num0)] Action::TextScale(1.0), always, false, "Show everything in its normal size.";

    Graph 0 "Add node…" [shift(Key::A)] Action::SearchNode, always, false, "Search for a node by name and add it.";
    Graph 1 "Arrange" [ctrl(Key::L)] Action::Arrange, nodes, false, "Place all nodes in columns from the data to the loss.";
    Graph 1 "Frame selection" [ctrl(Key::G)] Action::FrameSelection, selected, false, "Draw a titled frame around the selected nodes.";
    Graph 2 "Data…" [ctrl_shift(Key::D)] Action::ShowData, always, false, "Choose the data set and how it is split and scaled.";
    Graph 2 "Training…" [ctrl(Key::T)] Action::ShowTraining, always, false, "Choose optimiser, learning rate, batch size and seed.";

    Run 0 "Train" [key(Key::Space)] Action::TogglePlay, trainable, false, "Train until paused.";
    Run 0 "Continue" [key(Key::F5)] Action::Continue, |s| trainable(s) && !s.running(), false,
        "Train until a breakpoint stops it. The one it stands at does not stop it again.";
    Run 0 "Run to node" [ctrl(Key::F10)] Action::RunToNode, |s| trainable(s) && s.selected_one().is_some(), false,
        "Train up to the next instruction of the selected node.";
    Run 0 "Play slowly" [shift(Key::Space)] Action::PlaySlowly, trainable, false,
        "Train node by node, at a pace to be watched: values run forward along the wires, gradients backward. Again: pause.";
    Run 0 "Continue from here" [] Action::Continue, State::behind, false,
        "Train on from this place of the record. What came after it stays on the plot as a ghost.";
    Run 0 "Clear ghosts" [] Action::ClearGhosts, |s| s.snapshot.as_ref().is_some_and(|s| !s.record.ghosts.is_empty()), false,
        "Take the curves of runs that were left behind off the loss plot.";
    Run 0 "Reset" [key(Key::Home)] Action::Reset, trainable, false, "Start again from the same initial weights.";
    Run 0 "Best weights" [shift(Key::Home)] Action::BestWeights, |s| trainable(s) && s.snapshot.as_ref().is_some_and(|s| s.best.is_some()), false,
        "Pause, and take back the weights of the epoch with the smallest test loss (train loss, if there is no test part).";
    Run 1 "Step node" [key(Key::F10)] Action::Step(Granularity::Node), trainable, true,
        "Run one node, forward or backward, and stop. Inside a node: the next part, or the next element.";
    Run 1 "Step into" [key(Key::F11)] Action::Inside(Inside::In), trainable, true,
        "Run the next node and open it: its parts, then one number of a part, then where that number's largest factor came from.";
    Run 1 "Step out" [shift(Key::F11)] Action::Inside(Inside::Out), |s| s.into.is_some(), true, "One level up, out of a number or out of the node.";
    Run 1 "Step phase" [key(Key::F6)] Action::Step(Granularity::Phase), trainable, true,
        "Run to the end of the forward pass, of the backward pass or of the update.";
    Run 1 "Step batch" [key(Key::F7), key(Key::K)] Action::Step(Granularity::Batch), trainable, true, "Run one training step on one batch.";
    Run 1 "Step epoch" [key(Key::F8)] Action::Step(Granularity::Epoch), trainable, true, "Run once through all training samples.";
    Run 1 "To end of batch" [ctrl(Key::F7)] Action::Step(Granularity::ToEnd), trainable, false, "Finish the batch that was begun.";
    Run 2 "Back one node" [shift(Key::F10)] Action::Back(Granularity::Node), trainable, true,
        "Take back the latest instruction, bit for bit: values, gradients, weights, optimiser and random masks.";
    Run 2 "Back one phase" [shift(Key::F6)] Action::Back(Granularity::Phase), trainable, true, "Go back to where this phase began.";
    Run 2 "Back one batch" [shift(Key::F7), key(Key::J)] Action::Back(Granularity::Batch), trainable, true, "Go back to where this batch began, or the one before.";
    Run 2 "Back one epoch" [shift(Key::F8)] Action::Back(Granularity::Epoch), trainable, true, "Go back to where this epoch began, or the one before.";
    Run 3 "Toggle breakpoint" [key(Key::F9)] Action::ToggleBreakpoint, |s| s.selected_one().is_some(), false,
        "Stop before the next instruction of the selected node: in mid-batch the one it waits for, else its forward.";
    Run 3 "Add watch" [shift(Key::F9)] Action::AddWatch, |s| s.selected_one().is_some(), false,
        "Show the gradient of the selected node in a bubble and in the panel Stops.";
    Run 3 "Remove all breakpoints" [] Action::ClearStops, |s| !s.document().stops.breakpoints.is_empty(), false,
        "Take every breakpoint off.";

    Run 3 "Backward again" [] Action::BackwardAgain, trainable, false,
        "Call backward a second time on this batch. Without retain_graph this fails as in PyTorch, and says why.";
    Run 3 "Keep the what-if" [] Action::WhatIf(Order::Keep), trying, false, "Make the numbers on trial real.";
    Run 3 "Discard the what-if" [] Action::WhatIf(Order::Discard), trying, false, "Drop the numbers on trial.";
    Run 3 "Certify gradients" [ctrl_shift(Key::G)] Action::Certify, trainable, false,
        "Compare every node's gradient with difference quotients in double precision, on other elements than last time.";

    Help 0 "Command palette…" [ctrl_shift(Key::P), ctrl(Key::K)] Action::ShowPalette, always, false, "Search all commands by name.";
    Help 0 "Keyboard shortcuts" [key(Key::F1), key(Key::Questionmark), shift(Key::Questionmark), shift(Key::Slash)]
        Action::ShowShortcuts, always, false, "All keys on one sheet.";
    Help 1 "About Chainrule" [] Action::ShowAbout, always, false, "Version and licences.";
];

/// All commands in the order of the menus.
pub fn all() -> &'static [ActionInfo] {
    TABLE
}

/// The command called `label`.
pub fn find(label: &str) -> Option<&'static ActionInfo> {
    TABLE.iter().find(|i| i.label == label)
}

/// The tooltip of `label` with its key behind it.
pub fn hint(label: &str) -> String {
    let Some(info) = find(label) else { return String::new() };
    match info.key_text() {
        k if k.is_empty() => info.tooltip.to_owned(),
        k => format!("{}  ({k})", info.tooltip),
    }
}

/// Takes the key presses of this frame that are commands and appends their actions.
///
/// Nothing fires while text is edited. Space and Enter belong to the focused control if there is one. Space acts when it
/// is let go, unless `space_panned` says that it was held to move the canvas.
pub fn read_keys(ctx: &Context, state: &State, space_panned: &mut bool, actions: &mut Vec<Action>) {
    if ctx.text_edit_focused() {
        return;
    }
    let focused = ctx
        .memory(|m| m.focused())
        .and_then(|id| ctx.read_response(id))
        .is_some_and(|r| r.sense.senses_click() && !r.sense.senses_drag());
    ctx.input_mut(|input| {
        // Escape during a drag takes the drag back.
        let dragging = input.pointer.any_down();
        input.events.retain(|event| {
            let action = match event {
                Event::Copy => Some(Action::Copy),
                Event::Cut => Some(Action::Cut),
                Event::Paste(text) => Some(Action::PasteText(text.clone())),
                Event::Key { key: Key::Space, pressed, modifiers, .. } if modifiers.is_none() => {
                    let fire = !pressed && !focused && !std::mem::take(space_panned) && trainable(state);
                    fire.then_some(Action::TogglePlay)
                }
                Event::Key { key, pressed: true, repeat, modifiers, .. } => {
                    if focused && *key == Key::Enter || dragging && *key == Key::Escape {
                        return true;
                    }
                    let info = TABLE
                        .iter()
                        .find(|i| i.keys.iter().any(|k| k.logical_key == *key && modifiers.matches_exact(k.modifiers)));
                    match info {
                        // A clipboard key arrives as its own event as well.
                        Some(i) if matches!((i.make)(), Action::Copy | Action::Cut | Action::Paste { .. }) => None,
                        Some(i) if (i.repeats || !repeat) && (i.enabled)(state) => Some((i.make)()),
                        _ => None,
                    }
                }
                _ => None,
            };
            let keep = action.is_none();
            actions.extend(action);
            keep
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_two_commands_share_a_key_or_a_name() {
        let mut keys = BTreeMap::new();
        let mut names = std::collections::BTreeSet::new();
        for info in all() {
            assert!(names.insert(info.label), "{} is listed twice", info.label);
            assert!(!info.tooltip.is_empty());
            for k in info.keys {
                let other = keys.insert(key_text(k), info.label);
                assert!(other.is_none(), "{} belongs to {other:?} and {}", key_text(k), info.label);
            }
        }
    }

    #[test]
    fn tab_stays_the_key_that_moves_the_focus() {
        assert!(all().iter().flat_map(|i| i.keys).all(|k| k.logical_key != Key::Tab));
    }
}
