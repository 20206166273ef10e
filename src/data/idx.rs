//! The IDX format of MNIST: pictures in one file, their classes in another, both plain or gzipped.
//!
//! Format: two bytes 0, a type (8: unsigned bytes), the number of axes, the axes as big-endian `u32`, the elements
//! (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits").

use crate::data::build::{Parts, Raw, Target, place};
use crate::data::store::{Bytes, IN_MEMORY, Kind, Store};
use crate::data::{DataError, Idx, Labels, Layout};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// No byte of a deflate stream gives more bytes than this (RFC 1951: a match of 258 bytes takes at least two bits).
pub(super) const MOST_INFLATED: u64 = 1032;

/// Pictures and classes, the test pair after the train pair.
struct Pairs {
    store: Store,
    height: usize,
    width: usize,
    classes: Vec<usize>,
    /// Samples of the first pair, if there are two.
    first: Option<usize>,
}

impl Idx {
    /// The pair of files that the picture file `images` belongs to; with the test pair, if it has the usual name and
    /// lies beside it.
    pub fn beside(images: &Path) -> Self {
        let name = images.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let test = name.contains("train").then(|| find(images, &name.replace("train", "t10k"))).flatten();
        Idx { images: images.to_owned(), test_images: test, ..Idx::default() }
    }

    /// The samples and their parts.
    pub(super) fn raw(&self, base: &Path) -> Result<Raw, DataError> {
        let pairs = self.read(base)?;
        let n = pairs.classes.len();
        let classes = pairs.classes.iter().max().map_or(0, |c| c + 1);
        if pairs.classes.iter().all(|c| Some(c) == pairs.classes.first()) {
            return Err(DataError::new("the labels have one class only; there is nothing to tell apart"));
        }
        let (most_train, most_test) = pairs.first.map_or((n, n), |first| (first, n - first));
        for (part, asked, most) in [("train on", self.train, most_train), ("test with", self.test, most_test)] {
            if let Some(asked) = asked.filter(|k| *k > most) {
                return Err(DataError::new(format!("{asked} pictures to {part} are asked for, but there are {most}")));
            }
        }
        let parts = match (pairs.first, self.train, self.test) {
            (None, None, None) => Parts::Share,
            (None, Some(a), Some(b)) if a + b > n => {
                return Err(DataError::new(format!(
                    "the first {a} pictures are to train and the last {b} to test, but there are only {n}"
                )));
            }
            (None, a, b) => {
                let train = a.unwrap_or(n - b.unwrap_or(0));
                Parts::Fixed { train: 0..train, test: n - b.unwrap_or(n - train)..n }
            }
            (Some(first), a, b) => Parts::Fixed { train: 0..a.unwrap_or(first), test: n - b.unwrap_or(n - first)..n },
        };
        let dims = match self.layout {
            Layout::Flat => vec![pairs.height * pairs.width],
            Layout::Image => vec![1, pairs.height, pairs.width],
        };
        let names = (0..classes).map(|c| c.to_string()).collect();
        let target = Target::Classes { names, of: pairs.classes, auto: Labels::Index };
        let picture = Some([1, pairs.height, pairs.width]);
        Ok(Raw { parts, picture, ..Raw::new(dims, pairs.store, target) })
    }

    fn read(&self, base: &Path) -> Result<Pairs, DataError> {
        let at = |path: &PathBuf| base.join(path);
        let (store, [n, height, width], mut classes) =
            pair(&place(&self.images, base, "the file of pictures")?, self.labels.as_ref().map(at).as_deref())?;
        let Some(test) = &self.test_images else {
            return Ok(Pairs { store, height, width, classes, first: None });
        };
        let test = at(test);
        let (second, [_, h, w], more) = pair(&test, self.test_labels.as_ref().map(at).as_deref())?;
        if [h, w] != [height, width] {
            return Err(DataError::new(format!(
                "{} holds pictures of {w}×{h} pixels, but those to train on have {width}×{height}",
                test.display()
            )));
        }
        classes.extend(more);
        Ok(Pairs { store: Store::Two(Box::new([store, second])), height, width, classes, first: Some(n) })
    }
}

/// The file `name` beside `path`, plain or gzipped, whichever `path` is first.
fn find(path: &Path, name: &str) -> Option<PathBuf> {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    [name.to_owned(), plain.to_owned(), format!("{plain}.gz")]
        .iter()
        .map(|n| path.with_file_name(n))
        .find(|p| p.is_file())
}

/// The file itself; where it is not there, the one of the same name with `.gz` or without.
fn either(path: &Path) -> PathBuf {
    let other = path.file_name().and_then(|name| find(path, &name.to_string_lossy()));
    other.unwrap_or_else(|| path.to_owned())
}

