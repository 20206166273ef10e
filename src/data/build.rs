//! From the settings to a data set: columns, classes, split, scaling.

use crate::data::csv_file::{Cells, is_missing, is_numeric, number, read};
use crate::data::store::Store;
use crate::data::{
    Csv, DataConfig, DataError, Dataset, Function, Input, Labels, Playground, Scale, Source, Table, Task, formula,
    playground,
};
use crate::tensor::{Dim, Shape, normal, stream};
use rand::RngExt as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Samples before they are split, scaled and coded.
pub(super) struct Raw {
    /// Axes of a sample.
    pub dims: Vec<usize>,
    pub features: Store,
    pub feature_names: Vec<String>,
    pub target: Target,
    pub target_names: Vec<String>,
    pub domain: Option<[[f64; 2]; 2]>,
    pub points: Option<Vec<[f64; 2]>>,
    pub inputs: Vec<Input>,
    pub warnings: Vec<String>,
    pub parts: Parts,
    pub picture: Option<[usize; 3]>,
}

/// Which rows train and which test.
pub(super) enum Parts {
    /// A random share.
    Share,
    /// All do both.
    Both,
    Fixed {
        train: Range<usize>,
        test: Range<usize>,
    },
}

impl Raw {
    /// Samples without names of features, in no plane.
    pub fn new(dims: Vec<usize>, features: Store, target: Target) -> Self {
        Raw {
            dims,
            features,
            feature_names: Vec::new(),
            target,
            target_names: vec!["label".into()],
            domain: None,
            points: None,
            inputs: Vec::new(),
            warnings: Vec::new(),
            parts: Parts::Share,
            picture: None,
        }
    }
}

pub(super) enum Target {
    Numbers { width: usize, values: Vec<f64> },
    Classes { names: Vec<String>, of: Vec<usize>, auto: Labels },
}

/// Samples that are made at most.
const MOST: usize = 1_000_000;

impl DataConfig {
    /// Makes or reads the data set; `None` if none is chosen. Relative paths begin at `base`.
    ///
    /// # Errors
    /// Says what is wrong with the settings or the file, where, and what to do.
    pub fn load(&self, base: &Path) -> Result<Option<Dataset>, DataError> {
        if !(0.0..=1.0).contains(&self.train_share) {
            return Err(DataError::new(format!("the train share is {}; it must be from 0 to 1", self.train_share)));
        }
        let Some(raw) = self.raw(base).map_err(|e| self.source.explained(e, base))? else { return Ok(None) };
        self.finish(raw).map(Some)
    }

    fn finish(&self, raw: Raw) -> Result<Dataset, DataError> {
        let width: usize = raw.dims.iter().product();
        let n = raw.features.len() / width.max(1);
        let (train, test) = match raw.parts {
            Parts::Share => self.split(n),
            Parts::Both => ((0..n).collect(), (0..n).collect()),
            Parts::Fixed { train, test } => (train.collect(), test.collect()),
        };
        let mut warnings = raw.warnings;
        let augment = self.augment.is_some().then(|| self.augment.clone());
        let augment = match (augment, raw.picture) {
            (Some(a), Some([_, h, w])) => {
                if a.shift >= h.min(w) || !(0.0..=1.0).contains(&a.noise) {
                    return Err(DataError::new(format!(
                        "pictures of {w}×{h} pixels are to be moved by up to {} with noise {}; \
                         the shift must be less than a side and the noise from 0 to 1",
                        a.shift, a.noise
                    )));
                }
                Some(a)
            }
            (Some(_), None) => {
                warnings.push("these samples are no pictures, so they are not augmented".to_owned());
                None
            }
            (None, _) => None,
        };
        let scaling = self.scale.fit(&raw.features, width, &train);
        if let Some(k) = scaling.iter().position(|(mean, by)| !mean.is_finite() || !by.is_finite()) {
            let name = raw.feature_names.get(k).map_or("a feature", String::as_str);
            return Err(DataError::new(format!("the numbers of \"{name}\" are too large to scale")));
        }
        let coded = code(raw.target, self.labels)?;
        Ok(Dataset {
            feature_shape: Shape::batch(&raw.dims),
            target_shape: coded.shape,
            feature_names: raw.feature_names,
            target_names: raw.target_names,
            class_names: coded.names,
            task: coded.task,
            features: Arc::new(raw.features),
            augment,
            seed: self.seed,
            target_extent: OnceLock::new(),
            feature_extent: OnceLock::new(),
            targets: coded.values,
            train,
            test,
            warnings,
            domain: raw.domain,
            points: raw.points,
            picture: raw.picture,
            classes: coded.classes,
            inputs: raw.inputs,
            scaling,
        })
    }

