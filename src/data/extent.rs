//! Between which bounds the numbers of a data set lie, and whether all are whole: whether they can be class numbers.

use crate::data::Dataset;

/// What a list of numbers spans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// The smallest one.
    pub least: f64,
    /// The largest one.
    pub most: f64,
    /// The first sample with a number that is not whole, and the number; the bounds are of those before it.
    pub broken: Option<(usize, f64)>,
}

impl Extent {
    fn of(numbers: impl Iterator<Item = (usize, f64)>) -> Self {
        let mut all = Extent { least: f64::INFINITY, most: f64::NEG_INFINITY, broken: None };
        for (sample, x) in numbers {
            if x.fract() != 0.0 {
                all.broken = Some((sample, x));
                break;
            }
            (all.least, all.most) = (all.least.min(x), all.most.max(x));
        }
        all
    }
}

impl Dataset {
    /// That of the targets of all samples that train or test.
    pub fn target_extent(&self) -> Extent {
        *self.target_extent.get_or_init(|| {
            let width = self.target_width().max(1);
            let rows = self.train.iter().chain(&self.test);
            Extent::of(rows.flat_map(|row| self.targets[row * width..][..width].iter().map(move |x| (*row, *x))))
        })
    }

    /// That of the features as training sees them; read once, up to the first that is not whole.
    pub fn feature_extent(&self) -> Extent {
        *self.feature_extent.get_or_init(|| {
            let width = self.feature_width();
            let rows = self.train.iter().chain(&self.test);
            let mut numbers = vec![0.0; width];
            Extent::of(rows.flat_map(|row| {
                self.features.read(row * width, &mut numbers, |k, x| self.scaled(k, x));
                numbers.clone().into_iter().map(move |x| (*row, x))
            }))
        })
    }
}
