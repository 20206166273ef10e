//! The dock under the canvas: tabs that can be moved and split.

use crate::ui::action::Action;
use crate::ui::panel::stops::StopsPanel;
use crate::ui::panel::{
    autograd, confusion, curve, data, decision::Decision, gradients, loss, problems, rates::RatesPanel, scatter,
    surface::SurfacePanel, tape, why,
};
use crate::ui::state::State;
use crate::ui::theme::Theme;
use egui::style::ScrollAnimation;
use egui::{Color32, Margin, Response, Stroke, Ui, Visuals, WidgetText};
use egui_tiles::{SimplificationOptions, TabState, Tile, TileId, Tiles, Tree, UiResponse};
use serde::{Deserialize, Serialize};

/// The panels of the dock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PanelId {
    /// Loss over the epochs.
    Loss,
    /// Gradient norms.
    Gradients,
    /// Prediction over the plane.
    DecisionMap,
    /// Fitted function of one variable.
    Curve,
    /// Samples in two columns of an output.
    Scatter,
    /// Confusion matrix.
    Confusion,
    /// The data set as a table.
    Data,
    /// The instructions of a batch.
    Tape,
    /// Diagnostics.
    Problems,
    /// The backward graph.
    Autograd,
    /// The loss over two weights.
    Surface,
    /// Breakpoints and watches.
    Stops,
    /// Why a gradient is zero or huge.
    Why,
    /// The loss against the learning rate.
    Rates,
}

impl PanelId {
    /// All panels in the order of the View menu.
    pub const ALL: [PanelId; 14] = [
        PanelId::Loss,
        PanelId::Gradients,
        PanelId::DecisionMap,
        PanelId::Curve,
        PanelId::Scatter,
        PanelId::Confusion,
        PanelId::Data,
        PanelId::Tape,
        PanelId::Problems,
        PanelId::Autograd,
        PanelId::Surface,
        PanelId::Stops,
        PanelId::Why,
        PanelId::Rates,
    ];
    /// The title of the tab.
    pub fn title(self) -> &'static str {
        match self {
            PanelId::Loss => "Loss",
            PanelId::Gradients => "Gradients",
            PanelId::DecisionMap => "Decision map",
            PanelId::Curve => "Fitted curve",
            PanelId::Scatter => "Scatter",
            PanelId::Confusion => "Confusion",
            PanelId::Data => "Data",
            PanelId::Tape => "Tape",
            PanelId::Problems => "Problems",
            PanelId::Autograd => "Autograd",
            PanelId::Surface => "Loss surface",
            PanelId::Stops => "Stops",
            PanelId::Why => "Why",
            PanelId::Rates => "Rates",
        }
    }
}

/// Frames in which a tab is scrolled to: the arrows beside the tabs come and go meanwhile.
const REVEALED: u8 = 4;

/// The dock: which tabs are where, and what each panel remembers.
pub struct Dock {
    tree: Tree<PanelId>,
    loss_linear: bool,
    gradients: gradients::Show,
    decision: Decision,
    confusion_train: bool,
    surface: SurfacePanel,
    rates: RatesPanel,
    /// The panel that was brought to the front, and for how many frames its tab is still scrolled to.
    reveal: Option<(PanelId, u8)>,
}

impl Default for Dock {
    fn default() -> Self {
        Self::new()
    }
}

impl Dock {
    /// The layout of the first start.
    pub fn new() -> Self {
        let mut tiles = Tiles::default();
        let mut group = |ids: &[PanelId]| {
            let panes = ids.iter().map(|p| tiles.insert_pane(*p)).collect();
            tiles.insert_tab_tile(panes)
        };
        use PanelId::{
            Autograd, Confusion, Curve, Data, DecisionMap, Gradients, Loss, Problems, Rates, Scatter, Stops, Surface,
            Tape, Why,
        };
        let left = group(&[Loss, Data, Confusion, Problems, Autograd, Why]);
        let middle = group(&[Gradients, Tape, Stops, Surface]);
        let right = group(&[DecisionMap, Curve, Scatter, Rates]);
        let root = tiles.insert_horizontal_tile(vec![left, middle, right]);
        if let Some(Tile::Container(egui_tiles::Container::Linear(l))) = tiles.get_mut(root) {
            l.shares.set_share(left, 1.35);
            l.shares.set_share(middle, 1.0);
            l.shares.set_share(right, 0.95);
        }
        Dock {
            tree: Tree::new(egui::Id::unique("dock"), root, tiles),
            loss_linear: false,
            gradients: gradients::Show::default(),
            decision: Decision::default(),
            confusion_train: false,
            surface: SurfacePanel::default(),
            rates: RatesPanel::default(),
            reveal: None,
        }
    }

    /// The arrangement of the tabs, to be remembered.
    pub fn layout(&self) -> &Tree<PanelId> {
        &self.tree
    }

