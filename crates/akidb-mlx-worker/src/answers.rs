//! Frames to the node, each written whole, from whichever thread has one.

use std::{
    fs::File,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use akidb_embedding::mlx::protocol::{
    Failed, FailureKind, FrameKind, FrameWriter, VectorsHead, write_vectors_head,
};
use serde::Serialize;

use crate::module::RunBatch;

/// The way to the node; clones are the same.
#[derive(Clone)]
pub(crate) struct Answers(Arc<Mutex<Pipe>>);

struct Pipe {
    file: File,
    writer: FrameWriter,
}

impl Answers {
    pub(crate) fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(Pipe { file, writer: FrameWriter::default() })))
    }

    /// Sends a message that is made here.
    pub(crate) fn message(
        &self,
        kind: FrameKind,
        request: u64,
        message: &impl Serialize,
    ) -> io::Result<()> {
        self.with(|Pipe { file, writer }| writer.send(file, kind, request, message))
    }

    /// Sends a message that is text already.
    pub(crate) fn text(&self, kind: FrameKind, request: u64, text: &str) -> io::Result<()> {
        self.with(|Pipe { file, writer }| {
            file.write_all(writer.frame(kind, request, |bytes| bytes.extend(text.as_bytes())))
        })
    }

    /// Sends vectors.
    pub(crate) fn vectors(&self, request: u64, run: &RunBatch) -> io::Result<()> {
        let nanoseconds =
            |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let head = VectorsHead {
            gil_wait_ns: nanoseconds(run.gil_wait),
            module_ns: nanoseconds(run.in_module),
        };
        self.with(|Pipe { file, writer }| {
            file.write_all(writer.frame(FrameKind::Vectors, request, |bytes| {
                write_vectors_head(head, bytes);
                append(&run.vectors, bytes);
            }))
        })
    }

    /// Says why a request failed.
    pub(crate) fn failed(
        &self,
        request: u64,
        kind: FailureKind,
        message: String,
    ) -> io::Result<()> {
        self.message(FrameKind::Failed, request, &Failed { kind, message })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Pipe) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Appends the values as little-endian bytes.
fn append(vectors: &[f32], bytes: &mut Vec<u8>) {
    if cfg!(target_endian = "little") {
        bytes.extend_from_slice(bytemuck::cast_slice(vectors));
    } else {
        bytes.extend(vectors.iter().flat_map(|value| value.to_le_bytes()));
    }
}
