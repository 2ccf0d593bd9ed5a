//! Weights in safetensors files, read tensor by tensor.
//!
//! Out of scope: which tensors a network has, and how they are laid out for the kernels. Files are
//! read in blocks, not mapped, so that no more of them lies in memory than is kept.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use rten_simd::f16;
use safetensors::{Dtype, tensor::Metadata};
use serde::Deserialize;

use super::{digest, read_json_if_present};
use crate::{bf16, error::ModelError};

const HEADER_LENGTH_BYTES: usize = 8;
/// The limit of the safetensors format.
const MAX_HEADER_BYTES: u64 = 100_000_000;
const SUPPORTED_TYPES: &str = "F32, F16 and BF16";
/// What is read at a time; a multiple of the size of every type.
const BLOCK_BYTES: usize = 1 << 20;

/// The safetensors files of a model, by their headers.
#[derive(Clone, Debug)]
pub(crate) struct WeightFiles {
    directory: PathBuf,
    files: Vec<WeightFile>,
    /// What stands before every tensor's name, such as `bert.`.
    prefix: String,
}

#[derive(Clone, Debug)]
struct WeightFile {
    path: PathBuf,
    metadata: Metadata,
    /// Where the tensors begin, in bytes from the start of the file.
    data_offset: u64,
}

/// `model.safetensors.index.json`
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: HashMap<String, String>,
}

impl WeightFiles {
    /// Reads the headers of the weights in `directory`.
    ///
    /// What stands before `known_tensor` in a name there stands before the others too.
    pub(super) fn open(directory: &Path, known_tensor: &str) -> Result<Self, ModelError> {
        let files = find_files(directory)?
            .iter()
            .map(|path| WeightFile::open(path))
            .collect::<Result<Vec<_>, _>>()?;
        let names = files.iter().flat_map(|file| file.metadata.offset_keys());
        let prefix = names
            .filter_map(|name| name.strip_suffix(known_tensor).map(str::to_owned))
            .min_by_key(String::len)
            .unwrap_or_default();
        Ok(Self { directory: directory.to_owned(), files, prefix })
    }

    /// The same files for tensors that stand beside the network: nothing stands before their names.
    pub(crate) fn outside_of_network(&self) -> Self {
        Self { prefix: String::new(), ..self.clone() }
    }

    /// SHA-256 of all files' bytes in the order of their names.
    pub(crate) fn sha256(&self) -> Result<String, ModelError> {
        digest::sha256_of_files(self.files.iter().map(|file| file.path.as_path()))
    }

    /// Reads a tensor as `f32`; fails when its shape is not `shape`.
    pub(crate) fn read(&self, tensor: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        self.read_as(tensor, shape, |value| value)
    }

    /// Reads a tensor as bfloat16; fails when its shape is not `shape`.
    pub(crate) fn read_bf16(&self, tensor: &str, shape: &[usize]) -> Result<Vec<u16>, ModelError> {
        self.read_as(tensor, shape, bf16::narrow)
    }

    fn read_as<T>(
        &self,
        tensor: &str,
        shape: &[usize],
        convert: impl Fn(f32) -> T,
    ) -> Result<Vec<T>, ModelError> {
        let (file, name) = self.find(tensor)?;
        file.check_shape(&name, shape)?;
        file.read_as(&name, convert)
    }

    /// Checks that a tensor is there, in its shape and in a type that can be read.
    pub(super) fn check(&self, tensor: &str, shape: &[usize]) -> Result<(), ModelError> {
        let (file, name) = self.find(tensor)?;
        file.check_shape(&name, shape)?;
        file.check_type(&name)
    }

    /// The file that holds a tensor, and its name in it.
    ///
    /// Weights converted from TensorFlow call the two vectors of a layer norm gamma and beta.
    fn find(&self, tensor: &str) -> Result<(&WeightFile, String), ModelError> {
        let modern = format!("{}{tensor}", self.prefix);
        let old = modern
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        for name in [modern, old] {
            if let Some(file) = self.files.iter().find(|file| file.metadata.info(&name).is_some()) {
                return Ok((file, name));
            }
        }
        let file = match self.files.as_slice() {
            [only] => only.path.clone(),
            _ => self.directory.clone(),
        };
        Err(ModelError::MissingTensor { file, tensor: format!("{}{tensor}", self.prefix) })
    }
}

