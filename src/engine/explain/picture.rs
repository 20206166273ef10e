//! A sum of kernel · patch as pictures: the same taps of both side by side, and where the patch lies in its image. What is
//! pooled has a patch without a kernel.

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

/// One channel: the taps of the kernel, what lies under them, and their products. Without a kernel the last two are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// What lies under the taps.
    pub patch: Plane,
    /// The taps.
    pub kernel: Plane,
    /// The products, which are summed up.
    pub product: Plane,
}

/// An element that is a sum of kernel · patch, or is made of a patch alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The tensor of the patch.
    pub patch: Origin,
    /// The tensor of the kernel; none where the patch is pooled.
    pub kernel: Option<Origin>,
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

/// The picture of an element that is a sum of weights with windows, times what arrives, or is made of a window alone;
/// `None` for another.
pub(super) fn of<S: Precision>(node: &Local<S>, made: &Made) -> Option<Picture> {
    product(node, made).or_else(|| pooled(node, made))
}

/// Rows and columns of the pictures of a tensor; a row of numbers is a picture of one row.
fn sides(shape: &[usize]) -> (usize, usize) {
    if shape.len() > 3 { (shape[shape.len() - 2], shape[shape.len() - 1]) } else { (1, shape[2]) }
}

/// The picture number `first` of an input, if it is small.
fn image<S: Precision>(node: &Local<S>, p: usize, first: usize) -> Plane {
    let input = &node.inputs[p];
    let (h, wide) = sides(&input.shape);
    if h * wide > PIXELS {
        return Plane::default();
    }
    let cells = (first * h * wide..(first + 1) * h * wide).map(|i| Some((i, input.data[i].to64())));
    Plane { rows: h, cols: wide, cells: cells.collect() }
}

/// First row, first column, rows and columns of what these elements of pictures cover.
fn window(at: impl Iterator<Item = usize> + Clone, (h, wide): (usize, usize)) -> [usize; 4] {
    let (rows, cols) = (at.clone().map(|i| i / wide % h), at.map(|i| i % wide));
    let (top, left) = (rows.clone().min().unwrap_or(0), cols.clone().min().unwrap_or(0));
    [top, left, rows.max().unwrap_or(0) + 1 - top, cols.max().unwrap_or(0) + 1 - left]
}

/// A window of one picture that arrives.
fn pooled<S: Precision>(node: &Local<S>, made: &Made) -> Option<Picture> {
    let places: Vec<Place> = match made {
        Made::Sum(terms) => {
            terms.iter().map(|t| <[Place; 1]>::try_from(&t.1[..]).ok().map(|p| p[0])).collect::<Option<_>>()?
        }
        Made::Function(_, places) => places.clone(),
    };
    let &Place::Input(p, first) = places.first()? else { return None };
    let input = &node.inputs[p];
    if input.shape.len() < 3 {
        return None;
    }
    let (h, wide) = sides(&input.shape);
    let plane = first / (h * wide);
    let within = |place: &Place| match *place {
        Place::Input(q, i) if q == p && i / (h * wide) == plane => Some(i),
        _ => None,
    };
    let all: Vec<usize> = places.iter().map(within).collect::<Option<_>>()?;
    let window = window(all.iter().copied(), (h, wide));
    // What is made of all of a picture lies nowhere in it.
    if (window[2], window[3]) == (h, wide) {
        return None;
    }
    let mut patch = Plane { rows: window[2], cols: window[3], cells: vec![None; window[2] * window[3]] };
    for i in all {
        let (row, col) = (i / wide % h - window[0], i % wide - window[1]);
        patch.cells[row * window[3] + col] = Some((i, input.data[i].to64()));
    }
    let tap = Tap { patch, kernel: Plane::default(), product: Plane::default() };
    Some(Picture {
        patch: Origin::Input(p),
        kernel: None,
        taps: vec![tap],
        hidden: 0,
        image: image(node, p, plane),
        window,
    })
}

fn product<S: Precision>(node: &Local<S>, made: &Made) -> Option<Picture> {
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
    let window = window(own, (h, wide));
    let hidden = taps.len().saturating_sub(CHANNELS);
    let taps = taps.into_iter().take(CHANNELS).map(|t| t.1).collect();
    let (patch, kernel, image) = (Origin::Input(p), Some(Origin::Weight(w)), image(node, p, first));
    Some(Picture { patch, kernel, taps, hidden, image, window })
}
