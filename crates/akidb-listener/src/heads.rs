//! The heads of HTTP/1 requests, as they stand on the wire.
//!
//! hyper takes lines that end with a bare line feed, and bodies with both a length and a transfer
//! coding, and does not show them. Whatever stands before a node may read such a message otherwise
//! and see one request where the node sees two (RFC 9112, sections 2.2 and 6.3), so that they are
//! refused. This follows the bytes beside hyper, from head to head, and changes none of them.

use std::collections::VecDeque;

/// What every HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0";

/// hyper refuses longer ones.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    state: Reading,
    /// What has come of the line.
    line: Vec<u8>,
    head: Head,
    /// What is wrong with each head that came, and was not asked for yet.
    faults: VecDeque<Option<String>>,
    /// How many bytes came, up to the length of the preface.
    bytes: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Head,
    /// So many bytes are left of a body or a chunk; then comes a size where it is one.
    Body {
        bytes_left: u64,
        is_chunk: bool,
    },
    ChunkSize,
    Trailers,
    Http2,
    /// A head was wrong: hyper gives up too, or ends the connection after the reply.
    Lost,
}

/// What matters of a head.
#[derive(Debug, Default)]
struct Head {
    lines: usize,
    length: Option<u64>,
    is_chunked: bool,
    fault: Option<String>,
}

impl Heads {
    /// Follows some more bytes.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len()).min(PREFACE.len());
        while !bytes.is_empty() && !matches!(self.state, Reading::Http2 | Reading::Lost) {
            if let Reading::Body { bytes_left, is_chunk } = self.state {
                let taken = bytes.len().min(usize::try_from(bytes_left).unwrap_or(usize::MAX));
                bytes = &bytes[taken..];
                self.state = match (bytes_left - taken as u64, is_chunk) {
                    (0, true) => Reading::ChunkSize,
                    (0, false) => Reading::Head,
                    (bytes_left, _) => Reading::Body { bytes_left, is_chunk },
                };
                continue;
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            self.line.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.line.len() > LINE_BYTES_MAX {
                self.state = Reading::Lost;
            } else if end.is_some() {
                let line = std::mem::take(&mut self.line);
                self.state = self.after_line(&line);
            }
        }
    }

    /// Whether the client began with all of the preface of HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.state == Reading::Http2 && self.bytes == PREFACE.len()
    }

    /// What is wrong with the next head; to be asked for each request, in their order.
    pub(crate) fn next_fault(&mut self) -> Option<String> {
        self.faults.pop_front().flatten()
    }

    fn after_line(&mut self, line: &[u8]) -> Reading {
        let text = line.strip_suffix(b"\r\n");
        match self.state {
            Reading::ChunkSize => match chunk_size(line) {
                Some(0) => Reading::Trailers,
                // The line feed behind a chunk belongs to it.
                Some(size) => Reading::Body { bytes_left: size.saturating_add(2), is_chunk: true },
                None => Reading::Lost,
            },
            Reading::Trailers if text == Some(b"") => Reading::Head,
            Reading::Trailers => Reading::Trailers,
            _ => self.after_head_line(line, text),
        }
    }

    fn after_head_line(&mut self, line: &[u8], text: Option<&[u8]>) -> Reading {
        let is_bare = text.is_none();
        let text = text.unwrap_or_else(|| line.strip_suffix(b"\n").unwrap_or(line));
        let head = &mut self.head;
        if is_bare && head.fault.is_none() {
            let number = head.lines + 1;
            head.fault =
                Some(format!("line {number} of the head ends with a line feed and no return"));
        }
        if head.lines == 0 && text == PREFACE_LINE {
            return Reading::Http2;
        }
        if !text.is_empty() {
            head.lines += 1;
            head.note(text);
            return Reading::Head;
        }
        // Empty lines before a request are taken (RFC 9112, section 2.2).
        if head.lines == 0 && !is_bare {
            return Reading::Head;
        }
        let head = std::mem::take(head);
        let next = match (&head.fault, head.is_chunked, head.length) {
            (Some(_), ..) => Reading::Lost,
            (None, true, _) => Reading::ChunkSize,
            (None, false, Some(bytes_left @ 1..)) => Reading::Body { bytes_left, is_chunk: false },
            (None, false, _) => Reading::Head,
        };
        self.faults.push_back(head.fault);
        next
    }
}

