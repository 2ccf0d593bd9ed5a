//! The answers of an import, on their way to a client that may read them late.
//!
//! A client of HTTP/1.1 may well send its whole body before it reads the first answer. Were the
//! import to wait for such a client to read, each would wait for the other. So answers are kept:
//! a few in memory, the others in a temporary file that has no name, and only when that has grown
//! to its limit the import waits.

use std::{collections::VecDeque, io, time::Duration};

use akidb_service::{ImportEvent, ImportEvents};
use bytes::Bytes;
use futures::{Stream, stream};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom},
    sync::mpsc,
    time::sleep,
};
use tracing::Instrument;

use crate::wire::{ImportAnswer, ToldLines};

/// Bytes of answers in memory.
const MEMORY_BYTES_MAX: usize = 1 << 20;
/// Bytes that are read from the file at once.
const READ_BYTES: usize = 64 << 10;

/// Answers that are kept until the client reads them.
pub(super) struct Answers {
    events: ImportEvents,
    told: ToldLines,
    kept: Kept,
    idle_timeout: Duration,
}

/// A part of the answer, or its end.
type Part = Option<io::Result<Bytes>>;

impl Answers {
    pub(super) fn new(
        events: ImportEvents,
        told: ToldLines,
        kept_bytes_max: usize,
        idle_timeout: Duration,
    ) -> Self {
        Self { events, told, kept: Kept::new(kept_bytes_max), idle_timeout }
    }

    /// The answer. It fails where it is not whole.
    pub(super) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let (parts, receiver) = mpsc::channel::<Part>(1);
        tokio::spawn(self.run(parts).in_current_span());
        stream::unfold(Some(receiver), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Some(part)) => Some((part, Some(receiver))),
                Some(None) => None,
                None => Some((Err(io::Error::other("the import broke off")), None)),
            }
        })
    }

    /// Keeps answers and hands them out, until all are told or the client is gone, which ends the
    /// import too.
    async fn run(mut self, parts: mpsc::Sender<Part>) {
        let mut ended = false;
        while !(ended && self.kept.is_empty()) {
            let must_read = ended || self.kept.is_full();
            tokio::select! {
                place = parts.reserve(), if !self.kept.is_empty() => {
                    let Ok(place) = place else { return };
                    place.send(self.kept.take().await.transpose());
                }
                event = self.events.next(), if !must_read => match event {
                    Some(event) => {
                        ended = matches!(event, ImportEvent::Ended(_));
                        self.kept.add(encode(event, self.told)).await;
                    }
                    None => return,
                },
                () = parts.closed() => return,
                () = sleep(self.idle_timeout), if must_read => {
                    tracing::warn!("a client does not read the answers of its import, closing");
                    return;
                }
            }
        }
        // A client that is gone needs no end.
        let _ = parts.send(None).await;
    }
}

fn encode(event: ImportEvent, told: ToldLines) -> Bytes {
    let mut text = Vec::new();
    for answer in ImportAnswer::of(event, told) {
        // Writing to memory does not fail, and the answers have string keys only.
        let _ = serde_json::to_writer(&mut text, &answer);
        text.push(b'\n');
    }
    text.into()
}

/// Bytes, first in, first out: in memory, then in a file.
struct Kept {
    bytes_max: u64,
    memory: VecDeque<Bytes>,
    memory_bytes: usize,
    file: Option<File>,
    /// The part of the file that is to be read.
    unread: std::ops::Range<u64>,
    /// What could not be written to the file.
    unwritten: VecDeque<Bytes>,
}

impl Kept {
    fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max: bytes_max as u64,
            memory: VecDeque::new(),
            memory_bytes: 0,
            file: None,
            unread: 0..0,
            unwritten: VecDeque::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.unread.is_empty() && self.unwritten.is_empty()
    }

    fn is_full(&self) -> bool {
        let bytes = self.memory_bytes as u64 + (self.unread.end - self.unread.start);
        bytes >= self.bytes_max || !self.unwritten.is_empty()
    }

    async fn add(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.unread.is_empty() && self.memory_bytes < MEMORY_BYTES_MAX {
            self.memory_bytes += bytes.len();
            self.memory.push_back(bytes);
        } else if let Err(error) = self.write(&bytes).await {
            // It fits into memory once, and what comes next waits for the client.
            tracing::warn!(%error, "the answers of an import can not be kept in a temporary file");
            self.unwritten.push_back(bytes);
        }
    }

    async fn take(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(bytes) = self.memory.pop_front() {
            self.memory_bytes -= bytes.len();
            return Ok(Some(bytes));
        }
        if self.unread.is_empty() {
            return Ok(self.unwritten.pop_front());
        }
        self.read().await.map(Some)
    }

    async fn write(&mut self, bytes: &Bytes) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::from_std(temporary_file().await?)),
        };
        file.seek(SeekFrom::Start(self.unread.end)).await?;
        file.write_all(bytes).await?;
        file.flush().await?;
        self.unread.end += bytes.len() as u64;
        Ok(())
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("the temporary file is gone"));
        };
        let bytes = (self.unread.end - self.unread.start).min(READ_BYTES as u64);
        let mut read = vec![0; usize::try_from(bytes).unwrap_or(READ_BYTES)];
        file.seek(SeekFrom::Start(self.unread.start)).await?;
        file.read_exact(&mut read).await?;
        self.unread.start += bytes;
        if self.unread.is_empty() {
            self.unread = 0..0;
            file.set_len(0).await?;
        }
        Ok(read.into())
    }
}

async fn temporary_file() -> io::Result<std::fs::File> {
    tokio::task::spawn_blocking(tempfile::tempfile).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take_all(kept: &mut Kept) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = kept.take().await.unwrap() {
            all.extend_from_slice(&bytes);
        }
        all
    }

    #[tokio::test]
    async fn bytes_come_out_in_the_order_in_which_they_went_in() {
        let mut kept = Kept::new(8 << 20);
        let (mut put, mut taken) = (Vec::new(), Vec::new());
        for round in 0..300_u32 {
            let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i * 7 + round) as u8).collect();
            put.extend_from_slice(&bytes);
            kept.add(bytes.into()).await;
            if round % 3 == 0 {
                taken.extend_from_slice(&kept.take().await.unwrap().unwrap());
            }
        }
        assert!(kept.file.is_some() && !kept.is_full());
        taken.extend(take_all(&mut kept).await);
        assert!(taken == put && kept.is_empty());
        kept.add("again in memory".into()).await;
        assert_eq!(kept.memory.len(), 1);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded() {
        let mut kept = Kept::new(3 << 20);
        for _ in 0..3 {
            assert!(!kept.is_full());
            kept.add(vec![1; 1 << 20].into()).await;
        }
        assert!(kept.is_full());
        kept.take().await.unwrap();
        assert!(!kept.is_full());
    }

    #[tokio::test]
    async fn without_a_file_the_import_waits() {
        let mut kept = Kept::new(8 << 20);
        let unwritable = tempfile::NamedTempFile::new().unwrap();
        let read_only = std::fs::File::open(unwritable.path()).unwrap();
        kept.file = Some(File::from_std(read_only));
        kept.add(vec![1; 1 << 20].into()).await;
        kept.add("beyond".into()).await;
        assert!(kept.is_full());
        assert_eq!(take_all(&mut kept).await.len(), (1 << 20) + 6);
        assert!(!kept.is_full());
    }
}
