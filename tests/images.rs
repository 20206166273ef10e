//! Data from the user's files: IDX, folders of pictures, npy; what is read, what is refused, and that it trains.

use chainrule::data::{DataConfig, Dataset, Idx, Layout, Source};
use chainrule::graph::{Edit, Graph, Node, NodeId, Wire};
use chainrule::ops::Value;
use chainrule::train::{Metrics, Optimizer, Part, Session, TrainConfig};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::{ProptestConfig, any};
use proptest::{collection, proptest};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn idx(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// Six pictures of 2×3 pixels of the classes 0, 1, 2, 0, 1, 2; pixel k of picture i is 6 i + k.
fn small(folder: &TempDir) {
    write(folder, IMAGES, &idx(&[6, 2, 3], &(0..36).collect::<Vec<_>>()));
    write(folder, LABELS, &idx(&[6], &[0, 1, 2, 0, 1, 2]));
}

fn load(folder: &TempDir, source: Source) -> Result<Dataset, String> {
    let config = DataConfig { source, ..DataConfig::default() };
    config.load(folder.path()).map(|d| d.expect("a source")).map_err(|e| e.to_string())
}

fn images(name: &str) -> Source {
    Source::Idx(Idx { images: name.into(), ..Idx::default() })
}

/// Fails unless the data set is refused with all of `words` in the reason.
fn refused(loaded: Result<Dataset, String>, words: &[&str]) {
    let why = loaded.err().expect("it is refused");
    for word in words {
        assert!(why.contains(word), "\"{why}\" does not say \"{word}\"");
    }
}

/// The features of samples as a batch holds them.
fn batch(data: &Dataset, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let mut x = vec![0.0; rows.len() * data.feature_width()];
    let mut y = vec![0.0; rows.len() * data.target_width()];
    data.gather(rows, &mut x, &mut y);
    (x, y)
}

#[test]
fn idx_files_give_pixels_from_0_to_1_and_class_indices() {
    let f = folder();
    small(&f);
    let data = load(&f, images(IMAGES)).expect("it loads");
    assert_eq!((data.len(), data.picture), (6, Some([1, 2, 3])));
    assert_eq!(format!("{} {}", data.feature_shape, data.target_shape), "B×6 B");
    let (x, y) = batch(&data, &[4, 1]);
    assert_eq!(y, [1.0, 1.0]);
    let want: Vec<f64> = (24..30).chain(6..12).map(|p| f64::from(p) / 255.0).collect();
    assert_eq!(x, want);
    assert_eq!(data.class_names, ["0", "1", "2"]);
    let image = Idx { layout: Layout::Image, images: IMAGES.into(), ..Idx::default() };
    assert_eq!(load(&f, Source::Idx(image)).expect("it loads").feature_shape.to_string(), "B×1×2×3");
}

#[test]
fn gzipped_idx_files_are_the_same_as_plain_ones() {
    let (plain, zipped) = (folder(), folder());
    small(&plain);
    for name in [IMAGES, LABELS] {
        let bytes = std::fs::read(plain.path().join(name)).expect("it was written");
        write(&zipped, &format!("{name}.gz"), &gzip(&bytes));
    }
    let (a, b) = (load(&plain, images(IMAGES)), load(&zipped, images(&format!("{IMAGES}.gz"))));
    let (a, b) = (a.expect("plain loads"), b.expect("gzipped loads"));
    let rows: Vec<usize> = (0..6).collect();
    assert_eq!(batch(&a, &rows), batch(&b, &rows));
    assert_eq!((a.train, a.test), (b.train, b.test));
}

#[test]
fn the_first_pictures_train_and_the_last_test() {
    let f = folder();
    small(&f);
    let parts = |train, test| {
        let data = load(&f, Source::Idx(Idx { images: IMAGES.into(), train, test, ..Idx::default() }))?;
        Ok::<_, String>((data.train, data.test))
    };
    assert_eq!(parts(Some(3), Some(2)), Ok((vec![0, 1, 2], vec![4, 5])));
    assert_eq!(parts(Some(4), None), Ok((vec![0, 1, 2, 3], vec![4, 5])));
    assert_eq!(parts(None, Some(1)), Ok((vec![0, 1, 2, 3, 4], vec![5])));
    assert!(parts(Some(4), Some(3)).is_err_and(|e| e.contains("only 6")));
    assert!(parts(Some(7), None).is_err_and(|e| e.contains("there are 6")));
    assert!(parts(None, Some(usize::MAX)).is_err_and(|e| e.contains("there are 6")));
}

#[test]
fn a_test_pair_of_its_own_is_found_and_kept_apart() {
    let f = folder();
    small(&f);
    write(&f, "t10k-images-idx3-ubyte.gz", &gzip(&idx(&[2, 2, 3], &[255; 12])));
    write(&f, "t10k-labels-idx1-ubyte", &idx(&[2], &[3, 0]));
    let source = Idx::beside(&f.path().join(IMAGES));
    assert!(source.test_images.as_ref().is_some_and(|p| p.ends_with("t10k-images-idx3-ubyte.gz")));
    let data = load(&f, Source::Idx(source.clone())).expect("it loads");
    assert_eq!((&data.train[..], &data.test[..]), (&[0, 1, 2, 3, 4, 5][..], &[6, 7][..]));
    assert_eq!(data.class_names.len(), 4);
    assert_eq!(batch(&data, &[7, 0]).0[..7], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
    let fewer = Idx { train: Some(2), test: Some(1), ..source.clone() };
    let data = load(&f, Source::Idx(fewer)).expect("it loads");
    assert_eq!((data.train, data.test), (vec![0, 1], vec![7]));
    write(&f, "t10k-images-idx3-ubyte.gz", &gzip(&idx(&[2, 3, 2], &[255; 12])));
    refused(load(&f, Source::Idx(source)), &["2×3 pixels", "3×2"]);
}

#[test]
fn every_damage_of_an_idx_file_is_named() {
    let pixels: Vec<u8> = (0..36).collect();
    let good = idx(&[6, 2, 3], &pixels);
    let zipped = gzip(&good);
    let mut flipped = zipped.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 0xff;
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let damages: [(&[u8], &str); 15] = [
        (&[], "cut off after 0 bytes"),
        (&good[..3], "cut off after 3 bytes"),
        (&good[..10], "ends within its head"),
        (&good[..40], "cut off or damaged"),
        (&[&good[..], &[1]].concat(), "longer than the 36 bytes"),
        (b"PNG and so on, not IDX at all", "begins with 50 4e 47 20"),
        (&with(2, 13), "not unsigned bytes"),
        (&with(3, 2), "2 axes instead of 3"),
        (&with(7, 0), "holds nothing"),
        (&idx(&[u32::MAX; 3], &pixels), "cut off or damaged"),
        (&gzip(&idx(&[u32::MAX, 9, 9], &pixels)), "cut off or damaged"),
        (&zipped[..zipped.len() - 12], "gzip stream has no end"),
        (&flipped, "damaged"),
        (&gzip(&good[..40]), "cut off: it has 24 of 36 bytes"),
        (&gzip(&[&good[..], &[1]].concat()), "longer than the 36 bytes"),
    ];
    for (bytes, word) in damages {
        let f = folder();
        small(&f);
        write(&f, IMAGES, bytes);
        refused(load(&f, images(IMAGES)), &[word, IMAGES]);
    }
}

#[test]
fn idx_files_that_do_not_belong_together_are_refused() {
    let f = folder();
    refused(load(&f, images(IMAGES)), &["cannot be read"]);
    refused(load(&f, images("")), &["is a folder"]);
    small(&f);
    refused(load(&f, images(LABELS)), &["there is no file of labels"]);
    let labels = |name: &str| Source::Idx(Idx { images: IMAGES.into(), labels: Some(name.into()), ..Idx::default() });
    refused(load(&f, labels(IMAGES)), &["choose the file of labels"]);
    refused(load(&f, labels("nowhere")), &["nowhere cannot be read"]);
    let swapped = Idx { images: LABELS.into(), labels: Some(IMAGES.into()), ..Idx::default() };
    refused(load(&f, Source::Idx(swapped)), &["choose the file of pictures"]);
    write(&f, "five", &idx(&[5], &[0, 1, 2, 3, 4]));
    refused(load(&f, labels("five")), &["6 pictures", "5 labels"]);
    write(&f, "same", &idx(&[6], &[4; 6]));
    refused(load(&f, labels("same")), &["one class only"]);
    std::fs::remove_file(f.path().join(LABELS)).expect("it was there");
    refused(load(&f, images(IMAGES)), &["there is no file of labels such as train-labels-idx1-ubyte"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_bytes_make_reading_idx_panic(
        bytes in collection::vec(any::<u8>(), 0..80), at in 0usize..52, byte in any::<u8>(), zip in any::<bool>(),
    ) {
        let f = folder();
        small(&f);
        let mut good = idx(&[6, 2, 3], &(0..36).collect::<Vec<_>>());
        good[at] = byte;
        for bytes in [bytes, good] {
            write(&f, IMAGES, &if zip { gzip(&bytes) } else { bytes });
            if let Ok(data) = load(&f, images(IMAGES)) {
                batch(&data, &data.train);
            }
        }
    }
}

/// A chain of layers `linear N` and activations into a cross-entropy loss.
fn network(layers: &[&str]) -> Graph {
    let mut g = Graph::new();
    let add = |g: &mut Graph, kind: &str| {
        let id = g.next_id();
        g.apply(&Edit::Add(Node::new(id, kind, &g.fresh_name(kind), [0.0, 0.0]))).expect("a node");
        id
    };
    let wire = |g: &mut Graph, from: NodeId, to: NodeId, input| {
        g.apply(&Edit::Connect(Wire { from, output: 0, to, input })).expect("a wire");
    };
    let mut last = add(&mut g, "input");
    for layer in layers.iter().chain(&["cross_entropy_loss"]) {
        let (kind, size) = layer.split_once(' ').unwrap_or((layer, ""));
        let id = add(&mut g, kind);
        if let Ok(n) = size.parse() {
            let name = "out_features".to_owned();
            g.apply(&Edit::SetParam { node: id, name, value: Value::Int(n) }).expect("a size");
        }
        wire(&mut g, last, id, 0);
        last = id;
    }
    let y = add(&mut g, "target");
    wire(&mut g, y, last, 1);
    g
}

/// The embedded digits, drawn three times as large on 28×28 pixels.
fn drawn(folder: &TempDir, count: usize) {
    let digits = DataConfig::preset("digits").and_then(|c| c.load(Path::new(".")).ok().flatten()).expect("digits");
    let mut pixels = vec![0; count * 784];
    for (row, picture) in pixels.chunks_exact_mut(784).enumerate() {
        let digit = digits.unscaled(row);
        for (at, p) in picture.iter_mut().enumerate() {
            let (r, c) = (at / 28, at % 28);
            if (2..26).contains(&r) && (2..26).contains(&c) {
                *p = (digit[(r - 2) / 3 * 8 + (c - 2) / 3] * 255.0) as u8;
            }
        }
    }
    let classes: Vec<u8> = (0..count).map(|row| digits.class_of(row).expect("a class") as u8).collect();
    write(folder, &format!("{IMAGES}.gz"), &gzip(&idx(&[count as u32, 28, 28], &pixels)));
    write(folder, &format!("{LABELS}.gz"), &gzip(&idx(&[count as u32], &classes)));
}

#[test]
fn a_multilayer_perceptron_learns_digits_from_idx_files() {
    let f = folder();
    drawn(&f, 500);
    let source = Idx { images: format!("{IMAGES}.gz").into(), test: Some(100), ..Idx::default() };
    let data = load(&f, Source::Idx(source)).expect("it loads");
    let graph = network(&["linear 128", "relu", "linear 10"]);
    let train = TrainConfig { optimizer: Optimizer::adam(0.003), batch_size: 32, seed: 1, ..TrainConfig::default() };
    let mut session = Session::<f32>::new(Arc::new(graph), Some(Arc::new(data)), train).expect("it can run");
    let accuracy = |s: &mut Session<f32>| match s.evaluate(Part::Test).metrics {
        Metrics::Classes { accuracy, .. } => accuracy,
        other => panic!("{other:?} is no accuracy"),
    };
    assert!(accuracy(&mut session) < 0.4, "the untrained network does not know digits");
    while session.epoch() < 6 {
        session.step();
    }
    let reached = accuracy(&mut session);
    assert!(reached >= 0.85, "{reached}");
}