impl WeightFile {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let damaged = |reason: String| ModelError::Damaged { file: path.to_owned(), reason };
        let cannot_read = |source| ModelError::Io { action: "read", path: path.to_owned(), source };
        let mut file = File::open(path).map_err(cannot_read)?;
        let file_bytes = file.metadata().map_err(cannot_read)?.len();
        if file_bytes < HEADER_LENGTH_BYTES as u64 {
            return Err(damaged(format!("it has only {file_bytes} bytes")));
        }
        let mut header_length = [0; HEADER_LENGTH_BYTES];
        file.read_exact(&mut header_length).map_err(cannot_read)?;
        let header_bytes = u64::from_le_bytes(header_length);
        let data_offset = header_bytes.saturating_add(HEADER_LENGTH_BYTES as u64);
        if header_bytes > MAX_HEADER_BYTES || data_offset > file_bytes {
            return Err(damaged(format!(
                "its header claims {header_bytes} bytes, the file has {file_bytes}"
            )));
        }
        let mut header = Vec::new();
        file.take(header_bytes).read_to_end(&mut header).map_err(cannot_read)?;
        // Also checks that the tensors follow each other without gaps and are as long as they say.
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        let expected_bytes = data_offset + metadata.data_len() as u64;
        if file_bytes != expected_bytes {
            return Err(damaged(format!(
                "it has {file_bytes} bytes, its header asks for {expected_bytes}"
            )));
        }
        Ok(Self { path: path.to_owned(), metadata, data_offset })
    }

    fn check_shape(&self, name: &str, expected: &[usize]) -> Result<(), ModelError> {
        match self.metadata.info(name) {
            Some(info) if info.shape == expected => Ok(()),
            info => Err(ModelError::WrongShape {
                file: self.path.clone(),
                tensor: name.to_owned(),
                found: info.map(|info| info.shape.clone()).unwrap_or_default(),
                expected: expected.to_vec(),
            }),
        }
    }

    fn check_type(&self, name: &str) -> Result<(), ModelError> {
        match self.metadata.info(name).map(|info| info.dtype) {
            Some(Dtype::F32 | Dtype::F16 | Dtype::BF16) => Ok(()),
            found => Err(ModelError::Unsupported {
                file: self.path.clone(),
                key: format!("the type of {name}"),
                found: found.map(|found| format!("{found:?}")).unwrap_or_default(),
                supported: SUPPORTED_TYPES.to_owned(),
            }),
        }
    }

    fn read_as<T>(&self, name: &str, convert: impl Fn(f32) -> T) -> Result<Vec<T>, ModelError> {
        self.check_type(name)?;
        let Some(info) = self.metadata.info(name) else {
            let (file, tensor) = (self.path.clone(), name.to_owned());
            return Err(ModelError::MissingTensor { file, tensor });
        };
        let (start, end) = info.data_offsets;
        let mut values = Vec::with_capacity(info.shape.iter().product());
        let (mut floats, mut are_finite) = (Vec::new(), true);
        let mut read_blocks = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.data_offset + start as u64))?;
            let mut block = vec![0; BLOCK_BYTES.min(end - start)];
            let mut left = end - start;
            while left > 0 {
                let block = &mut block[..BLOCK_BYTES.min(left)];
                file.read_exact(block)?;
                floats.clear();
                append(&mut floats, info.dtype, block);
                are_finite &= floats.iter().fold(true, |all, value| all & value.is_finite());
                values.extend(floats.iter().copied().map(&convert));
                left -= block.len();
            }
            Ok(())
        };
        read_blocks().map_err(|source| ModelError::Io {
            action: "read",
            path: self.path.clone(),
            source,
        })?;
        if are_finite {
            return Ok(values);
        }
        let reason = format!("the tensor {name} holds a number that is not finite");
        Err(ModelError::Damaged { file: self.path.clone(), reason })
    }
}

/// Appends the values that `bytes` hold, of a type that was checked.
fn append(values: &mut Vec<f32>, dtype: Dtype, bytes: &[u8]) {
    let halves = || bytes.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two));
    match dtype {
        Dtype::F16 => values.extend(halves().map(|half| f16::from_bits(half).to_f32())),
        Dtype::BF16 => values.extend(halves().map(bf16::widen)),
        _ => values.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four))),
    }
}

/// The files that hold the weights: `model.safetensors`, else those that its index names, else all.
fn find_files(directory: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let single = directory.join("model.safetensors");
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index =
        read_json_if_present::<ShardIndex>(&directory.join("model.safetensors.index.json"))?;
    if let Some(index) = index {
        let names: BTreeSet<String> = index.weight_map.into_values().collect();
        return names.iter().map(|name| shard(directory, name)).collect();
    }
    let names = file_names(directory)?;
    let shards: Vec<PathBuf> = names
        .iter()
        .filter(|name| name.ends_with(".safetensors"))
        .map(|name| directory.join(name))
        .collect();
    if !shards.is_empty() {
        return Ok(shards);
    }
    let pickle = names
        .into_iter()
        .find(|name| [".bin", ".pt", ".pth", ".ckpt"].iter().any(|end| name.ends_with(end)));
    Err(match pickle {
        Some(found) => ModelError::OnlyPickledWeights { directory: directory.to_owned(), found },
        None => ModelError::MissingFile { file: single },
    })
}

fn shard(directory: &Path, name: &str) -> Result<PathBuf, ModelError> {
    let file = directory.join(name);
    let is_plain = !name.contains(['/', '\\']) && name.ends_with(".safetensors");
    if is_plain && file.is_file() { Ok(file) } else { Err(ModelError::MissingFile { file }) }
}

/// The names of the files in a directory, sorted.
fn file_names(directory: &Path) -> Result<Vec<String>, ModelError> {
    let cannot_list =
        |source| ModelError::Io { action: "list", path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(cannot_list)? {
        names.extend(entry.map_err(cannot_list)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}
