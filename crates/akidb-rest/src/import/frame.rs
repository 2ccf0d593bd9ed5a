//! Where one document of an import ends and the next begins, in bytes that come in pieces.
//!
//! The command line frames in the same way, to keep
//! the documents that have failed as they were.

use std::{fmt, mem, str::FromStr};

use bytes::{Buf, BytesMut};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How documents follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFormat {
    /// JSON Lines: one object a line.
    Lines,
    /// One JSON array of objects.
    Array,
    /// CSV (RFC 4180) with a header, fields divided by commas, semicolons or tabs.
    Csv,
}

impl ImportFormat {
    /// Its name in a configuration or on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "jsonl",
            Self::Array => "json",
            Self::Csv => "csv",
        }
    }

    /// The media type that says so of a body.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => crate::media::JSON_LINES.name,
            Self::Array => crate::media::JSON.name,
            Self::Csv => crate::media::CSV.name,
        }
    }
}

impl fmt::Display for ImportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ImportFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Lines, Self::Array, Self::Csv];
        all.into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| format!("{name:?} is not one of jsonl, json and csv"))
    }
}

/// One document, as it stands in the input.
#[derive(Debug, PartialEq)]
pub struct Framed {
    /// Of [`ImportFormat::Array`] the place in the list, of others the line on which it begins, both
    /// from 1.
    pub number: u64,
    /// Bytes of the input that it takes, without what divides it from the next.
    pub bytes: usize,
    /// The document; none where it is longer than allowed.
    pub content: Option<BytesMut>,
}

/// The input is not of its format as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FrameFault(&'static str);

/// Divides an input into documents. Blank lines count and are left out.
#[derive(Debug)]
pub struct Framer {
    scan: Scan,
    bytes_max: usize,
    /// What has come of the next documents.
    buffer: BytesMut,
    /// How many bytes of the buffer are known to hold no end of a document.
    searched: usize,
    /// Lines that have ended, or documents of an array.
    passed: u64,
    /// The document in the buffer is longer than allowed, and its beginning is gone.
    is_too_long: bool,
    is_first: bool,
}

/// What has been seen of the document in the buffer.
#[derive(Debug)]
enum Scan {
    Lines,
    Csv(RowScan),
    Array(ArrayScan),
}

#[derive(Debug, Default)]
struct RowScan {
    /// Known when the header has come.
    delimiter: Option<u8>,
    cell: Cell,
    /// Line breaks within quotes.
    lines: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cell {
    #[default]
    Start,
    Plain,
    Quoted,
    /// Behind a quote within quotes: another one stands for a quote.
    Closed,
}

#[derive(Debug, Default)]
struct ArrayScan {
    place: LinePart,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LinePart {
    #[default]
    Before,
    Within,
    Behind,
}

/// Where a document ends, and whether it is the last of its list.
#[derive(Clone, Copy)]
struct End {
    at: usize,
    is_last: bool,
}

impl Framer {
    /// Nothing has come yet. Documents may have so many bytes.
    #[must_use]
    pub fn new(format: ImportFormat, bytes_max: usize) -> Self {
        Self {
            scan: match format {
                ImportFormat::Lines => Scan::Lines,
                ImportFormat::Csv => Scan::Csv(RowScan::default()),
                ImportFormat::Array => Scan::Array(ArrayScan::default()),
            },
            bytes_max,
            buffer: BytesMut::new(),
            searched: 0,
            passed: 0,
            is_too_long: false,
            is_first: true,
        }
    }

    /// Takes a piece of the input.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole document of what has come.
    ///
    /// # Errors
    /// [`FrameFault`]; nothing can be read behind it.
    pub fn next_document(&mut self) -> Result<Option<Framed>, FrameFault> {
        while let Some(end) = self.find_end()? {
            if let Some(framed) = self.take(end, 1) {
                return Ok(Some(framed));
            }
        }
        Ok(None)
    }

