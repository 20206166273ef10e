//! Where the features of all samples lie: numbers, the bytes of a file, or a file that is read as it is needed.

use crate::data::DataError;
use crate::tensor::Scalar;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Bytes of one source that are kept in memory; more are read batch by batch.
pub(super) const IN_MEMORY: u64 = 1 << 30;

/// How an element is written, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    I32,
    I64,
    F32,
    F64,
}

impl Kind {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Kind::U8 => 1,
            Kind::I32 | Kind::F32 => 4,
            Kind::I64 | Kind::F64 => 8,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Bytes {
    Memory(Vec<u8>),
    /// The file, and room for what was read of it last.
    File {
        file: Arc<Mutex<(File, Vec<u8>)>>,
        offset: u64,
        len: usize,
    },
}

impl Bytes {
    /// `len` bytes of the file `path` from `offset` on: in memory, if they are at most `most`.
    pub fn of_file(path: &Path, offset: u64, len: usize, most: u64) -> Result<Self, DataError> {
        let fail = |e: std::io::Error| DataError::new(format!("{} cannot be read: {e}", path.display()));
        let mut file = File::open(path).map_err(fail)?;
        if len as u64 > most {
            return Ok(Bytes::File { file: Arc::new(Mutex::new((file, Vec::new()))), offset, len });
        }
        file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        let mut bytes = Vec::new();
        file.take(len as u64).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() < len {
            return Err(DataError::new(format!("{} became shorter while it was read", path.display())));
        }
        Ok(Bytes::Memory(bytes))
    }

    /// Up to `len` bytes of a reader, unpacked into a file without a name if they are more than `most`. `broken` says what
    /// a failure to read means.
    pub fn of_reader(
        reader: &mut dyn Read,
        len: u64,
        most: u64,
        broken: impl Fn(std::io::Error) -> DataError,
    ) -> Result<Self, DataError> {
        let (mut all, mut left, mut some) = (Gathered::of(len, most), len, Vec::new());
        while left > 0 {
            some.clear();
            reader.take(left.min(PIECE)).read_to_end(&mut some).map_err(&broken)?;
            if some.is_empty() {
                break;
            }
            all.push(&some)?;
            left -= some.len() as u64;
        }
        Ok(all.bytes())
    }

    pub fn len(&self) -> usize {
        match self {
            Bytes::Memory(bytes) => bytes.len(),
            Bytes::File { len, .. } => *len,
        }
    }

    /// Calls `f` with `len` bytes from `start` on; `None` if the file no longer gives them.
    fn with<R>(&self, start: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self {
            Bytes::Memory(bytes) => bytes.get(start..start + len).map(f),
            Bytes::File { file, offset, .. } => {
                let (file, bytes) = &mut *file.lock().ok()?;
                bytes.resize(len.max(bytes.len()), 0);
                file.seek(SeekFrom::Start(offset + start as u64)).ok()?;
                file.read_exact(&mut bytes[..len]).ok()?;
                Some(f(&bytes[..len]))
            }
        }
    }
}

/// Bytes that are unpacked at a time.
const PIECE: u64 = 1 << 20;

/// Bytes that come one after the other: in memory up to a limit, and beyond it in a file without a name, which is gone
/// when nobody reads it any more.
pub(super) struct Gathered {
    memory: Vec<u8>,
    file: Option<File>,
    len: usize,
    most: u64,
}

impl Gathered {
    /// Nothing yet of about `expected` bytes; up to `most` will be kept in memory.
    pub fn of(expected: u64, most: u64) -> Self {
        Gathered { memory: Vec::new(), file: None, len: 0, most: if expected > most { 0 } else { most } }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// If the file cannot be written, as when the disk is full.
    pub fn push(&mut self, more: &[u8]) -> Result<(), DataError> {
        self.len += more.len();
        if self.file.is_none() && self.len as u64 <= self.most {
            self.memory.extend_from_slice(more);
            return Ok(());
        }
        let folder = roomy();
        let written = match &mut self.file {
            Some(file) => file.write_all(more),
            None => tempfile::tempfile_in(&folder).and_then(|file| {
                let file = self.file.insert(file);
                file.write_all(&std::mem::take(&mut self.memory))?;
                file.write_all(more)
            }),
        };
        written.map_err(|e| {
            DataError::new(format!(
                "the samples are too many for memory, and {} has no room for a file with {} MiB of them ({e}); make room \
                 there, or set TMPDIR to a folder that has it",
                folder.display(),
                self.len.div_ceil(1 << 20)
            ))
        })
    }

    /// What was gathered.
    pub fn bytes(self) -> Bytes {
        match self.file {
            Some(file) => Bytes::File { file: Arc::new(Mutex::new((file, Vec::new()))), offset: 0, len: self.len },
            None => Bytes::Memory(self.memory),
        }
    }
}

/// A folder for large temporary files: many systems keep the usual one in memory.
fn roomy() -> PathBuf {
    let var = Path::new("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && var.is_dir() { var.to_owned() } else { std::env::temp_dir() }
}

/// The features of all samples, row-major, before scaling.
#[derive(Clone, Debug)]
pub(super) enum Store {
    Numbers(Vec<f64>),
    /// Elements as they are in a file; each counts as itself divided by `by`.
    Raw {
        bytes: Bytes,
        kind: Kind,
        by: f64,
    },
    /// One after the other.
    Two(Box<[Store; 2]>),
}

impl From<Vec<f64>> for Store {
    fn from(numbers: Vec<f64>) -> Self {
        Store::Numbers(numbers)
    }
}

impl Store {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Store::Numbers(numbers) => numbers.len(),
            Store::Raw { bytes, kind, .. } => bytes.len() / kind.size(),
            Store::Two(parts) => parts.iter().map(Store::len).sum(),
        }
    }

