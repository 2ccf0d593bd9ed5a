//! The body of an import, line by line, with one line in memory at a time.

use std::{mem, time::Duration};

use akidb_core::{Error, ErrorCode, Result};
use akidb_service::{ImportLine, NewDocument};
use axum::{body::Body, extract::Request};
use bytes::{Buf, BytesMut};
use futures::{Stream, stream};
use http::header;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    body::{discard, next_chunk},
    decode::decode,
    wire::NewDocumentBody,
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is still taken of a body whose import ended early.
const DISCARD_BYTES_MAX: usize = 64 << 20;

/// Reads lines. Blank ones are counted and left out.
pub(super) struct Lines {
    body: Body,
    /// The client sends nothing before it is told to, so there is nothing to discard.
    waits_for_leave: bool,
    line_bytes_max: usize,
    idle_timeout: Duration,
    /// What has come of the next lines.
    buffer: BytesMut,
    /// How many bytes of the buffer are known to hold no end of a line.
    searched: usize,
    /// The number of the last line.
    number: u64,
    /// The line in the buffer is longer than allowed, and its beginning is gone.
    is_too_long: bool,
    ended: bool,
}

impl Lines {
    pub(super) fn new(request: Request, line_bytes_max: usize, idle_timeout: Duration) -> Self {
        Self {
            waits_for_leave: request.headers().contains_key(header::EXPECT),
            body: request.into_body(),
            line_bytes_max,
            idle_timeout,
            buffer: BytesMut::new(),
            searched: 0,
            number: 0,
            is_too_long: false,
            ended: false,
        }
    }

    /// The lines; an error is the last item.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<ImportLine>> + Send + 'static {
        stream::unfold(self, |mut lines| async { Some((lines.next().await?, lines)) })
    }

    async fn next(&mut self) -> Option<Result<ImportLine>> {
        loop {
            while let Some(end) = self.end_of_line() {
                if let Some(line) = self.take(end, 1) {
                    return Some(Ok(line));
                }
            }
            if self.ended {
                let rest = self.buffer.len();
                return self.take(rest, 0).map(Ok);
            }
            if let Err(error) = self.receive().await {
                // Nobody knows whether the line in the buffer would have gone on.
                self.buffer.clear();
                self.is_too_long = false;
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn receive(&mut self) -> Result<()> {
        self.waits_for_leave = false;
        let chunk = timeout(self.idle_timeout, next_chunk(&mut self.body)).await;
        let chunk = chunk.map_err(|_| {
            let idle_ms = self.idle_timeout.as_millis();
            let message = format!("nothing came for {idle_ms} ms (import_idle_timeout_ms)");
            Error::new(ErrorCode::DeadlineExceeded, message)
        })??;
        match chunk {
            Some(chunk) => self.buffer.extend_from_slice(&chunk),
            None => self.ended = true,
        }
        Ok(())
    }

    /// Where the first line of the buffer ends. Throws away what is too long to be kept.
    fn end_of_line(&mut self) -> Option<usize> {
        let unsearched = self.buffer.get(self.searched..)?;
        if let Some(end) = unsearched.iter().position(|&byte| byte == b'\n') {
            return Some(self.searched + end);
        }
        if self.buffer.len() > self.line_bytes_max {
            self.is_too_long = true;
            self.buffer.clear();
        }
        self.searched = self.buffer.len();
        None
    }

    /// Takes a line of this length, and so many bytes behind it; `None` where it is blank.
    fn take(&mut self, bytes: usize, behind: usize) -> Option<ImportLine> {
        let line = self.buffer.split_to(bytes);
        self.buffer.advance(behind);
        self.searched = 0;
        self.number += u64::from(bytes + behind > 0 || self.is_too_long);
        let mut line = &line[..];
        if self.number == 1 {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        let document = if mem::take(&mut self.is_too_long) || line.len() > self.line_bytes_max {
            Err(too_long(self.line_bytes_max))
        } else if line.trim_ascii().is_empty() {
            return None;
        } else {
            read_document(line)
        };
        Some(ImportLine { number: self.number, bytes, document })
    }
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
    let words = |text: &str| {
        let text =
            text.strip_prefix("body: ").map_or(text.to_owned(), |t| format!("document: {t}"));
        text.replace(" at line 1 column ", " at column ")
    };
    error.message = words(&error.message);
    for violation in &mut error.violations {
        violation.description = words(&violation.description);
        if violation.field == "body" {
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

    /// Numbers with ids or codes, of a body that comes in pieces of this size.
    async fn read(body: &[u8], piece: usize) -> Vec<(u64, String)> {
        let pieces: Vec<_> =
            body.chunks(piece).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
        let request = Request::new(Body::from_stream(stream::iter(pieces)));
        let lines = Lines::new(request, 40, Duration::from_secs(20)).into_stream();
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
        let lines = Lines::new(request, 40, Duration::from_secs(20)).into_stream();
        let lines: Vec<_> = lines.collect().await;
        assert_eq!(lines.len(), 2);
        assert!(lines[0].is_ok());
        assert_eq!(lines[1].as_ref().unwrap_err().code, ErrorCode::MalformedRequest);
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let request =
            Request::new(Body::from_stream(stream::pending::<std::io::Result<Vec<u8>>>()));
        let lines = Lines::new(request, 40, Duration::from_millis(1)).into_stream();
        let lines: Vec<_> = lines.collect().await;
        assert_eq!(lines[0].as_ref().unwrap_err().code, ErrorCode::DeadlineExceeded);
    }
}
