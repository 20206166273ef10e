//! Changing pictures at random each time they train.

use crate::data::{Augment, Dataset};
use crate::tensor::kernels::{heed, scratch};
use crate::tensor::{Scalar, normal, stream};
use rand::RngExt as _;
use rand_pcg::Pcg64;

impl Augment {
    /// Whether it changes anything.
    pub fn is_some(&self) -> bool {
        self.shift > 0 || self.flip || self.noise != 0.0
    }

    /// Changes a picture of channels, height and width: to one side and down or up by at most `shift` pixels, what
    /// comes in being 0; its mirror image half of the time; noise on every pixel.
    fn apply(&self, [_, height, width]: [usize; 3], pixels: &mut [f64], rng: &mut Pcg64) {
        let (k, mirrored) = (self.shift as i64, self.flip && rng.random::<bool>());
        let (down, right) = (rng.random_range(-k..=k), rng.random_range(-k..=k));
        if mirrored {
            pixels.chunks_exact_mut(width).for_each(<[f64]>::reverse);
        }
        if (down, right) != (0, 0) {
            scratch::with(height * width, |old: &mut [f64]| {
                for channel in pixels.chunks_exact_mut(height * width) {
                    old.copy_from_slice(channel);
                    for (at, p) in channel.iter_mut().enumerate() {
                        let (r, c) = ((at / width) as i64 - down, (at % width) as i64 - right);
                        let inside = (0..height as i64).contains(&r) && (0..width as i64).contains(&c);
                        *p = if inside { old[r as usize * width + c as usize] } else { 0.0 };
                    }
                }
            });
        }
        if self.noise > 0.0 {
            pixels.iter_mut().for_each(|p| *p += self.noise * normal(rng));
        }
    }
}

impl Dataset {
    /// The features of a sample before scaling as they train in an epoch: drawn from the seed, the epoch and the sample.
    pub fn augmented(&self, sample: usize, epoch: u64) -> Vec<f64> {
        let mut pixels = vec![0.0; self.feature_width()];
        self.read_augmented(sample, epoch, &mut pixels);
        pixels
    }

    fn read_augmented(&self, sample: usize, epoch: u64, pixels: &mut [f64]) {
        self.features.read(sample * pixels.len(), pixels, |_, x| x);
        if let Some((augment, picture)) = self.augment.as_ref().zip(self.picture) {
            let mut rng = stream(self.seed ^ 0x0061_7567_6d65_6e74 ^ epoch.rotate_left(32), sample as u64);
            augment.apply(picture, pixels, &mut rng);
        }
    }

    /// As [`Dataset::gather`], but the samples as they train in epoch `epoch`.
    ///
    /// # Panics
    /// If a buffer is not as long as the rows need.
    pub fn gather_training<S: Scalar>(&self, rows: &[usize], epoch: u64, x: &mut [S], y: &mut [S]) {
        self.gather(rows, x, y);
        if self.augment.is_none() {
            return;
        }
        let width = self.feature_width();
        // Noise is drawn pixel by pixel, which takes as long as copying a dozen of them.
        scratch::with(width, |pixels: &mut [f64]| {
            heed::pieces(rows.len(), 16 * width, |some| {
                for k in some {
                    self.read_augmented(rows[k], epoch, pixels);
                    for (at, (x, pixel)) in x[k * width..].iter_mut().zip(&*pixels).enumerate() {
                        *x = S::of(self.scaled(at, *pixel));
                    }
                }
            });
        });
    }
}
