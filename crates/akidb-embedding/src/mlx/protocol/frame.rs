//! The bytes of a frame: a header of 32, then the body.
//!
//! All numbers are little-endian: `AKMW`, the kind (4 bytes), the number of the request (8), the
//! length of the body (8), and XXH3 of all of these and of the body (8).

use std::io::{self, Read, Write};

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"AKMW";
/// The bytes of a header.
pub const HEADER_BYTES: usize = 32;
/// Of them, those that the checksum covers.
const CHECKED_BYTES: usize = 24;
/// No batch is as long: a header that says more is no header.
const MAX_BODY_BYTES: u64 = 1 << 30;
/// What of a body is taken on trust before its bytes are there.
const READ_AHEAD_BYTES: u64 = 1 << 20;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FrameKind {
    /// Worker: [`Hello`](super::Hello).
    Hello = 1,
    /// Node: [`Open`](super::Open).
    Open = 2,
    /// Worker: [`ModuleInfo`](super::ModuleInfo).
    Opened = 3,
    /// Node: a batch of texts, see [`BatchHead`](super::BatchHead).
    Encode = 4,
    /// Worker: their vectors, see [`VectorsHead`](super::VectorsHead).
    Vectors = 5,
    /// Node: whether the worker is alive; no body.
    Ping = 6,
    /// Worker: [`Pong`](super::Pong).
    Pong = 7,
    /// Node: what the module holds; no body.
    Statistics = 8,
    /// Worker: [`ModuleStatistics`](super::ModuleStatistics).
    StatisticsAnswer = 9,
    /// Worker: the request failed, [`Failed`](super::Failed).
    Failed = 10,
    /// Worker: it ends, [`Failed`](super::Failed).
    Farewell = 11,
}

impl FrameKind {
    const ALL: [Self; 11] = [
        Self::Hello,
        Self::Open,
        Self::Opened,
        Self::Encode,
        Self::Vectors,
        Self::Ping,
        Self::Pong,
        Self::Statistics,
        Self::StatisticsAnswer,
        Self::Failed,
        Self::Farewell,
    ];