fn pair(images: &Path, labels: Option<&Path>) -> Result<(Store, [usize; 3], Vec<usize>), DataError> {
    if images.is_dir() {
        return Err(DataError::new(format!("{} is a folder; choose the file of pictures in it", images.display())));
    }
    let images = &either(images);
    let labels = match labels {
        Some(path) => either(path),
        None => {
            let name = images.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            let name = name.replace("images", "labels").replace("idx3", "idx1");
            let found = find(images, &name).filter(|p| p != images);
            found.ok_or_else(|| match std::fs::metadata(images) {
                Err(e) => DataError::new(format!("{} cannot be read: {e}", images.display())),
                Ok(_) => DataError::new(format!(
                    "there is no file of labels such as {name} beside {}; choose it",
                    images.display()
                )),
            })?
        }
    };
    let (pictures, axes) = open(images, 3, IN_MEMORY)?;
    let (codes, [n, ..]) = open(&labels, 1, u64::MAX)?;
    if n != axes[0] {
        return Err(DataError::new(format!(
            "{} holds {} pictures, but {} holds {n} labels; they do not belong together",
            images.display(),
            axes[0],
            labels.display()
        )));
    }
    let mut classes = vec![0.0; n];
    Store::Raw { bytes: codes, kind: Kind::U8, by: 1.0 }.read(0, &mut classes, |_, x| x);
    let store = Store::Raw { bytes: pictures, kind: Kind::U8, by: 255.0 };
    Ok((store, axes, classes.into_iter().map(|c| c as usize).collect()))
}

/// The elements of a file of `rank` axes, and its axes (those it has not are 1).
fn open(path: &Path, rank: usize, most: u64) -> Result<(Bytes, [usize; 3]), DataError> {
    let name = path.display();
    let fail = |e: std::io::Error| DataError::new(format!("{name} cannot be read: {e}"));
    let mut file = File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(fail)?;
    let zipped = start == [0x1f, 0x8b];
    let mut reader: Box<dyn Read> = if zipped {
        Box::new(MultiGzDecoder::new(std::io::Cursor::new(start).chain(file)))
    } else {
        Box::new(std::io::Cursor::new(start).chain(file))
    };
    // A gzip stream that ends too soon or does not fit its checksum is an error of the decoder.
    let broken = |e: std::io::Error| match e.kind() {
        ErrorKind::UnexpectedEof => DataError::new(format!("{name} is cut off: its gzip stream has no end")),
        _ if zipped => DataError::new(format!("{name}: its gzip stream is damaged ({e})")),
        _ => fail(e),
    };
    let mut head = Vec::new();
    reader.by_ref().take(4 + 4 * rank as u64).read_to_end(&mut head).map_err(broken)?;
    check_magic(&head, rank, &name.to_string())?;
    let mut axes = [1usize; 3];
    for (axis, bytes) in axes.iter_mut().zip(head[4..].as_chunks::<4>().0) {
        *axis = u32::from_be_bytes(*bytes) as usize;
    }
    if head.len() < 4 + 4 * rank {
        return Err(DataError::new(format!("{name} is cut off: it ends within its head")));
    }
    if axes.contains(&0) {
        return Err(DataError::new(format!("{name} says that it holds nothing (axes {:?})", &axes[..rank])));
    }
    let needed = axes.iter().try_fold(1u64, |a, n| a.checked_mul(*n as u64));
    let possible = if zipped { size.saturating_mul(MOST_INFLATED) } else { size.saturating_sub(head.len() as u64) };
    let Some(needed) = needed.filter(|n| *n <= possible) else {
        return Err(DataError::new(format!(
            "{name} is cut off or damaged: its head tells of {:?} bytes, but the file has {size} in all",
            &axes[..rank]
        )));
    };
    let surplus =
        || DataError::new(format!("{name} is damaged: it is longer than the {needed} bytes its head tells of"));
    if !zipped {
        if possible > needed {
            return Err(surplus());
        }
        return Ok((Bytes::of_file(path, head.len() as u64, needed as usize, most)?, axes));
    }
    let bytes = Bytes::of_reader(&mut reader, needed, most, broken)?;
    if (bytes.len() as u64) < needed {
        return Err(DataError::new(format!("{name} is cut off: it has {} of {needed} bytes", bytes.len())));
    }
    // Reading on to the end also compares the checksum.
    if reader.read(&mut [0]).map_err(broken)? > 0 {
        return Err(surplus());
    }
    Ok((bytes, axes))
}

fn check_magic(head: &[u8], rank: usize, name: &str) -> Result<(), DataError> {
    let what = if rank == 3 { "pictures" } else { "labels" };
    let say = |why: String| Err(DataError::new(format!("{name} is no IDX file of {what}: {why}")));
    match head {
        [0, 0, 8, axes, ..] if usize::from(*axes) == rank => Ok(()),
        [0, 0, 8, 1, ..] => say("it holds labels; choose the file of pictures".to_owned()),
        [0, 0, 8, 3, ..] => say("it holds pictures; choose the file of labels".to_owned()),
        [0, 0, 8, axes, ..] => say(format!("it has {axes} axes instead of {rank}")),
        [0, 0, 9 | 11..=14, ..] => say("its elements are not unsigned bytes".to_owned()),
        [a, b, c, d, ..] => {
            say(format!("it begins with {a:02x} {b:02x} {c:02x} {d:02x} instead of 00 00 08 {rank:02x}"))
        }
        _ => say(format!("it is cut off after {} bytes", head.len())),
    }
}
