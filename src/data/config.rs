//! Which data a project trains on.

use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// The data settings of a project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataConfig {
    /// Where samples come from.
    pub source: Source,
    /// Share of the samples that is trained on, 0 to 1.
    pub train_share: f64,
    /// Seed of made data and of the split.
    pub seed: u64,
    /// What is done to the features.
    pub scale: Scale,
    /// How classes are coded.
    pub labels: Labels,
    /// How pictures are changed at random when they train.
    #[serde(skip_serializing_if = "Augment::is_default")]
    pub augment: Augment,
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig {
            source: Source::None,
            train_share: 0.5,
            seed: 42,
            scale: Scale::None,
            labels: Labels::Auto,
            augment: Augment::default(),
        }
    }
}

/// Where samples come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Source {
    /// Nowhere yet.
    #[default]
    None,
    /// Points of the plane, as TensorFlow Playground makes them.
    Playground(Playground),
    /// A function of one variable.
    Function(Function),
    /// Rows written down in the project; all of them train and test.
    Table(Table),
    /// The embedded 8×8 digits.
    Digits,
    /// The embedded iris flowers.
    Iris,
    /// A file of the user.
    Csv(Csv),
    /// Pictures in the format of MNIST.
    Idx(Idx),
    /// Pictures, a folder per class.
    Folder(Folder),
    /// Arrays of NumPy.
    Npy(Npy),
}

/// Points of the plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Playground {
    /// Their pattern.
    pub set: Set,
    /// Noise, 0 to 0.5.
    pub noise: f64,
    /// How many.
    pub samples: usize,
    /// Which features are made of the two coordinates.
    pub inputs: Vec<Input>,
}

impl Default for Playground {
    fn default() -> Self {
        Playground { set: Set::Spiral, noise: 0.0, samples: 500, inputs: vec![Input::X1, Input::X2] }
    }
}

/// A pattern of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the labels say what they are")]
pub enum Set {
    Circle,
    Xor,
    Gauss,
    Spiral,
    Plane,
    MultiGauss,
}

impl Set {
    /// All patterns.
    pub const ALL: [Set; 6] = [Set::Circle, Set::Xor, Set::Gauss, Set::Spiral, Set::Plane, Set::MultiGauss];
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Set::Circle => "Circle",
            Set::Xor => "XOR",
            Set::Gauss => "Gauss",
            Set::Spiral => "Two spirals",
            Set::Plane => "Plane (regression)",
            Set::MultiGauss => "Multi-Gauss (regression)",
        }
    }
    /// Whether points have a class rather than a number.
    pub fn is_classification(self) -> bool {
        !matches!(self, Set::Plane | Set::MultiGauss)
    }
}

/// A feature made of the two coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the labels say what they are")]
pub enum Input {
    X1,
    X2,
    X1Squared,
    X2Squared,
    X1X2,
    SinX1,
    SinX2,
}

impl Input {
    /// All features in TensorFlow Playground's order.
    pub const ALL: [Input; 7] =
        [Input::X1, Input::X2, Input::X1Squared, Input::X2Squared, Input::X1X2, Input::SinX1, Input::SinX2];
    /// Name for people.
    pub fn label(self) -> &'static str {
        match self {
            Input::X1 => "x₁",
            Input::X2 => "x₂",
            Input::X1Squared => "x₁²",
            Input::X2Squared => "x₂²",
            Input::X1X2 => "x₁x₂",
            Input::SinX1 => "sin x₁",
            Input::SinX2 => "sin x₂",
        }
    }
    /// Its value at a point.
    pub fn eval(self, x1: f64, x2: f64) -> f64 {
        match self {
            Input::X1 => x1,
            Input::X2 => x2,
            Input::X1Squared => x1 * x1,
            Input::X2Squared => x2 * x2,
            Input::X1X2 => x1 * x2,
            Input::SinX1 => x1.sin(),
            Input::SinX2 => x2.sin(),
        }
    }
}