    /// Fills `to` with `scale(k, x)` of the elements x from `start` on, k counting from 0. A row is never spread over
    /// both parts of two. What a file no longer gives is NaN, at which training stops.
    pub fn read<S: Scalar>(&self, start: usize, to: &mut [S], scale: impl Fn(usize, f64) -> f64) {
        let (bytes, kind, by) = match self {
            Store::Numbers(numbers) => return fill(to, numbers[start..].iter().copied(), scale),
            Store::Two(parts) => {
                let first = parts[0].len();
                let (part, start) = if start < first { (&parts[0], start) } else { (&parts[1], start - first) };
                return part.read(start, to, scale);
            }
            Store::Raw { bytes, kind, by } => (bytes, *kind, *by),
        };
        let scale = |k, x: f64| scale(k, x / by);
        let read = bytes.with(start * kind.size(), to.len() * kind.size(), |bytes| {
            let (four, eight) = (bytes.as_chunks::<4>().0.iter(), bytes.as_chunks::<8>().0.iter());
            match kind {
                Kind::U8 => fill(to, bytes.iter().map(|b| f64::from(*b)), scale),
                Kind::I32 => fill(to, four.map(|b| f64::from(i32::from_le_bytes(*b))), scale),
                Kind::I64 => fill(to, eight.map(|b| i64::from_le_bytes(*b) as f64), scale),
                Kind::F32 => fill(to, four.map(|b| f64::from(f32::from_le_bytes(*b))), scale),
                Kind::F64 => fill(to, eight.map(|b| f64::from_le_bytes(*b)), scale),
            }
        });
        if read.is_none() {
            to.fill(S::of(f64::NAN));
        }
    }
}

fn fill<S: Scalar>(to: &mut [S], values: impl Iterator<Item = f64>, scale: impl Fn(usize, f64) -> f64) {
    for (k, (t, x)) in to.iter_mut().zip(values).enumerate() {
        *t = S::of(scale(k, x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_the_same_numbers_from_memory_and_row_by_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw");
        let bytes: Vec<u8> = (0..96u8).map(|b| b.wrapping_mul(31) & 0x3f).collect();
        std::fs::write(&path, &bytes).unwrap();
        for kind in [Kind::U8, Kind::I32, Kind::I64, Kind::F32, Kind::F64] {
            let store = |most| Store::Raw { bytes: Bytes::of_file(&path, 16, 80, most).unwrap(), kind, by: 3.0 };
            let (memory, file) = (store(80), store(79));
            assert!(matches!(file, Store::Raw { bytes: Bytes::File { .. }, .. }));
            assert_eq!(file.len(), 80 / kind.size());
            let (mut a, mut b) = ([0.0; 2], [1.0; 2]);
            memory.read(3, &mut a, |_, x| x);
            file.read(3, &mut b, |_, x| x);
            assert_eq!(a, b, "{kind:?}");
            if kind == Kind::U8 {
                assert_eq!(a[0], f64::from(bytes[19]) / 3.0);
            }
        }
    }

    #[test]
    fn what_is_too_large_for_memory_is_read_from_a_file_without_a_name() {
        let all: Vec<u8> = (0..3 << 20).map(|i| (i * 7 % 251) as u8).collect();
        let broken = |e: std::io::Error| DataError::new(e.to_string());
        for (len, most) in [(all.len() as u64, 1 << 20), (all.len() as u64, 3 << 20), ((2 << 20) + 5, 0)] {
            let bytes = Bytes::of_reader(&mut &all[..], len, most, broken).unwrap();
            assert_eq!(matches!(bytes, Bytes::File { .. }), len > most);
            assert_eq!(bytes.len() as u64, len);
            for (start, n) in [(0, 10), (1_048_570, 20), (len as usize - 3, 3)] {
                assert!(bytes.with(start, n, |b| b == &all[start..start + n]).unwrap());
            }
            assert!(bytes.with(len as usize - 3, 4, |_| ()).is_none(), "there is no more");
        }
        let short = Bytes::of_reader(&mut &all[..10], 20, 5, broken).unwrap();
        assert_eq!(short.len(), 10);
    }

    #[test]
    fn a_file_that_was_cut_while_it_is_used_gives_no_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw");
        std::fs::write(&path, [1; 64]).unwrap();
        let store = Store::Raw { bytes: Bytes::of_file(&path, 0, 64, 0).unwrap(), kind: Kind::U8, by: 1.0 };
        std::fs::write(&path, [1; 16]).unwrap();
        let mut row = [0.0f32; 16];
        store.read(0, &mut row, |_, x| x);
        assert_eq!(row, [1.0; 16]);
        store.read(16, &mut row, |_, x| x);
        assert!(row.iter().all(|x| x.is_nan()));
    }
}