    /// A random split by the seed; both parts in the order of the rows.
    fn split(&self, n: usize) -> (Vec<usize>, Vec<usize>) {
        let mut rows: Vec<usize> = (0..n).collect();
        let mut rng = stream(self.seed, 0x73_706c_6974);
        for i in (1..n).rev() {
            rows.swap(i, rng.random_range(0..=i));
        }
        let cut = (self.train_share * n as f64).round() as usize;
        let mut test = rows.split_off(cut.min(n));
        rows.sort_unstable();
        test.sort_unstable();
        (rows, test)
    }
}

impl Scale {
    /// Per column: what is subtracted and by what is divided, measured on the rows `train`.
    fn fit(self, features: &Store, width: usize, train: &[usize]) -> Vec<(f64, f64)> {
        if self == Scale::None || train.is_empty() {
            return Vec::new();
        }
        let mut row = vec![0.0; width];
        // Row by row, since a file may have to be read.
        let mut fold = |start: (f64, f64), f: &dyn Fn(usize, (f64, f64), f64) -> (f64, f64)| {
            let mut columns = vec![start; width];
            for r in train {
                features.read(r * width, &mut row, |_, x| x);
                for (k, (c, x)) in columns.iter_mut().zip(&row).enumerate() {
                    *c = f(k, *c, *x);
                }
            }
            columns
        };
        let n = train.len() as f64;
        let fitted: Vec<(f64, f64)> = if self == Scale::MinMax {
            let range = fold((f64::MAX, f64::MIN), &|_, (lo, hi), x| (lo.min(x), hi.max(x)));
            range.into_iter().map(|(lo, hi)| (lo, hi - lo)).collect()
        } else {
            let means = fold((0.0, 0.0), &|_, (sum, _), x| (sum + x, 0.0));
            let means: Vec<f64> = means.into_iter().map(|(sum, _)| sum / n).collect();
            let squares = fold((0.0, 0.0), &|k, (sum, _), x| (sum + (x - means[k]) * (x - means[k]), 0.0));
            means.iter().zip(squares).map(|(mean, (sum, _))| (*mean, (sum / n).sqrt())).collect()
        };
        // A constant column stays, shifted to zero.
        fitted.into_iter().map(|(shift, by)| (shift, if by > 0.0 { by } else { 1.0 })).collect()
    }
}

/// Different whole numbers that can be classes.
const NUMBERED: usize = 100;

/// One column of few whole numbers as classes; any other target as it is.
pub(super) fn numbered_classes(target: Target) -> Result<Target, DataError> {
    let Target::Numbers { width: 1, values } = &target else { return Ok(target) };
    let mut distinct = values.clone();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() > NUMBERED || distinct.iter().any(|v| v.fract() != 0.0) {
        return Ok(target);
    }
    if distinct.len() < 2 {
        return Err(DataError::new("the target has one class only; there is nothing to tell apart"));
    }
    let of = values.iter().map(|v| distinct.iter().position(|d| d == v).unwrap_or(0)).collect();
    Ok(Target::Classes { names: distinct.iter().map(f64::to_string).collect(), of, auto: Labels::Index })
}

struct Coded {
    shape: Shape,
    values: Vec<f64>,
    task: Task,
    names: Vec<String>,
    classes: Vec<usize>,
}

fn code(target: Target, labels: Labels) -> Result<Coded, DataError> {
    let (names, of, auto) = match target {
        Target::Numbers { width, values } => {
            let shape = Shape::batch(&[width]);
            return Ok(Coded { shape, values, task: Task::Regression, names: Vec::new(), classes: Vec::new() });
        }
        Target::Classes { names, of, auto } => (names, of, auto),
    };
    let labels = match labels {
        Labels::Auto => auto,
        other => other,
    };
    let two = names.len() == 2;
    let binary = |negative: f64, positive: f64| {
        let values = of.iter().map(|c| if *c == 1 { positive } else { negative }).collect();
        (Shape::batch(&[1]), values, Task::Binary { negative, positive })
    };
    let (shape, values, task) = match labels {
        Labels::ZeroOne if two => binary(0.0, 1.0),
        Labels::PlusMinus if two => binary(-1.0, 1.0),
        Labels::ZeroOne | Labels::PlusMinus => {
            return Err(DataError::new(format!(
                "one column can code two classes, but there are {}; choose index or one-hot labels",
                names.len()
            )));
        }
        Labels::OneHot => {
            let n = names.len();
            let values = of.iter().flat_map(|c| (0..n).map(move |k| f64::from(u8::from(k == *c)))).collect();
            (Shape::batch(&[n]), values, Task::Classes)
        }
        Labels::Index | Labels::Auto => {
            (Shape(vec![Dim::Batch]), of.iter().map(|c| *c as f64).collect(), Task::Classes)
        }
    };
    Ok(Coded { shape, values, task, names, classes: of })
}

