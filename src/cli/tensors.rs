//! Tensors in safetensors files.

use crate::ops::Precision;
use crate::project;
use anyhow::{Context, Result, bail};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::path::Path;

/// A tensor from a file.
#[derive(Debug)]
pub struct Tensor {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Elements, row-major.
    pub data: Vec<f64>,
}

/// A tensor to be written: name, lengths of the axes, elements.
pub type Named<S> = (String, Vec<usize>, Vec<S>);

/// The tensor called `name` in a safetensors file, or its only one. F32, F64, I32 and I64 are read.
pub fn read(path: &Path, name: &str) -> Result<Tensor> {
    parse(path, name).with_context(|| path.display().to_string())
}

fn parse(path: &Path, name: &str) -> Result<Tensor> {
    let bytes = std::fs::read(path)?;
    let file = SafeTensors::deserialize(&bytes).context("this is no safetensors file")?;
    let names = file.names();
    let view = match names.as_slice() {
        [only] => file.tensor(only)?,
        _ if names.contains(&name) => file.tensor(name)?,
        _ => bail!("there are {} tensors in it and none is called \"{name}\"", names.len()),
    };
    let data = match view.dtype() {
        Dtype::F32 => numbers::<4>(view.data(), |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => numbers::<8>(view.data(), f64::from_le_bytes),
        Dtype::I32 => numbers::<4>(view.data(), |b| f64::from(i32::from_le_bytes(b))),
        Dtype::I64 => numbers::<8>(view.data(), |b| i64::from_le_bytes(b) as f64),
        other => bail!("its numbers are {other:?}; F32, F64, I32 and I64 can be read"),
    };
    Ok(Tensor { shape: view.shape().to_vec(), data })
}

fn numbers<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0.iter().map(|b| read(*b)).collect()
}

/// Writes tensors as F32 or F64, whichever `S` is.
pub fn write<S: Precision>(path: &Path, tensors: &[Named<S>]) -> Result<()> {
    let single = S::NAME == "f32";
    let packed: Vec<(&str, &[usize], Vec<u8>)> = tensors
        .iter()
        .map(|(name, shape, data)| {
            let bytes = if single {
                data.iter().flat_map(|x| (x.to64() as f32).to_le_bytes()).collect()
            } else {
                data.iter().flat_map(|x| x.to64().to_le_bytes()).collect()
            };
            (name.as_str(), shape.as_slice(), bytes)
        })
        .collect();
    let dtype = if single { Dtype::F32 } else { Dtype::F64 };
    let mut views = Vec::new();
    for (name, shape, bytes) in &packed {
        views.push((*name, TensorView::new(dtype, shape.to_vec(), bytes)?));
    }
    let bytes = safetensors::serialize(views, None)?;
    project::write_atomic(path, &bytes).with_context(|| format!("{} cannot be written", path.display()))
}