    fn of(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// A frame that was read and whose checksum is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub kind: FrameKind,
    /// The request that it belongs to.
    pub request: u64,
    /// What the kind says it is.
    pub body: Vec<u8>,
}

/// What came is not what this protocol allows. Nothing that comes after it can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The pipe failed, or ended within a frame.
    #[error("the pipe failed: {0}")]
    Pipe(#[from] io::Error),
    /// The bytes are not the start of a frame.
    #[error("{0:02x?} is not the start of a frame")]
    NoFrame([u8; 4]),
    /// The header names a kind that does not exist.
    #[error("{0} is no kind of frame")]
    UnknownKind(u32),
    /// The header announces more than any frame has.
    #[error("a frame announces {0} bytes, the limit is {MAX_BODY_BYTES}")]
    TooLong(u64),
    /// The checksum of the frame is not that of its bytes.
    #[error("the checksum of a frame of {0} bytes is wrong")]
    WrongChecksum(usize),
    /// A frame of another kind or request was due.
    #[error("a frame {found:?} of request {request} came where none was due")]
    Unexpected {
        /// What came.
        found: FrameKind,
        /// Its request.
        request: u64,
    },
    /// The body of a frame is not what its kind says.
    #[error("a frame {kind:?} cannot be read: {reason}")]
    Message {
        /// The kind of the frame.
        kind: FrameKind,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a frame; `None` where the other side has ended between two frames.
///
/// # Errors
///
/// See [`ProtocolError`].
pub fn read_frame(pipe: &mut impl Read) -> Result<Option<Frame>, ProtocolError> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < HEADER_BYTES {
        match pipe.read(&mut header[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (kind, request, body_bytes, checksum) = parse_header(&header)?;
    let mut body = Vec::with_capacity(body_bytes.min(READ_AHEAD_BYTES) as usize);
    pipe.take(body_bytes).read_to_end(&mut body)?;
    if body.len() as u64 != body_bytes {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if checksum_of(&header, &body) != checksum {
        return Err(ProtocolError::WrongChecksum(body.len()));
    }
    Ok(Some(Frame { kind, request, body }))
}

/// The kind, the request, the length of the body and the checksum.
fn parse_header(header: &[u8; HEADER_BYTES]) -> Result<(FrameKind, u64, u64, u64), ProtocolError> {
    let (magic, rest) = header.split_first_chunk::<4>().unwrap_or((&MAGIC, &[]));
    if *magic != MAGIC {
        return Err(ProtocolError::NoFrame(*magic));
    }
    let number = |at: usize| {
        let bytes = rest.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let kind = rest.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let kind = FrameKind::of(kind).ok_or(ProtocolError::UnknownKind(kind))?;
    let body_bytes = number(12);
    if body_bytes > MAX_BODY_BYTES {
        return Err(ProtocolError::TooLong(body_bytes));
    }
    Ok((kind, number(4), body_bytes, number(20)))
}

fn checksum_of(header: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&header[..CHECKED_BYTES]);
    hash.update(body);
    hash.digest()
}

/// Makes frames, one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub struct FrameWriter {
    bytes: Vec<u8>,
}

impl FrameWriter {
    /// Makes a frame whose body `fill` appends.
    pub fn frame(
        &mut self,
        kind: FrameKind,
        request: u64,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> &[u8] {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        fill(&mut self.bytes);
        let (header, body) = self.bytes.split_at_mut(HEADER_BYTES);
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&(kind as u32).to_le_bytes());
        header[8..16].copy_from_slice(&request.to_le_bytes());
        header[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
        let checksum = checksum_of(header, body);
        header[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }

    /// Makes a frame whose body is `message` as JSON.
    ///
    /// # Errors
    ///
    /// When the message cannot be JSON.
    pub fn message(
        &mut self,
        kind: FrameKind,
        request: u64,
        message: &impl Serialize,
    ) -> io::Result<&[u8]> {
        let body = serde_json::to_vec(message)?;
        Ok(self.frame(kind, request, |bytes| bytes.extend_from_slice(&body)))
    }

    /// Makes a frame and writes it in one piece.
    ///
    /// # Errors
    ///
    /// When the message cannot be JSON, or the pipe fails.
    pub fn send(
        &mut self,
        pipe: &mut impl Write,
        kind: FrameKind,
        request: u64,
        message: &impl Serialize,
    ) -> io::Result<()> {
        let frame = self.message(kind, request, message)?;
        pipe.write_all(frame)?;
        pipe.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Frame>, ProtocolError> {
        read_frame(&mut &*bytes)
    }

    #[test]
    fn nothing_is_no_frame_and_no_error() {
        assert!(read(&[]).unwrap().is_none());
        assert!(matches!(read(b"AKMW"), Err(ProtocolError::Pipe(_))));
        assert!(matches!(read(&[b'x'; 64]), Err(ProtocolError::NoFrame(_))));
    }

    #[test]
    fn a_header_is_believed_only_within_bounds() {
        let mut writer = FrameWriter::default();
        let frame = writer.frame(FrameKind::Ping, 1, |_| {}).to_vec();
        let mut long = frame.clone();
        long[16..24].copy_from_slice(&(MAX_BODY_BYTES + 1).to_le_bytes());
        assert!(matches!(read(&long), Err(ProtocolError::TooLong(_))));
        let mut unknown = frame;
        unknown[4] = 200;
        assert!(matches!(read(&unknown), Err(ProtocolError::UnknownKind(200))));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in(
            kind in 0..FrameKind::ALL.len(),
            request: u64,
            body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let kind = FrameKind::ALL[kind];
            let mut writer = FrameWriter::default();
            let mut bytes = writer.frame(kind, request, |bytes| bytes.extend(&body)).to_vec();
            bytes.extend(writer.frame(FrameKind::Ping, 7, |_| {}));
            let mut pipe = &*bytes;
            prop_assert_eq!(read_frame(&mut pipe).unwrap(), Some(Frame { kind, request, body }));
            prop_assert_eq!(read_frame(&mut pipe).unwrap().unwrap().request, 7);
        }

        #[test]
        fn no_changed_byte_is_believed(
            body in prop::collection::vec(any::<u8>(), 0..64),
            at: prop::sample::Index,
            change in 1_u8..,
        ) {
            let mut writer = FrameWriter::default();
            let mut bytes = writer.frame(FrameKind::Encode, 3, |bytes| bytes.extend(&body)).to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            prop_assert!(read(&bytes).is_err());
        }
    }
}
