//! A network's output over the plane, or along a line.

use crate::graph::{Node, NodeId};
use crate::ops::{Precision, Role};
use crate::train::{DecisionMap, FittedCurve, Session, Thumb, Want};
use std::collections::BTreeMap;

/// Points along each side of a node's small map.
const SMALL: usize = 12;
/// Small maps per node.
const MAPS: usize = 8;

/// Feature rows of a grid over the plane, from the upper left, row by row.
fn grid(data: &crate::data::Dataset, size: usize) -> Option<Vec<f64>> {
    let [[x0, x1], [y0, y1]] = data.domain.filter(|_| data.is_plane())?;
    let mut rows = Vec::with_capacity(size * size * data.feature_width());
    for j in 0..size {
        for i in 0..size {
            let u = (i as f64 + 0.5) / size as f64;
            let v = (j as f64 + 0.5) / size as f64;
            rows.extend(data.map_inputs(x0 + u * (x1 - x0), y1 - v * (y1 - y0)));
        }
    }
    Some(rows)
}

impl<S: Precision> Session<S> {
    /// The map that `want` asks for, and the small maps of all nodes; nothing for data that is not of the plane.
    pub(super) fn maps(&mut self, want: &Want) -> (Option<DecisionMap>, BTreeMap<NodeId, Vec<Thumb>>) {
        let mut small = BTreeMap::new();
        let Some(data) = self.data().cloned() else { return (None, small) };
        if want.previews
            && let Some(rows) = grid(&data, SMALL)
        {
            // Nothing can be said of the target away from the samples.
            let known = |n: &&Node| n.spec().is_some_and(|s| s.role != Role::Target);
            let ids: Vec<NodeId> = self.graph().nodes().filter(known).map(|n| n.id).collect();
            let whole = self.forward_features(SMALL * SMALL, &rows, |_, plan, pass| {
                for id in &ids {
                    if let Some(v) = pass.value(plan, *id)
                        && let [n, channels] = *v.shape
                        && n == plan.batch()
                    {
                        let blank = |_| Thumb { rows: SMALL, cols: SMALL, data: Vec::with_capacity(SMALL * SMALL) };
                        let thumbs: &mut Vec<Thumb> =
                            small.entry(*id).or_insert_with(|| (0..channels.min(MAPS)).map(blank).collect());
                        for (c, thumb) in thumbs.iter_mut().enumerate() {
                            thumb.data.extend(v.data.iter().skip(c).step_by(channels).map(|x| x.to64() as f32));
                        }
                    }
                }
            });
            if !whole {
                return (None, BTreeMap::new());
            }
        }
        (self.decision_map(&data, want), small)
    }

    fn decision_map(&mut self, data: &crate::data::Dataset, want: &Want) -> Option<DecisionMap> {
        let size = want.map_size;
        if size == 0 {
            return None;
        }
        let rows = grid(data, size)?;
        let [x, y] = data.domain?;
        let node = want.map_node.or(self.prediction())?;
        let name = self.graph().node(node)?.name.clone();
        let middle = if Some(node) == self.prediction() { self.threshold() } else { 0.0 };
        let (mut values, mut channels) = (Vec::with_capacity(size * size), 0);
        let whole = self.forward_features(size * size, &rows, |_, plan, pass| {
            let Some(v) = pass.value(plan, node) else { return };
            channels = v.data.len() / plan.batch();
            if channels == 0 || channels * plan.batch() != v.data.len() {
                return;
            }
            let c = want.map_channel.min(channels - 1);
            values.extend(v.data.iter().skip(c).step_by(channels).map(|p| (p.to64() - middle) as f32));
        });
        if !whole || values.len() != size * size {
            return None;
        }
        let span = spread(&values);
        let c = want.map_channel.min(channels - 1);
        let label = if channels > 1 { format!("{name}[{c}]") } else { name };
        Some(DecisionMap { size, x, y, values, label, channels, low: -span, high: span })
    }

    /// The prediction along the one variable of the data.
    pub(super) fn curve(&mut self) -> Option<FittedCurve> {
        const POINTS: usize = 200;
        let data = self.data().cloned()?;
        if !data.is_curve() {
            return None;
        }
        let [[from, to], _] = data.domain?;
        let xs: Vec<f64> = (0..POINTS).map(|i| from + (to - from) * i as f64 / (POINTS - 1) as f64).collect();
        let rows: Vec<f64> = xs.iter().flat_map(|x| data.map_inputs(*x, 0.0)).collect();
        let node = self.prediction()?;
        let label = self.graph().node(node)?.name.clone();
        let mut points = Vec::new();
        let whole = self.forward_features(POINTS, &rows, |first, plan, pass| {
            if let Some(v) = pass.value(plan, node) {
                let width = (v.data.len() / plan.batch()).max(1);
                points.extend(xs[first..].iter().zip(v.data.chunks(width)).map(|(x, p)| [*x, p[0].to64()]));
            }
        });
        whole.then_some(FittedCurve { points, label })
    }
}

/// The magnitude below which nine tenths of the values lie, so that outliers do not wash out the colours.
fn spread(values: &[f32]) -> f64 {
    let mut sizes: Vec<f32> = values.iter().filter(|v| v.is_finite()).map(|v| v.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let at = sizes.len() * 9 / 10;
    f64::from(sizes.get(at).copied().unwrap_or(1.0).max(1e-6))
}