fn check_count(n: usize) -> Result<usize, DataError> {
    if (2..=MOST).contains(&n) {
        Ok(n)
    } else {
        Err(DataError::new(format!("{n} samples are asked for; there can be 2 to {MOST}")))
    }
}

fn plane(p: &Playground, seed: u64) -> Result<Raw, DataError> {
    let samples = check_count(p.samples)?;
    if !(0.0..=0.5).contains(&p.noise) {
        return Err(DataError::new(format!("the noise is {}; it must be from 0 to 0.5", p.noise)));
    }
    if p.inputs.is_empty() {
        return Err(DataError::new("choose at least one input, such as x₁"));
    }
    let made = playground::points(p.set, samples, p.noise, seed);
    let target = if p.set.is_classification() {
        let of = made.iter().map(|(_, l)| usize::from(*l > 0.0)).collect();
        Target::Classes { names: vec!["orange".into(), "blue".into()], of, auto: Labels::ZeroOne }
    } else {
        Target::Numbers { width: 1, values: made.iter().map(|m| m.1).collect() }
    };
    let features: Vec<f64> = made.iter().flat_map(|(at, _)| p.inputs.iter().map(|i| i.eval(at[0], at[1]))).collect();
    Ok(Raw {
        feature_names: p.inputs.iter().map(|i| i.label().to_owned()).collect(),
        domain: Some([[-6.0, 6.0]; 2]),
        points: Some(made.into_iter().map(|m| m.0).collect()),
        inputs: p.inputs.clone(),
        ..Raw::new(vec![p.inputs.len()], features.into(), target)
    })
}

fn function(f: &Function, seed: u64) -> Result<Raw, DataError> {
    let samples = check_count(f.samples)?;
    let parsed =
        formula::parse(&f.formula).map_err(|e| DataError::new(format!("the formula \"{}\": {e}", f.formula)))?;
    if !(f.from < f.to && (f.to - f.from).is_finite()) {
        return Err(DataError::new(format!(
            "the range is from {} to {}; it must grow, by a finite length",
            f.from, f.to
        )));
    }
    if !(0.0..=1e30).contains(&f.noise) {
        return Err(DataError::new(format!("the noise is {}; it must be from 0 to 1e30", f.noise)));
    }
    let xs: Vec<f64> = (0..samples).map(|i| f.from + (f.to - f.from) * i as f64 / (samples - 1) as f64).collect();
    let mut rng = stream(seed, 0x66_756e);
    let mut values = Vec::with_capacity(samples);
    for x in &xs {
        let y = parsed.eval(*x);
        if !y.is_finite() {
            return Err(DataError::new(format!(
                "the formula \"{}\" has no value at x = {x:.4}; choose another range",
                f.formula
            )));
        }
        values.push(y + if f.noise > 0.0 { f.noise * normal(&mut rng) } else { 0.0 });
    }
    Ok(Raw {
        points: Some(xs.iter().map(|x| [*x, 0.0]).collect()),
        feature_names: vec!["x".into()],
        target_names: vec![format!("y = {}", f.formula)],
        domain: Some([[f.from, f.to], [0.0, 0.0]]),
        ..Raw::new(vec![1], xs.into(), Target::Numbers { width: 1, values })
    })
}

