//! NumPy's arrays: `.npy`, and `.npz` with several of them.
//!
//! Format: `\x93NUMPY`, version, length of the head, the head as a Python dictionary, the elements
//! (NEP 1; `numpy.lib.format`).

use crate::data::build::{Raw, Target, numbered_classes, place};
use crate::data::idx::MOST_INFLATED;
use crate::data::store::{Bytes, IN_MEMORY, Kind, Store};
use crate::data::{DataError, Labels, Npy};
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;
use zip::ZipArchive;

/// Names that features and targets usually have in an npz file.
const USUAL: [&[&str]; 2] = [
    &["x", "X", "x_train", "X_train", "features", "inputs", "images", "data", "arr_0"],
    &["y", "Y", "y_train", "targets", "labels", "target", "arr_1"],
];
/// Longest head, in bytes.
const MOST_HEAD: u64 = 1 << 20;
/// Feature columns that get names.
const MOST_NAMES: usize = 100;

struct Array {
    name: String,
    kind: Kind,
    shape: Vec<usize>,
    bytes: Bytes,
}

impl Npy {
    pub(super) fn raw(&self, base: &Path, labels: Labels) -> Result<Raw, DataError> {
        let path = place(&self.features, base, "the file of features")?;
        let x = open(&path, self.features_name.as_deref(), USUAL[0], IN_MEMORY)?;
        let targets = match &self.targets {
            Some(targets) => base.join(targets),
            None if is_zip(&path) => path,
            None => return Err(DataError::new("choose the file of targets")),
        };
        let y = open(&targets, self.targets_name.as_deref(), USUAL[1], u64::MAX)?;
        let n = x.shape[0];
        if y.shape[0] != n {
            return Err(DataError::new(format!(
                "{} has {n} rows, but {} has {}; they do not belong together",
                x.name, y.name, y.shape[0]
            )));
        }
        let dims = if x.shape.len() == 1 { vec![1] } else { x.shape[1..].to_vec() };
        let mut warnings = Vec::new();
        let picture = match *dims {
            [h, w] if x.kind == Kind::U8 => Some([1, h, w]),
            [c @ (1 | 3 | 4), h, w] => Some([c, h, w]),
            [h, w, c @ (1 | 3 | 4)] => {
                warnings.push(format!(
                    "{} has samples of {h}×{w}×{c}; a convolution takes the channels first (numpy.moveaxis(x, -1, 1))",
                    x.name
                ));
                None
            }
            _ => None,
        };
        let by = if picture.is_some() && x.kind == Kind::U8 { 255.0 } else { 1.0 };
        let in_memory = matches!(x.bytes, Bytes::Memory(_));
        let features = Store::Raw { bytes: x.bytes, kind: x.kind, by };
        let width: usize = dims.iter().product();
        // What is read in parts is checked as it is used: training stops at the first such number.
        if in_memory {
            let mut row = vec![0.0; width];
            for r in 0..n {
                features.read(r * width, &mut row, |_, x| x);
                finite(&row, r, &x.name)?;
            }
        }
        let target_width: usize = y.shape[1..].iter().product();
        let mut values = vec![0.0; n * target_width];
        Store::Raw { bytes: y.bytes, kind: y.kind, by: 1.0 }.read(0, &mut values, |_, x| x);
        for (r, row) in values.chunks_exact(target_width).enumerate() {
            finite(row, r, &y.name)?;
        }
        let mut target = Target::Numbers { width: target_width, values };
        if labels != Labels::Auto || !matches!(y.kind, Kind::F32 | Kind::F64) {
            target = numbered_classes(target)?;
        }
        let names = |n: usize, stem: &str| (1..=n).map(|k| format!("{stem}{k}")).collect();
        Ok(Raw {
            feature_names: if width <= MOST_NAMES { names(width, "x") } else { Vec::new() },
            target_names: names(target_width.min(MOST_NAMES), "y"),
            warnings,
            picture,
            ..Raw::new(dims, features, target)
        })
    }
}

fn finite(row: &[f64], r: usize, name: &str) -> Result<(), DataError> {
    if row.iter().all(|x| x.is_finite()) {
        return Ok(());
    }
    Err(DataError::new(format!("{name}: row {r} holds a NaN or an infinity")))
}

fn is_zip(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut start)).is_ok() && start == *b"PK\x03\x04"
}

/// Names of the arrays in an npz file; none for an npy file.
///
/// # Errors
/// If the file cannot be read.
pub fn inspect_npy(path: &Path) -> Result<Vec<String>, DataError> {
    let fail = |e: std::io::Error| DataError::new(format!("{} cannot be read: {e}", path.display()));
    let file = File::open(path).map_err(fail)?;
    if !is_zip(path) {
        return Ok(Vec::new());
    }
    let archive = ZipArchive::new(BufReader::new(file));
    let archive = archive.map_err(|e| DataError::new(format!("{} is damaged: {e}", path.display())))?;
    let names = archive.file_names().filter_map(|n| Some(n.ok()?.strip_suffix(".npy")?.to_owned()));
    Ok(names.collect())
}