impl Head {
    fn note(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let fault = if name.eq_ignore_ascii_case(b"content-length") {
            self.note_length(value)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.note_coding(value)
        } else {
            None
        };
        if self.fault.is_none() {
            self.fault = fault.map(str::to_owned);
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Option<&'static str> {
        let digits = std::str::from_utf8(value).ok();
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok());
        if length.is_none() {
            return Some("content-length: is no number");
        }
        if self.length.is_some() || self.is_chunked {
            return Some("content-length: stands beside another length of the body");
        }
        self.length = length;
        None
    }

    fn note_coding(&mut self, value: &[u8]) -> Option<&'static str> {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Some("transfer-encoding: allowed is chunked alone");
        }
        if self.length.is_some() || self.is_chunked {
            return Some("transfer-encoding: stands beside another length of the body");
        }
        self.is_chunked = true;
        None
    }
}

/// The size of the chunk that follows; its extensions are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The faults of each head, of bytes that come in pieces of this size.
    fn faults(bytes: &str, piece: usize) -> Vec<Option<String>> {
        let mut heads = Heads::default();
        bytes.as_bytes().chunks(piece).for_each(|piece| heads.follow(piece));
        heads.faults.into()
    }

    #[track_caller]
    fn check(head: &str, expect: Option<&str>) {
        for piece in [1, 3, 1_000] {
            let found = faults(head, piece);
            let [fault] = &found[..] else { panic!("{head:?}: {found:?}") };
            match expect {
                None => assert_eq!(fault, &None, "{head:?}"),
                Some(words) => assert!(fault.as_ref().unwrap().contains(words), "{fault:?}"),
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_found() {
        let post = "POST / HTTP/1.1\r\nhost: a\r\n";
        check(&format!("{post}content-length: 2\r\n\r\nhi"), None);
        check(&format!("{post}Transfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), None);
        check("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", None);
        check("GET / HTTP/1.1\nhost: a\r\n\r\n", Some("line 1"));
        check("GET / HTTP/1.1\r\nhost: a\n\r\n", Some("line 2"));
        check("GET / HTTP/1.1\r\nhost: a\r\n\n", Some("line 3"));
        for coding in ["gzip, chunked", "identity", "chunked, chunked", "xchunked", "", "chunked;a"]
        {
            let head = format!("{post}transfer-encoding: {coding}\r\n\r\n0\r\n\r\n");
            check(&head, Some("allowed is chunked alone"));
        }
        let both = ["content-length: 1\r\n", "transfer-encoding: chunked\r\n"];
        for (first, second) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
            let head = format!("{post}{}{}\r\n", both[first], both[second]);
            check(&head, Some("beside another length"));
        }
        for length in ["+1", "1, 1", "0x1", "99999999999999999999", "1 1"] {
            check(&format!("{post}content-length: {length}\r\n\r\n"), Some("is no number"));
        }
    }

    #[test]
    fn the_preface_of_http2_is_no_head() {
        let mut heads = Heads::default();
        heads.follow(&PREFACE[..20]);
        assert!(!heads.is_http2());
        heads.follow(&PREFACE[20..]);
        heads.follow(b"\0\0\0\x04\n\n\r\n\r\n");
        assert!(heads.is_http2() && heads.faults.is_empty());
    }

    proptest! {
        /// Bodies of every kind are skipped to their last byte, whatever stands in them.
        #[test]
        fn every_head_of_a_connection_is_found(
            bodies in proptest::collection::vec((any::<bool>(), "[\r\na: 0]{0,40}"), 1..8),
            piece in 1_usize..50,
        ) {
            let mut bytes = String::new();
            for (is_chunked, body) in &bodies {
                bytes += "POST / HTTP/1.1\r\nhost: a\r\n";
                match is_chunked {
                    false => bytes += &format!("content-length: {}\r\n\r\n{body}", body.len()),
                    true => {
                        bytes += "transfer-encoding: chunked\r\n\r\n";
                        if !body.is_empty() {
                            bytes += &format!("{:x};x=y\r\n{body}\r\n", body.len());
                        }
                        bytes += "0\r\nx: y\r\n\r\n";
                    }
                }
            }
            prop_assert_eq!(faults(&bytes, piece), vec![None; bodies.len()]);
        }
    }
}