/// A function of one variable, sampled evenly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Function {
    /// Such as `sin(x)`.
    pub formula: String,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How many samples.
    pub samples: usize,
    /// Standard deviation of the noise on the value.
    pub noise: f64,
}

impl Default for Function {
    fn default() -> Self {
        let pi = std::f64::consts::PI;
        Function { formula: "sin(x)".into(), from: -pi, to: pi, samples: 200, noise: 0.0 }
    }
}

/// Rows written down in the project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// One row of numbers per sample.
    pub features: Vec<Vec<f64>>,
    /// One row of numbers per sample.
    pub targets: Vec<Vec<f64>>,
    /// A name per feature column.
    pub feature_names: Vec<String>,
    /// A name per target column.
    pub target_names: Vec<String>,
}

/// A file of the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Csv {
    /// Where it is; relative paths begin at the project's folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// What separates columns; found out if not given.
    pub delimiter: Option<char>,
    /// Whether the first row holds names; found out if not given.
    pub header: Option<bool>,
    /// Names of the feature columns; all but the target if empty.
    pub features: Vec<String>,
    /// Name of the target column; the last one if not given.
    pub target: Option<String>,
}

/// Pictures in MNIST's IDX format, plain or gzipped, with their classes. Relative paths begin at the project's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Idx {
    /// The file of pictures.
    #[serde(serialize_with = "as_text")]
    pub images: PathBuf,
    /// The file of classes; the one of the usual name beside the pictures if not given.
    #[serde(serialize_with = "maybe_text")]
    pub labels: Option<PathBuf>,
    /// A file of pictures to test with.
    #[serde(serialize_with = "maybe_text")]
    pub test_images: Option<PathBuf>,
    /// Their classes; the file of the usual name beside them if not given.
    #[serde(serialize_with = "maybe_text")]
    pub test_labels: Option<PathBuf>,
    /// Train on the first so many; if not given, on all that do not test.
    pub train: Option<usize>,
    /// Test with the last so many; if not given, with all that do not train. If neither number is given and there is
    /// one file of pictures, the train share decides.
    pub test: Option<usize>,
    /// Shape of a sample.
    pub layout: Layout,
}

/// Shape of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// A row of pixels, `B×HW`.
    #[default]
    Flat,
    /// A channel of height and width, `B×1×H×W`.
    Image,
}

/// PNG and JPEG pictures in one sub-folder per class, which gives the class its name; `B×C×H×W`, from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Folder {
    /// The folder of the sub-folders; a relative path begins at the project's folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Pixels across, to which each picture is stretched.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// What of a pixel is used.
    pub channels: Channels,
}

impl Default for Folder {
    fn default() -> Self {
        Folder { path: PathBuf::new(), width: 32, height: 32, channels: Channels::Grey }
    }
}

/// What of a pixel is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channels {
    /// Its lightness.
    #[default]
    Grey,
    /// Red, green and blue.
    Rgb,
}

/// Arrays of NumPy, `.npy` or `.npz`, with elements f32, f64, i64, i32 or u8, the first axis the samples. Samples keep
/// their shape; pictures of u8 (`B×H×W` or `B×C×H×W`) are scaled to 0 to 1. Few different whole numbers of an integer
/// type are classes. Relative paths begin at the project's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Npy {
    /// The file of features.
    #[serde(serialize_with = "as_text")]
    pub features: PathBuf,
    /// The file of targets; if not given, the npz file of the features.
    #[serde(serialize_with = "maybe_text")]
    pub targets: Option<PathBuf>,
    /// The name of the features in an npz file; a usual one, such as `x`, if not given.
    pub features_name: Option<String>,
    /// The name of the targets in an npz file; a usual one, such as `y`, if not given.
    pub targets_name: Option<String>,
}

/// How pictures are changed at random each time they train; those that test stay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Most pixels by which they are moved, in both directions.
    pub shift: usize,
    /// Whether half of them are mirrored.
    pub flip: bool,
    /// Standard deviation of the noise on a pixel, whose range is 0 to 1.
    pub noise: f64,
}