/// The array in an npy file, or the one called `name` (else one of the `usual` names) in an npz file. The bytes are
/// in memory, if they are at most `most`.
fn open(path: &Path, name: Option<&str>, usual: &[&str], most: u64) -> Result<Array, DataError> {
    let shown = path.display().to_string();
    let names = inspect_npy(path)?;
    let fail = |e: std::io::Error| DataError::new(format!("{shown} cannot be read: {e}"));
    let file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let mut file = BufReader::new(file);
    if !is_zip(path) {
        let (kind, shape, needed) = head(&mut file, &shown)?;
        let offset = file.stream_position().map_err(fail)?;
        let left = size.saturating_sub(offset);
        if left != needed {
            return Err(length(&shown, left, needed));
        }
        return Ok(Array { name: shown, kind, shape, bytes: Bytes::of_file(path, offset, needed as usize, most)? });
    }
    let wanted = match name {
        Some(name) => names.iter().find(|n| *n == name),
        None => usual.iter().find_map(|u| names.iter().find(|n| n == u)),
    };
    let Some(name) = wanted else {
        let asked = name.map_or_else(|| format!("none of {}", usual.join(", ")), |n| format!("no array \"{n}\""));
        return Err(DataError::new(format!("{shown} has {asked}; its arrays are {}", names.join(", "))));
    };
    let shown = format!("{shown}, array \"{name}\"");
    let damaged = |e: &dyn std::fmt::Display| DataError::new(format!("{shown} is damaged: {e}"));
    let mut archive = ZipArchive::new(file).map_err(|e| damaged(&e))?;
    let mut entry = archive.by_name(&format!("{name}.npy")).map_err(|e| damaged(&e))?;
    let (kind, shape, needed) = head(&mut entry, &shown)?;
    if needed > size.saturating_mul(MOST_INFLATED) {
        return Err(length(&shown, size, needed));
    }
    let bytes = Bytes::of_reader(&mut entry, needed, most, |e| damaged(&e))?;
    // Reading on to the end also compares the checksum.
    let more = std::io::copy(&mut entry, &mut std::io::sink()).map_err(|e| damaged(&e))?;
    let there = bytes.len() as u64 + more;
    if there == needed { Ok(Array { name: shown, kind, shape, bytes }) } else { Err(length(&shown, there, needed)) }
}

fn length(name: &str, there: u64, needed: u64) -> DataError {
    let what = if there < needed { "cut off" } else { "damaged" };
    DataError::new(format!("{name} is {what}: its head tells of {needed} bytes of elements, but there are {there}"))
}

/// Element type, shape, and the bytes of all elements.
fn head(reader: &mut dyn Read, name: &str) -> Result<(Kind, Vec<usize>, u64), DataError> {
    let say = |why: String| DataError::new(format!("{name} cannot be read: {why}"));
    let mut read = |n: u64| {
        let mut bytes = Vec::new();
        reader.take(n).read_to_end(&mut bytes).map_err(|e| say(e.to_string()))?;
        if (bytes.len() as u64) < n { Err(say("it is cut off within its head".to_owned())) } else { Ok(bytes) }
    };
    let magic = read(8)?;
    if !magic.starts_with(b"\x93NUMPY") {
        return Err(say("it is no npy file (it does not begin with \\x93NUMPY)".to_owned()));
    }
    let long = if magic[6] == 1 { 2 } else { 4 };
    let len = read(long)?.iter().rev().fold(0, |a, b| a << 8 | u64::from(*b));
    if !(1..=3).contains(&magic[6]) || len > MOST_HEAD {
        return Err(say(format!("its version is {}.{} and its head has {len} bytes", magic[6], magic[7])));
    }
    let text = String::from_utf8_lossy(&read(len)?).into_owned();
    let value = |key: &str| {
        let rest = text.split_once(&format!("'{key}'")).and_then(|t| t.1.trim_start().strip_prefix(':'));
        rest.map(str::trim_start).ok_or_else(|| say(format!("its head has no '{key}'")))
    };
    let descr = value("descr")?;
    let written = descr.strip_prefix('\'').and_then(|d| d.split('\'').next()).unwrap_or("a structure");
    let kind = match written {
        "|u1" | "<u1" | "u1" => Kind::U8,
        "<i4" | "=i4" => Kind::I32,
        "<i8" | "=i8" => Kind::I64,
        "<f4" | "=f4" => Kind::F32,
        "<f8" | "=f8" => Kind::F64,
        other => {
            return Err(say(format!(
                "its elements are {other}; f32, f64, i64, i32 and u8 can be read (x.astype('<f4') converts)"
            )));
        }
    };
    let shape = value("shape")?;
    let axes = shape.strip_prefix('(').and_then(|s| s.split_once(')')).map(|s| s.0.split(','));
    let axes = axes.into_iter().flatten().map(str::trim).filter(|a| !a.is_empty());
    let shape = axes.map(str::parse).collect::<Result<Vec<usize>, _>>();
    let shape = shape.map_err(|_| say("its shape is not a tuple of numbers".to_owned()))?;
    let all = shape.iter().try_fold(kind.size() as u64, |a, n| a.checked_mul(*n as u64));
    if shape.is_empty() || all == Some(0) {
        return Err(say(format!("it holds no samples (shape {shape:?})")));
    }
    if value("fortran_order")?.starts_with("True") && shape.len() > 1 {
        return Err(say("it is in Fortran order; save numpy.ascontiguousarray(x)".to_owned()));
    }
    // More than can be counted is more than any file has.
    Ok((kind, shape, all.unwrap_or(u64::MAX)))
}