    /// What is left when no more comes, which may be a document without an end of its own.
    ///
    /// # Errors
    /// [`FrameFault`] where a list was not ended.
    pub fn finish(&mut self) -> Result<Option<Framed>, FrameFault> {
        match &self.scan {
            Scan::Array(ArrayScan { place: LinePart::Behind, .. }) => Ok(None),
            Scan::Array(_) => Err(FrameFault("the list does not end with ]")),
            Scan::Lines | Scan::Csv(_) => {
                let end = End { at: self.buffer.len(), is_last: true };
                Ok(self.take(end, 0))
            }
        }
    }

    /// Forgets a document that broke off.
    pub fn forget(&mut self) {
        self.buffer.clear();
        self.searched = 0;
        self.is_too_long = false;
    }

    fn find_end(&mut self) -> Result<Option<End>, FrameFault> {
        if mem::take(&mut self.is_first) {
            if self.buffer.len() < BYTE_ORDER_MARK.len()
                && BYTE_ORDER_MARK.starts_with(&self.buffer)
            {
                self.is_first = true;
                return Ok(None);
            }
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.advance(BYTE_ORDER_MARK.len());
            }
        }
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let found = match &mut self.scan {
                Scan::Lines => memchr::memchr(b'\n', unsearched).map_or(Found::Nothing, Found::end),
                Scan::Csv(row) => row.end(unsearched).map_or(Found::Nothing, Found::end),
                Scan::Array(array) => array.find(unsearched)?,
            };
            match found {
                Found::End(end) => return Ok(Some(End { at: self.searched + end.at, ..end })),
                Found::Skip(bytes) => self.buffer.advance(bytes),
                Found::Nothing => break,
            }
        }
        if self.buffer.len() > self.bytes_max {
            self.is_too_long = true;
            self.buffer.clear();
        }
        self.searched = self.buffer.len();
        Ok(None)
    }

    /// Takes a document that ends there, and so many bytes behind it; `None` where it is blank.
    fn take(&mut self, end: End, behind: usize) -> Option<Framed> {
        let content = self.buffer.split_to(end.at);
        self.buffer.advance(behind);
        self.searched = 0;
        let is_too_long = mem::take(&mut self.is_too_long) || content.len() > self.bytes_max;
        let is_blank = !is_too_long && content.trim_ascii().is_empty();
        let is_there = end.at + behind > 0 || is_too_long;
        let number = self.passed + 1;
        match &mut self.scan {
            Scan::Lines => self.passed += u64::from(is_there),
            Scan::Csv(row) => {
                self.passed += u64::from(is_there) + mem::take(&mut row.lines);
                row.cell = Cell::Start;
                if !is_blank && row.delimiter.is_none() {
                    row.delimiter = Some(super::csv::delimiter(&content));
                }
            }
            // Only an empty list has a blank one; another is an error of its own.
            Scan::Array(_) if is_blank && end.is_last && self.passed == 0 => return None,
            Scan::Array(_) => {
                self.passed += 1;
                let content = (!is_too_long).then_some(content);
                return Some(Framed { number, bytes: end.at, content });
            }
        }
        if is_blank {
            return None;
        }
        Some(Framed { number, bytes: end.at, content: (!is_too_long).then_some(content) })
    }
}

impl RowScan {
    /// Where the row ends: at a line break outside of quotes, which only open where a cell begins.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            let is_delimiter = match self.delimiter {
                Some(delimiter) => byte == delimiter,
                None => super::csv::DELIMITERS.contains(&byte),
            };
            self.cell = match (self.cell, byte) {
                (Cell::Start | Cell::Closed, b'"') => Cell::Quoted,
                (Cell::Quoted, b'"') => Cell::Closed,
                (Cell::Quoted, _) => {
                    self.lines += u64::from(byte == b'\n');
                    Cell::Quoted
                }
                (_, b'\n') => return Some(at),
                _ if is_delimiter => Cell::Start,
                _ => Cell::Plain,
            };
        }
        None
    }
}

enum Found {
    End(End),
    /// So many bytes are no part of a document.
    Skip(usize),
    Nothing,
}

impl Found {
    const fn end(at: usize) -> Self {
        Self::End(End { at, is_last: false })
    }
}

