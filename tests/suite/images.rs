//! Data from the user's files: IDX, folders of pictures, npy; what is read, what is refused, and that it trains.

use crate::net::net;
use chainrule::data::{Augment, Channels, DataConfig, Dataset, Folder, Idx, Labels, Layout, Npy, Source, inspect_npy};
use chainrule::graph::Graph;
use chainrule::train::{Metrics, Optimizer, Part, Session, TrainConfig};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::{ProptestConfig, any};
use proptest::{collection, proptest};
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[path = "images/augment.rs"]
mod augment;
#[path = "images/mnist.rs"]
mod mnist;

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
    let why = loaded.expect_err("it is refused");
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
    refused(load(&f, images(".")), &["is a folder"]);
    refused(load(&f, images("")), &["choose the file of pictures"]);
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

/// A picture of one colour.
fn picture(colour: [u8; 3], width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(width, height, Rgb(colour)).write_to(&mut bytes, format).expect("memory");
    bytes.into_inner()
}

fn pictures(folder: Folder) -> Source {
    Source::Folder(Folder { path: "pets".into(), ..folder })
}

#[test]
fn folders_are_classes_and_pictures_are_resized() {
    let f = folder();
    write(&f, "pets/dog/b.JPG", &picture([255, 255, 255], 40, 30, ImageFormat::Jpeg));
    write(&f, "pets/dog/notes.txt", b"not a picture");
    write(&f, "pets/cat/c.png", &picture([255, 0, 51], 5, 9, ImageFormat::Png));
    write(&f, "pets/.hidden/d.png", &picture([0, 0, 0], 5, 9, ImageFormat::Png));
    let size = Folder { width: 3, height: 2, ..Folder::default() };
    let data = load(&f, pictures(Folder { channels: Channels::Rgb, ..size.clone() })).expect("it loads");
    assert_eq!((data.class_names.join(" "), data.picture), ("cat dog".to_owned(), Some([3, 2, 3])));
    assert_eq!(format!("{} {}", data.feature_shape, data.target_shape), "B×3×2×3 B");
    let (x, y) = batch(&data, &[0, 1]);
    assert_eq!(y, [0.0, 1.0]);
    let channels: Vec<f64> = x.chunks(6).flat_map(|c| c.iter().map(|p| (p - c[0]).abs()).collect::<Vec<_>>()).collect();
    assert_eq!(channels, [0.0; 36], "a channel of one colour is one number");
    assert_eq!([x[0], x[6], x[12], x[18], x[35]], [1.0, 0.0, 0.2, 1.0, 1.0]);
    let grey = load(&f, pictures(size)).expect("it loads");
    assert_eq!(grey.feature_shape.to_string(), "B×1×2×3");
    assert_eq!(data.warnings, Vec::<String>::new());
}