impl Augment {
    fn is_default(&self) -> bool {
        *self == Augment::default()
    }
}

/// A path of bytes that are no text keeps what can be read of it; an error would cost the whole project.
fn as_text<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

/// As [`as_text`].
fn maybe_text<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|p| p.to_string_lossy()).serialize(to)
}

/// What is done to features; measured on the train part only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// Nothing.
    #[default]
    None,
    /// Mean 0, standard deviation 1.
    Standardise,
    /// From 0 to 1.
    MinMax,
}

/// How classes are coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Labels {
    /// Two classes as 0 and 1, more as an index.
    #[default]
    Auto,
    /// The number of the class, shape B.
    Index,
    /// 0 and 1, shape B×1.
    ZeroOne,
    /// −1 and 1, shape B×1.
    PlusMinus,
    /// A column per class, shape B×C.
    OneHot,
}

impl DataConfig {
    /// Names that [`DataConfig::preset`] knows.
    pub fn presets() -> &'static [&'static str] {
        &["circle", "xor", "gauss", "spiral", "plane", "multi_gauss", "sine", "digits", "iris", "and", "or"]
    }

    /// A well-known data set by name.
    pub fn preset(name: &str) -> Option<Self> {
        let set = |set: Set| {
            let samples = if set.is_classification() { 500 } else { 1200 };
            Source::Playground(Playground { set, samples, ..Playground::default() })
        };
        let gate = |name: &str, or: bool| {
            let bit = |b: bool| f64::from(u8::from(b));
            let rows = [(false, false), (false, true), (true, false), (true, true)];
            Source::Table(Table {
                features: rows.iter().map(|(a, b)| vec![bit(*a), bit(*b)]).collect(),
                targets: rows.iter().map(|(a, b)| vec![bit(if or { *a || *b } else { *a && *b })]).collect(),
                feature_names: vec!["a".into(), "b".into()],
                target_names: vec![format!("a {name} b")],
            })
        };
        let (source, train_share, scale) = match name {
            "circle" => (set(Set::Circle), 0.5, Scale::None),
            "xor" => (set(Set::Xor), 0.5, Scale::None),
            "gauss" => (set(Set::Gauss), 0.5, Scale::None),
            "spiral" => (set(Set::Spiral), 0.5, Scale::None),
            "plane" => (set(Set::Plane), 0.5, Scale::None),
            "multi_gauss" => (set(Set::MultiGauss), 0.5, Scale::None),
            "sine" => (Source::Function(Function::default()), 0.8, Scale::None),
            "digits" => (Source::Digits, 0.8, Scale::None),
            "iris" => (Source::Iris, 0.7, Scale::Standardise),
            "and" => (gate("and", false), 1.0, Scale::None),
            "or" => (gate("or", true), 1.0, Scale::None),
            _ => return None,
        };
        Some(DataConfig { source, train_share, scale, ..DataConfig::default() })
    }

    /// Whether the samples lie in files, which may be large and slow to read.
    pub fn is_in_files(&self) -> bool {
        matches!(self.source, Source::Csv(_) | Source::Idx(_) | Source::Folder(_) | Source::Npy(_))
    }

    /// What it is, in a few words.
    pub fn label(&self) -> String {
        let name = |path: &std::path::Path, otherwise: &str| {
            path.file_name().map_or_else(|| otherwise.into(), |n| n.to_string_lossy().into_owned())
        };
        match &self.source {
            Source::None => "no data".into(),
            Source::Playground(p) => p.set.label().into(),
            Source::Function(f) => format!("y = {}", f.formula),
            Source::Table(t) => format!("table of {} rows", t.features.len()),
            Source::Digits => "Digits 8×8".into(),
            Source::Iris => "Iris".into(),
            Source::Csv(c) => name(&c.path, "CSV file"),
            Source::Idx(i) => name(&i.images, "IDX files"),
            Source::Folder(f) => name(&f.path, "folder of pictures"),
            Source::Npy(n) => name(&n.features, "NumPy file"),
        }
    }
}