    /// Takes a remembered arrangement, unless a panel is missing from it.
    pub fn set_layout(&mut self, tree: Tree<PanelId>) {
        let has = |p: PanelId| tree.tiles.tiles().any(|t| matches!(t, Tile::Pane(q) if *q == p));
        if PanelId::ALL.into_iter().all(has) {
            self.tree = tree;
        }
    }

    /// Back to the layout of the first start.
    pub fn reset_layout(&mut self) {
        self.tree = Dock::new().tree;
    }

    /// Brings a panel to the front.
    pub fn show(&mut self, panel: PanelId) {
        self.tree.make_active(|_, tile| matches!(tile, Tile::Pane(p) if *p == panel));
        self.reveal = Some((panel, REVEALED));
    }

    /// Draws the dock in all the space there is.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, stops: &mut StopsPanel, actions: &mut Vec<Action>) {
        let theme = Theme::of(ui.ctx());
        let mut behavior = Behavior {
            state,
            actions,
            theme,
            loss_linear: &mut self.loss_linear,
            gradients: &mut self.gradients,
            decision: &mut self.decision,
            confusion_train: &mut self.confusion_train,
            surface: &mut self.surface,
            rates: &mut self.rates,
            stops,
            reveal: self.reveal.map(|r| r.0),
        };
        self.tree.ui(&mut behavior, ui);
        self.reveal = self.reveal.filter(|r| r.1 > 0).map(|(panel, frames)| (panel, frames - 1));
        if self.reveal.is_some() {
            ui.ctx().request_repaint();
        }
    }
}

struct Behavior<'a> {
    state: &'a State,
    actions: &'a mut Vec<Action>,
    theme: Theme,
    loss_linear: &'a mut bool,
    gradients: &'a mut gradients::Show,
    decision: &'a mut Decision,
    confusion_train: &'a mut bool,
    surface: &'a mut SurfacePanel,
    rates: &'a mut RatesPanel,
    stops: &'a mut StopsPanel,
    reveal: Option<PanelId>,
}

impl egui_tiles::Behavior<PanelId> for Behavior<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut PanelId) -> UiResponse {
        let (state, actions) = (self.state, &mut *self.actions);
        let whole = ui.interact(ui.max_rect(), ui.scope_id().with("pane"), egui::Sense::hover());
        whole.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Pane, true, format!("{} panel", pane.title())));
        egui::Frame::NONE.inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| match pane {
            PanelId::Loss => {
                let mut log = !*self.loss_linear;
                loss::ui(ui, state, &mut log, actions);
                *self.loss_linear = !log;
            }
            PanelId::Gradients => gradients::ui(ui, state, self.gradients),
            PanelId::DecisionMap => self.decision.ui(ui, state, actions),
            PanelId::Curve => curve::ui(ui, state),
            PanelId::Scatter => scatter::ui(ui, state, actions),
            PanelId::Confusion => confusion::ui(ui, state, self.confusion_train),
            PanelId::Data => data::ui(ui, state, actions),
            PanelId::Tape => tape::ui(ui, state, actions),
            PanelId::Problems => problems::ui(ui, state, actions),
            PanelId::Autograd => autograd::ui(ui, state, actions),
            PanelId::Surface => self.surface.ui(ui, state, actions),
            PanelId::Stops => self.stops.ui(ui, state, actions),
            PanelId::Why => why::ui(ui, state, actions),
            PanelId::Rates => self.rates.ui(ui, state, actions),
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &PanelId) -> WidgetText {
        let count = self.state.inference.diagnostics.len();
        match pane {
            PanelId::Problems if count > 0 => format!("Problems ({count})").into(),
            p => p.title().into(),
        }
    }

    /// The tab of a panel that was brought to the front is scrolled to, where not all tabs find room.
    fn on_tab_button(&mut self, tiles: &mut Tiles<PanelId>, tile: TileId, button: Response) -> Response {
        if tiles.get(tile).is_some_and(|t| matches!(t, Tile::Pane(p) if Some(*p) == self.reveal)) {
            button.scroll_to_me_animation(Some(egui::Align::Center), ScrollAnimation::none());
        }
        button
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn tab_bar_color(&self, _visuals: &Visuals) -> Color32 {
        self.theme.panel
    }

    fn tab_bg_color(&self, _visuals: &Visuals, _tiles: &Tiles<PanelId>, _tile: TileId, state: &TabState) -> Color32 {
        if state.active { self.theme.card } else { Color32::TRANSPARENT }
    }

    fn tab_outline_stroke(&self, _v: &Visuals, _t: &Tiles<PanelId>, _id: TileId, _s: &TabState) -> Stroke {
        Stroke::NONE
    }

    fn tab_text_color(&self, _v: &Visuals, _t: &Tiles<PanelId>, _id: TileId, state: &TabState) -> Color32 {
        if state.active { self.theme.text } else { self.theme.dim }
    }
}
