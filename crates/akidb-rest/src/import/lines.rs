//! The body of an import, document by document, with one in memory at a time.

use std::{mem, time::Duration};

use akidb_core::{Error, ErrorCode, Result};
use akidb_service::{ImportLine, NewDocument};
use axum::{body::Body, extract::Request};
use bytes::BytesMut;
use futures::{Stream, stream};
use http::header;
use tokio::{runtime::Handle, time::timeout};

use super::{
    fields::Fields,
    frame::{FrameFault, Framed, Framer, ImportFormat},
};
use crate::{
    body::{broken_off, discard, next_chunk},
    decode::decode,
    wire::{ImportFields, NewDocumentBody},
};

/// What is still taken of a body whose import ended early.
const DISCARD_BYTES_MAX: usize = 64 << 20;

/// Reads documents. Blank lines are counted and left out.
pub(super) struct Lines {
    body: Body,
    /// The client sends nothing before it is told to, so there is nothing to discard.
    waits_for_leave: bool,
    line_bytes_max: usize,
    idle_timeout: Duration,
    fields: Fields,
    input: Input,
    /// The body has come to its end.
    ended: bool,
    /// Nothing can be read any more.
    done: bool,
}

/// What has come.
enum Input {
    /// Nothing that says which format it is: a list, or lines.
    Unknown(BytesMut),
    Of(ImportFormat, Framer),
}

impl Lines {
    /// `format` is absent where JSON may be lines or a list, by how it begins.
    pub(super) fn new(
        request: Request,
        format: Option<ImportFormat>,
        fields: ImportFields,
        line_bytes_max: usize,
        idle_timeout: Duration,
    ) -> Self {
        let input = match format {
            Some(format) => Input::Of(format, Framer::new(format, line_bytes_max)),
            None => Input::Unknown(BytesMut::new()),
        };
        Self {
            waits_for_leave: request.headers().contains_key(header::EXPECT),
            body: request.into_body(),
            line_bytes_max,
            idle_timeout,
            fields: Fields::new(fields),
            input,
            ended: false,
            done: false,
        }
    }

