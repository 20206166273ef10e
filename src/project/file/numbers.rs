//! The elements of a tensor in a file: short ones to read, long ones packed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Tensors up to this length are written as plain numbers.
const PLAIN: usize = 64;

/// Row-major elements in single precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Numbers {
    /// As they are.
    Numbers(Vec<f32>),
    /// Base64 of little-endian f32.
    Base64(String),
}

impl Numbers {
    /// Elements, rounded to single precision, in which they were trained.
    pub fn of(data: &[f64]) -> Self {
        if data.len() <= PLAIN {
            return Numbers::Numbers(data.iter().map(|x| *x as f32).collect());
        }
        let bytes: Vec<u8> = data.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
        Numbers::Base64(STANDARD.encode(bytes))
    }

    /// The elements.
    ///
    /// # Errors
    /// If the text is not base64 of whole numbers.
    pub fn read(&self) -> Result<Vec<f64>, String> {
        match self {
            Numbers::Numbers(data) => Ok(data.iter().map(|x| f64::from(*x)).collect()),
            Numbers::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(|e| format!("are not base64 ({e})"))?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("end in the middle of a number".into());
                }
                Ok(numbers.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_can_be_read_by_people_and_long_ones_come_back_bit_for_bit() {
        let data = |n: usize| -> Vec<f64> { (0..n).map(|i| f64::from((i as f32 * 0.37).sin())).collect() };
        assert!(matches!(Numbers::of(&data(64)), Numbers::Numbers(_)));
        assert!(matches!(Numbers::of(&data(65)), Numbers::Base64(_)));
        for n in [0, 1, 64, 65, 1000] {
            assert_eq!(Numbers::of(&data(n)).read().unwrap(), data(n));
        }
    }

    #[test]
    fn damaged_text_is_refused() {
        assert!(Numbers::Base64("?".into()).read().is_err());
        assert!(Numbers::Base64("AAAA".into()).read().unwrap_err().contains("middle"));
    }
}