fn table(t: &Table) -> Result<Raw, DataError> {
    let (width, tw) = (t.features.first().map_or(0, Vec::len), t.targets.first().map_or(0, Vec::len));
    if width == 0 || tw == 0 || t.features.len() != t.targets.len() {
        return Err(DataError::new("the table needs at least one row, and as many rows of targets as of features"));
    }
    let odd = t.features.iter().position(|r| r.len() != width).or_else(|| t.targets.iter().position(|r| r.len() != tw));
    if let Some(i) = odd {
        return Err(DataError::new(format!("row {} of the table is not as long as the first", i + 1)));
    }
    if t.features.iter().chain(&t.targets).flatten().any(|x| !x.is_finite()) {
        return Err(DataError::new("the table holds a NaN or an infinity"));
    }
    let features: Vec<f64> = t.features.concat();
    let values: Vec<f64> = t.targets.concat();
    let coded = |lo: f64| {
        tw == 1 && values.contains(&lo) && values.contains(&1.0) && values.iter().all(|v| *v == lo || *v == 1.0)
    };
    let classes = |auto, lo: &str| Target::Classes {
        names: vec![lo.to_owned(), "1".to_owned()],
        of: values.iter().map(|v| usize::from(*v == 1.0)).collect(),
        auto,
    };
    let target = if coded(0.0) {
        classes(Labels::ZeroOne, "0")
    } else if coded(-1.0) {
        classes(Labels::PlusMinus, "−1")
    } else {
        Target::Numbers { width: tw, values: values.clone() }
    };
    let range = |k: usize| {
        let (lo, hi) = t.features.iter().fold((f64::MAX, f64::MIN), |(a, b), r| (a.min(r[k]), b.max(r[k])));
        let margin = ((hi - lo) * 0.5).max(0.5);
        [lo - margin, hi + margin]
    };
    let names = |given: &[String], n: usize, stem: &str| -> Vec<String> {
        (0..n).map(|k| given.get(k).cloned().unwrap_or_else(|| format!("{stem}{}", k + 1))).collect()
    };
    Ok(Raw {
        domain: match width {
            1 => Some([range(0), [0.0, 0.0]]),
            2 => Some([range(0), range(1)]),
            _ => None,
        },
        points: (width == 2).then(|| t.features.iter().map(|r| [r[0], r[1]]).collect()),
        feature_names: names(&t.feature_names, width, "x"),
        target_names: names(&t.target_names, tw, "y"),
        parts: Parts::Both,
        ..Raw::new(vec![width], features.into(), target)
    })
}

impl DataConfig {
    fn raw(&self, base: &Path) -> Result<Option<Raw>, DataError> {
        Ok(Some(match &self.source {
            Source::None => return Ok(None),
            Source::Playground(p) => plane(p, self.seed)?,
            Source::Function(f) => function(f, self.seed)?,
            Source::Table(t) => table(t)?,
            Source::Digits => digits()?,
            Source::Iris => from_cells(embedded(include_str!("../../assets/data/iris.csv")), &Csv::default())?,
            Source::Csv(c) if c.path.as_os_str().is_empty() => {
                return Err(DataError::new("no table is chosen yet: choose a file with one sample per row"));
            }
            Source::Csv(c) => {
                let path = if c.path.is_absolute() { c.path.clone() } else { base.join(&c.path) };
                let mut raw = from_cells(read(c, &path)?, c)?;
                if self.labels != Labels::Auto {
                    raw.target = numbered_classes(raw.target)?;
                }
                raw
            }
            Source::Idx(i) => i.raw(base)?,
            Source::Folder(f) => f.raw(base)?,
            Source::Npy(n) => n.raw(base, self.labels)?,
        }))
    }
}

impl Source {
    /// `e`, with where paths begin if the file or folder of the user is not there.
    fn explained(&self, e: DataError, base: &Path) -> DataError {
        let path = match self {
            Source::Csv(c) => &c.path,
            Source::Idx(i) => &i.images,
            Source::Folder(f) => &f.path,
            Source::Npy(n) => &n.features,
            _ => return e,
        };
        if path.as_os_str().is_empty() || path.is_absolute() || base.join(path).exists() {
            return e;
        }
        let here = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        let folder = std::fs::canonicalize(here).unwrap_or_else(|_| here.to_owned());
        let (path, folder) = (path.display(), folder.display());
        DataError::new(format!("{e}. Paths begin at the folder of the project: there is no {path} in {folder}"))
    }
}

/// Where a file or folder of the user is; relative paths begin at `base`.
pub(super) fn place(path: &Path, base: &Path, what: &str) -> Result<PathBuf, DataError> {
    if path.as_os_str().is_empty() {
        return Err(DataError::new(format!("choose {what}")));
    }
    Ok(base.join(path))
}

/// The cells of a file that is part of the program.
fn embedded(text: &str) -> Cells {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let names: Vec<String> = lines.next().unwrap_or("").split(',').map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    let mut count = 0;
    for line in lines {
        count += 1;
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.trim().to_owned());
        }
    }
    Cells { delimiter: ',', header: true, names, lines: (2..count + 2).collect(), columns }
}

fn digits() -> Result<Raw, DataError> {
    let mut cells = embedded(include_str!("../../assets/data/digits.csv"));
    let labels = cells.columns.pop().unwrap_or_default();
    let name = cells.names.pop().unwrap_or_default();
    let width = cells.columns.len();
    let n = labels.len();
    let mut features = Vec::with_capacity(width * n);
    for row in 0..n {
        features.extend(cells.columns.iter().map(|c| number(&c[row]).unwrap_or(0.0) / 16.0));
    }
    let of = labels.iter().map(|l| l.parse().unwrap_or(0)).collect();
    let target = Target::Classes { names: (0..10).map(|d| d.to_string()).collect(), of, auto: Labels::Index };
    Ok(Raw {
        feature_names: cells.names,
        target_names: vec![name],
        picture: Some([1, 8, 8]),
        ..Raw::new(vec![width], features.into(), target)
    })
}

