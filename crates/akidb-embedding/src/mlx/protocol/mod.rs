//! What the node and the MLX worker say to each other: frames of bytes over a pair of pipes.
//!
//! Both programs use this module, so that they cannot drift apart; that an older program of the
//! other kind is met is found by [`PROTOCOL_VERSION`], in the first frame. Every frame has a kind,
//! the number of the request that it belongs to, the length of its body and a checksum of all of
//! that: a library that writes to a pipe it does not own is noticed, not believed.
//!
//! The node asks and the worker answers, in order, with two exceptions: `Pong` overtakes a batch
//! that runs, and `Farewell` says unasked why the worker is about to end.
//!
//! Scope: [`frame`] the bytes, [`batch`] texts in and vectors out, and the messages that are JSON.
//! Out of scope: pipes, deadlines and processes.

mod batch;
mod frame;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    batch::{BatchHead, BatchView, VectorsHead, pooling_number, read_vectors, write_vectors_head},
    frame::{Frame, FrameKind, FrameWriter, HEADER_BYTES, ProtocolError, read_frame},
};

/// Of the frames and messages below. A node starts no worker of another version.
pub const PROTOCOL_VERSION: u32 = 1;

/// The worker's first words, before Python has started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the worker.
    pub protocol: u32,
    /// The version of AkiDB that the worker is of.
    pub worker_version: String,
    /// The version of Python that the worker was linked with, such as `3.11.2`.
    pub python_version: String,
}

/// The node asks for a model, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The Python program whose packages are used.
    pub python: String,
    /// A directory that is searched for modules before all others.
    pub module_path: Option<String>,
    /// Bytes of memory at which the worker ends.
    pub memory_limit_bytes: Option<u64>,
    /// What the Python module is told.
    pub options: ModuleOptions,
}

/// What `akidb_mlx.worker.open_encoder` is told, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleOptions {
    /// The model's directory.
    pub model_path: String,
    /// `f32`, `bf16` or `f16`.
    pub precision: String,
    /// Bytes of freed memory that MLX keeps for later.
    pub cache_limit_bytes: Option<u64>,
    /// Bytes of memory at which MLX waits for work to end before it takes more.
    pub memory_limit_bytes: Option<u64>,
    /// Whether the network is compiled for each padded shape.
    pub compile: bool,
    /// The most tokens of a batch.
    pub max_batch_tokens: usize,
    /// `auto`, `cpu` or `gpu`.
    pub device: String,
}

/// What the Python module says of itself and of the model, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// The version of `akidb_mlx`.
    pub module_version: String,
    /// The version of MLX.
    pub mlx_version: String,
    /// The version of Python.
    pub python_version: String,
    /// `cpu`, `metal` or `cuda`.
    pub device: String,
    /// The library that multiplies matrices on the CPU.
    #[serde(default)]
    pub blas: Option<String>,
    /// `bert`, `roberta`, `xlm-roberta` or `qwen3`.
    pub architecture: String,
    /// The number of values of a vector.
    pub dimension: usize,
    /// The most tokens of a text.
    pub max_tokens: usize,
    /// The tokens that the model knows.
    pub vocabulary: usize,
    /// The layout of quantized weights.
    #[serde(default)]
    pub quantization: Option<Value>,
    /// Bytes of the weights in memory.
    pub weights_bytes: u64,
}

/// That the worker is alive, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// Bytes of memory of the process.
    pub resident_bytes: u64,
}

/// What MLX holds and has done; unknown numbers are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleStatistics {
    /// Bytes in use.
    pub active_bytes: u64,
    /// The most bytes that were in use at once.
    pub peak_bytes: u64,
    /// Bytes that are kept for later.
    pub cache_bytes: u64,
    /// Batches that were run.
    pub batches: u64,
    /// Texts of all batches.
    pub texts: u64,
    /// Tokens of all texts.
    pub tokens: u64,
    /// The same with what was padded.
    pub padded_tokens: u64,
}

/// Why a request failed, or why the worker ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// For people, without a full stop.
    pub message: String,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The module refused what it was given (`ValueError`): the worker is well.
    Refused,
    /// Python raised something else.
    Raised,
    /// The module broke its contract, such as by an answer of another shape.
    Contract,
    /// A Python module, or something that it needs, is not installed.
    ModuleMissing,
    /// Python itself did not start.
    Python,
    /// The request was too old when its turn came.
    Expired,
    /// The process held more memory than it may.
    Memory,
}

/// Reads a message that is JSON.
///
/// # Errors
///
/// [`ProtocolError::Message`] where it is none, or not of this type.
pub fn parse<T: DeserializeOwned>(frame: &Frame) -> Result<T, ProtocolError> {
    serde_json::from_slice(&frame.body)
        .map_err(|error| ProtocolError::Message { kind: frame.kind, reason: error.to_string() })
}