    /// The documents; an error is the last item.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<ImportLine>> + Send + 'static {
        stream::unfold(self, |mut lines| async { Some((lines.next().await?, lines)) })
    }

    async fn next(&mut self) -> Option<Result<ImportLine>> {
        while !self.done {
            let framed = match &mut self.input {
                Input::Unknown(_) => Ok(None),
                Input::Of(_, framer) => framer.next_document(),
            };
            let read = match framed {
                Ok(Some(framed)) => self.read(framed).transpose(),
                Ok(None) if self.ended => self.finish().transpose(),
                Ok(None) => self.receive().await.err().map(Err),
                Err(fault) => Some(Err(of_the_whole(&fault))),
            };
            self.done |= matches!(read, Some(Err(_)));
            if read.is_some() {
                return read;
            }
        }
        None
    }

    async fn receive(&mut self) -> Result<()> {
        self.waits_for_leave = false;
        let chunk = timeout(self.idle_timeout, next_chunk(&mut self.body)).await;
        let chunk =
            chunk.map_or_else(|_| Err(idle(self.idle_timeout)), |chunk| chunk.map_err(broken_off));
        // After an error nobody knows whether the document in the buffer would have gone on.
        self.ended = chunk.is_err();
        match (&mut self.input, chunk?) {
            (_, None) => self.ended = true,
            (Input::Of(_, framer), Some(chunk)) => framer.push(&chunk),
            (Input::Unknown(begun), Some(chunk)) => {
                begun.extend_from_slice(&chunk);
                let start = begun.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begun).trim_ascii_start();
                if let Some(&first) = start.first() {
                    self.begin(if first == b'[' {
                        ImportFormat::Array
                    } else {
                        ImportFormat::Lines
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes what has come as this format.
    fn begin(&mut self, format: ImportFormat) {
        if let Input::Unknown(begun) = &mut self.input {
            let mut framer = Framer::new(format, self.line_bytes_max);
            framer.push(&mem::take(begun));
            self.input = Input::Of(format, framer);
        }
    }

    /// What is left behind the last end of a document.
    fn finish(&mut self) -> Result<Option<ImportLine>> {
        self.done = true;
        let Input::Of(_, framer) = &mut self.input else { return Ok(None) };
        match framer.finish().map_err(|fault| of_the_whole(&fault))? {
            Some(framed) => self.read(framed),
            None => Ok(None),
        }
    }

    /// The document, or why this one cannot be read. Of CSV the first one is the header.
    ///
    /// # Errors
    /// The header says that no row can be read.
    fn read(&mut self, framed: Framed) -> Result<Option<ImportLine>> {
        let Framed { number, bytes, content } = framed;
        let is_csv = matches!(self.input, Input::Of(ImportFormat::Csv, _));
        let Some(content) = content else {
            let document = Err(too_long(self.line_bytes_max));
            return Ok(Some(ImportLine { number, bytes, document }));
        };
        if is_csv && self.fields.awaits_header() {
            return self.fields.take_header(&content).map(|()| None);
        }
        let mut own = Vec::new();
        let document = if is_csv {
            self.fields.of_row(&content).and_then(|row| read_document(&row))
        } else {
            let object = self.fields.of_object(&content, &mut own).map_err(on_a_line);
            object.and_then(read_document)
        };
        Ok(Some(ImportLine { number, bytes, document }))
    }
}

fn of_the_whole(fault: &FrameFault) -> Error {
    Error::at(ErrorCode::MalformedRequest, "body", fault)
}

fn idle(idle_timeout: Duration) -> Error {
    let idle_ms = idle_timeout.as_millis();
    let message = format!("nothing came for {idle_ms} ms (import_idle_timeout_ms)");
    Error::new(ErrorCode::DeadlineExceeded, message)
}

impl Drop for Lines {
    /// Where the import ends before its input, the client may still be writing, and would find a
    /// closed connection in place of its answers.
    fn drop(&mut self) {
        if !self.ended
            && !self.waits_for_leave
            && let Ok(runtime) = Handle::try_current()
        {
            let mut body = mem::take(&mut self.body);
            runtime.spawn(async move { discard(&mut body, DISCARD_BYTES_MAX).await });
        }
    }
}

fn read_document(line: &[u8]) -> Result<NewDocument> {
    let document = decode::<NewDocumentBody>(line).and_then(|body| body.into_document(""));
    document.map_err(on_a_line)
}

/// The error of a body that was a line: the line has a number of its own.
fn on_a_line(mut error: Error) -> Error {
    // A field may be called so, too.
    let is_whole = error.code != ErrorCode::UnknownField;
    let words = |text: &str| {
        let of_the_whole = text.strip_prefix("body: ").filter(|_| is_whole);
        let text = of_the_whole.map_or(text.to_owned(), |text| format!("document: {text}"));
        text.replace(" at line 1 column ", " at column ")
    };
    error.message = words(&error.message);
    for violation in &mut error.violations {
        violation.description = words(&violation.description);
        if is_whole && violation.field == "body" {
            violation.field = "document".to_owned();
        }
    }
    error
}

fn too_long(line_bytes_max: usize) -> Error {
    let description =
        format_args!("is longer than {line_bytes_max} bytes (import_line_bytes)").to_string();
    Error::at(ErrorCode::LimitExceeded, "document", description)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn lines(request: Request, idle_timeout: Duration) -> Lines {
        Lines::new(request, Some(ImportFormat::Lines), ImportFields::default(), 40, idle_timeout)
    }

    /// Numbers with ids or codes, of a body that comes in pieces of this size.
    async fn read(body: &[u8], piece: usize) -> Vec<(u64, String)> {
        let pieces: Vec<_> =
            body.chunks(piece).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        let request = Request::new(Body::from_stream(stream::iter(pieces)));
        let lines = lines(request, Duration::from_secs(20)).into_stream();
        let told = lines.map(|line| {
            let line = line.unwrap();
            let told = match line.document {
                Ok(document) => document.id.map_or_else(String::new, |id| id.to_string()),
                Err(error) => error.to_string(),
            };
            (line.number, told)
        });
        told.collect().await
    }

    #[tokio::test]
    async fn lines_are_numbered_wherever_the_pieces_end() {
        let long = "x".repeat(1_000);
        let body = format!(
            "\u{feff}{{\"id\":1}}\r\n\n \t\r\n{{\"id\":\"ä\"}}\n{{\"id\":3\n{long}\n\
             {{\"id\":4, \"text\":\"nul \\u0000\"}}\n\0\n{{\"di\":5}}\n[6]\n{{\"id\":7}}"
        );
        let expect = [
            (1, "1"),
            (4, "ä"),
            (5, "malformed_request: document: EOF while parsing an object at column 7"),
            (6, "limit_exceeded: document: is longer than 40 bytes (import_line_bytes)"),
            (7, "4"),
            (8, "malformed_request: document: expected value at column 1"),
            (9, "unknown_field: di: is not a known field, did you mean \"id\"? at column 5"),
            (
                10,
                "malformed_request: document: invalid type: sequence, expected an object at column 0",
            ),
            (11, "7"),
        ];
        let expect: Vec<_> = expect.map(|(line, told)| (line, told.to_owned())).into();
        for piece in [1, 2, 3, 7, 39, 40, 41, 64, 10_000] {
            assert_eq!(read(body.as_bytes(), piece).await, expect, "pieces of {piece} bytes");
        }
        assert_eq!(read(b"", 1).await, []);
        assert_eq!(read(b"\n\n", 1).await, []);
        assert_eq!(read(long.as_bytes(), 9).await.len(), 1);
    }

    #[tokio::test]
    async fn a_line_that_broke_off_is_no_line() {
        let pieces = [Ok("{\"id\":1}\n{\"id\":2}"), Err(std::io::Error::other("gone"))];
        let request = Request::new(Body::from_stream(stream::iter(pieces)));
        let lines = lines(request, Duration::from_secs(20)).into_stream();
        let lines: Vec<_> = lines.collect().await;
        assert_eq!(lines.len(), 2);
        assert!(lines[0].is_ok());
        assert_eq!(lines[1].as_ref().unwrap_err().code, ErrorCode::MalformedRequest);
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let request =
            Request::new(Body::from_stream(stream::pending::<std::io::Result<Vec<u8>>>()));
        let lines = lines(request, Duration::from_millis(1)).into_stream();
        let lines: Vec<_> = lines.collect().await;
        assert_eq!(lines[0].as_ref().unwrap_err().code, ErrorCode::DeadlineExceeded);
    }
}
