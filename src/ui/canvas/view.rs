//! Where the canvas looks: pan and zoom.

use egui::{Pos2, Rect, Vec2, pos2};

/// The zoom range; 1 is 100 %.
pub const ZOOM: std::ops::RangeInclusive<f32> = 0.05..=4.0;
/// Below this zoom a node shows its title only.
pub const DETAIL_ZOOM: f32 = 0.5;
/// Below this zoom there is no text at all.
pub const TEXT_ZOOM: f32 = 0.25;

/// The mapping between canvas points and screen points.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The canvas point at the centre of the canvas area.
    pub center: Pos2,
    /// Screen points per canvas point.
    pub zoom: f32,
    /// The canvas area on the screen.
    pub area: Rect,
}

impl View {
    /// Looks at the origin at 100 %.
    pub fn new() -> Self {
        View { center: Pos2::ZERO, zoom: 1.0, area: Rect::from_min_size(Pos2::ZERO, Vec2::splat(100.0)) }
    }
    /// Screen position of a canvas point.
    pub fn screen_from_canvas(&self, p: Pos2) -> Pos2 {
        self.area.center() + (p - self.center) * self.zoom
    }
    /// Canvas point under a screen position.
    pub fn canvas_from_screen(&self, p: Pos2) -> Pos2 {
        self.center + (p - self.area.center()) / self.zoom
    }
    /// Screen rectangle of a canvas rectangle.
    pub fn screen_rect(&self, r: Rect) -> Rect {
        Rect::from_min_max(self.screen_from_canvas(r.min), self.screen_from_canvas(r.max))
    }
    /// The part of the canvas that is seen.
    pub fn visible(&self) -> Rect {
        Rect::from_min_max(self.canvas_from_screen(self.area.min), self.canvas_from_screen(self.area.max))
    }
    /// Moves the view by a drag on the screen.
    pub fn pan(&mut self, drag: Vec2) {
        self.center -= drag / self.zoom;
    }
    /// Zooms by `factor`, keeping the canvas point under `at` where it is.
    pub fn zoom_at(&mut self, at: Pos2, factor: f32) {
        let before = self.canvas_from_screen(at);
        self.zoom = (self.zoom * factor).clamp(*ZOOM.start(), *ZOOM.end());
        self.center += before - self.canvas_from_screen(at);
    }
    /// Shows all of `rect` (canvas points), at most at 120 %.
    pub fn fit(&mut self, rect: Rect) {
        if !rect.is_finite() || rect.width() <= 0.0 {
            return;
        }
        let margin = Vec2::new(56.0, 48.0);
        let free = (self.area.size() - margin).max(Vec2::splat(40.0));
        self.zoom = (free.x / rect.width()).min(free.y / rect.height().max(1.0)).clamp(*ZOOM.start(), 1.2);
        self.center = rect.center();
    }
    /// A font size for the present zoom, in half-point steps so that few glyph sizes are rasterised.
    pub fn font_size(&self, at_100: f32) -> f32 {
        // Smaller than this it cannot be read.
        ((at_100 * self.zoom * 2.0).round() / 2.0).max(7.0)
    }
}

/// A rectangle that encloses all of `rects`; nothing for none.
pub fn bounds(rects: impl Iterator<Item = Rect>) -> Option<Rect> {
    let all = rects.fold(Rect::NOTHING, |a, b| a.union(b));
    all.is_positive().then_some(all)
}

/// Points of a cubic that leaves `a` to the right and enters `b` from the left.
pub fn flatten(a: Pos2, b: Pos2, points: usize) -> Vec<Pos2> {
    let reach = ((b.x - a.x).abs() * 0.5).max((b.y - a.y).abs() * 0.25).clamp(24.0, 160.0);
    let (c, d) = (pos2(a.x + reach, a.y), pos2(b.x - reach, b.y));
    (0..=points)
        .map(|i| {
            let t = i as f32 / points as f32;
            let u = 1.0 - t;
            let (w0, w1, w2, w3) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
            pos2(w0 * a.x + w1 * c.x + w2 * d.x + w3 * b.x, w0 * a.y + w1 * c.y + w2 * d.y + w3 * b.y)
        })
        .collect()
}
