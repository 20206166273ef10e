//! A sum of kernel · patch as pictures: the same taps of both side by side, and where the patch lies in its image.

use super::Origin;
use crate::engine::local::Local;
use crate::ops::{Made, Place, Precision};

/// A small picture; cells without a number lie outside of the image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plane {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Flat index of the element in its tensor, and its value, row by row.
    pub cells: Vec<Option<(usize, f64)>>,
}

/// One channel: the taps of the kernel, what lies under them, and their products.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// What lies under the taps.
    pub patch: Plane,
    /// The taps.
    pub kernel: Plane,
    /// The products, which are summed up.
    pub product: Plane,
}

/// An element that is a sum of kernel · patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The tensor of the patch.
    pub patch: Origin,
    /// The tensor of the kernel.
    pub kernel: Origin,
    /// By input channel; the first few.
    pub taps: Vec<Tap>,
    /// How many channels are not in `taps`.
    pub hidden: usize,
    /// The first image that the patch is cut out of; empty if that is a large one.
    pub image: Plane,
    /// Rows and columns of it that the patch covers: first row, first column, rows, columns.
    pub window: [usize; 4],
}

/// Channels shown.
const CHANNELS: usize = 8;
/// Pixels of an image that is shown whole.
const PIXELS: usize = 64 * 64;

/// The picture of an element that is a sum of weights with windows, times what arrives; `None` for another.
pub(super) fn of<S: Precision>(node: &Local<S>, made: &Made) -> Option<Picture> {
    let Made::Sum(terms) = made else { return None };
    let pair = |t: &(f64, Vec<Place>)| match t.1[..] {
        [Place::Weight(w, k), Place::Input(p, i)] if t.0 == 1.0 => Some((w, k, p, i)),
        _ => None,
    };
    let pairs: Vec<(usize, usize, usize, usize)> = terms.iter().map(pair).collect::<Option<_>>()?;
    let &(w, _, p, _) = pairs.first()?;
    let (weight, input) = (&node.weights[w], &node.inputs[p]);
    if weight.shape.len() < 3 || input.shape.len() != weight.shape.len() || pairs.iter().any(|t| (t.0, t.2) != (w, p)) {
        return None;
    }
    let sides = |shape: &[usize]| {
        if shape.len() > 3 { (shape[shape.len() - 2], shape[shape.len() - 1]) } else { (1, shape[2]) }
    };
    let (rows, cols) = sides(&weight.shape);
    let blank = || Plane { rows, cols, cells: vec![None; rows * cols] };
    let mut taps: Vec<(usize, Tap)> = Vec::new();
    for &(_, k, _, i) in &pairs {
        let (plane, cell) = (k / (rows * cols), k % (rows * cols));
        let at = taps.iter().position(|t| t.0 == plane).unwrap_or_else(|| {
            let mut kernel = blank();
            for (c, slot) in kernel.cells.iter_mut().enumerate() {
                let k = plane * rows * cols + c;
                *slot = Some((k, weight.data[k].to64()));
            }
            taps.push((plane, Tap { patch: blank(), kernel, product: blank() }));
            taps.len() - 1
        });
        let (x, t) = (input.data[i].to64(), &mut taps[at].1);
        t.patch.cells[cell] = Some((i, x));
        t.product.cells[cell] = Some((i, x * weight.data[k].to64()));
    }
    let (h, wide) = sides(&input.shape);
    let first = pairs[0].3 / (h * wide);
    let own = pairs.iter().map(|t| t.3).filter(|i| i / (h * wide) == first);
    let places: Vec<(usize, usize)> = own.map(|i| (i / wide % h, i % wide)).collect();
    let least = |f: fn(&(usize, usize)) -> usize| places.iter().map(f).min().unwrap_or(0);
    let most = |f: fn(&(usize, usize)) -> usize| places.iter().map(f).max().unwrap_or(0);
    let (top, left) = (least(|p| p.0), least(|p| p.1));
    let window = [top, left, most(|p| p.0) - top + 1, most(|p| p.1) - left + 1];
    let mut image = Plane::default();
    if h * wide <= PIXELS {
        let cells = (first * h * wide..(first + 1) * h * wide).map(|i| Some((i, input.data[i].to64())));
        image = Plane { rows: h, cols: wide, cells: cells.collect() };
    }
    let hidden = taps.len().saturating_sub(CHANNELS);
    let taps = taps.into_iter().take(CHANNELS).map(|t| t.1).collect();
    Some(Picture { patch: Origin::Input(p), kernel: Origin::Weight(w), taps, hidden, image, window })
}