impl ArrayScan {
    fn find(&mut self, bytes: &[u8]) -> Result<Found, FrameFault> {
        let blank = bytes.len() - bytes.trim_ascii_start().len();
        match self.place {
            LinePart::Within => Ok(self.end(bytes).map_or(Found::Nothing, Found::End)),
            _ if bytes.is_empty() => Ok(Found::Nothing),
            _ if blank == bytes.len() => Ok(Found::Skip(blank)),
            LinePart::Before if bytes[blank] == b'[' => {
                self.place = LinePart::Within;
                Ok(Found::Skip(blank + 1))
            }
            LinePart::Before => Err(FrameFault("it does not begin with [, as a list does")),
            LinePart::Behind => Err(FrameFault("something follows behind the list")),
        }
    }

    fn end(&mut self, bytes: &[u8]) -> Option<End> {
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.in_string && mem::take(&mut self.is_escaped) => {}
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b',' if self.depth == 0 => return Some(End { at, is_last: false }),
                b']' if self.depth == 0 => {
                    self.place = LinePart::Behind;
                    return Some(End { at, is_last: true });
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and documents of an input that comes in pieces of this size.
    fn framed(
        format: ImportFormat,
        input: &str,
        piece: usize,
    ) -> Result<Vec<(u64, String)>, FrameFault> {
        let mut framer = Framer::new(format, 30);
        let mut found = Vec::new();
        let told = |framed: Framed| {
            let content = framed.content.map(|it| String::from_utf8_lossy(&it).trim().to_owned());
            (framed.number, content.unwrap_or_else(|| "too long".to_owned()))
        };
        for piece in input.as_bytes().chunks(piece) {
            framer.push(piece);
            while let Some(framed) = framer.next_document()? {
                found.push(told(framed));
            }
        }
        found.extend(framer.finish()?.map(told));
        Ok(found)
    }

    #[track_caller]
    fn check(format: ImportFormat, input: &str, expect: &[(u64, &str)]) {
        for piece in [1, 2, 3, 7, 1_000] {
            let found = framed(format, input, piece).unwrap();
            let found: Vec<_> = found.iter().map(|(number, text)| (*number, &**text)).collect();
            assert_eq!(found, expect, "{input:?} in pieces of {piece}");
        }
    }

    #[test]
    fn lines_have_their_numbers() {
        check(ImportFormat::Lines, "\u{feff}a\r\n\n \nb\nc", &[(1, "a"), (4, "b"), (5, "c")]);
        let long = format!("{}\nb", "x".repeat(31));
        check(ImportFormat::Lines, &long, &[(1, "too long"), (2, "b")]);
    }

    #[test]
    fn rows_may_have_line_breaks_in_quotes_and_quotes_in_cells() {
        let rows = "id,text\n1,\"a\nb, \"\"c\"\"\"\n\n2,5\" pipe\n3,a;\"b\n4,\"\"";
        let expect = [
            (1, "id,text"),
            (2, "1,\"a\nb, \"\"c\"\"\""),
            (5, "2,5\" pipe"),
            (6, "3,a;\"b"),
            (7, "4,\"\""),
        ];
        check(ImportFormat::Csv, rows, &expect);
    }

    #[test]
    fn items_of_a_list_are_counted() {
        let list = " [ {\"a\": \"],\\\"[\"},\n{\"b\": [1, {}]} , 3]\n ";
        let expect = [(1, "{\"a\": \"],\\\"[\"}"), (2, "{\"b\": [1, {}]}"), (3, "3")];
        check(ImportFormat::Array, list, &expect);
        check(ImportFormat::Array, "[ ]", &[]);
        check(ImportFormat::Array, "[1,]", &[(1, "1"), (2, "")]);
        for (input, fault) in [
            ("[1", "does not end"),
            ("[1] 2", "follows"),
            ("{}", "does not begin"),
            ("", "not end"),
        ] {
            let found = framed(ImportFormat::Array, input, 1).unwrap_err().to_string();
            assert!(found.contains(fault), "{input}: {found}");
        }
    }
}