/// A text column becomes a column per category; more categories than this are refused.
const CATEGORIES: usize = 50;

fn from_cells(cells: Cells, csv: &Csv) -> Result<Raw, DataError> {
    let find = |name: &str| {
        cells.names.iter().position(|n| n == name).ok_or_else(|| {
            DataError::new(format!("there is no column \"{name}\"; the columns are {}", cells.names.join(", ")))
        })
    };
    let target = match &csv.target {
        Some(name) => find(name)?,
        None => cells.names.len() - 1,
    };
    let features: Vec<usize> = if csv.features.is_empty() {
        (0..cells.names.len()).filter(|c| *c != target).collect()
    } else {
        csv.features.iter().map(|n| find(n)).collect::<Result<_, _>>()?
    };
    if features.is_empty() || features.contains(&target) {
        return Err(DataError::new("choose at least one feature column besides the target"));
    }
    let mut warnings = Vec::new();
    let used = || features.iter().copied().chain([target]);
    let (keep, gone): (Vec<usize>, Vec<usize>) =
        (0..cells.lines.len()).partition(|r| used().all(|c| !is_missing(&cells.columns[c][*r])));
    if !gone.is_empty() {
        let rows: Vec<String> = gone.iter().take(5).map(|r| cells.lines[*r].to_string()).collect();
        let more = if gone.len() > 5 { ", …" } else { "" };
        warnings.push(format!(
            "{} rows with missing values were left out (rows {}{more})",
            gone.len(),
            rows.join(", ")
        ));
    }
    if keep.len() < 2 {
        return Err(DataError::new(
            "fewer than two rows without missing values are left; choose other columns or mend the file",
        ));
    }
    let parse = |c: usize, r: usize| {
        number(&cells.columns[c][r]).ok_or_else(|| {
            let (text, name) = (&cells.columns[c][r], &cells.names[c]);
            DataError::new(format!(
                "row {}, column \"{name}\": \"{text}\" is not a number, but the rest of the column is",
                cells.lines[r]
            ))
        })
    };
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut feature_names = Vec::new();
    for &c in &features {
        if is_numeric(&cells.columns[c]) {
            columns.push(keep.iter().map(|r| parse(c, *r)).collect::<Result<_, _>>()?);
            feature_names.push(cells.names[c].clone());
            continue;
        }
        let names = categories(&cells, c, &keep);
        if names.len() > CATEGORIES {
            return Err(DataError::new(format!(
                "column \"{}\" is text with {} different values; at most {CATEGORIES} can become inputs, so leave it out",
                cells.names[c],
                names.len()
            )));
        }
        for name in names {
            columns.push(keep.iter().map(|r| f64::from(u8::from(cells.columns[c][*r] == name))).collect());
            feature_names.push(format!("{} = {name}", cells.names[c]));
        }
    }
    let coded = if is_numeric(&cells.columns[target]) {
        Target::Numbers { width: 1, values: keep.iter().map(|r| parse(target, *r)).collect::<Result<_, _>>()? }
    } else {
        let names = categories(&cells, target, &keep);
        if names.len() < 2 {
            return Err(DataError::new(format!(
                "the target \"{}\" has one class only; there is nothing to tell apart",
                cells.names[target]
            )));
        }
        if names.len() > 1000 {
            return Err(DataError::new(format!(
                "the target \"{}\" has {} classes; there can be at most 1000",
                cells.names[target],
                names.len()
            )));
        }
        let of = keep.iter().map(|r| names.binary_search(&cells.columns[target][*r]).unwrap_or(0)).collect();
        let auto = if names.len() == 2 { Labels::ZeroOne } else { Labels::Index };
        Target::Classes { names, of, auto }
    };
    let width = columns.len();
    let flat: Vec<f64> = (0..keep.len()).flat_map(|r| columns.iter().map(move |c| c[r])).collect();
    Ok(Raw {
        feature_names,
        target_names: vec![cells.names[target].clone()],
        warnings,
        ..Raw::new(vec![width], flat.into(), coded)
    })
}

/// The different values of a text column, sorted.
fn categories(cells: &Cells, column: usize, rows: &[usize]) -> Vec<String> {
    let mut names: Vec<String> = rows.iter().map(|r| cells.columns[column][*r].clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
