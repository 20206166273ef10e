//! A folder of pictures with a sub-folder per class.

use crate::data::build::{Raw, Target, place};
use crate::data::idx::MOST_INFLATED;
use crate::data::store::{Gathered, IN_MEMORY, Kind, Store};
use crate::data::{Channels, DataError, Folder, Labels};
use image::imageops::{FilterType, resize};
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Largest side of a sample.
const MOST_SIDE: usize = 2048;
/// Largest side of a picture that is read.
const MOST_READ: u32 = 16_384;
/// Memory for decoding one picture, in bytes.
const MOST_DECODED: u64 = 256 << 20;
/// Bytes of pixels of the pictures that are decoded together.
const TOGETHER: usize = 64 << 20;
/// Pictures that are named when they cannot be read.
const NAMED: usize = 20;

impl Folder {
    pub(super) fn raw(&self, base: &Path) -> Result<Raw, DataError> {
        self.raw_within(base, IN_MEMORY)
    }

    /// The pictures, in memory if they take at most `most` bytes.
    fn raw_within(&self, base: &Path, most: u64) -> Result<Raw, DataError> {
        let root = place(&self.path, base, "a folder of pictures")?;
        let (w, h) = (self.width, self.height);
        if ![w, h].iter().all(|n| (1..=MOST_SIDE).contains(n)) {
            return Err(DataError::new(format!(
                "the pictures are to have {w}×{h} pixels; 1 to {MOST_SIDE} each can be"
            )));
        }
        let channels = if self.channels == Channels::Grey { 1 } else { 3 };
        let mut warnings = Vec::new();
        let mut files: Vec<(usize, PathBuf)> = Vec::new();
        let folders = entries(&root)?.into_iter().filter(|p| p.is_dir()).collect::<Vec<_>>();
        for (class, folder) in folders.iter().enumerate() {
            let before = files.len();
            files.extend(entries(folder)?.into_iter().filter(|p| is_picture(p)).map(|p| (class, p)));
            if files.len() == before {
                warnings.push(format!("{} holds no PNG or JPEG", short(folder, &root)));
            }
        }
        if files.is_empty() {
            return Err(DataError::new(format!(
                "{} has no sub-folders with PNG or JPEG files; it needs one per class",
                root.display()
            )));
        }
        let each = channels * w * h;
        let mut bytes = Gathered::of((files.len() * each) as u64, most);
        let (mut of, mut names, mut broken, mut last) = (Vec::new(), Vec::new(), 0, None);
        for some in files.chunks((TOGETHER / each).max(1)) {
            let pixels: Vec<_> = some.par_iter().map(|(_, path)| self.pixels(path)).collect();
            for ((class, path), pixels) in some.iter().zip(pixels) {
                match pixels {
                    Ok(pixels) => {
                        bytes.push(&pixels)?;
                        // A class of which nothing could be read is none.
                        if last != Some(*class) {
                            last = Some(*class);
                            names.push(short(&folders[*class], &root));
                        }
                        of.push(names.len() - 1);
                    }
                    Err(why) => {
                        broken += 1;
                        if broken <= NAMED {
                            warnings.push(format!("{} cannot be read: {why}", short(path, &root)));
                        }
                    }
                }
            }
        }
        if broken > NAMED {
            warnings.push(format!("{} more pictures cannot be read", broken - NAMED));
        }
        if names.len() < 2 {
            let why = warnings.first().map_or_else(String::new, |w| format!(" ({w})"));
            return Err(DataError::new(format!(
                "{} has readable pictures of {} classes; at least two are needed{why}",
                root.display(),
                names.len()
            )));
        }
        let dims = [channels, h, w];
        let store = Store::Raw { bytes: bytes.bytes(), kind: Kind::U8, by: 255.0 };
        let target = Target::Classes { names, of, auto: Labels::Index };
        Ok(Raw { warnings, picture: Some(dims), ..Raw::new(dims.to_vec(), store, target) })
    }

    /// The picture at `path` as channels of rows of pixels. Transparency is dropped.
    fn pixels(&self, path: &Path) -> Result<Vec<u8>, String> {
        let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        let mut reader = reader.map_err(|e| e.to_string())?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(MOST_DECODED);
        (limits.max_image_width, limits.max_image_height) = (Some(MOST_READ), Some(MOST_READ));
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
        // Besides deflate, a bit that chooses a colour of four bytes makes 32 times as much.
        if decoder.total_bytes() > size.saturating_mul(MOST_INFLATED * 32) {
            let (w, h) = decoder.dimensions();
            return Err(format!("it says that it has {w}×{h} pixels, but it has {size} bytes only"));
        }
        let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
        let (w, h) = (self.width as u32, self.height as u32);
        Ok(match self.channels {
            Channels::Grey => resize(&picture.to_luma8(), w, h, FilterType::Triangle).into_raw(),
            Channels::Rgb => {
                let flat = resize(&picture.to_rgb8(), w, h, FilterType::Triangle).into_raw();
                (0..3).flat_map(|c| flat.iter().skip(c).step_by(3).copied()).collect()
            }
        })
    }
}

/// What lies in a folder and is not hidden, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read = std::fs::read_dir(folder);
    let read = read.map_err(|e| DataError::new(format!("{} cannot be read: {e}", folder.display())))?;
    let hidden = |p: &PathBuf| p.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.'));
    let mut paths: Vec<PathBuf> = read.flatten().map(|e| e.path()).filter(|p| !hidden(p)).collect();
    paths.sort_unstable();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    path.is_file() && ending.is_some_and(|e| ["png", "jpg", "jpeg"].contains(&e.as_str()))
}

fn short(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, RgbImage};

    #[test]
    fn pictures_too_many_for_memory_have_the_same_pixels() {
        let root = tempfile::tempdir().unwrap();
        for (class, name) in ["a", "b"].iter().enumerate() {
            std::fs::create_dir(root.path().join(name)).unwrap();
            for k in 0..5u8 {
                let picture = RgbImage::from_fn(6, 4, |x, y| [x as u8 * 40, y as u8 * 60, k * 10 + class as u8].into());
                let path = root.path().join(name).join(format!("{k}.png"));
                picture.save_with_format(path, ImageFormat::Png).unwrap();
            }
        }
        std::fs::write(root.path().join("b/3.png"), b"no picture").unwrap();
        let folder = Folder { path: root.path().to_owned(), width: 6, height: 4, channels: Channels::Rgb };
        let read = |most| {
            let raw = folder.raw_within(Path::new("."), most).unwrap();
            let mut all = vec![0.0f64; raw.features.len()];
            raw.features.read(0, &mut all, |_, x| x);
            let Target::Classes { of, .. } = raw.target else { panic!("classes") };
            (all, of, raw.warnings)
        };
        let (pixels, of, warnings) = read(IN_MEMORY);
        assert_eq!((pixels.len(), of.len(), warnings.len()), (9 * 72, 9, 1));
        assert!((pixels[1] - 40.0 / 255.0).abs() < 1e-12);
        assert_eq!(read(100), (pixels, of, warnings));
    }
}
