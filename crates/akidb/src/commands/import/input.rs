//! What is imported: read in pieces, ahead of what the node takes.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use crate::failure::{Failure, Result};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that are read ahead.
const PIECES_READ_AHEAD: usize = 4;

/// Where lines are read from.
pub(super) struct Input {
    name: String,
    /// Bytes to read, where that is known.
    bytes: Option<u64>,
    reader: Box<dyn Read + Send>,
}

/// An input that is being read.
pub(super) struct Body<S> {
    /// Bytes to read, where that is known.
    pub(super) bytes: Option<u64>,
    /// The pieces, in order.
    pub(super) stream: S,
    pub(super) position: Position,
}

impl Input {
    /// Opens a file, or stdin for `-`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self {
                name: "stdin".to_owned(),
                bytes: None,
                reader: Box::new(io::stdin()),
            });
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| Failure::io(format!("cannot open {name}"), &error);
        let file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { name, bytes, reader: Box::new(file) })
    }

    /// Begins to read, on a thread of its own, which a silent stdin may block for as long as it
    /// likes.
    pub(super) fn start(
        self,
    ) -> Result<Body<impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static>> {
        let (pieces, mut receiver) = mpsc::channel(PIECES_READ_AHEAD);
        let (bytes, position) = (self.bytes, Position::default());
        let reading = position.clone();
        thread::Builder::new()
            .name("import-reader".to_owned())
            .spawn(move || self.read(&pieces, &reading))
            .map_err(|error| Failure::io("cannot start a thread", &error))?;
        let stream = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(Body { bytes, stream, position })
    }

    fn read(mut self, pieces: &mpsc::Sender<io::Result<Bytes>>, position: &Position) {
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let piece = match self.reader.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    piece.truncate(read);
                    position.add(&piece);
                    Ok(piece.into())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    position.fail(Failure::io(format!("cannot read {}", self.name), &error));
                    Err(error)
                }
            };
            let failed = piece.is_err();
            if pieces.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    }
}

/// Which lines stand where in the input, as far as it is read and not acknowledged; clones share
/// it.
#[derive(Clone, Default)]
pub(super) struct Position {
    read: Arc<Mutex<ReadPieces>>,
}

#[derive(Default)]
struct ReadPieces {
    lines: u64,
    bytes: u64,
    /// Lines and bytes at the end of each piece.
    ends: VecDeque<(u64, u64)>,
    acknowledged_bytes: u64,
    failure: Option<Failure>,
}

impl Position {
    fn add(&self, piece: &[u8]) {
        let mut read = self.lock();
        read.lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        read.bytes += piece.len() as u64;
        let end = (read.lines, read.bytes);
        read.ends.push_back(end);
    }

    /// How many bytes are done when this line is, to the last piece that ends before it.
    pub(super) fn bytes_at(&self, line: u64) -> u64 {
        let mut read = self.lock();
        while let Some(&(_, bytes)) = read.ends.front().filter(|(lines, _)| *lines <= line) {
            read.acknowledged_bytes = bytes;
            read.ends.pop_front();
        }
        read.acknowledged_bytes
    }

    fn fail(&self, failure: Failure) {
        self.lock().failure = Some(failure);
    }

    /// Why the input could not be read to its end.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, ReadPieces> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_done_with_its_last_line() {
        let position = Position::default();
        position.add(b"one\ntwo\nth");
        position.add(b"ree");
        position.add(b"\nfour");
        assert_eq!(position.bytes_at(1), 0);
        assert_eq!(position.bytes_at(2), 13);
        assert_eq!(position.bytes_at(3), 18);
        assert_eq!(position.bytes_at(4), 18);
    }
}