#[test]
fn a_picture_of_the_right_size_keeps_its_pixels() {
    let f = folder();
    let mut image = RgbImage::new(3, 2);
    image.pixels_mut().enumerate().for_each(|(i, p)| *p = Rgb([i as u8, 10 * i as u8, 7]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("memory");
    write(&f, "pets/a/a.png", bytes.get_ref());
    write(&f, "pets/b/b.png", bytes.get_ref());
    let rgb = Folder { width: 3, height: 2, channels: Channels::Rgb, ..Folder::default() };
    let data = load(&f, pictures(rgb)).expect("it loads");
    let want = (0..6).chain((0..6).map(|i| 10 * i)).chain([7; 6]).map(|p| f64::from(p) / 255.0);
    assert_eq!(data.unscaled(1), want.collect::<Vec<_>>());
}

#[test]
fn pictures_that_cannot_be_read_are_named_and_left_out() {
    let f = folder();
    let good = picture([9, 9, 9], 4, 4, ImageFormat::Png);
    write(&f, "pets/cat/good.png", &good);
    write(&f, "pets/dog/good.png", &good);
    write(&f, "pets/dog/cut.png", &good[..good.len() - 20]);
    write(&f, "pets/dog/empty.jpg", b"");
    write(&f, "pets/dog/text.png", b"this is a text");
    write(&f, "pets/emu/text.png", b"this is a text");
    write(&f, "pets/fox/notes.md", b"none yet");
    // A head that promises 4096×4096 pixels, with the checksum that belongs to it.
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
    let mut sum = flate2::Crc::new();
    sum.update(&huge[12..29]);
    huge[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    write(&f, "pets/dog/huge.png", &huge);
    let data = load(&f, pictures(Folder::default())).expect("two are left");
    assert_eq!((data.len(), data.class_names.join(" ")), (2, "cat dog".to_owned()));
    for name in [
        "dog/cut.png",
        "dog/empty.jpg",
        "dog/text.png",
        "dog/huge.png cannot be read: it says that it has 4096×4096",
        "emu/text.png",
        "fox holds no",
    ] {
        assert_eq!(data.warnings.iter().filter(|w| w.contains(name)).count(), 1, "{name}: {:?}", data.warnings);
    }
    assert_eq!(data.warnings.len(), 6);
}

#[test]
fn folders_without_two_classes_of_pictures_are_refused() {
    let f = folder();
    refused(load(&f, pictures(Folder::default())), &["pets cannot be read"]);
    write(&f, "pets/cat.png", &picture([9, 9, 9], 4, 4, ImageFormat::Png));
    refused(load(&f, pictures(Folder::default())), &["no sub-folders"]);
    write(&f, "pets/cat/cat.png", &picture([9, 9, 9], 4, 4, ImageFormat::Png));
    refused(load(&f, pictures(Folder::default())), &["1 classes"]);
    write(&f, "pets/dog/dog.png", b"broken");
    refused(load(&f, pictures(Folder::default())), &["1 classes", "dog/dog.png"]);
    refused(load(&f, pictures(Folder { width: 0, ..Folder::default() })), &["0×32"]);
    refused(load(&f, pictures(Folder { height: usize::MAX, ..Folder::default() })), &["1 to 2048"]);
}

fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let mut head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (head.len() + 11) % 64 > 0 {
        head.push(' ');
    }
    head.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((head.len() as u16).to_le_bytes());
    bytes.extend(head.as_bytes());
    bytes.extend(elements);
    bytes
}

fn npz(arrays: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (k, (name, bytes)) in arrays.iter().enumerate() {
        let method = if k % 2 == 0 { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method)).expect("memory");
        zip.write_all(bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

fn arrays(features: &str, targets: Option<&str>) -> Source {
    Source::Npy(Npy { features: features.into(), targets: targets.map(Into::into), ..Npy::default() })
}

#[test]
fn npy_arrays_of_every_type_are_read() {
    let f = folder();
    let f32s: Vec<u8> = [1.5f32, -2.0, 0.0, 4.0, 7.0, 0.25].iter().flat_map(|x| x.to_le_bytes()).collect();
    let f64s: Vec<u8> = [1.5f64, -2.0, 0.0, 4.0, 7.0, 0.25].iter().flat_map(|x| x.to_le_bytes()).collect();
    let i32s: Vec<u8> = [-3i32, 8, -3].iter().flat_map(|x| x.to_le_bytes()).collect();
    let i64s: Vec<u8> = [-3i64, 8, -3].iter().flat_map(|x| x.to_le_bytes()).collect();
    for (descr, elements) in [("<f4", &f32s), ("<f8", &f64s)] {
        write(&f, "x.npy", &npy(descr, "(3, 2)", elements));
        for (descr, elements) in [("<i4", &i32s), ("<i8", &i64s), ("|u1", &vec![4, 5, 4])] {
            write(&f, "y.npy", &npy(descr, "(3,)", elements));
            let data = load(&f, arrays("x.npy", Some("y.npy"))).expect("it loads");
            assert_eq!(format!("{} {}", data.feature_shape, data.target_shape), "B×2 B");
            assert_eq!(batch(&data, &[2, 0]), (vec![7.0, 0.25, 1.5, -2.0], vec![0.0, 0.0]));
            assert_eq!(data.class_names, if descr == "|u1" { ["4", "5"] } else { ["-3", "8"] });
        }
        write(&f, "y.npy", &npy("<f4", "(3, 2)", &f32s));
        let data = load(&f, arrays("x.npy", Some("y.npy"))).expect("it loads");
        assert_eq!(data.target_shape.to_string(), "B×2");
        assert_eq!(batch(&data, &[1]), (vec![0.0, 4.0], vec![0.0, 4.0]));
    }
    write(&f, "x.npy", &npy("<i8", "(3,)", &i64s));
    let data = load(&f, arrays("x.npy", Some("y.npy"))).expect("it loads");
    assert_eq!((data.feature_shape.to_string(), data.feature(1, 0)), ("B×1".to_owned(), 8.0));
}

#[test]
fn float_targets_are_classes_only_if_labels_are_asked_for() {
    let f = folder();
    let y: Vec<u8> = [0.0f32, 1.0, 1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    write(&f, "x.npy", &npy("|u1", "(3, 2)", &[1, 2, 3, 4, 5, 6]));
    write(&f, "y.npy", &npy("<f4", "(3,)", &y));
    let with = |labels| {
        let config = DataConfig { source: arrays("x.npy", Some("y.npy")), labels, ..DataConfig::default() };
        config.load(f.path()).expect("it loads").expect("a source").class_names.len()
    };
    assert_eq!((with(Labels::Auto), with(Labels::OneHot)), (0, 2));
    let data = load(&f, arrays("x.npy", Some("y.npy"))).expect("it loads");
    assert_eq!((data.picture, data.unscaled(2)), (None, vec![5.0, 6.0]), "what is no picture stays as it is");
}

#[test]
fn npz_files_give_the_arrays_that_are_named_or_usual() {
    let f = folder();
    let (x, y) = (npy("|u1", "(3, 2, 2)", &[51; 12]), npy("|u1", "(3,)", &[2, 0, 2]));
    let other = npy("|u1", "(3, 1)", &[7, 8, 9]);
    write(&f, "set.npz", &npz(&[("x_train", &x), ("y_train", &y), ("other", &other)]));
    assert_eq!(inspect_npy(&f.path().join("set.npz")).expect("it reads"), ["x_train", "y_train", "other"]);
    let data = load(&f, arrays("set.npz", None)).expect("it loads");
    assert_eq!((data.picture, data.class_names.join(" ")), (Some([1, 2, 2]), "0 2".to_owned()));
    assert_eq!(batch(&data, &[0]), (vec![0.2; 4], vec![1.0]));
    let named = |name: &str| {
        Source::Npy(Npy { features_name: Some(name.into()), features: "set.npz".into(), ..Npy::default() })
    };
    assert_eq!(load(&f, named("other")).expect("it loads").unscaled(2), [9.0]);
    refused(load(&f, named("z")), &["no array \"z\"", "x_train, y_train, other"]);
    write(&f, "odd.npz", &npz(&[("x", &x), ("b", &y)]));
    refused(load(&f, arrays("odd.npz", None)), &["none of y, Y", "x, b"]);
}

#[test]
fn every_damage_of_an_npy_file_is_named() {
    let elements: Vec<u8> = (0..24).collect();
    let good = npy("<i4", "(3, 2)", &elements);
    let text = |from: &str, to: &str| {
        let head = String::from_utf8_lossy(&good[10..]).replacen(from, to, 1);
        [&good[..10], head.as_bytes()].concat()
    };
    let nan: Vec<u8> = [1.0f32, 2.0, f32::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut version = good.clone();
    version[6] = 9;
    let mut long = good.clone();
    long[6] = 2;
    let damages: [(&[u8], &str); 17] = [
        (&[], "cut off within its head"),
        (&good[..40], "cut off within its head"),
        (&good[..good.len() - 1], "cut off: its head tells of 24 bytes of elements, but there are 23"),
        (&[&good[..], &[0]].concat(), "damaged: its head tells of 24"),
        (b"this is a text and no array", "no npy file"),
        (&version, "version is 9.0"),
        (&long, "its head has"),
        (&text("descr", "dexcr"), "no 'descr'"),
        (&text("'<i4'", "'>i4'"), ">i4; f32, f64"),
        (&text("'<i4'", "'<c8'"), "<c8; f32, f64"),
        (&text("'<i4'", "[('a'"), "a structure"),
        (&text("False", "True "), "Fortran order"),
        (&text("(3, 2)", "(3, x)"), "not a tuple"),
        (&text("(3, 2)", "(3, 0)"), "no samples"),
        (&text("(3, 2)", "()    "), "no samples"),
        (&npy("<f8", "(99999999999, 99999999999)", &elements), "cut off"),
        (&npy("<f4", "(3,)", &nan), "row 2 holds a NaN"),
    ];
    let f = folder();
    write(&f, "y.npy", &npy("|u1", "(3,)", &[0, 1, 0]));
    for (bytes, word) in damages {
        write(&f, "x.npy", bytes);
        refused(load(&f, arrays("x.npy", Some("y.npy"))), &[word, "x.npy"]);
        // The same array in an archive, where there is no length of a file to compare with.
        write(&f, "x.npz", &npz(&[("x", bytes), ("y", &npy("|u1", "(3,)", &[0, 1, 0]))]));
        refused(load(&f, arrays("x.npz", None)), &["x.npz, array \"x\""]);
    }
    write(&f, "x.npy", &good);
    refused(load(&f, arrays("x.npy", None)), &["choose the file of targets"]);
    refused(load(&f, arrays("x.npy", Some("nowhere.npy"))), &["nowhere.npy cannot be read"]);
    write(&f, "y.npy", &npy("|u1", "(4,)", &[0, 1, 0, 1]));
    refused(load(&f, arrays("x.npy", Some("y.npy"))), &["3 rows", "has 4"]);
    let archive = npz(&[("x", &good), ("y", &npy("|u1", "(3,)", &[0, 1, 0]))]);
    write(&f, "cut.npz", &archive[..archive.len() - 30]);
    refused(load(&f, arrays("cut.npz", None)), &["cut.npz is damaged"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_bytes_make_reading_arrays_or_pictures_panic(
        bytes in collection::vec(any::<u8>(), 0..80), at in 0usize..400, byte in any::<u8>(),
    ) {
        let f = folder();
        let (x, y) = (npy("<f4", "(3, 2)", &[63; 24]), npy("|u1", "(3,)", &[0, 1, 0]));
        write(&f, "y.npy", &y);
        let archive = npz(&[("x", &x), ("y", &y)]);
        let image = picture([1, 2, 3], 7, 7, ImageFormat::Jpeg);
        write(&f, "pets/cat/good.jpg", &image);
        for whole in [x, archive, image, picture([1, 2, 3], 7, 7, ImageFormat::Png)] {
            let mut one = whole.clone();
            let at = at % one.len();
            one[at] = byte;
            for bytes in [bytes.clone(), one, whole[..at].to_vec(), [&whole[..at], &bytes].concat()] {
                write(&f, "x", &bytes);
                write(&f, "pets/dog/bad.png", &bytes);
                for source in [arrays("x", Some("y.npy")), arrays("x", None), pictures(Folder::default())] {
                    if let Ok(data) = load(&f, source) {
                        batch(&data, &data.train);
                    }
                }
            }
        }
    }
}

#[test]
fn settings_of_files_survive_the_project_file() {
    let sources = [
        Source::Idx(Idx { train: Some(5), layout: Layout::Image, ..Idx::beside(Path::new("train-images")) }),
        pictures(Folder { channels: Channels::Rgb, ..Folder::default() }),
        Source::Npy(Npy { targets: Some("y.npy".into()), features_name: Some("x".into()), ..Npy::default() }),
    ];
    for source in sources {
        let mut project = chainrule::project::Project::default();
        let augment = Augment { shift: 2, flip: true, noise: 0.25 };
        project.document.data = DataConfig { source, augment, ..DataConfig::default() };
        let text = chainrule::project::to_text(&project);
        assert_eq!(chainrule::project::parse(&text).expect("it reads").document.data, project.document.data);
    }
}

/// A chain of layers `linear N` and activations into a cross-entropy loss.
fn network(layers: &[&str]) -> Graph {
    let mut n = net();
    let mut last = n.add("input", &[], &[]);
    for layer in layers {
        last = match layer.strip_prefix("linear ") {
            Some(size) => n.linear(size.parse().expect("a size"), last),
            None => n.add(layer, &[], &[last]),
        };
    }
    let y = n.add("target", &[], &[]);
    n.add("cross_entropy_loss", &[], &[last, y]);
    n.0
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

#[test]
fn lenet_learns_digits_from_idx_files() {
    let f = folder();
    drawn(&f, 500);
    // The project names the files and how they are split.
    let d = chainrule::project::parse(include_str!("../fixtures/lenet_idx.ron")).expect("it reads").document;
    let data = d.data.load(f.path()).expect("it loads").expect("samples");
    assert_eq!(data.feature_shape.to_string(), "B×1×28×28");
    let mut session = Session::<f32>::new(Arc::new(d.graph), Some(Arc::new(data)), d.train).expect("it can run");
    while session.epoch() < 16 {
        session.step();
    }
    let Metrics::Classes { accuracy, top, auc, .. } = session.evaluate(Part::Test).metrics else {
        panic!("there are classes")
    };
    assert!(accuracy >= 0.8, "{accuracy}");
    assert!(top.iter().all(|(_, share)| *share >= accuracy) && top.len() == 2, "{top:?}");
    assert!(auc.iter().all(|a| *a > 0.95), "{auc:?}");
}
