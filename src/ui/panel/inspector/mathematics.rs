//! The chain rule of one node, typeset with the names and shapes of this graph.

use crate::graph::{Node, NodeId};
use crate::ops::{Slot, Spec, Symbols, equations};
use crate::train::{NodeState, TensorRef};
use crate::ui::canvas::picture::short;
use crate::ui::panel::heading;
use crate::ui::state::State;
use crate::ui::theme::{self, Theme};
use crate::ui::widget::formula::{coloured, ink, name_text};
use egui::{Color32, Frame, Margin, RichText, Ui};

/// One node's formulas with names in place of symbols.
struct Written<'a> {
    node: &'a Node,
    spec: &'static Spec,
    symbols: Symbols,
    state: &'a State,
    theme: &'a Theme,
}

impl<'a> Written<'a> {
    fn new(node: &'a Node, spec: &'static Spec, state: &'a State, theme: &'a Theme) -> Self {
        let inferred = state.inference.nodes.get(&node.id);
        let weights: Vec<&str> = inferred.map(|i| i.weights.iter().map(|w| w.name).collect()).unwrap_or_default();
        Written { node, spec, symbols: Symbols::of(spec, &weights), state, theme }
    }

    fn source(&self, pin: usize) -> Option<&Node> {
        let graph = self.state.graph();
        let wire = graph.inputs(self.node.id).into_iter().find(|w| w.input == pin)?;
        graph.node(wire.from)
    }

    /// What stands in a formula for a symbol: the name of the node that a value comes from, in the colour of its wire.
    fn word(&self, slot: Slot, symbol: &str, indexed: bool, chain: bool) -> Option<String> {
        match slot {
            Slot::Output => Some(name_text(&self.node.name)),
            Slot::Input(pin) => {
                let source = self.source(pin)?;
                let colour = source.spec().map_or(self.theme.text, |s| self.theme.category(s.category));
                Some(ink(&name_text(&source.name), colour))
            }
            Slot::Weight(_) if indexed => Some(format!("{symbol}^{{{}}}", name_text(&self.node.name))),
            Slot::Weight(_) => Some(format!("{symbol}_{{{}}}", name_text(&self.node.name))),
            // Elsewhere δ is Kronecker's, or a parameter.
            Slot::Delta => chain.then(|| ink(symbol, self.theme.gradient)),
        }
    }

    fn line(&self, tex: &str, chain: bool) -> String {
        self.symbols.rewrite(tex, |slot, symbol, indexed| self.word(slot, symbol, indexed, chain))
    }

    /// The shape of a symbol as LaTeX: with the size of the present batch once all of this node has run in it, so that
    /// one equation never mixes a number with B.
    fn shape(&self, slot: Slot) -> Option<String> {
        let ran = |id: NodeId| self.state.shot(id).filter(|s| !s.shape.is_empty());
        let inputs = self.state.graph().inputs(self.node.id);
        let whole = ran(self.node.id).is_some() && inputs.iter().all(|w| ran(w.from).is_some());
        let of = |id: NodeId| {
            let running = ran(id).filter(|_| whole).map(|s| crate::tensor::shape_text(&s.shape));
            running.or_else(|| self.state.inference.shape(id).map(ToString::to_string))
        };
        let (text, colour) = match slot {
            Slot::Output => (of(self.node.id)?, self.theme.text),
            Slot::Delta => (of(self.node.id)?, self.theme.gradient),
            Slot::Input(pin) => {
                let source = self.source(pin)?;
                let colour = source.spec().map_or(self.theme.text, |s| self.theme.category(s.category));
                (of(source.id)?, colour)
            }
            Slot::Weight(k) => {
                let w = self.state.inference.nodes.get(&self.node.id)?.weights.get(k)?;
                (crate::tensor::shape_text(&w.shape), self.theme.text)
            }
        };
        Some(ink(&format!("({})", text.replace('×', r" {\times} ")), colour))
    }
}

/// The equation of the chain rule that gives a gradient, as coloured LaTeX with names.
pub fn chain_equation(state: &State, node: NodeId, which: TensorRef, theme: &Theme) -> Option<String> {
    let node = state.graph().node(node)?;
    let spec = node.spec()?;
    let written = Written::new(node, spec, state, theme);
    let slot = match which {
        TensorRef::WeightGrad(k) => Slot::Weight(k),
        TensorRef::InputGrad(k) => Slot::Input(k),
        _ => return None,
    };
    let equation = written.symbols.equation(spec.formula.chain, slot)?;
    Some(written.line(equation, true))
}

