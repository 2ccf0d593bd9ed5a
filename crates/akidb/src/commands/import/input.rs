//! What is imported: decompressed, told what it is, and read in pieces ahead of what the node takes.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
    thread,
};

use akidb_rest::{Framer, ImportFormat};
use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc;

use super::{format, sent::Sent};
use crate::failure::{Failure, Result};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that are read ahead.
const PIECES_READ_AHEAD: usize = 4;
/// Bytes of a document beyond which it is not kept to be written where it fails.
const KEPT_BYTES_MAX: usize = 64 << 20;

type Reader = Box<dyn Read + Send>;

/// Where documents are read from.
pub(super) struct Input {
    name: String,
    /// Bytes to read, where that is known.
    bytes: Option<u64>,
    reader: Reader,
}

/// An input whose format is known.
pub(super) struct Known {
    pub(super) format: ImportFormat,
    input: Input,
}

/// An input that is being read.
pub(super) struct Body<S> {
    /// Bytes to read, where that is known.
    pub(super) bytes: Option<u64>,
    /// The pieces, in order.
    pub(super) stream: S,
    /// Which documents are read and not acknowledged.
    pub(super) sent: Sent,
}

impl Input {
    /// Opens a file, or stdin for `-`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let reader = Box::new(io::stdin());
            return Ok(Self { name: "stdin".to_owned(), bytes: None, reader });
        }
        if path.is_dir() {
            let message = format!("{} is a folder, expected is a file", path.display());
            return Err(Failure::usage(message).hint("name a file in it, one at a time"));
        }
        let name = path.display().to_string();
        let failure = |error: io::Error| Failure::io(format!("cannot open {name}"), &error);
        let file = File::open(path).map_err(failure)?;
        let metadata = file.metadata().map_err(failure)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { name, bytes, reader: Box::new(file) })
    }

    /// Reads the beginning, which may wait for stdin as long as that is silent, and finds out what
    /// the input is; `asked` is what the user says that it is.
    pub(super) fn look(
        self,
        asked: Option<ImportFormat>,
        is_column: impl Fn(&str) -> bool,
    ) -> Result<Known> {
        let Self { name, bytes, reader } = self;
        let cannot_read = |error: io::Error| Failure::io(format!("cannot read {name}"), &error);
        let (start, reader) = beginning(reader, format::shows_magic).map_err(cannot_read)?;
        let (is_compressed, reader): (_, Reader) = match &*start {
            [0x1f, 0x8b, ..] => (true, Box::new(flate2::read::MultiGzDecoder::new(reader))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = zstd::stream::read::Decoder::new(reader).map_err(cannot_read)?;
                (true, Box::new(decoder))
            }
            _ => (false, reader),
        };
        let (start, reader) = beginning(reader, format::shows_format).map_err(cannot_read)?;
        let format = format::of(&name, &start, asked, is_column)?;
        // How far a compressed file is read says nothing of how many documents are stored.
        let bytes = bytes.filter(|_| !is_compressed);
        Ok(Known { format, input: Self { name, bytes, reader } })
    }
}

/// Reads until that is enough, and answers it with a reader that begins with it. It waits for no
/// more: stdin may be silent after its first line.
fn beginning(
    mut reader: Reader,
    is_enough: impl Fn(&[u8]) -> bool,
) -> io::Result<(Vec<u8>, Reader)> {
    let mut start = Vec::new();
    let mut piece = vec![0; PIECE_BYTES];
    while start.len() < PIECE_BYTES && !is_enough(&start) {
        match reader.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => start.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let reader = Box::new(Cursor::new(start.clone()).chain(reader));
    Ok((start, reader))
}

impl Known {
    /// Begins to read, on a thread of its own, which a silent stdin may block for as long as it
    /// likes. Documents are kept until they are acknowledged where `keeps` says so.
    pub(super) fn start(
        self,
        keeps: bool,
    ) -> Result<Body<impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static>> {
        let (pieces, mut receiver) = mpsc::channel(PIECES_READ_AHEAD);
        let Self { format, input } = self;
        let (bytes, sent) = (input.bytes, Sent::new(keeps));
        let reading = sent.clone();
        let framer = Framer::new(format, KEPT_BYTES_MAX);
        thread::Builder::new()
            .name("import-reader".to_owned())
            .spawn(move || input.read(framer, &pieces, &reading))
            .map_err(|error| Failure::io("cannot start a thread", &error))?;
        let stream = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(Body { bytes, stream, sent })
    }
}

impl Input {
    fn read(mut self, mut framer: Framer, pieces: &mpsc::Sender<io::Result<Bytes>>, sent: &Sent) {
        let mut bytes = 0;
        loop {
            let mut piece = vec![0; PIECE_BYTES];
            let piece = match self.reader.read(&mut piece) {
                Ok(read) => {
                    piece.truncate(read);
                    bytes += read as u64;
                    framer.push(&piece);
                    // A list that is none is the node's to tell.
                    while let Ok(Some(framed)) = framer.next_document() {
                        sent.add(framed, bytes);
                    }
                    if read == 0 {
                        if let Ok(Some(framed)) = framer.finish() {
                            sent.add(framed, bytes);
                        }
                        return;
                    }
                    Ok(piece.into())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    sent.fail(Failure::io(format!("cannot read {}", self.name), &error));
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