/// Forward, local derivative, chain rule; below them what the symbols are, with shapes and sizes.
pub fn ui(ui: &mut Ui, node: &Node, spec: &'static Spec, state: &State, theme: &Theme) {
    let written = Written::new(node, spec, state, theme);
    Frame::new().fill(theme.card).corner_radius(4).inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        for (label, tex, colour, chain) in [
            ("forward", spec.formula.forward, theme.text, false),
            ("local", spec.formula.local, theme.text, false),
            ("chain", spec.formula.chain, theme.cursor, true),
        ] {
            for (i, equation) in equations(tex).into_iter().enumerate() {
                row(ui, if i == 0 { label } else { "" }, &written.line(equation, chain), 15.0, colour, theme);
                if let Some(shapes) = written.symbols.with_shapes(equation, |s| written.shape(s)).filter(|_| chain) {
                    row(ui, "", &shapes, 11.0, theme.dim, theme);
                }
            }
        }
        legend(ui, &written);
    });
}

fn row(ui: &mut Ui, label: &str, tex: &str, size: f32, colour: Color32, theme: &Theme) {
    ui.horizontal(|ui| {
        let text = RichText::new(label).size(11.0).color(theme.dim);
        ui.add_sized([48.0, if size < 13.0 { 16.0 } else { 22.0 }], egui::Label::new(text));
        coloured(ui, tex, size, colour);
    });
}

/// The numbers behind the symbols: what arrives, and what has come back.
fn legend(ui: &mut Ui, written: &Written) {
    let (node, state, theme) = (written.node, written.state, written.theme);
    let Some(shot) = state.shot(node.id) else { return };
    ui.add_space(4.0);
    let text = |t: String, c| RichText::new(t).font(theme::mono(11.0)).color(c);
    if shot.state == NodeState::Waiting {
        ui.label(text("to come: not computed in this pass yet".into(), theme.cursor));
        return;
    }
    for pin in 0..state.graph().pins(node.id) {
        let Some(source) = written.source(pin) else { continue };
        let Some(stats) = state.shot(source.id).and_then(|s| s.stats) else { continue };
        let colour = source.spec().map_or(theme.text, |s| theme.category(s.category));
        ui.label(text(format!("{}  ‖·‖ {}  mean {}", source.name, short(stats.norm), short(stats.mean)), colour));
    }
    let graph = state.graph();
    let consumers = graph.wires().into_iter().filter(|w| w.from == node.id);
    let names: Vec<String> = consumers.filter_map(|w| graph.node(w.to)).map(|n| n.name.clone()).collect();
    let from = if names.is_empty() { "the seed".to_owned() } else { names.join(", ") };
    match &shot.grad_stats {
        Some(g) => {
            let shape = crate::tensor::shape_text(&shot.shape);
            ui.label(text(format!("δ = ∂L/∂{} {shape} ‖·‖ {} from {from}", node.name, short(g.norm)), theme.gradient));
            if let Some(w) = shot.weight_grad_norm {
                ui.label(text(format!("∂L/∂parameters  ‖·‖ {}", short(w)), theme.gradient));
            }
        }
        None if spec_has_gradient(written.spec) => {
            ui.label(text(format!("δ: waiting for what {from} sends back"), theme.cursor));
        }
        None => {}
    }
}

fn spec_has_gradient(spec: &Spec) -> bool {
    spec.role != crate::ops::Role::Target && !spec.formula.chain.is_empty()
}

/// Gradients that add up where a value is used more than once.
pub fn fan_out(ui: &mut Ui, node: &Node, state: &State, theme: &Theme) {
    let Some(shot) = state.shot(node.id).filter(|s| s.arrivals.len() > 1) else { return };
    let text = |t: String, c| RichText::new(t).font(theme::mono(11.0)).color(c);
    let here = shot.arrivals.iter().filter(|a| a.stats.is_some()).count();
    heading(
        ui,
        &format!("Used {} times: gradients add up ({here} of {} here)", shot.arrivals.len(), shot.arrivals.len()),
    );
    for (k, a) in shot.arrivals.iter().enumerate() {
        let name = state.graph().node(a.from).map_or("removed", |n| n.name.as_str());
        let plus = if k > 0 { "+" } else { " " };
        match &a.stats {
            Some(s) => {
                let sign = if s.mean < 0.0 { theme.negative } else { theme.positive };
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.label(text(format!("{plus} from {name}"), theme.gradient));
                    ui.label(text(format!("mean {}", short(s.mean)), sign));
                    ui.label(text(format!("‖·‖ {}", short(s.norm)), theme.dim));
                });
            }
            None => _ = ui.label(text(format!("{plus} from {name}: waiting"), theme.cursor)),
        }
    }
    if let Some(g) = shot.grad_stats.filter(|_| here == shot.arrivals.len()) {
        ui.label(text(format!("= δ  mean {}  ‖·‖ {}", short(g.mean), short(g.norm)), theme.gradient));
    }
}
